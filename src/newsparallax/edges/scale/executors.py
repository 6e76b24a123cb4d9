"""datatrove's executors for one machine and for Ray, so that a rank that dies is seen and run again.

Ranks, completion markers, logs and what is skipped are datatrove's. Handing out ranks is not: its pools (of
`multiprocess`, for Ray too) wait for ever for a process that was killed, as for want of memory, and print to the
terminal. Here each rank is a future of `concurrent.futures`, which fails when its process dies.
"""

from __future__ import annotations

import logging
import multiprocessing
import os
import socket
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

from datatrove.executor import LocalPipelineExecutor, RayPipelineExecutor
from datatrove.utils.logging import logger, setup_default_logger

from ...core.errors import NewsParallaxError, UsageError
from ..engine import Progress

ATTEMPTS = 3
PAUSE = 2.0  # seconds before a failed rank is run again, longer each time
OBJECT_STORE = 100 << 20  # bytes of Ray's shared memory; what passes between ranks passes through files

Submit = Callable[[int], "Future[Failure | None]"]


class Failure(NamedTuple):
    """Why a rank did not end; `final` if trying again is of no use."""

    message: str
    final: bool = False


class Ranks:
    """Runs the incomplete ranks of an executor, a failed one again. `_open` gives what submits a rank."""

    def __init__(self, *arguments: Any, what: str, progress: Progress | None = None, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self._what, self._progress = what, progress

    def __getstate__(self) -> dict[str, Any]:
        return self.__dict__ | {"_progress": None}  # only the driver has a terminal

    def run(self: Any) -> None:
        """Run all ranks. Raises NewsParallaxError when one failed for good."""
        failed: dict[int, Failure] = {}
        for attempt in range(ATTEMPTS):
            ranks = self.get_incomplete_ranks()
            if not ranks:
                return
            time.sleep(PAUSE * attempt)
            failed = self._try(ranks)
            if any(failure.final for failure in failed.values()):
                break
        if failed:
            self._give_up(failed)

    def _try(self: Any, ranks: list[int]) -> dict[int, Failure]:
        """Run the ranks once, as many at a time as there are workers; those that failed."""
        failed: dict[int, Failure] = {}
        waiting = ranks[::-1]
        running: dict[Future[Failure | None], int] = {}
        with self._open() as submit:
            while waiting or running:
                while waiting and len(running) < self.workers:
                    rank = waiting.pop()
                    running[submit(rank)] = rank
                for future in wait(running, return_when=FIRST_COMPLETED).done:
                    rank = running.pop(future)
                    failure = _answer(future)
                    if failure:
                        logger.warning(f"{self._what} {rank}: {failure.message}")
                        failed[rank] = failure
                    if self._progress:
                        self._progress(self.tasks - len(waiting) - len(running) - len(failed), self.tasks)
        return failed

    def _give_up(self: Any, failed: dict[int, Failure]) -> None:
        rank, failure = min(failed.items(), key=lambda entry: (not entry[1].final, entry[0]))
        if failure.final:
            raise NewsParallaxError(failure.message)
        message = f"{len(failed)} of {self.tasks} tasks failed {ATTEMPTS} times, number {rank} with: {failure.message}"
        logs = self.logging_dir.resolve_paths(f"logs/task_{rank:05d}.log")
        hint = f"its log is {logs}; the same command goes on with what is missing"
        raise NewsParallaxError(message, place=self._what, hint=hint)


class LocalRanks(Ranks, LocalPipelineExecutor):  # type: ignore[misc]  # datatrove has no types
    """Ranks in processes of this machine."""

    @contextmanager
    def _open(self) -> Iterator[Submit]:
        spawn = multiprocessing.get_context("spawn")

        def pool() -> ProcessPoolExecutor:
            return ProcessPoolExecutor(self.workers, spawn, initializer=_begin_worker, initargs=(os.getpid(),))

        pools = [pool()]

        def submit(rank: int) -> Future[Failure | None]:
            try:
                return pools[-1].submit(run_rank, self, rank)
            except RuntimeError:  # a process has died, and with it the pool
                pools.append(pool())
                return pools[-1].submit(run_rank, self, rank)

        try:
            yield submit
        finally:
            for one in pools:
                one.shutdown(cancel_futures=True)


class RayRanks(Ranks, RayPipelineExecutor):  # type: ignore[misc]
    """Ranks as tasks of Ray, on whatever machines its cluster has."""

    @contextmanager
    def _open(self) -> Iterator[Submit]:
        import ray

        task = ray.remote(run_rank).options(num_cpus=self.cpus_per_task, max_retries=0)
        executor = ray.put(self)
        yield lambda rank: task.remote(executor, rank).future()


def run_rank(executor: Any, rank: int) -> Failure | None:
    """Run a rank as datatrove does, in the process that is asked to; None when it is done."""
    try:
        super(Ranks, executor)._run_for_rank(rank, local_rank=1)
    except NewsParallaxError as error:
        return Failure(str(error), final=True)
    except Exception as error:  # whatever it is, it is reported with the rank, and the rank is run again
        return Failure(f"{type(error).__name__}: {error}")
    return None


@contextmanager
def ray_cluster(workers: int) -> Iterator[None]:
    """A connection to the Ray cluster of RAY_ADDRESS; without one, Ray on this machine for as long as it is needed."""
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")  # it would send them
    try:
        import ray
    except ImportError:
        raise UsageError("ray is not installed", hint="`make .venv/scale` installs it") from None
    if ray.is_initialized():
        yield
        return
    address = os.environ.get("RAY_ADDRESS", "")
    given: dict[str, Any] = {}
    if not address:  # "local", or Ray would join a cluster that somebody once started on this machine
        given = {"address": "local", "num_cpus": workers, "_node_ip_address": "127.0.0.1"}
        given["object_store_memory"] = OBJECT_STORE
    try:
        _knock(address)
        ray.init(include_dashboard=False, log_to_driver=False, logging_level=logging.ERROR, **given)
    except (ConnectionError, RuntimeError, ValueError, OSError) as error:
        message = f"Ray cannot be reached{f' at {address}' if address else ''}: {error}"
        raise NewsParallaxError(message, hint="RAY_ADDRESS names its cluster; without it, Ray runs here") from None
    try:
        yield
    finally:
        ray.shutdown()


def _knock(address: str) -> None:
    """Raises OSError where nobody answers at host:port; Ray would wait for minutes."""
    host, _, port = address.rpartition("://")[2].rpartition(":")
    if host and port.isdigit():
        socket.create_connection((host, int(port)), timeout=10).close()


@contextmanager
def logged(folder: Path | None) -> Iterator[None]:
    """Let datatrove's messages in this process go to a file of the folder, if it is on this machine, not to stderr."""
    logger.remove()
    if folder:
        folder.mkdir(parents=True, exist_ok=True)
        logger.add(folder / "driver.log")
    try:
        yield
    finally:
        setup_default_logger()


def _end_with(driver: int) -> None:
    """End this process when its parent is another one, because the driver was killed."""
    while os.getppid() == driver:
        time.sleep(1)
    os._exit(1)


def _answer(future: Future[Failure | None]) -> Failure | None:
    try:
        return future.result()
    except Exception as error:  # Ray has errors of its own for a process that died
        return Failure(f"its process ended without an answer ({type(error).__name__}); was it short of memory?")


def _begin_worker(driver: int) -> None:
    """A worker ends with its driver, and what datatrove logs there is not for the terminal; its log files have it."""
    threading.Thread(target=_end_with, args=(driver,), daemon=True).start()
    logger.remove()
    sys.stderr = open(os.devnull, "w")  # noqa: SIM115, PTH123 - as long as the process lives
