"""Compute measures of agreement: F1, Krippendorff's alpha and Cohen's kappa, with bootstrap intervals.

A measure is computed for many rows of counts at once. Row 0 has the original counts. Each other row has the counts of a
Poisson bootstrap sample, in which a Poisson(1) variable gives the number of occurrences of each unit. The variable is
drawn from a hash of the unit's number, so the result does not depend on order, grouping, clock or a library's random
numbers. An undefined measure is NaN in this module, and None with a reason in a `Stat`.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Callable, Iterable
from fractions import Fraction
from functools import lru_cache
from typing import Any, Literal, NamedTuple

import krippendorff
import numpy as np
from numpy.typing import NDArray

from .compare import Values
from .counts import MAX_UNITS, Sample

RESAMPLES = 1000
SHARE = 0.95  # the share of the resamples in an interval
MIN_UNITS = 10  # the minimum number of units for an interval
DEFINED = 950  # the minimum number of resamples with a defined measure, for an interval
DIGITS = 6
_HELD = 4_000_000  # the maximum number of matrix elements in memory at a time

Number = int | Fraction
Level = Literal["nominal", "ordinal", "masi"]
Place = tuple[str, str, str]  # the first three parts of a key of the counts: layer, measure, name
Matrix = NDArray[np.float64]
Rows = NDArray[np.float64]  # a number for each row of counts
Tables = NDArray[np.float64]  # a table (value by value) for each row of counts

# P(X <= k) of a Poisson(1) variable, k = 0 to 12, in parts of 2**32.
_LIMITS = np.cumsum([2**32 * math.exp(-1) / math.factorial(k) for k in range(13)])


class Stat(NamedTuple):
    """A measure with its interval; `reason` explains why one of them is None."""

    value: float | None
    interval: tuple[float, float] | None = None
    reason: str | None = None

    def as_json(self) -> dict[str, Any]:
        """Return the measure in the form of the JSON output."""
        interval = list(self.interval) if self.interval else None
        return {"value": self.value, "interval": interval} | ({"reason": self.reason} if self.reason else {})


class Resampled:
    """The counts of a sample in rows: the original counts in row 0, and the resampled counts."""

    def __init__(self, sample: Sample):
        units, bits = sample.units()
        self._units = [units[number] for number in sorted(units)]
        self._weights = np.stack([_weights(number, bits) for number in sorted(units)], axis=1)
        keys = dict.fromkeys(key for counts in self._units for key in counts)
        columns = {key: column for column, key in enumerate(keys)}
        self._counts = np.zeros((len(self._units), len(columns)))
        for row, counts in enumerate(self._units):
            for key, number in counts.items():
                if key[1] != "number" or key[3] in ("same", "different"):  # sums of numbers: see `numbers`
                    self._counts[row, columns[key]] = number
        self._sums = self._weights @ self._counts  # exact: integers below 2**53
        self._columns: dict[Place, list[tuple[Any, Any, int]]] = {}
        for (layer, measure, name, x, y), column in columns.items():
            self._columns.setdefault((layer, measure, name), []).append((x, y, column))

    def cells(self, *places: Place) -> list[tuple[Any, Any, Rows]]:
        """Return the last two parts of each key of these places, with the key's counts."""
        columns = (column for place in places for column in self._columns.get(place, []))
        return [(x, y, self._sums[:, column]) for x, y, column in columns]

    def rows(self, place: Place, *who: str) -> list[Rows]:
        """Return the counts of the keys of a place whose fourth parts are `who`, in that order."""
        by_category = {x: rows for x, _, rows in self.cells(place)}
        return [by_category.get(x, np.zeros(len(self._sums))) for x in who]

    def total(self, cells: Iterable[tuple[Any, Any, Rows]]) -> Rows:
        """Return the sum of some cells."""
        return sum((rows for _, _, rows in cells), np.zeros(len(self._sums)))

    def units_of(self, *places: Place, paired: bool = False) -> int:
        """Return the number of units with counts at these places; if `paired`, only counts without a missing value."""
        columns = (column for place in places for column in self._columns.get(place, []))
        wanted = [column for x, y, column in columns if not paired or (x is not None and y is not None)]
        return int(self._counts[:, wanted].any(axis=1).sum())

    def numbers(self, place: Place) -> tuple[list[Number], Matrix]:
        """Return the sums for interval alpha: exact sums of the original counts, and scaled sums in rows.

        Let n be the number of all numbers. The sums are: the number of numbers; the sum of their distances from the
        mean, times n; the sum of the squares of these distances, times n squared; and the sum of squared differences,
        times n squared.
        """
        parts = ("n", "sum", "squares", "difference")
        numbers: list[list[Any]] = [[counts.get((*place, part, ""), 0) for part in parts] for counts in self._units]
        n, total = (sum(unit[part] for unit in numbers) for part in (0, 1))
        moved = [
            (k, s * n - k * total, (q * n - 2 * s * total) * n + k * total**2, d * n * n) for k, s, q, d in numbers
        ]
        exact = [sum(column) for column in zip(*moved, strict=True)]
        scale = math.isqrt(int(exact[2])) or 1
        scaled = [[float(k), float(s / scale), float(q / scale**2), float(d / scale**2)] for k, s, q, d in moved]
        return exact, self._weights @ np.array(scaled)


