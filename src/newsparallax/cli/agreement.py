"""Command `agreement`: agreement of annotators per layer and pair, with n and intervals, and disputed places.

In a terminal, these are tables of figures and confusions, and the disputed places side by side.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from itertools import pairwise
from typing import Annotated, Any

import typer
from rich.box import SIMPLE_HEAD
from rich.console import Console, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from ..agreement import BRACKETS, MAX_LISTED, NO_PAIRS, Metrics, Record, group_sample, group_tables, group_title, notes
from ..building import Measured, measure
from ..corpus import open_corpus
from ..text import plural
from . import console

MAX_CELLS = 12  # cells of a confusion table to list if the table is too wide
LONGEST = 120  # maximum code points of a quote to show
GONE = "nothing"
SAID = {"marked": "marked by one"}
BLOCK = "¶"


def print_agreement(out: Console, measured: Measured) -> None:
    """Print everything in the width of the console: 80 columns if it is not a terminal."""
    for part in (*_figures(measured.figures, out.width), *_disputes(measured)):
        out.print(part, soft_wrap=False)


def _figures(figures: Metrics, width: int) -> Iterator[RenderableType]:
    yield f"{figures['corpus']['name']} {figures['corpus']['version']}: agreement of annotators"
    pairs, gold = figures["pairs"], figures["against_gold"]
    if not pairs and not gold:
        yield NO_PAIRS
        return
    people = Table(box=None, padding=(0, 0, 0, 2), show_header=False)
    for name, who in figures["annotators"].items():
        people.add_row(name, who["kind"], f"saw: {who['given']}" if who["given"] else "")
    yield people
    if not pairs:
        yield "\nNo article has annotations by two annotators other than the adjudicator."
    for group in [*(figures["overall"] if len(pairs) > 1 else []), *pairs[:MAX_LISTED]]:
        yield from _group(group_title(group), group, width)
    if len(pairs) > MAX_LISTED or figures["pairs_dropped"]:
        rest = "too many to report each" if figures["pairs_dropped"] else f"{len(pairs):,}"
        yield f"\nPairs: {rest}. The totals include all pairs; {MAX_LISTED} are shown. --json shows more."
    for group in gold[:MAX_LISTED]:
        yield from _group(
            f"Compared with gold: {group_title(group)}. {group['annotators'][1]} decided the gold.", group, width
        )
    yield f"\n{BRACKETS.format(figures['bootstrap']['share'])}"


def _group(title: str, group: Metrics, width: int) -> Iterator[RenderableType]:
    yield Text(f"\n{title}", style="bold")
    yield group_sample(group)
    for head, rows in group_tables(group):
        table = _table([name.rstrip(":") for name in head], {name.rstrip(":") for name in head if name.endswith(":")})
        for row in rows:
            table.add_row(*(cell.replace(" [", "\n[") for cell in row))
        yield table
    if wrote := notes(group):
        yield wrote
    for name, layer in group["layers"].items():
        yield from _confusion(f"{name}: labels", group, layer["labels"], width)
        for key, field in layer["attributes"].items():
            yield from _confusion(f"{name}.{key}", group, field, width)
    for name, field in group["document"].items():
        yield from _confusion(name, group, field, width)


def _table(head: list[str], right: set[str]) -> Table:
    table = Table(box=SIMPLE_HEAD, padding=(0, 1), pad_edge=False)
    for name in head:
        table.add_column(name, justify="right" if name in right else "left", overflow="fold")
    return table


def _confusion(name: str, group: Metrics, field: Metrics, width: int) -> Iterator[RenderableType]:
    """Yield a confusion table of the values on which annotators differ; a table that is too wide becomes a list."""
    cells = {(x, y): number for x, y, number in field.get("table", ())}
    differ = {value for pair in cells if pair[0] != pair[1] for value in pair}
    values = [value for value in dict.fromkeys(value for pair in cells for value in pair) if value in differ]
    values.sort(key=lambda value: value is None)
    if not values:
        return
    rows, columns = group["annotators"] or ("one", "the other")
    names = [value or GONE for value in values]
    if sum(len(head) + 2 for head in names) + max(map(len, names)) > width - len(name):
        listed = sorted(((-number, x or GONE, y or GONE) for (x, y), number in cells.items() if x != y))
        shown = "; ".join(f"{x} / {y} {-number:,}" for number, x, y in listed[:MAX_CELLS])
        more = f"; and {len(listed) - MAX_CELLS:,} more" if len(listed) > MAX_CELLS else ""
        yield f"{name}, {rows} / {columns}: {shown}{more}"
        return
    if not group["annotators"]:  # a sum over pairs has no direction: count both ways
        cells |= {(y, x): number for (x, y), number in cells.items()}
    table = _table([f"{name}: {rows} \\ {columns}", *names], set(names))
    for x, head in zip(values, names, strict=True):
        table.add_row(head, *(f"{cells.get((x, y), 0):,}" if (x, y) != (None, None) else "" for y in values))
    yield table


def _disputes(measured: Measured) -> Iterator[RenderableType]:
    if not measured.figures["pairs"]:
        return
    yield Text(f"\nDisputes: {measured.total:,}", style="bold")
    for number, record in enumerate(measured.first, 1):
        differs = ", ".join(SAID.get(part, part.partition(".")[2] or part) for part in record["differs"])
        yield Text.assemble(f"\n{number}  ", (record["layer"], "bold"), f"  {record['article_id']}  {differs}")
        if record["context"]:
            yield Padding(Text(_in_context(record)), (0, 0, 0, 3))
        sides = Table(box=None, padding=(0, 2, 0, 3), show_header=False, expand=True)
        for name in record["annotators"]:
            sides.add_column(name, ratio=1, overflow="fold")
        for row in zip(*(_side(record, side) for side in (0, 1)), strict=True):
            sides.add_row(*row)
        yield sides
    if measured.total > len(measured.first):
        yield f"\n... and {measured.total - len(measured.first):,} more; --json shows all"


def _in_context(record: Record) -> str:
    """Return the surrounding text on one line: the marked part in brackets, a pilcrow where a block starts."""
    context = record["context"]
    marks = [mark for mark in record["marks"] if mark]
    start, end = min(mark["start"] for mark in marks), max(mark["end"] for mark in marks)

    def part(begin: int, stop: int) -> str:
        cuts = [begin, *(cut for cut in context["block_starts"] if begin < cut <= stop), stop]
        first = context["start"]
        return f" {BLOCK} ".join(context["text"][a - first : b - first] for a, b in pairwise(cuts))

    before, marked, after = part(context["start"], start), part(start, end), part(end, context["end"])
    return " ".join(f"{before}[{_short(' '.join(marked.split()))}]{after}".split())


def _side(record: Record, side: int) -> Iterator[str]:
    """Yield what one annotator says: name, then label, offsets and quote, then the values and relations that differ."""
    mark: Any = record["marks"][side]
    yield record["annotators"][side]
    if mark is None:
        yield GONE
        yield ""
        return
    if "value" in mark:
        yield _value(mark["value"])
        yield ""
        return
    yield f"{' + '.join(mark['labels'])}  {mark['start']}..{mark['end']}  {_short(' '.join(mark['quote'].split()))}"
    lines = []
    for part in record["differs"]:
        kind, _, name = part.partition(".")
        if kind == "attributes":
            lines.append(f"{name}: {_value(mark['attributes'].get(name))}")
        elif kind == "relations":
            targets = [_short(link["quote"]) for link in mark["relations"] if link["name"] == name]
            lines.append(f"{name} -> {', '.join(targets) or GONE}")
    yield "\n".join(lines)


def _value(value: Any) -> str:
    if value is None or value == []:
        return GONE
    return ", ".join(map(_value, value)) if isinstance(value, list) else str(value)


def _short(words: str) -> str:
    half = LONGEST // 2
    return words if len(words) <= LONGEST else f"{words[:half]} ... {words[-half:]}"


def agreement_command(
    corpus: console.Corpus = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object, with all disputes.")] = False,
) -> int:
    """Measure the agreement of annotators, and list disputes.

    Compares the annotations of different annotators of the same article: the latest of each annotator, without
    cancelled ones. Starred annotations and those of adjudicators are not part of the pairs; each annotator is compared
    with them separately. Spans: F1 for equal offsets, for equal offsets and label, and for overlap. Labels and choices
    of matched spans: Krippendorff's alpha and Cohen's kappa. Ids and relations: F1. Intervals are 95 % bootstrap
    intervals over articles, or over blocks if there are few articles. In JSON, an undefined measure is null, with the
    reason; docs/reference/formats.md describes the keys.

    Exit code 0: done, with any agreement; 2: stopped by an error.
    """
    folder = open_corpus(corpus)
    with ExitStack() as stack:
        with console.progress("articles") as progress:
            measured = stack.enter_context(measure(folder, None, progress))
        if as_json:
            console.write(measured.json())
        else:
            print_agreement(console.out, measured)
    if left_out := measured.figures["left_out"]["results_quarantined"]:
        console.err.print(
            f"not compared: {plural(left_out, 'quarantined result item')}; `newsparallax check` lists them"
        )
    return console.DONE
