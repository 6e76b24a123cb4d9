"""Command `generate`: write the files made from the codebook: label_config.xml, guidelines.md, blocks of the card."""

from __future__ import annotations

from typing import Annotated

import typer

from ..building import generate
from ..corpus import open_corpus
from . import console


def generate_command(
    corpus: console.Corpus = None,
    check: Annotated[
        bool, typer.Option("--check", help="Write nothing; exit with 1 if a file is out of date.")
    ] = False,
) -> int:
    """Generate the files that are made from the codebook.

    These are label_config.xml, guidelines.md, cheat_sheet.md, the generated blocks of dataset_card.md, and, if there is
    a folder schemas/, the JSON Schemas.

    Exit code 0: all files are up to date; 1: with --check, a file is out of date; 2: stopped by an error.
    """
    folder = open_corpus(corpus)
    with console.interruptible("every file is complete, but some may not be updated yet", hint="run it again"):
        changed = generate(folder, None, write=not check)
    for path in changed:
        console.out.print(f"{'stale' if check else 'written'}: {path}")
    return console.PROBLEMS if check and changed else console.DONE
