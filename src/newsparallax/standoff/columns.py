"""Words of articles taken out of the rows of a config, and put back: whole columns at a time, at any depth.

Which columns hold words the schema says (`schema.WORDS`). What is taken out can be put back, because the offsets stay:
a quote is the slice of the text that they name, a token likewise, and the text itself is known by its digest.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from . import schema
from .codebook import Codebook

# A column of words, the columns of the same record by name, the row of each of its values -> the column anew.
Change = Callable[[pa.Array, Mapping[str, pa.Array], pa.Array], pa.Array]
TextOf = Callable[[str], str | None]
TargetOf = Callable[[str, str, str], str]


def withhold(table: pa.Table, shape: schema.Struct, withheld: pa.BooleanArray) -> pa.Table:
    """The same rows, with all words null in those for which `withheld` is true (a value a row, none of them null)."""

    def blank(column: pa.Array, _: Mapping[str, pa.Array], rows: pa.Array) -> pa.Array:
        return pc.if_else(withheld.take(rows), pa.scalar(None, column.type), column)

    return rewritten(table, shape, blank)


def restore(table: pa.Table, shape: schema.Struct, text_of: TextOf, target_of: TargetOf) -> pa.Table:
    """The same rows, with the words of every article of which `text_of` gives the text.

    `text_of` maps an article's id to its text, None where words are to stay as they are. `target_of` maps (article id
    of the row, layer, span id) of an arrow's target to the id of the article in whose text it lies.
    """
    owners = table.column("article_id")

    def put_back(column: pa.Array, beside: Mapping[str, pa.Array], rows: pa.Array) -> pa.Array:
        ids = owners.take(rows).to_pylist()
        if "direction" in beside:  # an arrow, which may point into another text of the same task
            layers, spans = beside["layer"].to_pylist(), beside["span_id"].to_pylist()
            ids = [layer and target_of(id_, layer, span) for id_, layer, span in zip(ids, layers, spans, strict=True)]
        texts = [id_ and text_of(id_) for id_ in ids]
        return pa.array(_words(column, beside, texts), column.type)

    return rewritten(table, shape, put_back)


def _words(column: pa.Array, beside: Mapping[str, pa.Array], texts: list[str | None]) -> Iterator[Any]:
    """The values of a column of words: tokens, quotes or whole texts, as the record's other columns say."""
    before = column.to_pylist()
    if pa.types.is_list(column.type):
        starts, ends = beside["starts"].to_pylist(), beside["ends"].to_pylist()
        for old, text, many, more in zip(before, texts, starts, ends, strict=True):
            if text is None or many is None:
                yield old
            else:
                yield [text[start:end] for start, end in zip(many, more, strict=True)]
    elif "start" in beside:
        starts, ends = beside["start"].to_pylist(), beside["end"].to_pylist()
        for old, text, start, end in zip(before, texts, starts, ends, strict=True):
            yield old if text is None or start is None else text[start:end]
    else:
        yield from (old if text is None else text for old, text in zip(before, texts, strict=True))


def rewritten(table: pa.Table, shape: schema.Struct, change: Change) -> pa.Table:
    """The table with every column of words, however deeply nested, changed; all else is the same."""
    whole = table.combine_chunks()
    columns = {name: _one(whole.column(name)) for name in whole.column_names}
    rows = pa.array(range(whole.num_rows), pa.int64())
    changed = _record(columns, shape, rows, change)
    return pa.Table.from_arrays([changed[name] for name in columns], schema=table.schema)


def has_words(type_: schema.Type) -> bool:
    """Whether words stand anywhere in values of this type."""
    if isinstance(type_, schema.Struct):
        return any(map(has_words, type_.fields.values()))
    return (
        has_words(type_.item) if isinstance(type_, schema.ListOf) else isinstance(type_, schema.Scalar) and type_.words
    )


def target_by_layer(codebook: Codebook, layer: str) -> str | None:
    """The name of the text in which all spans of a layer lie; None where the layer leaves it open."""
    named = codebook.layers[layer].text if layer in codebook.layers else None
    return named or (codebook.main_text if len(codebook.texts) == 1 else None)


def sibling(codebook: Codebook, article_id: str, text_name: str | None, other: str) -> str:
    """The article id of the text `other` of the task whose text `text_name` has the id `article_id`."""
    main = codebook.main_text
    task = article_id if text_name in (None, main) else article_id.removesuffix(f".{text_name}")
    return task if other == main else f"{task}.{other}"


def _record(
    columns: Mapping[str, pa.Array], shape: schema.Struct, rows: pa.Array, change: Change
) -> dict[str, pa.Array]:
    """The columns of a record with those changed that hold words; `rows` says to which row each value belongs."""
    return {
        name: _column(column, shape.fields[name], columns, rows, change) if has_words(shape.fields[name]) else column
        for name, column in columns.items()
    }


def _column(
    column: pa.Array, type_: schema.Type, beside: Mapping[str, pa.Array], rows: pa.Array, change: Change
) -> pa.Array:
    if isinstance(type_, schema.Struct):
        names = [field.name for field in column.type]
        parts = _record(dict(zip(names, column.flatten(), strict=True)), type_, rows, change)
        return pa.StructArray.from_arrays(list(parts.values()), fields=list(column.type), mask=column.is_null())
    if isinstance(type_, schema.ListOf) and isinstance(type_.item, schema.Struct):
        inside = rows.take(pc.list_parent_indices(column))
        values = _column(column.flatten(), type_.item, {}, inside, change)
        lengths = pc.fill_null(pc.list_value_length(column), 0)
        offsets = pa.concat_arrays([pa.array([0], pa.int32()), pc.cumulative_sum(lengths).cast(pa.int32())])
        return pa.ListArray.from_arrays(offsets, values, type=column.type, mask=column.is_null())
    return change(column, beside, rows)


def _one(column: pa.ChunkedArray) -> pa.Array:
    """A column in one piece, also one without rows."""
    return column.chunk(0) if column.num_chunks == 1 else pa.concat_arrays(column.chunks) if column.num_chunks else pa.array([], column.type)  # fmt: skip  # noqa: E501
