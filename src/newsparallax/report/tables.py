"""The tables of a report: names and stances by outlet, terms, and how the corpus was annotated."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from typing import Any

import pandas as pd

from ..read import Dataset

Facts = dict[str, Any]


def records(frame: pd.DataFrame) -> list[Facts]:
    """Return the rows of a frame, with None where a value is missing."""
    rows: list[Any] = frame.astype(object).where(frame.notna(), None).to_dict("records")
    return rows


def outlets_of(part: Dataset) -> list[str]:
    """Return the outlets of the articles, each once; an article without one counts by its id."""
    return sorted({article["outlet"] or id_ for id_, article in part.articles.items()})


def naming_table(part: Dataset) -> list[Facts]:
    """Return entities with their names in each outlet: first those that several outlets name, then the omissions.

    Within both, the entities with the most mentions that differ come first.
    """
    outlets = outlets_of(part)
    cells: dict[str, dict[str, list[Facts]]] = defaultdict(lambda: defaultdict(list))
    for row in records(part.naming()):
        cells[row["entity_id"]][row["outlet"] or row["articles"][0]].append(row)
    made = [
        {
            "entity": part.entity(id_),
            "id": id_,
            "cells": [
                sorted(found.get(outlet, []), key=lambda row: (-row["count"], str(row["name"]))) for outlet in outlets
            ],
            "differs": _difference([found.get(outlet, []) for outlet in outlets]),
        }
        for id_, found in cells.items()
    ]
    return sorted(made, key=lambda row: (sum(map(bool, row["cells"])) < 2, -_differing(row), row["entity"]))


def _differing(row: Facts) -> float:
    """Return how many mentions of an entity differ between outlets."""
    mentions: int = sum(name["count"] for cell in row["cells"] for name in cell)
    return row["differs"] * mentions if mentions else 0.0


def _difference(cells: list[list[Facts]]) -> float:
    """Return how far outlets differ in their names, from 0 to 1: the mean over pairs of outlets."""
    shares = []
    for cell in cells:
        total = sum(row["count"] for row in cell)
        shares.append({str(row["name"]).casefold(): row["count"] / total for row in cell})
    pairs = [(a, b) for number, a in enumerate(shares) for b in shares[:number]]
    alike = [sum(min(a[name], b.get(name, 0)) for name in a) for a, b in pairs]
    return 1 - sum(alike) / len(alike) if alike else 0.0


def stance_tables(part: Dataset) -> list[Facts]:
    """Return for each outlet a matrix of holders and targets; a cell has the stances."""
    groups: dict[str, list[Facts]] = defaultdict(list)
    for row in records(part.stances()):
        groups[row["outlet"] or row["article_id"]].append(row)
    made = []
    for outlet, rows in sorted(groups.items()):
        names = {key: _ordered(str(row[key] or "not named") for row in rows) for key in ("holder", "target")}
        cells: dict[tuple[str, str], list[Facts]] = defaultdict(list)
        for row in rows:
            cells[str(row["holder"] or "not named"), str(row["target"] or "not named")].append(row)
        matrix = [
            (holder, [_cell(cells.get((holder, target), [])) for target in names["target"]])
            for holder in names["holder"]
        ]
        made.append({"outlet": outlet, "targets": names["target"], "rows": matrix})
    return made


def _cell(rows: list[Facts]) -> Facts:
    return {"rows": rows, "sum": sum(row["polarity"] for row in rows)}


def _ordered(names: Iterable[str]) -> list[str]:
    counts: dict[str, int] = defaultdict(int)
    for name in names:
        counts[name] += 1
    return sorted(counts, key=lambda name: (-counts[name], name))


def annotation_tables(dataset: Dataset) -> Facts:
    """Return how the complete dataset was annotated: counts of the manifest, and the agreement that the card states."""
    manifest = dataset.manifest.as_json()
    counts = manifest["counts"]
    return {
        "annotators": manifest.get("annotators", {}),
        "by": counts.get("annotations_by", {}),
        "labels": {name: labels for name, labels in manifest.get("labels", {}).items() if any(labels.values())},
        "problems": counts.get("problems", {}),
        "repairs": counts.get("repairs", {}),
        "agreement": records(dataset.agreement()),
    }
