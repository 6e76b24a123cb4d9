"""Agreement in a terminal: tables of figures and of confusion, and the disputed places side by side."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise
from typing import Any

from rich.box import SIMPLE_HEAD
from rich.console import Console, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from ..core.disputes import Record
from ..core.render.agreement import BRACKETS, NOBODY, group_sample, group_tables, group_title, notes
from .agreement import MOST_LISTED, Measured
from .figures import Figures

MOST_CELLS = 12  # of a table of confusion that is too wide and is listed instead
LONGEST = 120  # code points of disputed words that are shown
GONE = "nothing"
SAID = {"marked": "marked by one"}
BLOCK = "¶"


def print_agreement(out: Console, measured: Measured) -> None:
    """Print everything, as wide as the console is: 80 columns where it is no terminal."""
    for part in (*_figures(measured.figures, out.width), *_disputes(measured)):
        out.print(part, soft_wrap=False)


def _figures(figures: Figures, width: int) -> Iterator[RenderableType]:
    yield f"{figures['corpus']['name']} {figures['corpus']['version']}: agreement of annotators"
    pairs, gold = figures["pairs"], figures["against_gold"]
    if not pairs and not gold:
        yield NOBODY
        return
    people = Table(box=None, padding=(0, 0, 0, 2), show_header=False)
    for name, who in figures["annotators"].items():
        people.add_row(name, who["kind"], f"given: {who['given']}" if who["given"] else "")
    yield people
    if not pairs:
        yield "\nNo article has marks of two annotators apart from the adjudicator."
    for group in [*(figures["overall"] if len(pairs) > 1 else []), *pairs[:MOST_LISTED]]:
        yield from _group(group_title(group), group, width)
    if len(pairs) > MOST_LISTED or figures["pairs_dropped"]:
        rest = "more than are kept one by one" if figures["pairs_dropped"] else f"{len(pairs):,}"
        yield f"\nPairs: {rest}. The sums count all of them, {MOST_LISTED} are shown; --json has more."
    for group in gold[:MOST_LISTED]:
        yield from _group(f"Against gold: {group_title(group)}. {group['annotators'][1]} decided.", group, width)
    yield f"\n{BRACKETS.format(figures['bootstrap']['share'])}"


def _group(title: str, group: Figures, width: int) -> Iterator[RenderableType]:
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


def _confusion(name: str, group: Figures, field: Figures, width: int) -> Iterator[RenderableType]:
    """What one took for what the other took for something else; values that are in no difference are left out."""
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
        shown = "; ".join(f"{x} / {y} {-number:,}" for number, x, y in listed[:MOST_CELLS])
        more = f"; and {len(listed) - MOST_CELLS:,} more" if len(listed) > MOST_CELLS else ""
        yield f"{name}, {rows} / {columns}: {shown}{more}"
        return
    if not group["annotators"]:  # of nobody in particular: both ways
        cells |= {(y, x): number for (x, y), number in cells.items()}
    table = _table([f"{name}: {rows} \\ {columns}", *names], set(names))
    for x, head in zip(values, names, strict=True):
        table.add_row(head, *(f"{cells.get((x, y), 0):,}" if (x, y) != (None, None) else "" for y in values))
    yield table


def _disputes(measured: Measured) -> Iterator[RenderableType]:
    if not measured.figures["pairs"]:
        return
    yield Text(f"\nDisputed places: {measured.total:,}", style="bold")
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
        yield f"\n... and {measured.total - len(measured.first):,} more; --json has all of them"


def _in_context(record: Record) -> str:
    """The words around on one line, what is marked in brackets, and where a block begins a pilcrow."""
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
    """What one of the two says: name, place and words, and the values and arrows that differ."""
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
    found = []
    for part in record["differs"]:
        kind, _, name = part.partition(".")
        if kind == "attributes":
            found.append(f"{name}: {_value(mark['attributes'].get(name))}")
        elif kind == "relations":
            targets = [_short(link["quote"]) for link in mark["relations"] if link["name"] == name]
            found.append(f"{name} -> {', '.join(targets) or GONE}")
    yield "\n".join(found)


def _value(value: Any) -> str:
    if value is None or value == []:
        return GONE
    return ", ".join(map(_value, value)) if isinstance(value, list) else str(value)


def _short(words: str) -> str:
    half = LONGEST // 2
    return words if len(words) <= LONGEST else f"{words[:half]} ... {words[-half:]}"
