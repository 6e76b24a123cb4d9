"""Command `check`: check a corpus folder without a build: seeds, exports, registries, waivers, generated files."""

from __future__ import annotations

from typing import Annotated

import msgspec
import typer

from ..building import problems_of
from ..corpus import open_corpus
from ..errors import UsageError
from ..problems import CODES, OpenProblems
from ..text import did_you_mean
from . import console
from .explanations import EXPLANATIONS


def check_command(
    corpus: console.Corpus = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print all problems as JSON Lines.")] = False,
    explain: Annotated[
        str | None,
        typer.Option(
            metavar="CODE", help="Print what a problem code means, an example, and what to do; check nothing."
        ),
    ] = None,
) -> int:
    """Check a corpus without building it.

    Checks seeds, exports, registries, waivers and generated files. Exit code 0: no problems; 1: problems that no waiver
    covers; 2: stopped by an error (problems found before it are listed first), or gold without human adjudication in
    version 1.0.0 or later.
    """
    if explain is not None:
        console.out.print("\n".join(explained(explain)))
        return console.DONE
    folder = open_corpus(corpus)
    open_problems = OpenProblems()
    waived = 0
    try:
        with console.progress("articles") as progress:
            for entry in problems_of(folder, None, progress):
                if as_json:
                    typer.echo(msgspec.json.encode(entry).decode())
                waived += entry.waived is not None
                open_problems.add([entry])
    finally:  # print the problems found so far before an error message
        if open_problems.total and not as_json:
            console.list_problems(open_problems)
            console.count_problems(open_problems)
    if not open_problems.total and not as_json:
        console.out.print(f"{folder.context.corpus.name}: no problems" + (f" ({waived} waived)" if waived else ""))
    return console.PROBLEMS if open_problems.total else console.DONE


def explained(code: str) -> list[str]:
    """Return the explanation of a problem code, line by line. Raises UsageError for an unknown code."""
    if code not in CODES:
        meant = did_you_mean(code, CODES)
        hint = None if meant else f"the codes are: {', '.join(sorted(CODES))}"
        raise UsageError(f"there is no problem code {code!r}{meant}", hint=hint)
    severity, hint = CODES[code]
    meaning, example = EXPLANATIONS[code]
    return [f"{code} ({severity})", f"  {meaning}", f"  example: {example}", f"  what to do: {hint}"]
