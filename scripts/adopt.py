"""Start a corpus folder from an existing Label Studio export."""

from pathlib import Path
from typing import Annotated

import typer

from newsparallax.core.errors import UsageError
from newsparallax.edges import cli
from newsparallax.edges.adopt import adopt, report


def main(
    paths: Annotated[
        list[Path],
        typer.Argument(metavar="EXPORT... DIR", help="Export files, or folders of them, and last the corpus folder."),
    ],
    config: Annotated[
        Path | None,
        typer.Option(help="The project's labelling configuration (XML); without it, the data are what is known."),
    ] = None,
) -> int:
    """Start the corpus folder DIR from one or more Label Studio exports.

    Proposes the codebook from the labelling configuration or, without one, from what is found in the exports, and
    copies these; `build.py --corpus DIR` then builds the dataset. DIR must not exist or be empty. Exit code 0: done;
    2: could not go on, and nothing was changed.
    """
    if len(paths) < 2:
        raise UsageError("expected one or more exports and a folder", hint="scripts/adopt.py EXPORT... DIR")
    for line in report(adopt(paths[:-1], paths[-1], config)):
        cli.out.print(line)
    return cli.DONE


if __name__ == "__main__":
    cli.run(main)
