"""Render the generated blocks of the dataset card from codebook, schemas and counts, and the BibTeX entry.

The blocks lie between markers in hand-written prose. The BibTeX entry is the same text for the card, Croissant and
other callers.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from .._util import table
from ..agreement import agreement_block, guidelines_block
from ..corpus import Annotator, Article, Attribute, Codebook, Corpus, CorpusSpec, Layer, schema
from ..errors import CorpusError
from .manifest import Manifest, Texts

_BLOCK = re.compile(r"(<!-- begin generated: ([\w-]+) -->\n)(.*?)(<!-- end generated: \2 -->)", re.DOTALL)
_MARKER = re.compile(r"<!-- (?:begin|end) generated: .*? -->")
NOT_RECORDED = "not recorded"
LISTED = 50  # up to this number of articles, the card has one line for each article


def fill_blocks(card: str, blocks: dict[str, str]) -> str:
    """Return the card with the content of every generated block replaced and the prose unchanged.

    Raises KeyError for a marker that names no block.
    """
    return _BLOCK.sub(lambda match: f"{match[1]}\n{blocks[match[2]].strip()}\n\n{match[4]}", card)


def block_contents(card: str) -> dict[str, str]:
    """Return the generated blocks of the card by name, with the exact text between their markers."""
    return {match[2]: match[3] for match in _BLOCK.finditer(card)}


def block_names(card: str) -> list[str]:
    """Return the names of the generated blocks in the card. Raises CorpusError for an unpaired marker."""
    blocks = list(_BLOCK.finditer(card))
    paired = {start for match in blocks for start in (match.start(), match.start(4))}
    for marker in _MARKER.finditer(card):
        if marker.start() not in paired:
            message = f"expected `begin generated: NAME` and `end generated: NAME` in turn, found {marker[0]} alone"
            line = card.count("\n", 0, marker.start()) + 1
            raise CorpusError(message, file="dataset_card.md", place=f"line {line} below the front matter")
    return [match[2] for match in blocks]


def render_blocks(
    context: CorpusSpec, manifest: Manifest, figures: dict[str, Any], changes: str, guidelines: dict[str, Any] | None
) -> dict[str, str]:
    """Return every generated block as Markdown, by name.

    `figures` are the agreement figures, `changes` is the text about the version's changes, and `guidelines` is the
    agreement on texts that are unknown to the authors of the guidelines.
    """
    return {
        "version": _version(context, manifest),
        "counts": "\n".join(_counts(manifest)),
        "annotators": "\n".join(_annotators(context, manifest)),
        "agreement": "\n".join(agreement_block(figures)),
        "guidelines": "\n".join(guidelines_block(guidelines)),
        "layers": "\n".join(_layers(context.codebook, manifest)),
        "configs": "\n".join(_configs(context.codebook, manifest)),
        "splits": "\n".join(_splits(manifest)),
        "articles": "\n".join(_articles(context, manifest)),
        "citation": _citation(context),
        "changes": changes or f"CHANGELOG.md has no section for version {context.corpus.version}.",
        "texts": texts_block(manifest),
    }


def texts_block(manifest: Manifest) -> str:
    """Return, from the manifest alone, whether this copy holds the articles' texts and whether it may be shared."""
    texts = manifest.texts or Texts()
    reserved, withheld, restored = texts.reserved, texts.withheld, texts.restored or 0
    number = _number(texts.total, "text")
    if withheld:
        mixed = (
            f" {_number(restored, 'text')} came from the user's own copies: **do not redistribute this copy.**"
            if restored
            else ""
        )
        return (
            f"**Stand-off: {withheld:,} of {number} and their quotes and tokens are withheld from this copy.**{mixed}"
            " Offsets, labels, relations and `text_sha256` are included. With your own copies of the articles,"
            " `newsparallax rehydrate DATASET --seeds DIR --out DIR` restores the texts, and proves that"
            " they are the annotated ones."
        )
    if restored:
        own = f"{restored:,} came from the user's own copies"
        return f"This copy contains {number}; {own}. **Do not redistribute this copy.**"
    if reserved:
        return f"This copy contains {number}; {reserved:,} may not be redistributed. **Do not upload this folder.**"
    return f"This copy contains {number}; all may be redistributed."


def _citation(context: CorpusSpec) -> str:
    entry = bibtex(context.corpus)
    return f"```bibtex\n{entry}\n```" if entry else "The corpus does not state how to cite it."


def _version(context: CorpusSpec, manifest: Manifest) -> str:
    counts = manifest.counts
    what = f"{_number(counts.articles, 'article')} of {_number(counts.events, 'event')}"
    return f"Version **{context.corpus.version}** (codebook {manifest.codebook_version}): {what}."


