"""Command `adopt`: start a corpus folder from existing annotations, of Label Studio or of another tool."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from ..adopt import adopt, report
from ..errors import UsageError
from ..formats import COLUMNED, TOKEN, FormatName, Reading
from . import console


def adopt_command(
    paths: Annotated[
        list[Path],
        typer.Argument(
            metavar="EXPORT... DIR", help="Export files or folders with exports, followed by the new corpus folder."
        ),
    ],
    config: Annotated[
        Path | None,
        typer.Option(
            help="The project's labelling configuration (XML). Default: derive the codebook from the exports alone."
        ),
    ] = None,
    format_: Annotated[
        FormatName | None,
        typer.Option(
            "--format",
            help="The format of all files, if not that of Label Studio. Default: the content of each file decides.",
        ),
    ] = None,
    columns: Annotated[
        str | None,
        typer.Option(
            metavar="NAME,NAME,...",
            help="For columns of tokens, what each one is: `token`, the name of a layer for tags such as B-PER, or `_` "
            "for a column to leave out. Without --format, the format is conll.",
        ),
    ] = None,
) -> int:
    """Start the corpus folder DIR from annotations: exports of Label Studio, or files of another tool.

    Proposes a codebook from the labelling configuration or, without one, from the exports. Copies the exports. Files of
    brat, doccano, Prodigy, INCEpTION, spaCy, CoNLL and W3C Web Annotations are recognised by their content.
    `newsparallax build --corpus DIR` then builds the dataset. DIR must be a new or an empty folder. Exit code 0: done;
    2: stopped by an error, and nothing was changed.
    """
    if len(paths) < 2:
        raise UsageError("expected one or more exports and a folder", hint="newsparallax adopt EXPORT... DIR")
    with console.interruptible(f"{paths[-1]} is complete or unchanged"):
        adopted = adopt(paths[:-1], paths[-1], config, _reading(format_, columns))
    for line in report(adopted):
        console.out.print(console.on_a_line(line))
    return console.DONE


def _reading(format_: FormatName | None, columns: str | None) -> Reading | None:
    if columns is None:
        return Reading(format_) if format_ else None
    names = tuple(name.strip() for name in columns.split(","))
    hint = "expected something like --columns token,_,_,ner"
    if format_ not in (None, *COLUMNED):
        raise UsageError(f"files of {format_} have no columns to name", hint="leave out --columns")
    if names.count(TOKEN) != 1:
        raise UsageError(f"--columns needs `{TOKEN}` once: {columns}", hint=hint)
    layers = [name for name in names if name not in (TOKEN, "_")]
    if not layers or len({*layers}) < len(layers) or "" in layers:
        raise UsageError(f"--columns needs a name for each column of tags, each one different: {columns}", hint=hint)
    return Reading(format_ or "conll", names)
