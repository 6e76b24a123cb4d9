"""The tables of a report for a terminal."""

from __future__ import annotations

from collections import Counter, defaultdict
from typing import Any, NamedTuple

from ..read import Dataset
from .disputes import disputes
from .pages import LISTS, Progress, parts
from .tables import Cells, annotation_tables, ordered_names, outlets_of, records, repaired
from .tellings import aligned_rows

LISTED = 50  # places and pairs of words that are listed
MOST_ROWS = 500  # of names and of stances
MOST_OUTLETS = 6  # that fit side by side

Facts = dict[str, Any]


class Shown(NamedTuple):
    """A table: its title, its columns, its rows, and how many more rows there are."""

    title: str
    columns: list[str]
    rows: list[list[str]]
    more: int = 0


def summary(dataset: Dataset, progress: Progress | None = None) -> list[Shown]:
    """Return the tables of a report. The rows of some events are in memory at a time."""
    found = _Found()
    ids = sorted(dataset.events)
    for number, (id_, part) in enumerate(parts(dataset, ids), 1):
        found.add(id_, part)
        if progress:
            progress(number, len(ids))
    made = [table for table in [*found.tables(dataset), *_annotation(dataset)] if table.rows]
    return [
        table._replace(rows=table.rows[:MOST_ROWS], more=table.more + max(0, len(table.rows) - MOST_ROWS))
        for table in made
    ]


class _Found:
    """What is counted over all events."""

    def __init__(self) -> None:
        self.outlets: set[str] = set()
        self.names: dict[str, dict[str, Counter[str | None]]] = defaultdict(lambda: defaultdict(Counter))
        self.stances: dict[tuple[str, str, str], list[float]] = defaultdict(lambda: [0, 0.0])
        self.passages: list[list[str]] = []
        self.pairs: list[list[str]] = []
        self.more_pairs = 0
        self.places: dict[str, list[Facts]] = {name: [] for name in LISTS}
        self.totals: dict[str, Counter[str]] = {name: Counter() for name in LISTS}

    def add(self, id_: str, part: Dataset) -> None:
        """Count an event."""
        self.outlets |= {*outlets_of(part)}
        for row in records(part.naming()):
            self.names[row["entity_id"]][row["outlet"] or row["articles"][0]][row["name"]] += row["count"]
        for row in records(part.stances()):
            key = (
                row["outlet"] or row["article_id"],
                str(row["holder"] or "not named"),
                str(row["target"] or "not named"),
            )
            self.stances[key][0] += 1
            self.stances[key][1] += row["polarity"]
        rows = Counter(row.how for row in aligned_rows(part))
        self.passages.append([id_, str(len(part.articles)), *(str(rows[how]) for how in ("kept", "reworded", "alone"))])
        pairs = records(part.pairs())
        self.pairs += [_pair(row) for row in pairs[: max(0, LISTED - len(self.pairs))]]
        self.more_pairs += len(pairs)
        for name, several in zip(LISTS, (*disputes(part), repaired(part)), strict=True):
            self.totals[name] += Counter(row["layer"] for row in several)
            self.places[name] += several[: max(0, LISTED - len(self.places[name]))]

    def tables(self, dataset: Dataset) -> list[Shown]:
        """Return the tables about the articles, and those about places in question."""
        events = len(self.passages)
        layers = [[layer, *(str(self.totals[name][layer]) for name in LISTS)] for layer in dataset.codebook.layers]
        disputed, overruled, moved = (self.places[name] for name in LISTS)
        more = {name: sum(self.totals[name].values()) - len(self.places[name]) for name in LISTS}
        head = ["place", "outlet", "layer", "differs in", "annotators", "gold"]
        return [
            Shown(
                "Passages", ["event", "articles", "rows kept", "reworded", "only in one"],
                self.passages[:LISTED], max(0, events - LISTED),
            ),
            *self._naming(dataset),
            Shown("Stances", ["outlet", "holder", "target", "sum", "n"], self._stances()),
            Shown(
                "Terms", ["referent", "outlet", "wording", "outlet", "wording"],
                self.pairs, self.more_pairs - len(self.pairs),
            ),
            Shown("Places in question", ["layer", *LISTS], layers if any(map(any, self.totals.values())) else []),
            Shown("Disputed", head, [_place(row) for row in disputed], more["disputed"]),
            Shown("Overruled", head, [_place(row) for row in overruled], more["overruled"]),
            Shown(
                "Repaired spans", ["place", "outlet", "layer", "method"],
                [[*_head(row), row["repair"]] for row in moved], more["repaired"],
            ),
        ]  # fmt: skip

    def _naming(self, dataset: Dataset) -> list[Shown]:
        """Return the names, with a column an outlet; of many outlets, each entity has a row an outlet."""
        outlets = sorted(self.outlets)
        cells: Cells = {
            id_: {
                outlet: [{"name": name, "count": count} for name, count in names.items()]
                for outlet, names in by.items()
            }
            for id_, by in self.names.items()
        }
        rows = ordered_names(dataset, cells, outlets)
        if len(outlets) <= MOST_OUTLETS:
            return [
                Shown("Naming", ["entity", *outlets], [[row["entity"], *map(_names, row["cells"])] for row in rows])
            ]
        long = [
            [row["entity"], outlet, _names(cell)]
            for row in rows
            for outlet, cell in zip(outlets, row["cells"], strict=True)
            if cell
        ]
        return [Shown("Naming", ["entity", "outlet", "names"], long)]

    def _stances(self) -> list[list[str]]:
        return [[*key, f"{total:+.3g}", str(number)] for key, (number, total) in sorted(self.stances.items())]


def _names(cell: list[Facts]) -> str:
    return ", ".join(f"{one['name'] or 'withheld'} {one['count']}" for one in cell) or "not named"


def _pair(row: Facts) -> list[str]:
    wordings = [row["wording_a"] or "UNNAMED", row["wording_b"] or "UNNAMED"]
    return [str(cell) for cell in (row["referent"], row["outlet_a"], wordings[0], row["outlet_b"], wordings[1])]


def _head(row: Facts) -> list[str]:
    """Return the place, the outlet and the layer of a place."""
    place = "the article" if row["start"] is None else f"{row['start']}–{row['end']}"
    words = f" {' '.join(row['quote'].split())}" if row["quote"] else ""
    return [place + words, row["outlet"] or row["article_id"], row["layer"]]


def _place(row: Facts) -> list[str]:
    said = "; ".join(f"{each['who']}: {each['words']}" for each in row["said"])
    differs = ", ".join(row["differs"] or row["gold_differs"])
    return [*_head(row), differs, said, row["gold"] or "none"]


def _annotation(dataset: Dataset) -> list[Shown]:
    made = annotation_tables(dataset)
    labels = [[layer, label, str(n)] for layer, counts in made["labels"].items() for label, n in counts.items()]
    tables = [
        Shown("Annotators", ["annotator", "kind", "annotations"], [[*map(str, row)] for row in made["annotators"]]),
        Shown("Labels", ["layer", "label", "spans"], labels),
        Shown("Problems", ["problem", "severity", "n"], [[code, how, str(n)] for code, n, how, _ in made["problems"]]),
        Shown("Repairs", ["method", "n"], [[method, str(n)] for method, n in made["repairs"].items()]),
    ]
    for group in made["agreement"]:
        for table in group["tables"]:
            rows = [[what, *values] for what, values in table["rows"]]
            tables.append(Shown(f"Agreement. {group['title']}", ["what", *table["head"]], rows))
    return tables
