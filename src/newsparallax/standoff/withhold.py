"""Make a stand-off release from a full build: the same rows without the words of withheld texts."""

from __future__ import annotations

import hashlib
import shutil
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Literal

import msgspec
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from msgspec.structs import replace
from numpy.typing import NDArray

from ..corpus import Codebook, CorpusSpec, read_toml, schema
from ..dataset import (
    MADE_LAST,
    MARK,
    ConfigWriter,
    Manifest,
    ParquetFile,
    Texts,
    decode_manifest,
    digest_of,
    new_folder,
    read_back,
    write_facts,
)
from ..errors import NewsParallaxError, UsageError
from .alignment import WINDOW, window_digests
from .columns import BATCH, articles_in, has_words, withhold

Mode = Literal["auto", "include", "omit"]

PROBLEMS = "problems.jsonl"
TOLD = 5  # maximum number of articles named in a message
WINDOWS = pa.schema(list(schema.arrow_type(schema.Struct(schema.WINDOW))))
LEFT_OUT = "withheld: it may quote the article"


class Rights:
    """The articles whose words are withheld, stored as 64-bit hashes of their ids.

    Both the withheld and the free articles are stored. An article is free only if it is in the free set and not in the
    withheld set. Hash collisions and unknown ids therefore withhold too much rather than too little.
    """

    def __init__(self) -> None:
        self._sides: dict[bool, list[NDArray[np.uint64]]] = {True: [], False: []}
        self.withheld = 0  # number of texts

    def add(self, ids: list[str], withheld: list[bool]) -> None:
        """Add articles, with one value of `withheld` for each id."""
        for side in (True, False):
            self._sides[side].append(_hashes([id_ for id_, is_ in zip(ids, withheld, strict=True) if is_ == side]))

    def mask(self, ids: pa.ChunkedArray | pa.Array) -> pa.BooleanArray:
        """Return for every id whether its words are withheld; true for a null id."""
        coded = pc.dictionary_encode(ids.combine_chunks() if isinstance(ids, pa.ChunkedArray) else ids)
        hashes = _hashes(coded.dictionary.to_pylist())
        closed, free = (np.isin(hashes, self._side(side)) for side in (True, False))
        return pc.fill_null(pa.array(closed | ~free).take(coded.indices), True)

    def _side(self, side: bool) -> NDArray[np.uint64]:
        if len(self._sides[side]) != 1:
            self._sides[side] = [np.concatenate([*self._sides[side], np.empty(0, np.uint64)])]
        return self._sides[side][0]


def stage(full: Path, out: Path, context: CorpusSpec, *, mode: Mode = "auto") -> Manifest:
    """Make the publishable folder `out` from the full build in `full`; return its manifest.

    Texts, quotes and tokens are withheld for articles that are not redistributable (`auto`) or for all articles
    (`omit`). Rows, offsets and digests of the texts remain. `standoff/` holds digests of text windows, so that users
    with their own copies can restore the words and compare copies with differences. In `problems.jsonl`, items and
    messages remain only for redistributable articles.

    Raises UsageError for `include` where an article is not redistributable, for a folder that is not a full build, and
    for an `out` that holds something other than a build. `out` appears complete or not at all.
    """
    manifest = _full_manifest(full)
    shapes = schema.configs(context.codebook)
    if manifest.rows.keys() != shapes.keys():
        raise UsageError(f"{full} was built with a different codebook", hint="build it again with `newsparallax build`")
    if mode == "include":
        _refuse_reserved(full)
    with new_folder(out) as draft:
        rights = _rights(full, draft, mode)
        for name in manifest.files:
            source, target = full / name, draft / name
            target.parent.mkdir(parents=True, exist_ok=True)
            shape = shapes.get(name.split("/")[0])
            if shape and has_words(shape) and rights.withheld:
                _withhold(source, target, shape, rights)
            elif name == PROBLEMS:
                _withhold_problems(source, target, rights)
            elif name not in MADE_LAST:
                shutil.copyfile(source, target)
        texts = replace(
            manifest.texts or Texts(), withheld=rights.withheld, full_content_digest=manifest.content_digest
        )
        made = replace(manifest, content_digest=digest_of(draft), texts=texts)
        made = write_facts(draft, full, made, context.codebook)
        read_back(draft, context.codebook, rows_of(made))
    return made


def kept_words(staged: Path) -> Iterator[tuple[str, str, int]]:
    """Yield (file, column, number of rows) for every column with words of articles that are not redistributable."""
    shapes = schema.configs(read_toml(staged / "codebook.toml", Codebook))
    rights = Rights()
    for rows in articles_in(staged, "article_id", "redistribute"):
        rights.add(rows["article_id"], [not free for free in rows["redistribute"]])
    for config, shape in shapes.items():
        for path in sorted((staged / config).glob("*.parquet")) if has_words(shape) else ():
            kept: Counter[str] = Counter()
            with pq.ParquetFile(path) as file:
                for batch in file.iter_batches(BATCH):
                    table = pa.Table.from_batches([batch])
                    closed = table.filter(rights.mask(table.column("article_id")))
                    blank = withhold(closed, shape, pa.array([True] * closed.num_rows, pa.bool_()))
                    for name in closed.column_names:
                        if has_words(shape.fields[name]):
                            pairs = zip(closed[name].to_pylist(), blank[name].to_pylist(), strict=True)
                            kept[name] += sum(before != after for before, after in pairs)
            yield from ((path.relative_to(staged).as_posix(), name, number) for name, number in (+kept).items())


