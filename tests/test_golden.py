"""The first, a middle and the last record of every config, in full, read by eye against the articles.

Class labels are spelled out; long lists stand as text (`_short`).
"""

from __future__ import annotations

from typing import Any

import pytest
from datasets import ClassLabel, Dataset, List, load_dataset

from helpers import ROOT
from newsparallax.building import build
from newsparallax.corpus import open_corpus

ROWS = {
    "articles": 2,
    "entities": 200,
    "cues": 26,
    "quotes": 37,
    "euphemisms": 5,
    "stances": 31,
    "defects": 13,
    "tokens": 32,
    "votes": 935,
    "registry": 50,
}
GOLDEN: dict[str, dict[int, dict[str, Any]]] = {
    "articles": {
        0: {
            "article_id": "000_17c0edab667c03c9",
            "event_id": "putin-dprk-visit-2024",
            "text_name": "text",
            "text": 2826,
            "text_sha256": "4863aa8a332c091ccc7dd3a7eeb7f3b94399ac8d4906f599ecf6b3abb46883c1",
            "title": None,
            "outlet": "China Daily",
            "agency": None,
            "dateline": "SEOUL/KYIV",
            "published": "2024-01-21",
            "updated": None,
            "language": "en",
            "machine_translated": None,
            "url": "https://www.chinadailyhk.com/hk/article/372570",
            "sources": [
                "https://kcnawatch.org/newstream/1705813535-487643946/press-release-on-dprk-foreign-minister%E2%80%99s-visit-to-russian-federation"
            ],
            "rights_holder": "China Daily",
            "redistribute": False,
            "inferred": [
                {
                    "field": "event",
                    "reason": "the first passage says that Putin is willing to visit "
                    "the DPRK, as the North Korean agency reported",
                },
                {
                    "field": "outlet",
                    "reason": "house style (DPRK throughout, ALSO READ and READ MORE "
                    "lines), and the address; the file names no outlet",
                },
                {"field": "url", "reason": "a public copy of the page; its text was not compared with the file"},
                {
                    "field": "sources",
                    "reason": "an archived copy of the news release that the article "
                    "says KCNA cited: issued by the same office on the same "
                    "day, with the same words in quotation marks",
                },
                {
                    "field": "published",
                    "reason": 'the agency\'s report is of "Sunday", the news release '
                    'of "one day earlier", the photo of Dec 31, 2023; the '
                    "other telling dates the same report to Sunday, January "
                    "21, 2024. The page may be a day younger",
                },
                {
                    "field": "rights_holder",
                    "reason": "the inferred outlet; the file states no rights. The "
                    "photo of the caption is credited to SPUTNIK, KREMLIN "
                    "POOL PHOTO VIA AP",
                },
            ],
            "metadata": '{"data":{"article_id":"000_17c0edab667c03c9"}}',
            "blocks": "caption:0-204 dateline:205-215 body:218-500 body:501-699 body:700-900 "
            "pull_quote:901-1061 body:1062-1217 body:1218-1387 promo:1388-1460 "
            "body:1461-1610 body:1611-1668 body:1669-1812 body:1813-1974 "
            "body:1975-2097 promo:2098-2163 body:2164-2309 body:2310-2484 "
            "body:2485-2689 body:2690-2826",
            "state": "annotated",
            "annotator": "m6",
            "annotator_kind": "model",
            "adjudicated": True,
            "gold": "adjudicated",
            "annotation_id": "46",
            "annotations": [
                {
                    "annotation_id": "44",
                    "task_id": "1",
                    "annotator": "m4",
                    "annotator_kind": "model",
                    "editor": None,
                    "ground_truth": False,
                    "cancelled": False,
                    "spans": 158,
                },
                {
                    "annotation_id": "45",
                    "task_id": "1",
                    "annotator": "m5",
                    "annotator_kind": "model",
                    "editor": None,
                    "ground_truth": False,
                    "cancelled": False,
                    "spans": 159,
                },
                {
                    "annotation_id": "46",
                    "task_id": "1",
                    "annotator": "m6",
                    "annotator_kind": "model",
                    "editor": None,
                    "ground_truth": True,
                    "cancelled": False,
                    "spans": 159,
                },
            ],
            "entities": 114,
            "cues": 14,
            "quotes": 15,
            "euphemisms": 1,
            "stances": 14,
            "defects": 1,
        },
        1: {
            "article_id": "001_8eac77890c2c81c7",
            "event_id": "putin-dprk-visit-2024",
            "text_name": "text",
            "text": 3040,
            "text_sha256": "f76c22103a26b53bdab641acde29bd43843d90012c6ab69e1e5d7edc7aed0fc3",
            "title": None,
            "outlet": "Teller Report",
            "agency": "EFE",
            "dateline": "Seoul",
            "published": None,
            "updated": "2024-01-21",
            "language": "en",
            "machine_translated": True,
            "url": None,
            "sources": [
                "https://kcnawatch.org/newstream/1705813535-487643946/press-release-on-dprk-foreign-minister%E2%80%99s-visit-to-russian-federation"
            ],
            "rights_holder": "EFE",
            "redistribute": False,
            "inferred": [
                {
                    "field": "event",
                    "reason": "the first passage says that Putin is willing to visit "
                    "North Korea, as the North Korean agency reported",
                },
                {
                    "field": "outlet",
                    "reason": "a public copy of 2024-01-21 at tellerreport.com, whose "
                    "text was not compared with the file; the file names no "
                    "outlet",
                },
                {
                    "field": "machine_translated",
                    "reason": 'signs of a translation from Spanish: "the chancellor" '
                    'for the foreign minister, "in what which refers to", '
                    '"would have communicated", "asked him" of a woman',
                },
                {
                    "field": "sources",
                    "reason": "an archived copy of the release of KCNA on the visit; "
                    "the article says that it retells a summary of the visit "
                    "by KCNA, and translates sentences of this one",
                },
                {"field": "rights_holder", "reason": "the agency of the byline; the file states no rights"},
            ],
            "metadata": '{"data":{"article_id":"001_8eac77890c2c81c7"}}',
            "blocks": "byline:0-3 dateline:4-9 dateline:12-50 body:52-267 body:269-555 "
            "body:557-872 body:874-970 body:972-1285 body:1287-1670 body:1672-1960 "
            "body:1962-2338 body:2340-2714 body:2716-3040",
            "state": "annotated",
            "annotator": "m6",
            "annotator_kind": "model",
            "adjudicated": True,
            "gold": "adjudicated",
            "annotation_id": "56",
            "annotations": [
                {
                    "annotation_id": "54",
                    "task_id": "2",
                    "annotator": "m4",
                    "annotator_kind": "model",
                    "editor": None,
                    "ground_truth": False,
                    "cancelled": False,
                    "spans": 152,
                },
                {
                    "annotation_id": "55",
                    "task_id": "2",
                    "annotator": "m5",
                    "annotator_kind": "model",
                    "editor": None,
                    "ground_truth": False,
                    "cancelled": False,
                    "spans": 154,
                },
                {
                    "annotation_id": "56",
                    "task_id": "2",
                    "annotator": "m6",
                    "annotator_kind": "model",
                    "editor": None,
                    "ground_truth": True,
                    "cancelled": False,
                    "spans": 153,
                },
            ],
            "entities": 86,
            "cues": 12,
            "quotes": 22,
            "euphemisms": 4,
            "stances": 17,
            "defects": 12,
        },
    },
    "entities": {
        0: {
            "span_id": "s-b98ce560c072af60",
            "article_id": "000_17c0edab667c03c9",
            "event_id": "putin-dprk-visit-2024",
            "start": 0,
            "end": 17,
            "quote": "Russian President",
            "label": "PER",
            "form": "title",
            "register": None,
            "function": None,
            "entity": ["vladimir-putin"],
            "stands_for": None,
            "iso": None,
            "referent_ids": ["vladimir-putin"],
            "quote_id": None,
            "voice_ids": [],
            "outlet": "China Daily",
            "block_kind": "caption",
            "support": 2,
            "overruled": False,
            "annotator": "m6",
            "annotator_kind": "model",
            "adjudicated": True,
            "gold": "adjudicated",
            "annotation_id": "46",
            "repair": None,
            "original_start": None,
            "original_end": None,
        },
        100: {
            "span_id": "s-aa4d8916b861c1c4",
            "article_id": "000_17c0edab667c03c9",
            "event_id": "putin-dprk-visit-2024",
            "start": 2467,
            "end": 2472,
            "quote": "visit",
            "label": "EVENT",
            "form": "descriptive",
            "register": None,
            "function": None,
            "entity": ["breton-estonia-visit"],
            "stands_for": None,
            "iso": None,
            "referent_ids": ["breton-estonia-visit"],
            "quote_id": None,
            "voice_ids": [],
            "outlet": "China Daily",
            "block_kind": "body",
            "support": 2,
            "overruled": False,
            "annotator": "m6",
            "annotator_kind": "model",
            "adjudicated": True,
            "gold": "adjudicated",
            "annotation_id": "46",
            "repair": None,
            "original_start": None,
            "original_end": None,
        },
        199: {
            "span_id": "s-777143a8ce74ea92",
            "article_id": "001_8eac77890c2c81c7",
            "event_id": "putin-dprk-visit-2024",
            "start": 3019,
            "end": 3024,
            "quote": "Seoul",
            "label": "GPE",
            "form": "short",
            "register": "official",
            "function": "metonym",
            "entity": ["seoul"],
            "stands_for": "south-korea",
            "iso": None,
            "referent_ids": ["south-korea"],
            "quote_id": None,
            "voice_ids": [],
            "outlet": "Teller Report",
            "block_kind": "body",
            "support": 2,
            "overruled": False,
            "annotator": "m6",
            "annotator_kind": "model",
            "adjudicated": True,
            "gold": "adjudicated",
            "annotation_id": "56",
            "repair": None,
            "original_start": None,
            "original_end": None,
        },
    },
    "cues": {
        0: {
            "span_id": "s-6ffc3031f4316530",
            "article_id": "000_17c0edab667c03c9",
            "event_id": "putin-dprk-visit-2024",
            "start": 380,
            "end": 388,
            "quote": "reported",
            "label": "SPEECH",
            "quote_id": None,
            "voice_ids": [],
            "outlet": "China Daily",
            "block_kind": "body",
            "support": 2,
            "overruled": False,
            "annotator": "m6",
            "annotator_kind": "model",
            "adjudicated": True,
            "gold": "adjudicated",
            "annotation_id": "46",
            "repair": None,
            "original_start": None,
            "original_end": None,
        },
        13: {
            "span_id": "s-d4db74ad03317190",
            "article_id": "000_17c0edab667c03c9",
            "event_id": "putin-dprk-visit-2024",
            "start": 2697,
            "end": 2701,
            "quote": "said",
            "label": "SPEECH",
            "quote_id": None,
            "voice_ids": [],
            "outlet": "China Daily",
            "block_kind": "body",
            "support": 2,
            "overruled": False,
            "annotator": "m6",
            "annotator_kind": "model",
            "adjudicated": True,
            "gold": "adjudicated",
            "annotation_id": "46",
            "repair": None,
            "original_start": None,
            "original_end": None,
        },
        25: {
            "span_id": "s-4ba82d01d4f51973",
            "article_id": "001_8eac77890c2c81c7",
            "event_id": "putin-dprk-visit-2024",
            "start": 2774,
            "end": 2784,
            "quote": "would have",
            "label": "HEDGE",
            "quote_id": "s-1e7b372565d373d8",
            "voice_ids": [],
            "outlet": "Teller Report",
            "block_kind": "body",
            "support": 2,
            "overruled": False,
            "annotator": "m6",
            "annotator_kind": "model",
            "adjudicated": True,
            "gold": "adjudicated",
            "annotation_id": "56",
            "repair": None,
            "original_start": None,
            "original_end": None,
        },
    },
    "quotes": {
        0: {
            "span_id": "s-d7cdce74d83b9fa7",
            "article_id": "000_17c0edab667c03c9",
            "event_id": "putin-dprk-visit-2024",
            "start": 218,
            "end": 328,
            "quote": "Russia's President Vladimir Putin expressed his willingness to visit the "
            "Democratic People's Republic of Korea",
            "label": "CONTENT",
            "type": "indirect",
            "source": [
                {
                    "span_id": "s-7bd9e3c56a7339b2",
                    "layer": "entities",
                    "label": "ORG",
                    "start": 343,
                    "end": 369,
                    "quote": "Korean Central News Agency",
                    "direction": "right",
                },
                {
                    "span_id": "s-ea4676e843de887c",
                    "layer": "entities",
                    "label": "ORG",
                    "start": 452,
                    "end": 468,
                    "quote": "assistant office",
                    "direction": "right",
                },
            ],
            "cue": [
                {
                    "span_id": "s-6ffc3031f4316530",
                    "layer": "cues",
                    "label": "SPEECH",
                    "start": 380,
                    "end": 388,
                    "quote": "reported",
                    "direction": "right",
                },
                {
                    "span_id": "s-00c8e231cd7e7378",
                    "layer": "cues",
                    "label": "SPEECH",
                    "start": 400,
                    "end": 406,
                    "quote": "citing",
                    "direction": "right",
                },
            ],
            "quote_id": None,
            "voice_ids": [],
            "outlet": "China Daily",
            "block_kind": "body",
            "support": 2,
            "overruled": False,
            "annotator": "m6",
            "annotator_kind": "model",
            "adjudicated": True,
            "gold": "adjudicated",
            "annotation_id": "46",
            "repair": None,
            "original_start": None,
            "original_end": None,
        },
        18: {
            "span_id": "s-5638fc47c82cb03a",
            "article_id": "001_8eac77890c2c81c7",
            "event_id": "putin-dprk-visit-2024",
            "start": 617,
            "end": 631,
            "quote": "warm greetings",
            "label": "CONTENT",
            "type": "direct",
            "source": [
                {
                    "span_id": "s-6c03dee1280fe405",
                    "layer": "entities",
                    "label": "PER",
                    "start": 577,
                    "end": 581,
                    "quote": "Choe",
                    "direction": "right",
                }
            ],
            "cue": [],
            "quote_id": "s-b69dd59133d728fc",
            "voice_ids": ["kcna"],
            "outlet": "Teller Report",
            "block_kind": "body",
            "support": 2,
            "overruled": False,
            "annotator": "m6",
            "annotator_kind": "model",
            "adjudicated": True,
            "gold": "adjudicated",
            "annotation_id": "56",
            "repair": None,
            "original_start": None,
            "original_end": None,
        },
        36: {
            "span_id": "s-1e7b372565d373d8",
            "article_id": "001_8eac77890c2c81c7",
            "event_id": "putin-dprk-visit-2024",
            "start": 2774,
            "end": 2897,
            "quote": "would have been supplying it with\n"
            "\n"
            "ballistic missiles,\n"
            "\n"
            "in exchange for Moscow providing military assistance in other areas",
            "label": "CONTENT",
            "type": "indirect",
            "source": [],
            "cue": [
                {
                    "span_id": "s-4ba82d01d4f51973",
                    "layer": "cues",
                    "label": "HEDGE",
                    "start": 2774,
                    "end": 2784,
                    "quote": "would have",
                    "direction": "right",
                }
            ],
            "quote_id": None,
            "voice_ids": [],
            "outlet": "Teller Report",
            "block_kind": "body",
            "support": 2,
            "overruled": False,
            "annotator": "m6",
            "annotator_kind": "model",
            "adjudicated": True,
            "gold": "adjudicated",
            "annotation_id": "56",
            "repair": None,
            "original_start": None,
            "original_end": None,
        },
    },
    "euphemisms": {
        0: {
            "span_id": "s-0ca9ece5575d9331",
            "article_id": "000_17c0edab667c03c9",
            "event_id": "putin-dprk-visit-2024",
            "start": 2563,
            "end": 2566,
            "quote": "war",
            "label": "PLAIN",
            "plain_meaning": None,
            "referent": "ukraine-war",
            "topic": "war",
            "flagged": "none",
            "user": [],
            "cue": [],
            "referent_ids": ["ukraine-war"],
            "quote_id": "s-27e0b594ca93ea5a",
            "voice_ids": ["thierry-breton"],
            "outlet": "China Daily",
            "block_kind": "body",
            "support": 0,
            "overruled": True,
            "annotator": "m6",
            "annotator_kind": "model",
            "adjudicated": True,
            "gold": "adjudicated",
            "annotation_id": "46",
            "repair": None,
            "original_start": None,
            "original_end": None,
        },
        2: {
            "span_id": "s-6d8b2ba587ef8a5e",
            "article_id": "001_8eac77890c2c81c7",
            "event_id": "putin-dprk-visit-2024",
            "start": 2604,
            "end": 2630,
            "quote": "special military operation",
            "label": "EUPHEMISM",
            "plain_meaning": "invasion",
            "referent": "ukraine-war",
            "topic": "war",
            "flagged": "metalinguistic",
            "user": [
                {
                    "span_id": "s-d562681a97d72efe",
                    "layer": "entities",
                    "label": "GPE",
                    "start": 2480,
                    "end": 2486,
                    "quote": "Moscow",
                    "direction": "right",
                }
            ],
            "cue": [
                {
                    "span_id": "s-b571be3d6f40a987",
                    "layer": "cues",
                    "label": "FLAG",
                    "start": 2638,
                    "end": 2673,
                    "quote": "a euphemism with which it refers to",
                    "direction": "right",
                },
                {
                    "span_id": "s-c403c90468251907",
                    "layer": "cues",
                    "label": "GLOSS",
                    "start": 2674,
                    "end": 2713,
                    "quote": "the invasion of the neighboring country",
                    "direction": "right",
                },
            ],
            "referent_ids": ["ukraine-war"],
            "quote_id": None,
            "voice_ids": [],
            "outlet": "Teller Report",
            "block_kind": "body",
            "support": 2,
            "overruled": False,
            "annotator": "m6",
            "annotator_kind": "model",
            "adjudicated": True,
            "gold": "adjudicated",
            "annotation_id": "56",
            "repair": None,
            "original_start": None,
            "original_end": None,
        },
        4: {
            "span_id": "s-1b660a7c31d31382",
            "article_id": "001_8eac77890c2c81c7",
            "event_id": "putin-dprk-visit-2024",
            "start": 2755,
            "end": 2758,
            "quote": "war",
            "label": "PLAIN",
            "plain_meaning": None,
            "referent": "ukraine-war",
            "topic": "war",
            "flagged": "none",
            "user": [],
            "cue": [],
            "referent_ids": ["ukraine-war"],
            "quote_id": None,
            "voice_ids": [],
            "outlet": "Teller Report",
            "block_kind": "body",
            "support": 2,
            "overruled": False,
            "annotator": "m6",
            "annotator_kind": "model",
            "adjudicated": True,
            "gold": "adjudicated",
            "annotation_id": "56",
            "repair": None,
            "original_start": None,
            "original_end": None,
        },
    },
    "stances": {
        0: {
            "span_id": "s-09de002964f014c1",
            "article_id": "000_17c0edab667c03c9",
            "event_id": "putin-dprk-visit-2024",
            "start": 266,
            "end": 286,
            "quote": "willingness to visit",
            "label": "FAVOR",
            "intensity": "weak",
            "explicitness": "implicit",
            "holder_kind": "entity",
            "proposition": "Putin is for North Korea: he is willing to visit it.",
            "holder": [
                {
                    "span_id": "s-393e65d4285ccf82",
                    "layer": "entities",
                    "label": "PER",
                    "start": 237,
                    "end": 251,
                    "quote": "Vladimir Putin",
                    "direction": "right",
                }
            ],
            "target": [
                {
                    "span_id": "s-b738c898374d80a7",
                    "layer": "entities",
                    "label": "GPE",
                    "start": 291,
                    "end": 328,
                    "quote": "Democratic People's Republic of Korea",
                    "direction": "right",
                }
            ],
            "quote_id": "s-d7cdce74d83b9fa7",
            "voice_ids": ["dprk-foreign-minister-office", "kcna"],
            "outlet": "China Daily",
            "block_kind": "body",
            "support": 2,
            "overruled": False,
            "annotator": "m6",
            "annotator_kind": "model",
            "adjudicated": True,
            "gold": "adjudicated",
            "annotation_id": "46",
            "repair": None,
            "original_start": None,
            "original_end": None,
        },
        15: {
            "span_id": "s-42583e8c4b3343c4",
            "article_id": "001_8eac77890c2c81c7",
            "event_id": "putin-dprk-visit-2024",
            "start": 206,
            "end": 216,
            "quote": "invitation",
            "label": "FAVOR",
            "intensity": "weak",
            "explicitness": "implicit",
            "holder_kind": "entity",
            "proposition": "Kim Jong-un is for Putin: he invited him.",
            "holder": [
                {
                    "span_id": "s-f3ae2876c645fcd8",
                    "layer": "entities",
                    "label": "PER",
                    "start": 228,
                    "end": 239,
                    "quote": "Kim Jong-un",
                    "direction": "right",
                }
            ],
            "target": [
                {
                    "span_id": "s-32b93b912b1866fd",
                    "layer": "entities",
                    "label": "PER",
                    "start": 102,
                    "end": 116,
                    "quote": "Vladimir Putin",
                    "direction": "right",
                }
            ],
            "quote_id": "s-d1033e59004055ff",
            "voice_ids": ["north-korea"],
            "outlet": "Teller Report",
            "block_kind": "body",
            "support": 2,
            "overruled": False,
            "annotator": "m6",
            "annotator_kind": "model",
            "adjudicated": True,
            "gold": "adjudicated",
            "annotation_id": "56",
            "repair": None,
            "original_start": None,
            "original_end": None,
        },
        30: {
            "span_id": "s-08e6f91765f8008e",
            "article_id": "001_8eac77890c2c81c7",
            "event_id": "putin-dprk-visit-2024",
            "start": 2983,
            "end": 2995,
            "quote": "belligerence",
            "label": "AGAINST",
            "intensity": "average",
            "explicitness": "explicit",
            "holder_kind": "author",
            "proposition": "The newsroom is against North Korea: it calls its conduct belligerence.",
            "holder": [],
            "target": [
                {
                    "span_id": "s-8abc006df438d646",
                    "layer": "entities",
                    "label": "GPE",
                    "start": 2914,
                    "end": 2925,
                    "quote": "North Korea",
                    "direction": "right",
                }
            ],
            "quote_id": None,
            "voice_ids": [],
            "outlet": "Teller Report",
            "block_kind": "body",
            "support": 2,
            "overruled": False,
            "annotator": "m6",
            "annotator_kind": "model",
            "adjudicated": True,
            "gold": "adjudicated",
            "annotation_id": "56",
            "repair": None,
            "original_start": None,
            "original_end": None,
        },
    },
    "defects": {
        0: {
            "span_id": "s-7d47ad08b650ade4",
            "article_id": "000_17c0edab667c03c9",
            "event_id": "putin-dprk-visit-2024",
            "start": 901,
            "end": 1061,
            "quote": "Ukraine's President Volodymyr Zelensky said on Saturday that he "
            "expected a number of new Western defense agreements for Ukraine to be "
            "signed this and next month",
            "label": "REPEATED",
            "suggestion": None,
            "quote_id": None,
            "voice_ids": [],
            "outlet": "China Daily",
            "block_kind": "pull_quote",
            "support": 2,
            "overruled": False,
            "annotator": "m6",
            "annotator_kind": "model",
            "adjudicated": True,
            "gold": "adjudicated",
            "annotation_id": "46",
            "repair": None,
            "original_start": None,
            "original_end": None,
        },
        6: {
            "span_id": "s-df356833fdd5feda",
            "article_id": "001_8eac77890c2c81c7",
            "event_id": "putin-dprk-visit-2024",
            "start": 1232,
            "end": 1240,
            "quote": "integral",
            "label": "MT_ERROR",
            "suggestion": "comprehensive",
            "quote_id": "s-873127c23c86c27f",
            "voice_ids": ["kcna"],
            "outlet": "Teller Report",
            "block_kind": "body",
            "support": 1,
            "overruled": False,
            "annotator": "m6",
            "annotator_kind": "model",
            "adjudicated": True,
            "gold": "adjudicated",
            "annotation_id": "56",
            "repair": None,
            "original_start": None,
            "original_end": None,
        },
        12: {
            "span_id": "s-b752e62f4fa74eda",
            "article_id": "001_8eac77890c2c81c7",
            "event_id": "putin-dprk-visit-2024",
            "start": 2972,
            "end": 2978,
            "quote": "led to",
            "label": "MT_ERROR",
            "suggestion": "taken",
            "quote_id": None,
            "voice_ids": [],
            "outlet": "Teller Report",
            "block_kind": "body",
            "support": 2,
            "overruled": False,
            "annotator": "m6",
            "annotator_kind": "model",
            "adjudicated": True,
            "gold": "adjudicated",
            "annotation_id": "56",
            "repair": None,
            "original_start": None,
            "original_end": None,
        },
    },
    "tokens": {
        0: {
            "block_id": "000_17c0edab667c03c9#0",
            "article_id": "000_17c0edab667c03c9",
            "event_id": "putin-dprk-visit-2024",
            "kind": "caption",
            "start": 0,
            "end": 204,
            "tokens": "Russian President Vladimir Putin speaks during a recording of his "
            "annual televised New Year ' s message on New Year ' s Eve in the "
            "Kremlin in Moscow , Russia , Dec 31 , 2023 . ( SPUTNIK , KREMLIN POOL "
            "PHOTO VIA AP )",
            "starts": "0 8 18 27 33 40 47 49 59 62 66 73 83 87 91 92 94 102 105 109 113 114 "
            "116 120 123 127 135 138 144 146 152 154 158 160 162 166 168 169 176 178 "
            "186 191 197 201 203",
            "ends": "7 17 26 32 39 46 48 58 61 65 72 82 86 91 92 93 101 104 108 113 114 115 "
            "119 122 126 134 137 144 145 152 153 157 160 161 166 167 169 176 177 185 "
            "190 196 200 203 204",
            "tags": "B-PER I-PER B-PER I-PER O O O O O O O O O O O O O O B-TIME I-TIME I-TIME "
            "I-TIME I-TIME O O B-FAC O B-GPE O B-GPE O B-TIME I-TIME I-TIME I-TIME O O "
            "B-ORG O B-FAC O O O B-ORG O",
            "annotator": "m6",
            "annotator_kind": "model",
            "adjudicated": True,
            "gold": "adjudicated",
            "annotation_id": "46",
        },
        16: {
            "block_id": "000_17c0edab667c03c9#16",
            "article_id": "000_17c0edab667c03c9",
            "event_id": "putin-dprk-visit-2024",
            "kind": "body",
            "start": 2310,
            "end": 2484,
            "tokens": "The EU will be able to churn out at least 1 . 3 million rounds of "
            "ammunition by the end of this year , EU internal market commissioner "
            "Thierry Breton said on a visit to Estonia .",
            "starts": "2310 2314 2317 2322 2325 2330 2333 2339 2343 2346 2352 2353 2354 2356 "
            "2364 2371 2374 2385 2388 2392 2396 2399 2404 2408 2410 2413 2422 2429 "
            "2442 2450 2457 2462 2465 2467 2473 2476 2483",
            "ends": "2313 2316 2321 2324 2329 2332 2338 2342 2345 2351 2353 2354 2355 2363 "
            "2370 2373 2384 2387 2391 2395 2398 2403 2408 2409 2412 2421 2428 2441 "
            "2449 2456 2461 2464 2466 2472 2475 2483 2484",
            "tags": "O B-ORG O O O O O O O O O O O O O O B-WEA O O O O B-TIME I-TIME O B-PER "
            "I-PER I-PER I-PER B-PER I-PER O O O B-EVENT O B-GPE O",
            "annotator": "m6",
            "annotator_kind": "model",
            "adjudicated": True,
            "gold": "adjudicated",
            "annotation_id": "46",
        },
        31: {
            "block_id": "001_8eac77890c2c81c7#12",
            "article_id": "001_8eac77890c2c81c7",
            "event_id": "putin-dprk-visit-2024",
            "kind": "body",
            "start": 2716,
            "end": 3040,
            "tokens": "Pyongyang has been supporting Russia ' s war in Ukraine and would have "
            "been supplying it with ballistic missiles , in exchange for Moscow "
            "providing military assistance in other areas , at a time when North "
            "Korea is focused on its weapons development and has led to its "
            "belligerence towards Washington and Seoul to a new level .",
            "starts": "2716 2726 2730 2735 2746 2752 2753 2755 2759 2762 2770 2774 2780 2785 "
            "2790 2800 2803 2809 2819 2827 2830 2833 2842 2846 2853 2863 2872 2883 "
            "2886 2892 2897 2899 2902 2904 2909 2914 2920 2926 2929 2937 2940 2944 "
            "2952 2964 2968 2972 2976 2979 2983 2996 3004 3015 3019 3025 3028 3030 "
            "3034 3039",
            "ends": "2725 2729 2734 2745 2752 2753 2754 2758 2761 2769 2773 2779 2784 2789 "
            "2799 2802 2807 2818 2827 2828 2832 2841 2845 2852 2862 2871 2882 2885 "
            "2891 2897 2898 2901 2903 2908 2913 2919 2925 2928 2936 2939 2943 2951 "
            "2963 2967 2971 2975 2978 2982 2995 3003 3014 3018 3024 3027 3029 3033 "
            "3039 3040",
            "tags": "B-GPE O O O B-EVENT I-EVENT I-EVENT I-EVENT O B-GPE O O O O O O O B-WEA "
            "I-WEA O O O O B-GPE O B-POLICY I-POLICY O O O O O O O O B-GPE I-GPE O O "
            "O O B-WEA O O O O O O O O B-GPE O B-GPE O O O O O",
            "annotator": "m6",
            "annotator_kind": "model",
            "adjudicated": True,
            "gold": "adjudicated",
            "annotation_id": "56",
        },
    },
    "votes": {
        0: {
            "span_id": "s-ad00d4216b390628",
            "article_id": "000_17c0edab667c03c9",
            "event_id": "putin-dprk-visit-2024",
            "start": 0,
            "end": 17,
            "quote": "Russian President",
            "layer": "entities",
            "labels": ["PER"],
            "attributes": [{"name": "form", "value": "title"}, {"name": "entity", "value": "vladimir-putin"}],
            "relations": [],
            "annotation_id": "44",
            "task_id": "1",
            "region_id": "3511f1e9de",
            "annotator": "m4",
            "annotator_kind": "model",
            "editor": None,
            "ground_truth": False,
            "repair": None,
            "original_start": None,
            "original_end": None,
            "region_meta": None,
        },
        467: {
            "span_id": "s-2ce34f6d018161a7",
            "article_id": "000_17c0edab667c03c9",
            "event_id": "putin-dprk-visit-2024",
            "start": 2677,
            "end": 2683,
            "quote": "Breton",
            "layer": "entities",
            "labels": ["PER"],
            "attributes": [
                {"name": "form", "value": "short"},
                {"name": "register", "value": "official"},
                {"name": "entity", "value": "thierry-breton"},
            ],
            "relations": [],
            "annotation_id": "46",
            "task_id": "1",
            "region_id": "hurhYhqPTH",
            "annotator": "m6",
            "annotator_kind": "model",
            "editor": None,
            "ground_truth": True,
            "repair": None,
            "original_start": None,
            "original_end": None,
            "region_meta": None,
        },
        934: {
            "span_id": "s-777143a8ce74ea92",
            "article_id": "001_8eac77890c2c81c7",
            "event_id": "putin-dprk-visit-2024",
            "start": 3019,
            "end": 3024,
            "quote": "Seoul",
            "layer": "entities",
            "labels": ["GPE"],
            "attributes": [
                {"name": "form", "value": "short"},
                {"name": "register", "value": "official"},
                {"name": "function", "value": "metonym"},
                {"name": "entity", "value": "seoul"},
                {"name": "stands_for", "value": "south-korea"},
            ],
            "relations": [],
            "annotation_id": "56",
            "task_id": "2",
            "region_id": "nJfrflpKAm",
            "annotator": "m6",
            "annotator_kind": "model",
            "editor": None,
            "ground_truth": True,
            "repair": None,
            "original_start": None,
            "original_end": None,
            "region_meta": None,
        },
    },
    "registry": {
        0: {
            "entity_id": "alexander-novak",
            "type": "PER",
            "description": "deputy prime minister of Russia",
            "qid": None,
            "names": [{"name": "Alexander Novak", "kind": "long"}],
        },
        25: {
            "entity_id": "putin-kim-summit-2023",
            "type": "EVENT",
            "description": "the summit of Putin and Kim in Russia, September 2023",
            "qid": None,
            "names": [],
        },
        49: {
            "entity_id": "washington",
            "type": "GPE",
            "description": "the city",
            "qid": "Q61",
            "names": [{"name": "Washington", "kind": "short"}],
        },
    },
}


