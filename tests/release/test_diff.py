"""What changed between two versions: each edit of a small corpus is told in exact lines and asks for the right bump."""

from __future__ import annotations

import hashlib
import importlib.util
import json
import shutil
import subprocess
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any
from unittest.mock import patch

import msgspec
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from command_line import run_script
from helpers import ROOT, build_case
from newsparallax.building import build
from newsparallax.cli.release import run_diff
from newsparallax.corpus import allows, next_version, open_corpus, parse
from newsparallax.dataset import FileFacts, Manifest, Source, read_manifest
from newsparallax.errors import NewsParallaxError, UsageError
from newsparallax.release.diff import Comparison, compare, lines
from newsparallax.release.diff.rules import RULES
from test_properties import examples

PEAK_MB = 300  # 85 of them are the libraries; all rows of both sides as Python values would take 1,000
_spec = importlib.util.spec_from_file_location("diff_benchmark", ROOT / "benchmarks/diff.py")
assert _spec
assert _spec.loader
diff_benchmark = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(diff_benchmark)

Case = dict[str, Any]
TEXTS = {
    "a1": "Aster met Borealis in Lund. The talks went on, Aster said.",
    "a2": "In Lund, Borealis called the war an operation.",
    "a3": "Nobody came to the third meeting in Oslo.",
}


def region(name: str, key: str, quote: str, label: str, layer: str = "names", **values: str) -> list[dict[str, Any]]:
    """A region of article `key` where `quote` first stands, and the items with its attributes."""
    start = TEXTS[key].index(quote)
    place = {"start": start, "end": start + len(quote), "text": quote}
    marked = {
        "id": name,
        "from_name": layer,
        "to_name": "text",
        "type": "labels",
        "value": {**place, "labels": [label]},
    }
    found = [marked]
    for attribute, value in values.items():
        kind, given = ("textarea", {"text": [value]}) if attribute == "note" else ("choices", {"choices": [value]})
        found.append({**marked, "from_name": f"{layer}_{attribute}", "type": kind, "value": {**place, **given}})
    return found


def arrow(source: str, target: str) -> dict[str, Any]:
    return {"type": "relation", "from_id": source, "to_id": target, "direction": "right", "labels": ["about"]}


def annotation(number: int, *items: Any, by: int = 1) -> dict[str, Any]:
    result = [item for part in items for item in (part if isinstance(part, list) else [part])]
    return {"id": number, "completed_by": by, "result": result}


def base() -> Case:
    """Three articles of two events in one split, two layers, an arrow, a note."""
    first = annotation(
        11,
        region("r1", "a1", "Aster", "PER", sort="full", note="the spokesman"),
        region("r2", "a1", "Borealis", "ORG", sort="short"),
        region("r3", "a1", "Lund", "LOC"),
        region("w1", "a1", "The talks", "WORD", "words"),
        arrow("w1", "r1"),
    )
    second = annotation(12, region("r1", "a2", "Lund", "LOC", sort="full"), region("r2", "a2", "Borealis", "ORG"))
    third = annotation(13, region("r1", "a3", "Oslo", "LOC"))
    annotations = {"a1": first, "a2": second, "a3": third}
    events = {"a1": "one", "a2": "one", "a3": "two"}
    return {
        "corpus": {
            "name": "small",
            "articles": {"from_tasks": True, "id_field": "key", "event_field": "event", "redistribute": True},
            "splits": {"train": 1},
        },
        "codebook": {
            "codebook": {"version": "1"},
            "texts": {"text": {"field": "text"}},
            "layers": {
                "names": {
                    "labels": {"PER": {}, "ORG": {}, "LOC": {}},
                    "attributes": {
                        "sort": {"kind": "choice", "values": {"full": {}, "short": {}, "other": {}}},
                        "note": {"kind": "text"},
                    },
                },
                "words": {"labels": {"WORD": {}}, "relations": {"about": {"to": ["names"]}}},
            },
            "document": {"subject": {"kind": "ref"}},
        },
        "entities": {"aster": {"type": "PER", "qid": "Q1", "names": {"Aster": "short"}}},
        "exports": {
            "a.json": [
                {
                    "id": number,
                    "data": {"key": key, "event": events[key], "text": text, "desk": "day"},
                    "annotations": [annotations[key]],
                }
                for number, (key, text) in enumerate(TEXTS.items(), 1)
            ]
        },
        "generated": {"dataset_card.md": "# Small\n\nWords about it.\n"},
    }


def tasks(case: Case) -> list[dict[str, Any]]:
    return case["exports"]["a.json"]


def items(case: Case, number: int, name: str) -> list[dict[str, Any]]:
    """All items of a region."""
    return [item for item in tasks(case)[number]["annotations"][0]["result"] if item.get("id") == name]


def built(folder: Path, case: Case) -> Source:
    place = build_case(folder, case).place
    return Source(folder.name, place, read_manifest(place))


@pytest.fixture(scope="session")
def before(tmp_path_factory) -> Source:
    return built(tmp_path_factory.mktemp("old"), base())


def told(old: Source, new: Source) -> tuple[str | None, list[str]]:
    found = compare(old, new)
    return found.bump, [" ".join(line.split()) for line in lines(found.changes, found.counts)]


# ---------------------------------------------------------------------------------------------------------- small edits


def nothing(case: Case) -> None:
    pass


def label_corrected(case: Case) -> None:
    for item in items(case, 0, "r2"):
        if "labels" in item["value"]:
            item["value"]["labels"] = ["PER"]


def span_moved(case: Case) -> None:
    for item in items(case, 0, "r2"):
        item["value"] |= {"end": item["value"]["end"] - 1, "text": "Boreali"}


def span_without_id_moved(case: Case) -> None:
    (item,) = items(case, 0, "r3")
    item["value"] |= {"end": item["value"]["end"] + 1, "text": "Lund."}
    del item["id"]


def span_with_another_id(case: Case) -> None:
    for item in items(case, 0, "r3"):
        item["id"] = "r9"


