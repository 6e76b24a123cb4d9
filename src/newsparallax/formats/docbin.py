"""spaCy's DocBin, the binary format of its training data, by spaCy itself.

Each span group is a layer. `doc.ents` is the layer `ents`, unless every entity is also in a span group. `doc.cats` and
the ids of entities become values. Offsets count code points.
"""

from __future__ import annotations

import itertools
import zlib
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from .._util import require
from .document import Document, Given, Mark, Markup, Refused, crossing
from .source import Source

_ID = "article_id"


def recognise(source: Source) -> bool:
    """Whether the file is compressed with zlib and begins like a DocBin."""
    if source.content[:1] != b"\x78":
        return False
    try:
        head = zlib.decompressobj().decompress(bytes(source.content[:4096]), 512)
    except zlib.error:
        return False
    return b"attrs" in head and b"tokens" in head


def read(source: Source) -> Iterator[Document]:
    """Yield the documents of a file. Raises ExportError where spaCy cannot read it."""
    require("spacy")
    from spacy.tokens import DocBin
    from spacy.vocab import Vocab

    try:
        docs = list(DocBin().from_bytes(source.content).get_docs(Vocab()))
    except Exception as error:  # spaCy raises what its parts raise
        message = f"is not a DocBin that spaCy can read ({type(error).__name__}: {' '.join(str(error).split())[:200]})"
        raise source.error("unknown-shape", message, "write it again with `DocBin.to_disk`") from None
    for number, doc in enumerate(docs, 1):
        name = doc.user_data.get(_ID)
        yield Document(name if isinstance(name, str) else f"{source.stem}-{number}", doc.text, [_markup(doc)])


def _markup(doc: Any) -> Markup:
    markup = Markup()
    grouped = {_place(span) for group in doc.spans.values() for span in group}
    ents = [] if doc.ents and all(_place(span) in grouped for span in doc.ents) else doc.ents
    for layer, spans in [("ents", ents), *doc.spans.items()]:
        for span in spans:
            ids = {"kb_id": span.kb_id_, "entity_id": span.ent_id_ if layer == "ents" else span.id_}
            given = {key: Given("textarea", (value,)) for key, value in ids.items() if value}
            labels = (span.label_,) if span.label_ else ()
            name = markup.new_id()
            markup.marks.append(Mark(name, layer or "spans", labels, span.start_char, span.end_char, None, given))
    positive = tuple(label for label, score in doc.cats.items() if score >= 0.5)
    if positive:
        markup.values["cats"] = Given("choices", positive)
    unread = [name for name in ("POS", "HEAD", "TAG") if doc.has_annotation({"HEAD": "DEP"}.get(name, name))]
    if unread:
        message = f"these annotations of tokens are not read: {', '.join(unread)}"
        markup.refused.append(Refused("unread-column", message, unread))
    return markup


def _place(span: Any) -> tuple[int, int, str]:
    return span.start_char, span.end_char, span.label_


def write(documents: Iterable[Document], folder: Path, losses: Counter[str]) -> None:
    """Write `all.spacy`: each layer is a span group, and spans that do not overlap are also `doc.ents`."""
    require("spacy")
    from spacy.tokens import DocBin
    from spacy.vocab import Vocab

    vocab = Vocab()
    docs = DocBin(store_user_data=True)
    for document in documents:
        docs.add(_doc(vocab, document, losses))
    docs.to_disk(folder / "all.spacy")


def _doc(vocab: Any, document: Document, losses: Counter[str]) -> Any:
    from spacy.tokens import Doc, Span

    text = document.text or ""
    marks = [mark for markup in document.markups for mark in markup.marks]
    words, edges = _words(text, marks)
    doc = Doc(vocab, words=words, spaces=[False] * len(words), user_data={_ID: document.id})
    starts = {start: number for number, start in enumerate(edges)}
    layers: dict[str, list[Any]] = {}
    spans: dict[str, Any] = {}
    seen: set[tuple[str, int, int, str]] = set()
    for markup in document.markups:
        losses["value about the document"] += len(markup.values)
        losses["relation"] += len(markup.links)
        for mark in markup.marks:
            losses["attribute"] += len(mark.attributes)
            for label in mark.labels:
                key = mark.layer, mark.start, mark.end, label
                if key in seen:
                    losses["span with the same place and label as another"] += 1
                    continue
                seen.add(key)
                spans[mark.id] = Span(doc, starts[mark.start], starts[mark.end], label=label)
                layers.setdefault(mark.layer, []).append(spans[mark.id])
            losses["several labels of a span"] += len(mark.labels) > 1
    for layer, group in layers.items():
        doc.spans[layer] = group
    out = {mark.id for mark, _ in crossing(marks)}
    doc.ents = [spans[mark.id] for mark in marks if mark.id in spans and mark.id not in out]
    return doc


def _words(text: str, marks: list[Mark]) -> tuple[list[str], list[int]]:
    """Return tokens that together are the text, white space too, and the edges of the tokens."""
    from ..text import token_edges

    spans = [edge for mark in marks for edge in (mark.start, mark.end)]
    starts, ends = (edge.tolist() for edge in token_edges(text, spans))
    edges = sorted({0, len(text), *spans, *starts, *ends})
    return [text[start:end] for start, end in itertools.pairwise(edges)], edges
