"""The command line without a new process, whose imports take longer than what most tests ask of it."""

from __future__ import annotations

import io
import os
import signal
import sys
from collections.abc import Callable
from contextlib import chdir, redirect_stderr, redirect_stdout
from pathlib import Path
from subprocess import CompletedProcess
from typing import Any
from unittest.mock import patch

from newsparallax.cli import app, console


def run_script(name: str, *arguments: Any, **rest: Any) -> CompletedProcess[str]:
    """Run the command of scripts/NAME under the name of the script; `rest` is as for `run_command`."""
    return _run(lambda: app.run_script(name.removesuffix(".py").replace("_", "-"), name), name, arguments, **rest)


def run_command(*arguments: Any, cwd: Path | None = None, env: dict[str, str] | None = None) -> CompletedProcess[str]:
    """Run `newsparallax` with these arguments, in the folder `cwd`, with the variables `env` added to the environment.

    Return what a process would: exit code, stdout and stderr. Signals, closed pipes, broken imports, and variables that
    libraries read when they are imported need a real process.
    """
    return _run(app.main, app.NAME, arguments, cwd=cwd, env=env)


def _run(
    main: Callable[[], None],
    name: str,
    arguments: tuple[Any, ...],
    *,
    cwd: Path | None = None,
    env: dict[str, str] | None = None,
) -> CompletedProcess[str]:
    argv = [name, *map(str, arguments)]
    out, err = (io.TextIOWrapper(io.BytesIO(), encoding="utf-8", write_through=True) for _ in range(2))
    heeded = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGALRM)}
    unraisable = sys.unraisablehook
    code: Any = None
    with patch.object(sys, "argv", argv), patch.dict(os.environ, env or {}), chdir(cwd or Path.cwd()):
        try:
            with redirect_stdout(out), redirect_stderr(err):
                main()
        except SystemExit as end:
            code = end.code
        finally:
            for number, handler in heeded.items():
                signal.signal(number, handler)
            sys.unraisablehook = unraisable
            console.set_verbosity(quiet=False, verbose=False)
    printed, told = (stream.buffer.getvalue().decode() for stream in (out, err))  # type: ignore[attr-defined]
    assert isinstance(code, int), f"the command did not end with an exit code, but with {code!r}"
    return CompletedProcess(argv, code, printed, told)
