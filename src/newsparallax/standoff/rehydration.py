"""A stand-off release and the user's own copies of the articles -> the dataset with its words put back."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path, PurePosixPath
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from ..core import schema
from ..core.codebook import Codebook
from ..core.errors import NewsParallaxError, UsageError
from ..core.standoff import TargetOf, restore, sibling, target_by_layer
from ..core.toml import read_toml
from .copies import Copies
from .digest import digest_of
from .drifted import DRIFT, Drifted, spans_of
from .facts import MADE_LAST, file_digest, write_facts
from .paths import is_inside
from .publish import MARK, new_folder
from .readback import read_back
from .release.sources import Source, opened
from .standoff import rewrite, rows_of

SHOWN = 20  # articles named in a list; the totals are always told


@dataclass
class Rehydrated:
    """What came of it: the place, the manifest, and lines about the copies, the first of each kind, with totals."""

    place: Path
    manifest: dict[str, Any]
    put_back: int = 0
    mended: list[str] = field(default_factory=list)
    mended_total: int = 0
    missing: list[str] = field(default_factory=list)
    missing_total: int = 0
    drifted: list[str] = field(default_factory=list)
    drifted_total: int = 0


def rehydrate(dataset: str, seeds: Path, out: Path) -> Rehydrated:
    """Put the words of the articles of which `seeds` holds copies back into `dataset`, and that as the folder `out`.

    `dataset` is a folder or `hub:ORG/NAME@REVISION`. Copies are found by digest, whatever they are called and wherever
    they lie; copies that only differ by byte order mark, line ends, Unicode form or white space at the end are mended
    on the way (the files stay as they are). Articles without such a copy stay as they are. Where a file has an
    article's id for its name, `out/drift.jsonl` says which spans it still has. A dataset from which nothing is left out
    comes out as it is.

    Raises UsageError for folders that cannot be used so, and NewsParallaxError for a dataset that is not what its
    manifest says. `out` appears whole or not at all.
    """
    if not seeds.is_dir():
        raise UsageError(f"{seeds} is no folder", hint="name the folder of your copies with --seeds")
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
    for name in source.manifest["files"]:
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
            _put_back(
                path, target, config, codebook, lambda table, shape: restore(table, shape, copies.text, target_of)
            )
        else:
            shutil.copyfile(path, target)
    drifted.write(draft)
    texts = source.manifest["texts"]
    found, left = copies.count(found=True), copies.count(found=False)
    digest = digest_of(draft)
    if not left and digest != texts["full_content_digest"]:
        message = f"with all texts put back the content digest is {digest}, expected {texts['full_content_digest']}"
        raise NewsParallaxError(message, file=source.name, hint="the dataset was changed after it was made")
    back = texts.get("put_back", 0) + found
    texts = texts | {"withheld": left} | ({"put_back": back} if back else {})
    manifest = write_facts(draft, source.folder, source.manifest | {"content_digest": digest, "texts": texts}, codebook)
    read_back(draft, codebook, rows_of(manifest))
    made = Rehydrated(out, manifest, found)
    made.mended, made.mended_total = _first(f"{id_}: {path}: {what}" for id_, path, what in copies.mended())
    made.missing, made.missing_total = _first(drifted.missing())
    made.drifted, made.drifted_total = _first(drifted.told())
    return made


def _first(lines: Iterator[str]) -> tuple[list[str], int]:
    """The first lines, and how many there are."""
    shown = list(islice(lines, SHOWN))
    return shown, len(shown) + sum(1 for _ in lines)


def _refuse_inside(out: Path, dataset: Path, seeds: Path) -> None:
    for own in (dataset, seeds):
        if is_inside(out, own) or is_inside(own, out):
            raise UsageError(f"{out} and {own} lie in each other", hint="name another folder with --out")


def _check_files(source: Source) -> None:
    """Raise NewsParallaxError for a file that is not there, or not the one that the manifest lists."""
    if "texts" not in source.manifest:
        hint = "nothing is left out of datasets that were built before there were stand-off releases"
        raise UsageError(f"the manifest of {source.name} says nothing of texts that are left out", hint=hint)
    for name, facts in source.manifest["files"].items():
        parts = PurePosixPath(name)
        if parts.is_absolute() or ".." in parts.parts:
            raise NewsParallaxError(f"lists {name!r}, which is no file of the dataset", file=f"{source.name}/{MARK}")
        path = source.folder / name
        if not path.is_file():
            hint = "get the whole dataset; the manifest lists the file"
            raise NewsParallaxError("is not there", file=f"{source.name}/{name}", hint=hint)
        if path.suffix in (".parquet", ".toml") and file_digest(path) != facts.get("sha256"):
            hint = "get the dataset again"
            raise NewsParallaxError("is not the file that the manifest lists", file=f"{source.name}/{name}", hint=hint)


def _put_back(
    path: Path, target: Path, config: str, codebook: Codebook, change: Callable[[pa.Table, schema.Struct], pa.Table]
) -> None:
    shape = schema.configs(codebook).get(config)
    if shape is None:
        raise NewsParallaxError("is of no config of codebook.toml", file=str(path), hint="get the dataset again")
    rewrite(path, target, lambda table: change(table, shape))


def _targets(dataset: Path, codebook: Codebook, copies: Copies) -> TargetOf:
    """The function that says in which text an arrow's target lies: its layer's, or the one where the span is marked."""
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
    """Whether a file of windows' digests tells of a text that is still not here."""
    with pq.ParquetFile(path) as file:
        batches = file.iter_batches(columns=["article_id"])
        return any(not copies.is_found(id_) for batch in batches for id_ in batch.column(0).to_pylist())


def _keep_windows(path: Path, target: Path, copies: Copies) -> None:
    """Write the windows' digests of the texts that are still not here."""

    def left(table: pa.Table) -> pa.Table:
        missing = [not copies.is_found(id_) for id_ in table.column("article_id").to_pylist()]
        return table.filter(pa.array(missing, pa.bool_()))

    rewrite(path, target, left)
