"""Slurm: one array job a stage, each after the one before, and the merge as the last job.

The scripts are written before anything is submitted, so that they can be read, and submitted by hand from a login node.
The cluster's own settings (partition, time limit, account) come from Slurm's variables, SBATCH_PARTITION and the like,
which stand above what a script says.
"""

from __future__ import annotations

import json
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import dill
from datatrove.executor import SlurmPipelineExecutor

from ...core.errors import NewsParallaxError
from ..folder import open_corpus
from .job import load
from .merge import Merged, merge
from .store import Store

MOST_JOBS = 1000  # in an array, which many clusters limit to 1001
TIME = "24:00:00"  # SBATCH_TIMELIMIT says otherwise
MEMORY_GB = 2  # a task; SBATCH_MEM_PER_CPU says otherwise
RESULT = "merged.pickle"
SUBMIT = "submit.sh"


@dataclass(frozen=True)
class Merge:
    """The last stage, as a job of its own; leaves what the driver shows in the work folder."""

    work: str
    out: str

    def __call__(self, data: Any, rank: int, world_size: int) -> None:
        """Run it."""
        work = Store(self.work)
        work.put_object(RESULT, merge(open_corpus(load(self.work).root), work, Store(self.out)))


class SlurmRanks(SlurmPipelineExecutor):  # type: ignore[misc]  # datatrove has no types
    """datatrove's executor, which runs ranks as jobs of an array; its script is written and not yet submitted."""

    def write(self, folder: Path) -> Path | None:
        """Write what the jobs load, and their script into `folder`; None if all ranks are complete."""
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
        """What datatrove tells its ranks of each other; ours need nothing, so Slurm is not asked."""
        names = ("node_ips", "cpus_per_task", "mem_per_cpu", "gpus_on_node")
        return {"datatrove_executor": "SLURM"} | {f"datatrove_{name}": "" for name in names}


def run_slurm(stages: list[tuple[str, Any, int]], work: Store, out: Store, workers: int) -> Merged:
    """Write the scripts of all stages, submit them, wait for the last; what the merge has found.

    Raises NewsParallaxError where there is no `sbatch` (the scripts are there, to be submitted elsewhere), and where a
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
            tasks_per_job=-(-ranks // MOST_JOBS),
            logging_dir=f"{work.url}/logs/{name}",
            slurm_logs_folder=str(folder / "logs"),
            skip_completed=name != "merge",
        )
        scripts.append(executor.write(folder))
    submit = folder / SUBMIT
    submit.write_text("".join(_lines([script for script in scripts if script])), encoding="utf-8")
    command = shlex.join(["bash", str(submit)])
    if shutil.which("sbatch") is None:
        hint = f"the jobs are written; on a machine of the cluster submit them with: {command}"
        raise NewsParallaxError("there is no sbatch on this machine, so nothing was converted", hint=hint)
    done = subprocess.run(["bash", submit], capture_output=True, text=True, check=False)
    if done.returncode:
        last = (done.stderr.strip() or done.stdout.strip() or f"exit code {done.returncode}").splitlines()[-1]
        hint = f"the jobs' logs are in {folder / 'logs'}; the same command goes on with what is missing"
        raise NewsParallaxError(f"a job of Slurm failed: {last}", hint=hint)
    merged: Merged = work.get_object(RESULT)
    return merged


def _lines(scripts: list[Path]) -> Iterator[str]:
    """A shell script that submits each job after the one before, and waits for the last."""
    yield "#!/bin/bash\n# Submits all stages, each after the one before, and waits for the last.\nset -e\n"
    for number, script in enumerate(scripts):
        after = '--dependency="afterok:${job%%;*}" --kill-on-invalid-dep=yes ' if number else ""
        wait = "--wait " if number == len(scripts) - 1 else ""
        yield f"job=$(sbatch --parsable {wait}{after}{shlex.quote(str(script))})\n"
