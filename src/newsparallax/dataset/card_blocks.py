"""Codebook, schemas and counts -> the generated blocks of the dataset card, between markers in hand-written prose."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from .. import schema
from ..citation import bibtex
from ..codebook import Attribute, Codebook, Layer
from ..context import Context
from ..errors import CorpusError
from ..registry import Article
from .agreement import agreement_block
from .markdown import table

_BLOCK = re.compile(r"(<!-- begin generated: ([\w-]+) -->\n)(.*?)(<!-- end generated: \2 -->)", re.DOTALL)
_MARKER = re.compile(r"<!-- (?:begin|end) generated: .*? -->")
LISTED = 50  # articles up to which the card has a line for each

# What a column holds, whatever the corpus. Columns of layers (attributes, arrows) are told by the codebook.
COLUMNS = {
    "span_id": "id of the span; a corrected span keeps it",
    "article_id": "id of the article",
    "event_id": "id of the event that the article tells; a split never divides an event",
    "start": "where it begins: code points from the beginning of the article's text",
    "end": "where it ends, end excluded",
    "quote": "the words themselves, `text[start:end]`",
    "label": "label of the layer",
    "labels": "labels of the layer; a region may carry several",
    "annotator": "pseudonym of who made it; for gold, of who decided (several joined by `+`)",
    "annotator_kind": "whether that is a human, a model, or not known",
    "adjudicated": "whether an adjudicator decided",
    "gold": "how it became gold: adjudicated, a single annotation, or the majority",
    "repair": "how wrong offsets were repaired; null where they fitted",
    "original_start": "the offset before the repair",
    "original_end": "the offset before the repair",
    "text_name": "name of the text, for corpora that show several at a time",
    "text": "the text, verbatim",
    "text_sha256": "SHA-256 of the text as UTF-8, hexadecimal",
    "title": "headline",
    "outlet": "who published it",
    "agency": "news agency",
    "dateline": "place named at the head of the text",
    "date": "day of publication, year-month-day",
    "language": "language of the text, ISO 639",
    "machine_translated": "whether the text was translated by a machine; null where not known",
    "url": "where it was published",
    "rights_holder": "who holds the rights in the text",
    "redistribute": "whether the text may be passed on",
    "inferred": "fields that the text does not state, each with the reason",
    "metadata": "other data of the annotation task, JSON",
    "blocks": "parts of the page with their offsets: kind, start, end",
    "state": "whether it was annotated, annotated with no mark, cancelled by all, or not annotated",
    "annotations": "every annotation of the article: who made it, whether starred or cancelled, how many spans",
    "block_id": "id of the block: the article's, `#` and its number",
    "kind": "kind of the block",
    "tokens": "the tokens",
    "starts": "where each token begins in the article's text",
    "ends": "where each token ends, end excluded",
    "tags": "BIO tag of each token",
    "layer": "layer of the mark, or the name of a value about the whole article",
    "attributes": "the mark's values by name, all as text",
    "relations": "the mark's arrows by name",
    "annotation_id": "id of the annotation in Label Studio",
    "task_id": "id of the task in Label Studio",
    "region_id": "id of the region in Label Studio",
    "editor": "pseudonym of who last changed it, where the export says so",
    "ground_truth": "whether the annotation is starred as ground truth",
    "region_meta": "what else the export says of the region, JSON",
    "direction": "how the arrow was drawn",
}


def fill_blocks(card: str, blocks: dict[str, str]) -> str:
    """The card with the content of every generated block replaced; prose is left as it is.

    Raises KeyError for a marker that names no block.
    """
    return _BLOCK.sub(lambda found: f"{found[1]}\n{blocks[found[2]].strip()}\n\n{found[4]}", card)


def block_contents(card: str) -> dict[str, str]:
    """The generated blocks of the card by name, as they stand between their markers."""
    return {found[2]: found[3] for found in _BLOCK.finditer(card)}


def block_names(card: str) -> list[str]:
    """The names of the generated blocks in the card. Raises CorpusError for a marker without its partner."""
    blocks = list(_BLOCK.finditer(card))
    paired = {start for found in blocks for start in (found.start(), found.start(4))}
    for marker in _MARKER.finditer(card):
        if marker.start() not in paired:
            message = f"expected `begin generated: NAME` and `end generated: NAME` in turn, found {marker[0]} alone"
            line = card.count("\n", 0, marker.start()) + 1
            raise CorpusError(message, file="dataset_card.md", place=f"line {line} below the front matter")
    return [found[2] for found in blocks]


def render_blocks(context: Context, manifest: dict[str, Any], figures: dict[str, Any], changes: str) -> dict[str, str]:
    """Every generated block as Markdown; `figures` are those of agreement, `changes` what the version changed."""
    return {
        "version": _version(context, manifest),
        "counts": "\n".join(_counts(manifest)),
        "annotators": "\n".join(_annotators(context, manifest)),
        "agreement": "\n".join(agreement_block(figures)),
        "layers": "\n".join(_layers(context.codebook, manifest)),
        "configs": "\n".join(_configs(context.codebook, manifest)),
        "splits": "\n".join(_splits(manifest)),
        "articles": "\n".join(_articles(context, manifest)),
        "citation": _citation(context),
        "changes": changes or f"CHANGELOG.md says nothing of version {context.corpus.version}.",
        "texts": texts_block(manifest),
    }


def texts_block(manifest: dict[str, Any]) -> str:
    """Whether this copy holds the articles' texts, and what may be done with it; from the manifest alone."""
    texts = manifest["texts"]
    total, reserved, withheld, back = (texts.get(key, 0) for key in ("total", "reserved", "withheld", "put_back"))
    number = _number(total, "text")
    if withheld:
        mixed = (
            f" {_number(back, 'text')} came from the user's own copies: **do not pass this copy on.**" if back else ""
        )
        return (
            f"**Stand-off: {withheld:,} of {number} and their quotes and tokens are left out of this copy.**{mixed}"
            " Offsets, labels, arrows and `text_sha256` are here. With your own copies of the articles,"
            " `scripts/rehydrate.py DATASET --seeds DIR --out DIR` of the project's repository puts the words back, and"
            " proves that they are the ones that were annotated."
        )
    if back:
        return f"This copy holds {number}; {back:,} came from the user's own copies. **Do not pass this copy on.**"
    if reserved:
        return f"This copy holds {number}; {reserved:,} may not be passed on. **Do not upload this folder.**"
    return f"This copy holds {number}; all may be passed on."