def span_withdrawn(case: Case) -> None:
    result = tasks(case)[0]["annotations"][0]["result"]
    result[:] = [item for item in result if item.get("id") != "r3"]


def span_added(case: Case) -> None:
    tasks(case)[1]["annotations"][0]["result"] += region("r3", "a2", "operation", "WORD", "words")


def article_removed(case: Case) -> None:
    del tasks(case)[2]


def article_with_another_id(case: Case) -> None:
    tasks(case)[2]["data"]["key"] = "a4"


def article_added(case: Case) -> None:
    text = "A fourth text about Lund."
    tasks(case).append({"id": 4, "data": {"key": "a4", "event": "two", "text": text, "desk": "day"}, "annotations": []})


def entity_added(case: Case) -> None:
    case["entities"]["borealis"] = {"type": "ORG"}


def entity_corrected(case: Case) -> None:
    case["entities"]["aster"] |= {"qid": "Q2", "names": {"Aster": "short", "Asta": ""}}


def text_changed(case: Case) -> None:
    tasks(case)[2]["data"]["text"] += " They left."


def annotation_added(case: Case) -> None:
    tasks(case)[2]["annotations"][0]["ground_truth"] = True
    tasks(case)[2]["annotations"].append(annotation(23, region("q1", "a3", "Oslo", "LOC"), by=2))


def column_renamed(case: Case) -> None:
    attributes = case["codebook"]["layers"]["names"]["attributes"]
    case["codebook"]["layers"]["names"]["attributes"] = {"form": attributes["sort"], "note": attributes["note"]}
    for task in tasks(case):
        for item in task["annotations"][0]["result"]:
            if item.get("from_name") == "names_sort":
                item["from_name"] = "names_form"


def column_removed(case: Case) -> None:
    del case["codebook"]["layers"]["names"]["attributes"]["note"]
    for task in tasks(case):
        result = task["annotations"][0]["result"]
        result[:] = [item for item in result if item.get("from_name") != "names_note"]


def column_added(case: Case) -> None:
    case["codebook"]["layers"]["words"]["attributes"] = {"voice": {"kind": "text"}}


def column_type_changed(case: Case) -> None:
    case["codebook"]["layers"]["names"]["attributes"]["note"]["many"] = True


def order_of_labels_changed(case: Case) -> None:
    case["codebook"]["layers"]["names"]["labels"] = {"ORG": {}, "PER": {}, "LOC": {}}


def label_appended(case: Case) -> None:
    case["codebook"]["layers"]["names"]["labels"]["TIME"] = {}


def label_inserted(case: Case) -> None:
    case["codebook"]["layers"]["names"]["labels"] = {"PER": {}, "TIME": {}, "ORG": {}, "LOC": {}}


def label_renamed(case: Case) -> None:
    case["codebook"]["layers"]["names"]["labels"] = {"PER": {}, "ORG": {}, "PLACE": {}}
    for task in tasks(case):
        for item in task["annotations"][0]["result"]:
            if item.get("value", {}).get("labels") == ["LOC"]:
                item["value"]["labels"] = ["PLACE"]


def value_removed(case: Case) -> None:
    del case["codebook"]["layers"]["names"]["attributes"]["sort"]["values"]["other"]


def value_renamed(case: Case) -> None:
    values = case["codebook"]["layers"]["names"]["attributes"]["sort"]["values"] = {
        "whole": {},
        "short": {},
        "other": {},
    }
    assert "full" not in values
    for task in tasks(case):
        for item in task["annotations"][0]["result"]:
            if item.get("value", {}).get("choices") == ["full"]:
                item["value"]["choices"] = ["whole"]


def relation_drawn(case: Case) -> None:
    tasks(case)[0]["annotations"][0]["result"].append(arrow("w1", "r2"))


def relation_removed(case: Case) -> None:
    tasks(case)[0]["annotations"][0]["result"].pop()


def note_corrected(case: Case) -> None:
    for item in items(case, 0, "r1"):
        if item["type"] == "textarea":
            item["value"]["text"] = ["the minister"]


def metadata_corrected(case: Case) -> None:
    tasks(case)[0]["data"]["desk"] = "night"


def event_changed(case: Case) -> None:
    tasks(case)[1]["data"]["event"] = "two"


def split_policy_changed(case: Case) -> None:
    case["corpus"]["splits"] = {"train": 1, "test": 1}


def article_in_another_split(case: Case) -> None:
    case["corpus"]["splits"] = {"train": 1, "test": 2}


def split_renamed(case: Case) -> None:
    case["corpus"]["splits"] = {"test": 1}


def layer_added(case: Case) -> None:
    case["codebook"]["layers"]["cues"] = {"labels": {"FLAG": {}}}


def layer_removed(case: Case) -> None:
    del case["codebook"]["layers"]["words"]
    result = tasks(case)[0]["annotations"][0]["result"]
    result[:] = [item for item in result if item.get("from_name") != "words" and item["type"] != "relation"]


def layer_renamed(case: Case) -> None:
    layers = case["codebook"]["layers"]
    layers["terms"] = layers.pop("words")
    for item in tasks(case)[0]["annotations"][0]["result"]:
        if item.get("from_name") == "words":
            item["from_name"] = "terms"


def text_withheld(case: Case) -> None:
    case["corpus"]["articles"]["redistribute"] = False


def card_changed(case: Case) -> None:
    case["generated"]["dataset_card.md"] += "\nMore words.\n"


def codebook_version_changed(case: Case) -> None:
    case["codebook"]["codebook"]["version"] = "2"


def annotation_cancelled(case: Case) -> None:
    tasks(case)[2]["annotations"][0]["was_cancelled"] = True


def version_changed(case: Case) -> None:
    case["corpus"]["version"] = "0.1.1"


