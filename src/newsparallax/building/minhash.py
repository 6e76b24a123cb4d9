"""Compute word sequences of texts and their MinHash signatures with datatrove, which an extra installs.

A *sequence* is SEQUENCE consecutive words of a text, in lower case, without punctuation and diacritics. Numbers are not
normalized, because two reports made from one template often differ only in their numbers.
"""

from __future__ import annotations

from array import array
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO

import msgspec
import numpy as np
import regex
from datatrove.data import Document
from datatrove.pipeline.dedup.minhash import MinhashConfig, MinhashDedupBuckets, MinhashDedupSignature
from datatrove.utils.hashing import HashConfig
from datatrove.utils.text import TextNormConfig
from datatrove.utils.word_tokenizers import WordTokenizer
from loguru import logger

from ..text import UNSPACED

SEQUENCE = 3  # words
# Two texts that share the part s of their sequences meet in a bucket with probability 1 - (1 - s**3)**96:
# 0.4 -> 99.8 %, 0.3 -> 93 %, 0.1 -> 9 %.
BUCKETS, HASHES = 96, 3
CONFIG = MinhashConfig(
    n_grams=SEQUENCE,
    num_buckets=BUCKETS,
    hashes_per_bucket=HASHES,
    norm_config=TextNormConfig(norm_numbers=False),
    hash_config=HashConfig(hash_fc="sha1"),  # xxhash 4 rejects datatrove 0.10's input (huggingface/datatrove#508)
)
_PIECE = 256  # sequences hashed at a time: they fit the processor's cache, and long texts need no more memory
_WORD = regex.compile(rf"[{UNSPACED}]|[\w--[{UNSPACED}]]+", regex.VERSION1)  # in unspaced scripts: one character
_LINE = msgspec.json.Decoder(str)


class Words(WordTokenizer):  # type: ignore[misc]  # datatrove has no types
    """Word tokenizer that splits a text into runs of letters and digits.

    It replaces datatrove's own tokenizers, which need to download one model per language. A text with fewer words than
    a sequence is padded, so that it has one sequence. Short texts are therefore near-duplicates only when they are
    equal.
    """

    def word_tokenize(self, text: str) -> list[str]:
        """Return the words of a text, padded to SEQUENCE words; an empty list for a text without words."""
        words: list[str] = _WORD.findall(text)
        return words + [""] * (SEQUENCE - len(words)) if words else []

    def sent_tokenize(self, text: str) -> list[str]:
        """Required by datatrove, not used."""
        return [text]

    def span_tokenize(self, text: str) -> list[tuple[int, int]]:
        """Required by datatrove, not used."""
        return [(0, len(text))]


class _Signatures(MinhashDedupSignature):  # type: ignore[misc]
    """datatrove's signature step, which also stores each text's sequences (32 bits of each hash, sorted)."""

    def __init__(self, folder: Path, sequences: BinaryIO):
        super().__init__(str(folder), CONFIG, language=Words())
        self._sequences = sequences
        self.ends = array("Q")  # where each text's sequences end, counted in sequences

    def get_shingles(self, text: str) -> Any:
        """Return the distinct hashes of a text's sequences, as an array of shape (n, 1)."""
        shingles = np.unique(super().get_shingles(text))
        kept = np.unique(shingles.astype(np.uint32))
        self._sequences.write(kept.tobytes())
        self.ends.append((self.ends[-1] if self.ends else 0) + len(kept))
        return shingles.reshape((-1, 1))

    def get_signature(self, shingles: Any) -> list[list[int]]:
        """Return the signature, computed from _PIECE sequences at a time."""
        pieces = (shingles[at : at + _PIECE] for at in range(0, len(shingles), _PIECE))
        least = np.min([super(_Signatures, self).get_signature(piece) for piece in pieces], axis=0)
        return [list(map(int, bucket)) for bucket in least]


class Sequences:
    """Reader of the stored sequences of all shards; with `s` shards, text `n` is number `n // s` of shard `n % s`."""

    def __init__(self, work: Path, shards: int):
        self._shards = shards
        self._ends = [np.fromfile(_ends(work, shard), dtype=np.uint64) for shard in range(shards)]
        self._files = [_sequences(work, shard).open("rb") for shard in range(shards)]

    def close(self) -> None:
        """Close the files."""
        for file in self._files:
            file.close()

    def shared(self, first: int, second: int) -> float:
        """Return the Jaccard similarity of the sequences of two texts; 0 where neither text has sequences."""
        left, right = self._of(first), self._of(second)
        both = len(np.intersect1d(left, right, assume_unique=True))
        return both / max(1, len(left) + len(right) - both)

    def _of(self, number: int) -> Any:
        position, shard = divmod(number, self._shards)
        start = int(self._ends[shard][position - 1]) if position else 0
        self._files[shard].seek(start * 4)
        return np.frombuffer(self._files[shard].read((int(self._ends[shard][position]) - start) * 4), dtype=np.uint32)


def sign(work: Path, shard: int) -> None:
    """Compute the signatures of a shard, `texts-N.jsonl` in the folder `work` with one JSON string per line."""
    with (work / f"texts-{shard}.jsonl").open("rb") as source, _sequences(work, shard).open("wb") as sink, _quiet():
        step = _Signatures(work / "signatures", sink)
        documents = (Document(text=_LINE.decode(line), id="") for line in source)
        deque(step.run(documents, shard) or (), maxlen=0)
    with _ends(work, shard).open("wb") as sink:
        step.ends.tofile(sink)


def match(work: Path, bucket: int) -> None:
    """Find the texts of all shards that have equal signatures in a bucket."""
    step = MinhashDedupBuckets(str(work / "signatures"), str(work / "pairs"), config=CONFIG, lines_to_buffer=1024)
    with _quiet():
        deque(step.run(None, bucket, BUCKETS) or (), maxlen=0)


def groups(work: Path, shards: int) -> Iterator[list[int]]:
    """Yield groups of two or more text numbers that share a signature in a bucket; a group can occur in many buckets.

    datatrove writes each text together with the next text of the same signature, both as (shard, place in the shard).
    """
    for path in sorted((work / "pairs").glob("*.dups")):
        group: list[int] = []
        pairs = np.fromfile(path, dtype="<u4").astype(np.int64).reshape(-1, 4)
        for first, second in (pairs[:, 1::2] * shards + pairs[:, ::2]).tolist():
            if not group or group[-1] != first:
                if group:
                    yield group
                group = [first]
            group.append(second)
        if group:
            yield group


def _sequences(work: Path, shard: int) -> Path:
    return work / f"sequences-{shard}"


def _ends(work: Path, shard: int) -> Path:
    return work / f"ends-{shard}"


@contextmanager
def _quiet() -> Iterator[None]:
    """Disable datatrove's log on stderr."""
    logger.disable("datatrove")
    try:
        yield
    finally:
        logger.enable("datatrove")