@pytest.fixture(scope="module")
def loaded(tmp_path_factory):
    place = build(open_corpus(None), tmp_path_factory.mktemp("golden") / "dataset").place
    return {config: load_dataset(str(place), config, split="train") for config in ROWS}


def _spelled(value: Any, feature: Any) -> Any:
    """A value with its class labels as words."""
    if value is None:
        return None
    if isinstance(feature, ClassLabel):
        return feature.int2str(value)
    if isinstance(feature, List):
        return [_spelled(part, feature.feature) for part in value]
    return {key: _spelled(part, feature[key]) for key, part in value.items()} if isinstance(feature, dict) else value


def _short(config: str, row: dict[str, Any]) -> dict[str, Any]:
    """A record with its long lists as text; an article's spans are only counted: they are compared further down."""
    if config == "tokens":
        return row | {key: " ".join(map(str, row[key])) for key in ("tokens", "starts", "ends", "tags")}
    if config != "articles":
        return row
    blocks = " ".join(f"{block['kind']}:{block['start']}-{block['end']}" for block in row["blocks"])
    layers = ("entities", "cues", "quotes", "euphemisms", "stances", "defects")
    return row | {key: len(row[key]) for key in ("text", *layers)} | {"blocks": blocks}


def _record(dataset: Dataset, config: str, row: dict[str, Any]) -> dict[str, Any]:
    return _short(config, _spelled(row, dataset.features))


