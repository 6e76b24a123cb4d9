"""What all commands share: options, exit codes, messages, progress, the list of problems."""

from __future__ import annotations

import atexit
import io
import multiprocessing
import os
import re
import signal
import sys
import time
import traceback
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, NoReturn, Protocol

import typer
from rich.console import Console
from rich.progress import Progress as Bar
from rich.progress import SpinnerColumn, TextColumn, TimeElapsedColumn
from rich.text import Text

from .._util import ignore_interrupts, make_interrupts_safe
from ..building import Progress
from ..dataset import Manifest
from ..errors import NewsParallaxError, UsageError
from ..problems import LISTED, OpenProblems
from ..text import INVISIBLE, plural

DONE, PROBLEMS, STOPPED = 0, 1, 2
SECONDS = 5  # minimum seconds between two progress lines

_CONTROLS = re.compile(f"[\x00-\x1f\x7f-\x9f\u2028\u2029{INVISIBLE}]")

TRACEBACK = "NEWSPARALLAX_TRACEBACK"  # any value enables the traceback of an unexpected exception
INTERRUPTED = 130  # exit code for Ctrl-C in the option parser and in shells


class Runnable(Protocol):
    """A typer command."""

    def main(self, args: list[str], *, prog_name: str, standalone_mode: bool) -> Any:
        """Parse the arguments, run the command, and return its result."""


@dataclass
class _Settings:
    quiet: bool = False
    verbose: bool = False


_settings = _Settings()


class InterruptionError(NewsParallaxError):
    """Raised where the user interrupted the run."""


class _Console(Console):
    """A console that escapes control characters, and shows paths below the working directory as relative paths.

    A closed pipe (`| head`) is not an error.
    """

    def print(self, *objects: Any, **options: Any) -> None:
        """Print like rich, with strings escaped."""
        super().print(*(_as_shown(part) if isinstance(part, str) else part for part in objects), **options)

    def on_broken_pipe(self) -> None:
        """Discard further output, and exit with DONE."""
        _hush()
        sys.exit(DONE)


# Output contains names and texts of the corpus, so rich must not interpret markup in it.
err = _Console(stderr=True, markup=False, emoji=False, highlight=False, soft_wrap=True)
out = _Console(markup=False, emoji=False, highlight=False, soft_wrap=True)


def set_verbosity(*, quiet: bool, verbose: bool) -> None:
    """Set `quiet` (only errors and problems) or `verbose` (all problems, progress without a terminal).

    Raises UsageError for both.
    """
    if quiet and verbose:
        raise UsageError("--quiet and --verbose cannot be combined", hint="keep one of them")
    out.quiet = quiet
    _settings.quiet, _settings.verbose = quiet, verbose
    OpenProblems.most = sys.maxsize if verbose else LISTED


def run(command: Runnable, arguments: Sequence[str], name: str) -> None:
    """Run a command under a name and exit with the code that it returns; a failure prints one message."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):  # characters that the terminal cannot show are escaped
            stream.reconfigure(errors="backslashreplace")
    heeded = signal.getsignal(signal.SIGINT) is not signal.SIG_IGN
    try:
        if heeded:
            make_interrupts_safe()  # replaces the handler of `newsparallax._start`
        code = _code_of(command, arguments, name)
    finally:
        if heeded:
            ignore_interrupts()  # everything is done; only Python's shutdown remains
    sys.exit(code)


def _code_of(command: Runnable, arguments: Sequence[str], name: str) -> int:
    """Run a command and return its exit code. Any error is printed and ends the process."""
    try:
        code = command.main([*arguments], prog_name=name, standalone_mode=False)
    except InterruptionError as error:
        _end_at_once(str(error))
    except NewsParallaxError as error:
        fail(str(error))
    except KeyboardInterrupt:
        code = INTERRUPTED
    except BrokenPipeError:
        _hush()
        sys.exit(DONE)
    except OSError as error:
        fail(f"{error.filename or ''}: {error.strerror or error}".lstrip(": "))
    except MemoryError:
        fail("this machine has no memory left")
    except Exception as error:
        usage(error)
    if code == INTERRUPTED:  # Ctrl-C outside of every `interruptible`
        _end_at_once("interrupted; nothing was changed")
    return code if isinstance(code, int) else DONE


def _hush() -> None:
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


@contextmanager
def interruptible(left: str, hint: str | None = None) -> Iterator[None]:
    """Wrap all changes that a command makes: `left` says what an interruption leaves behind, `hint` what to do then."""
    try:
        yield
    except KeyboardInterrupt:
        raise InterruptionError(f"interrupted; {left}", hint=hint) from None


def usage(error: Exception) -> NoReturn:
    """Print an error of the option parser as one message; any other exception is a bug that the user can report."""
    message = getattr(error, "format_message", None)
    if message is not None:
        fail(message() + "\n  see --help")
    traced = bool(os.environ.get(TRACEBACK))
    if traced:
        err.print("".join(traceback.format_exception(error)), end="")
    todo = "report the output above" if traced else f"run it again with {TRACEBACK}=1, and report the output"
    what = on_a_line("".join(traceback.format_exception_only(error)).strip())
    fail(f"a bug of this program: {what}\n  {todo} (see CONTRIBUTING.md)")


def fail(message: str) -> NoReturn:
    """Print one message on stderr, and exit with code 2."""
    err.print(f"error: {message}")
    sys.exit(STOPPED)


def _end_at_once(message: str) -> NoReturn:
    """End an interrupted run without waiting for threads or workers.

    An interruption may leave Python's import lock held by no thread, so a thread would wait for it forever. It may also
    leave workers without the pool that gives them work.
    """
    err.print(f"error: {message}")
    sys.stdout.flush()
    for worker in multiprocessing.active_children():
        worker.kill()
    atexit._run_exitfuncs()  # as at a normal exit; else libraries report resources they clean up late as lost
    os._exit(INTERRUPTED)


def write(pieces: Iterable[bytes]) -> None:
    """Write UTF-8 to stdout unchanged, whatever the terminal's encoding; a closed pipe is not an error."""
    try:
        sys.stdout.buffer.writelines(pieces)
        sys.stdout.buffer.flush()
    except BrokenPipeError:
        _hush()
        sys.exit(DONE)


