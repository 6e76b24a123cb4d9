"""Command `rehydrate`: restore the texts of a stand-off release from the user's own copies of the articles."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from ..standoff import rehydrate
from ..text import plural
from . import console


def rehydrate_command(
    dataset: Annotated[
        str, typer.Argument(metavar="DATASET", help="The stand-off release: a folder, or hub:ORG/NAME@REVISION.")
    ],
    seeds: Annotated[Path, typer.Option(help="The folder with your copies: UTF-8 text files with any names.")],
    out: Annotated[Path, typer.Option(help="The dataset folder to write.")],
) -> int:
    """Restore the texts of a stand-off release.

    Texts, quotes and tokens are restored from your own copies of the articles. A copy is found by the digest of its
    text. Byte order mark, line ends, Unicode form and white space at the end may differ and are normalized; your files
    do not change. If a file is named like an article but has another text, the command reports the differences, and
    drift.jsonl in the new folder lists which spans still fit.

    Exit code 0: all texts are restored, and the content digest equals that of the full dataset; 1: done, but some texts
    are not restored; 2: stopped by an error.
    """
    with console.interruptible(f"{out} is complete or unchanged"):
        made = rehydrate(dataset, seeds, out)
    for what, lines, total in (
        ("normalized", made.normalized, made.normalized_total),
        ("missing", made.missing, made.missing_total),
        ("different", made.drifted, made.drifted_total),
    ):
        for line in lines:
            console.err.print(f"{what}: {line}")
        if total > len(lines):
            console.err.print(f"... {what}: {total - len(lines):,} more")
    left = made.manifest.texts.withheld if made.manifest.texts else 0
    console.out.print(f"{made.manifest.name} {made.manifest.version}: {out}")
    if not made.restored + left:
        console.out.print("  the dataset has all texts; it was copied unchanged")
    console.out.print(f"  {plural(made.restored, 'text')} restored, {left:,} still withheld")
    console.out.print(f"  content digest {made.manifest.content_digest}")
    if left:
        console.err.print(f"{plural(left, 'text')} not restored")
        return console.PROBLEMS
    return console.DONE
