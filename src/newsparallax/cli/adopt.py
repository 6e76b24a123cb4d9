"""Command `adopt`: start a corpus folder from existing annotations, of Label Studio or of another tool."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from ..adopt import adopt, report
from ..errors import UsageError
from ..formats import FormatName
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
        adopted = adopt(paths[:-1], paths[-1], config, format_)
    for line in report(adopted):
        console.out.print(console.on_a_line(line))
    return console.DONE
