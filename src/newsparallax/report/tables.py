"""The tables of a report: names and stances by outlet, terms, and how the corpus was annotated."""

from __future__ import annotations

import json
import re
from collections import defaultdict
from collections.abc import Iterable
from itertools import groupby, islice
from pathlib import Path
from typing import Any

import pandas as pd

from ..problems import CODES
from ..read import Dataset

Facts = dict[str, Any]
Cells = dict[str, dict[str, list[Facts]]]
FIGURE = re.compile(r"(-?\d\.\d+)(?: \[(-?\d\.\d+), (-?\d\.\d+)\])?")  # with or without an interval
MOST_PROBLEMS = 50  # that are listed


def records(frame: pd.DataFrame) -> list[Facts]:
    """Return the rows of a frame, with None where a value is missing."""
    names = [str(name) for name in frame.columns]
    columns = [[None if _missing(value) else value for value in frame[name].tolist()] for name in names]
    return [dict(zip(names, values, strict=True)) for values in zip(*columns, strict=True)]


def _missing(value: Any) -> bool:
    return value is pd.NA or (isinstance(value, float) and value != value)


def outlets_of(part: Dataset) -> list[str]:
    """Return the outlets of the articles, each once; an article without one counts by its id."""
    return sorted({article["outlet"] or id_ for id_, article in part.articles.items()})


def naming_table(part: Dataset) -> list[Facts]:
    """Return entities with their names in each outlet, in the order of `ordered_names`."""
    cells: Cells = defaultdict(lambda: defaultdict(list))
    for row in records(part.naming()):
        cell = cells[row["entity_id"]][row["outlet"] or row["articles"][0]]
        if row["name"] is None and cell and cell[0]["name"] is None:  # withheld names are counted together
            cell[0] |= {key: cell[0][key] + row[key] for key in ("count", "own", "quoted", "span_ids")}
        else:
            cell.append(row)
    return ordered_names(part, cells, outlets_of(part))


def ordered_names(part: Dataset, cells: Cells, outlets: list[str]) -> list[Facts]:
    """Return entities with their names in each outlet: first those that several outlets name, then the omissions.

    Within both, the entities with the most mentions that differ come first; how far names differ is None where they are
    withheld. `cells` are rows of `Dataset.naming` by
    entity and outlet, of which the name and the count are needed.
    """
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
    return (row["differs"] or 0.0) * mentions


def _difference(cells: list[list[Facts]]) -> float | None:
    """Return how far outlets differ in their names, from 0 to 1: the mean over pairs of outlets.

    What two outlets have in common is the sum, over the names, of the smaller one of their shares. Summed over all
    pairs, the share of an outlet counts as often as others have a larger one.
    """
    if any(row["name"] is None for cell in cells for row in cell):
        return None
    shares: dict[str, list[float]] = defaultdict(list)
    for cell in cells:
        total = sum(row["count"] for row in cell)
        own: dict[str, float] = defaultdict(float)
        for row in cell:
            own[str(row["name"]).casefold()] += row["count"] / total
        for name, share in own.items():
            shares[name].append(share)
    alike = sum(larger * share for each in shares.values() for larger, share in enumerate(sorted(each, reverse=True)))
    pairs = len(cells) * (len(cells) - 1) / 2
    return round(1 - alike / pairs, 9) if pairs else 0.0


def terms_table(part: Dataset) -> list[Facts]:
    """Return the terms in their contexts, which begin and end with complete words."""
    rows = records(part.terms())
    for row in rows:
        text = part.articles[row["article_id"]].get("text")
        if text is None:
            continue
        if " ".join(text[: row["start"]].split()) != row["left"] and " " in row["left"]:
            row["left"] = "… " + row["left"].partition(" ")[2]
        if " ".join(text[row["end"] :].split()) != row["right"] and " " in row["right"]:
            row["right"] = row["right"].rpartition(" ")[0] + " …"
    return rows


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


def repaired(part: Dataset) -> list[Facts]:
    """Return the gold spans whose offsets were repaired: where they are, where they were, and by which method."""
    keys = ("span_id", "article_id", "outlet", "start", "end", "quote", "repair", "original_start", "original_end")
    rows = ((layer, row) for layer in part.codebook.layers for row in part.rows(layer))
    return [{"layer": layer} | {key: row[key] for key in keys} for layer, row in rows if row["repair"]]


def annotation_tables(dataset: Dataset) -> Facts:
    """Return how the complete dataset was annotated: counts and problems, and the agreement of the card."""
    manifest = dataset.manifest.as_json()
    counts = manifest["counts"]
    by = counts.get("annotations_by", {})
    return {
        "annotators": [(name, kind, by.get(name, 0)) for name, kind in manifest.get("annotators", {}).items()],
        "labels": {name: labels for name, labels in manifest.get("labels", {}).items() if any(labels.values())},
        "results": [(key, counts[f"results_{key}"]) for key in ("in", "accepted", "repaired", "quarantined")],
        "problems": [(code, number, *CODES.get(code, ("", ""))) for code, number in counts.get("problems", {}).items()],
        "waived": counts.get("problems_waived", 0),
        "listed": _listed(dataset.folder / "problems.jsonl"),
        "repairs": counts.get("repairs", {}),
        "agreement": agreement_groups(records(dataset.agreement())),
    }


def _listed(file: Path) -> list[Facts]:
    """Return the first problems of a dataset that are not consequences of others."""
    if not file.is_file():
        return []
    with file.open(encoding="utf-8") as lines:
        problems = (json.loads(line) for line in lines)
        return list(islice((problem for problem in problems if not problem.get("cause")), MOST_PROBLEMS))


def agreement_groups(rows: list[Facts]) -> list[Facts]:
    """Return the figures of agreement by group of annotators, as tables and as points of plots.

    A table has `head`, `rows` (what, values) and `points`, which are its F1 and alpha with their 95 % intervals.
    Figures belong to the same table if their first measures are the same.
    """
    made: dict[str, dict[str, dict[str, dict[str, str]]]] = {}
    for group, several in groupby(rows, key=lambda row: row["group"]):
        tables = made.setdefault(group, {})
        for what, figures in groupby(several, key=lambda row: row["what"]):
            values = {row["measure"]: row["value"] for row in figures}
            tables.setdefault(next(iter(values)), {})[what] = values
    return [
        {"title": group.replace("**", ""), "tables": [_table(rows) for rows in tables.values()]}
        for group, tables in made.items()
    ]


def _table(rows: dict[str, dict[str, str]]) -> Facts:
    head = list(dict.fromkeys(measure for values in rows.values() for measure in values))
    points = []
    for what, values in rows.items():
        for measure, value in values.items():
            found = FIGURE.fullmatch(value) if measure.endswith(("F1", "alpha")) else None
            if found:
                number, low, high = (None if part is None else float(part) for part in found.groups())
                points.append({"what": what, "measure": measure, "value": number, "low": low, "high": high})
    shown = [(what, [values.get(measure, "") for measure in head]) for what, values in rows.items()]
    return {"head": head, "rows": shown, "points": points}
