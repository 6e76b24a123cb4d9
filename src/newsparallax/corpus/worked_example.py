"""Records of the worked example: a paragraph that the codebook annotates in all layers, for the guidelines."""

from __future__ import annotations

import re
from typing import Annotated

from msgspec import Meta

from ..text import token_edges
from .toml import Record


class WorkedMark(Record):
    """A mark of the worked example. Relations name the `span` of the marks to which they lead."""

    layer: Annotated[str, Meta(description="The layer of the mark.")]
    label: Annotated[str, Meta(description="The label of the mark.")]
    span: Annotated[str, Meta(description="The marked words, as they stand in the text of the example.")]
    occurrence: Annotated[
        int,
        Meta(
            description="Which occurrence of `span` is marked, from 1. Occurrences inside longer words do not count, "
            "unless there are no others."
        ),
    ] = 1
    values: Annotated[
        dict[str, str | list[str]],
        Meta(description="The values of the mark, by attribute: a text, or a list of texts for several values."),
    ] = {}
    relations: Annotated[
        dict[str, list[str]],
        Meta(description="The spans of the marks to which the relations lead, by relation."),
    ] = {}
    why: Annotated[str, Meta(description="The reason, in a few words.")] = ""

    def given(self, name: str) -> list[str]:
        """Return the values of an attribute; an empty list where the mark has none."""
        value = self.values.get(name, [])
        return [value] if isinstance(value, str) else value


class WorkedExample(Record):
    """A paragraph that is annotated in all layers, for the guidelines."""

    text: Annotated[str, Meta(description="A paragraph that is not taken from the corpus.")]
    marks: Annotated[list[WorkedMark], Meta(description="All marks of the paragraph.")]

    def occurrences(self, span: str) -> list[int]:
        """Return the offsets of `span` in the text: as whole words, or inside words if it never is whole words."""
        starts, ends = map(set, token_edges(self.text))
        found = [match.start() for match in re.finditer(f"(?={re.escape(span)})", self.text)] if span else []
        return [start for start in found if start in starts and start + len(span) in ends] or found
