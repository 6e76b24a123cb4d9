"""Write the pages of a report, and its summary as plain tables."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from jinja2 import Environment, PackageLoader

from .._util import write_whole
from ..corpus import ARTICLES
from ..read import Dataset, colors
from .tables import annotation_tables, naming_table, outlets_of, records, stance_tables
from .tellings import STYLES, tellings

MOST_EVENTS = 10  # in one file; a dataset with more has an index, and a page an event
AT_ONCE = 100  # events that are in memory
Progress = Callable[[int, int], None]
Facts = dict[str, Any]


def write_report(dataset: Dataset, out: Path, progress: Progress | None = None) -> list[Path]:
    """Write the report to the file `out` and return the files, `out` last.

    With more than `MOST_EVENTS` events, `out` is an index, and the pages of events are in a folder next to it with the
    name of the file and `-events`. Raises OSError where a file cannot be written.
    """
    ids = sorted({row["event_id"] for row in dataset.rows(ARTICLES, ["event_id"])})
    page = _Page(dataset)
    if len(ids) <= MOST_EVENTS:
        events = list(_events(dataset, ids, progress))
        write_whole(out, page.render(events=events, annotation=annotation_tables(dataset), index=[], home=None))
        return [out]
    folder = out.with_name(f"{out.stem}-events")
    files, index = [], []
    for number, event in enumerate(_events(dataset, ids, progress)):
        file = folder / f"{number:06}.html"
        write_whole(file, page.render(events=[event], annotation=None, index=[], home=f"../{out.name}"))
        files.append(file)
        index.append(_entry(event, f"{folder.name}/{file.name}"))
    write_whole(out, page.render(events=[], annotation=annotation_tables(dataset), index=index, home=None))
    return [*files, out]


def _events(dataset: Dataset, ids: list[str], progress: Progress | None) -> Iterator[Facts]:
    """Yield what the template shows of each event; the rows of `AT_ONCE` events are read together."""
    for first in range(0, len(ids), AT_ONCE):
        group = dataset.of_events(ids[first : first + AT_ONCE]).by_event()
        for number, (id_, part) in enumerate(group.items(), first + 1):
            shown, spans = tellings(part)
            yield {
                "id": id_,
                "tellings": shown,
                "spans": spans,
                "outlets": outlets_of(part),
                "naming": naming_table(part),
                "stances": stance_tables(part),
                "terms": records(part.terms()),
                "pairs": records(part.pairs()),
            }
            if progress:
                progress(number, len(ids))


def _entry(event: Facts, href: str) -> Facts:
    """Return a line of the index: what can be searched are entities, their names, and terms."""
    names = {str(one["name"]) for row in event["naming"] for cell in row["cells"] for one in cell if one["name"]}
    entities = [row["entity"] for row in event["naming"]]
    terms = sorted({str(row["wording"]) for row in event["terms"] if row["wording"]})
    words = " ".join([event["id"], *event["outlets"], *entities, *sorted(names), *terms]).casefold()
    return {
        "id": event["id"], "href": href, "outlets": event["outlets"], "entities": entities[:6], "terms": terms[:6],
        "articles": len(event["tellings"]), "words": words,
    }  # fmt: skip


class _Page:
    """The template with what is the same on all pages."""

    def __init__(self, dataset: Dataset) -> None:
        environment = Environment(loader=PackageLoader(__package__ or ""), autoescape=True, trim_blocks=True)
        source, _, _ = environment.loader.get_source(environment, "page.js")  # type: ignore[union-attr]
        style, _, _ = environment.loader.get_source(environment, "page.css")  # type: ignore[union-attr]
        digest = base64.b64encode(hashlib.sha256(source.encode()).digest()).decode()
        kinds = sorted(set((dataset.manifest.as_json().get("annotators") or {}).values()))
        layers = list(dataset.codebook.layers)
        self._template = environment.get_template("page.html")
        self._shared = {
            "dataset": dataset, "script": source, "style": style, "kinds": kinds, "colors": colors(dataset.codebook),
            "script_digest": digest, "layers": layers,
            "styles": {name: STYLES[number % len(STYLES)] for number, name in enumerate(layers)},
            "roles": dataset.codebook.roles,
        }  # fmt: skip

    def render(self, **facts: Any) -> bytes:
        """Return a page as UTF-8; lone surrogates, which texts may have, become question marks."""
        return self._template.render(**self._shared, **facts).encode("utf-8", "replace")


def summary(dataset: Dataset) -> list[tuple[str, list[str], list[list[str]]]]:
    """Return the tables of the complete dataset for a terminal: (title, columns, rows)."""
    outlets = outlets_of(dataset)
    named = [
        [
            row["entity"],
            *(", ".join(f"{one['name']} {one['count']}" for one in cell) or "not named" for cell in row["cells"]),
        ]
        for row in naming_table(dataset)
    ]
    stances = [
        [table["outlet"], holder, target, f"{cell['sum']:+.3g}", str(len(cell["rows"]))]
        for table in stance_tables(dataset)
        for holder, cells in table["rows"]
        for target, cell in zip(table["targets"], cells, strict=True)
        if cell["rows"]
    ]
    pairs = [
        [
            row["referent"],
            row["outlet_a"],
            row["wording_a"] or "UNNAMED",
            row["outlet_b"],
            row["wording_b"] or "UNNAMED",
        ]
        for row in records(dataset.pairs())
    ]
    return [
        ("Naming", ["entity", *outlets], named),
        ("Stances", ["outlet", "holder", "target", "sum", "n"], stances),
        (
            "Terms",
            ["referent", "outlet", "wording", "outlet", "wording"],
            [[str(cell) for cell in row] for row in pairs],
        ),
    ]
