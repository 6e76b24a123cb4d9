"""A corpus whose codebook has every role, under names that no other corpus has, and hostile words everywhere."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

from helpers import write_corpus
from newsparallax.building import build
from newsparallax.corpus import open_corpus

HOSTILE = "<script>window.ran=1</script>\"'&]]>\u202e<img src=x onerror=window.ran=1>" + "a" * 90
CODEBOOK: dict[str, Any] = {
    "codebook": {"version": "1", "title": HOSTILE},
    "texts": {"text": {"field": "text"}},
    "layers": {
        "who": {
            "referent": ["for", "is"],
            "labels": {"P": {"definition": HOSTILE}, "Q": {"color": "#1f77b4"}},
            "attributes": {
                "is": {"kind": "ref"},
                "for": {"kind": "ref"},
                "form": {"kind": "choice", "values": {"name": {}, "title": {}}},
                "remark": {"kind": "text"},
            },
        },
        "said": {
            "speaker": "by",
            "labels": {"S": {}},
            "attributes": {"how": {"kind": "choice", "values": {"direct": {}, "indirect": {}}}},
            "relations": {"by": {"to": ["who"]}},
        },
        "sides": {
            "ordered": ["CON", "NONE", "PRO"],
            "labels": {"PRO": {}, "CON": {}, "NONE": {}},
            "attributes": {"whose": {"kind": "choice", "values": {"somebody": {}, "paper": {}}}},
            "relations": {"from": {"to": ["who"]}, "at": {"to": ["who"]}},
        },
        "words": {
            "referent": ["thing"],
            "labels": {"SOFT": {}, "HARSH": {}, "BARE": {}},
            "attributes": {
                "thing": {"kind": "ref"},
                "bare": {"kind": "text"},
                "sign": {"kind": "choice", "values": {"no": {}, "marks": {}}},
            },
            "relations": {"user": {"to": ["who"]}},
        },
    },
    "roles": {
        "mentions": "who",
        "stances": {
            "layer": "sides",
            "holder": "from",
            "target": "at",
            "newsroom": {"attribute": "whose", "values": ["paper"]},
        },
        "terms": {
            "layer": "words",
            "softer": ["SOFT"],
            "harsher": ["HARSH"],
            "plain": ["BARE"],
            "meaning": "bare",
            "user": "user",
            "flagged": {"attribute": "sign", "values": ["marks"]},
        },
    },
}
ENTITIES = {
    "anna": {"type": "P", "names": {"Anna": "", HOSTILE: ""}},
    "peru": {"type": "Q", "names": {"Peru": ""}},
    "lima": {"type": "Q", "names": {"Lima": ""}},
    "war": {"type": "Q", "description": "the war"},
}
FIRST = (
    f'Anna 😀 said: "Lima backs the clean-up." \u05d0\u05d1 {HOSTILE} Peru scorned the clean-up.\n\nAnna left  Peru.'
)
SECOND = "Anna of Peru scorned the war.\n\nPeru scorned the war, a paper said."


class Marks:
    """Makes the result of an annotation: spans by their words, values and relations."""

    def __init__(self, text: str) -> None:
        self.text, self.items = text, []

    def span(self, layer: str, label: str, words: str, nth: int = 0, **values: Any) -> str:
        start = -1
        for _ in range(nth + 1):
            start = self.text.index(words, start + 1)
        region = f"{layer}{len(self.items)}"
        place = {"start": start, "end": start + len(words), "text": words}
        shared = {"id": region, "to_name": "text"}
        self.items.append(shared | {"from_name": layer, "type": "labels", "value": place | {"labels": [label]}})
        for key, value in values.items():
            field = CODEBOOK["layers"][layer]["attributes"][key.rstrip("_")]["kind"]
            kind = {"choice": "choices"}.get(field, "textarea" if field == "text" else "choices")
            name = "text" if kind == "textarea" else "choices"
            control = f"{layer}_{key.rstrip('_')}"
            self.items.append(shared | {"from_name": control, "type": kind, "value": place | {name: [value]}})
        return region

    def link(self, start: str, name: str, end: str) -> None:
        self.items.append({"type": "relation", "from_id": start, "to_id": end, "direction": "right", "labels": [name]})


def first_marks() -> list[dict[str, Any]]:
    marks = Marks(FIRST)
    anna = marks.span("who", "P", "Anna", is_="anna", form="name", remark=HOSTILE)
    lima = marks.span("who", "Q", "Lima", is_="lima", for_="peru")
    peru = marks.span("who", "Q", "Peru", is_="peru")
    marks.span("who", "P", HOSTILE, is_="anna")
    marks.span("who", "P", "Anna", 1, is_="anna")
    marks.span("who", "P", "Anna left")  # a crossing pair and one without an entity
    marks.span("who", "Q", "left  Peru")
    quote = marks.span("said", "S", "Lima backs the clean-up", how="direct")
    marks.link(quote, "by", anna)
    pro = marks.span("sides", "PRO", "backs", whose="somebody")
    marks.link(pro, "from", lima)
    marks.link(pro, "at", anna)
    con = marks.span("sides", "CON", "scorned", whose="paper")
    marks.link(con, "at", peru)
    marks.link(con, "at", anna)
    soft = marks.span("words", "SOFT", "clean-up", thing="war", bare=HOSTILE, sign="marks")
    marks.link(soft, "user", lima)
    return marks.items


def second_marks() -> list[dict[str, Any]]:
    marks = Marks(SECOND)
    marks.span("who", "P", "Anna of Peru", is_="anna")
    marks.span("who", "Q", "Peru", is_="peru")
    marks.span("words", "BARE", "war", thing="war", sign="no")
    return marks.items


def make(folder: Path, copies: int = 1) -> Path:
    """Build the dataset of the corpus, with `copies` events of two articles each, into `folder`/build."""
    seeds, articles, exports = {}, {}, {}
    for number in range(copies):
        for key, text, outlet, marks in (("a", FIRST, HOSTILE, first_marks), ("b", SECOND, "Post", second_marks)):
            id_ = f"{number:05}{key}"
            digest = hashlib.sha256((text + "\n" * number).encode()).hexdigest()
            seeds[f"{id_}.txt"] = text + "\n" * number
            articles[id_] = {
                "file": f"{id_}.txt", "sha256": digest, "event": f"event-{number}", "outlet": outlet,
                "language": "en", "redistribute": number % 2 == 0, "title": f"{HOSTILE} {number}",
            }  # fmt: skip
            made = {"id": 11, "completed_by": 1, "ground_truth": True, "result": marks()}
            exports[f"{id_}.json"] = [
                {"id": 2 * number + (key == "b"), "data": {"article_id": id_, "text": seeds[f"{id_}.txt"]}}
                | {"annotations": [made]}
            ]
    case = {"codebook": CODEBOOK, "entities": ENTITIES, "seeds": seeds, "articles": articles, "exports": exports}
    corpus = write_corpus(folder / "corpus", case)
    build(open_corpus(corpus), folder / "build", 1)
    return folder / "build"
