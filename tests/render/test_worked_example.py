"""The worked example in the guidelines: every mark stands in the table of its layer, with all that it has."""

from __future__ import annotations

import re
from typing import Any

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from newsparallax.corpus import Codebook, WorkedMark
from newsparallax.corpus.validate import validate_codebook
from newsparallax.render import guidelines_html, render_cheat_sheet, render_guidelines

VALUES: dict[str, Any] = {"x": {}, "y": {}}
SPEC: dict[str, Any] = {
    "codebook": {"version": "1"},
    "texts": {"text": {"field": "text"}},
    "layers": {
        "names": {"title": "Names", "labels": {"PER": {}, "LOC": {}}},
        "deeds": {
            "labels": {"MEET": {}, "SHUN": {}},
            "attributes": {
                "how": {"kind": "choice", "values": VALUES},
                "moods": {"kind": "choice", "values": VALUES, "many": True},
                "note": {"kind": "text", "labels": ["SHUN"]},
            },
            "relations": {"by": {"to": ["names"]}, "after": {"to": ["names", "deeds"]}},
        },
    },
    "document": {"tone": {"kind": "text"}},
}
WORDS = ["Ann", "met", "Bob", "met", "Ann", "in", "Linz"]
SPANS = st.sampled_from(["Ann", "met", "Ann met", "in", "Linz", "Bob met Ann"])
WHY = st.sampled_from(["", "a reason", "one | two"])
NAMES = st.fixed_dictionaries(
    {"layer": st.just("names"), "label": st.sampled_from(["PER", "LOC"]), "span": SPANS, "why": WHY}
)


@st.composite
def marks(draw: st.DrawFn) -> list[dict[str, Any]]:
    """Marks that fit the codebook: names, and deeds that lead to names or deeds that are marked."""
    made = draw(st.lists(NAMES, min_size=1, max_size=4))
    names = sorted({mark["span"] for mark in made})
    for _ in range(draw(st.integers(0, 3))):
        label = draw(st.sampled_from(["MEET", "SHUN"]))
        choice = st.sampled_from(sorted(VALUES))
        optional = {"how": choice, "moods": choice | st.lists(choice, min_size=1, unique=True)}
        if label == "SHUN":
            optional["note"] = st.sampled_from(["shy", "a | b"])
        ends = st.lists(st.sampled_from(names), min_size=1, max_size=2)
        made.append(
            {
                "layer": "deeds",
                "label": label,
                "span": draw(SPANS),
                "values": draw(st.fixed_dictionaries({}, optional=optional)),
                "relations": draw(st.fixed_dictionaries({}, optional={"by": ends, "after": ends})),
                "why": draw(WHY),
            }
        )
    for mark in made:
        mark["occurrence"] = draw(st.integers(1, f" {' '.join(WORDS)} ".count(f" {mark['span']} ")))
    return draw(st.permutations(made))


def codebook(marked: list[dict[str, Any]]) -> Codebook:
    example = {"text": f"{' '.join(WORDS)}.\n\nA second paragraph.", "marks": marked}
    made = msgspec.convert(SPEC | {"worked_example": example}, Codebook)
    validate_codebook(made)
    return made


def cells(row: str) -> list[str]:
    return [part.strip().replace("\\|", "|") for part in re.split(r"(?<!\\)\|", row)[1:-1]]


def expected(mark: WorkedMark) -> list[str]:
    """The cells of a mark, all of them."""
    return [
        f"**{mark.span}**" + (f" (occurrence {mark.occurrence})" if mark.occurrence > 1 else ""),
        mark.label,
        "; ".join(f"`{key}` {', '.join(mark.given(key))}" for key in mark.values),
        "; ".join(f"`{key}` -> {', '.join(f'*{span}*' for span in ends)}" for key, ends in mark.relations.items()),
        mark.why,
    ]


@given(marks())
def test_every_mark_stands_in_the_table_of_its_layer(marked: list[dict[str, Any]]) -> None:
    made = codebook(marked)
    assert made.worked_example
    text = render_guidelines(made, {})
    section = text.partition("\n## A worked example\n")[2]
    paragraph, *tables = section.split("\n### ")
    assert paragraph.strip() == "> Ann met Bob met Ann in Linz.\n>\n> A second paragraph."
    shown = {}
    for table in tables:
        heading, head, _, *rows = filter(None, table.splitlines())
        columns = ["words", "label", "values", "relations", "why"]
        of_row = [dict(zip(cells(head), cells(row), strict=True)) for row in rows]
        shown[heading] = [[row.get(column, "") for column in columns] for row in of_row]
    wanted = {"Names" if name == "names" else name: [expected(mark) for mark in made.worked_example.marks if mark.layer == name] for name in made.layers}  # fmt: skip  # noqa: E501
    assert shown == {heading: rows for heading, rows in wanted.items() if rows}
    assert render_cheat_sheet(made) == render_cheat_sheet(msgspec.structs.replace(made, worked_example=None))


@given(marks())
def test_it_folds_in_the_instructions_of_label_studio(marked: list[dict[str, Any]]) -> None:
    html = guidelines_html(render_guidelines(codebook(marked), {}))
    folded = html.rpartition("<details><summary><h2>A worked example</h2>")[2]
    assert "<blockquote>" in folded
    assert folded.count("<table>") == len({mark["layer"] for mark in marked})
    for mark in marked:
        assert f"<strong>{mark['span']}</strong>" in folded


def test_it_stands_before_the_list_of_entities_and_in_the_contents() -> None:
    text = render_guidelines(codebook([{"layer": "names", "label": "PER", "span": "Ann"}]), {})
    assert "- [A worked example](#a-worked-example)" in text
    assert text.index("## The article as a whole") < text.index("## A worked example")