GOLDEN: list[tuple[Callable[[Case], None], str | None, list[str]]] = [
    (nothing, None, []),
    (
        label_corrected,
        "patch",
        [
            "patch label of span corrected names s-7fec9256841f634e in a1: label ORG -> PER",
            "patch tags of block corrected tokens a1#0 in a1: tags[2] B-ORG -> B-PER",
            "patch vote corrected votes 11/s-7fec9256841f634e in a1: labels ORG -> PER",
            "patch rows that repeat other rows articles: 1",
        ],
    ),
    (
        span_moved,
        "major",
        [
            "major span moved names s-7fec9256841f634e in a1: end 18 -> 17",
            "major vote moved votes 11/s-7fec9256841f634e in a1: end 18 -> 17",
            "patch tags of block corrected tokens a1#0 in a1: tags[2] B-ORG -> O",
            "patch rows that repeat other rows articles: 1",
        ],
    ),
    (
        span_without_id_moved,
        "major",
        [
            "major id of span changed names c-3a91862ef8a2cb5f in a1: span_id s-863dccbb19474f2f -> c-3a91862ef8a2cb5f, end 26 -> 27",  # noqa: E501
            "major ids of vote changed votes 11/c-3a91862ef8a2cb5f in a1: span_id s-863dccbb19474f2f -> c-3a91862ef8a2cb5f, end 26 -> 27",  # noqa: E501
            "patch tags of block corrected tokens a1#0 in a1: tags[5] O -> I-LOC",
            "patch vote corrected votes 11/c-3a91862ef8a2cb5f in a1: region_id r3 -> nothing",
            "patch rows that repeat other rows articles: 1",
        ],
    ),
    (
        span_with_another_id,
        "major",
        [
            "major id of span changed names s-b0a9d8a06c2be355 in a1: span_id s-863dccbb19474f2f -> s-b0a9d8a06c2be355",
            "major ids of vote changed votes 11/s-b0a9d8a06c2be355 in a1: span_id s-863dccbb19474f2f -> s-b0a9d8a06c2be355",  # noqa: E501
            "patch vote corrected votes 11/s-b0a9d8a06c2be355 in a1: region_id r3 -> r9",
            "patch rows that repeat other rows articles: 1",
        ],
    ),
    (
        span_withdrawn,
        "patch",
        [
            "patch span withdrawn names s-863dccbb19474f2f in a1: label LOC, start 22, end 26",
            "patch tags of block corrected tokens a1#0 in a1: tags[4] B-LOC -> O",
            "patch vote withdrawn votes 11/s-863dccbb19474f2f in a1: layer names, labels LOC, start 22, end 26",
            "patch rows that repeat other rows articles: 1",
        ],
    ),
    (
        span_added,
        "minor",
        [
            "minor span added words s-69f45f78627bbffb in a2: label WORD, start 36, end 45",
            "minor vote added votes 12/s-69f45f78627bbffb in a2: layer words, labels WORD, start 36, end 45",
            "patch rows that repeat other rows articles: 1",
        ],
    ),
    (
        article_removed,
        "major",
        [
            "major article removed a3",
            "major rows of removed articles names: 1",
            "major rows of removed articles tokens: 1",
            "major rows of removed articles votes: 1",
        ],
    ),
    (
        article_with_another_id,
        "major",
        [
            "major id of article changed a4: article_id a3 -> a4",
            "major rows of removed articles names: 1",
            "major rows of removed articles tokens: 1",
            "major rows of removed articles votes: 1",
            "minor rows of added articles names: 1",
            "minor rows of added articles tokens: 1",
            "minor rows of added articles votes: 1",
            "patch article corrected a4: metadata.data.key a3 -> a4",
            "patch rows that repeat other rows articles: 1",
        ],
    ),
    (
        article_added,
        "minor",
        [
            "minor article added a4",
        ],
    ),
    (
        text_changed,
        "major",
        [
            "major text of article changed a3: text_sha256 3c49c6e2374c2fc66e31522d747a508363fc9bcb77b0486888386e7199fd... -> 11b43165b30a5b5c4edbddbabeb66263476880abf4813f801df85143a5c8...",  # noqa: E501
            "major blocks of article moved a3: blocks[0] paragraph:0-41 -> paragraph:0-52",
            "major block or tokens moved tokens a3#0 in a3: end 41 -> 52, starts 9 -> 12 values, ends 9 -> 12 values",
            "patch tags of block corrected tokens a3#0 in a3: tags 9 -> 12 values",
        ],
    ),
    (
        annotation_added,
        "minor",
        [
            "minor annotation added a3: 3/23 b",
            "minor vote added votes 23/s-e3d8d5e4753ebf0f in a3: layer names, labels LOC, start 36, end 40",
            "patch who made the gold of article a3: adjudicated False -> True, gold single -> adjudicated",
            "patch annotation corrected a3: 3/13.ground_truth False -> True",
            "patch who made the span names s-ae64597b40b3e73c in a3: support 1 -> 2, adjudicated False -> True, gold single -> adjudicated",  # noqa: E501
            "patch vote corrected votes 13/s-ae64597b40b3e73c in a3: ground_truth False -> True",
            "patch rows that repeat other rows tokens: 1",
        ],
    ),
    (
        column_renamed,
        "major",
        [
            "major column renamed names.form: name sort -> form (also articles.names.form)",
            "patch file changed codebook.toml",
        ],
    ),
    (
        column_removed,
        "major",
        [
            "major column removed names.note (also articles.names.note)",
            "patch vote corrected votes 11/s-78eac290d6c78614 in a1: attributes.note -the spokesman",
            "patch file changed codebook.toml",
        ],
    ),
    (
        column_added,
        "minor",
        [
            "minor column added words.voice (also articles.words.voice)",
            "patch file changed codebook.toml",
        ],
    ),
    (
        column_type_changed,
        "major",
        [
            "major type of column changed names.note: type string -> list of string (also articles.names.note)",
            "patch file changed codebook.toml",
        ],
    ),
    (
        order_of_labels_changed,
        "major",
        [
            "major order of labels changed names.label: labels PER, ORG, LOC -> ORG, PER, LOC (also articles.names.label, tokens.tags)",  # noqa: E501
            "patch file changed codebook.toml",
        ],
    ),
    (
        label_appended,
        "minor",
        [
            "minor label added names.label: label TIME (also articles.names.label, tokens.tags)",
            "patch file changed codebook.toml",
        ],
    ),
    (
        label_inserted,
        "major",
        [
            "major order of labels changed names.label: labels PER, ORG, LOC -> PER, TIME, ORG, LOC (also articles.names.label, tokens.tags)",  # noqa: E501
            "minor label added names.label: label TIME (also articles.names.label, tokens.tags)",
            "patch file changed codebook.toml",
        ],
    ),
    (
        label_renamed,
        "major",
        [
            "major label renamed names.label: label LOC -> PLACE (also articles.names.label, tokens.tags)",
            "patch file changed codebook.toml",
        ],
    ),
    (
        value_removed,
        "major",
        [
            "major label removed names.sort: label other (also articles.names.sort)",
            "patch file changed codebook.toml",
        ],
    ),
    (
        value_renamed,
        "major",
        [
            "major label renamed names.sort: label full -> whole (also articles.names.sort)",
            "patch file changed codebook.toml",
        ],
    ),
    (
        relation_drawn,
        "patch",
        [
            "patch relations of span corrected words s-1eec7a95112b2f1c in a1: about +ORG s-7fec9256841f634e",
            "patch vote corrected votes 11/s-1eec7a95112b2f1c in a1: relations +about ORG s-7fec9256841f634e",
            "patch rows that repeat other rows articles: 1",
        ],
    ),
    (
        relation_removed,
        "patch",
        [
            "patch relations of span corrected words s-1eec7a95112b2f1c in a1: about -PER s-78eac290d6c78614",
            "patch vote corrected votes 11/s-1eec7a95112b2f1c in a1: relations -about PER s-78eac290d6c78614",
            "patch rows that repeat other rows articles: 1",
        ],
    ),
    (
        note_corrected,
        "patch",
        [
            "patch span corrected names s-78eac290d6c78614 in a1: note the spokesman -> the minister",
            "patch vote corrected votes 11/s-78eac290d6c78614 in a1: attributes.note -the spokesman +the minister",
            "patch rows that repeat other rows articles: 1",
        ],
    ),
    (
        metadata_corrected,
        "patch",
        [
            "patch article corrected a1: metadata.data.desk day -> night",
        ],
    ),
    (
        event_changed,
        "major",
        [
            "major event of article changed a2: event_id one -> two",
            "major rows in another event names: 2",
            "major rows in another event tokens: 1",
            "major rows in another event votes: 2",
            "patch article corrected a2: metadata.data.event one -> two",
        ],
    ),
    (
        split_policy_changed,
        "patch",
        [
            "patch split policy changed splits: policy train 1 -> train 1, test 1",
        ],
    ),
    (
        article_in_another_split,
        "major",
        [
            "major article in another split a1: split train -> test",
            "major article in another split a2: split train -> test",
            "major rows in another split names: 5",
            "major rows in another split tokens: 2",
            "major rows in another split votes: 6",
            "major rows in another split words: 1",
            "minor split added test",
            "patch split policy changed splits: policy train 1 -> train 1, test 2",
        ],
    ),
    (
        split_renamed,
        "major",
        [
            "major split renamed test: name train -> test",
            "patch split policy changed splits: policy train 1 -> test 1",
        ],
    ),
    (
        layer_added,
        "minor",
        [
            "minor config added cues (also articles.cues)",
            "patch file changed codebook.toml",
        ],
    ),
    (
        layer_removed,
        "major",
        [
            "major config removed words (also articles.words)",
            "patch vote withdrawn votes 11/s-1eec7a95112b2f1c in a1: layer words, labels WORD, start 28, end 37",
            "patch rows that repeat other rows articles: 1",
            "patch file changed codebook.toml",
        ],
    ),
    (
        layer_renamed,
        "major",
        [
            "major config renamed terms: name words -> terms (also articles.terms)",
            "major id of span changed terms s-64a0a8ec5d243243 in a1: span_id s-1eec7a95112b2f1c -> s-64a0a8ec5d243243",
            "major ids of vote changed votes 11/s-64a0a8ec5d243243 in a1: span_id s-1eec7a95112b2f1c -> s-64a0a8ec5d243243",  # noqa: E501
            "patch rows that repeat other rows articles: 1",
            "patch file changed codebook.toml",
        ],
    ),
    (
        text_withheld,
        "major",
        [
            "major text of article withheld a1: redistribute True -> False, text there -> left out",
            "major text of article withheld a2: redistribute True -> False, text there -> left out",
            "major text of article withheld a3: redistribute True -> False, text there -> left out",
        ],
    ),
    (
        card_changed,
        "patch",
        [
            "patch file changed README.md",
        ],
    ),
    (
        codebook_version_changed,
        "patch",
        [
            "patch version of codebook changed codebook_version: version 1 -> 2",
            "patch file changed codebook.toml",
        ],
    ),
    (
        annotation_cancelled,
        "patch",
        [
            "patch article corrected a3: state annotated -> cancelled",
            "patch who made the gold of article a3: annotator a -> nothing, annotator_kind human -> nothing, adjudicated False -> nothing, gold single -> nothing, annotation_id 13 -> nothing",  # noqa: E501
            "patch annotation corrected a3: 3/13.cancelled False -> True",
            "patch span withdrawn names s-ae64597b40b3e73c in a3: label LOC, start 36, end 40",
            "patch tags of block withdrawn tokens a3#0 in a3: start 0, end 41",
            "patch vote withdrawn votes 13/s-ae64597b40b3e73c in a3: layer names, labels LOC, start 36, end 40",
            "patch rows that repeat other rows articles: 1",
        ],
    ),
    (
        entity_added,
        "minor",
        [
            "minor entity added registry borealis",
            "patch file changed entities.toml",
        ],
    ),
    (
        entity_corrected,
        "patch",
        [
            "patch entity corrected registry aster: qid Q1 -> Q2, names +name Asta, kind nothing",
            "patch file changed entities.toml",
        ],
    ),
    (version_changed, None, []),
]


