"""Word sequences of texts and their MinHash signatures, by datatrove, which an extra installs.

A text's *sequences* are those of SEQUENCE neighbouring words, lower-cased, without punctuation and diacritics. Numbers
stay as they are, since often only they tell apart two reports made from one template.
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

SEQUENCE = 3  # words
BUCKETS, HASHES = 96, 3  # texts that share s meet with 1 - (1 - s**3)**96: 0.4 -> 99.8 %, 0.3 -> 93 %, 0.1 -> 9 %
CONFIG = MinhashConfig(
    n_grams=SEQUENCE,
    num_buckets=BUCKETS,
    hashes_per_bucket=HASHES,
    norm_config=TextNormConfig(norm_numbers=False),
    hash_config=HashConfig(hash_fc="sha1"),  # xxhash 4 refuses what datatrove 0.10 gives it (huggingface/datatrove#508)
)
_PIECE = 256  # sequences hashed at a time: they fit the processor's cache, and a long text takes no more memory
_UNSPACED = r"\p{Han}\p{Hiragana}\p{Katakana}\p{Thai}\p{Lao}\p{Khmer}\p{Myanmar}"
_WORD = regex.compile(rf"[{_UNSPACED}]|[\w--[{_UNSPACED}]]+", regex.VERSION1)  # where no spaces are, a character
_LINE = msgspec.json.Decoder(str)


class Words(WordTokenizer):  # type: ignore[misc]  # datatrove has no types
    """Runs of letters and digits: datatrove's own splitters need models from the network, and one for each language.

    A text of fewer words than a sequence holds is filled up, so that it has one sequence: short texts are
    near-duplicates when they are the same.
    """

    def word_tokenize(self, text: str) -> list[str]:
        """The words of a text; none of a text without any."""
        words: list[str] = _WORD.findall(text)
        return words + [""] * (SEQUENCE - len(words)) if words else []

    def sent_tokenize(self, text: str) -> list[str]:
        """Required by datatrove, not used."""
        return [text]

    def span_tokenize(self, text: str) -> list[tuple[int, int]]:
        """Required by datatrove, not used."""
        return [(0, len(text))]


class _Signatures(MinhashDedupSignature):  # type: ignore[misc]
    """datatrove's step, which also keeps each text's sequences (32 bits of their hashes, sorted) to compare by."""

    def __init__(self, folder: Path, sequences: BinaryIO):
        super().__init__(str(folder), CONFIG, language=Words())
        self._sequences = sequences
        self.ends = array("Q")  # where each text's sequences end, counted in sequences

    def get_shingles(self, text: str) -> Any:
        """The hashes of a text's sequences, each once."""
        found = np.unique(super().get_shingles(text))
        kept = np.unique(found.astype(np.uint32))
        self._sequences.write(kept.tobytes())
        self.ends.append((self.ends[-1] if self.ends else 0) + len(kept))
        return found.reshape((-1, 1))

    def get_signature(self, shingles: Any) -> list[list[int]]:
        """The signature, a piece of the sequences at a time."""
        pieces = (shingles[at : at + _PIECE] for at in range(0, len(shingles), _PIECE))
        least = np.min([super(_Signatures, self).get_signature(piece) for piece in pieces], axis=0)
        return [list(map(int, bucket)) for bucket in least]


class Sequences:
    """The kept sequences of the texts of some shards; text `n` of `s` shards is number `n // s` of shard `n % s`."""

    def __init__(self, work: Path, shards: int):
        self._shards = shards
        self._ends = [np.fromfile(_ends(work, shard), dtype=np.uint64) for shard in range(shards)]
        self._files = [_sequences(work, shard).open("rb") for shard in range(shards)]

    def close(self) -> None:
        """Close the files."""
        for file in self._files:
            file.close()

    def shared(self, one: int, other: int) -> float:
        """Of the different sequences of two texts, the share that both have (Jaccard); 0 where there are none."""
        left, right = self._of(one), self._of(other)
        both = len(np.intersect1d(left, right, assume_unique=True))
        return both / max(1, len(left) + len(right) - both)

    def _of(self, number: int) -> Any:
        place, shard = divmod(number, self._shards)
        start = int(self._ends[shard][place - 1]) if place else 0
        self._files[shard].seek(start * 4)
        return np.frombuffer(self._files[shard].read((int(self._ends[shard][place]) - start) * 4), dtype=np.uint32)


def sign(work: Path, shard: int) -> None:
    """Make the signatures of a shard: `texts-N.jsonl` (a JSON string a line) in the folder `work`."""
    with (work / f"texts-{shard}.jsonl").open("rb") as source, _sequences(work, shard).open("wb") as sink, _quiet():
        step = _Signatures(work / "signatures", sink)
        documents = (Document(text=_LINE.decode(line), id="") for line in source)
        deque(step.run(documents, shard) or (), maxlen=0)
    with _ends(work, shard).open("wb") as sink:
        step.ends.tofile(sink)


def match(work: Path, bucket: int) -> None:
    """Find the signatures of all shards that are the same in a bucket."""
    step = MinhashDedupBuckets(str(work / "signatures"), str(work / "pairs"), config=CONFIG, lines_to_buffer=1024)
    with _quiet():
        deque(step.run(None, bucket, BUCKETS) or (), maxlen=0)


def groups(work: Path, shards: int) -> Iterator[list[int]]:
    """The numbers of texts that met in a bucket, two or more at a time; the same ones may meet in several buckets.

    datatrove writes each text with the next one of the same signature, both as (shard, place in it).
    """
    for path in sorted((work / "pairs").glob("*.dups")):
        group: list[int] = []
        pairs = np.fromfile(path, dtype="<u4").astype(np.int64).reshape(-1, 4)
        for one, other in (pairs[:, 1::2] * shards + pairs[:, ::2]).tolist():
            if not group or group[-1] != one:
                if group:
                    yield group
                group = [one]
            group.append(other)
        if group:
            yield group


def _sequences(work: Path, shard: int) -> Path:
    return work / f"sequences-{shard}"


def _ends(work: Path, shard: int) -> Path:
    return work / f"ends-{shard}"


@contextmanager
def _quiet() -> Iterator[None]:
    """Without datatrove's log on stderr."""
    logger.disable("datatrove")
    try:
        yield
    finally:
        logger.enable("datatrove")
