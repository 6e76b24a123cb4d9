"""Command `report`: a finished dataset as a page for readers: articles side by side, names, stances, terms."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.box import SIMPLE_HEAD
from rich.table import Table
from rich.text import Text

from .._util import require
from ..corpus import open_corpus
from ..errors import UsageError
from ..read import open_dataset
from ..report import summary, write_report
from . import console


def report_command(
    dataset: Annotated[
        str | None,
        typer.Argument(
            metavar="[DATASET]",
            help="The dataset: a folder, or hub:ORG/NAME@REVISION. Default: build/latest in the corpus folder.",
        ),
    ] = None,
    corpus: console.Corpus = None,
    out: Annotated[Path, typer.Option(help="The HTML file to write.")] = Path("report.html"),
    text: Annotated[bool, typer.Option("--text", help="Print the tables instead of writing a file.")] = False,
) -> int:
    """Show a finished dataset to readers: articles side by side, names, stances and terms by outlet, annotation.

    The HTML file needs no network. It has the texts of the articles if the dataset has them: do not publish it then.
    With more than 10 events it is an index, and the pages of the events are in a folder next to it. The plots need the
    packages of the extra `report`; --text needs no extra.

    Exit code 0: done; 2: stopped by an error.
    """
    if not text:
        require("report")
    opened = open_dataset(dataset or open_corpus(corpus).root / "build/latest")
    if text:
        with console.progress("events") as progress:
            tables = summary(opened, progress)
        for shown in tables:
            table = Table(title=Text(shown.title), box=SIMPLE_HEAD, title_justify="left")
            for name in shown.columns:
                table.add_column(Text(console.on_a_line(name)))
            for row in shown.rows:
                table.add_row(*(Text(console.on_a_line(cell)) for cell in row))
            console.out.print(table)
            if shown.more:
                console.out.print(f"  and {shown.more:,} more")
        return console.DONE
    try:
        with console.progress("events") as progress:
            files = write_report(opened, out, progress)
    except OSError as error:
        raise UsageError(
            f"{error.filename or out} cannot be written: {error.strerror}", hint="choose another --out"
        ) from None
    console.out.print(f"{opened.manifest.name} {opened.manifest.version}: {files[-1]}")
    return console.DONE