@pytest.mark.parametrize(("edit", "bump", "expected"), GOLDEN, ids=[edit.__name__ for edit, _, _ in GOLDEN])
def test_an_edit_is_told_and_asks_for_its_bump(edit, bump, expected, before, tmp_path):
    case = base()
    edit(case)
    after = built(tmp_path, case)
    assert told(before, after) == (bump, expected)
    if edit is not label_inserted:  # taken out again, the label is removed, of which other numbers are a part
        forth, back = compare(before, after).counts, compare(after, before).counts
        assert _totals(back) == {_mirrored(kind): number for kind, number in _totals(forth).items()}


def _totals(counts: dict[str, dict[str, int]]) -> dict[str, int]:
    return {kind: sum(configs.values()) for kind, configs in counts.items()}


def _mirrored(kind: str) -> str:
    swap = {"added": "removed", "withheld": "released"}
    both = swap | {value: key for key, value in swap.items()}
    return "-".join(both.get(word, word) for word in kind.split("-"))


def test_every_rule_is_provoked_by_an_edit():
    """Some by what takes an edit back; but for files and orders of columns that a build makes of no edit here."""
    phrases = [line[6:] for _, _, expected in GOLDEN for line in expected]
    found = {kind for kind, rule in RULES.items() if any(line.startswith(f"{rule.what} ") for line in phrases)}
    assert RULES.keys() - found - set(map(_mirrored, found)) == {"column-order", "file-added", "file-removed"}


