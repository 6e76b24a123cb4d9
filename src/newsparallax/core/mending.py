"""How a copy of a text may differ from the text by nothing that anybody wrote: what programs do when they save it."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from itertools import product
from typing import Literal

import msgspec

BOM = "\ufeff"
TAILS = 16  # characters of white space at a copy's end that are tried one by one

_LINE_END = re.compile("\r\n|\r|\n")

Form = Literal["", "NFC", "NFD"]


class Mend(msgspec.Struct, frozen=True, omit_defaults=True):
    """What is to be changed in a copy; each part says nothing where it is "", False or None."""

    bom: bool = False  # take a byte order mark away, or set one
    ends: str = ""
    form: Form = ""
    tail: str | None = None  # the white space at the end

    def __bool__(self) -> bool:
        return self != Mend()

    def apply(self, copy: str) -> str:
        """The copy, mended."""
        text = copy
        if self.bom:
            text = text[1:] if text.startswith(BOM) else BOM + text
        if self.ends:
            text = _LINE_END.sub(self.ends, text)
        if self.form:
            text = unicodedata.normalize(self.form, text)
        return text if self.tail is None else text.rstrip() + self.tail

    def told(self) -> str:
        """What was mended, in words."""
        parts = {
            "byte order mark": self.bom,
            "line ends": bool(self.ends),
            f"Unicode form ({self.form})": bool(self.form),
            "white space at the end": self.tail is not None,
        }
        return ", ".join(name for name, is_ in parts.items() if is_)


def mended(copy: str, *, tails: bool = True) -> Iterator[tuple[Mend, str]]:
    """The copy itself, then every way to mend it, those that change least first; with the text that comes of it."""
    ends = ("", "\n", "\r\n", "\r") if _LINE_END.search(copy) else ("",)
    forms: tuple[Form, ...] = ("",) if copy.isascii() else ("", "NFC", "NFD")
    ways = [Mend(*way) for way in product((False, True), ends, forms)]
    ways.sort(key=lambda way: (way.bom + bool(way.ends) + bool(way.form), way.bom))
    done = set()
    for way in ways:
        text = way.apply(copy)
        if text not in done:  # of a dozen ways most come to the same
            done.add(text)
            yield way, text
    if tails:
        for way, text in [(way, way.apply(copy)) for way in ways]:
            bare = text.rstrip()
            for tail in _tails(text[len(bare) :], way.ends or _first_end(copy)):
                if bare + tail not in done:
                    done.add(bare + tail)
                    yield msgspec.structs.replace(way, tail=tail), bare + tail


def _tails(own: str, end: str) -> Iterator[str]:
    yield from dict.fromkeys(("", end, 2 * end, " ", *(own[:size] for size in range(min(len(own), TAILS)))))


def _first_end(copy: str) -> str:
    found = _LINE_END.search(copy.rstrip()) or _LINE_END.search(copy)
    return found[0] if found else "\n"
