"""Handlers for the start of a command: Ctrl-C during imports, or a missing package, ends it with one message.

This module needs the standard library only. `newsparallax.cli.console` handles both cases as soon as it runs the
command.
"""

from __future__ import annotations

import os
import signal
import sys
from types import TracebackType

STOPPED, INTERRUPTED = 2, 130  # as in newsparallax.cli.console, which cannot be imported yet


def guard(install: str) -> None:
    """Install the handlers for uncaught errors and SIGINT; `install` says how to install a missing package."""

    def uncaught(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
        if isinstance(error, KeyboardInterrupt):  # a second Ctrl-C, during the handling of the first
            sys.stderr.write("error: interrupted\n")
            sys.exit(INTERRUPTED)
        if not isinstance(error, ImportError):
            return sys.__excepthook__(kind, error, trace)
        missing = isinstance(error, ModuleNotFoundError)
        what = f"{error.name} is not installed" if missing else f"{error.name} cannot be imported ({error})"
        sys.stderr.write(f"error: {what} for {sys.executable}\n  {install}\n")
        sys.exit(STOPPED)

    sys.excepthook = uncaught
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:  # keep an ignored SIGINT (nohup)
        signal.signal(signal.SIGINT, _interrupted)


def _interrupted(*_: object) -> None:
    """End the process at once. An exception during imports could reach the user as a different error of a library."""
    os.write(2, b"error: interrupted; nothing was changed\n")
    os._exit(INTERRUPTED)
