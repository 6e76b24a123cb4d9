"""A full build -> what may be published of it: a stand-off release, the same rows without the words of some texts."""

from __future__ import annotations

import hashlib
import json
import shutil
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Literal

import msgspec
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from numpy.typing import NDArray

from ..core import schema
from ..core.codebook import Codebook
from ..core.context import Context
from ..core.drift import WINDOW, window_digests
from ..core.errors import NewsParallaxError, UsageError
from ..core.standoff import has_words, withhold
from ..core.toml import read_toml
from .digest import digest_of
from .facts import MADE_LAST, write_facts
from .parquet import ConfigWriter, parquet_writer
from .publish import MARK, new_folder
from .readback import read_back

Mode = Literal["auto", "include", "omit"]

PROBLEMS = "problems.jsonl"
TOLD = 5  # articles named in a message
BATCH = 256  # texts held at a time
WINDOWS = pa.schema(
    {
        "article_id": pa.string(),
        "text_sha256": pa.string(),
        "length": pa.int64(),  # code points
        "window": pa.int64(),  # code points
        "digests": pa.list_(pa.string()),
    }
)
LEFT_OUT = "left out: it may quote the article"


class Rights:
    """Which articles' words are withheld, by 64-bit hashes of their ids.

    Both sides are kept, and an article is free only if it is on the one and not on the other: hashes that clash, and
    ids that no article has, withhold too much rather than too little.
    """

    def __init__(self) -> None:
        self._sides: dict[bool, list[NDArray[np.uint64]]] = {True: [], False: []}
        self.withheld = 0  # texts

    def add(self, ids: list[str], withheld: list[bool]) -> None:
        """Note some articles."""
        for side in (True, False):
            self._sides[side].append(_hashes([id_ for id_, is_ in zip(ids, withheld, strict=True) if is_ == side]))

    def mask(self, ids: pa.ChunkedArray | pa.Array) -> pa.BooleanArray:
        """For every id whether words are withheld; true for null."""
        coded = pc.dictionary_encode(ids.combine_chunks() if isinstance(ids, pa.ChunkedArray) else ids)
        hashes = _hashes(coded.dictionary.to_pylist())
        closed, free = (np.isin(hashes, self._side(side)) for side in (True, False))
        return pc.fill_null(pa.array(closed | ~free).take(coded.indices), True)

    def _side(self, side: bool) -> NDArray[np.uint64]:
        if len(self._sides[side]) != 1:
            self._sides[side] = [np.concatenate([*self._sides[side], np.empty(0, np.uint64)])]
        return self._sides[side][0]


def stage(full: Path, out: Path, context: Context, *, mode: Mode = "auto") -> dict[str, Any]:
    """Make of the full build in `full` the folder `out` that may be published; its manifest.

    Texts, quotes and tokens are withheld of articles that may not be passed on (`auto`) or of all (`omit`). Rows,
    offsets and digests of the texts stay, and `standoff/` says by digests of windows what was there, so that who has a
    copy can put the words back. In `problems.jsonl` items and messages stay only where the article may be passed on.

    Raises UsageError for `include` while there are articles that may not be passed on, for a folder that is no full
    build, and for an `out` that holds something else than a build. `out` appears whole or not at all.
    """
    manifest = _full_manifest(full)
    shapes = schema.configs(context.codebook)
    if manifest["rows"].keys() != shapes.keys():
        raise UsageError(f"{full} was built with another codebook", hint="build it again with scripts/build.py")
    if mode == "include":
        _refuse_reserved(full)
    with new_folder(out) as draft:
        rights = _rights(full, draft, mode)
        for name in manifest["files"]:
            source, target = full / name, draft / name
            target.parent.mkdir(parents=True, exist_ok=True)
            if source.suffix == ".parquet" and rights.withheld:
                _withhold(source, target, shapes[name.split("/")[0]], rights)
            elif name == PROBLEMS:
                _withhold_problems(source, target, rights)
            elif name not in MADE_LAST:
                shutil.copyfile(source, target)
        texts = manifest["texts"] | {"withheld": rights.withheld, "full_content_digest": manifest["content_digest"]}
        made = manifest | {"content_digest": digest_of(draft), "texts": texts}
        made = write_facts(draft, full, made, context.codebook)
        read_back(draft, context.codebook, rows_of(made))
    return made


def kept_words(staged: Path) -> Iterator[tuple[str, str, int]]:
    """(file, column, number of rows) of every column that holds words of articles that may not be passed on."""
    shapes = schema.configs(read_toml(staged / "codebook.toml", Codebook))
    rights = Rights()
    for rows in articles_in(staged, "article_id", "redistribute"):
        rights.add(rows["article_id"], [not free for free in rows["redistribute"]])
    for config, shape in shapes.items():
        for path in sorted((staged / config).glob("*.parquet")):
            kept: Counter[str] = Counter()
            with pq.ParquetFile(path) as file:
                for batch in file.iter_batches(BATCH):
                    table = pa.Table.from_batches([batch])
                    closed = table.filter(rights.mask(table.column("article_id")))
                    blank = withhold(closed, shape, pa.array([True] * closed.num_rows, pa.bool_()))
                    for name in closed.column_names:
                        if has_words(shape.fields[name]):
                            pairs = zip(closed[name].to_pylist(), blank[name].to_pylist(), strict=True)
                            kept[name] += sum(one != other for one, other in pairs)
            yield from ((path.relative_to(staged).as_posix(), name, number) for name, number in (+kept).items())


