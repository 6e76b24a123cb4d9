"""Make Arrow tables from the spans of many annotations and from rows of plain values, column by column.

The fields of each span are computed once. Tables and relations take them by the span's position. Complete columns take
a third of the time of `pa.Table.from_pylist`, which looks up each value by its name and converts nested values one at a
time.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import accumulate, chain
from operator import attrgetter
from types import MappingProxyType
from typing import Any

import pyarrow as pa

from ..corpus import LEVELS, METHODS, Codebook, Layer, arrow_schema, configs, schema
from .article import Conversion, sorted_json
from .derived import Derived, referents
from .gold import Gold
from .model import ArticleText, ConvertedAnnotation, Span, SpanRelation

Row = tuple[Any, ...]  # the values of a row in the order of the schema; nested structs are tuples too


class TableMaker:
    """Makes tables of one schema; it reads the types from Arrow only once, because that takes longer than a column."""

    def __init__(self, schema: pa.Schema):
        self.schema = schema
        self._columns = {field.name: Column(field.type) for field in schema}

    def make(self, rows: Sequence[Row], made: Mapping[str, pa.Array] = MappingProxyType({})) -> pa.Table:
        """Return a table of `rows`; the rows lack the columns in `made`."""
        columns = [column for name, column in self._columns.items() if name not in made]
        values = zip(*rows, strict=True) if rows else [()] * len(columns)
        arrays = (column.array(of_column) for column, of_column in zip(columns, values, strict=True))
        return pa.Table.from_arrays(
            [made[name] if name in made else next(arrays) for name in self._columns], schema=self.schema
        )


class Column:
    """A column type with its nested columns: the values of a list, or the fields of a struct."""

    def __init__(self, type_: pa.DataType):
        self.type = type_
        self.inner = Column(type_.value_type) if pa.types.is_list(type_) else None
        self.parts = [Column(field.type) for field in type_] if pa.types.is_struct(type_) else []

    def array(self, values: Sequence[Any]) -> pa.Array:
        """Return an array of `values`; a list may be None, a struct must not be None."""
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
    """Return a TableMaker for each config; cached in the codebook, because each part of a corpus needs them."""
    kept: dict[str, TableMaker] | None = codebook.__dict__.get("table_makers")
    if kept is None:
        kept = {name: TableMaker(arrow_schema(struct)) for name, struct in configs(codebook).items()}
        codebook.__dict__["table_makers"] = kept
    return kept


KINDS = {name: number for number, name in enumerate(schema.KINDS)}

_DIRECTIONS = {name: number for number, name in enumerate(schema.DIRECTIONS)}
_FIELDS = attrgetter("span_id", "layer", "region_id", "start", "end", "labels", "repair", "original", "meta")
_SPAN = schema.arrow_schema(schema.Struct({**schema.PLACE, "layer": schema.STRING, **schema.REPAIRED}))
_TARGET = ("span_id", "layer", "start", "end", "quote")  # the fields of a relation that describe its target
_NESTED = ("span_id", "start", "end", "quote")
_MADE_BY = Column(schema.arrow_type(schema.Struct(schema.MADE_BY)))
_WHO_FIELDS = ("annotation_id", "task_id", "annotator", "annotator_kind", "editor", "ground_truth")
_WHO = Column(schema.arrow_type(schema.Struct({name: schema.VOTE[name] for name in _WHO_FIELDS})))
_VOTE = schema.arrow_schema(schema.Struct(schema.VOTE))
_RELATION = _VOTE.field("relations").type.value_type
_ATTRIBUTE = _VOTE.field("attributes").type.value_type
_LINK = schema.arrow_type(schema.LINK)


def made_by(gold: Gold | None) -> Row:
    """Return the annotator and the method of the gold, in the order of `schema.MADE_BY`."""
    if gold is None:
        return (None, None, None, None, None)
    return gold.annotator, KINDS[gold.kind], gold.adjudicated, METHODS.index(gold.method), gold.annotation_id


_Document = tuple[int, Row, dict[str, Any]]  # a row of `votes` about an article: number of votes before it, row, values


class SpanTables:
    """Collect the spans of articles, one article after the other, and record which spans are gold.

    The position of a span is its number in the order of articles, annotations, and places in the text. Texts have
    numbers too. An article without texts counts as one text, because it has a row in `articles`.
    """

    def __init__(self, codebook: Codebook) -> None:
        self._codebook = codebook
        self._derived_columns = Column(schema.arrow_type(schema.Struct(schema.derived(codebook))))
        self._spans: list[Span] = []
        self._quotes: list[str] = []
        self._text_of: list[int] = []  # by span
        self._texts: list[tuple[str, str]] = []  # by text: the ids of its article and event
        self._makers: list[Row] = []  # by text
        self._shown: list[bool] = []  # by text: whether the text can have gold spans
        self._gold: dict[str, list[int]] = {name: [] for name in codebook.layers}
        self._derived: dict[str, list[Derived]] = {name: [] for name in codebook.layers}  # of the gold spans
        self._votes: list[int] = []  # the positions of the spans in `votes`, and the annotation number of each
        self._voters: list[int] = []
        self._who: list[Row] = []  # by annotation
        self._documents: list[_Document] = []

    def add(self, conversion: Conversion, derive: Callable[[Span], Derived]) -> dict[str | None, list[Span]]:
        """Add an article; return its gold spans by text, in order of their places.

        `derive` returns the derived columns of a gold span.
        """
        numbers = {name: len(self._texts) + number for number, name in enumerate(conversion.texts)}
        shown = list(conversion.texts.values())
        self._texts += [(text.article_id, conversion.event_id) for text in shown] or [
            (conversion.article_id, conversion.event_id)
        ]
        self._makers += [made_by(conversion.gold)] * (len(shown) or 1)
        self._shown += [conversion.gold is not None] * len(shown) or [False]
        chosen: Sequence[int] | None = None
        for marked in conversion.marked:
            positions = self._add_spans(conversion.texts, numbers, marked.spans)
            self._votes += positions
            self._voters += [len(self._who)] * len(positions)
            self._add_annotation(conversion, marked)
            if conversion.gold and conversion.gold.spans is marked.spans:
                chosen = positions
        if conversion.gold and chosen is None:  # majority: the spans belong to no single annotation
            chosen = self._add_spans(conversion.texts, numbers, conversion.gold.spans)
        if chosen and len(shown) > 1:
            chosen = sorted(chosen, key=self._text_of.__getitem__)
        by_text: dict[str | None, list[Span]] = {name: [] for name in conversion.texts}
        for position in chosen or ():
            span = self._spans[position]
            self._gold[span.layer].append(position)
            self._derived[span.layer].append(derive(span))
            by_text[span.text_name].append(span)
        return by_text

    def _add_spans(self, texts: dict[str, ArticleText], numbers: dict[str, int], spans: list[Span]) -> range:
        begin = len(self._spans)
        ordered = sorted(spans, key=_in_order)
        self._spans += ordered
        for name, shown in texts.items() if len(texts) == 1 else ():  # the usual case
            text = shown.index.text
            self._quotes += [text[span.start : span.end] for span in ordered]
            self._text_of += [numbers[name]] * len(ordered)
        if len(texts) > 1:
            self._quotes += [texts[span.text_name].index.text[span.start : span.end] for span in ordered]
            self._text_of += [numbers[span.text_name] for span in ordered]
        return range(begin, len(self._spans))

    def _add_annotation(self, conversion: Conversion, marked: ConvertedAnnotation) -> None:
        annotator, editor = marked.annotator, marked.editor.name if marked.editor else None
        name = (marked.annotation_id, marked.task_id)
        maker = (annotator.name, KINDS[annotator.kind], editor, marked.ground_truth)
        self._who.append((*name, *maker))
        for (text, key), value in sorted(marked.document.items(), key=repr):
            article_id = conversion.texts[text].article_id if text in conversion.texts else conversion.article_id
            nowhere, nothing = (None, None, None), (None, None, None, None)
            about: Row = (None, article_id, conversion.event_id, *nowhere, key, (), (), ())
            self._documents.append((len(self._votes), (*about, *name, None, *maker, *nothing), {key: value}))

    def sizes(self) -> dict[str, int]:
        """Return the current number of rows of each config that holds spans."""
        gold = {name: len(positions) for name, positions in self._gold.items()}
        return gold | {schema.VOTES: len(self._votes) + len(self._documents)}

    def labels(self) -> Counter[tuple[str, str]]:
        """Return the number of gold spans by (layer, label)."""
        counts: Counter[tuple[str, str]] = Counter()
        for layer, positions in self._gold.items():
            groups = Counter(self._spans[position].labels for position in positions)
            for labels, number in groups.items():
                counts.update(dict.fromkeys(((layer, label) for label in labels), number))
        return counts

    def tables(self) -> tuple[dict[str, pa.Table], dict[str, pa.Array]]:
        """Return the table of each config that holds spans, and the nested columns of `articles` with these spans."""
        fields = list(zip(*map(_FIELDS, self._spans), strict=True)) or [()] * 9
        spans, labels = self._described(fields), fields[5]
        attributes = [span.attributes for span in self._spans]
        links = _Links(self._spans, spans)
        makers = pa.RecordBatch.from_struct_array(_MADE_BY.array(self._makers))
        tables: dict[str, pa.Table] = {}
        nested: dict[str, pa.Array] = {}
        for name, layer in self._codebook.layers.items():
            positions = self._gold[name]
            at = pa.array(positions, pa.int32())
            rows = spans.take(at)
            shape = table_makers(self._codebook)[name].schema
            numbers: list[Any] = [[layer.numbers[label] for label in labels[position]] for position in positions]
            marks = [
                Column(shape.field(layer.columns[0]).type).array(numbers if layer.multiple else [n for (n,) in numbers])
            ]
            for key, attribute in layer.attributes.items():
                values = attribute.encoded([attributes[position].get(key) for position in positions])
                marks.append(Column(shape.field(key).type).array(values))
            marks += [links.of(key, positions) for key in layer.relations]
            texts = [self._text_of[position] for position in positions]
            by = makers.take(pa.array(texts, pa.int32()))
            meant = [_referents(layer, [attributes[position] for position in positions])] if layer.referent else []
            derived = self._derived_columns.array(self._derived[name]).flatten()
            repaired = [rows[part] for part in schema.REPAIRED]
            columns = [*(rows[part] for part in schema.PLACE), *marks, *meant, *derived, *by, *repaired]
            tables[name] = pa.Table.from_arrays(columns, schema=shape)
            inside = pa.StructArray.from_arrays(
                [*(rows[part] for part in _NESTED), *marks],
                fields=[shape.field(part) for part in (*_NESTED, *layer.columns)],
            )
            nested[name] = _lists(_counted(texts, len(self._texts)), inside, self._shown)
        tables[schema.VOTES] = self._vote_table(spans, links, attributes, fields)
        return tables, nested

    def _described(self, fields: Sequence[Sequence[Any]]) -> pa.RecordBatch:
        """Return the place, layer and repair of each span."""
        ids, layers, _, starts, ends, _, repairs, originals, _ = fields
        kept = [(None, None) if repair is None else pair for repair, pair in zip(repairs, originals, strict=True)]
        texts = pa.array(self._text_of, pa.int32())
        article_ids, event_ids = zip(*self._texts, strict=True) if self._texts else ((), ())
        columns = {
            "span_id": ids,
            "article_id": pa.array(article_ids, pa.string()).take(texts),
            "event_id": pa.array(event_ids, pa.string()).take(texts),
            "start": starts,
            "end": ends,
            "quote": self._quotes,
            "layer": layers,
            "repair": repairs,
            "original_start": [start for start, _ in kept],
            "original_end": [end for _, end in kept],
        }
        return pa.RecordBatch.from_arrays([pa.array(columns[field.name], field.type) for field in _SPAN], schema=_SPAN)

    def _vote_table(
        self, spans: pa.RecordBatch, links: _Links, attributes: list[dict[str, Any]], fields: Sequence[Sequence[Any]]
    ) -> pa.Table:
        _, _, regions, _, _, _, _, _, metas = fields
        labels = [span.given or span.labels for span in self._spans]
        who = pa.RecordBatch.from_struct_array(_WHO.array(self._who)).take(pa.array(self._voters, pa.int32()))
        metas = [sorted_json(meta) if meta else None for meta in metas]
        whole = {name: spans[name] for name in _SPAN.names if name in _VOTE.names} | {
            "labels": _lists(list(map(len, labels)), pa.array(chain.from_iterable(labels), pa.string())),
            "attributes": _named(attributes),
            "relations": links.all(),
            "region_id": pa.array(regions, pa.string()),
            "region_meta": pa.array(metas, pa.string()),
        }
        if len(self._votes) < len(self._spans):
            whole = {name: column.take(pa.array(self._votes, pa.int32())) for name, column in whole.items()}
        whole |= {name: who[name] for name in _WHO_FIELDS}
        table = pa.Table.from_arrays([whole[name] for name in _VOTE.names], schema=_VOTE)
        return self._with_documents(table) if self._documents else table

    def _with_documents(self, table: pa.Table) -> pa.Table:
        """Insert the values about articles into the votes, each after the spans of its annotation."""
        documents = table_makers(self._codebook)[schema.VOTES].make([row for _, row, _ in self._documents])
        at = _VOTE.get_field_index("attributes")
        documents = documents.set_column(at, _VOTE.field(at), _named([value for _, _, value in self._documents]))
        places = [(before, 0, table.num_rows + number) for number, (before, _, _) in enumerate(self._documents)]
        order = sorted([*((position, 1, position) for position in range(table.num_rows)), *places])
        return pa.concat_tables([table, documents]).take(pa.array([number for _, _, number in order], pa.int32()))


class _Links:
    """All relations of some spans, as Arrow structs."""

    def __init__(self, spans: list[Span], described: pa.RecordBatch) -> None:
        position = {id(span): number for number, span in enumerate(spans)} if any(s.links for s in spans) else {}
        self._counts = [len(span.links) for span in spans]
        self._begins = list(accumulate(self._counts, initial=0))
        links = list(chain.from_iterable(_sorted(span.links) for span in spans if span.links))
        self._names = [link.name for link in links]
        targets = described.take(pa.array([position[id(link.target)] for link in links], pa.int32()))
        directions = pa.array([_DIRECTIONS[link.direction] for link in links], pa.int64())
        labels = pa.array(["+".join(link.target.labels) for link in links], pa.string())
        ids, layers, starts, ends, quotes = (targets[part] for part in _TARGET)
        self._fields = [ids, layers, labels, starts, ends, quotes, directions]
        self._links = pa.StructArray.from_arrays(self._fields, type=_LINK)

    def all(self) -> pa.Array:
        """Return the relations of each span, with their names."""
        names = pa.array(self._names, pa.string())
        return _lists(self._counts, pa.StructArray.from_arrays([names, *self._fields], type=_RELATION))

    def of(self, name: str, positions: list[int]) -> pa.Array:
        """Return the relations with one name of the spans at `positions`."""
        counts: list[int] = []
        taken: list[int] = []
        for position in positions:
            begin, end = self._begins[position], self._begins[position + 1]
            mine = [at for at in range(begin, end) if self._names[at] == name] if begin < end else ()
            counts.append(len(mine))
            taken += mine
        return _lists(counts, self._links.take(pa.array(taken, pa.int32())))


def _in_order(span: Span) -> tuple[Any, ...]:
    return span.start, -span.end, span.layer, span.labels, span.span_id


def _sorted(links: list[SpanRelation]) -> list[SpanRelation]:
    if len(links) < 2:
        return links
    return sorted(links, key=lambda link: (link.name, link.target.start, link.target.end, link.target.span_id))


def _referents(layer: Layer, several: list[dict[str, Any]]) -> pa.Array:
    """Return the ids that spans with these values refer to, as lists."""
    return pa.array([referents(layer, values) for values in several], pa.list_(pa.string()))


def _named(several: Iterable[dict[str, Any]]) -> pa.Array:
    """Return values as (name, text) lists: one entry per value, none for None; levels of a taxonomy path are joined."""
    names: list[str] = []
    texts: list[str] = []
    ends = [0]
    for values in several:
        for key, value in values.items():
            for part in value if type(value) is list else (value,):
                if part is not None:
                    names.append(key)
                    texts.append(part if type(part) is str else _as_text(part))
        ends.append(len(names))
    columns = [pa.array(names, pa.string()), pa.array(texts, pa.string())]
    values = pa.StructArray.from_arrays(columns, type=_ATTRIBUTE)
    return pa.ListArray.from_arrays(pa.array(ends, pa.int32()), values, pa.list_(_ATTRIBUTE))


def _as_text(part: Any) -> str:
    return LEVELS.join(part) if isinstance(part, list) else str(part)


def _counted(numbers: list[int], size: int) -> list[int]:
    """Count how often each number below `size` occurs."""
    counts = [0] * size
    for number in numbers:
        counts[number] += 1
    return counts


def _lists(counts: list[int], values: pa.Array, there: list[bool] | None = None) -> pa.Array:
    """Return an array of lists: split `values` into lists of the lengths `counts`; null where `there` is False."""
    offsets = pa.array(accumulate(counts, initial=0), pa.int32())
    missing = None if there is None or all(there) else pa.array([not present for present in there])
    return pa.ListArray.from_arrays(offsets, values, pa.list_(values.type), mask=missing)