def _citation(context: Context) -> str:
    entry = bibtex(context.corpus)
    return f"```bibtex\n{entry}\n```" if entry else "How to cite the corpus is not stated."


def _version(context: Context, manifest: dict[str, Any]) -> str:
    counts = manifest["counts"]
    what = f"{_number(counts['articles'], 'article')} of {_number(counts['events'], 'event')}"
    return f"Version **{context.corpus.version}** (codebook {manifest['codebook_version']}): {what}."


def _counts(manifest: dict[str, Any]) -> Iterator[str]:
    counts = manifest["counts"]
    shown = {
        "articles": "articles",
        "events": "events",
        "annotations": "annotations (not cancelled)",
        "annotations_cancelled": "cancelled annotations",
        "results_in": "result items read",
        "results_accepted": "accepted as they stand",
        "results_repaired": "accepted, offsets repaired",
        "results_quarantined": "quarantined (in `problems.jsonl`)",
    }
    rows = [(words, counts[key]) for key, words in shown.items()]
    rows += [(f"articles in the state `{state}`", number) for state, number in counts["article_states"].items()]
    tokens = counts["tokens"]
    if tokens.get("spans"):
        rows.append(("gold spans of the token layer", tokens["spans"]))
        rows += [(f"of these, {_bio(key)}", number) for key, number in tokens.items() if key != "spans"]
    yield from table(("what", "how many:"), ((words, f"{number:,}") for words, number in rows))


def _bio(key: str) -> str:
    return "shown as BIO tags" if key == "shown" else f"{key.replace('_', ' ')} (BIO cannot show it)"


def _annotators(context: Context, manifest: dict[str, Any]) -> Iterator[str]:
    yield _statement(manifest)
    if context.annotators:
        by = manifest["counts"]["annotations_by"]
        yield ""
        yield from table(
            ("pseudonym", "kind", "role", "annotations:", "what they were given"),
            ((name, who.kind, who.role, f"{by.get(name, 0):,}", who.given) for name, who in context.annotators.items()),
        )


def _statement(manifest: dict[str, Any]) -> str:
    """Who made the gold annotations, in one sentence, from the counts."""
    gold = manifest["counts"]["gold"]
    total = sum(gold.get(method, 0) for method in ("adjudicated", "single", "majority"))
    human, model, unknown = (gold.get(f"by_{kind}", 0) for kind in ("human", "model", "unknown"))
    if not total:
        return "No article has gold annotations."
    whole = f"{'the' if total == 1 else 'all'} {_number(total, 'article')}"
    if model == total:
        return f"**Models made the gold annotations of {whole}. No human has checked them.**"
    if human == total:
        return f"Humans made the gold annotations of {whole}."
    parts = [f"{number:,} by {who}" for number, who in ((human, "humans"), (model, "models"), (unknown, "persons or models that the corpus does not tell")) if number]  # fmt: skip  # noqa: E501
    return f"Of {_number(total, 'article')} with gold annotations, {', '.join(parts)}."


def _layers(codebook: Codebook, manifest: dict[str, Any]) -> Iterator[str]:
    for name, layer in codebook.layers.items():
        yield from (f"### `{name}`: {layer.question or layer.title}".rstrip(": "), "")
        counted = manifest["labels"][name]
        labels = ((label, f"{counted[label]:,}", value.definition) for label, value in layer.labels.items())
        yield from (*table(("label", "gold spans:", "meaning"), labels), "")
        yield from _parts(layer)
    for name, document in codebook.document.items():
        values = f": {', '.join(document.values)}" if document.values else ""
        yield f"- article column `{name}` ({document.kind}{values}). {document.question}".rstrip()


