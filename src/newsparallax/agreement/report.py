"""Counts of agreement -> figures: every measure with its interval and its n, as plain JSON values."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from math import isnan
from typing import Any

from ..core.codebook import Field, Layer
from ..core.context import Context
from ..core.given import IDS, Values
from ..core.matching import ONE
from ..core.registry import AnnotatorKind
from ..core.samples import BITS, ENOUGH_ARTICLES, Agreement, Group, Sample
from .measures import (
    DIGITS,
    LEAST_UNITS,
    RESAMPLES,
    SHARE,
    Level,
    Place,
    Resampled,
    Rows,
    Stat,
    Table,
    alpha,
    equal,
    f1,
    interval_alpha,
    kappa,
    library_alpha,
    share,
    stat,
)

NOTES = ("both", "a", "b", "none")

Figures = dict[str, Any]

NOTHING = "neither marked anything"
NO_PAIR = "nothing to compare"
ONE_VALUE = "only one value occurs"
MIXED = "annotators of different kinds are not pooled"


def figures(context: Context, agreement: Agreement, most: int | None = None) -> Figures:
    """All figures of a corpus; if there are more than `most` pairs, or annotators with gold, only those over all pairs.

    The keys are told in `edges/agreement.py`.
    """
    groups = sorted(agreement.samples, key=lambda group: (group.names, group.kinds))
    parts = {part: [group for group in groups if group.part == part] for part in ("overall", "pair", "gold")}
    shown = {
        part: found if most is None or part == "overall" or len(found) <= most else [] for part, found in parts.items()
    }
    made = {
        part: [_group(context, group, agreement.samples[group]) for group in found] for part, found in shown.items()
    }
    names = {name for group in groups for name in group.names}
    return {
        "annotators": {name: _annotator(context, name) for name in sorted(names)},
        "bootstrap": {
            "resamples": RESAMPLES,
            "share": SHARE,
            "least_units": LEAST_UNITS,
            "articles_for_articles_as_units": ENOUGH_ARTICLES,
        },
        "overall": made["overall"],
        "pairs": made["pair"],
        "against_gold": made["gold"],
        "pairs_not_shown": len(parts["pair"]) - len(made["pair"]),
        "pairs_dropped": agreement.dropped,
    }


def _annotator(context: Context, name: str) -> Figures:
    known = context.annotators.get(name)
    if known is None:
        return {"kind": "unknown", "role": None, "given": None}
    return {"kind": known.kind, "role": known.role, "given": known.given}


def between(kinds: tuple[AnnotatorKind, AnnotatorKind]) -> str:
    """Between whom an agreement is, in words."""
    one = {"human": "a human", "model": "a model", "unknown": "an annotator of unknown kind"}
    several = {"human": "humans", "model": "models", "unknown": "annotators of unknown kind"}
    return several[kinds[0]] if kinds[0] == kinds[1] else " and ".join(sorted(one[kind] for kind in kinds))


def _group(context: Context, group: Group, sample: Sample) -> Figures:
    made = _Group(group, Resampled(sample))
    units, bits = sample.units()
    unit = "blocks" if sample.blocks is not None else "articles"
    return {
        "annotators": list(group.names),
        "kinds": list(group.kinds),
        "between": between(group.kinds),
        "articles": sample.articles,
        "unit": unit if bits == BITS else f"groups of {unit}",
        "units": len(units),
        "layers": {name: made.layer(name, layer) for name, layer in context.codebook.layers.items()},
        "document": {name: made.field((name, ""), field) for name, field in context.codebook.document.items()},
    }


class _Group:
    """The figures of one group."""

    def __init__(self, group: Group, counts: Resampled):
        self.counts = counts
        self.overall = group.part == "overall"
        self.mixed = self.overall and group.kinds[0] != group.kinds[1]

    def layer(self, name: str, layer: Layer) -> Figures:
        """Spans, labels, attributes and arrows of a layer."""
        places: list[Place] = [(name, how, "") for how in ("exact", "overlap", "alone")]
        cells = self.counts.cells(*places)
        a = self.counts.total(cell for cell in cells if cell[0] is not None)
        b = self.counts.total(cell for cell in cells if cell[1] is not None)
        matched = self.counts.total(self.counts.cells(*places[:2]))
        exact = self.counts.cells(places[0])
        found: Figures = {"n": self._n(a, b, matched, "matched")}
        for key, rows in (
            ("exact", self.counts.total(exact)),
            ("exact_label", self.counts.total(cell for cell in exact if cell[0] == cell[1])),
            ("overlap", matched),
        ):
            found[key] = stat(f1(rows, a, b), NOTHING, self.counts.units_of(*places)).as_json()
        level: Level = "ordinal" if layer.ordered else "masi" if layer.multiple else "nominal"
        found["labels"] = self._values(places, (name, "units", ""), layer.ordered or list(layer.labels), level)
        found["attributes"] = {key: self.field((name, key), field) for key, field in layer.attributes.items()}
        found["relations"] = {key: self._f1((name, "arrow", key)) for key in layer.relations}
        if layer.relations:
            found["tuples"] = self._f1((name, "tuple", ""), ONE)
        return found

    def field(self, place: tuple[str, str], field: Field) -> Figures:
        """What an attribute or a value about the article has to compare."""
        layer, name = place
        found: Figures = {"kind": field.kind}
        if field.kind == "choice":
            level: Level = "ordinal" if field.ordered else "masi" if field.many else "nominal"
            return found | self._values([(layer, "value", name)], (layer, "units", name), list(field.values), level)
        if field.kind in IDS:
            return found | self._f1((layer, "ids", name))
        if field.kind == "text":
            rows = self.counts.rows((layer, "note", name), *NOTES)
            counts = {who: int(row[0]) for who, row in zip(NOTES, rows, strict=True)}
            return found | {"n": {"one": counts["a"] + counts["b"], **counts} if self.overall else counts}
        return found | self._numbers((layer, "number", name))

    def _n(self, a: Rows, b: Rows, both: Rows, what: str) -> Figures:
        """How many each of two has, or in sums over all pairs both together; and how many are the same thing."""
        sides = {"a_and_b": int(a[0] + b[0])} if self.overall else {"a": int(a[0]), "b": int(b[0])}
        return sides | {what: int(both[0])}

    def _f1(self, place: Place, whole: int = 1) -> Figures:
        """F1 of things that are the same or not; `whole` is what a thing counts of which all is the same."""
        a, b, both = self.counts.rows(place, "a", "b", "both")
        found = stat(f1(both / whole, a, b), NOTHING, self.counts.units_of(place)).as_json()
        sides = self._n(a, b, both, "both")
        return {"n": sides | {"both": round(both[0] / whole, DIGITS)} if whole > 1 else sides, "f1": found}

    def _values(self, places: list[Place], pooled: Place, order: list[str], level: Level) -> Figures:
        """Labels, or the values of a choice: share of the same ones, alpha, and kappa for two; with the table."""
        cells = self.counts.cells(*places)
        both = Table(
            _domain((value for cell in cells for value in cell[:2] if value is not None), order),
            [cell for cell in cells if cell[0] is not None and cell[1] is not None],
        )
        n = int(sum(rows[0] for _, _, rows in both.cells))
        units = self.counts.units_of(*places, paired=True)
        undefined = ONE_VALUE if n else NO_PAIR
        found: Figures = {"n": n, "level": level, "equal": stat(equal(both), NO_PAIR, units).as_json()}
        if not self.overall:
            resampled = alpha(both, level)
            exact = None if isnan(resampled[0]) else library_alpha(both, level)
            found["alpha"] = stat(resampled, undefined, units, exact).as_json()
            if level != "masi":
                found["kappa"] = stat(kappa(both), undefined, units).as_json()
        else:
            found |= self._pooled(pooled, order, level)
        rank: dict[Values | None, int] = {value: number for number, value in enumerate([*both.values, None])}
        counts: Counter[tuple[Values | None, Values | None]] = Counter()
        for x, y, rows in cells:
            low, high = sorted((x, y), key=rank.__getitem__) if self.overall else (x, y)
            counts[low, high] += int(rows[0])
        listed = sorted(counts, key=lambda pair: (rank[pair[0]], rank[pair[1]]))
        return found | {"table": [[_name(x), _name(y), counts[x, y]] for x, y in listed]}

    def _pooled(self, place: Place, order: list[str], level: Level) -> Figures:
        """Alpha over all annotators of one kind at once, on what several of them marked at the same place."""
        if self.mixed:
            return {"values": 0, "alpha": Stat(None, None, MIXED).as_json()}
        cells = [(*pair, rows / (many - 1)) for many, pair, rows in self.counts.cells(place)]
        table = Table(_domain((value for cell in cells for value in cell[:2]), order), cells)
        values = round(2 * sum(rows[0] for _, _, rows in cells))
        undefined = ONE_VALUE if values else NO_PAIR
        found = stat(alpha(table, level), undefined, self.counts.units_of(place)).as_json()
        return {"values": values, "alpha": found}

    def _numbers(self, place: Place) -> Figures:
        same, different = self.counts.rows(place, "same", "different")
        n = int(same[0] + different[0])
        units = self.counts.units_of(place)
        found: Figures = {"n": n, "level": "interval"}
        found["equal"] = stat(share(same, same + different), NO_PAIR, units).as_json()
        if self.mixed:
            return found | {"values": 0, "alpha": Stat(None, None, MIXED).as_json()}
        sums, rows = self.counts.numbers(place)
        if self.overall:
            found["values"] = int(sums[0])
        resampled, exact = interval_alpha(sums, rows)
        return found | {"alpha": stat(resampled, ONE_VALUE if sums[0] else NO_PAIR, units, exact).as_json()}


def _domain(values: Iterable[Values], order: list[str]) -> list[Values]:
    """The values that occur, in the order of the codebook."""
    rank = {value: number for number, value in enumerate(order)}
    return sorted(set(values), key=lambda value: [rank[part] for part in value])


def _name(value: Values | None) -> str | None:
    return None if value is None else " + ".join(value)
