"""Locate regions in the text: the offset contract.

The regions of an annotation are located together, because one tool wrote them all. Each region has several readings of
its position: in several units, by its XPath, and by offsets that markup shifted. The quote of the region decides which
readings are possible. Where the quote fits at several places, or where there is no quote, the readings decide that the
other regions of the annotation do not refute. The rules, in order of precedence:

1. an exact quote at one place, or at several places of which the other regions refute all but one;
2. an exact quote at offsets that are shifted by one number for all regions of the page;
3. a tolerant quote (lost, changed or escaped white space);
4. a quote within complete words that contain it (word granularity: the offsets are new, the quote is old);
5. a single occurrence nearby, at word edges.

No rule overrides an earlier one. A region that stays ambiguous is rejected, so a span is never at another place than
the annotator's.

Sources: HumanSignal/label-studio issues #1347, #2007, #4843 and #4988; for word granularity, its `granularity`
parameter.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from ..problems import Rejection
from ..text import CODE_POINTS, CRLF, CRLF_UTF16, UTF16, TextIndex, is_blank, shown_apart

NEARBY = 100  # maximum distance of a nearby quote on each side, in code points
LONG = 4  # a quote of at least this many code points that occurs once in the text need not lie at word edges
SHIFTS = 1000  # maximum number of occurrences of a quote that are tried as a shift

XPATH, XPATH_UTF16, SHIFT, SHIFT_UTF16 = "xpath", "xpath+utf16", "shift", "shift+utf16"
PATHS = (XPATH, XPATH_UTF16)
UNITS = {CODE_POINTS, UTF16, CRLF, CRLF_UTF16}
SHIFT_UNITS = {SHIFT: CODE_POINTS, SHIFT_UTF16: UTF16}

Place = tuple[int, int]


class Located(NamedTuple):
    """A place `[start, end)` in the text, in code points; `method` is the repair of the offsets, None if they fit."""

    start: int
    end: int
    method: str | None


@dataclass(slots=True)
class Claim:
    """The position of a region by its item.

    `readings` maps each way of reading to a place, None for a way that leads to no place. `start` and `end` are the
    numbers in the export. `page` names the HTML text of the region, None for plain text: a way of reading is refuted
    for all plain texts of the annotation together, or for one page.
    """

    index: TextIndex
    start: int | None
    end: int | None
    quote: str | None
    readings: dict[str, Place | None]
    page: str | None = None
    exact: dict[str, Place] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.quote is not None:
            self.exact = self.where(lambda way, place: self.index.equals(*place, self.quote or "", way))

    def where(self, holds: Callable[[str, Place], bool]) -> dict[str, Place]:
        """Return the readings, in order, whose way and place satisfy the condition `holds`."""
        return {way: place for way, place in self.readings.items() if place is not None and holds(way, place)}


def claim_offsets(index: TextIndex, start: int, end: int, quote: str | None) -> Claim:
    """Return a claim by offsets into a plain text."""
    return Claim(index, start, end, quote, index.readings(start, end))


def locate_span(index: TextIndex, start: int, end: int, quote: str | None, *, trim: bool = True) -> Located | Rejection:
    """Locate a single region of a plain text by its offsets and its quote."""
    return locate([claim_offsets(index, start, end, quote or None)], trim=trim)[0]


def locate(claims: Sequence[Claim], *, trim: bool = True, unit: str | None = None) -> list[Located | Rejection]:
    """Locate the regions of one annotation, each by its quote and by the other regions; results in order of `claims`.

    With `trim`, white space at the edges of a span is removed. `unit` is the unit of offsets in the corpus settings; it
    decides where quotes do not. The `method` of a located region is None (the offsets fit), "utf16", "crlf",
    "crlf+utf16", "xpath", "xpath+utf16", "shift", "shift+utf16", "word", "nearby" or, where only white space was
    removed, "trim". The codes of rejections: ambiguous-offsets, unproven-offsets, quote-mismatch, offsets-out-of-range,
    reversed-offsets, empty-span.
    """
    groups: dict[str | None, list[Claim]] = {}
    for claim in claims:
        groups.setdefault(claim.page, []).append(claim)
    evidence = {page: _Evidence(group, unit) for page, group in groups.items()}
    return [_without_edges(claim, evidence[claim.page].locate(claim), trim=trim) for claim in claims]


class _Evidence:
    """The evidence of a group of regions: which ways of reading are refuted, and by how much offsets are shifted.

    A region whose quote fits exactly at one place refutes each reading that leads to another place. A proved shift
    refutes all unshifted offsets. In a page, a region whose exact path contradicts its offsets makes the offsets of the
    other regions doubtful, unless a path confirms them. Offsets alone are support only if they fit twice, because one
    fit may be chance.
    """

    def __init__(self, claims: Sequence[Claim], unit: str | None):
        self.unit = unit
        self._refuters: dict[str, list[Claim]] = {}
        self._doubters: list[Claim] = []
        self._support: Counter[str] = Counter()
        shifts = _shifts(claims)
        for shift in shifts:
            for claim in claims:
                shift.apply(claim)
        for claim in claims:
            self._learn(claim)
        for way in UNITS if shifts else ():
            self._refuters[way] = [claim for claim in claims if claim.exact]

    def _learn(self, claim: Claim) -> None:
        places = set(claim.exact.values())
        by_path = {place for way, place in claim.exact.items() if way in PATHS}
        if by_path and claim.start is not None and by_path.isdisjoint(claim.readings.get(way) for way in UNITS):
            self._doubters.append(claim)
        if len(places) != 1:
            return
        self._support.update(dict.fromkeys(claim.exact, 2 if by_path or claim.exact.keys() & SHIFT_UNITS.keys() else 1))
        for way, place in claim.readings.items() if len(claim.readings) > 1 else ():
            dead_path = place is None and way in PATHS
            if place not in places and not dead_path:
                self._refuters.setdefault(way, []).append(claim)

    def _refuted(self, claim: Claim) -> set[str]:
        """Return the ways of reading that other regions refute."""
        return {way for way, by in self._refuters.items() if any(refuter is not claim for refuter in by)}

    def locate(self, claim: Claim) -> Located | Rejection:
        """Return the region's place by the first rule that finds a place."""
        refuted = self._refuted(claim)
        left = claim.where(lambda way, place: way not in refuted)
        if claim.quote is None:
            return self._without_quote(claim, left)
        quote, index = claim.quote, claim.index
        tolerant = {way: place for way, place in left.items() if index.resembles(*place, quote)}
        if claim.exact:
            doubtful = refuted.issuperset(claim.exact) and bool(claim.page is not None or tolerant)
            doubtful |= claim.exact.keys() <= UNITS and any(other is not claim for other in self._doubters)
            return _ambiguous(claim, claim.exact | tolerant) if doubtful else self._single(claim, claim.exact, left)
        if tolerant:
            return self._single(claim, tolerant, left)
        words = {way: place for way, place in left.items() if _holds_in_words(index, *place, quote)}
        if words:
            located = self._single(claim, words, left)
            return located._replace(method="word") if isinstance(located, Located) else located
        near = _close_by(claim, list(left.values()))
        return Located(*near, "nearby") if near else _mismatch(claim)

    def _single(self, claim: Claim, readings: dict[str, Place], left: dict[str, Place]) -> Located | Rejection:
        """Return the only place of the readings, or of the readings that other regions do not refute (`left`)."""
        if len(set(readings.values())) > 1:
            readings = {way: place for way, place in readings.items() if way in left}
        if len(set(readings.values())) > 1 and self.unit in readings:
            readings = {self.unit: readings[self.unit]}
        if len(set(readings.values())) != 1:
            return _ambiguous(claim, claim.exact or readings)
        way, place = next(iter(readings.items()))
        return Located(*place, None if way == CODE_POINTS else way)

    def _without_quote(self, claim: Claim, left: dict[str, Place]) -> Located | Rejection:
        """Return the only remaining place; in a page, offsets and path must agree, or other regions must support it."""
        if not any(claim.readings.values()):
            return _mismatch(claim)
        proved = set(left.values())
        if claim.page is not None:
            by_path = {place for way, place in left.items() if way in PATHS}
            agreed = by_path & {place for way, place in left.items() if way not in PATHS}
            if len(by_path) == 1 and agreed:
                proved = agreed
            elif len(proved) > 1 or all(self._support[way] < 2 for way in left):
                proved = set()
        if not proved:
            code = "ambiguous-offsets" if claim.page is None else "unproven-offsets"
            return Rejection(code, "the region has no quote, and no other region confirms its place")
        return self._single(claim, {way: place for way, place in left.items() if place in proved}, left)


