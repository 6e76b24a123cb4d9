"""Copies that are not the annotated text: where they differ, and which spans they still have."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pyarrow.parquet as pq

from ..core import schema
from ..core.codebook import Codebook
from ..core.drift import Gap, Piece, align, gaps, line_and_column, place_in, window_ranges
from ..core.mending import Mend, mended
from .copies import Copies

DRIFT = "drift.jsonl"
BATCH = 1000  # rows held at a time
GAPS = 3  # differences that a line names
QUICK = 200_000  # code points up to which a copy is also compared as it would be mended


class Compared(msgspec.Struct, frozen=True, array_like=True):
    """The copy that has most of an article's text: its path, how it was mended, and its parts that are the text."""

    path: str
    mend: Mend
    empty: bool
    pieces: list[Piece]
    gaps: list[Gap]
    places: list[tuple[int, int]]  # line and column of each gap in the copy


class Drifted:
    """The articles of which there is a file by name, but not with their text."""

    def __init__(self, dataset: Path, codebook: Codebook, copies: Copies) -> None:
        self._dataset, self._codebook, self._copies = dataset, codebook, copies
        self._found: dict[str, bytes] = {}  # article id -> Compared, encoded: there may be many
        self._spans: dict[str, tuple[int, int]] = {}  # article id -> how many survive, how many there are
        for row in _rows(dataset / schema.STANDOFF):
            if not copies.is_found(row["article_id"]):
                compared = [self._compare(path, row) for path in copies.called(row["article_id"])]
                best = max((found for found in compared if found), key=_covered, default=None)
                if best:
                    self._found[row["article_id"]] = msgspec.json.encode(best)

    def missing(self) -> Iterator[str]:
        """A line for every article of which there is no copy that could be compared."""
        for article_id in self._copies.not_found():
            if article_id not in self._found:
                paths = self._copies.called(article_id)
                yield f"{article_id}: {f'{paths[0]} is not UTF-8' if paths else 'no copy'}"

    def told(self) -> Iterator[str]:
        """A line for every article whose copy is another text: where it differs, and how many spans survive."""
        for article_id, content in self._found.items():
            found = msgspec.json.decode(content, type=Compared)
            survive, spans = self._spans.get(article_id, (0, 0))
            mend = f" (its {found.mend.told()} mended)" if found.mend else ""
            yield f"{article_id}: {found.path}{mend} {_differs(found)}; {survive:,} of {spans:,} marks survive"

    def write(self, draft: Path) -> None:
        """Write drift.jsonl: every span of these articles, gold or vote, and where it stands in the copy."""
        if not self._found:
            return
        with (draft / DRIFT).open("wb") as sink:
            for config in (*self._codebook.layers, schema.VOTES):
                for row in _spans(self._dataset, config):
                    if row["article_id"] in self._found and row["start"] is not None:
                        sink.write(msgspec.json.encode(self._survival(config, row)) + b"\n")

    def _survival(self, config: str, row: dict[str, Any]) -> dict[str, Any]:
        found = msgspec.json.decode(self._found[row["article_id"]], type=Compared)
        at = place_in(found.pieces, row["start"], row["end"])
        survive, spans = self._spans.get(row["article_id"], (0, 0))
        self._spans[row["article_id"]] = (survive + (at is not None), spans + 1)
        copy = {"file": found.path, "mended": found.mend.told() or None}
        place = {"start": at, "end": None if at is None else at + row["end"] - row["start"]}
        return {"config": config, **row, "survives": at is not None, "copy": copy | place}

    def _compare(self, path: str, row: dict[str, Any]) -> Compared | None:
        """The file against the windows of the text, as it is or mended, whichever has more; None if it is no text."""
        copy = self._copies.read(path)
        if copy is None or len(row["digests"]) != len(window_ranges(row["length"], row["window"])):
            return None
        best: Compared | None = None
        for mend, text in mended(copy, tails=False) if len(copy) <= QUICK else ((Mend(), copy),):
            pieces = align(text, row["length"], row["digests"], row["window"])
            if best is None or _size(pieces) > _covered(best):
                between = gaps(pieces, row["length"], len(text))
                places = [line_and_column(text, gap.low) for gap in between[:GAPS]]
                best = Compared(path, mend, not copy, pieces, between, places)
        return best


def spans_of(dataset: Path, layer: str) -> Iterator[dict[str, Any]]:
    """The places of all marks of a layer, gold ones and votes."""
    yield from _spans(dataset, layer)
    yield from (row for row in _spans(dataset, schema.VOTES) if row["layer"] == layer and row["span_id"] is not None)


def _spans(dataset: Path, config: str) -> Iterator[dict[str, Any]]:
    more = ("layer", "annotation_id") if config == schema.VOTES else ()
    yield from _rows(dataset / config, "span_id", "article_id", "start", "end", *more)


def _covered(compared: Compared) -> int:
    return _size(compared.pieces)


def _size(pieces: list[Piece]) -> int:
    return sum(piece.end - piece.start for piece in pieces)


def _differs(found: Compared) -> str:
    """Where a copy differs, in words; ranges of the annotated text are known to a window's length."""
    if found.empty:
        return "is empty"
    if not found.pieces:
        return "has nothing of the annotated text"
    parts = [_difference(*one) for one in zip(found.gaps, found.places, strict=False)]
    more = len(found.gaps) - len(parts)
    return "differs from the annotated text " + ", ".join(parts) + (f" and {more:,} more" if more else "")


def _difference(gap: Gap, place: tuple[int, int]) -> str:
    where = f"line {place[0]}, column {place[1]}"
    if gap.start < gap.end:
        return f"in {gap.start}..{gap.end} ({where})"
    if gap.low < gap.high:
        return f"at {gap.start}, where it has {gap.high - gap.low:,} code points more ({where})"
    return f"at {gap.start}, from where on it goes on elsewhere ({where})"


def _rows(folder: Path, *columns: str) -> Iterator[dict[str, Any]]:
    for path in sorted(folder.glob("*.parquet")):
        with pq.ParquetFile(path) as file:
            for batch in file.iter_batches(BATCH, columns=list(columns) or None):
                yield from batch.to_pylist()
