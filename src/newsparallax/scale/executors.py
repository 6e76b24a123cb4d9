"""Run the ranks of a stage on one machine, on Ray or on Slurm, and rerun the ranks that fail.

Ranks, completion markers, logs and the skipping of complete ranks are datatrove's. The assignment of ranks to processes
is not. datatrove's pools (of `multiprocess`, for Ray too) wait forever for a process that was killed, for example for
lack of memory, and they print to the terminal. Here each rank is a future of `concurrent.futures`, which fails when its
process dies.

On Slurm, each stage is one array job that starts after the previous one, and the merge is the last job. All scripts are
written before anything is submitted, so that a user can read them and submit them by hand from a login node. Settings
of the cluster (partition, time limit, account) come from Slurm's variables, such as SBATCH_PARTITION. These override
what a script says.
"""

from __future__ import annotations

import json
import logging
import os
import shlex
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, wait
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import dill
from datatrove.executor import LocalPipelineExecutor, RayPipelineExecutor, SlurmPipelineExecutor
from datatrove.utils.logging import logger, setup_default_logger

from .._util import WorkerPool, refusal, variables
from ..building import Progress
from ..corpus import open_corpus
from ..errors import NewsParallaxError
from .plan import load
from .run import ROOM, Merged, merge
from .store import Store

ATTEMPTS = 3
PAUSE = 2.0  # seconds before the first retry; each later retry waits longer
USAGE = "RAY_USAGE_STATS_ENABLED"
OBJECT_STORE = 100 << 20  # bytes of Ray's shared memory; ranks exchange data through files

Submit = Callable[[int], "Future[Failure | None]"]


class Failure(NamedTuple):
    """The reason why a rank failed; `final` if a retry would not help."""

    message: str
    final: bool = False


class Ranks:
    """Runs the incomplete ranks of an executor and retries failed ones.

    Subclasses define `_open`, which yields `submit`.
    """

    def __init__(
        self, *arguments: Any, what: str, pool: Pool | None = None, progress: Progress | None = None, **options: Any
    ) -> None:
        super().__init__(*arguments, **options)
        self._what, self._pool, self._progress = what, pool, progress

    def __getstate__(self) -> dict[str, Any]:
        return self.__dict__ | {"_pool": None, "_progress": None}  # only the driver has processes and a terminal

    def run(self: Any) -> None:
        """Run all ranks. Raises NewsParallaxError where a rank failed finally."""
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
        """Run the ranks once, at most one per worker at a time; return those that failed."""
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
                    if failure and failure.final:
                        waiting.clear()
                    elif self._progress:
                        self._progress(self.tasks - len(waiting) - len(running) - len(failed), self.tasks)
        return failed

    def _give_up(self: Any, failed: dict[int, Failure]) -> None:
        rank, failure = min(failed.items(), key=lambda entry: (not entry[1].final, entry[0]))
        if failure.final:
            raise NewsParallaxError(failure.message)
        message = f"{len(failed)} of {self.tasks} parts failed {ATTEMPTS} times, number {rank} with: {failure.message}"
        logs = self.logging_dir.resolve_paths(f"logs/task_{rank:05d}.log")
        hint = f"its log is {logs}; run the same command again to continue with the missing parts"
        raise NewsParallaxError(message, place=self._what, hint=hint)


class Pool:
    """Processes of this machine for the ranks of all stages; a new pool replaces one in which a process died."""

    def __init__(self, workers: int) -> None:
        self._workers = workers
        self._pools: list[WorkerPool] = []

    def submit(self, *call: Any) -> Future[Failure | None]:
        """Call a function with arguments in one of the processes."""
        try:
            return self._pools[-1].submit(*call)
        except (IndexError, RuntimeError):  # none yet, or a process died, which breaks the pool
            self._pools.append(WorkerPool(self._workers, initializer=_begin_worker, initargs=(os.getpid(),)))
            return self._pools[-1].submit(*call)

    def close(self) -> None:
        """End all processes."""
        for pool in self._pools:
            pool.shutdown(cancel_futures=True)


class LocalRanks(Ranks, LocalPipelineExecutor):  # type: ignore[misc]  # datatrove has no types
    """Ranks in processes of this machine."""

    @contextmanager
    def _open(self) -> Iterator[Submit]:
        pool = self._pool
        assert pool is not None  # only a pickled copy has none
        yield lambda rank: pool.submit(run_rank, self, rank)


