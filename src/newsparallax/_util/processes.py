"""Worker processes: how many this process may run, and how they end.

Workers do not receive Ctrl-C: the process that started them handles it, ends them and reports the state.
"""

from __future__ import annotations

import math
import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from multiprocessing.context import SpawnContext, SpawnProcess
from pathlib import Path
from types import FrameType, TracebackType
from typing import Any

from ..errors import NewsParallaxError

CGROUP = Path("/sys/fs/cgroup")
AGAIN = 0.01  # seconds until an interrupt is sent again
FEWER_WORKERS = "nothing was written; if memory ran out, use fewer --workers"


def usable_processors() -> int:
    """Return how many processors this process may use: those of its affinity mask, and at most its cgroup's quota.

    The quota (of Linux cgroups, version 1 or 2) is a share of time per period; 150 ms in 100 ms count as 2 processors.
    """
    affinity = getattr(os, "sched_getaffinity", None)  # not on macOS
    number = len(affinity(0)) if affinity else os.cpu_count() or 1
    for names in (("cpu.max",), ("cpu/cpu.cfs_quota_us", "cpu/cpu.cfs_period_us")):
        try:
            quota, period = (float(part) for name in names for part in (CGROUP / name).read_text().split())
        except (OSError, ValueError):  # no such file, or "max": no limit
            continue
        if quota > 0 and period > 0:
            number = min(number, math.ceil(quota / period))
    return max(1, number)


def make_interrupts_safe() -> None:
    """Make Ctrl-C raise KeyboardInterrupt, as Python does, but never where it would be lost or block the process.

    Raised in an import, it could leave a lock of the import system taken, and other threads would wait for that lock
    for ever. Raised in a finalizer, it is printed and ignored. In both cases the signal is sent again a moment later.
    """
    sys.unraisablehook = _unraisable
    signal.signal(signal.SIGALRM, lambda *_: signal.raise_signal(signal.SIGINT))
    signal.signal(signal.SIGINT, _interrupt)


def ignore_interrupts() -> None:
    """Ignore Ctrl-C from now on, also one that would be sent again."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.setitimer(signal.ITIMER_REAL, 0)  # a timer that ends during Python's shutdown would kill the process


def _interrupt(_: int, frame: FrameType | None) -> None:
    signal.setitimer(signal.ITIMER_REAL, 0)  # one KeyboardInterrupt is enough
    while frame:
        if frame.f_code.co_filename.startswith("<frozen importlib"):
            return _interrupt_again()
        frame = frame.f_back
    raise KeyboardInterrupt


def _unraisable(lost: Any) -> None:
    if isinstance(lost.exc_value, KeyboardInterrupt):
        _interrupt_again()
    else:
        sys.__unraisablehook__(lost)


def _interrupt_again() -> None:
    signal.setitimer(signal.ITIMER_REAL, AGAIN)


@contextmanager
def interrupts_deferred() -> Iterator[None]:
    """Defer Ctrl-C until the block ends.

    The handler is replaced, since blocking the signal is not enough: another thread may receive it, and Python then
    interrupts the main thread. Other threads than the main thread are never interrupted.
    """
    handler = signal.getsignal(signal.SIGINT)
    if threading.current_thread() is not threading.main_thread() or not callable(handler):
        yield
        return
    came: list[int] = []
    signal.signal(signal.SIGINT, lambda number, _: came.append(number))
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, handler)
        if came:
            signal.raise_signal(signal.SIGINT)


class _Deaf(SpawnProcess):
    """A process that does not receive Ctrl-C, which would make it print a traceback or die while it holds a lock."""

    def start(self) -> None:
        """Start the process with the signal blocked; the new process inherits that."""
        before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
        try:
            super().start()
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, before)


class _Spawn(SpawnContext):
    """Starts new processes, not copies of this one."""

    Process = _Deaf


class WorkerPool(ProcessPoolExecutor):
    """A pool of processes that do not receive Ctrl-C. Ctrl-C is deferred while the pool starts a process.

    A block that uses the pool and ends with an exception drops the calls that wait, and after Ctrl-C kills the
    processes. It raises NewsParallaxError where a process has died; `hint` says what to do then.
    """

    def __init__(self, workers: int, *, hint: str = FEWER_WORKERS, **options: Any) -> None:
        super().__init__(workers, mp_context=_Spawn(), **options)
        self._hint = hint

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        """Submit a call, as every executor does."""
        with interrupts_deferred():
            return super().submit(fn, *args, **kwargs)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if isinstance(error, KeyboardInterrupt):
            for process in [*(self._processes or {}).values()]:
                process.kill()
        self.shutdown(cancel_futures=error is not None)
        if isinstance(error, BrokenProcessPool):
            raise NewsParallaxError("a worker process ended unexpectedly", hint=self._hint) from None