LOST = {  # why the BIO tags of `tokens` lack a span; nested spans are not counted, since they lie inside a tagged one
    "cut_tokens": "with a boundary inside a token",
    "no_token": "without a token",
    "crossing": "crossing another span",
    "across_blocks": "crossing a block boundary",
    "outside_blocks": "outside all blocks",
}


def show_dataset(manifest: Manifest, folder: Path | str) -> None:
    """Print on stdout what a finished dataset holds."""
    counts = manifest.counts
    out.print(f"{manifest.name} {manifest.version}: {folder}")
    fates = ", ".join(f"{getattr(counts, f'results_{how}'):,} {how}" for how in ("accepted", "repaired", "quarantined"))
    about = f"{plural(counts.articles, 'article')} of {plural(counts.events, 'event')}"
    out.print(f"  {about}; {plural(counts.results_in, 'result item')}: {fates}")
    width = max(map(len, manifest.rows))
    for config, splits in manifest.rows.items():
        out.print(f"  {config:<{width}}  {', '.join(f'{split} {rows:,}' for split, rows in splits.items())} rows")
    tokens = counts.tokens
    lost = {how: tokens[key] for key, how in LOST.items() if tokens.get(key)}
    if lost:
        total = f"{sum(lost.values()):,} of {plural(tokens['spans'], 'span')}"
        listed = ", ".join(f"{number:,} {how}" for how, number in lost.items())
        out.print(f"  BIO tags cannot represent {total}: {listed}")
    out.print(f"  content digest {manifest.content_digest}")


def list_problems(problems: OpenProblems) -> None:
    """Print the first open problems and their total on stderr.

    Of similar problems, only the first is listed. Problems that are similar to a listed one or follow from it are
    counted separately.
    """
    for entry in problems.listed():
        ids = ((name, getattr(entry, f"{name}_id")) for name in ("article", "task", "annotation", "region"))
        where = ", ".join([entry.file or "", *(f"{name} {value}" for name, value in ids if value)]).strip(", ")
        err.print(Text.assemble((entry.code, "bold"), on_a_line(f" {where}: {entry.message}")))
        err.print(f"  {entry.hint}")
    if problems.unlisted:
        err.print(f"... and {problems.unlisted:,} more")
    besides = {"of the same kinds": problems.alike, "caused by these": problems.following}
    apart = ", ".join(f"{number:,} {how}" for how, number in besides.items() if number)
    err.print(
        f"{plural(problems.total, 'problem')} that no waiver covers" + (f" (not counted: {apart})" if apart else "")
    )


def count_problems(problems: OpenProblems) -> None:
    """Print the number of open problems per code on stderr, if there are several codes."""
    if len(problems.by_code) > 1:
        width = max(map(len, problems.by_code))
        for code, number in problems.by_code.most_common():
            err.print(f"  {code:<{width}}  {number:,}")


def on_a_line(text: str) -> str:
    """Return the text with escapes for characters that would end the line or are not printable."""
    return _CONTROLS.sub(lambda found: found[0].encode("unicode_escape").decode(), text)


def _as_shown(text: str) -> str:
    return "\n".join(on_a_line(line) for line in _relative(text).split("\n"))


def _relative(text: str) -> str:
    """Return the text with paths below the working directory made relative to it."""
    here = str(Path.cwd())
    begins = r"(?<![^\s'\"`(=:])"  # a path starts here and does not continue
    return text if here == os.sep else re.sub(f"{begins}{re.escape(here + os.sep)}", "", text)


@contextmanager
def progress(what: str) -> Iterator[Progress | None]:
    """Show a progress line on stderr if that is a terminal, or lines with --verbose; otherwise yield None."""
    if _settings.quiet or not (err.is_terminal or _settings.verbose):
        yield None
        return
    if not err.is_terminal:
        yield _lines_of(what)
        return
    columns = (SpinnerColumn(), TextColumn("{task.description}"), TextColumn("{task.completed:,}/{task.total:,}"))
    with Bar(*columns, TimeElapsedColumn(), console=err, transient=True) as bar:
        task = bar.add_task(what, total=0)
        yield lambda done, total: bar.update(task, completed=done, total=total)


def _lines_of(what: str) -> Progress:
    """Return a progress function that prints lines, at most one per SECONDS, and always the last one."""
    last = 0.0

    def show(done: int, total: int) -> None:
        nonlocal last
        if done == total or time.monotonic() - last >= SECONDS:
            last = time.monotonic()
            err.print(f"{what}: {done:,}/{total:,}")

    return show


Corpus = Annotated[
    Path | None,
    typer.Option(
        help="The corpus folder. Default: the current folder if it is a corpus, else its nearest parent that is one. "
        "If there is none, and the program runs from its repository: the corpus of the repository."
    ),
]