class _Shift(NamedTuple):
    """The number of units by which the offsets of all regions of a text are too large; `proofs` regions prove it."""

    way: str
    number: int
    proofs: int

    def place(self, claim: Claim) -> Place | None:
        """Return the place of a region after the shift."""
        if claim.start is None or claim.end is None:
            return None
        readings = claim.index.readings(claim.start - self.number, claim.end - self.number)
        return readings.get(SHIFT_UNITS[self.way], readings[CODE_POINTS])

    def apply(self, claim: Claim) -> None:
        """Replace the readings of the offsets by the shifted place, if two regions prove the shift.

        The region itself counts as a proof if it has a quote.
        """
        if self.proofs + (claim.quote is not None) < 2:
            return
        for readings in (claim.readings, claim.exact):
            for way in readings.keys() & UNITS:
                del readings[way]
        place = self.place(claim)
        if place is not None:
            claim.readings[self.way] = place
            if claim.quote is not None and claim.index.equals(*place, claim.quote):
                claim.exact[self.way] = place


def _shifts(claims: Sequence[Claim]) -> list[_Shift]:
    """Return the shift of the offsets of all regions; two shifts where code points and UTF-16 units give two numbers.

    Regions whose path gives their place prove the shift. Without such regions, there is a shift only if the quotes of
    at least three regions fit, at word edges, by exactly one shift, and if some of the quotes fit nowhere else.
    """
    known: list[tuple[Claim, Place]] = []
    for claim in claims:
        place = next((claim.exact[way] for way in PATHS if way in claim.exact), None)
        if place is not None and claim.start is not None and len(set(claim.exact.values())) == 1:
            known.append((claim, place))
    if known:
        numbers = {way: {n for claim, place in known for n in _differences(claim, place, way)} for way in SHIFT_UNITS}
        shifts = [
            _Shift(way, min(numbers_of_way), len(known))
            for way, numbers_of_way in numbers.items()
            if len(numbers_of_way) == 1
        ]
        return [] if any(shift.number == 0 for shift in shifts) else shifts
    quoted = [claim for claim in claims if claim.quote is not None and claim.start is not None]
    quotes = {claim.quote for claim in quoted}
    if (
        len(quoted) < 3
        or len(quotes) < 2
        or all(claim.exact for claim in quoted)
        or sum(map(len, filter(None, quotes))) < 10
    ):
        return []
    longest = max(quoted, key=lambda claim: len(claim.quote or ""))
    shifts = [
        shift
        for way in SHIFT_UNITS
        for shift in (_Shift(way, number, len(quoted)) for number in _numbers(longest, way))
        if all(_fits_shifted(claim, shift) for claim in quoted)
    ]
    return shifts[:1] if len({tuple(map(shift.place, quoted)) for shift in shifts}) == 1 else []


