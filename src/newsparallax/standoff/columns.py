"""Remove the words of articles from the rows of a config, and restore them, in complete columns at any depth.

The schema marks the columns that hold words (the role `words`). Removed words can be restored, because the offsets
remain: quotes and tokens are the slices of the text at their offsets, and the text itself is identified by its digest.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from ..corpus import Codebook, schema
from ..errors import NewsParallaxError

# (column of words, enclosing record, row number of each value) -> the new column.
Change = Callable[[pa.Array, "Beside", pa.Array], pa.Array]
TextOf = Callable[[str], str | None]
TargetOf = Callable[[str, str, str], str]


class Beside(NamedTuple):
    """The record that encloses a column: its type, and the columns of its parts by name."""

    shape: schema.Struct
    columns: Mapping[str, pa.Array]

    def offsets(self, *, listed: bool) -> list[list[Any]]:
        """Return the values of the offset columns, starts and ends; if `listed`, those with lists of offsets."""
        kinds = {name: type_ for name, type_ in self.shape.fields.items() if type_.role == "offset"}
        names = [name for name, type_ in kinds.items() if isinstance(type_, schema.ListOf) == listed]
        return [self.columns[name].to_pylist() for name in names]


def withhold(table: pa.Table, shape: schema.Struct, withheld: pa.BooleanArray) -> pa.Table:
    """Return the rows with all words set to null where `withheld` is true (one value per row, without nulls)."""

    def blank(column: pa.Array, _: Beside, rows: pa.Array) -> pa.Array:
        return pc.if_else(withheld.take(rows), pa.scalar(None, column.type), column)

    return rewritten(table, shape, blank)


def restore(table: pa.Table, shape: schema.Struct, text_of: TextOf, target_of: TargetOf) -> pa.Table:
    """Return the rows with the words of every article for which `text_of` returns the text.

    `text_of` maps an article id to its text, or to None where the words stay unchanged. `target_of` maps (article id of
    the row, layer, span id) of a relation's target to the id of the article whose text contains the target.
    """
    owners = table.column("article_id")

    def restored(column: pa.Array, beside: Beside, rows: pa.Array) -> pa.Array:
        ids = owners.take(rows).to_pylist()
        if beside.shape.role == "relation":  # its target may be in another text of the same task
            layers, spans = beside.columns["layer"].to_pylist(), beside.columns["span_id"].to_pylist()
            ids = [layer and target_of(id_, layer, span) for id_, layer, span in zip(ids, layers, spans, strict=True)]
        texts = [id_ and text_of(id_) for id_ in ids]
        return pa.array(_words(column, beside, texts), column.type)

    return rewritten(table, shape, restored)


def _words(column: pa.Array, beside: Beside, texts: list[str | None]) -> Iterator[Any]:
    """Yield the values of a column of words: tokens, quotes or, in a record without offsets, complete texts."""
    before = column.to_pylist()
    offsets = beside.offsets(listed=pa.types.is_list(column.type))
    if offsets and pa.types.is_list(column.type):
        starts, ends = offsets
        for old, text, many, more in zip(before, texts, starts, ends, strict=True):
            if text is None or many is None:
                yield old
            else:
                yield [text[start:end] for start, end in zip(many, more, strict=True)]
    elif offsets:
        starts, ends = offsets
        for old, text, start, end in zip(before, texts, starts, ends, strict=True):
            yield old if text is None or start is None else text[start:end]
    else:
        yield from (old if text is None else text for old, text in zip(before, texts, strict=True))


def rewritten(table: pa.Table, shape: schema.Struct, change: Change) -> pa.Table:
    """Return the table with `change` applied to every column of words at any depth; all else is unchanged."""
    whole = table.combine_chunks()
    columns = {name: _one(whole.column(name)) for name in whole.column_names}
    rows = pa.array(range(whole.num_rows), pa.int64())
    changed = _record(columns, shape, rows, change)
    return pa.Table.from_arrays([changed[name] for name in columns], schema=table.schema)


def has_words(type_: schema.Type) -> bool:
    """Return whether values of this type contain words at any depth."""
    if isinstance(type_, schema.Struct):
        return any(map(has_words, type_.fields.values()))
    return has_words(type_.item) if isinstance(type_, schema.ListOf) else type_.role == "words"


def target_by_layer(codebook: Codebook, layer: str) -> str | None:
    """Return the name of the text that contains all spans of a layer; None where the layer does not fix it."""
    named = codebook.layers[layer].text if layer in codebook.layers else None
    return named or (codebook.main_text if len(codebook.texts) == 1 else None)


def sibling(codebook: Codebook, article_id: str, text_name: str | None, text: str) -> str:
    """Return the article id of the text `text` in the task whose text `text_name` has the id `article_id`."""
    main = codebook.main_text
    task = article_id if text_name in (None, main) else article_id.removesuffix(f".{text_name}")
    return task if text == main else f"{task}.{text}"


def _record(
    columns: Mapping[str, pa.Array], shape: schema.Struct, rows: pa.Array, change: Change
) -> dict[str, pa.Array]:
    """Return the columns of a record, with columns of words changed; `rows` has the row number of each value."""
    beside = Beside(shape, columns)
    return {
        name: _column(column, shape.fields[name], beside, rows, change) if has_words(shape.fields[name]) else column
        for name, column in columns.items()
    }


def _column(column: pa.Array, type_: schema.Type, beside: Beside, rows: pa.Array, change: Change) -> pa.Array:
    if isinstance(type_, schema.Struct):
        names = [field.name for field in column.type]
        parts = _record(dict(zip(names, column.flatten(), strict=True)), type_, rows, change)
        return pa.StructArray.from_arrays(list(parts.values()), fields=list(column.type), mask=column.is_null())
    if isinstance(type_, schema.ListOf) and isinstance(type_.item, schema.Struct):
        inside = rows.take(pc.list_parent_indices(column))
        values = _column(column.flatten(), type_.item, beside, inside, change)
        lengths = pc.fill_null(pc.list_value_length(column), 0)
        offsets = pa.concat_arrays([pa.array([0], pa.int32()), pc.cumulative_sum(lengths).cast(pa.int32())])
        return pa.ListArray.from_arrays(offsets, values, type=column.type, mask=column.is_null())
    return change(column, beside, rows)


def _one(column: pa.ChunkedArray) -> pa.Array:
    """Return a column as one array, also for a column without rows."""
    return column.chunk(0) if column.num_chunks == 1 else pa.concat_arrays(column.chunks) if column.num_chunks else pa.array([], column.type)  # fmt: skip  # noqa: E501


BATCH = 256  # texts in memory at a time


def articles_in(folder: Path, *columns: str) -> Iterator[dict[str, list[Any]]]:
    """Yield the columns of all rows of `articles`, a batch at a time.

    Raises NewsParallaxError, naming the file, for a file that a build did not write.
    """
    for path in sorted((folder / schema.ARTICLES).glob("*.parquet")):
        try:
            with pq.ParquetFile(path) as file:
                for batch in file.iter_batches(BATCH, columns=list(columns)):
                    yield batch.to_pydict()
        except (pa.ArrowInvalid, KeyError) as error:
            raise NewsParallaxError(f"differs from what a build writes: {error}", file=str(path)) from None
