"""Waivers: known problems with their reasons, and those that cover nothing any more."""

from __future__ import annotations

from collections.abc import Iterator
from difflib import get_close_matches

import msgspec

from .errors import CorpusError
from .problems import CODES, Problem, problem
from .registry import Waiver

STALE = "stale-waiver"


def validate_waivers(waivers: list[Waiver]) -> None:
    """Raises CorpusError for a waiver of no problem's code, and for one of stale waivers, which would hide others."""
    for number, waiver in enumerate(waivers, 1):
        if waiver.code in CODES and waiver.code != STALE:
            continue
        close = get_close_matches(waiver.code, CODES, 1)
        wrong = "cannot be waived" if waiver.code == STALE else "is the code of no problem"
        hint = "remove the stale waiver" if waiver.code == STALE else f"is {close[0]} meant?" if close else None
        place = f"waivers.{number}.code"
        raise CorpusError(f'"{waiver.code}" {wrong}', file="waivers.toml", place=place, hint=hint)


class Waiving:
    """Marks problems as waived and remembers which waivers were of use."""

    def __init__(self, waivers: list[Waiver]) -> None:
        self._waivers = waivers
        self._used: set[int] = set()

    def judge(self, found: Problem) -> Problem:
        """The problem, with the reason of the first waiver that covers it."""
        for number, waiver in enumerate(self._waivers):
            if _covers(waiver, found):
                self._used.add(number)
                return msgspec.structs.replace(found, waived=waiver.reason)
        return found

    def stale(self) -> Iterator[Problem]:
        """A Problem for every waiver that covered nothing."""
        for number, waiver in enumerate(self._waivers):
            if number not in self._used:
                parts = {name: getattr(waiver, name) for name in (*_PLACES, "code")}
                what = ", ".join(f"{name} {value}" for name, value in parts.items() if value is not None)
                yield problem(STALE, f"waiver {number + 1} ({what}) covers nothing", file="waivers.toml")


_PLACES = ("file", "article_id", "task_id", "annotation_id", "region_id")


def _covers(waiver: Waiver, found: Problem) -> bool:
    if waiver.code != found.code:
        return False
    return all(getattr(waiver, name) in (None, getattr(found, name)) for name in _PLACES)
