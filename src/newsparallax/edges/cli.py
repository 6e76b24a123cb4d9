"""What all scripts share: exit codes, messages, progress, the list of problems."""

from __future__ import annotations

import io
import os
import re
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import typer
from rich.console import Console
from rich.progress import Progress as Bar
from rich.progress import SpinnerColumn, TextColumn, TimeElapsedColumn
from rich.text import Text

from ..core.errors import NewsParallaxError
from ..core.problems import Problem
from .engine import Progress

DONE, PROBLEMS, STOPPED = 0, 1, 2

_CONTROLS = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029]")

INTERRUPTED = 130  # what the option parser makes of Ctrl-C


class _Console(Console):
    """A console for which a reader that has seen enough (`| head`) is no failure."""

    def on_broken_pipe(self) -> None:
        """Say nothing more, and end as done."""
        _hush()
        sys.exit(DONE)


# What is printed holds names and texts of the corpus: nothing in it is markup.
err = _Console(stderr=True, markup=False, emoji=False, highlight=False, soft_wrap=True)
out = _Console(markup=False, emoji=False, highlight=False, soft_wrap=True)


def run(main: Callable[..., Any]) -> None:
    """Run a script: its options from the signature, its exit code from what it returns, one message on failure."""
    command = typer.Typer(add_completion=False, pretty_exceptions_enable=False, rich_markup_mode=None)
    command.command()(main)
    run_app(command)


def run_app(command: typer.Typer) -> None:
    """Run a script with several commands in the same way."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):  # a terminal that lacks a character shows its number
            stream.reconfigure(errors="backslashreplace")
    try:
        code = command(standalone_mode=False)
    except NewsParallaxError as error:
        fail(str(error))
    except KeyboardInterrupt:
        fail("interrupted; nothing was changed")
    except BrokenPipeError:
        _hush()
        sys.exit(DONE)
    except OSError as error:
        fail(f"{error.filename or ''}: {error.strerror or error}".lstrip(": "))
    except Exception as error:
        usage(error)
    if code == INTERRUPTED:
        fail("interrupted; nothing was changed")
    sys.exit(code if isinstance(code, int) else DONE)


def _hush() -> None:
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def usage(error: Exception) -> None:
    """Print a usage error of the option parser as one message; anything else is a bug and is raised."""
    message = getattr(error, "format_message", None)
    if message is None:
        raise error
    fail(message() + "\n  --help lists the options")


def fail(message: str) -> None:
    """One message on stderr, exit code 2."""
    err.print(f"error: {message}")
    sys.exit(STOPPED)


def write(pieces: Iterable[bytes]) -> None:
    """Write UTF-8 to stdout as it is, whatever the terminal can show; a reader may have seen enough."""
    try:
        sys.stdout.buffer.writelines(pieces)
        sys.stdout.buffer.flush()
    except BrokenPipeError:
        _hush()
        sys.exit(DONE)


def show_dataset(manifest: dict[str, Any], place: str) -> None:
    """What a finished dataset holds, on stdout."""
    counts = manifest["counts"]
    out.print(f"{manifest['name']} {manifest['version']}: {place}")
    told = ", ".join(f"{counts[f'results_{how}']:,} {how}" for how in ("accepted", "repaired", "quarantined"))
    about = f"{plural(counts['articles'], 'article')} of {plural(counts['events'], 'event')}"
    out.print(f"  {about}; {plural(counts['results_in'], 'result item')}: {told}")
    width = max(map(len, manifest["rows"]))
    for config, splits in manifest["rows"].items():
        out.print(f"  {config:<{width}}  {', '.join(f'{split} {rows:,}' for split, rows in splits.items())} rows")
    out.print(f"  content digest {manifest['content_digest']}")


def list_problems(problems: list[Problem], total: int) -> None:
    """The first problems that no waiver covers, and how many there are in all, on stderr."""
    for found in problems:
        ids = ((name, getattr(found, f"{name}_id")) for name in ("article", "task", "annotation", "region"))
        where = ", ".join([found.file or "", *(f"{name} {value}" for name, value in ids if value)]).strip(", ")
        err.print(Text.assemble((found.code, "bold"), on_a_line(f" {where}: {found.message}")))
        err.print(f"  {found.hint}")
    if total > len(problems):
        err.print(f"... and {total - len(problems):,} more")
    err.print(f"{plural(total, 'problem')} that no waiver covers")


def on_a_line(text: str) -> str:
    """The text with numbers for what would end its line, or do something else than be shown."""
    return _CONTROLS.sub(lambda found: found[0].encode("unicode_escape").decode(), text)


def plural(number: int, what: str) -> str:
    """A number with its noun."""
    return f"{number:,} {what}" if number == 1 else f"{number:,} {what}s"


def shown(path: Path) -> str:
    """A path as the user would type it: relative where it lies below the working directory."""
    here = Path.cwd()
    return str(path.relative_to(here)) if path.is_absolute() and path.is_relative_to(here) else str(path)


@contextmanager
def progress(what: str) -> Iterator[Progress | None]:
    """A progress line on stderr when that is a terminal; None, and silence, otherwise."""
    if not err.is_terminal:
        yield None
        return
    columns = (SpinnerColumn(), TextColumn("{task.description}"), TextColumn("{task.completed:,}/{task.total:,}"))
    with Bar(*columns, TimeElapsedColumn(), console=err, transient=True) as bar:
        task = bar.add_task(what, total=0)
        yield lambda done, total: bar.update(task, completed=done, total=total)
