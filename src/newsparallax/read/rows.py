"""Read the rows of a config from Parquet files, with names in the place of the numbers of class labels."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.dataset as pads

from ..dataset import features_of
from ..errors import NewsParallaxError, UsageError

Row = dict[str, Any]
Decoder = Callable[[Any], Any]

WORDS = pd.StringDtype(na_value=np.nan)  # what pandas 3 calls `str`; pandas 2 has it too, but does not infer it
AGAIN = "build or download the complete dataset again"
ANY = "object"  # of columns with lists
_DTYPES: dict[str, Any] = {"int64": "Int64", "bool": "boolean", "float64": "Float64", "string": WORDS}


def read_rows(
    folder: Path, config: str, events: Collection[str] | None = None, columns: list[str] | None = None
) -> tuple[list[Row], dict[str, Any]]:
    """Return the rows of a config in the order of its files, and its features.

    `events` limits the rows to articles of these events. Raises UsageError for a column that the config does not have,
    and NewsParallaxError for files that are missing or cannot be read.
    """
    files = sorted((folder / config).glob("*.parquet"))
    if not files:
        raise NewsParallaxError("has no Parquet file", file=str(folder / config), hint=AGAIN)
    try:
        data = pads.dataset([str(file) for file in files], format="parquet")
        features = features_of(data.schema, str(files[0]))
        for name in columns or ():
            if name not in data.schema.names:
                raise UsageError(f"{config} has no column {name!r}", hint=f"it has {', '.join(data.schema.names)}")
        limited = events is not None and "event_id" in data.schema.names  # the registry is the same for all events
        where = pc.field("event_id").isin(pa.array(sorted(events or ()), pa.string())) if limited else None
        table = data.to_table(columns=columns, filter=where)
    except (pa.ArrowException, OSError) as error:
        raise NewsParallaxError(f"cannot be read: {error}", file=str(folder / config), hint=AGAIN) from None
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


def dtype_of(feature: Any) -> Any:
    """Return the dtype of a feature's column: the same for a frame with rows, without rows, and without any value."""
    kind = feature.get("_type") if isinstance(feature, dict) else None
    if kind == "ClassLabel":
        return pd.CategoricalDtype(feature["names"])
    return _DTYPES.get(feature["dtype"], ANY) if kind == "Value" else ANY


def frame_of(rows: list[Row], features: dict[str, Any]) -> pd.DataFrame:
    """Return rows as a frame: class labels as categories in the order of the codebook, numbers with gaps as Int64."""
    return framed(rows, {name: dtype_of(feature) for name, feature in features.items()})


def framed(rows: list[Row], dtypes: Mapping[str, Any]) -> pd.DataFrame:
    """Return rows as a frame with these columns and dtypes, also where there are no rows."""
    return pd.DataFrame({name: pd.Series([row[name] for row in rows], dtype=dtype) for name, dtype in dtypes.items()})