def _counts(manifest: Manifest) -> Iterator[str]:
    counts = manifest.counts
    shown = {
        "articles": "articles",
        "events": "events",
        "annotations": "annotations (not cancelled)",
        "annotations_cancelled": "cancelled annotations",
        "results_in": "result items read",
        "results_accepted": "accepted unchanged",
        "results_repaired": "accepted with repaired offsets",
        "results_quarantined": "quarantined (in `problems.jsonl`)",
    }
    rows = [(words, getattr(counts, key)) for key, words in shown.items()]
    rows += [(f"articles in the state `{state}`", number) for state, number in counts.article_states.items()]
    tokens = counts.tokens
    if tokens.get("spans"):
        rows.append(("gold spans of the token layer", tokens["spans"]))
        rows += [(f"of these, {_bio(key)}", number) for key, number in tokens.items() if key != "spans"]
    yield from table(("what", "how many:"), ((words, f"{number:,}") for words, number in rows))


def _bio(key: str) -> str:
    return "shown as BIO tags" if key == "shown" else f"{key.replace('_', ' ')} (BIO cannot represent it)"


def _annotators(context: CorpusSpec, manifest: Manifest) -> Iterator[str]:
    yield _statement(manifest)
    if context.annotators:
        by = manifest.counts.annotations_by
        yield ""
        yield from table(
            ("pseudonym", "kind", "role", "annotations:", "material that they saw"),
            (
                (name, who.kind, who.role, f"{by.get(name, 0):,}", who.given or NOT_RECORDED)
                for name, who in context.annotators.items()
            ),
        )
        yield from _models(context.annotators)


def _models(annotators: dict[str, Annotator]) -> Iterator[str]:
    """Yield a table of what is known about annotators that are models."""
    rows = [
        (
            name,
            *(value or NOT_RECORDED for value in (who.model, who.date, who.guidelines, ", ".join(who.same_model_as))),
        )
        for name, who in annotators.items()
        if who.kind == "model"
    ]
    if rows:
        yield ""
        yield from table(("model", "what it is", "date", "guidelines", "same model as"), rows)


def _statement(manifest: Manifest) -> str:
    """Return one sentence, from the counts, that says who made the gold annotations."""
    gold = manifest.counts.gold
    total = sum(gold.get(method, 0) for method in ("adjudicated", "single", "majority"))
    human, model, unknown = (gold.get(f"by_{kind}", 0) for kind in ("human", "model", "unknown"))
    if not total:
        return "No article has gold annotations."
    whole = f"{'the' if total == 1 else 'all'} {_number(total, 'article')}"
    if model == total:
        return f"**Models made the gold annotations of {whole}. No human has checked them.**"
    if human == total:
        return f"Humans made the gold annotations of {whole}."
    parts = [f"{number:,} by {who}" for number, who in ((human, "humans"), (model, "models"), (unknown, "annotators of unknown kind")) if number]  # fmt: skip  # noqa: E501
    return f"Of {_number(total, 'article')} with gold annotations, {', '.join(parts)}."


def _layers(codebook: Codebook, manifest: Manifest) -> Iterator[str]:
    for name, layer in codebook.layers.items():
        yield from (f"### `{name}`: {layer.question or layer.title}".rstrip(": "), "")
        counted = manifest.labels[name]
        labels = ((label, f"{counted[label]:,}", value.definition) for label, value in layer.labels.items())
        yield from (*table(("label", "gold spans:", "meaning"), labels), "")
        yield from _parts(layer)
    for name, document in codebook.document.items():
        values = f": {', '.join(document.values)}" if document.values else ""
        yield f"- article column `{name}` ({document.kind}{values}). {document.question}".rstrip()


def _parts(layer: Layer) -> Iterator[str]:
    """Yield a table of the columns of attributes and relations, then a table of the meanings of choice values."""
    columns = [(f"`{key}`", _kind(attribute), attribute.question) for key, attribute in layer.attributes.items()]
    for key, relation in layer.relations.items():
        to = " or ".join(f"`{target}`" for target in relation.to)
        columns.append((f"`{key}`", f"{'relation' if relation.max == 1 else 'relations'} to {to}", relation.question))
    if columns:
        yield from (*table(("column", "content", "question"), columns), "")
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


def _configs(codebook: Codebook, manifest: Manifest) -> Iterator[str]:
    shapes = schema.configs(codebook)
    rows = (
        (
            f"`{name}`",
            f"{sum(splits.values()):,}",
            schema.config_of(name).one_row.format(layer=codebook.token_layer),
        )
        for name, splits in manifest.rows.items()
    )
    yield from table(("config", "rows:", "one row is"), rows)
    yield from ("", "Columns of every span config, in addition to those of its layer (below):", "")
    referents = schema.REFERENTS if any(layer.referent for layer in codebook.layers.values()) else {}
    shared = {**schema.PLACE, **referents, **schema.derived(codebook), **schema.MADE_BY, **schema.REPAIRED}
    yield from _columns(schema.ARTICLES, shared)
    yield from ("", "A relation of a span is a record of its target span:", "")
    yield from _columns(schema.ARTICLES, schema.LINK.fields)
    for name, config in schema.CONFIGS.items():
        if name in shapes:
            known = ", ".join(f"`{column}`" for column in config.known)
            new = {column: type_ for column, type_ in shapes[name].fields.items() if column not in config.known}
            yield from ("", f"Columns of `{name}`{', in addition to ' if known else ''}{known}:", "")
            yield from _columns(name, new, _own_columns(codebook) if name == schema.ARTICLES else {})