def withheld_texts(full: Path, staged: Path) -> Iterator[str]:
    """The texts of the full build that are left out of what was staged of it."""
    rights = Rights()
    for rows in articles_in(staged, "article_id", "text"):
        rights.add(rows["article_id"], [text is None for text in rows["text"]])
    for rows in articles_in(full, "article_id", "text"):
        closed = rights.mask(pa.array(rows["article_id"], pa.string())).to_pylist()
        yield from (text for text, is_ in zip(rows["text"], closed, strict=True) if is_ and text is not None)


def rows_of(manifest: dict[str, Any]) -> dict[tuple[str, str], int]:
    """How many rows there are by (config, split)."""
    return {(config, split): rows for config, splits in manifest["rows"].items() for split, rows in splits.items()}


def rewrite(source: Path, target: Path, change: Callable[[pa.Table], pa.Table]) -> None:
    """Write a Parquet file anew with its rows changed, in the same row groups. Raises NewsParallaxError naming it."""
    try:
        with pq.ParquetFile(source) as file, parquet_writer(target, file.schema_arrow) as writer:
            for number in range(file.num_row_groups):
                table = change(file.read_row_group(number))
                writer.write_table(table, row_group_size=max(table.num_rows, 1))
                del table
                pa.default_memory_pool().release_unused()
    except (pa.ArrowInvalid, KeyError) as error:
        raise NewsParallaxError(f"is not what a build writes: {error}", file=str(source), hint="build again") from None


def articles_in(folder: Path, *columns: str) -> Iterator[dict[str, list[Any]]]:
    """Columns of all rows of `articles`, a batch at a time. Raises NewsParallaxError naming the file."""
    for path in sorted((folder / schema.ARTICLES).glob("*.parquet")):
        try:
            with pq.ParquetFile(path) as file:
                for batch in file.iter_batches(BATCH, columns=list(columns)):
                    yield batch.to_pydict()
        except (pa.ArrowInvalid, KeyError) as error:
            raise NewsParallaxError(f"is not what a build writes: {error}", file=str(path)) from None


def _full_manifest(full: Path) -> dict[str, Any]:
    try:
        manifest: dict[str, Any] = json.loads((full / MARK).read_bytes())
        withheld = manifest["texts"]["withheld"]
    except (OSError, ValueError, KeyError, TypeError):
        raise UsageError(f"{full} is no build of this version", hint="build it with scripts/build.py") from None
    if withheld:
        raise UsageError(f"{full} is a stand-off release already", hint="name the full build")
    return manifest


def _refuse_reserved(full: Path) -> None:
    """Raise UsageError while any text may not be passed on."""
    total, first = 0, list[str]()
    for rows in articles_in(full, "article_id", "text_sha256", "redistribute"):
        for article_id, digest, free in zip(rows["article_id"], rows["text_sha256"], rows["redistribute"], strict=True):
            if digest and not free:
                total += 1
                first += [article_id] if len(first) < TOLD else []
    if total:
        named = ", ".join(first) + (" ..." if total > len(first) else "")
        hint = "say `redistribute = true` for them if their holders allow it, or publish with --text auto"
        raise UsageError(f"{total:,} {'text' if total == 1 else 'texts'} may not be passed on: {named}", hint=hint)


def _rights(full: Path, draft: Path, mode: Mode) -> Rights:
    """Whose words are withheld; the digests of their texts' windows are written to `standoff/`."""
    rights = Rights()
    writer = ConfigWriter(draft, schema.STANDOFF, "windows", WINDOWS)
    for rows in articles_in(full, "article_id", "text", "text_sha256", "redistribute"):
        closed = [mode == "omit" or not free for free in rows["redistribute"]]
        rights.add(rows["article_id"], closed)
        told = [
            dict(zip(WINDOWS.names, (id_, digest, len(text), WINDOW, window_digests(text)), strict=True))
            for id_, text, digest, is_ in zip(*list(rows.values())[:3], closed, strict=True)
            if is_ and text is not None
        ]
        rights.withheld += len(told)
        if told:
            writer.add(pa.Table.from_pylist(told, WINDOWS))
    if rights.withheld:
        writer.close()
    return rights


def _withhold(source: Path, target: Path, shape: schema.Struct, rights: Rights) -> None:
    rewrite(source, target, lambda table: withhold(table, shape, rights.mask(table.column("article_id"))))


def _withhold_problems(source: Path, target: Path, rights: Rights) -> None:
    """Problems without the items and messages of articles that are not known to be free."""
    with source.open("rb") as lines, target.open("wb") as sink:
        for line in lines:
            found = msgspec.json.decode(line)
            about = found["article_id"]
            if (about is not None and rights.mask(pa.array([about]))[0].as_py()) or (about is None and found["raw"]):
                found |= {"message": LEFT_OUT, "raw": None}
            sink.write(msgspec.json.encode(found) + b"\n")


def _hashes(ids: list[str | None]) -> NDArray[np.uint64]:
    digests = b"".join(hashlib.blake2b((id_ or "").encode(), digest_size=8).digest() for id_ in ids)
    return np.frombuffer(digests, np.uint64)