# ---------------------------------------------------------------------------------------- the same rows, told otherwise


def rewritten(source: Source, folder: Path, change: Callable[[str, pa.Table], list[pa.Table]]) -> Source:
    """The dataset with the tables of each file changed, each divided into files anew, with a manifest that says so."""
    shutil.copytree(source.folder, folder)
    files = {name: said for name, said in source.manifest.files.items() if not name.endswith(".parquet")}
    for path in sorted(folder.glob("*/*.parquet")):
        table = pq.read_table(path)
        path.unlink()
        for number, part in enumerate(change(path.parent.name, table)):
            place = path.with_name(f"{path.stem.rpartition('-')[0]}-{number:05}.parquet")
            pq.write_table(part, place)
            digest = hashlib.sha256(place.read_bytes()).hexdigest()
            files[place.relative_to(folder).as_posix()] = FileFacts(digest, rows=part.num_rows)
    manifest = msgspec.structs.replace(source.manifest, files=files, content_digest="")
    (folder / "manifest.json").write_text(json.dumps(manifest.as_json()))
    return Source(folder.name, folder, manifest)


def without_words(value: Any, *names: str) -> Any:
    if isinstance(value, dict):
        return {name: None if name in names else without_words(part, *names) for name, part in value.items()}
    return [without_words(part, *names) for part in value] if isinstance(value, list) else value


def test_rows_in_another_order_and_other_files_are_the_same_rows(before, tmp_path):
    def shuffled(config: str, table: pa.Table) -> list[pa.Table]:
        back = table.take(list(range(table.num_rows))[::-1])
        return [back.slice(0, 1), back.slice(1)]

    after = rewritten(before, tmp_path / "new", shuffled)
    assert {name for name in after.manifest.files if "-00001" in name}
    assert compare(before, after).counts == {}


def test_a_release_without_words_equals_its_build_where_texts_may_not_be_passed_on(tmp_path):
    def withheld(config: str, table: pa.Table) -> list[pa.Table]:
        words = {"articles": "text", "tokens": "tokens"}.get(config, "quote")
        rows = [without_words(row, "quote", words) for row in table.to_pylist()]
        assert (rows == table.to_pylist()) == (config == "registry")  # which has no words of articles
        return [pa.Table.from_pylist(rows, table.schema)]

    case = base()
    case["corpus"]["articles"]["redistribute"] = False
    closed = built(tmp_path / "closed", case)
    assert compare(closed, rewritten(closed, tmp_path / "release", withheld)).counts == {}

    opened_ = built(tmp_path / "open", base())
    release = rewritten(opened_, tmp_path / "other", withheld)
    assert compare(opened_, release).counts == {"article-withheld": {"articles": 3}}
    assert compare(release, opened_).counts == {"article-released": {"articles": 3}}
    assert compare(release, opened_).bump == "minor"


def test_two_builds_of_this_corpus_differ_in_nothing(tmp_path):
    one = build(open_corpus(ROOT), tmp_path / "one", verify=False).place
    other = build(open_corpus(ROOT), tmp_path / "other", verify=False).place
    assert compare(Source("one", one, read_manifest(one)), Source("other", other, read_manifest(other))).bump is None


# ------------------------------------------------------------------------------------------------------------- any rows

FEATURES = {
    name: {"dtype": "int64" if name in ("start", "end") else "string", "_type": "Value"}
    for name in ("span_id", "article_id", "event_id", "start", "end", "quote")
} | {
    "label": {"names": ["X", "null", "Z"], "_type": "ClassLabel"},
    "note": {"dtype": "string", "_type": "Value"},
    "scores": {"feature": {"dtype": "float64", "_type": "Value"}, "_type": "List"},
    "about": {
        "feature": {name: {"dtype": "string", "_type": "Value"} for name in ("span_id", "layer", "label")},
        "_type": "List",
    },
}
STRINGS = {"span_id": pa.string(), "layer": pa.string(), "label": pa.string()}
SCHEMA = pa.schema(
    [(name, pa.int64() if name in ("start", "end", "label") else pa.string()) for name in list(FEATURES)[:8]]
    + [("scores", pa.list_(pa.float64())), ("about", pa.list_(pa.struct(list(STRINGS.items()))))],
    metadata={"huggingface": json.dumps({"info": {"features": FEATURES}})},
)
ROW = st.fixed_dictionaries(
    {
        "span_id": st.sampled_from("abcdefgh"),
        "article_id": st.sampled_from(["one", "two"]),
        "event_id": st.just("e"),
        "start": st.integers(0, 6),
        "end": st.integers(7, 9),
        "quote": st.sampled_from(["word", "words", None]),
        "label": st.sampled_from([0, 1, 2, None]),
        "note": st.sampled_from(["", "n", "é", "null", None]),
        "scores": st.sampled_from([[], [1.0], [1.0, 2.0], [2.0, 1.0], [None], None]),
        "about": st.lists(st.fixed_dictionaries({name: st.sampled_from("ab") for name in STRINGS}), max_size=2),
    }
)
ROWS = st.lists(ROW, max_size=8, unique_by=lambda row: row["span_id"])