def test_numbers_of_rows(loaded):
    assert {config: dataset.num_rows for config, dataset in loaded.items()} == ROWS
    assert {config: sorted({0, rows // 2, rows - 1}) for config, rows in ROWS.items()} == {
        config: list(rows) for config, rows in GOLDEN.items()
    }


@pytest.mark.parametrize(("config", "number"), [(config, number) for config, rows in GOLDEN.items() for number in rows])
def test_record_by_place(loaded, config, number):
    (row,) = loaded[config].select(range(number, number + 1))
    assert _record(loaded[config], config, row) == GOLDEN[config][number]
    assert list(_record(loaded[config], config, row)) == list(GOLDEN[config][number])
    (sliced,) = [
        dict(zip(row, values, strict=True))
        for values in zip(*loaded[config][number : number + 1].values(), strict=True)
    ]
    assert sliced == row


RELATIONS = ("holder", "target", "user", "source", "cue", "relations")
IDS = {
    "articles": ("article_id",),
    "tokens": ("block_id",),
    "votes": ("span_id", "annotation_id"),
    "registry": ("entity_id",),
}


@pytest.mark.parametrize(("config", "number"), [(config, number) for config, rows in GOLDEN.items() for number in rows])
def test_record_by_id(loaded, config, number):
    """Its id leads to one record; in `votes`, the id and the annotation."""
    golden = GOLDEN[config][number]
    names = IDS.get(config, ("span_id",))
    found = loaded[config].filter(lambda row: all(row[name] == golden[name] for name in names))
    assert [_record(loaded[config], config, row) for row in found] == [golden]


@pytest.mark.parametrize("layer", ["entities", "cues", "quotes", "euphemisms", "stances", "defects"])
def test_spans_in_articles_are_the_rows_of_their_config(loaded, layer):
    nested = [span | {"article_id": row["article_id"]} for row in loaded["articles"] for span in row[layer]]
    names = set(nested[0])
    assert nested == [{key: value for key, value in row.items() if key in names} for row in loaded[layer]] != []


def test_quotes_of_golden_records_are_in_the_seeds():
    seeds = ROOT / "seeds"
    for config in ("entities", "cues", "quotes", "euphemisms", "stances", "defects", "votes"):
        for row in GOLDEN[config].values():
            text = (seeds / f"{row['article_id']}.txt").read_bytes().decode()
            marks = [
                row,
                *(link for name in RELATIONS for link in row.get(name, ())),
            ]
            for mark in marks:
                assert text[mark["start"] : mark["end"]] == mark["quote"]
    for row in GOLDEN["tokens"].values():
        text = (seeds / f"{row['article_id']}.txt").read_bytes().decode()
        places = zip(map(int, row["starts"].split()), map(int, row["ends"].split()), strict=True)
        assert [text[start:end] for start, end in places] == row["tokens"].split()
