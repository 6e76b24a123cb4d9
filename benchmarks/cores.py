"""What more processors would give: `python benchmarks/cores.py [--tasks 16000]`.

One export is built with one and with two workers. Each run is divided in three: *before* the first article is converted
(start, imports, finding the tasks), *conversion*, and *after* it (card, manifest, reading back). Only the conversion is
divided among processors. The main process takes part in it: it takes over the tables and writes them. The time on n
processors is therefore

    before + after + max((CPU of the workers + CPU of the main process) / n, CPU of its main thread)

with the figures of the run with two workers: the other threads of the main process write files and can run beside the
main thread. The run with two workers shows how far this is from what is measured.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE))

from exports import write_corpus  # noqa: E402

PROCESSORS = (1, 2, 4, 8, 16, 32)
Run = dict[str, float]


def cpu(who: int) -> float:
    used = resource.getrusage(who)
    return used.ru_utime + used.ru_stime


def build(corpus: str, out: str, workers: int, begun: float) -> None:
    """Build in this process, which began at `begun` (of `time.perf_counter`, the same clock in all processes)."""
    from newsparallax.building import run
    from newsparallax.building import workers as engine
    from newsparallax.corpus import open_corpus

    marks: dict[str, tuple[float, float, float]] = {}

    def marking(name: str, function: Any) -> Any:
        def marked(*given: Any, **named: Any) -> Any:
            result = function(*given, **named)
            marks[name] = time.perf_counter(), cpu(resource.RUSAGE_SELF), time.thread_time()
            return result

        return marked

    engine.index_tasks = marking("found", engine.index_tasks)
    run.DatasetWriter.close = marking("written", run.DatasetWriter.close)
    run.build(open_corpus(Path(corpus)), Path(out), workers)
    end = time.perf_counter()
    (found, main_before, thread_before), (written, main_after, thread_after) = marks["found"], marks["written"]
    print(
        json.dumps(
            {
                "all": end - begun,
                "before": found - begun,
                "conversion": written - found,
                "after": end - written,
                "main": main_after - main_before,
                "thread": thread_after - thread_before,
                "workers": cpu(resource.RUSAGE_CHILDREN),
            }
        )
    )


def measured(corpus: Path, workers: int) -> Run:
    """Seconds of a build, in a process of its own."""
    with tempfile.TemporaryDirectory() as out:
        begun = time.perf_counter()
        command = [sys.executable, __file__, "--run", str(corpus), f"{out}/dataset", str(workers), str(begun)]
        env = os.environ | {"HF_HUB_OFFLINE": "1", "HF_HOME": f"{out}/hf"}
        ran = subprocess.run(command, check=True, stdout=subprocess.PIPE, env=env)
    run: Run = json.loads(ran.stdout)
    return run


def predicted(run: Run, processors: int) -> float:
    """Seconds on so many processors, with as many workers."""
    return run["before"] + run["after"] + max((run["workers"] + run["main"]) / processors, run["thread"])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tasks", type=int, default=16_000)
    parser.add_argument("--run", nargs=4, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.run:
        corpus, out, workers, begun = options.run
        build(corpus, out, int(workers), float(begun))
        return
    with tempfile.TemporaryDirectory(prefix="bench-cores-") as folder:
        corpus = Path(folder) / "corpus"
        write_corpus(corpus, options.tasks)
        one, two = measured(corpus, 1), measured(corpus, 2)
    print("| workers | all, s | before | conversion | after | CPU: main process | its main thread | workers |")
    print("|---:|---:|---:|---:|---:|---:|---:|---:|")
    for workers, run in ((1, one), (2, two)):
        print(
            f"| {workers} | {run['all']:.1f} | {run['before']:.1f} | {run['conversion']:.1f} | {run['after']:.1f} |"
            f" {run['main']:.1f} | {run['thread']:.1f} | {run['workers']:.1f} |"
        )
    print("\n| processors | predicted, s | to one worker | measured, s |\n|---:|---:|---:|---:|")
    for number in PROCESSORS:
        seconds = predicted(two, number)
        seen = {1: f"{one['all']:.1f}", 2: f"{two['all']:.1f}"}.get(number, "")
        print(f"| {number} | {seconds:.1f} | {one['all'] / seconds:.1f} | {seen} |")


if __name__ == "__main__":
    main()