def dataset(folder: Path, rows: list[dict[str, Any]], files: int = 1) -> Source:
    """A dataset of one config with these rows."""
    (folder / "spans").mkdir(parents=True)
    listed = {}
    for number in range(files):
        part = rows[number::files]
        path = folder / f"spans/train-{number:05}.parquet"
        pq.write_table(pa.Table.from_pylist(part, SCHEMA), path)
        digest = hashlib.sha256(path.read_bytes()).hexdigest()
        listed[f"spans/train-{number:05}.parquet"] = FileFacts(digest, rows=len(part))
    manifest = Manifest("any", "1.0.0", "", files=listed)
    (folder / "manifest.json").write_text(json.dumps(manifest.as_json()))
    return Source(str(folder), folder, manifest)


FIRST = {"span_id": "a", "article_id": "one", "event_id": "e", "start": 2, "end": 5, "quote": "q", "label": 0, "note": "n", "scores": [], "about": []}  # fmt: skip  # noqa: E501


@pytest.mark.parametrize(
    ("name", "old", "new"),
    [
        *[("note", *pair) for pair in (("", None), ("null", None), ("a", "b"), ("1", ""), ("None", None))],
        *[
            ("scores", *pair)
            for pair in (([1.0, 2.0], [2.0, 1.0]), ([], None), ([None], []), ([None], None), ([0.0], []))
        ],
        *[("scores", *pair) for pair in (([1.0], [1.0, 1.0]), ([0.5, 0.25], [0.25, 0.5]), ([0.0], [None]))],
        *[("label", *pair) for pair in ((0, None), (1, None), (0, 1), (-1, None))],
        *[("start", *pair) for pair in ((0, 1), (0, None))],
    ],
)
def test_two_values_that_look_alike_are_a_change(name, old, new, tmp_path):
    rows = [{**FIRST, name: old}], [{**FIRST, name: new}]
    found = compare(dataset(tmp_path / "old", rows[0]), dataset(tmp_path / "new", rows[1]))
    assert _totals(found.counts) == {RULE_OF.get(name, "span-corrected"): 1}
    (change,) = found.changes
    assert list(change.fields) == [name]


RULE_OF = {"label": "span-relabelled", "start": "span-moved"}


@pytest.mark.parametrize(
    ("change", "kinds"),
    [
        ({}, {"span-renamed"}),
        ({"label": 1}, {"span-renamed", "span-relabelled"}),
        ({"note": "m"}, {"span-renamed", "span-corrected"}),
        ({"start": 4, "end": 9}, {"span-renamed"}),
        ({"start": 5, "end": 9}, {"span-removed", "span-added"}),  # they touch, but do not overlap
        ({"start": 0, "end": 2}, {"span-removed", "span-added"}),
        ({"start": 4, "end": 9, "label": 1}, {"span-removed", "span-added"}),
        ({"article_id": "two"}, {"span-removed", "span-added"}),
    ],
)
def test_a_span_at_the_same_place_is_the_same_under_another_id(change, kinds, tmp_path):
    found = compare(
        dataset(tmp_path / "old", [FIRST]), dataset(tmp_path / "new", [{**FIRST, "span_id": "b", **change}])
    )
    assert set(found.counts) == kinds
    assert found.bump == ("major" if "span-renamed" in kinds else "minor")


def plain(row: dict[str, Any]) -> str:
    """What a comparison sees of a row; arrows by what they point at."""
    about = sorted(link["span_id"] for link in row["about"])
    return json.dumps({**row, "quote": None, "about": about}, sort_keys=True)


