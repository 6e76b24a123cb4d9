"""Command `export`: write a dataset in the format of another tool."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from ..dataset import export_dataset
from ..formats import LOSSES, Target
from ..text import plural
from . import console


def export_command(
    dataset: Annotated[str, typer.Argument(metavar="DATASET", help="A dataset folder, or hub:ORG/NAME@REVISION.")],
    to: Annotated[Target, typer.Option(help="The format to write.")],
    out: Annotated[Path, typer.Option(help="The folder to write, which must be new or empty.")],
    annotator: Annotated[
        str | None, typer.Option(help="Write the votes of this annotator. Default: the gold annotations.")
    ] = None,
    predictions: Annotated[
        bool, typer.Option("--predictions", help="For label-studio: write predictions instead of annotations.")
    ] = False,
    strict: Annotated[bool, typer.Option("--strict", help="Exit with 1 if the format cannot hold everything.")] = False,
) -> int:
    """Write a dataset in the format of another tool.

    LOSSES.json in the folder says by kind and count what the format could not hold. Texts that are withheld must be
    restored first (`newsparallax rehydrate`). Exit code 0: done; 1: done, but with losses, and --strict was given; 2:
    stopped by an error, and nothing was written.
    """
    with console.interruptible(f"{out} is complete or unchanged"):
        made = export_dataset(dataset, to, out, annotator, predictions=predictions)
    what = f"{plural(made.documents, 'document')} in {plural(made.files, 'file')}"
    console.out.print(console.on_a_line(f"{out}: {what}, format {to}"))
    for kind, count in made.losses.items():
        console.out.print(console.on_a_line(f"  not held: {count:,} x {kind}"))
    if not made.losses:
        console.out.print("  the format holds everything")
    else:
        console.out.print(f"  {LOSSES} in the folder has this list")
    return console.PROBLEMS if strict and made.losses else console.DONE
