"""Read the documents of a dataset, gold or the votes of one annotator, to write them in another format."""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

from ..corpus import schema
from ..errors import UsageError
from ..formats import Document, Given, Kind, Link, Mark, Markup
from .sources import Source

_NESTED = {*schema.NESTED, "label", "labels"}


def documents_of(source: Source, annotator: str | None, losses: Counter[str]) -> Iterator[Document]:
    """Yield a document for each text of a dataset, in its order, with the gold annotation or that of an annotator.

    `losses` counts what a document does not hold. Raises UsageError for texts that are withheld, and for an unknown
    annotator.
    """
    _refuse(source, annotator)
    votes = _Votes(source.folder, annotator, losses) if annotator else None
    for path in _files(source.folder, schema.ARTICLES):
        file = pq.ParquetFile(path)
        reader = _Articles(json.loads(file.schema_arrow.metadata[b"huggingface"])["info"]["features"], losses)
        for batch in file.iter_batches(64):
            for row in batch.to_pylist():
                if row["text"] is None:
                    raise _withheld(source.name, 1)
                markup = votes.of(row["article_id"]) if votes else reader.gold(row)
                losses["document without annotation"] += markup is None
                yield Document(row["article_id"], row["text"], [] if markup is None else [markup])


def _files(folder: Path, config: str) -> list[Path]:
    return sorted((folder / config).glob("*.parquet"))


def _refuse(source: Source, annotator: str | None) -> None:
    texts = source.manifest.texts
    if texts and texts.withheld:
        raise _withheld(source.name, texts.withheld)
    known = source.manifest.annotators
    if annotator is not None and annotator not in known:
        hint = f"expected one of {', '.join(sorted(known))}"
        raise UsageError(f"{annotator!r} is no annotator of {source.name}", hint=hint)


def _withheld(name: str, many: int) -> UsageError:
    hint = "put the texts back first: newsparallax rehydrate DATASET --seeds FOLDER --out FOLDER"
    return UsageError(f"{name} is a stand-off dataset: {many:,} texts are withheld", hint=hint)


class _Articles:
    """Reads the rows of `articles` by their features."""

    def __init__(self, features: dict[str, Any], losses: Counter[str]) -> None:
        own = {name: feature for name, feature in features.items() if name not in schema.ARTICLE}
        self._layers = {name: feature["feature"] for name, feature in own.items() if _holds_records(feature)}
        self._values = {name: feature for name, feature in own.items() if name not in self._layers}
        self._losses = losses

    def gold(self, row: dict[str, Any]) -> Markup | None:
        """Return the gold annotation of an article, or None if there is none."""
        if row["gold"] is None:
            return None
        markup = Markup(row["annotator"])
        for layer, features in self._layers.items():
            for span in row[layer] or ():
                self._add(markup, layer, features, span)
        ids = {mark.id for mark in markup.marks}
        inside = [link for link in markup.links if link.target in ids]
        self._losses["relation to another text"] += len(markup.links) - len(inside)
        markup.links = inside
        for name, feature in self._values.items():
            given = _given(feature, row[name])
            markup.values |= {name: given} if given else {}
        return markup

    def _add(self, markup: Markup, layer: str, features: dict[str, Any], span: dict[str, Any]) -> None:
        key = "labels" if "labels" in features else "label"
        labels = _given(features[key], span[key])
        mark = Mark(span["span_id"], layer, labels.values if labels else (), span["start"], span["end"])
        for name, feature in features.items():
            if name in _NESTED:
                continue
            if _holds_records(feature):
                links = span[name] or ()
                markup.links += [Link(name, span["span_id"], link["span_id"]) for link in links]
            elif given := _given(feature, span[name]):
                mark.attributes[name] = given
        markup.marks.append(mark)


def _holds_records(feature: Any) -> bool:
    inner = feature.get("feature") if isinstance(feature, dict) and feature.get("_type") == "List" else None
    return isinstance(inner, dict) and "_type" not in inner


def _given(feature: dict[str, Any], value: Any) -> Given | None:
    """Return a value with the kind that its feature has; None where there is no value."""
    if value is None or value == []:
        return None
    parts = value if isinstance(value, list) else [value]
    inner = feature["feature"] if feature["_type"] == "List" else feature
    if inner["_type"] == "List":
        return Given("taxonomy", tuple(map(tuple, parts)))
    if inner["_type"] == "ClassLabel":
        return Given("choices", tuple(inner["names"][part] for part in parts))
    kinds: dict[str, Kind] = {"int64": "rating", "float64": "number"}
    return Given(kinds.get(inner["dtype"], "textarea"), tuple(parts))


class _Votes:
    """The annotations of one annotator, by article. Where there are several of an article, the last one counts."""

    def __init__(self, folder: Path, annotator: str, losses: Counter[str]) -> None:
        self._rows: defaultdict[str, defaultdict[str, list[dict[str, Any]]]] = defaultdict(lambda: defaultdict(list))
        self._losses = losses
        self._empty = set[str]()
        for path in _files(folder, schema.VOTES):
            for row in pq.read_table(path, filters=[("annotator", "=", annotator)]).to_pylist():
                self._rows[row["article_id"]][row["annotation_id"]].append(row)
        for path in _files(folder, schema.ARTICLES):
            for row in pq.read_table(path, columns=["article_id", "annotations"]).to_pylist():
                own = [made for made in row["annotations"] or () if made["annotator"] == annotator]
                if any(not made["cancelled"] for made in own):
                    self._empty.add(row["article_id"])

    def of(self, article_id: str) -> Markup | None:
        """Return the annotation of an article; None where the annotator made none."""
        made = self._rows.get(article_id)
        if not made:
            return Markup() if article_id in self._empty else None
        self._losses["earlier annotation by the same annotator"] += len(made) - 1
        markup = Markup(None)
        for row in made[[*made][-1]]:
            markup.annotator = row["annotator"]
            given = {part["name"]: _grouped(row, part["name"]) for part in row["attributes"] or ()}
            if row["start"] is None:
                markup.values |= given
                continue
            mark = Mark(row["span_id"], row["layer"], tuple(row["labels"] or ()), row["start"], row["end"], None, given)
            markup.marks.append(mark)
            markup.links += [Link(link["name"], row["span_id"], link["span_id"]) for link in row["relations"] or ()]
        ids = {mark.id for mark in markup.marks}
        markup.links = [link for link in markup.links if link.target in ids]
        return markup


def _grouped(row: dict[str, Any], name: str) -> Given:
    return Given("textarea", tuple(part["value"] for part in row["attributes"] if part["name"] == name))
