"""Read seeds (the source files of articles), divide their texts into blocks, and find the seed most similar to a text.

`read_seed` decodes a seed and reports the problems of the file. `blocks_of` checks the blocks in articles.toml and adds
paragraphs for the rest of the text.

`SeedIndex` is for tasks that name no known article but show nearly the text of a seed. Two texts are similar if at
least the share LEAST of all their distinct runs of RUN characters occurs in both. Before the comparison, texts are
case-folded and normalised (NFKC), and white space becomes one space. A text is compared only with the seeds that share
most of a few sampled runs.
"""

from __future__ import annotations

import hashlib
import unicodedata
from collections import Counter
from collections.abc import Callable, Iterator

from ..problems import Problem, problem
from .registries import Article, Block


def read_seed(article_id: str, article: Article, content: bytes | None) -> tuple[str | None, list[Problem]]:
    """Return the text of a seed (None if it cannot be read) and its problems. The first problem causes the others.

    `content` is the unchanged content of the file, or None if the file is missing.
    """
    try:
        text = None if content is None else content.decode("utf-8")
    except UnicodeDecodeError as error:
        text, wrong = None, [("seed-not-utf8", f"byte {error.start} is not UTF-8")]
    else:
        wrong = [("seed-missing", "does not exist, but articles.toml lists it")] if text is None else []
    wrong += _wrong_content(article, content, text)
    file = f"seeds/{article.file}"
    return text, [problem(code, message, file=file, article_id=article_id) for code, message in wrong]


def as_text(content: bytes | None) -> str | None:
    """Return the text of a file, or None if the file is missing or not UTF-8."""
    try:
        return None if content is None else content.decode("utf-8")
    except UnicodeDecodeError:
        return None


def _wrong_content(article: Article, content: bytes | None, text: str | None) -> Iterator[tuple[str, str]]:
    if content is not None and (digest := hashlib.sha256(content).hexdigest()) != article.sha256:
        yield "seed-digest", f"has the SHA-256 {digest}; articles.toml has {article.sha256}"
    for message in bad_blocks(article.blocks, text) if text is not None else ():
        yield "bad-block", message


def blocks_of(laid: list[Block], text: str) -> list[Block]:
    """Return the blocks of a text in order: the given blocks `laid`, and paragraphs for the text outside of them.

    If two blocks are on one line, with only punctuation and white space between them (as the dash after a dateline),
    the part in between belongs to no block. If a given block is bad, the complete text is divided into paragraphs.
    """
    blocks: list[Block] = []
    end = 0
    for block in sorted([] if any(bad_blocks(laid, text)) else laid, key=lambda block: block.start):
        if not (blocks and _only_separates(text[end : block.start])):
            blocks += _paragraphs(text, end, block.start)
        blocks.append(block)
        end = block.end
    blocks += _paragraphs(text, end, len(text))
    return blocks


def _only_separates(between: str) -> bool:
    if len(between.splitlines()) > 1:
        return False
    return all(char.isspace() or unicodedata.category(char).startswith("P") for char in between)


def bad_blocks(blocks: list[Block], text: str) -> Iterator[str]:
    """Yield a message for each bad block: outside of the text, overlapping, or not matching its `head` and `tail`."""
    end = 0
    for block in sorted(blocks, key=lambda block: (block.start, block.end)):
        where = f"{block.kind} {block.start}..{block.end}"
        piece = text[block.start : block.end]
        if not 0 <= block.start < block.end <= len(text):
            yield f"{where} is outside of the text, which has {len(text)} code points"
        elif block.start < end:
            yield f"{where} begins before the previous block ends"
        elif not (piece.startswith(block.head) and piece.endswith(block.tail)):
            yield f"{where} contains {piece[:20]!r} ... {piece[-20:]!r}; expected {block.head!r} ... {block.tail!r}"
        end = max(end, block.end)


def _paragraphs(text: str, start: int, end: int) -> Iterator[Block]:
    """Yield runs of non-blank lines in `[start, end)` of the text as paragraphs."""
    begin = at = start
    inside = False
    for line in text[start:end].splitlines(keepends=True):
        if line.strip() and not inside:
            begin, inside = at, True
        elif not line.strip() and inside:
            yield _paragraph(text, begin, at)
            inside = False
        at += len(line)
    if inside:
        yield _paragraph(text, begin, at)


def _paragraph(text: str, start: int, end: int) -> Block:
    piece = text[start:end]
    begin = start + len(piece) - len(piece.lstrip())
    return Block("paragraph", begin, begin + len(piece.strip()))


RUN = 5  # code points
LEAST = 0.5
_SAMPLED = 32  # approximate number of runs of each seed in the index
_COMPARED = 4  # maximum number of seeds that a text is compared with


class SeedIndex:
    """An index of a few runs of each seed. The first query reads the seeds."""

    def __init__(self, articles: dict[str, Article]) -> None:
        self._articles = articles
        self._seeds: dict[str, list[str]] | None = None  # run -> ids of articles

    def resembled(self, text: str, read: Callable[[str], bytes | None]) -> tuple[str, str] | None:
        """Return the id and text of the seed most similar to `text`, or None if no seed is similar.

        `read` reads a file of the corpus folder.
        """
        if self._seeds is None:
            self._seeds = self._sample(read)
        runs = _runs(text)
        shared = Counter(key for run in sorted(runs & self._seeds.keys()) for key in self._seeds[run])
        best: tuple[float, str, str] | None = None
        for key, _ in sorted(shared.items(), key=lambda entry: (-entry[1], entry[0]))[:_COMPARED]:
            seed = as_text(read(f"seeds/{self._articles[key].file}")) or ""
            theirs = _runs(seed)
            alike = len(runs & theirs) / len(runs | theirs)
            if alike >= LEAST and (best is None or alike > best[0]):
                best = alike, key, seed
        return best and best[1:]

    def _sample(self, read: Callable[[str], bytes | None]) -> dict[str, list[str]]:
        sample: dict[str, list[str]] = {}
        for key, article in self._articles.items():
            text = _plain(as_text(read(f"seeds/{article.file}")) or "")
            last = len(text) - RUN
            for at in range(0, last + 1, max(1, last // _SAMPLED)):
                sample.setdefault(text[at : at + RUN], []).append(key)
        return sample


def _plain(text: str) -> str:
    folded = unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", text).casefold())  # case folding may undo NFKC
    return " ".join(folded.split())


def _runs(text: str) -> set[str]:
    plain = _plain(text)
    return {plain[at : at + RUN] for at in range(len(plain) - RUN + 1)}