def applied(found: Comparison, old: list[dict[str, Any]], new: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The old rows with the listed changes made; whole rows that were added are taken from the new ones."""
    rows = {row["span_id"]: {**row, "quote": None, "about": sorted(x["span_id"] for x in row["about"])} for row in old}
    fresh = {row["span_id"]: row for row in new}
    renamed = [change for change in found.changes if change.kind == "span-renamed"]
    rows |= {change.id: rows.pop(change.fields["span_id"][0]) for change in renamed}
    for change in found.changes:
        if change.kind == "span-removed":
            del rows[change.id]
        elif change.kind == "span-added":
            row = fresh[change.id]
            rows[change.id] = {**row, "quote": None, "about": sorted(link["span_id"] for link in row["about"])}
        else:
            for name, (before, after) in change.fields.items():
                if name == "about":
                    left = list(rows[change.id]["about"])
                    for arrow_ in before:
                        left.remove(arrow_.split()[-1])
                    rows[change.id]["about"] = sorted([*left, *(arrow_.split()[-1] for arrow_ in after)])
                else:
                    assert name == "label" or rows[change.id][name] == before
                    names = FEATURES["label"]["names"]
                    rows[change.id][name] = names.index(after) if name == "label" and after is not None else after
    return list(rows.values())


@examples(25, 500)
def test_the_listed_changes_make_the_new_rows_out_of_the_old_ones(profile):
    @profile
    @given(ROWS, ROWS, st.integers(1, 3), st.randoms())
    def holds(old, new, files, chance):
        with tempfile.TemporaryDirectory() as work:
            one, other = dataset(Path(work) / "a", old, files), dataset(Path(work) / "b", new)
            again = dataset(Path(work) / "c", chance.sample(old, len(old)), 2)
            assert compare(one, again).counts == {}
            forth, back = compare(one, other), compare(other, one)
        made = sorted(json.dumps(row, sort_keys=True) for row in applied(forth, old, new))
        assert made == sorted(map(plain, new))
        assert back.counts == {_mirrored(kind): count for kind, count in forth.counts.items()}
        assert (forth.bump is None) == (sorted(map(plain, old)) == sorted(map(plain, new)) and not _only_targets(forth))

    holds()


def _only_targets(found: Comparison) -> bool:
    """Whether arrows say other things of the same targets."""
    return "row-repeats" in found.counts


@examples(25, 250)
def test_rows_with_the_same_id_are_a_multiset(profile):
    @profile
    @given(st.lists(ROW, max_size=6), st.lists(ROW, max_size=6))
    def holds(old, new):
        with tempfile.TemporaryDirectory() as work:
            one, other = dataset(Path(work) / "a", old + old, 2), dataset(Path(work) / "b", old + old + new)
            assert compare(one, one).counts == {}
            found = compare(one, other)
        assert bool(found.counts) == bool(new)
        more = _totals(found.counts)
        assert more.get("span-added", 0) == len(new)
        assert set(more) <= {"span-added"}

    holds()


@pytest.mark.parametrize("limit", [0, 1, 5])
def test_what_is_listed_has_a_limit_but_all_is_counted(limit, tmp_path):
    rows = [{**dict.fromkeys(FEATURES), "span_id": f"s{n:04}", "article_id": "a", "start": n, "end": n + 1, "about": []} for n in range(3000)]  # fmt: skip  # noqa: E501
    old = dataset(tmp_path / "old", rows)
    new = dataset(tmp_path / "new", [{**row, "note": "new"} for row in rows[::-1]])
    found = compare(old, new, limit)
    assert found.counts == {"span-corrected": {"spans": 3000}}
    assert [change.id for change in found.changes] == [f"s{n:04}" for n in range(limit)]


# ---------------------------------------------------------------------------------------------- what cannot be compared


def test_damaged_and_foreign_datasets_are_refused(before, tmp_path):
    def spoiled(name: str, act: Callable[[Path, dict[str, Any]], None]) -> str:
        folder = shutil.copytree(before.folder, tmp_path / name)
        manifest = json.loads((folder / "manifest.json").read_bytes())
        act(folder, manifest)
        (folder / "manifest.json").write_text(json.dumps(manifest))
        with pytest.raises(NewsParallaxError) as caught:
            compare(before, Source(name, folder, read_manifest(folder)))
        return str(caught.value)

    file = "names/train-00000.parquet"

    def truncated(folder: Path, manifest: dict[str, Any]) -> None:
        data = (folder / file).read_bytes()[:-100]
        (folder / file).write_bytes(data)
        manifest["files"][file]["sha256"] = hashlib.sha256(data).hexdigest()

    def broken_page(folder: Path, manifest: dict[str, Any]) -> None:
        data = bytearray((folder / file).read_bytes())
        data[4:200] = bytes(196)
        (folder / file).write_bytes(data)
        manifest["files"][file]["sha256"] = hashlib.sha256(data).hexdigest()

    def no_features(folder: Path, manifest: dict[str, Any]) -> None:
        table = pq.read_table(folder / file).replace_schema_metadata(None)
        pq.write_table(table, folder / file)
        manifest["files"][file]["sha256"] = hashlib.sha256((folder / file).read_bytes()).hexdigest()

    def other_columns(folder: Path, manifest: dict[str, Any]) -> None:
        table = pq.read_table(folder / file)
        pq.write_table(table.drop_columns(["note"]).replace_schema_metadata(table.schema.metadata), folder / file)
        manifest["files"][file]["sha256"] = hashlib.sha256((folder / file).read_bytes()).hexdigest()

    def other_rows(folder: Path, manifest: dict[str, Any]) -> None:
        table = pq.read_table(folder / file)
        pq.write_table(pa.concat_tables([table.slice(1), table.slice(1, 1)]), folder / file)
        manifest["files"][file]["sha256"] = hashlib.sha256((folder / file).read_bytes()).hexdigest()

    assert "has other columns than its features describe" in spoiled("columns", other_columns)
    assert "manifest.json: content_digest: has the same content digest as" in spoiled("content", other_rows)
    assert f"truncated/{file}: is not a Parquet file" in spoiled("truncated", truncated)
    assert "cannot be read as Parquet" in spoiled("page", broken_page)
    assert f"plain/{file}: its schema states no features" in spoiled("plain", no_features)
    lies = spoiled("rows", lambda folder, manifest: manifest["files"][file].update(rows=9))
    assert f"rows/{file}: has 6 rows; the manifest states 9" in lies
    lies = spoiled("digest", lambda folder, manifest: manifest["files"][file].update(sha256="0"))
    assert f"digest/{file}: differs from the manifest: it has another digest" in lies
    assert f"gone/{file}: is in the manifest, but cannot be read" in spoiled(
        "gone", lambda folder, manifest: (folder / file).unlink()
    )

    def loop(folder, _):
        (folder / file).unlink()
        (folder / file).symlink_to("train-00000.parquet")

    assert f"loop/{file}: is in the manifest, but cannot be read: Too many levels" in spoiled("loop", loop)
    assert "more/names/train-00001.parquet: is not in the manifest" in spoiled(
        "more", lambda folder, manifest: shutil.copy(folder / file, folder / "names/train-00001.parquet")
    )
    assert "lists a file outside of its folder" in spoiled(
        "outside", lambda folder, manifest: manifest["files"].update({"../x.txt": {"sha256": "0"}})
    )
    other = spoiled("other", lambda folder, manifest: manifest.update(name="another"))
    assert "other is 'another': two corpora, not two versions of one" in other
    assert "'one' is not a version" in spoiled("version", lambda folder, manifest: manifest.update(version="one"))


def test_nothing_stays_in_the_temporary_folder(before, tmp_path, monkeypatch):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "tmp"))
    (tmp_path / "tmp").mkdir()
    case = base()
    label_corrected(case)
    after = built(tmp_path / "new", case)
    assert compare(before, after).bump == "patch"
    with patch("newsparallax.release.diff.report.file_changes", side_effect=KeyboardInterrupt), pytest.raises(KeyboardInterrupt):  # fmt: skip  # noqa: E501
        compare(before, after)
    assert list((tmp_path / "tmp").iterdir()) == []


# ----------------------------------------------------------------------------------------------------- the command line


def run(*options: str | Path) -> subprocess.CompletedProcess[str]:
    return run_script("release.py", "diff", *options)


def test_the_command_prints_a_table_json_and_a_section_of_the_changelog(before, tmp_path, capsysbinary):
    case = base()
    span_moved(case)
    note_corrected(case)
    after = built(tmp_path / "new", case)
    table = run(before.folder, after.folder)
    assert (table.returncode, table.stderr) == (0, "")
    end = "smallest sufficient version bump: major, 0.1.0 -> 0.2.0 (below 1.0.0, a major change increases the minor number); version 0.1.0 is too small"  # noqa: E501
    reason = "span moved (names): 1 (references by id and offset no longer fit)"
    assert table.stdout.splitlines()[0] == "small 0.1.0 -> 0.1.0"
    assert [line.strip() for line in table.stdout.splitlines()[-3:-1]] == [end, reason]

    def printed(new: Source, **options: Any) -> str:
        names = {"as_json": False, "changelog": False, "limit": 1000} | options
        assert run_diff(str(before.folder), str(new.folder), **names) == 0
        return capsysbinary.readouterr().out.decode()

    found = json.loads(printed(after, as_json=True, limit=1))
    assert (found["bump"], found["smallest_version"], found["enough"]) == ("major", "0.2.0", False)
    assert found["counts"]["vote-corrected"] == {"votes": 1}
    assert found["changes"][0]["fields"] == {"end": {"old": 18, "new": 17}}

    assert printed(after, changelog=True) == (
        "## [0.2.0] - unreleased\n\n### Data\n\n#### Changed\n\n"
        "- `names`: span moved: `s-7fec9256841f634e` (`end`).\n"
        "- `votes`: vote moved: `11/s-7fec9256841f634e` (`end`).\n"
        "- `names`: span corrected: `s-78eac290d6c78614` (`note`).\n"
        "- `tokens`: tags of block corrected: `a1#0` (`tags`).\n"
        "- `votes`: vote corrected: `11/s-78eac290d6c78614` (`attributes.note`).\n"
    )
    assert printed(before) == "small 0.1.0 -> 0.1.0\nnothing changed; no new version is needed\n"


def test_the_command_stops_with_one_message(before, tmp_path):
    with pytest.raises(UsageError, match="hub:x is not the name of a dataset"):
        run_diff(str(before.folder), "hub:x", as_json=False, changelog=False, limit=1)
    for options, message in (
        ((before.folder, tmp_path), f"error: {tmp_path} is not a dataset: it has no manifest.json"),
        ((before.folder,), "Missing argument 'NEW'"),
    ):
        done = run(*options)
        assert (done.returncode, done.stdout) == (2, "")
        assert message in done.stderr
        assert "Traceback" not in done.stderr


# ------------------------------------------------------------------------------------------------------------- versions

VERSION = st.tuples(*[st.integers(0, 3)] * 3).map(lambda parts: ".".join(map(str, parts)))
KIND = st.sampled_from(["patch", "minor", "major"])


@given(VERSION, KIND)
def test_the_next_version_is_the_smallest_that_is_allowed(old, kind):
    least = parse(next_version(old, kind))
    assert least > parse(old)
    near = {(major, minor, patch) for major in range(6) for minor in range(6) for patch in range(6)}
    enough = {version for version in near if allows(old, ".".join(map(str, version)), kind)}
    assert enough == {version for version in near if version >= least}
    major, minor, patch_ = parse(old)
    place = {"major": (major + 1, 0, 0), "minor": (major, minor + 1, 0), "patch": (major, minor, patch_ + 1)}
    assert least == place["minor" if kind == "major" and major == 0 else kind]


@given(VERSION, VERSION, KIND)
def test_no_change_needs_no_version_and_a_larger_kind_needs_no_smaller_one(old, new, kind):
    assert next_version(old, None) == old
    assert allows(old, old, None)
    assert not allows(old, old, kind)
    order = ["patch", "minor", "major"]
    for smaller in order[: order.index(kind)]:
        assert allows(old, new, smaller) >= allows(old, new, kind)


@pytest.mark.parametrize("version", ["", "1", "1.0", "1.0.0.0", "v1.0.0", "1.0.0-rc1", "1.0.٣", "01.0.0", " 1.0.0"])
def test_what_is_no_version_is_refused(version):
    with pytest.raises(UsageError, match="is not a version"):
        parse(version)


# --------------------------------------------------------------------------------------------------------------- memory


@pytest.mark.slow
def test_memory_stays_bounded_when_everything_changed(tmp_path):
    few = _peak(tmp_path / "few", 50_000)
    many = _peak(tmp_path / "many", 200_000)
    print(f"50,000 rows: {few:.0f} MB; 200,000 rows: {many:.0f} MB")  # noqa: T201 - shown with -s
    assert many < PEAK_MB


def _peak(folder: Path, rows: int) -> float:
    old = diff_benchmark.write_version(folder / "old", rows, lambda number: False)
    new = diff_benchmark.write_version(folder / "new", rows, lambda number: True)
    _, peak, counts = diff_benchmark.measure(old, new)
    assert counts["span-relabelled"] == counts["span-corrected"] == {"names": rows}
    return peak
