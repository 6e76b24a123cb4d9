"""Read the rows of a config from Parquet files, with names in the place of the numbers of class labels."""

from __future__ import annotations

from collections.abc import Callable, Collection
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.dataset as pads

from ..dataset import features_of

Row = dict[str, Any]
Decoder = Callable[[Any], Any]

_NULLABLE: dict[str, Any] = {"int64": "Int64", "bool": "boolean", "float64": "Float64"}


def read_rows(
    folder: Path, config: str, events: Collection[str] | None = None, columns: list[str] | None = None
) -> tuple[list[Row], dict[str, Any]]:
    """Return the rows of a config in the order of its files, and its features; no rows where there are no files.

    `events` limits the rows to articles of these events. Raises NewsParallaxError for a file without features.
    """
    files = sorted((folder / config).glob("*.parquet"))
    if not files:
        return [], {}
    data = pads.dataset([str(file) for file in files], format="parquet")
    features = features_of(data.schema, str(files[0]))
    limited = events is not None and "event_id" in data.schema.names  # the registry is the same for all events
    where = pc.field("event_id").isin(pa.array(sorted(events or ()), pa.string())) if limited else None
    table = data.to_table(columns=columns, filter=where)
    decoded = {name: _column(table.column(name), features[name]) for name in table.column_names}
    rows = [dict(zip(decoded, values, strict=True)) for values in zip(*decoded.values(), strict=True)]
    return rows, {name: features[name] for name in decoded}


def _column(column: pa.ChunkedArray, feature: Any) -> list[Any]:
    values: list[Any] = column.to_pylist()
    decode = _decoder(feature)
    return values if decode is None else [None if value is None else decode(value) for value in values]


def _decoder(feature: Any) -> Decoder | None:
    """Return what puts names into a value of a feature, or None where it has no class labels."""
    kind = feature.get("_type")
    if kind == "ClassLabel":
        names: list[str] = feature["names"]
        return names.__getitem__
    if kind in ("List", "Sequence", "LargeList"):
        inner = _decoder(feature["feature"])
        return None if inner is None else lambda values: [None if value is None else inner(value) for value in values]
    if isinstance(kind, str):
        return None
    parts = {name: decode for name, part in feature.items() if (decode := _decoder(part))}
    return (lambda value: value | _parts(value, parts)) if parts else None


def _parts(value: Row, decoders: dict[str, Decoder]) -> Row:
    return {name: decode(value[name]) for name, decode in decoders.items() if value[name] is not None}


def frame_of(rows: list[Row], features: dict[str, Any]) -> pd.DataFrame:
    """Return rows as a frame: class labels as categories in the order of the codebook, numbers with gaps as Int64."""
    frame = pd.DataFrame(rows, columns=list(features))
    for name, feature in features.items():
        kind, dtype = feature.get("_type"), feature.get("dtype")
        if kind == "ClassLabel":
            frame[name] = pd.Categorical(frame[name], categories=feature["names"])
        elif kind == "Value" and dtype in _NULLABLE:
            frame[name] = pd.array(frame[name], dtype=_NULLABLE[dtype])
    return frame
