"""Write the pages of a report."""

from __future__ import annotations

import base64
import hashlib
import re
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from jinja2 import Environment, PackageLoader

from .._util import WorkerPool, require, usable_processors, write_whole
from ..read import Dataset, colors, open_dataset
from .disputes import disputes
from .tables import annotation_tables, naming_table, outlets_of, records, repaired, stance_tables, terms_table
from .tellings import STYLES, tellings

MOST_EVENTS = 10  # in one file; a dataset with more has an index, and a page an event
AT_ONCE = 50  # events that are in memory
WORKERS = 2  # processes that write pages; each needs about 250 MB
GROUPS_EACH = 8  # that a worker writes before it is replaced
SHOWN = 100  # rows of the index that are shown at once
LISTS = ("disputed", "overruled", "repaired")
Progress = Callable[[int, int], None]
Facts = dict[str, Any]


def write_report(dataset: Dataset, out: Path, progress: Progress | None = None) -> list[Path]:
    """Write the report to the file `out` and return the files, `out` last.

    With more than `MOST_EVENTS` events, `out` is an index, and the pages of events are in a folder next to it with the
    name of the file and `-events`. Raises UsageError where the packages that draw plots are missing, OSError where a
    file cannot be written, and NewsParallaxError where a process that writes pages ended.
    """
    require("report")
    ids = sorted(dataset.events)
    page = _Page(dataset)
    if len(ids) <= MOST_EVENTS:
        events = list(_events(dataset, ids, progress))
        write_whole(out, page.render(events=events, annotation=_annotation(dataset, [*map(_counted, events)])))
        _remove_pages(out, 0)
        return [out]
    index = _event_pages(dataset, ids, out, progress)
    write_whole(out, page.render(annotation=_annotation(dataset, index), index=index))
    _remove_pages(out, len(index))
    return [*(out.parent / entry["href"] for entry in index), out]


def _event_pages(dataset: Dataset, ids: list[str], out: Path, progress: Progress | None) -> list[Facts]:
    """Write the pages of events in worker processes, and return the lines of the index.

    A worker is replaced after some groups of events, because the library that draws plots does not free all memory.
    """
    groups = [(dataset.folder, out, first, ids[first : first + AT_ONCE]) for first in range(0, len(ids), AT_ONCE)]
    index: list[Facts] = []
    processes = min(WORKERS, usable_processors())
    with WorkerPool(processes, hint="memory may have run out", max_tasks_per_child=GROUPS_EACH) as pool:
        try:
            for entries in pool.map(_write_group, groups):
                index += entries
                if progress:
                    progress(len(index), len(ids))
        except KeyboardInterrupt:
            pool.shutdown(cancel_futures=True)  # lets the workers complete the files that they are writing
            raise
    return index


def _remove_pages(out: Path, number: int) -> None:
    """Remove the pages of an earlier report with more than `number` events from the folder next to `out`."""
    for page in (out.parent / f"{out.stem}-events").glob("[0-9]*.html"):
        if re.fullmatch(r"\d{6,}", page.stem) and int(page.stem) >= number:
            page.unlink()


def _write_group(group: tuple[Path, Path, int, list[str]]) -> list[Facts]:
    """Write the pages of some events, numbered from `first`, and return the lines of the index."""
    folder, out, first, ids = group
    dataset = open_dataset(folder)
    page = _Page(dataset)
    made = []
    for number, event in enumerate(_events(dataset, ids, None), first):
        href = f"{out.stem}-events/{number:06}.html"
        write_whole(out.parent / href, page.render(events=[event], home=f"../{out.name}"))
        made.append(_entry(event, href))
    return made


def parts(dataset: Dataset, ids: list[str]) -> Iterator[tuple[str, Dataset]]:
    """Yield the parts of some events; the rows of `AT_ONCE` events are in memory together."""
    for first in range(0, len(ids), AT_ONCE):
        yield from dataset.of_events(ids[first : first + AT_ONCE]).by_event().items()


