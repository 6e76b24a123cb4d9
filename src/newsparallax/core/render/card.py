"""Codebook and counts -> the generated blocks of the dataset card, between markers in hand-written prose."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from ..codebook import Attribute, Codebook, Layer
from ..context import Context
from ..schema import ARTICLES, TOKENS, VOTES

_BLOCK = re.compile(r"(<!-- begin generated: ([\w-]+) -->\n)(.*?)(<!-- end generated: \2 -->)", re.DOTALL)


def fill_blocks(card: str, blocks: dict[str, str]) -> str:
    """The card with the content of every generated block replaced; prose is left as it is.

    Raises KeyError for a marker that names no block.
    """
    return _BLOCK.sub(lambda found: f"{found[1]}\n{blocks[found[2]].strip()}\n\n{found[4]}", card)


def block_names(card: str) -> list[str]:
    """The names of the generated blocks in the card."""
    return [found[2] for found in _BLOCK.finditer(card)]


def render_blocks(context: Context, manifest: dict[str, Any]) -> dict[str, str]:
    """Every generated block as Markdown."""
    return {
        "version": _version(context, manifest),
        "counts": "\n".join(_counts(manifest)),
        "annotators": "\n".join(_annotators(context, manifest)),
        "layers": "\n".join(_layers(context.codebook, manifest)),
        "configs": "\n".join(_configs(context.codebook, manifest)),
        "splits": "\n".join(_splits(manifest)),
        "articles": "\n".join(_articles(context, manifest)),
    }


def _version(context: Context, manifest: dict[str, Any]) -> str:
    corpus = context.corpus
    return f"Version **{corpus.version}** (codebook {manifest['codebook_version']})."


def _counts(manifest: dict[str, Any]) -> Iterator[str]:
    counts = manifest["counts"]
    yield from ("| what | how many |", "|---|---:|")
    shown = {
        "articles": "articles",
        "events": "events",
        "annotations": "annotations (not cancelled)",
        "annotations_cancelled": "cancelled annotations",
        "results_in": "result items read",
        "results_accepted": "accepted",
        "results_repaired": "repaired (offsets)",
        "results_quarantined": "quarantined (in `problems.jsonl`)",
    }
    for key, words in shown.items():
        yield f"| {words} | {counts[key]:,} |"
    for state, number in counts["article_states"].items():
        yield f"| articles {state.replace('_', ' ')} | {number:,} |"


def _annotators(context: Context, manifest: dict[str, Any]) -> Iterator[str]:
    yield _statement(manifest)
    if context.annotators:
        yield from ("", "| pseudonym | kind | role | annotations | what they were given |", "|---|---|---|---:|---|")
        by = manifest["counts"]["annotations_by"]
        for name, annotator in context.annotators.items():
            yield f"| {name} | {annotator.kind} | {annotator.role} | {by.get(name, 0)} | {annotator.given} |"


def _statement(manifest: dict[str, Any]) -> str:
    """Who made the gold annotations, in one sentence, from the counts."""
    gold = manifest["counts"]["gold"]
    total = sum(gold.get(method, 0) for method in ("adjudicated", "single", "majority"))
    human, model, unknown = (gold.get(f"by_{kind}", 0) for kind in ("human", "model", "unknown"))
    if not total:
        return "No article has gold annotations."
    if model == total:
        return f"**The gold annotations of all {total} articles were made by models. No human has checked them.**"
    if human == total:
        return f"The gold annotations of all {total} articles were made by humans."
    parts = [f"{number} by {who}" for number, who in ((human, "humans"), (model, "models"), (unknown, "persons or models that the corpus does not tell")) if number]  # fmt: skip  # noqa: E501
    return f"Of {total} articles with gold annotations, {', '.join(parts)}."


def _layers(codebook: Codebook, manifest: dict[str, Any]) -> Iterator[str]:
    for name, layer in codebook.layers.items():
        yield from (f"### `{name}`: {layer.question or layer.title}".rstrip(": "), "")
        yield from ("| label | gold spans | meaning |", "|---|---:|---|")
        for label, value in layer.labels.items():
            yield f"| {_cell(label)} | {manifest['labels'][name][label]:,} | {_cell(value.definition)} |"
        yield ""
        yield from _parts(layer)
    for name, document in codebook.document.items():
        values = f": {', '.join(document.values)}" if document.values else ""
        yield f"- article column `{name}` ({document.kind}{values}). {document.question}".rstrip()


def _parts(layer: Layer) -> Iterator[str]:
    for key, attribute in layer.attributes.items():
        yield f"- `{key}` ({_kind(attribute)}). {attribute.question}".rstrip()
    for key, relation in layer.relations.items():
        yield f"- `{key}` -> {' or '.join(f'`{target}`' for target in relation.to)}. {relation.question}".rstrip()
    if layer.attributes or layer.relations:
        yield ""


def _kind(attribute: Attribute) -> str:
    if attribute.kind == "choice":
        return ("several of " if attribute.many else "one of ") + ", ".join(map(_cell, attribute.values))
    if attribute.kind == "ref":
        return f"{'ids' if attribute.many else 'id'} of `{attribute.registry}.toml`"
    return attribute.kind


def _configs(codebook: Codebook, manifest: dict[str, Any]) -> Iterator[str]:
    yield from ("| config | rows | one row is |", "|---|---:|---|")
    own = {
        ARTICLES: "an article: text, metadata, blocks, its gold spans nested by layer (the default config)",
        TOKENS: f"a block of an article: tokens, their offsets, BIO tags of `{codebook.token_layer}`",
        VOTES: "one mark of one annotator, gold or not",
    }
    for config, splits in manifest["rows"].items():
        what = own.get(config, f"a gold span of the layer `{config}`")
        yield f"| `{config}` | {sum(splits.values()):,} | {what} |"


def _splits(manifest: dict[str, Any]) -> Iterator[str]:
    yield from ("| split | articles |", "|---|---:|")
    for split, rows in manifest["rows"][ARTICLES].items():
        yield f"| {split} | {rows:,} |"


def _articles(context: Context, manifest: dict[str, Any]) -> Iterator[str]:
    """A line an article; for a corpus of more than a few, only how many may be passed on."""
    articles = context.articles
    if not articles or len(articles) > 50:
        free = sum(article.redistribute for article in articles.values())
        everything = context.corpus.articles.redistribute
        total = manifest["counts"]["articles"]
        yield f"{total if everything else free} of {total} articles may be redistributed with their text."
        return
    yield from ("| article | outlet | agency | date | rights holder | text may be redistributed |", "|---|---|---|---|---|---|")  # fmt: skip  # noqa: E501
    for key, article in articles.items():
        cells = [_known(article.inferred, name, getattr(article, name)) for name in ("outlet", "agency", "date", "rights_holder")]  # fmt: skip  # noqa: E501
        yield f"| `{key}` | {' | '.join(cells)} | {'yes' if article.redistribute else 'no'} |"
    yield ""
    for key, article in articles.items():
        for name, reason in article.inferred.items():
            yield f"- `{key}`: {name} is inferred: {reason}"


def _known(inferred: dict[str, str], name: str, value: str | None) -> str:
    return "not known" if value is None else f"{_cell(value)} (inferred)" if name in inferred else _cell(value)


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", " ")
