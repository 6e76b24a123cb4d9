"""Find withheld words and private data in the files of a dataset before they are published.

The module yields every string in the files of a dataset, as a reader of the dataset can see it. It finds withheld texts
by the runs of words that two texts share, and it lists what is private on this machine and in this corpus: tokens,
accounts, and people that exports name.

A run is eight consecutive words (see `text.word_runs`), or about as many characters in scripts without spaces between
words: 12 of Han and kana, 24 of Thai, Lao, Khmer and Myanmar. Runs are compared by hash, so that the runs of many texts
fit into memory. The words themselves then confirm a hit.
"""

from __future__ import annotations

import html
import re
import tomllib
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, NamedTuple

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from ..corpus import CorpusFolder
from ..exports import People, may_name, parse
from ..labelling import FILE as PEOPLE
from ..labelling import home_of
from ..text import UNSPACED, Private, word_runs

RUN = 8  # words
HAN_RUN, OTHER_RUN = 12, 24  # the same in characters; names are rarely this long

_GAP = re.compile(f"(?<=[{UNSPACED}]) (?=[{UNSPACED}])")
_ESCAPE = re.compile(r"\\(?:u([0-9a-fA-F]{4})|[nrtbf/])")  # JSON escapes, in columns and files that hold JSON
_TAG = re.compile(r"<[^<>]*>")


def runs(text: str) -> Iterator[tuple[int, str]]:
    """Yield every run of a text as (hash, words joined by spaces); the hash is valid only within this process."""
    return ((hash(run), run) for reading in _readings(text) for run in word_runs(reading, RUN))


def _readings(text: str) -> Iterator[str]:
    """Yield the text itself, and its decoded form if that differs (JSON escapes, HTML entities and tags)."""
    yield text
    plain = _ESCAPE.sub(lambda match: chr(int(match[1], 16)) if match[1] else " ", text)
    plain = _TAG.sub(" ", html.unescape(plain))
    if plain != text:
        yield plain


def shared(text: str, hashes: set[int]) -> Iterator[str]:
    """Return the runs of `text` whose hashes are in `hashes`."""
    return (run for number, run in runs(text) if number in hashes)


def as_written(run: str) -> str:
    """Return a run in a form for a text search: without spaces between characters of scripts without spaces."""
    return _GAP.sub("", run)


BATCH = 1000  # rows read at a time


class Piece(NamedTuple):
    """A text from a file; `place` is the column of a Parquet file (or its metadata key), "" for any other text."""

    file: str
    place: str
    text: str


def pieces(folder: Path) -> Iterator[Piece]:
    """Yield every text in the files of `folder`: file names, every string of Parquet files, complete other files.

    A list of strings, such as tokens, is also joined by spaces to one text. Each distinct value occurs once per batch
    of rows.
    """
    for path in sorted(path for path in folder.rglob("*") if path.is_file()):
        name = path.relative_to(folder).as_posix()
        yield Piece(name, "", name)
        if path.suffix != ".parquet":
            yield Piece(name, "", path.read_bytes().decode("utf-8", "replace"))
            continue
        with pq.ParquetFile(path) as file:
            for key, value in (file.schema_arrow.metadata or {}).items():
                yield Piece(name, key.decode("utf-8", "replace"), value.decode("utf-8", "replace"))
            for batch in file.iter_batches(BATCH):
                for column, array in zip(batch.schema.names, batch.columns, strict=True):
                    yield from (Piece(name, place, text) for place, text in _strings(column, array))


def _strings(place: str, array: pa.Array) -> Iterator[tuple[str, str]]:
    """Yield (path, string) for the distinct strings in an array, at any depth."""
    kind = array.type
    if pa.types.is_string(kind) or pa.types.is_large_string(kind):
        yield from ((place, text) for text in pc.unique(array).to_pylist() if text)
    elif pa.types.is_list(kind) or pa.types.is_large_list(kind):
        if pa.types.is_string(kind.value_type):
            yield from _strings(place, pc.binary_join(array, " "))
        yield from _strings(place, array.flatten())
    elif pa.types.is_struct(kind):
        for number, field in enumerate(kind):
            yield from _strings(f"{place}.{field.name}", pc.struct_field(array, number))


TOKENS = ("HF_TOKEN", "HUGGING_FACE_HUB_TOKEN", "LABEL_STUDIO_API_KEY")
SHORTEST = 8  # letters of a secret, and of a one-word name; shorter ones can also be ordinary words


def known_private(folder: CorpusFolder, environment: Mapping[str, str], saved: Iterable[str] = ()) -> Private:
    """Return the strings that no published file may contain; `saved` are tokens that programs have saved."""
    home = home_of(folder.root)
    account = _table(home / "account.toml")
    secrets = [environment.get(name, "").strip() for name in TOKENS]
    secrets += [token.strip() for token in saved]
    secrets += [str(account.get(key, "")) for key in ("password", "token")]
    names = {str(name).casefold() for name in (*_table(home / PEOPLE), account.get("email", ""), *_named(folder))}
    return Private(
        secrets=sorted({secret for secret in secrets if len(secret) >= SHORTEST}),
        names=sorted(name for name in names if len(name) >= SHORTEST or " " in name.strip()),
        public=folder.context.corpus.release.public_addresses,
    )


def _named(folder: CorpusFolder) -> set[str]:
    """Return the names and addresses of people in the exports."""
    people = People()
    for file in range(len(folder.exports.files)):
        for task in folder.exports.tasks(file):
            if may_name(task):
                with suppress(ValueError, RecursionError):  # the build reports it as a problem
                    people.add(parse(bytes(task)), folder.exports.name(file))
    return set(people.numbers())


def _table(path: Path) -> dict[str, Any]:
    """Read a TOML file of the server's folder; return {} where it is missing or unreadable."""
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