def _differences(claim: Claim, place: Place, way: str) -> tuple[int, int]:
    """Return how much larger a region's start and end offsets are than those of its place, in the unit of `way`."""
    start, end = place
    if way == SHIFT_UTF16:
        start, end = claim.index.to_utf16(start), claim.index.to_utf16(end)
    return (claim.start or 0) - start, (claim.end or 0) - end


def _numbers(claim: Claim, way: str) -> Iterator[int]:
    """Yield the shifts with which the quote of a region fits."""
    at = -1
    for _ in range(SHIFTS):
        at = claim.index.text.find(claim.quote or "", at + 1)
        if at < 0:
            return
        yield _differences(claim, (at, at), way)[0]


def _fits_shifted(claim: Claim, shift: _Shift) -> bool:
    place = shift.place(claim)
    return place is not None and claim.index.equals(*place, claim.quote or "") and claim.index.at_word_edges(*place)


def _holds_in_words(index: TextIndex, start: int, end: int, quote: str) -> bool:
    """Whether `[start, end)` are complete words, and the quote lacks only parts of the first and the last word."""
    if not index.at_word_edges(start, end) or end - start > 2 * len(quote) + 2 * NEARBY:
        return False
    places = index.occurrences(start, end, quote)
    return len(places) == 1 and not any(
        char.isspace() for char in index.text[start : places[0][0]] + index.text[places[0][1] : end]
    )


