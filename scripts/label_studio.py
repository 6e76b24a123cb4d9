"""Annotate in Label Studio: a local server, articles out, annotations back, disputes to an adjudicator."""

from pathlib import Path
from typing import Annotated

import typer

from newsparallax.edges import cli
from newsparallax.edges.label_studio import commands
from newsparallax.edges.label_studio.push import Source

app = typer.Typer(add_completion=False, pretty_exceptions_enable=False, rich_markup_mode=None)

Corpus = Annotated[Path | None, typer.Option(help="The corpus folder (default: this repository).")]
Articles = Annotated[list[str] | None, typer.Option("--article", help="Only this article; may be repeated.")]
Port = Annotated[int, typer.Option(min=1, max=65535, help="The port, on this machine only.")]
Send = Annotated[bool, typer.Option("--push", help="Push the corpus as soon as the server answers.")]
Sources = Annotated[list[Source] | None, typer.Option(help="Pre-annotate from this; may be repeated.")]
Overlap = Annotated[int, typer.Option(min=1, help="Annotators that a new project asks for an article.")]
Force = Annotated[bool, typer.Option("--force", help="Take labels off the page that annotations there use.")]
Full = Annotated[bool, typer.Option("--full", help="Ask for every task, not only for those that changed.")]
Replace = Annotated[bool, typer.Option("--replace", help="Drop annotations that the server does not have.")]
Split = Annotated[bool, typer.Option("--split", help="First give each article a file of its own.")]


@app.callback()
def main() -> None:
    """Annotate a corpus in Label Studio.

    push, pull and review take address and token of the server from LABEL_STUDIO_URL and LABEL_STUDIO_API_KEY; without
    both, of the local server of the corpus. Exit code 0: done; 1: some tasks are out of date (listed); 2: stopped.
    """


@app.command()
def serve(corpus: Corpus = None, port: Port = 8080, push: Send = False) -> int:
    """Start a server on this machine. It runs until Ctrl-C, and is installed at first use (about 1 GB)."""
    return commands.run_serve(corpus, port=port, send=push)


@app.command()
def push(corpus: Corpus = None, article: Articles = None, predict: Sources = None, overlap: Overlap = 2, force: Force = False) -> int:  # fmt: skip  # noqa: E501
    """Send the corpus to the server. Page, guidelines, a task an article, predictions; repeating changes nothing."""
    return commands.run_push(corpus, article or [], predict or [], overlap=overlap, force=force)


@app.command()
def pull(corpus: Corpus = None, full: Full = False, replace: Replace = False, split: Split = False) -> int:
    """Bring annotations into the corpus. One file an article in annotations/exports/, under pseudonyms."""
    return commands.run_pull(corpus, full=full, replace=replace, split=split)


@app.command()
def review(corpus: Corpus = None, article: Articles = None, force: Force = False) -> int:
    """Send disputes to an adjudicator. What annotators agree on as predictions, disputes marked as such."""
    return commands.run_review(corpus, article or [], force=force)


if __name__ == "__main__":
    cli.run_app(app)
