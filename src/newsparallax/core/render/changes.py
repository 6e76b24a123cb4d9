"""Changes between two versions -> lines for a reader, and a section for CHANGELOG.md."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from ..changes import RULES, Change
from ..versions import Kind

Totals = dict[str, dict[str, int]]
LINES = 20  # changes of a kind that are shown
NAMES = 10  # ids in a line of the changelog
SOME = 3  # values of a list that are shown
_IN_ORDER = ("tags", "starts", "ends", "blocks")  # lists in which the place of a value counts
WIDE = 60  # characters of a value that are shown


def reasons(bump: Kind | None, totals: Totals) -> list[str]:
    """Why the changes ask for this kind of version: a line for every kind of change that asks for it itself."""
    found = []
    for kind, configs in totals.items():
        rule = RULES[kind]
        if rule.bump == bump and (rule.listed or not any(RULES[k].bump == bump and RULES[k].listed for k in totals)):
            where = ", ".join(config for config in configs if config)
            places = f" ({where})" if where and kind.split("-")[0] not in ("article", "config") else ""
            found.append(f"{rule.what}{places}: {sum(configs.values()):,} ({rule.why})")
    return found


def lines(changes: list[Change], totals: Totals) -> Iterator[str]:
    """The changes as lines of a table, severest first: bump, what, where, and from what to what."""
    shown: dict[str, list[Change]] = {}
    for change in changes:
        shown.setdefault(change.kind, []).append(change)
    wide = max((len(RULES[kind].what) for kind in totals), default=0)
    for kind, configs in totals.items():
        rule = RULES[kind]
        head = f"{rule.bump}  {rule.what:<{wide}}  "
        if not rule.listed:
            yield from (f"{head}{config}: {number:,}" for config, number in configs.items())
            continue
        listed = shown.get(kind, [])[:LINES]
        yield from (f"{head}{describe(change)}" for change in listed)
        more = sum(configs.values()) - len(listed)
        if more:
            yield f"{head}... and {more:,} more"


def describe(change: Change) -> str:
    """Where a change is, and from what to what."""
    where = ".".join(part for part in (change.config, change.id) if part) if _is_shape(change) else ""
    if change.kind.startswith(("config", "split", "file", "codebook", "article", "annotation")):
        where = change.id
    where = where or f"{change.config} {change.id}" + (f" in {change.article}" if change.article else "")
    fields = ", ".join(_told(change, name, old, new) for name, (old, new) in change.fields.items())
    also = f" (also {', '.join(change.also)})" if change.also else ""
    return where + (f": {fields}" if fields else "") + also


def _is_shape(change: Change) -> bool:
    return change.kind.split("-")[0] in ("column", "label")


def _told(change: Change, name: str, old: Any, new: Any) -> str:
    """What changed in a field; of what came or went as a whole, the value alone."""
    if change.kind.endswith(("-added", "-removed")):
        return f"{name} {_value(new if old is None else old)}"
    if not (isinstance(old, list) and isinstance(new, list)) or name == "labels":
        return f"{name} {_value(old)} -> {_value(new)}"
    if name in _IN_ORDER:
        if len(old) != len(new):
            return f"{name} {len(old)} -> {len(new)} values"
        differ = [(place, pair) for place, pair in enumerate(zip(old, new, strict=True)) if pair[0] != pair[1]]
        more = f" and {len(differ) - SOME} more" if len(differ) > SOME else ""
        return ", ".join(f"{name}[{place}] {one} -> {other}" for place, (one, other) in differ[:SOME]) + more
    parts = [f"-{_value(value)}" for value in old if value not in new]
    return " ".join([name, *parts, *(f"+{_value(value)}" for value in new if value not in old)])


def _value(value: Any) -> str:
    if value is None or value == []:
        return "nothing"
    if isinstance(value, dict):
        value = [f"{name} {_value(part)}" for name, part in value.items()]
    if isinstance(value, list | tuple):
        value = ", ".join(map(str, value))
    text = str(value).replace("\n", "\\n")
    return text if len(text) <= WIDE else f"{text[:WIDE]}..."


def section(version: str, changes: list[Change], totals: Totals) -> Iterator[str]:
    """A section of a changelog (Keep a Changelog) with what changed in the data, in lines without their ends.

    It has ids, names of columns and labels, and numbers; no other values of rows, which may be words of articles.
    """
    yield f"## [{version}] - unreleased"
    yield ""
    yield "### Data"
    for title in ("Added", "Changed", "Removed"):
        kinds = [kind for kind in totals if RULES[kind].section == title and RULES[kind].listed]
        if kinds:
            yield from ("", f"#### {title}", "")
            for kind in kinds:
                for config, number in totals[kind].items():
                    mine = [change for change in changes if (change.kind, change.config) == (kind, config)]
                    yield f"- {_entry(kind, config, number, mine)}"
    if not totals:
        yield from ("", "Nothing changed.")


def _entry(kind: str, config: str, number: int, changes: list[Change]) -> str:
    rule = RULES[kind]
    where = f"`{config}`: " if config and kind.split("-")[0] not in ("article", "config", "annotation") else ""
    entry = f"{where}{rule.what}" if where else rule.what[0].upper() + rule.what[1:]
    entry += f" ({number:,})" if number > 1 or not changes else ""
    names = [_named(change) for change in changes[:NAMES]]
    if names:
        entry += ": " + ", ".join(names) + (", ..." if number > len(names) else "")
    return entry + "."


def _named(change: Change) -> str:
    """What a changelog says of one change."""
    pair = change.fields.get("name") or change.fields.get("label") if _is_name(change) else None
    names = [f"`{name}`" for name in pair or () if name is not None]
    if change.kind.startswith("label") and names:
        return f"{' -> '.join(names)} in `{change.id}`"
    if names:
        return " -> ".join(names)
    return f"`{change.id}`" + (f" ({', '.join(_columns(change.fields))})" if _shows_columns(change) else "")


def _is_name(change: Change) -> bool:
    return change.kind.split("-")[0] in ("column", "label", "config", "split")


def _shows_columns(change: Change) -> bool:
    return bool(change.fields) and change.kind.rpartition("-")[2] in ("corrected", "moved", "relations")


def _columns(fields: Iterable[str]) -> Iterator[str]:
    yield from (f"`{name}`" for name in fields)