class RayRanks(Ranks, RayPipelineExecutor):  # type: ignore[misc]
    """Ranks as Ray tasks, on the machines of its cluster."""

    @contextmanager
    def _open(self) -> Iterator[Submit]:
        import ray

        task = ray.remote(run_rank).options(num_cpus=self.cpus_per_task, max_retries=0)
        executor = ray.put(self)
        yield lambda rank: task.remote(executor, rank).future()


def run_rank(executor: Any, rank: int) -> Failure | None:
    """Run a rank as datatrove does, in the current process; return None on success."""
    try:
        super(Ranks, executor)._run_for_rank(rank, local_rank=1)
    except NewsParallaxError as error:
        return Failure(str(error), final=True)
    except Exception as error:  # any error is reported with the rank, and the rank is retried
        if full := refusal(error):
            return Failure(str(NewsParallaxError(full, place=executor._what, hint=ROOM)), final=True)
        return Failure(f"{type(error).__name__}: {error}")
    return None


@contextmanager
def ray_cluster(workers: int) -> Iterator[None]:
    """Connect to the Ray cluster of RAY_ADDRESS; without it, run Ray on this machine for the duration of the block."""
    import ray

    if ray.is_initialized():
        yield
        return
    address = os.environ.get("RAY_ADDRESS", "")
    options: dict[str, Any] = {}
    if not address:  # without "local", Ray would join any cluster on this machine
        options = {"address": "local", "num_cpus": workers, "_node_ip_address": "127.0.0.1"}
        options["object_store_memory"] = OBJECT_STORE
    try:
        _knock(address)
        # Ray sends usage statistics by default. No argument disables them, and its processes inherit the variable.
        with variables({USAGE: os.environ.get(USAGE, "0")}):
            ray.init(include_dashboard=False, log_to_driver=False, logging_level=logging.ERROR, **options)
    except (ConnectionError, RuntimeError, ValueError, OSError) as error:
        message = f"Ray cannot be reached{f' at {address}' if address else ''}: {error}"
        raise NewsParallaxError(
            message, hint="set RAY_ADDRESS to the address of the cluster; without it, Ray runs on this machine"
        ) from None
    try:
        yield
    finally:
        ray.shutdown()


def _knock(address: str) -> None:
    """Raise OSError where nothing answers at host:port; Ray would wait for minutes."""
    host, _, port = address.rpartition("://")[2].rpartition(":")
    if host and port.isdigit():
        socket.create_connection((host, int(port)), timeout=10).close()


@contextmanager
def logged(folder: Path | None) -> Iterator[None]:
    """Send datatrove's messages in this process to a file in the folder instead of stderr; None discards them."""
    logger.remove()
    if folder:
        folder.mkdir(parents=True, exist_ok=True)

        def write(message: str) -> None:
            with suppress(OSError), (folder / "driver.log").open("a", encoding="utf-8") as log:  # the disk may be full
                log.write(message)

        logger.add(write)
    try:
        yield
    finally:
        setup_default_logger()


def _end_with(driver: int) -> None:
    """End this process when its parent process changes, which means that the driver was killed."""
    while os.getppid() == driver:
        time.sleep(1)
    os._exit(1)


def _answer(future: Future[Failure | None]) -> Failure | None:
    try:
        return future.result()
    except Exception as error:  # Ray has its own errors for a process that died
        return Failure(f"its process ended unexpectedly ({type(error).__name__}); check whether memory ran out")


def _begin_worker(driver: int) -> None:
    """Set up a worker process: it ends with its driver, and datatrove's messages go to log files, not to the terminal.

    Ctrl-C ends the worker at once and without a message. The next run completes its rank.
    """
    if signal.getsignal(signal.SIGINT) is not signal.SIG_IGN:  # ignored under nohup
        signal.signal(signal.SIGINT, signal.SIG_DFL)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT})
    threading.Thread(target=_end_with, args=(driver,), daemon=True).start()
    logger.remove()
    sys.stderr = open(os.devnull, "w")  # noqa: SIM115, PTH123 - as long as the process lives


MAX_JOBS = 1000  # per array, which many clusters limit to 1001
TIME = "24:00:00"  # SBATCH_TIMELIMIT overrides it
MEMORY_GB = 2  # per task; SBATCH_MEM_PER_CPU overrides it
RESULT = "merged.pickle"
SUBMIT = "submit.sh"