def _events(dataset: Dataset, ids: list[str], progress: Progress | None) -> Iterator[Facts]:
    """Yield what the template shows of each event."""
    from . import plots  # its libraries belong to an extra

    for number, (id_, part) in enumerate(parts(dataset, ids), 1):
        outlets, naming, stances = outlets_of(part), naming_table(part), stance_tables(part)
        disputed, overruled = disputes(part)
        yield tellings(part) | {
            "id": id_,
            "outlets": outlets,
            "naming": naming,
            "naming_plots": plots.naming_plots(naming, outlets),
            "stances": stances,
            "stance_plots": plots.stance_plots(stances),
            "terms": terms_table(part),
            "pairs": records(part.pairs()),
            "disputed": disputed,
            "overruled": overruled,
            "repaired": repaired(part),
        }
        if progress:
            progress(number, len(ids))


def _annotation(dataset: Dataset, events: list[Facts]) -> Facts:
    """Return what the section about annotation shows; `events` have the numbers of `_counted`."""
    from . import plots

    made = annotation_tables(dataset)
    for group in made["agreement"]:
        for table in group["tables"]:
            table["plot"] = plots.agreement_plot(group["title"], table["points"]) if table["points"] else None
    numbers: dict[str, Counter[str]] = {name: Counter() for name in LISTS}
    for event in events:
        for name in LISTS:
            numbers[name].update(event[name])
    return made | {
        "label_plots": plots.label_plots(made["labels"]),
        "totals": [(layer, [numbers[name][layer] for name in LISTS]) for layer in dataset.codebook.layers],
        "lists": LISTS,
    }


def _counted(event: Facts) -> Facts:
    """Return how many places in question an event has, by list and layer."""
    return {name: Counter(row["layer"] for row in event[name]) for name in LISTS}


def _entry(event: Facts, href: str) -> Facts:
    """Return a line of the index: what can be searched are entities, their names, and terms."""
    names = {str(one["name"]) for row in event["naming"] for cell in row["cells"] for one in cell if one["name"]}
    entities = [row["entity"] for row in event["naming"]]
    terms = sorted({str(row["wording"]) for row in event["terms"] if row["wording"]})
    found = " ".join(
        [event["id"], *event["outlets"], *entities, *names, *terms]
    ).lower()  # as the search in the page does
    return {
        "id": event["id"], "href": href, "outlets": ", ".join(event["outlets"]), "entities": ", ".join(entities[:6]),
        "terms": ", ".join(terms[:6]), "articles": len(event["heads"]), "words": " ".join(sorted(set(found.split()))),
    } | _counted(event)  # fmt: skip


class _Page:
    """The template with what is the same on all pages."""

    def __init__(self, dataset: Dataset) -> None:
        environment = Environment(
            loader=PackageLoader(__package__ or ""), autoescape=True, trim_blocks=True, lstrip_blocks=True
        )
        source, _, _ = environment.loader.get_source(environment, "page.js")  # type: ignore[union-attr]
        style, _, _ = environment.loader.get_source(environment, "page.css")  # type: ignore[union-attr]
        digest = base64.b64encode(hashlib.sha256(source.encode()).digest()).decode()
        manifest = dataset.manifest.as_json()
        layers = list(dataset.codebook.layers)
        self._template = environment.get_template("page.html")
        self._shared = {
            "dataset": dataset, "script": source, "style": re.sub(r"\n\s*", "", style), "script_digest": digest,
            "kinds": sorted(set((manifest.get("annotators") or {}).values())), "layers": layers,
            "texts": dataset.manifest.texts,
            "styles": {name: STYLES[number % len(STYLES)] for number, name in enumerate(layers)},
            "colors": colors(dataset.codebook), "codebook": dataset.codebook, "shown": SHOWN,
        }  # fmt: skip

    def render(self, events: list[Facts] = [], **facts: Any) -> bytes:  # noqa: B006
        """Return a page as UTF-8; lone surrogates, which texts may have, become question marks."""
        return self._template.render(**self._shared, events=events, **facts).encode("utf-8", "replace")