def _columns(config: str, fields: dict[str, schema.Type], own: dict[str, str] | None = None) -> Iterator[str]:
    """Yield a table with one line per column; `own` describes the columns that the codebook names."""
    known = schema.meanings(config) | (own or {})
    rows = ((f"`{column}`", _type(type_), known[column]) for column, type_ in fields.items())
    yield from table(("column", "type", "content"), rows)


def _own_columns(codebook: Codebook) -> dict[str, str]:
    """Describe those columns of `articles` that the codebook names."""
    spans = {name: f"the article's gold spans of the layer `{name}`" for name in codebook.layers}
    return spans | {name: document.question or document.title for name, document in codebook.document.items()}


def _type(type_: schema.Type) -> str:
    if isinstance(type_, schema.ListOf):
        return f"list of {_type(type_.item)}"
    if isinstance(type_, schema.Struct):
        return "record"
    return "class label" if isinstance(type_, schema.ClassLabel) else type_.dtype


def _splits(manifest: Manifest) -> Iterator[str]:
    rows = ((split, f"{number:,}") for split, number in manifest.rows[schema.ARTICLES].items())
    yield from table(("split", "articles:"), rows)


def _articles(context: CorpusSpec, manifest: Manifest) -> Iterator[str]:
    """Yield the number of redistributable texts; for at most LISTED articles also each article and inferred fields."""
    articles = context.articles
    total = manifest.counts.articles
    everything = not articles and context.corpus.articles.redistribute
    free = total if everything else sum(article.redistribute for article in articles.values())
    yield f"Texts that may be redistributed: {free:,} of {total:,}."
    if not articles or len(articles) > LISTED:
        return
    yield ""
    fields = ("event", "outlet", "agency", "published", "updated", "language", "machine_translated", "rights_holder", "redistribute")  # fmt: skip  # noqa: E501
    yield from table(
        ("article", *(field.replace("_", " ") for field in fields)),
        ((f"`{key}`", *(_known(article, field) for field in fields)) for key, article in articles.items()),
    )
    inferred = [(f"`{key}`", name, reason) for key, article in articles.items() for name, reason in article.inferred.items()]  # fmt: skip  # noqa: E501
    if inferred:
        yield from ("", "Inferred values, which the files do not state, with reasons:", "")
        yield from table(("article", "field", "reason"), inferred)


def _known(article: Article, name: str) -> str:
    value = getattr(article, name)
    if value is None:
        return "unknown"
    words = ("yes" if value else "no") if isinstance(value, bool) else str(value)
    return f"{words} (inferred)" if name in article.inferred else words


def _number(number: int, what: str) -> str:
    return f"{number:,} {what}{'' if number == 1 else 's'}"


# Characters with a special meaning in TeX. Braces become commands, because BibTeX counts them even after a backslash.
_TEX = {character: f"\\{character}" for character in "&%$#_"}
_TEX |= {"\\": r"\textbackslash{}", "{": r"\textbraceleft{}", "}": r"\textbraceright{}"}
_TEX |= {"~": r"\textasciitilde{}", "^": r"\textasciicircum{}"}
_IN_NO_URL = re.compile(r"[^!#-;=?-Z\[\]_a-z~]")  # characters that RFC 3986 does not allow in a URL


def bibtex(corpus: Corpus) -> str:
    """Return the BibTeX entry of this version of the corpus, "" where the corpus does not say whom to cite.

    Title and author are plain text; they are escaped, so that TeX prints them literally. BibTeX styles typeset the URL
    verbatim.
    """
    cited = corpus.citation
    if cited is None:
        return ""
    fields = {"title": _tex(corpus.title or corpus.name), "author": f"{{{_tex(cited.author)}}}"}
    fields |= {"year": str(cited.year), "version": corpus.version}
    if cited.url:
        fields["url"] = _IN_NO_URL.sub(_percent_encoded, cited.url)
    width = max(map(len, fields))
    lines = [f"  {name:<{width}} = {{{value}}}" for name, value in fields.items()]
    key = re.sub(r"[^a-z0-9]", "", corpus.name.lower()) or "corpus"
    return f"@misc{{{key},\n" + ",\n".join(lines) + "\n}"


def _tex(text: str) -> str:
    """Escape a text for TeX and put it on one line."""
    return "".join(_TEX.get(character, character) for character in " ".join(text.split()))


def _percent_encoded(character: re.Match[str]) -> str:
    return "".join(f"%{byte:02X}" for byte in character[0].encode())