def _close_by(claim: Claim, places: list[Place]) -> Place | None:
    """Return the only occurrence of the quote within NEARBY code points of the region's possible places, at word edges.

    A quote of at least LONG code points that occurs only once in the text may lie within words.
    """
    index, quote = claim.index, claim.quote or ""
    if not any(claim.readings.values()) and claim.start is not None and claim.end is not None:
        start, end = sorted((claim.start, claim.end))
        places = [(start, min(end, start + len(quote)))]
    near = {occurrence for start, end in dict.fromkeys(places) for occurrence in _near(index, start, end, quote)}
    if len(near) != 1 or is_blank(quote):
        return None
    (place,) = near
    once = len(quote) >= LONG and len(index.occurrences(0, len(index.text), quote)) == 1
    return place if once or index.at_word_edges(*place) else None


def _near(index: TextIndex, start: int, end: int, quote: str) -> list[Place]:
    low = max(0, start - NEARBY)
    high = min(len(index.text), max(end, start + len(quote)) + NEARBY)
    too_long = high - low > 2 * len(quote) + 4 * NEARBY  # a region that is much longer than its quote is no evidence
    return [] if too_long else index.occurrences(low, high, quote)


def _mismatch(claim: Claim) -> Rejection:
    start, end, length = claim.start, claim.end, len(claim.index.text)
    if start is None or end is None:
        return Rejection("unproven-offsets", _wrong_path(claim))
    if end < start:
        code, message = "reversed-offsets", "end before they begin"
    elif start == end and 0 <= start <= length:
        code, message = "empty-span", "contain no text"
    elif not 0 <= start < end <= length:
        code, message = "offsets-out-of-range", f"are outside of the text, which has {length} code points"
    else:
        piece, quote = shown_apart(claim.index.text[start:end], claim.quote or "")
        code, message = "quote-mismatch", f"contain {piece}; expected the quote {quote}"
    return Rejection(code if claim.page is None else "unproven-offsets", f"the offsets {start}..{end} {message}")


def _wrong_path(claim: Claim) -> str:
    """Return the message for a region of a page that has a path, but no offsets in the text."""
    place = next((place for place in claim.readings.values() if place), None)
    if claim.quote is None:
        return "the region's path leads to no text, and the region has no quote"
    if place is None:
        return f"the region's path leads to no text; expected the quote {shown_apart(claim.quote)[0]}"
    piece, quote = shown_apart(claim.index.text[slice(*place)], claim.quote)
    return f"the text at the region's path is {piece}; expected the quote {quote}"


def _ambiguous(claim: Claim, readings: dict[str, Place]) -> Rejection:
    ways: dict[Place, str] = {}
    for way, place in readings.items():
        ways.setdefault(place, way)
    listed = " or ".join(
        f"{start}..{end} ({way}, {shown_apart(claim.index.text[start:end])[0]})" for (start, end), way in ways.items()
    )
    why = "its quote fits each place" if claim.quote is not None else "the region has no quote"
    return Rejection("ambiguous-offsets", f"the region can be at {listed}: {why}, and other regions do not decide")


def _without_edges(claim: Claim, located: Located | Rejection, *, trim: bool) -> Located | Rejection:
    if isinstance(located, Rejection):
        return located
    piece = claim.index.text[located.start : located.end]
    if is_blank(piece):
        message = f"the offsets {located.start}..{located.end} contain only white space or invisible characters"
        return Rejection("empty-span", message)
    kept = piece.strip()
    if not trim or kept == piece:
        return located
    start = located.start + len(piece) - len(piece.lstrip())
    return Located(start, start + len(kept), located.method or "trim")
