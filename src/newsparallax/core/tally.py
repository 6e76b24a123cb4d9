"""Counts of a build, or of a part of one: added up in any order and grouping they come out the same."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import Any

from .ids import DIGEST_MODULUS
from .samples import Agreement

COUNTS = (
    "articles",
    "events",
    "tasks",
    "annotations",
    "annotations_cancelled",
    "drafts",
    "predictions",
    "results_in",
    "results_accepted",
    "results_repaired",
    "results_quarantined",
    "results_without_quote",
    "annotations_edited_by_another",
    "problems_waived",
)


@dataclass
class Tally:
    """What was counted: plain counts, and counts by a name (problem code, repair method, label, annotator ...)."""

    counts: Counter[str] = field(default_factory=Counter)
    problems: Counter[str] = field(default_factory=Counter)
    repairs: Counter[str] = field(default_factory=Counter)
    states: Counter[str] = field(default_factory=Counter)
    gold: Counter[str] = field(default_factory=Counter)
    rows: Counter[tuple[str, str]] = field(default_factory=Counter)
    labels: Counter[tuple[str, str]] = field(default_factory=Counter)
    annotators: Counter[str] = field(default_factory=Counter)
    tokens: Counter[str] = field(default_factory=Counter)
    texts: Counter[str] = field(default_factory=Counter)  # total, and those that may not be passed on
    events: set[str] = field(default_factory=set)
    agreement: Agreement = field(default_factory=Agreement)
    digest: int = 0
    figures: dict[str, Any] | None = None  # what was computed from `agreement`, which takes a while

    def add(self, other: Tally) -> None:
        """Take the counts of `other` in."""
        for name in _COUNTERS:
            getattr(self, name).update(getattr(other, name))
        self.events |= other.events
        self.agreement.add(other.agreement)
        self.figures = None
        self.digest = (self.digest + other.digest) % DIGEST_MODULUS

    def __add__(self, other: Tally) -> Tally:
        total = Tally()
        total.add(self)
        total.add(other)
        return total

    def as_counts(self) -> dict[str, Any]:
        """The manifest's `counts`, every one of them there even when it is zero."""
        plain = {name: self.counts[name] for name in COUNTS} | {"events": len(self.events)}
        return plain | {
            "problems": dict(sorted(self.problems.items())),
            "repairs": dict(sorted(self.repairs.items())),
            "article_states": dict(sorted(self.states.items())),
            "gold": dict(sorted(self.gold.items())),
            "annotations_by": dict(sorted(self.annotators.items())),
            "tokens": dict(sorted(self.tokens.items())),
        }


_COUNTERS = ("counts", "problems", "repairs", "states", "gold", "rows", "labels", "annotators", "tokens", "texts")
