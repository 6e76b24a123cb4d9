"""What the commands of scripts/label_studio.py do and print."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ...core.errors import NewsParallaxError
from .. import cli
from ..folder import CorpusFolder, open_corpus
from . import server
from .client import Studio, connect
from .export_files import split_exports
from .home import Account, exchanging, home_of
from .pull import pull
from .push import Source, push
from .review import send_reviews
from .sending import Delivered

LISTED = 20  # names that a message lists at most


def say(message: str) -> None:
    """What is worth knowing while it happens: on stderr, terminal or not."""
    cli.err.print(message)


def note(message: str) -> None:
    """What is going on, on stderr when that is a terminal."""
    if cli.err.is_terminal:
        cli.err.print(message)


def run_serve(corpus: Path | None, *, port: int, send: bool) -> int:
    """Start the local server, with the corpus's project in it if `send`, and keep it running."""
    folder = open_corpus(corpus)

    def ready(account: Account) -> None:
        if send:
            _push(folder, Studio(account.url, account.token, say), [], [], overlap=2, force=False)

    home = home_of(folder.root)
    server.serve(home, port=port, venv=server.VENV, say=note, tell=cli.out.print, ready=ready)
    return cli.DONE


@contextmanager
def _alone(folder: CorpusFolder) -> Iterator[Path]:
    """The only exchange of the corpus. What an interruption leaves is whole; the message says so."""
    try:
        with exchanging(home_of(folder.root)) as work:
            yield work
    except KeyboardInterrupt:
        message = "interrupted; what was done until then is whole"
        raise NewsParallaxError(message, hint="the next run goes on from there") from None


def run_push(corpus: Path | None, articles: list[str], sources: list[Source], *, overlap: int, force: bool) -> int:
    """Bring the corpus's project up to date."""
    folder = open_corpus(corpus)
    return _push(folder, connect(folder.root, say), articles, sources, overlap=overlap, force=force)


def _push(
    folder: CorpusFolder, studio: Studio, articles: list[str], sources: list[Source], *, overlap: int, force: bool
) -> int:
    with _alone(folder), cli.progress("tasks") as progress:
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
    cli.out.print(f"{folder.context.corpus.name}: {studio.url}/projects/{done.project} ({done.setting})")
    made = f"; {cli.plural(done.predictions, 'prediction')} made" if sources else ""
    return _delivered(done.tasks, made)


def _delivered(tasks: Delivered, more: str) -> int:
    total = cli.plural(tasks.created + tasks.updated + tasks.unchanged + len(tasks.stale), "task")
    cli.out.print(f"  {total}: {tasks.created} new, {tasks.updated} updated, {tasks.unchanged} as they were{more}")
    for article, why in tasks.stale.items():
        say(f"{article}: {why}")
    if tasks.stale:
        say("pull, then delete these tasks on the server, then push again")
    return cli.PROBLEMS if tasks.stale else cli.DONE


def run_pull(corpus: Path | None, *, full: bool, replace: bool, split: bool) -> int:
    """Bring the annotations of the corpus's projects into annotations/exports/."""
    folder = open_corpus(corpus)
    with _alone(folder) as work:
        if split:
            split_exports(folder, work, say)
            folder = open_corpus(corpus)
        studio = connect(folder.root, say)
        with cli.progress("tasks") as progress:
            done = pull(folder, studio, work, say, full=full, replace=replace, progress=progress)
    asked = f"{cli.plural(done.tasks, 'task')} asked for, {cli.plural(done.annotations, 'annotation')}"
    cli.out.print(f"{folder.context.corpus.name}: {asked if done.tasks else 'up to date'}")
    for what, names in (("written", done.changed), ("removed, nothing is left in it", done.removed)):
        for name in names[:LISTED]:
            cli.out.print(f"  {name}: {what}")
        if len(names) > LISTED:
            cli.out.print(f"  ... and {len(names) - LISTED:,} more")
    if done.kept:
        cli.out.print(f"  {cli.plural(done.kept, 'annotation')} that the server does not have: kept")
    if done.drafts:
        cli.out.print(f"  {cli.plural(done.drafts, 'draft')} that nobody has submitted: left on the server")
    if done.unstarred:
        cli.out.print(f"  {cli.plural(done.unstarred, 'adjudication')} without a star: left on the server")
    return cli.DONE


def run_review(corpus: Path | None, articles: list[str], *, force: bool) -> int:
    """Send what annotators dispute to an adjudicator."""
    folder = open_corpus(corpus)
    studio = connect(folder.root, say)
    with _alone(folder), cli.progress("tasks") as progress:
        sent = send_reviews(folder, studio, say, articles=articles, force=force, progress=progress)
    if sent is None:
        cli.out.print(f"{folder.context.corpus.name}: no article with several annotations waits for a decision")
        return cli.DONE
    cli.out.print(f"{folder.context.corpus.name}: {studio.url}/projects/{sent.project} ({sent.setting})")
    return _delivered(sent.tasks, f"; {cli.plural(sent.disputes, 'dispute')}")
