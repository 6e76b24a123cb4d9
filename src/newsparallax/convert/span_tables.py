"""Spans of many annotations -> the tables in which they stand, column by column.

Each span is described once, whatever number of tables and arrows it stands in: there it is taken by its position.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from itertools import accumulate, chain
from operator import attrgetter
from typing import Any

import pyarrow as pa

from . import schema
from .article import Conversion, canonical_json
from .codebook import LEVELS, Codebook
from .columns import Column, Row, table_makers
from .gold import METHODS, Gold
from .spans import Link, Marked, Shown, Span

KINDS = {name: number for number, name in enumerate(schema.KINDS)}

_DIRECTIONS = {name: number for number, name in enumerate(schema.DIRECTIONS)}
_FIELDS = attrgetter("span_id", "layer", "region_id", "start", "end", "labels", "repair", "original", "meta")
_SPAN = schema.arrow_schema(schema.Struct({**schema.PLACE, "layer": schema.STRING, **schema.REPAIRED}))
_TARGET = ("span_id", "layer", "start", "end", "quote")  # what an arrow says of the span to which it leads
_NESTED = ("span_id", "start", "end", "quote")
_MADE_BY = Column(schema.arrow_type(schema.Struct(schema.MADE_BY)))
_WHO_FIELDS = ("annotation_id", "task_id", "annotator", "annotator_kind", "editor", "ground_truth")
_WHO = Column(schema.arrow_type(schema.Struct({name: schema.VOTE[name] for name in _WHO_FIELDS})))
_VOTE = schema.arrow_schema(schema.Struct(schema.VOTE))
_RELATION = _VOTE.field("relations").type.value_type
_ATTRIBUTE = _VOTE.field("attributes").type.value_type
_LINK = schema.arrow_type(schema.LINK)


def made_by(gold: Gold | None) -> Row:
    """Who made what is gold, and how it became so, in the order of `schema.MADE_BY`."""
    if gold is None:
        return (None, None, None, None)
    return gold.annotator, KINDS[gold.kind], gold.adjudicated, METHODS.index(gold.method)


_Document = tuple[int, Row, dict[str, Any]]  # a row of `votes` about an article: the votes before it, without its value


class Marks:
    """The spans of articles, taken in one article after the other, and which of them are gold.

    Spans are known by their positions, in the order in which they came: by article, annotation, and place in the text.
    Texts have numbers too; an article without any counts as one, since it has a row in `articles`.
    """

    def __init__(self, codebook: Codebook) -> None:
        self._codebook = codebook
        self._spans: list[Span] = []
        self._quotes: list[str] = []
        self._text_of: list[int] = []  # of each span
        self._texts: list[tuple[str, str]] = []  # of each text: the ids of its article and event
        self._makers: list[Row] = []  # of each text
        self._shown: list[bool] = []  # of each text: whether spans could be gold there
        self._gold: dict[str, list[int]] = {name: [] for name in codebook.layers}
        self._votes: list[int] = []  # the spans that stand in `votes`, and the number of the annotation of each
        self._voters: list[int] = []
        self._who: list[Row] = []  # of each annotation
        self._documents: list[_Document] = []

    def add(self, found: Conversion) -> dict[str | None, list[Span]]:
        """Take in an article; its gold spans by text, in order of their places."""
        numbers = {name: len(self._texts) + number for number, name in enumerate(found.texts)}
        shown = list(found.texts.values())
        self._texts += [(text.article_id, found.event_id) for text in shown] or [(found.article_id, found.event_id)]
        self._makers += [made_by(found.gold)] * (len(shown) or 1)
        self._shown += [found.gold is not None] * len(shown) or [False]
        chosen: Sequence[int] | None = None
        for marked in found.marked:
            positions = self._add_spans(found.texts, numbers, marked.spans)
            self._votes += positions
            self._voters += [len(self._who)] * len(positions)
            self._add_annotation(found, marked)
            if found.gold and found.gold.spans is marked.spans:
                chosen = positions
        if found.gold and chosen is None:  # the spans of a majority are nobody's own
            chosen = self._add_spans(found.texts, numbers, found.gold.spans)
        if chosen and len(shown) > 1:
            chosen = sorted(chosen, key=self._text_of.__getitem__)
        by_text: dict[str | None, list[Span]] = {name: [] for name in found.texts}
        for position in chosen or ():
            span = self._spans[position]
            self._gold[span.layer].append(position)
            by_text[span.text_name].append(span)
        return by_text

    def _add_spans(self, texts: dict[str, Shown], numbers: dict[str, int], spans: list[Span]) -> range:
        begin = len(self._spans)
        ordered = sorted(spans, key=_in_order)
        self._spans += ordered
        for name, shown in texts.items() if len(texts) == 1 else ():  # as nearly all articles are
            text = shown.index.text
            self._quotes += [text[span.start : span.end] for span in ordered]
            self._text_of += [numbers[name]] * len(ordered)
        if len(texts) > 1:
            self._quotes += [texts[span.text_name].index.text[span.start : span.end] for span in ordered]
            self._text_of += [numbers[span.text_name] for span in ordered]
        return range(begin, len(self._spans))

    def _add_annotation(self, found: Conversion, marked: Marked) -> None:
        annotator, editor = marked.annotator, marked.editor.name if marked.editor else None
        name = (marked.annotation_id, marked.task_id)
        maker = (annotator.name, KINDS[annotator.kind], editor, marked.ground_truth)
        self._who.append((*name, *maker))
        for (text, key), value in sorted(marked.document.items(), key=repr):
            article_id = found.texts[text].article_id if text in found.texts else found.article_id
            nowhere, nothing = (None, None, None), (None, None, None, None)
            about: Row = (None, article_id, found.event_id, *nowhere, key, (), (), ())
            self._documents.append((len(self._votes), (*about, *name, None, *maker, *nothing), {key: value}))

    def sizes(self) -> dict[str, int]:
        """How many rows there are by now in every config that holds spans."""
        gold = {name: len(positions) for name, positions in self._gold.items()}
        return gold | {schema.VOTES: len(self._votes) + len(self._documents)}

    def labels(self) -> Counter[tuple[str, str]]:
        """How many gold spans have each label of each layer."""
        counts: Counter[tuple[str, str]] = Counter()
        for layer, positions in self._gold.items():
            groups = Counter(self._spans[position].labels for position in positions)
            for labels, number in groups.items():
                counts.update(dict.fromkeys(((layer, label) for label in labels), number))
        return counts

    def tables(self) -> tuple[dict[str, pa.Table], list[pa.Array]]:
        """The table of every config that holds spans; and the columns of `articles` in which they stand, nested."""
        fields = list(zip(*map(_FIELDS, self._spans), strict=True)) or [()] * 9
        spans, labels = self._described(fields), fields[5]
        attributes = [span.attributes for span in self._spans]
        links = _Links(self._spans, spans)
        makers = pa.RecordBatch.from_struct_array(_MADE_BY.array(self._makers))
        tables: dict[str, pa.Table] = {}
        nested: list[pa.Array] = []
        for name, layer in self._codebook.layers.items():
            positions = self._gold[name]
            at = pa.array(positions, pa.int32())
            rows = spans.take(at)
            shape = table_makers(self._codebook)[name].schema
            found: list[Any] = [[layer.numbers[label] for label in labels[position]] for position in positions]
            marks = [
                Column(shape.field(layer.columns[0]).type).array(found if layer.multiple else [n for (n,) in found])
            ]
            for key, attribute in layer.attributes.items():
                given = attribute.encoded([attributes[position].get(key) for position in positions])
                marks.append(Column(shape.field(key).type).array(given))
            marks += [links.of(key, positions) for key in layer.relations]
            texts = [self._text_of[position] for position in positions]
            by = makers.take(pa.array(texts, pa.int32()))
            columns = [*(rows[part] for part in schema.PLACE), *marks, *by, *(rows[part] for part in schema.REPAIRED)]
            tables[name] = pa.Table.from_arrays(columns, schema=shape)
            inside = pa.StructArray.from_arrays(
                [*(rows[part] for part in _NESTED), *marks],
                fields=[shape.field(part) for part in (*_NESTED, *layer.columns)],
            )
            nested.append(_lists(_counted(texts, len(self._texts)), inside, self._shown))
        tables[schema.VOTES] = self._vote_table(spans, links, attributes, fields)
        return tables, nested

    def _described(self, fields: Sequence[Sequence[Any]]) -> pa.RecordBatch:
        """Of every span its place, layer and repair."""
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
        _, _, regions, _, _, labels, _, _, metas = fields
        who = pa.RecordBatch.from_struct_array(_WHO.array(self._who)).take(pa.array(self._voters, pa.int32()))
        metas = [canonical_json(meta) if meta else None for meta in metas]
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
        """The votes with the values about articles, each after the spans of its annotation."""
        documents = table_makers(self._codebook)[schema.VOTES].make([row for _, row, _ in self._documents])
        at = _VOTE.get_field_index("attributes")
        documents = documents.set_column(at, _VOTE.field(at), _named([value for _, _, value in self._documents]))
        places = [(before, 0, table.num_rows + number) for number, (before, _, _) in enumerate(self._documents)]
        order = sorted([*((position, 1, position) for position in range(table.num_rows)), *places])
        return pa.concat_tables([table, documents]).take(pa.array([number for _, _, number in order], pa.int32()))


class _Links:
    """All arrows of some spans, as records."""

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
        """The arrows of every span, with their names."""
        names = pa.array(self._names, pa.string())
        return _lists(self._counts, pa.StructArray.from_arrays([names, *self._fields], type=_RELATION))

    def of(self, name: str, positions: list[int]) -> pa.Array:
        """The arrows of one name that the spans at `positions` have."""
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


def _sorted(links: list[Link]) -> list[Link]:
    if len(links) < 2:
        return links
    return sorted(links, key=lambda link: (link.name, link.target.start, link.target.end, link.target.span_id))


def _named(several: Iterable[dict[str, Any]]) -> pa.Array:
    """Values as text, one entry for each of several, none for nothing; a taxonomy's path with its levels joined."""
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
    """How often each number below `size` occurs."""
    counts = [0] * size
    for number in numbers:
        counts[number] += 1
    return counts


def _lists(counts: list[int], values: pa.Array, there: list[bool] | None = None) -> pa.Array:
    """Lists of so many of the `values`, one after the other; null where they are not `there`."""
    offsets = pa.array(accumulate(counts, initial=0), pa.int32())
    missing = None if there is None or all(there) else pa.array([not one for one in there])
    return pa.ListArray.from_arrays(offsets, values, pa.list_(values.type), mask=missing)
