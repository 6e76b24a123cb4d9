"""Commands `label-studio`: run a local server, send articles, fetch annotations, send disputes to an adjudicator."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer

from .._util import require
from ..corpus import CorpusFolder, open_corpus
from ..labelling import (
    Account,
    Delivered,
    Source,
    Studio,
    connect,
    exchanging,
    home_of,
    pull,
    push,
    send_reviews,
    server,
    split_exports,
)
from ..text import plural
from . import console

LISTED = 20  # maximum number of names in a message


def say(message: str) -> None:
    """Print a message that always matters on stderr, terminal or not."""
    console.err.print(message)


def note(message: str) -> None:
    """Print a progress message, only if stderr is a terminal."""
    if console.err.is_terminal:
        console.err.print(message)


def run_serve(corpus: Path | None, *, port: int, send: bool) -> int:
    """Start the local server and keep it running; if `send`, push the corpus's project to it."""
    if send:
        require("annotate")
    folder = open_corpus(corpus)

    def ready(account: Account) -> None:
        if send:
            _push(folder, Studio(account.url, account.token, say), [], [], overlap=2, force=False)

    home = home_of(folder.root)
    server.serve(home, port=port, venv=server.VENV, say=note, tell=console.out.print, ready=ready)
    return console.DONE


@contextmanager
def _alone(folder: CorpusFolder) -> Iterator[Path]:
    """Hold the corpus's exchange lock; on an interruption, the message says that completed work is intact."""
    hint = "the next run continues there"
    with console.interruptible("all completed steps are saved", hint), exchanging(home_of(folder.root)) as work:
        yield work


def run_push(corpus: Path | None, articles: list[str], sources: list[Source], *, overlap: int, force: bool) -> int:
    """Update the corpus's project on the server."""
    require("annotate")
    folder = open_corpus(corpus)
    return _push(folder, connect(folder.root, say), articles, sources, overlap=overlap, force=force)


def _push(
    folder: CorpusFolder, studio: Studio, articles: list[str], sources: list[Source], *, overlap: int, force: bool
) -> int:
    with _alone(folder), console.progress("tasks") as progress:
        done = push(
            folder,
            studio,
            say,
            articles=articles,
            sources=sources,
            overlap=overlap,
            force=force,
            progress=progress,
        )
    console.out.print(f"{folder.context.corpus.name}: {studio.url}/projects/{done.project} ({done.setting})")
    made = f"; {plural(done.predictions, 'prediction')} made" if sources else ""
    return _delivered(done.tasks, made)


def _delivered(tasks: Delivered, more: str) -> int:
    total = plural(tasks.created + tasks.updated + tasks.unchanged + len(tasks.stale), "task")
    console.out.print(f"  {total}: {tasks.created} new, {tasks.updated} updated, {tasks.unchanged} unchanged{more}")
    for article, why in tasks.stale.items():
        say(f"{article}: {why}")
    if tasks.stale:
        say("run `newsparallax label-studio pull`, delete these tasks on the server, then push again")
    return console.PROBLEMS if tasks.stale else console.DONE


def run_pull(corpus: Path | None, *, full: bool, replace: bool, split: bool) -> int:
    """Fetch the annotations of the corpus's projects into annotations/exports/."""
    require("annotate")
    folder = open_corpus(corpus)
    with _alone(folder) as work:
        if split:
            split_exports(folder, work, say)
            folder = open_corpus(corpus)
        studio = connect(folder.root, say)
        with console.progress("tasks") as progress:
            done = pull(folder, studio, work, say, full=full, replace=replace, progress=progress)
    asked = f"{plural(done.tasks, 'task')} requested, {plural(done.annotations, 'annotation')}"
    console.out.print(f"{folder.context.corpus.name}: {asked if done.tasks else 'up to date'}")
    for what, names in (("written", done.changed), ("removed, because it has no annotations", done.removed)):
        for name in names[:LISTED]:
            console.out.print(f"  {name}: {what}")
        if len(names) > LISTED:
            console.out.print(f"  ... and {len(names) - LISTED:,} more")
    if done.kept:
        console.out.print(f"  kept {plural(done.kept, 'annotation')} that the server no longer has")
    if done.drafts:
        console.out.print(f"  not pulled: {plural(done.drafts, 'unsubmitted draft')}")
    if done.unstarred:
        console.out.print(f"  not pulled: {plural(done.unstarred, 'adjudication')} without a star")
    return console.DONE


