"""Versions of a dataset: what changed between two of them, what must hold before one is published, publishing it."""

from pathlib import Path
from typing import Annotated

import typer

from newsparallax.edges import cli
from newsparallax.edges.release import commands
from newsparallax.edges.standoff import Mode

app = typer.Typer(add_completion=False, pretty_exceptions_enable=False, rich_markup_mode=None)

Old = Annotated[str, typer.Argument(metavar="OLD", help="The earlier version: a folder, or hub:ORG/NAME@REVISION.")]
New = Annotated[str, typer.Argument(metavar="NEW", help="The later version, named in the same way.")]
Json = Annotated[bool, typer.Option("--json", help="All of it as JSON.")]
Changelog = Annotated[bool, typer.Option("--changelog", help="A section for CHANGELOG.md, without words of articles.")]
Limit = Annotated[int, typer.Option(min=0, help="Changes of each kind that are listed; all are counted.")]
Corpus = Annotated[Path | None, typer.Option(help="The corpus folder (default: this repository).")]
Repo = Annotated[str, typer.Option(metavar="ORG/NAME", help="The repository on the hub; made if it is not there.")]
Last = Annotated[str | None, typer.Option("--repo", metavar="ORG/NAME", help="Compare with its newest release.")]
Against = Annotated[str | None, typer.Option(metavar="DATASET", help="Compare with this: a folder, or hub:ORG/NAME@REVISION.")]  # fmt: skip  # noqa: E501
Text = Annotated[Mode, typer.Option(help="auto: leave out texts that may not be passed on; omit: all; include: none, if all may be.")]  # fmt: skip  # noqa: E501
Dry = Annotated[bool, typer.Option("--dry-run", help="Show what would be sent, and send nothing.")]


@app.callback()
def main() -> None:
    """Compare, check and publish versions of a dataset.

    The hub's address is HF_ENDPOINT (default: the public hub), the token HF_TOKEN. Exit code 0: done; 1: check has
    found what forbids to publish (listed); 2: stopped.
    """


@app.command()
def diff(old: Old, new: New, json: Json = False, changelog: Changelog = False, limit: Limit = 1000) -> int:
    """What changed between two versions, row by row, and the smallest version number that says so honestly."""
    return commands.run_diff(old, new, as_json=json, changelog=changelog, limit=limit)


@app.command()
def check(corpus: Corpus = None, repo: Last = None, against: Against = None, text: Text = "auto") -> int:
    """Build the version, and list everything that forbids to publish it. Nothing is sent."""
    return commands.run_check(corpus, against=against, repo=repo, mode=text)


@app.command()
def publish(repo: Repo, corpus: Corpus = None, text: Text = "auto", dry_run: Dry = False) -> int:
    """Build, check, send everything in one commit, tag it, load the tag back. Repeating it changes nothing."""
    return commands.run_publish(corpus, repo, mode=text, dry_run=dry_run)


if __name__ == "__main__":
    cli.run_app(app)