def withheld_texts(full: Path, staged: Path) -> Iterator[str]:
    """Yield the texts of the full build that are withheld in the folder staged from it."""
    rights = Rights()
    for rows in articles_in(staged, "article_id", "text"):
        rights.add(rows["article_id"], [text is None for text in rows["text"]])
    for rows in articles_in(full, "article_id", "text"):
        closed = rights.mask(pa.array(rows["article_id"], pa.string())).to_pylist()
        yield from (text for text, is_ in zip(rows["text"], closed, strict=True) if is_ and text is not None)


def rows_of(manifest: Manifest) -> dict[tuple[str, str], int]:
    """Return the number of rows by (config, split)."""
    return {(config, split): rows for config, splits in manifest.rows.items() for split, rows in splits.items()}


def rewrite(source: Path, target: Path, change: Callable[[pa.Table], pa.Table]) -> None:
    """Copy a Parquet file with changed rows and the same row groups.

    Raises NewsParallaxError, naming the file, for a file that a build did not write.
    """
    try:
        with pq.ParquetFile(source) as file, closing(ParquetFile(target, file.schema_arrow)) as writer:
            for number in range(file.num_row_groups):
                table = change(file.read_row_group(number))
                writer.write(table)
                del table
                pa.default_memory_pool().release_unused()
    except (pa.ArrowInvalid, KeyError) as error:
        raise NewsParallaxError(
            f"differs from what a build writes: {error}", file=str(source), hint="build again"
        ) from None


def _full_manifest(full: Path) -> Manifest:
    try:
        manifest = decode_manifest((full / MARK).read_bytes(), str(full / MARK))
    except (OSError, ValueError):
        manifest = None
    if manifest is None or manifest.texts is None:
        raise UsageError(f"{full} is not a build of this version", hint="build it with `newsparallax build`")
    if manifest.texts.withheld:
        raise UsageError(f"{full} is already a stand-off release", hint="name the build with all texts")
    return manifest


def _refuse_reserved(full: Path) -> None:
    """Raise UsageError where any text is not redistributable."""
    total, first = 0, list[str]()
    for rows in articles_in(full, "article_id", "text_sha256", "redistribute"):
        for article_id, digest, free in zip(rows["article_id"], rows["text_sha256"], rows["redistribute"], strict=True):
            if digest and not free:
                total += 1
                first += [article_id] if len(first) < TOLD else []
    if total:
        named = ", ".join(first) + (" ..." if total > len(first) else "")
        hint = "set `redistribute = true` for them if the owners permit it, or publish with --text auto"
        raise UsageError(f"{total:,} {'text' if total == 1 else 'texts'} may not be redistributed: {named}", hint=hint)


def _rights(full: Path, draft: Path, mode: Mode) -> Rights:
    """Return the withheld articles, and write the window digests of their texts to `standoff/`."""
    rights = Rights()
    writer = ConfigWriter(draft, schema.STANDOFF, "windows", WINDOWS)
    for rows in articles_in(full, "article_id", "text", "text_sha256", "redistribute"):
        closed = [mode == "omit" or not free for free in rows["redistribute"]]
        rights.add(rows["article_id"], closed)
        lines = [
            dict(zip(WINDOWS.names, (id_, digest, len(text), WINDOW, window_digests(text)), strict=True))
            for id_, text, digest, is_ in zip(*list(rows.values())[:3], closed, strict=True)
            if is_ and text is not None
        ]
        rights.withheld += len(lines)
        if lines:
            writer.add(pa.Table.from_pylist(lines, WINDOWS))
    if rights.withheld:
        writer.close()
    return rights


def _withhold(source: Path, target: Path, shape: schema.Struct, rights: Rights) -> None:
    rewrite(source, target, lambda table: withhold(table, shape, rights.mask(table.column("article_id"))))


def _withhold_problems(source: Path, target: Path, rights: Rights) -> None:
    """Copy the problems without the items and messages of articles that are not known to be redistributable."""
    with source.open("rb") as lines, target.open("wb") as sink:
        for line in lines:
            entry = msgspec.json.decode(line)
            about = entry["article_id"]
            if (about is not None and rights.mask(pa.array([about]))[0].as_py()) or (about is None and entry["raw"]):
                entry |= {"message": LEFT_OUT, "raw": None}
            sink.write(msgspec.json.encode(entry) + b"\n")


def _hashes(ids: list[str | None]) -> NDArray[np.uint64]:
    digests = b"".join(hashlib.blake2b((id_ or "").encode(), digest_size=8).digest() for id_ in ids)
    return np.frombuffer(digests, np.uint64)
