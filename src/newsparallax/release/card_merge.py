"""The card on the hub: what this release says, together with what maintainers wrote there by hand.

A release puts its card on the hub twice: as README.md, and as BASE, which nobody edits. The next release takes what
README.md has beyond BASE for written by hand, and keeps it (a three-way merge). Generated blocks are always those of
the new release.
"""

from __future__ import annotations

import difflib
import re
from typing import Any, NamedTuple

import yaml

from ...core.errors import NewsParallaxError, UsageError
from ...core.render.card import block_contents, fill_blocks
from ...core.render.markdown import parted

README, BASE = "README.md", ".card.md"
OURS_ALWAYS = ("configs", "dataset_info", "size_categories")  # made from the data; another value would not load it

_KEY = re.compile(r"^(?:(['\"])(?P<quoted>.*?)\1|(?P<plain>[^\s#'\"\-{}\[\],&*!|>%@`][^:#]*?))\s*:(?=\s|$)")


class Merged(NamedTuple):
    """A card, and what became of what was written by hand on the hub, in words."""

    text: str
    notes: list[str]


def merge_cards(ours: str, theirs: str | None, base: str | None) -> Merged:
    """The new card `ours` with what `theirs`, the hub's, has by hand; `base` is the card of the last release.

    Unknown keys of the front matter stay as they are written there, changed ones too unless the new card has changed
    them as well; lists get what was added on either side. Changed and added prose stays; where both changed the same
    lines, the card has both. Raises NewsParallaxError for a front matter on the hub that is not YAML.
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
    """Front matter and prose, also of a card that was written in a browser."""
    return parted(card.removeprefix("\ufeff").replace("\r\n", "\n"))


def _emptied(prose: str) -> str:
    """The prose with nothing in its generated blocks, which are no prose."""
    return fill_blocks(prose, dict.fromkeys(block_contents(prose), ""))


def _compared(one: str, other: str) -> list[str]:
    return list(difflib.ndiff(one.splitlines(), other.splitlines()))


def _merge_prose(ours: str, theirs: str, base: str | None) -> str:
    """A three-way merge by lines; without a base, every line that only one of the two has stays."""
    try:
        from merge3 import Merge3
    except ImportError:
        raise UsageError("merge3 is not installed", hint="`make .venv/release` installs it") from None
    lines, their_lines = ours.splitlines(keepends=True), theirs.splitlines(keepends=True)
    if base is not None:
        base_lines = base.splitlines(keepends=True)
    elif block_contents(theirs):  # a card of this program, of which nothing is known
        matched = difflib.SequenceMatcher(None, lines, their_lines, autojunk=False).get_matching_blocks()
        base_lines = [line for found in matched for line in lines[found.a : found.a + found.size]]
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
    """The merged front matter, key by key as it is written, and what was kept."""
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
            notes.append(f"did not keep `{key}` of the front matter, which this release says too, differently")
    return "".join(written.values()), notes


def _loaded(front: str) -> dict[str, Any]:
    """The keys of a front matter; values stay as they are written, so that 1.10 is not 1.1."""
    try:
        found = yaml.load(front, yaml.BaseLoader) if front.strip() else {}
    except yaml.YAMLError as error:
        what = str(error).replace("\n", " ")
        hint = "mend the card's front matter on the hub"
        raise NewsParallaxError(f"the front matter is not YAML: {what}", file=f"hub: {README}", hint=hint) from None
    if not isinstance(found, dict):
        raise NewsParallaxError("the front matter is not a table of keys", file=f"hub: {README}")
    return found


def _keys(front: str) -> dict[str, str]:
    """The lines of every key of the first level, as they are written; comments belong to the key before them."""
    found: dict[str, str] = {}
    key = ""
    for line in front.splitlines(keepends=True):
        named = _KEY.match(line)
        if named:
            key = named["quoted"] if named["quoted"] is not None else named["plain"].strip()
        found[key] = found.get(key, "") + line
    return found
