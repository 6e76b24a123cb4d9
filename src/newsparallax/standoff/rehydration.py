"""Rehydrate a stand-off release: restore its words from the user's own copies of the articles."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path, PurePosixPath

import pyarrow as pa
import pyarrow.parquet as pq
from msgspec import UNSET
from msgspec.structs import replace

from .._util import file_digest, is_inside
from ..corpus import Codebook, read_toml, schema
from ..dataset import (
    MADE_LAST,
    MARK,
    Manifest,
    Source,
    Texts,
    digest_of,
    new_folder,
    opened,
    read_back,
    refuse_foreign,
    write_facts,
)
from ..errors import NewsParallaxError, UsageError
from .alignment import DRIFT, Drifted, spans_of
from .columns import TargetOf, has_words, restore, sibling, target_by_layer
from .copies import Copies
from .withhold import rewrite, rows_of

SHOWN = 20  # maximum number of articles in a list; the totals are always reported


@dataclass
class Rehydrated:
    """The result: folder, manifest, number of restored texts, and lines about copies (first of each kind, totals)."""

    place: Path
    manifest: Manifest
    restored: int = 0
    normalized: list[str] = field(default_factory=list)
    normalized_total: int = 0
    missing: list[str] = field(default_factory=list)
    missing_total: int = 0
    drifted: list[str] = field(default_factory=list)
    drifted_total: int = 0


def rehydrate(dataset: str, seeds: Path, out: Path) -> Rehydrated:
    """Restore the words of all articles with copies in the folder `seeds`, and write the dataset to the folder `out`.

    `dataset` is a folder or `hub:ORG/NAME@REVISION`. Copies are found by digest, with any name in any subfolder. Copies
    that differ only in byte order mark, line ends, Unicode form or trailing white space are normalized in memory; their
    files stay unchanged. Articles without such a copy stay unchanged. Where a file without the text has an article's id
    as its name, `out/drift.jsonl` lists which spans survive in it. A dataset without withheld texts is copied
    unchanged.

    Raises UsageError for unsuitable folders, and NewsParallaxError for a dataset that differs from its manifest. `out`
    appears complete or not at all.
    """
    if not seeds.is_dir():
        raise UsageError(f"{seeds} is not a folder", hint="name the folder of your copies with --seeds")
    refuse_foreign(out)  # before a dataset is fetched
    with opened(dataset) as source:
        _refuse_inside(out, source.folder, seeds)
        _check_files(source)
        codebook = read_toml(source.folder / "codebook.toml", Codebook)
        with new_folder(out) as draft:
            copies = Copies(source.folder, seeds, draft.parent)
            try:
                return _write(source, draft, out, codebook, copies)
            finally:
                copies.close()


def _write(source: Source, draft: Path, out: Path, codebook: Codebook, copies: Copies) -> Rehydrated:
    drifted = Drifted(source.folder, codebook, copies)
    target_of = _targets(source.folder, codebook, copies)
    for name in source.manifest.files:
        path, target = source.folder / name, draft / name
        config = name.split("/")[0]
        if name in (*MADE_LAST, DRIFT):
            continue
        if config == schema.STANDOFF and not _any_left(path, copies):
            continue
        target.parent.mkdir(parents=True, exist_ok=True)
        if config == schema.STANDOFF:
            _keep_windows(path, target, copies)
        elif path.suffix == ".parquet":
            _restore_file(
                path, target, config, codebook, lambda table, shape: restore(table, shape, copies.text, target_of)
            )
        else:
            shutil.copyfile(path, target)
    drifted.write(draft)
    texts = source.manifest.texts or Texts()
    complete, left = copies.count(found=True), copies.count(found=False)
    digest = digest_of(draft)
    if not left and digest != texts.full_content_digest:
        message = f"after all texts were restored, the content digest is {digest}; expected {texts.full_content_digest}"
        raise NewsParallaxError(
            message, file=source.name, hint="the dataset was changed after it was built; get it again"
        )
    restored = (texts.restored or 0) + complete
    texts = replace(texts, withheld=left, restored=restored or UNSET)
    manifest = replace(source.manifest, content_digest=digest, texts=texts)
    manifest = write_facts(draft, source.folder, manifest, codebook)
    read_back(draft, codebook, rows_of(manifest))
    made = Rehydrated(out, manifest, complete)
    made.normalized, made.normalized_total = _first(f"{id_}: {path}: {what}" for id_, path, what in copies.normalized())
    made.missing, made.missing_total = _first(drifted.missing())
    made.drifted, made.drifted_total = _first(drifted.summary())
    return made


def _first(lines: Iterator[str]) -> tuple[list[str], int]:
    """Return the first SHOWN lines, and the total number of lines."""
    shown = list(islice(lines, SHOWN))
    return shown, len(shown) + sum(1 for _ in lines)


def _refuse_inside(out: Path, dataset: Path, seeds: Path) -> None:
    for own in (dataset, seeds):
        if is_inside(out, own) or is_inside(own, out):
            raise UsageError(f"{out} is inside {own}, or contains it", hint="name another folder with --out")


def _check_files(source: Source) -> None:
    """Raise NewsParallaxError where a listed file is missing or differs from the manifest.

    Raises UsageError for the manifest of a dataset that was built before stand-off releases existed.
    """
    if source.manifest.texts is None:
        hint = "the dataset was built by a version without stand-off releases, so it has all texts"
        raise UsageError(f"the manifest of {source.name} has no information on withheld texts", hint=hint)
    for name, facts in source.manifest.files.items():
        parts = PurePosixPath(name)
        if parts.is_absolute() or ".." in parts.parts:
            raise NewsParallaxError(f"lists {name!r}, which is not a file of the dataset", file=f"{source.name}/{MARK}")
        path = source.folder / name
        if not path.is_file():
            hint = "get the complete dataset; its manifest lists this file"
            raise NewsParallaxError("does not exist", file=f"{source.name}/{name}", hint=hint)
        if path.suffix in (".parquet", ".toml") and file_digest(path) != facts.sha256:
            hint = "get the dataset again"
            raise NewsParallaxError(
                "differs from the file that the manifest lists", file=f"{source.name}/{name}", hint=hint
            )


def _restore_file(
    path: Path, target: Path, config: str, codebook: Codebook, change: Callable[[pa.Table, schema.Struct], pa.Table]
) -> None:
    shape = schema.configs(codebook).get(config)
    if shape is None:
        raise NewsParallaxError("belongs to no config of codebook.toml", file=str(path), hint="get the dataset again")
    if has_words(shape):
        rewrite(path, target, lambda table: change(table, shape))
    else:
        shutil.copyfile(path, target)


def _targets(dataset: Path, codebook: Codebook, copies: Copies) -> TargetOf:
    """Return the function that finds the text with a relation's target: by its layer, or by the place of the span."""
    if len(codebook.texts) < 2:
        return lambda article_id, layer, span_id: article_id
    of_layer = {layer: target_by_layer(codebook, layer) for layer in codebook.layers}
    for layer in (layer for layer, name in of_layer.items() if name is None):
        copies.note_spans((row["span_id"], row["article_id"]) for row in spans_of(dataset, layer))

    def target_of(article_id: str, layer: str, span_id: str) -> str:
        name = of_layer.get(layer)
        if name is None:
            return copies.article_of_span(span_id) or article_id
        return sibling(codebook, article_id, copies.text_name(article_id), name)

    return target_of


def _any_left(path: Path, copies: Copies) -> bool:
    """Return whether a file of window digests covers a text that is still missing."""
    with pq.ParquetFile(path) as file:
        batches = file.iter_batches(columns=["article_id"])
        return any(not copies.is_found(id_) for batch in batches for id_ in batch.column(0).to_pylist())


def _keep_windows(path: Path, target: Path, copies: Copies) -> None:
    """Write the window digests of the texts that are still missing."""

    def left(table: pa.Table) -> pa.Table:
        missing = [not copies.is_found(id_) for id_ in table.column("article_id").to_pylist()]
        return table.filter(pa.array(missing, pa.bool_()))

    rewrite(path, target, left)
