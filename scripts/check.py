"""Check a corpus folder without building: seeds, exports, registries, waivers, generated files."""

from pathlib import Path
from typing import Annotated

import msgspec
import typer

from newsparallax.core.problems import Problem
from newsparallax.edges import cli
from newsparallax.edges.build import SHOWN, problems_of
from newsparallax.edges.folder import open_corpus


def main(
    corpus: Annotated[Path | None, typer.Option(help="The corpus folder (default: this repository).")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print every problem, one JSON object a line.")] = False,
) -> int:
    """Run every check on a corpus without building it.

    Exit code 0: nothing found; 1: problems that no waiver covers; 2: could not go on (the problems found until then are
    listed first), or the version promises human adjudication (1.0.0 and later) that some gold lacks.
    """
    folder = open_corpus(corpus)
    shown: list[Problem] = []
    total = waived = 0
    try:
        with cli.progress("articles") as progress:
            for found in problems_of(folder, progress=progress):
                if as_json:
                    typer.echo(msgspec.json.encode(found).decode())
                total += found.waived is None
                waived += found.waived is not None
                if found.waived is None and len(shown) < SHOWN:
                    shown.append(found)
    finally:  # what was found before an error is told before it
        if total and not as_json:
            cli.list_problems(shown, total)
    if not total and not as_json:
        cli.out.print(f"{folder.context.corpus.name}: no problems" + (f" ({waived} waived)" if waived else ""))
    return cli.PROBLEMS if total else cli.DONE


if __name__ == "__main__":
    cli.run(main)
