"""Command `adopt`: start a corpus folder from existing Label Studio exports."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from ..adopt import adopt, report
from ..errors import UsageError
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
) -> int:
    """Start the corpus folder DIR from Label Studio exports.

    Proposes a codebook from the labelling configuration or, without one, from the exports. Copies the exports.
    `newsparallax build --corpus DIR` then builds the dataset. DIR must be a new or an empty folder. Exit code 0: done;
    2: stopped by an error, and nothing was changed.
    """
    if len(paths) < 2:
        raise UsageError("expected one or more exports and a folder", hint="newsparallax adopt EXPORT... DIR")
    with console.interruptible(f"{paths[-1]} is complete or unchanged"):
        adopted = adopt(paths[:-1], paths[-1], config)
    for line in report(adopted):
        console.out.print(console.on_a_line(line))
    return console.DONE
