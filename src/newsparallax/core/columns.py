"""Rows of plain values -> Arrow tables, column by column.

`pa.Table.from_pylist` looks every value up by its name and takes nested ones apart one at a time; whole columns take a
third of the time.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import accumulate, chain
from typing import Any

import pyarrow as pa

from .codebook import Codebook
from .schema import arrow_schema, configs

Row = tuple[Any, ...]  # the values of a row in the order of the schema; records inside of them are dicts


class TableMaker:
    """Makes tables of one schema. What it asks Arrow about the types it asks once: that takes longer than a column."""

    def __init__(self, schema: pa.Schema):
        self._schema = schema
        self._columns = [_Column(field.type) for field in schema]

    def make(self, rows: Sequence[Row], nested: Mapping[str, pa.Table] | None = None) -> pa.Table:
        """A table of `rows`.

        `nested` has, by column, tables that hold what stands in the column's lists, one after the other: they share
        their memory with it.
        """
        columns = zip(*rows, strict=True) if rows else [()] * len(self._schema)
        arrays = []
        for name, column, values in zip(self._schema.names, self._columns, columns, strict=True):
            arrays.append(column.array(values, (nested or {}).get(name)))
        return pa.Table.from_arrays(arrays, schema=self._schema)


class _Column:
    """A type, taken apart: of a list the column of its values, of a record the columns of its parts."""

    def __init__(self, type_: pa.DataType):
        self.type = type_
        self.inner = _Column(type_.value_type) if pa.types.is_list(type_) else None
        self.parts = [(field.name, _Column(field.type)) for field in type_] if pa.types.is_struct(type_) else []

    def array(self, values: Sequence[Any], flat: pa.Table | None = None) -> pa.Array:
        """An array of `values`, of which no record is missing; `flat` is what stands in lists of records."""
        if self.inner is not None:
            missing = None if None not in values else pa.array([value is None for value in values])
            lists = values if missing is None else [value or () for value in values]
            offsets = pa.array([0, *accumulate(map(len, lists))], pa.int32())
            if flat is None:
                inner = self.inner.array(list(chain.from_iterable(lists)))
            else:
                parts = [part for name, _ in self.inner.parts for part in flat[name].chunks]  # one of each column
                inner = pa.StructArray.from_arrays(parts, type=self.inner.type)
            return pa.ListArray.from_arrays(offsets, inner, self.type, mask=missing)
        if self.parts and values:
            columns = [column.array([value[name] for value in values]) for name, column in self.parts]
            return pa.StructArray.from_arrays(columns, type=self.type)
        return pa.array(values, self.type)


def table_makers(codebook: Codebook) -> dict[str, TableMaker]:
    """A maker for every config; kept with the codebook, since every part of a corpus asks for them."""
    kept: dict[str, TableMaker] | None = codebook.__dict__.get("table_makers")
    if kept is None:
        kept = {name: TableMaker(arrow_schema(struct)) for name, struct in configs(codebook).items()}
        codebook.__dict__["table_makers"] = kept
    return kept


def plain_rows(table: pa.Table | pa.RecordBatch) -> list[Row]:
    """The rows of a table as a maker takes them."""
    return [tuple(row.values()) for row in table.to_pylist()]
