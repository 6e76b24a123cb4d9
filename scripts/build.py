"""Build the dataset: articles, codebook and annotations in, a finished Hugging Face dataset folder out."""

from pathlib import Path
from typing import Annotated

import typer

from newsparallax.edges import cli
from newsparallax.edges.build import build
from newsparallax.edges.folder import open_corpus


def main(
    corpus: Annotated[Path | None, typer.Option(help="The corpus folder (default: this repository).")] = None,
    out: Annotated[
        Path | None, typer.Option(help="The finished dataset folder (default: build/<version> in the corpus folder).")
    ] = None,
    workers: Annotated[int, typer.Option(min=1, help="How many processes convert side by side.")] = 1,
    lenient: Annotated[bool, typer.Option("--lenient", help="Exit with 0 even if problems remain.")] = False,
) -> int:
    """Build the dataset of a corpus folder.

    Exit code 0: done; 1: done, but problems remain that no waiver covers; 2: could not go on.
    """
    folder = open_corpus(corpus)
    with cli.progress("articles") as progress:
        built = build(folder, out, workers, progress)
    cli.show_dataset(built.manifest, cli.shown(built.place))
    if not built.open_total:
        return cli.DONE
    cli.list_problems(built.open_problems, built.open_total)
    return cli.DONE if lenient else cli.PROBLEMS


if __name__ == "__main__":
    cli.run(main)
