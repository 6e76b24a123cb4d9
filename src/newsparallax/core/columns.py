"""Rows of plain values -> Arrow tables, column by column.

`pa.Table.from_pylist` looks every value up by its name and takes nested ones apart one at a time; whole columns take a
third of the time.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import accumulate, chain
from typing import Any

import pyarrow as pa

from .codebook import Codebook
from .schema import arrow_schema, configs

Row = tuple[Any, ...]  # the values of a row in the order of the schema; records inside of them are tuples too


class TableMaker:
    """Makes tables of one schema. What it asks Arrow about the types it asks once: that takes longer than a column."""

    def __init__(self, schema: pa.Schema):
        self.schema = schema
        self._columns = [Column(field.type) for field in schema]

    def make(self, rows: Sequence[Row], more: Sequence[pa.Array] = ()) -> pa.Table:
        """A table of `rows`, which lack the last columns if these are in `more`."""
        width = len(self._columns) - len(more)
        columns = zip(*rows, strict=True) if rows else [()] * width
        arrays = [column.array(values) for column, values in zip(self._columns[:width], columns, strict=True)]
        return pa.Table.from_arrays([*arrays, *more], schema=self.schema)


class Column:
    """A type, taken apart: of a list the column of its values, of a record the columns of its parts."""

    def __init__(self, type_: pa.DataType):
        self.type = type_
        self.inner = Column(type_.value_type) if pa.types.is_list(type_) else None
        self.parts = [Column(field.type) for field in type_] if pa.types.is_struct(type_) else []

    def array(self, values: Sequence[Any]) -> pa.Array:
        """An array of `values`, of which no record is missing."""
        if self.inner is not None:
            missing = None if None not in values else pa.array([value is None for value in values])
            lists = values if missing is None else [value or () for value in values]
            offsets = pa.array(accumulate(map(len, lists), initial=0), pa.int32())
            inner = self.inner.array(list(chain.from_iterable(lists)))
            return pa.ListArray.from_arrays(offsets, inner, self.type, mask=missing)
        if self.parts:
            columns = zip(*values, strict=True) if values else [()] * len(self.parts)
            arrays = [column.array(parts) for column, parts in zip(self.parts, columns, strict=True)]
            return pa.StructArray.from_arrays(arrays, type=self.type)
        return pa.array(values, self.type)


def table_makers(codebook: Codebook) -> dict[str, TableMaker]:
    """A maker for every config; kept with the codebook, since every part of a corpus asks for them."""
    kept: dict[str, TableMaker] | None = codebook.__dict__.get("table_makers")
    if kept is None:
        kept = {name: TableMaker(arrow_schema(struct)) for name, struct in configs(codebook).items()}
        codebook.__dict__["table_makers"] = kept
    return kept