def run_review(corpus: Path | None, articles: list[str], *, force: bool) -> int:
    """Send the articles with disputes to an adjudicator."""
    require("annotate")
    folder = open_corpus(corpus)
    studio = connect(folder.root, say)
    with _alone(folder), console.progress("tasks") as progress:
        sent = send_reviews(folder, studio, say, articles=articles, force=force, progress=progress)
    if sent is None:
        console.out.print(f"{folder.context.corpus.name}: no article needs adjudication")
        return console.DONE
    console.out.print(f"{folder.context.corpus.name}: {studio.url}/projects/{sent.project} ({sent.setting})")
    return _delivered(sent.tasks, f"; {plural(sent.disputes, 'dispute')}")


app = typer.Typer(add_completion=False, pretty_exceptions_enable=False, rich_markup_mode=None)

Articles = Annotated[list[str] | None, typer.Option("--article", help="Send only this article; may be repeated.")]
Port = Annotated[
    int, typer.Option(min=1, max=65535, help="The server's port; it accepts connections from this machine only.")
]
Send = Annotated[bool, typer.Option("--push", help="Push the corpus when the server has started.")]
Sources = Annotated[list[Source] | None, typer.Option(help="Add predictions from this source; may be repeated.")]
Overlap = Annotated[int, typer.Option(min=1, help="Number of annotators per article, if the project is new.")]
Force = Annotated[
    bool,
    typer.Option("--force", help="Remove labels from the labelling page even if annotations on the server use them."),
]
Full = Annotated[bool, typer.Option("--full", help="Request all tasks, not only the changed ones.")]
Replace = Annotated[bool, typer.Option("--replace", help="Remove annotations that the server no longer has.")]
Split = Annotated[bool, typer.Option("--split", help="First split the exports into one file per article.")]


@app.callback()
def label_studio_group() -> None:
    """Annotate a corpus in Label Studio.

    push, pull and review use the server in LABEL_STUDIO_URL with the token in LABEL_STUDIO_API_KEY. If neither is set,
    they use the corpus's local server. Exit code 0: done; 1: some tasks are out of date (listed); 2: stopped by an
    error.
    """


@app.command("serve")
def serve_command(corpus: console.Corpus = None, port: Port = 8080, push: Send = False) -> int:
    """Start a local server. It runs until Ctrl-C. The first start installs Label Studio (about 1 GB)."""
    return run_serve(corpus, port=port, send=push)


@app.command("push")
def push_command(corpus: console.Corpus = None, article: Articles = None, predict: Sources = None, overlap: Overlap = 2, force: Force = False) -> int:  # fmt: skip  # noqa: E501
    """Send the corpus to the server: the labelling page, the guidelines, one task per article, and predictions."""
    return run_push(corpus, article or [], predict or [], overlap=overlap, force=force)


@app.command("pull")
def pull_command(
    corpus: console.Corpus = None, full: Full = False, replace: Replace = False, split: Split = False
) -> int:
    """Fetch annotations from the server. Writes one file per article in annotations/exports/, with pseudonyms."""
    return run_pull(corpus, full=full, replace=replace, split=split)


@app.command("review")
def review_command(corpus: console.Corpus = None, article: Articles = None, force: Force = False) -> int:
    """Send articles with disputes to an adjudicator. Agreed spans become predictions; disputes are marked."""
    return run_review(corpus, article or [], force=force)