@lru_cache(maxsize=4 * MAX_UNITS)
def _weights(number: int, bits: int) -> Rows:
    """Return the weight of a unit in each row: 1 in row 0, and a Poisson(1) variable in the other rows."""
    drawn = hashlib.shake_256(f"{number}/{bits}".encode()).digest(4 * RESAMPLES)
    times = np.searchsorted(_LIMITS, np.frombuffer(drawn, "<u4"), side="right")
    return np.concatenate([[1.0], times.astype(float)])


def stat(rows: Rows, undefined: str, units: int, exact: float | None = None) -> Stat:
    """Return the measure of row 0 (or `exact`, its more exact value) with the interval from the other rows.

    `undefined` is the reason if row 0 is undefined. `units` is the number of units with counts for the measure.
    """
    if np.isnan(rows[0]):
        return Stat(None, None, undefined)
    value = round(float(rows[0] if exact is None else exact), DIGITS) + 0.0  # no -0.0
    defined = rows[1:][~np.isnan(rows[1:])]
    if units < MIN_UNITS:
        return Stat(value, None, f"only {units} units to resample" if units != 1 else "only 1 unit to resample")
    if len(defined) < DEFINED:
        return Stat(value, None, f"undefined in {RESAMPLES - len(defined):,} of {RESAMPLES:,} resamples")
    low, high = np.quantile(defined, [(1 - SHARE) / 2, (1 + SHARE) / 2])
    return Stat(value, (round(float(low), DIGITS) + 0.0, round(float(high), DIGITS) + 0.0))


def share(part: Rows, whole: Rows) -> Rows:
    """Return `part` / `whole`; NaN where `whole` is 0."""
    made: Rows = np.divide(part, whole, out=np.full(len(whole), np.nan), where=whole > 0)
    return made


def f1(both: Rows, a: Rows, b: Rows) -> Rows:
    """Return 2 * both / (a + b), which does not depend on the order of a and b; undefined only where both are 0."""
    return share(2 * both, a + b)