@dataclass(frozen=True)
class Merge:
    """The last stage as a separate job; it stores its result for the driver in the work folder."""

    work: str
    out: str

    def __call__(self, data: Any, rank: int, world_size: int) -> None:
        """Run the merge."""
        work = Store(self.work)
        work.put_object(RESULT, merge(open_corpus(load(self.work).root), work, Store(self.out)))


class SlurmRanks(SlurmPipelineExecutor):  # type: ignore[misc]  # datatrove has no types
    """datatrove's executor for array jobs; this class writes the script and does not submit it."""

    def write(self, folder: Path) -> Path | None:
        """Write the data that the jobs load, and their script into `folder`; return None if all ranks are complete."""
        ranks = self.get_incomplete_ranks()
        if not ranks:
            return None
        with self.logging_dir.open("ranks_to_run.json", "w") as handle:
            json.dump(ranks, handle)
        with self.logging_dir.open("executor.pik", "wb") as handle:
            dill.dump(self, handle)
        run = [sys.executable, "-m", "datatrove.tools.launch_pickled_pipeline"]
        command = shlex.join(["srun", "-l", "-n", "1", *run, self.logging_dir.resolve_paths("executor.pik")])
        options = dict(self.get_sbatch_args(-(-len(ranks) // self.tasks_per_job)))
        del options["partition"]
        options["output"] = options["error"] = shlex.quote(options["output"])
        script = folder / f"{self.job_name}.slurm"
        script.write_text(self.get_launch_file_contents(options, command), encoding="utf-8")
        return script

    def get_distributed_env(self, node_rank: int = -1) -> dict[str, str]:
        """Return the variables that datatrove sets for its ranks. Ours need none, so Slurm is not queried."""
        names = ("node_ips", "cpus_per_task", "mem_per_cpu", "gpus_on_node")
        return {"datatrove_executor": "SLURM"} | {f"datatrove_{name}": "" for name in names}


def run_slurm(stages: list[tuple[str, Any, int]], work: Store, out: Store, workers: int) -> Merged:
    """Write the scripts of all stages, submit them, and wait for the last; return the result of the merge.

    Raises NewsParallaxError where there is no `sbatch` (the scripts exist and can be submitted elsewhere), and where a
    job fails.
    """
    folder = work.local / "slurm" if work.local else Path.cwd() / f".newsparallax-slurm-{work.root.rpartition('/')[2]}"
    folder.mkdir(parents=True, exist_ok=True)
    scripts = []
    for name, step, ranks in [*stages, ("merge", Merge(work.url, out.url), 1)]:
        executor = SlurmRanks(
            [step],
            tasks=ranks,
            time=TIME,
            partition="",
            qos="",
            job_name=name,
            workers=workers,
            mem_per_cpu_gb=MEMORY_GB,
            tasks_per_job=-(-ranks // MAX_JOBS),
            logging_dir=f"{work.url}/logs/{name}",
            slurm_logs_folder=str(folder / "logs"),
            skip_completed=name != "merge",
        )
        scripts.append(executor.write(folder))
    submit = folder / SUBMIT
    submit.write_text("".join(_lines([script for script in scripts if script])), encoding="utf-8")
    command = shlex.join(["bash", str(submit)])
    if shutil.which("sbatch") is None:
        hint = f"the job scripts are written; submit them on a machine of the cluster with: {command}"
        raise NewsParallaxError("this machine has no sbatch, so nothing was converted", hint=hint)
    done = subprocess.run(["bash", submit], capture_output=True, text=True, check=False)
    if done.returncode:
        last = (done.stderr.strip() or done.stdout.strip() or f"exit code {done.returncode}").splitlines()[-1]
        hint = f"the jobs' logs are in {folder / 'logs'}; run the same command again to continue with the missing parts"
        raise NewsParallaxError(f"a Slurm job failed: {last}", hint=hint)
    merged: Merged = work.get_object(RESULT)
    return merged


def _lines(scripts: list[Path]) -> Iterator[str]:
    """Yield a shell script that submits each job to start after the previous one, and waits for the last."""
    yield "#!/bin/bash\n# Submits all stages, each after the one before, and waits for the last.\nset -e\n"
    for number, script in enumerate(scripts):
        after = '--dependency="afterok:${job%%;*}" --kill-on-invalid-dep=yes ' if number else ""
        wait = "--wait " if number == len(scripts) - 1 else ""
        yield f"job=$(sbatch --parsable {wait}{after}{shlex.quote(str(script))})\n"
