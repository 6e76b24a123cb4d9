"""Compute the figures of agreement from the counts: each measure with its interval and its n, as JSON values."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from math import isnan
from typing import Any

from ..corpus import AnnotatorKind, Attribute, CorpusSpec, Field, Layer
from .compare import IDS, Values
from .counts import BITS, ENOUGH_ARTICLES, Agreement, Group, Sample
from .matching import ONE
from .measures import (
    DIGITS,
    MIN_UNITS,
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

MAX_LISTED = 6  # the maximum number of pairs in the card
NOTES = ("both", "a", "b", "none")

Metrics = dict[str, Any]

NOTHING = "no annotator marked anything"
NO_PAIR = "nothing to compare"
ONE_VALUE = "only one value occurs"
MIXED = "annotators of different kinds are not compared together"


def figures(context: CorpusSpec, agreement: Agreement, most: int | None = None) -> Metrics:
    """Return all figures of a corpus; `json_types` describes the keys.

    With more than `most` pairs, the figures of single pairs are left out; the same applies to comparisons with gold.
    """
    groups = sorted(agreement.samples, key=lambda group: (group.names, group.kinds))
    parts = {part: [group for group in groups if group.part == part] for part in ("overall", "pair", "gold")}
    shown = {
        part: group_names if most is None or part == "overall" or len(group_names) <= most else []
        for part, group_names in parts.items()
    }
    made = {
        part: [_group(context, group, agreement.samples[group]) for group in group_names]
        for part, group_names in shown.items()
    }
    names = {name for group in groups for name in group.names}
    return {
        "annotators": {name: _annotator(context, name) for name in sorted(names)},
        "bootstrap": {
            "resamples": RESAMPLES,
            "share": SHARE,
            "least_units": MIN_UNITS,
            "articles_for_articles_as_units": ENOUGH_ARTICLES,
        },
        "overall": made["overall"],
        "pairs": made["pair"],
        "against_gold": made["gold"],
        "pairs_not_shown": len(parts["pair"]) - len(made["pair"]),
        "pairs_dropped": agreement.dropped,
    }


def _annotator(context: CorpusSpec, name: str) -> Metrics:
    known = context.annotators.get(name)
    if known is None:
        return {"kind": "unknown", "role": None, "given": None}
    return {"kind": known.kind, "role": known.role, "given": known.given}


def between(kinds: tuple[AnnotatorKind, AnnotatorKind]) -> str:
    """Return the kinds of the two annotators in words."""
    names = {"human": "a human", "model": "a model", "unknown": "an annotator of unknown kind"}
    several = {"human": "humans", "model": "models", "unknown": "annotators of unknown kind"}
    return several[kinds[0]] if kinds[0] == kinds[1] else " and ".join(sorted(names[kind] for kind in kinds))


def _group(context: CorpusSpec, group: Group, sample: Sample) -> Metrics:
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
    """Computes the figures of one group."""

    def __init__(self, group: Group, counts: Resampled):
        self.counts = counts
        self.overall = group.part == "overall"
        self.mixed = self.overall and group.kinds[0] != group.kinds[1]

    def layer(self, name: str, layer: Layer) -> Metrics:
        """Return the figures of a layer: spans, labels, attributes and relations."""
        places: list[Place] = [(name, how, "") for how in ("exact", "overlap", "alone")]
        cells = self.counts.cells(*places)
        a = self.counts.total(cell for cell in cells if cell[0] is not None)
        b = self.counts.total(cell for cell in cells if cell[1] is not None)
        matched = self.counts.total(self.counts.cells(*places[:2]))
        exact = self.counts.cells(places[0])
        metrics: Metrics = {"n": self._n(a, b, matched, "matched")}
        for key, rows in (
            ("exact", self.counts.total(exact)),
            ("exact_label", self.counts.total(cell for cell in exact if cell[0] == cell[1])),
            ("overlap", matched),
        ):
            metrics[key] = stat(f1(rows, a, b), NOTHING, self.counts.units_of(*places)).as_json()
        level: Level = "ordinal" if layer.ordered else "masi" if layer.multiple else "nominal"
        metrics["labels"] = self._values(places, (name, "units", ""), layer.ordered or list(layer.labels), level)
        metrics["attributes"] = {key: self.field((name, key), field) for key, field in layer.attributes.items()}
        metrics["relations"] = {key: self._f1((name, "arrow", key)) for key in layer.relations}
        if layer.relations:
            metrics["tuples"] = self._f1((name, "tuple", ""), ONE)
        return metrics

    def field(self, place: tuple[str, str], field: Field) -> Metrics:
        """Return the figures of an attribute, or of a value about the article."""
        layer, name = place
        metrics: Metrics = {"kind": field.kind}
        if field.kind == "choice":
            level: Level = "ordinal" if field.ordered else "masi" if field.many else "nominal"
            values = self._values([(layer, "value", name)], (layer, "units", name), list(field.values), level)
            if isinstance(field, Attribute) and field.looked_up:
                values = {key: figure for key, figure in values.items() if key not in ("alpha", "kappa", "values")}
                metrics["looked_up"] = True
            return metrics | values
        if field.kind in IDS:
            return metrics | self._f1((layer, "ids", name))
        if field.kind == "text":
            rows = self.counts.rows((layer, "note", name), *NOTES)
            counts = {who: int(row[0]) for who, row in zip(NOTES, rows, strict=True)}
            return metrics | {"n": {"one": counts["a"] + counts["b"], **counts} if self.overall else counts}
        return metrics | self._numbers((layer, "number", name))

    def _n(self, a: Rows, b: Rows, both: Rows, what: str) -> Metrics:
        """Return the numbers of items of each side (together in sums over all pairs) and of common items."""
        sides = {"a_and_b": int(a[0] + b[0])} if self.overall else {"a": int(a[0]), "b": int(b[0])}
        return sides | {what: int(both[0])}

    def _f1(self, place: Place, whole: int = 1) -> Metrics:
        """Return F1 of items that both sides can have in common; `whole` is the count of one complete common item."""
        a, b, both = self.counts.rows(place, "a", "b", "both")
        metric = stat(f1(both / whole, a, b), NOTHING, self.counts.units_of(place)).as_json()
        sides = self._n(a, b, both, "both")
        return {"n": sides | {"both": round(both[0] / whole, DIGITS)} if whole > 1 else sides, "f1": metric}

    def _values(self, places: list[Place], pooled: Place, order: list[str], level: Level) -> Metrics:
        """Return the figures of labels or of a choice: share of equal values, alpha, kappa for a pair, and table."""
        cells = self.counts.cells(*places)
        both = Table(
            _domain((value for cell in cells for value in cell[:2] if value is not None), order),
            [cell for cell in cells if cell[0] is not None and cell[1] is not None],
        )
        n = int(sum(rows[0] for _, _, rows in both.cells))
        units = self.counts.units_of(*places, paired=True)
        undefined = ONE_VALUE if n else NO_PAIR
        metrics: Metrics = {"n": n, "level": level, "equal": stat(equal(both), NO_PAIR, units).as_json()}
        if not self.overall:
            resampled = alpha(both, level)
            exact = None if isnan(resampled[0]) else library_alpha(both, level)
            metrics["alpha"] = stat(resampled, undefined, units, exact).as_json()
            if level != "masi":
                metrics["kappa"] = stat(kappa(both), undefined, units).as_json()
        else:
            metrics |= self._pooled(pooled, order, level)
        rank: dict[Values | None, int] = {value: number for number, value in enumerate([*both.values, None])}
        counts: Counter[tuple[Values | None, Values | None]] = Counter()
        for x, y, rows in cells:
            low, high = sorted((x, y), key=rank.__getitem__) if self.overall else (x, y)
            counts[low, high] += int(rows[0])
        listed = sorted(counts, key=lambda pair: (rank[pair[0]], rank[pair[1]]))
        return metrics | {"table": [[_name(x), _name(y), counts[x, y]] for x, y in listed]}

    def _pooled(self, place: Place, order: list[str], level: Level) -> Metrics:
        """Return alpha over all annotators of one kind, on the values that several of them gave at the same place."""
        if self.mixed:
            return {"values": 0, "alpha": Stat(None, None, MIXED).as_json()}
        cells = [(*pair, rows / (many - 1)) for many, pair, rows in self.counts.cells(place)]
        table = Table(_domain((value for cell in cells for value in cell[:2]), order), cells)
        values = round(2 * sum(rows[0] for _, _, rows in cells))
        undefined = ONE_VALUE if values else NO_PAIR
        metric = stat(alpha(table, level), undefined, self.counts.units_of(place)).as_json()
        return {"values": values, "alpha": metric}

    def _numbers(self, place: Place) -> Metrics:
        same, different = self.counts.rows(place, "same", "different")
        n = int(same[0] + different[0])
        units = self.counts.units_of(place)
        metrics: Metrics = {"n": n, "level": "interval"}
        metrics["equal"] = stat(share(same, same + different), NO_PAIR, units).as_json()
        if self.mixed:
            return metrics | {"values": 0, "alpha": Stat(None, None, MIXED).as_json()}
        sums, rows = self.counts.numbers(place)
        if self.overall:
            metrics["values"] = int(sums[0])
        resampled, exact = interval_alpha(sums, rows)
        return metrics | {"alpha": stat(resampled, ONE_VALUE if sums[0] else NO_PAIR, units, exact).as_json()}


def _domain(values: Iterable[Values], order: list[str]) -> list[Values]:
    """Return the values that occur, in the order of the codebook."""
    rank = {value: number for number, value in enumerate(order)}
    return sorted(set(values), key=lambda value: [rank[part] for part in value])


def _name(value: Values | None) -> str | None:
    return None if value is None else " + ".join(value)
