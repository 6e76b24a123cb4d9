"""Give the spans and tags of a dataset to tools that train models: spaCy, CoNLL, and tokenizers of word pieces."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Iterator, Sequence
from itertools import pairwise
from typing import Any, Protocol

import pandas as pd

from ..corpus import TOKENS
from ..errors import UsageError
from ..text import token_edges
from .opened import Opened
from .rows import ANY, WORDS, Row, framed
from .show import marked

IGNORED = -100  # the label that the loss of PyTorch and the trainers of transformers leave out


class Encoding(Protocol):
    """What a tokenizer of the package tokenizers returns."""

    ids: list[int]
    offsets: list[tuple[int, int]]
    special_tokens_mask: list[int]
    overflowing: list[Any]


class Tokenizer(Protocol):
    """A tokenizer of the package tokenizers, or a fast one of transformers, which has such a one inside."""

    def encode(self, text: str) -> Encoding:
        """Return the pieces of a text."""


def _text(dataset: Opened, article: dict[str, Any]) -> str:
    text: str | None = article.get("text")
    if text is None:
        message = f"{dataset.name} withholds the text of {article['article_id']}"
        raise UsageError(message, hint="`newsparallax rehydrate` restores it from your own copy")
    return text


def doc_bin(dataset: Opened, layers: Sequence[str]) -> Any:
    """Return the articles as a spaCy `DocBin`; `Dataset.to_spacy` describes it."""
    try:
        from spacy.tokens import Doc, DocBin, Span
        from spacy.vocab import Vocab
    except ImportError:
        raise UsageError(
            "to_spacy needs the package spacy", hint="install it: pip install 'newsparallax[formats]'"
        ) from None
    vocab, made = Vocab(), DocBin(store_user_data=True)
    for article in dataset.articles.values():
        text, marks = _text(dataset, article), marked(article, layers)
        words, spaces, starts = _words(text, {mark.start for mark in marks}, {mark.end for mark in marks})
        doc = Doc(vocab, words=words, spaces=spaces)
        for layer in layers:
            doc.spans[layer] = [
                Span(
                    doc,
                    bisect_left(starts, mark.start),
                    bisect_left(starts, mark.end),
                    label=mark.label,
                    span_id=mark.row["span_id"],
                )
                for mark in marks
                if mark.layer == layer
            ]
        doc.user_data |= {key: article[key] for key in ("article_id", "event_id", "outlet")}
        made.add(doc)
    return made


def _words(text: str, begins: set[int], ends: set[int]) -> tuple[list[str], list[bool], list[int]]:
    """Cut a text at tokens and where spans begin and end; return words, whether a space follows each, and their starts.

    Together they are the text. White space is a word itself, except one space after a word at which no span begins or
    ends.
    """
    token_starts, token_ends = token_edges(text)
    cuts = sorted({0, len(text), *token_starts.tolist(), *token_ends.tolist(), *begins, *ends})
    words: list[str] = []
    spaces: list[bool] = []
    firsts: list[int] = []
    for start, end in pairwise(cuts):
        marked_space = start in begins or end in ends
        if text[start:end] == " " and words and not spaces[-1] and not marked_space:
            spaces[-1] = True
        else:
            words.append(text[start:end])
            spaces.append(False)
            firsts.append(start)
    return words, spaces, firsts


def conll_lines(dataset: Opened) -> Iterator[str]:
    """Yield the lines of CoNLL; `Dataset.to_conll` describes them."""
    for block in dataset.rows(TOKENS):
        if block.get("tokens") is None:
            message = f"{dataset.name} withholds the tokens of {block['block_id']}"
            raise UsageError(message, hint="`newsparallax rehydrate` restores them from your own copies")
        yield f"# block_id = {block['block_id']}"
        lines = zip(block["tokens"], block["starts"], block["ends"], block["tags"], strict=True)
        yield from ("\t".join(map(str, line)) for line in lines)
        yield ""


_PIECES = {"block_id": WORDS, "article_id": WORDS, "event_id": WORDS, "input_ids": ANY, "offsets": ANY, "labels": ANY}


def pieces_of_blocks(dataset: Opened, tokenizer: Tokenizer) -> pd.DataFrame:
    """Return the word pieces of all blocks; `Dataset.tokens_for` describes them."""
    encode = _encoder(tokenizer)
    layer = dataset.codebook.token_layer
    tags = dataset.codebook.layers[layer].tags if layer else ()
    numbers = {tag: number for number, tag in enumerate(tags)}
    made: list[Row] = []
    begins = {number for tag, number in numbers.items() if tag.startswith("B-")}
    lost = 0
    for block in dataset.rows(TOKENS):
        text = _text(dataset, dataset.articles[block["article_id"]])[: block["end"]]
        try:
            encoding = encode(text[block["start"] :])
        except Exception as error:  # the package tokenizers raises no narrower one
            raise UsageError(f"the tokenizer cannot encode {block['block_id']}: {error}") from None
        if encoding.overflowing:
            message = f"the tokenizer truncates {block['block_id']}, and its last tags would be lost"
            raise UsageError(message, hint="call no_truncation() of the tokenizer, and cut the rows yourself")
        offsets = [(start + block["start"], end + block["start"]) for start, end in encoding.offsets]
        labels = _labels(text, block, offsets, encoding.special_tokens_mask, numbers)
        lost += sum(numbers[tag] in begins for tag in block["tags"]) - sum(label in begins for label in labels)
        made.append(
            {key: block[key] for key in ("block_id", "article_id", "event_id")}
            | {"input_ids": encoding.ids, "offsets": offsets, "labels": labels}
        )
    frame = framed(made, _PIECES)
    frame.attrs |= {"tags": list(tags), "lost_starts": lost}
    return frame


def _encoder(tokenizer: Any) -> Callable[[str], Encoding]:
    """Return the function that encodes a text with offsets; try it, because slow tokenizers return ids alone."""
    encode = getattr(getattr(tokenizer, "backend_tokenizer", tokenizer), "encode", None)
    if isinstance(tokenizer, str) or not callable(encode):
        message = f"expected a tokenizer, found {type(tokenizer).__name__}"
        raise UsageError(message, hint="load it first, such as Tokenizer.from_file(...) of the package tokenizers")
    if not hasattr(encode(""), "special_tokens_mask"):
        message = f"{type(tokenizer).__name__} returns no offsets, so that its pieces have no place in the text"
        raise UsageError(message, hint="take the fast tokenizer of the model, or one of the package tokenizers")
    found: Callable[[str], Encoding] = encode
    return found


def _labels(
    text: str, block: dict[str, Any], offsets: list[tuple[int, int]], special: list[int], numbers: dict[str, int]
) -> list[int]:
    """Return the label of each piece: the tag of a token goes to the first piece that has a character of it."""
    starts, ends, tags = block["starts"], block["ends"], block["tags"]
    labels, seen = [], -1
    for (start, end), is_special in zip(offsets, special, strict=True):
        while start < end and text[start].isspace():  # some tokenizers put the space before a word into its piece
            start += 1
        token = bisect_left(ends, start + 1)
        first = not is_special and start < end and seen < token < len(starts) and starts[token] < end
        labels.append(numbers[tags[token]] if first else IGNORED)
        seen = token if first else seen
    return labels
