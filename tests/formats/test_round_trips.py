"""What a format can hold comes back: documents are written, read again, and compared; the rest is in the losses."""

from __future__ import annotations

import json
import tempfile
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from newsparallax.exports import split_export
from newsparallax.formats import (
    FORMATS,
    LOSSES,
    Document,
    Given,
    Link,
    Mark,
    Markup,
    documents,
    recognised_file,
    write_documents,
)

EXACT = [
    name for name in FORMATS if name not in ("conll", "gate")
]  # CoNLL-2003 does not have the text; GATE is only read
AWKWARD = [
    "a",
    "b",
    "Z",
    " ",
    "\n",
    "\r\n",
    "\t",
    ".",
    "-",
    "|",
    "=",
    "\\",
    '"',
    "<",
    "&",
    "#",
    "😀",
    "👨‍🚒",
    "e\u0301",
    "\u0301",
]
AWKWARD += ["\u00a0", "\u200b", "\u2028", "\x85", "漢", "字", "ก", "ي", "\ufeff", "I'm", "O", "B-X", "\\n"]
WORDS = st.lists(st.sampled_from(AWKWARD), min_size=1, max_size=25).map("".join)


@st.composite
def documents_(draw: Any) -> list[Document]:
    made = []
    for number in range(draw(st.integers(1, 3))):
        text = f"x{draw(WORDS)}y"
        seen = set()
        marks = []
        for at in range(draw(st.integers(0, 6))):
            start = draw(st.integers(0, len(text) - 1))
            end = draw(st.integers(start + 1, len(text)))
            label = draw(st.sampled_from(["PER", "LOC", "B-X", "Ω"]))
            if text[start:end].strip("\u200b\ufeff \n\r\t\x85\u2028") and (start, end, label) not in seen:
                seen.add((start, end, label))
                note = {"note": Given("textarea", (draw(st.sampled_from(["plain", "with  spaces 😀", "#1"])),))}
                marks.append(
                    Mark(f"m{number}-{at}", "spans", (label,), start, end, None, draw(st.sampled_from([{}, note])))
                )
        links = []
        if len(marks) > 1:
            ends = draw(st.lists(st.tuples(st.sampled_from(marks), st.sampled_from(marks)), max_size=3, unique_by=str))
            links = [Link("to", source.id, target.id) for source, target in ends]
        made.append(Document(f"doc-{number}", text, [Markup("a7", marks, links)]))
    return made


def read_back(to: Any, made: list[Document], folder: Path) -> tuple[dict[str, Document], dict[str, int]]:
    losses = dict(write_documents(to, made, folder))
    format_ = to.removesuffix("-json")
    found = {}
    for path in sorted(folder.iterdir()):
        if recognised_file(path) == format_:
            for document in documents(format_, path.read_bytes(), path.name, path):
                found[document.id] = document
    return found, losses


def spans(document: Document) -> dict[str, tuple[int, int, str]]:
    return {mark.id: (mark.start, mark.end, mark.labels[0]) for markup in document.markups for mark in markup.marks}


def notes(document: Document) -> list[Any]:
    marks = [mark for markup in document.markups for mark in markup.marks]
    return sorted(
        (mark.start, mark.end, mark.labels, key, given.words())
        for mark in marks
        for key, given in mark.attributes.items()
    )


def links(document: Document) -> list[Any]:
    of = spans(document)
    return sorted(
        (link.label, of[link.source], of[link.target]) for markup in document.markups for link in markup.links
    )


@pytest.mark.parametrize("format_", [*EXACT, "cas-json"])
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(made=documents_())
def test_text_spans_values_and_relations_come_back_or_are_lost_by_name(format_: Any, made: list[Document]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        found, losses = read_back(format_, made, Path(folder))
    assert {document.id: document.text for document in made} == {key: one.text for key, one in found.items()}
    flat = (
        losses.get("nested span", 0)
        + losses.get("crossing span", 0)
        + losses.get("span with white space at its edge", 0)
    )
    missing = 0
    for document in made:
        again = found[document.id]
        assert not any(markup.refused for markup in again.markups)
        before, after = sorted(spans(document).values()), sorted(spans(again).values())
        if flat:
            missing += len(before) - len(after)
        else:
            assert before == after
        if not losses.get("attribute") and not flat:
            assert notes(document) == notes(again)
        if not any("relation" in kind for kind in losses) and not flat:
            assert links(document) == links(again)
    assert missing <= flat


@settings(max_examples=40, deadline=None)
@given(made=documents_())
def test_brat_lines_obey_the_rules_of_its_parser(made: list[Document]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        write_documents("brat", made, Path(folder))
        files = {path.stem: path.read_bytes().decode() for path in Path(folder).glob("*.ann")}
    for document in made:
        for line in files[document.id].removesuffix("\n").split("\n"):
            assert len(line.splitlines()) == bool(line)  # for its parser, other characters end a line, too
            if line.startswith("T"):
                _, place, words = line.split("\t", 2)
                pieces = [tuple(map(int, piece.split())) for piece in place.split(" ", 1)[1].split(";")]
                assert words == " ".join((document.text or "")[start:end] for start, end in pieces)


@settings(max_examples=40, deadline=None)
@given(made=documents_())
def test_columns_keep_the_words_and_the_spans_that_tags_can_hold(made: list[Document]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        found, losses = read_back("conll", made, Path(folder))
    for document in made if found else ():
        again = found[document.id]
        assert "".join((document.text or "").split()) == "".join((again.text or "").split())
    before = sum(len(spans(document)) for document in made)
    after = sum(len(spans(document)) for document in found.values())
    held_flat = losses.get("nested span", 0) + losses.get("crossing span", 0)
    blank = losses.get("span with white space at its edge", 0)  # one of nothing else has no word
    assert held_flat <= before - after <= held_flat + blank or not found


@settings(max_examples=30, deadline=None)
@given(made=documents_())
def test_an_import_file_for_label_studio_is_an_export(made: list[Document]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        assert not write_documents("label-studio", made, Path(folder))
        content = (Path(folder) / "tasks.json").read_bytes()
    tasks, format_ = split_export(memoryview(content), "tasks.json")
    assert format_ is None
    assert [json.loads(bytes(task))["data"]["text"] for task in tasks] == [document.text for document in made]


def test_losses_are_not_read_as_an_export() -> None:
    assert LOSSES == "LOSSES.json"
