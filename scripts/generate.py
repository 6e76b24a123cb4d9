"""Make what is made from the codebook: label_config.xml, guidelines.md and the blocks of the card."""

from pathlib import Path
from typing import Annotated

import typer

from newsparallax.edges import cli
from newsparallax.edges.folder import open_corpus
from newsparallax.edges.generate import generate


def main(
    corpus: Annotated[Path | None, typer.Option(help="The corpus folder (default: this repository).")] = None,
    check: Annotated[bool, typer.Option("--check", help="Change nothing; exit with 1 if a file is stale.")] = False,
) -> int:
    """Generate the files that are made from the codebook.

    Exit code 0: everything is as it should be; 1: with --check, a file is stale; 2: could not go on.
    """
    changed = generate(open_corpus(corpus), write=not check)
    for path in changed:
        cli.out.print(f"{'stale' if check else 'written'}: {path}")
    return cli.PROBLEMS if check and changed else cli.DONE


if __name__ == "__main__":
    cli.run(main)
