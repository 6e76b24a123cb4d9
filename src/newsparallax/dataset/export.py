"""Write a dataset in the format of another tool, with the list of what the format could not hold."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import msgspec

from ..errors import UsageError
from ..formats import LOSSES, Document, Target, write_documents
from .documents import documents_of
from .output_folder import refuse_unwritable, work_folder
from .sources import opened


class Exported(NamedTuple):
    """An export: the number of its documents and files, and what its format could not hold, by kind and count."""

    documents: int
    files: int
    losses: dict[str, int]


def export_dataset(
    name: str, to: Target, out: Path, annotator: str | None = None, *, predictions: bool = False
) -> Exported:
    """Write the dataset `name` to the folder `out`, which must be missing or empty. It is written whole or not at all.

    `name` is a folder or `hub:ORG/NAME@REVISION`. `annotator` names whose votes to write; None means gold. Raises
    UsageError for a folder with files, an unknown annotator, withheld texts and a missing library.
    """
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        hint = "name a folder that does not exist yet, or an empty one"
        raise UsageError(f"{out} is not an empty folder; nothing was changed", hint=hint)
    refuse_unwritable(out)
    if predictions and to != "label-studio":
        raise UsageError("only label-studio has predictions", hint="leave out --predictions")
    with opened(name) as source:
        counted = Counter[str]()
        found = _Counted(documents_of(source, annotator, counted))
        out.parent.mkdir(parents=True, exist_ok=True)
        with work_folder(out.absolute()) as work:
            draft = work / "new"
            draft.mkdir()
            counted = write_documents(to, found, draft, predictions=predictions) + counted
            losses = dict(sorted(counted.items()))
            manifest = source.manifest
            about = {"dataset": manifest.name, "version": manifest.version, "format": to, "annotator": annotator}
            content = msgspec.json.format(
                msgspec.json.encode({**about, "documents": found.number, "losses": losses}), indent=1
            )
            files = sum(1 for path in draft.rglob("*") if path.is_file())
            (draft / LOSSES).write_bytes(content + b"\n")
            if out.is_dir():
                out.rmdir()
            draft.rename(out)
    return Exported(found.number, files, losses)


class _Counted:
    """Documents that are counted as they are read, so that one is in memory at a time."""

    def __init__(self, documents: Iterator[Document]) -> None:
        self._documents = documents
        self.number = 0

    def __iter__(self) -> Iterator[Document]:
        for document in self._documents:
            self.number += 1
            yield document