def _parts(layer: Layer) -> Iterator[str]:
    """The columns that attributes and relations make, then what the values of the choices mean."""
    columns = [(f"`{key}`", _kind(attribute), attribute.question) for key, attribute in layer.attributes.items()]
    for key, relation in layer.relations.items():
        to = " or ".join(f"`{target}`" for target in relation.to)
        columns.append((f"`{key}`", f"{'arrow' if relation.max == 1 else 'arrows'} to {to}", relation.question))
    if columns:
        yield from (*table(("column", "holds", "question"), columns), "")
    values = [
        (f"`{key}`", name, value.definition)
        for key, attribute in layer.attributes.items()
        for name, value in attribute.values.items()
    ]
    if values:
        yield from (*table(("column", "value", "meaning"), values), "")


def _kind(attribute: Attribute) -> str:
    if attribute.kind == "choice":
        return "values" if attribute.many else "one value"
    if attribute.kind == "ref":
        return f"{'ids' if attribute.many else 'an id'} of `{attribute.registry}.toml`"
    return attribute.kind


def _configs(codebook: Codebook, manifest: dict[str, Any]) -> Iterator[str]:
    shapes = schema.configs(codebook)
    own = {
        schema.ARTICLES: "an article: text, metadata, blocks, its gold spans nested by layer (the default config)",
        schema.TOKENS: f"a block of an article: tokens, their offsets, BIO tags of `{codebook.token_layer}`",
        schema.VOTES: "one mark of one annotator, gold or not",
    }
    rows = (
        (f"`{config}`", f"{sum(splits.values()):,}", own.get(config, f"a gold span of the layer `{config}`"))
        for config, splits in manifest["rows"].items()
    )
    yield from table(("config", "rows:", "one row is"), rows)
    yield from ("", "Columns of every span config, beside those of its layer (below):", "")
    yield from _columns({**schema.PLACE, **schema.MADE_BY, **schema.REPAIRED})
    yield from ("", "An arrow (a relation of a span) is a record of the span that it points to:", "")
    yield from _columns(schema.LINK.fields)
    for config, beside in ((schema.ARTICLES, schema.MADE_BY), (schema.TOKENS, schema.MADE_BY), (schema.VOTES, schema.PLACE)):  # fmt: skip  # noqa: E501
        if config in shapes:
            known = ", ".join(f"`{column}`" for column in beside)
            fields = shapes[config].fields
            yield from ("", f"Columns of `{config}`, beside {known}:", "")
            yield from _columns({column: type_ for column, type_ in fields.items() if column not in beside}, codebook)


def _columns(fields: dict[str, schema.Type], codebook: Codebook | None = None) -> Iterator[str]:
    rows = ((f"`{column}`", _type(type_), _meaning(column, codebook)) for column, type_ in fields.items())
    yield from table(("column", "type", "holds"), rows)


def _meaning(column: str, codebook: Codebook | None) -> str:
    if codebook and column in codebook.layers:
        return f"the article's gold spans of the layer `{column}`"
    if codebook and column in codebook.document:
        return codebook.document[column].question or codebook.document[column].title
    return COLUMNS[column]


def _type(type_: schema.Type) -> str:
    if isinstance(type_, schema.ListOf):
        return f"list of {_type(type_.item)}"
    if isinstance(type_, schema.Struct):
        return "record"
    return "class label" if isinstance(type_, schema.ClassLabel) else type_.dtype


def _splits(manifest: dict[str, Any]) -> Iterator[str]:
    rows = ((split, f"{number:,}") for split, number in manifest["rows"][schema.ARTICLES].items())
    yield from table(("split", "articles:"), rows)


def _articles(context: Context, manifest: dict[str, Any]) -> Iterator[str]:
    """How many texts may be passed on; a line an article, and what is inferred of it, where there are only a few."""
    articles = context.articles
    total = manifest["counts"]["articles"]
    everything = not articles and context.corpus.articles.redistribute
    free = total if everything else sum(article.redistribute for article in articles.values())
    yield f"Texts that may be redistributed: {free:,} of {total:,}."
    if not articles or len(articles) > LISTED:
        return
    yield ""
    fields = ("event", "outlet", "agency", "date", "language", "machine_translated", "rights_holder", "redistribute")
    yield from table(
        ("article", *(field.replace("_", " ") for field in fields)),
        ((f"`{key}`", *(_known(article, field) for field in fields)) for key, article in articles.items()),
    )
    inferred = [(f"`{key}`", name, reason) for key, article in articles.items() for name, reason in article.inferred.items()]  # fmt: skip  # noqa: E501
    if inferred:
        yield from ("", "What the files do not state, and why it is taken to be so:", "")
        yield from table(("article", "field", "reason"), inferred)


def _known(article: Article, name: str) -> str:
    value = getattr(article, name)
    if value is None:
        return "not known"
    words = ("yes" if value else "no") if isinstance(value, bool) else str(value)
    return f"{words} (inferred)" if name in article.inferred else words


def _number(number: int, what: str) -> str:
    return f"{number:,} {what}{'' if number == 1 else 's'}"