class Table(NamedTuple):
    """Pairs of values with their counts: table rows for the first value of a pair, table columns for the second."""

    values: list[Values]
    cells: list[tuple[Values, Values, Rows]]

    def over(self, measure: Callable[[Tables], Rows]) -> Rows:
        """Compute a measure of the tables of all rows of counts, in batches that fit in memory."""
        rows = len(self.cells[0][2]) if self.cells else 0
        many = max(1, _HELD // max(1, len(self.values)) ** 2)
        parts = [measure(self.tables(slice(at, at + many))) for at in range(0, rows, many)]
        return np.concatenate(parts) if parts else np.full(RESAMPLES + 1, np.nan)

    def tables(self, rows: slice) -> Tables:
        """Return the tables of some rows of counts."""
        at = {value: number for number, value in enumerate(self.values)}
        made: Tables = np.zeros((len(range(*rows.indices(RESAMPLES + 1))), len(at), len(at)))
        for x, y, counts in self.cells:
            made[:, at[x], at[y]] += counts[rows]
        return made


def equal(table: Table) -> Rows:
    """Return the share of pairs with two equal values."""
    return table.over(lambda tables: share(np.trace(tables, axis1=1, axis2=2), tables.sum((1, 2))))


def kappa(table: Table) -> Rows:
    """Return Cohen's kappa; undefined where there are no pairs, and where all values are equal."""

    def measure(tables: Tables) -> Rows:
        n = tables.sum((1, 2))
        chance = (tables.sum(1) * tables.sum(2)).sum(1)
        return share(n * np.trace(tables, axis1=1, axis2=2) - chance, n * n - chance)

    return table.over(measure)


def alpha(table: Table, level: Level) -> Rows:
    """Return Krippendorff's alpha; undefined where all values are equal, or where there are no pairs.

    The cells of the table are pairs of values that two people gave on the same span or article, in any order. Where m
    people gave values, the cells have all their pairs, each counted 1 / (m - 1) times.
    """

    def measure(tables: Tables) -> Rows:
        coincidences = tables + tables.transpose(0, 2, 1)
        of_value = coincidences.sum(2)
        distances = _distances(level, table.values, of_value)
        observed = (coincidences * distances).sum((1, 2))
        expected = (of_value[:, :, None] * of_value[:, None, :] * distances).sum((1, 2))
        return 1 - share(observed * (of_value.sum(1) - 1), expected)

    return table.over(measure)


def _distances(level: Level, values: list[Values], of_value: Matrix) -> Tables:
    """Return the squared distances of the values for each row; ordinal distances depend on the values' frequencies."""
    if level == "ordinal":
        middle = np.cumsum(of_value, axis=1) - of_value / 2
        return np.asarray((middle[:, :, None] - middle[:, None, :]) ** 2)
    if level == "masi":
        return np.array([[[masi(set(x), set(y)) for y in values] for x in values]])
    return 1 - np.eye(len(values))[None]


def masi(x: set[str], y: set[str]) -> float:
    """Return the MASI distance of two sets of values (Passonneau 2006): 0 if they are equal, 1 if they are disjoint."""
    shared = x & y
    kind = 1.0 if x == y else 2 / 3 if shared in (x, y) else 1 / 3 if shared else 0.0
    return 1 - kind * len(shared) / len(x | y)


def library_alpha(table: Table, level: Level) -> float | None:
    """Return alpha of two people by the library `krippendorff`; None if it needs too much memory or is undefined.

    The library needs a separate row for each compared pair. `alpha` computes the same from sums; only `alpha` is
    possible for large samples and for resamples.
    """
    size = len(table.values)
    counts = table.tables(slice(0, 1))[0].astype(int)
    if size < 2 or counts.sum() * size * size > _HELD // 4:
        return None
    identity = np.eye(size, dtype=int)
    rows = np.repeat((identity[:, None] + identity[None, :]).reshape(-1, size), counts.ravel(), axis=0)
    metric: Any = level
    if level == "masi":
        distances = _distances(level, table.values, np.zeros((1, size)))[0]
        metric = lambda *_, i1, i2, **__: distances[i1, i2]  # noqa: E731 - the library's protocol
    return float(krippendorff.alpha(value_counts=rows, level_of_measurement=metric))


def interval_alpha(exact: list[Number], rows: Matrix) -> tuple[Rows, float | None]:
    """Return interval alpha from the results of `Resampled.numbers`: alpha in rows, and the exact alpha of row 0."""

    def spread(n: Any, total: Any, squares: Any) -> Any:
        return n * squares - total * total

    n, total, squares, difference = rows.T
    wide = spread(n, total, squares)
    wide[wide <= 1e-12 * n * squares] = 0  # all numbers are equal
    value = 1 - share(difference * (n - 1), 2 * wide)
    n0, total0, squares0, difference0 = exact
    if not spread(n0, total0, squares0):
        value[0] = np.nan
        return value, None
    return value, float(1 - Fraction(difference0 * (n0 - 1)) / (2 * spread(n0, total0, squares0)))
