"""Command `build`: make a Hugging Face dataset folder from articles, codebook and annotations."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from ..building import build
from ..corpus import open_corpus
from . import console


def build_command(
    corpus: console.Corpus = None,
    out: Annotated[
        Path | None, typer.Option(help="The finished dataset folder (default: build/<version> in the corpus folder).")
    ] = None,
    workers: Annotated[
        int | None,
        typer.Option(
            min=1,
            help="Number of worker processes, each with about 150 MB of memory. The result does not depend on it. "
            "Default: the processors that the program may use, or fewer if the exports are small.",
        ),
    ] = None,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print the dataset's folder and manifest as one JSON object.")
    ] = False,
    lenient: Annotated[
        bool, typer.Option("--lenient", help="Exit with 0 even if there are problems that no waiver covers.")
    ] = False,
) -> int:
    """Build the dataset of a corpus folder.

    Exit code 0: done; 1: done, with problems that no waiver covers; 2: stopped by an error.
    """
    folder = open_corpus(corpus)
    left = "the dataset folder is unchanged, or the new dataset is complete"
    with console.interruptible(left), console.progress("articles") as progress:
        built = build(folder, out, workers, progress)
    if as_json:
        console.write([json.dumps({"folder": str(built.place), **built.manifest.as_json()}, indent=1).encode(), b"\n"])
    else:
        console.show_dataset(built.manifest, built.place)
    if not built.open.total:
        return console.DONE
    console.list_problems(built.open)
    return console.DONE if lenient else console.PROBLEMS
