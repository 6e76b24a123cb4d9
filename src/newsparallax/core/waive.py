"""Waivers: known problems with their reasons, and those that cover nothing any more."""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from .problems import Problem, problem
from .registry import Waiver


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
                yield problem("stale-waiver", f"waiver {number + 1} ({what}) covers nothing", file="waivers.toml")


_PLACES = ("file", "article_id", "task_id", "annotation_id", "region_id")


def _covers(waiver: Waiver, found: Problem) -> bool:
    if waiver.code != found.code:
        return False
    return all(getattr(waiver, name) in (None, getattr(found, name)) for name in _PLACES)
