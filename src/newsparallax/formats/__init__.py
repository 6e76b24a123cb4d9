"""Formats of annotation tools: each is a module with functions of the same names, and a row of FORMATS.

A module has `recognise` (from the content), `read` (the documents of a file) and `write` (documents into a folder). It
may have `companions` (files that belong to a file) and `declared` (labels that the companions declare). `tasks` makes
the tasks of Label Studio from documents, so that all formats go through the same conversion.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from importlib import import_module
from pathlib import Path
from typing import Any, Literal, NamedTuple

from ..errors import ExportError
from . import label_studio
from .document import Document, Given, Kind, Link, Mark, Markup, Refused
from .source import HEAD, TOKEN, Source
from .tasks import TEXT, control_name, task_json, task_of


class Reading(NamedTuple):
    """How files are read that the user decides on: the format, and the meaning of each column, in CoNLL formats."""

    format: FormatName
    columns: tuple[str, ...] = ()


class Format(NamedTuple):
    """A format: what it is called, its module, and whether a file of it is one document, with other files beside it."""

    title: str
    module: str

    @property
    def code(self) -> Any:
        """The module, imported on first use."""
        return import_module(f".{self.module}", __package__)


FormatName = Literal["cas", "w3c", "gate", "spacy", "brat", "conllu", "conll", "doccano", "prodigy"]

Target = Literal["brat", "conll", "conllu", "doccano", "prodigy", "spacy", "cas", "cas-json", "w3c", "label-studio"]
COLUMNED: tuple[FormatName, ...] = ("conll", "conllu")  # formats whose columns the user can name
LOSSES = "LOSSES.json"  # beside written files: what the format could not hold

FORMATS: dict[FormatName, Format] = {  # the first that recognises a file decides
    "cas": Format("UIMA CAS (INCEpTION), XMI or JSON", "cas"),
    "w3c": Format("W3C Web Annotation JSON-LD", "w3c"),
    "gate": Format("GATE JSON or XML", "gate"),
    "spacy": Format("spaCy DocBin", "docbin"),
    "brat": Format("brat stand-off", "brat"),
    "conllu": Format("CoNLL-U", "conllu"),
    "conll": Format("CoNLL-2003", "conll"),
    "doccano": Format("doccano JSON Lines", "doccano"),
    "prodigy": Format("Prodigy JSON Lines", "prodigy"),
}


def recognised(content: bytes, name: str, path: Path | None = None) -> FormatName | None:
    """Return the name of the format of a file, or None. `content` may be its beginning only."""
    source = Source(content, name, path)
    return next((key for key, format_ in FORMATS.items() if format_.code.recognise(source)), None)


def is_of_format(path: Path, reading: Reading) -> bool:
    """Whether a file can be read and begins like a file of a format, with the given columns if there are any."""
    try:
        with path.open("rb") as handle:
            source = Source(handle.read(HEAD), path.name, path, reading.columns)
        return bool(FORMATS[reading.format].code.recognise(source))
    except OSError:
        return False


def recognised_file(path: Path) -> FormatName | None:
    """Return the name of the format of a file by its beginning; None for a file that cannot be read, or is no file."""
    if not path.is_file():
        return None
    try:
        with path.open("rb") as handle:
            return recognised(handle.read(HEAD), path.name, path)
    except OSError:
        return None


def companions(format_: FormatName, path: Path) -> list[Path]:
    """Return the other files that belong to a file of a format."""
    find = getattr(FORMATS[format_].code, "companions", None)
    return list(find(path)) if find else []


def declared(format_: FormatName, files: Iterable[Path]) -> dict[str, list[str]]:
    """Return the labels by layer that the companions of a format declare."""
    find = getattr(FORMATS[format_].code, "declared", None)
    return dict(find(files)) if find else {}


def documents(
    format_: FormatName, content: bytes, name: str, path: Path | None = None, columns: tuple[str, ...] = ()
) -> Iterator[Document]:
    """Yield the documents of a file. Raises ExportError with file, place and what was expected."""
    try:
        yield from FORMATS[format_].code.read(Source(content, name, path, columns))
    except OSError as error:
        message, hint = f"cannot be read: {error.strerror}", "check the permissions of the files beside it"
        raise ExportError("unreadable-file", message, file=name, hint=hint) from None


def write_documents(to: Target, made: Iterable[Document], folder: Path, *, predictions: bool = False) -> Counter[str]:
    """Write documents into a folder. Return what the format cannot hold, by kind and count."""
    losses: Counter[str] = Counter()
    if to == "label-studio":
        label_studio.write(made, folder, predictions=predictions)
    elif to == "cas-json":
        FORMATS["cas"].code.write(made, folder, losses, as_json=True)
    else:
        FORMATS[to].code.write(made, folder, losses)
    return +losses


__all__ = [
    "COLUMNED",
    "FORMATS",
    "LOSSES",
    "TEXT",
    "TOKEN",
    "Document",
    "Format",
    "FormatName",
    "Given",
    "Kind",
    "Link",
    "Mark",
    "Markup",
    "Reading",
    "Refused",
    "Target",
    "companions",
    "control_name",
    "declared",
    "documents",
    "is_of_format",
    "recognised",
    "recognised_file",
    "task_json",
    "task_of",
    "write_documents",
]
