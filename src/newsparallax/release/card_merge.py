"""Merge the card of a release with the edits that maintainers made by hand on the hub.

A release puts its card on the hub twice: as README.md, and as BASE, which nobody edits. The next release treats the
differences between README.md and BASE as edits by hand, and keeps them (a three-way merge). Generated blocks always
come from the new release.
"""

from __future__ import annotations

import difflib
import re
from typing import Any, NamedTuple

import yaml

from .._util import parted, require
from ..dataset import README, block_contents, fill_blocks
from ..errors import NewsParallaxError

OURS_ALWAYS = ("configs", "dataset_info", "size_categories")  # made from the data; other values would break loading

_KEY = re.compile(r"^(?:(['\"])(?P<quoted>.*?)\1|(?P<plain>[^\s#'\"\-{}\[\],&*!|>%@`][^:#]*?))\s*:(?=\s|$)")


class Merged(NamedTuple):
    """A merged card, and notes for the user about the edits that were kept or dropped."""

    text: str
    notes: list[str]


def merge_cards(ours: str, theirs: str | None, base: str | None) -> Merged:
    """Merge the new card `ours` with the hub's card `theirs`; `base` is the card of the last release.

    Front matter keys that exist only on the hub are kept in their written form. Keys changed on the hub are kept unless
    the new card has changed them, too. Lists get the additions of both sides. Changed and added prose is kept; where
    both sides changed the same lines, the merged card has both versions. Raises NewsParallaxError where the hub's front
    matter is not a YAML mapping.
    """
    if theirs is None or theirs in (base, ours):
        return Merged(ours, [])
    (front, prose), (their_front, their_prose) = _parted(ours), _parted(theirs)
    base_front, base_prose = _parted(base) if base is not None else ("", None)
    merged_front, notes = _merge_fronts(front, their_front, base_front)
    blocks = block_contents(prose)
    mine, there = _emptied(prose), _emptied(their_prose)
    merged = _merge_prose(mine, there, None if base_prose is None else _emptied(base_prose))
    gone = [name for name in blocks if name not in block_contents(merged)]
    merged += "".join(f"\n<!-- begin generated: {name} -->\n<!-- end generated: {name} -->\n" for name in gone)
    added = sum(line.startswith("+ ") and bool(line[2:].strip()) for line in _compared(mine, merged)) - 2 * len(gone)
    if added > 0:
        notes.append(f"kept {added} line{'' if added == 1 else 's'} of prose")
    merged = fill_blocks(merged, {name: blocks.get(name, "") for name in block_contents(merged)})
    return Merged(f"---\n{merged_front}---\n{merged}" if merged_front else merged, notes)


def _parted(card: str) -> tuple[str, str]:
    """Return front matter and prose, also of a card edited in a browser (byte order mark, CR LF line ends)."""
    return parted(card.removeprefix("\ufeff").replace("\r\n", "\n"))


def _emptied(prose: str) -> str:
    """Return the prose with empty generated blocks, because only prose is merged."""
    return fill_blocks(prose, dict.fromkeys(block_contents(prose), ""))


def _compared(text: str, base: str) -> list[str]:
    return list(difflib.ndiff(text.splitlines(), base.splitlines()))


def _merge_prose(ours: str, theirs: str, base: str | None) -> str:
    """Merge by lines in three ways; without a base, keep every line that occurs on only one side."""
    require("merge3")
    from merge3 import Merge3

    lines, their_lines = ours.splitlines(keepends=True), theirs.splitlines(keepends=True)
    if base is not None:
        base_lines = base.splitlines(keepends=True)
    elif block_contents(theirs):  # a card of this program whose base is unknown
        matched = difflib.SequenceMatcher(None, lines, their_lines, autojunk=False).get_matching_blocks()
        base_lines = [line for match in matched for line in lines[match.a : match.a + match.size]]
    else:
        return f"{ours.rstrip()}\n\n{theirs.strip()}\n" if theirs.strip() else ours
    merged: list[str] = []
    for kind, *place in Merge3(base_lines, lines, their_lines).merge_regions():
        if kind == "conflict":
            _, _, start, end, their_start, their_end = place
            merged += lines[start:end] + [line for line in their_lines[their_start:their_end] if line.strip()]
        else:
            source = {"unchanged": base_lines, "a": lines, "same": lines, "b": their_lines}[kind]
            merged += source[place[0] : place[1]]
    return "".join(merged)


def _merge_fronts(ours: str, theirs: str, base: str) -> tuple[str, list[str]]:
    """Return the merged front matter, with the written form of each key, and notes about the hub's keys."""
    values, their_values, base_values = (_loaded(front) for front in (ours, theirs, base))
    written, their_written = _keys(ours), _keys(theirs)
    notes = []
    for key, value in their_values.items():
        if key in OURS_ALWAYS or value in (values.get(key), base_values.get(key)) or key not in their_written:
            continue
        mine = values.get(key)
        if mine == base_values.get(key):  # also where neither has the key
            written[key] = their_written[key]
            notes.append(f"kept `{key}` of the front matter")
        elif isinstance(mine, list) and isinstance(value, list):
            known = [*mine, *(base_values.get(key) or [])]
            added = [part for part in value if part not in known]
            written[key] = yaml.safe_dump({key: mine + added}, allow_unicode=True, width=1000)
            notes += [f"kept {part!r} in `{key}` of the front matter" for part in added]
        else:
            notes.append(f"did not keep `{key}` of the front matter: this release has another value for it")
    return "".join(written.values()), notes


def _loaded(front: str) -> dict[str, Any]:
    """Parse a front matter; all scalar values stay strings, so that 1.10 and 1.1 are different."""
    try:
        table = yaml.load(front, yaml.BaseLoader) if front.strip() else {}
    except yaml.YAMLError as error:
        what = str(error).replace("\n", " ")
        hint = "correct the front matter of the card on the hub"
        raise NewsParallaxError(f"the front matter is not YAML: {what}", file=f"hub: {README}", hint=hint) from None
    if not isinstance(table, dict):
        raise NewsParallaxError("the front matter is not a table of keys", file=f"hub: {README}")
    return table


def _keys(front: str) -> dict[str, str]:
    """Return the written lines of every top-level key; a comment belongs to the key before it."""
    keys: dict[str, str] = {}
    key = ""
    for line in front.splitlines(keepends=True):
        named = _KEY.match(line)
        if named:
            key = named["quoted"] if named["quoted"] is not None else named["plain"].strip()
        keys[key] = keys.get(key, "") + line
    return keys
