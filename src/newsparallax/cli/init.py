"""Command `init`: start a new corpus folder."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from ..adopt import init_corpus
from ..text import plural
from . import console


def init_command(
    place: Annotated[Path, typer.Argument(metavar="DIR", help="The corpus folder. It may contain texts in seeds/.")],
) -> int:
    """Start a new corpus in the folder DIR.

    Writes commented registries, a working codebook with two layers, a dataset card and a changelog. Every .txt
    file in DIR/seeds becomes an article. Exit code 0: done; 2: stopped by an error, and nothing was changed.
    """
    with console.interruptible(
        f"{place} may be incomplete; remove the files that were written, and run the command again"
    ):
        texts = init_corpus(place)
    console.out.print(f"{place}: a new corpus with {plural(len(texts), 'article')}")
    if not texts:
        console.out.print("  no articles yet: add texts to seeds/, and describe them in seeds/articles.toml")
    console.out.print("next: edit annotations/codebook.toml, then run")
    for command in ("generate", "check", "label-studio serve --push", "build"):
        console.out.print(f"  newsparallax {command} --corpus {place}")
    return console.DONE
