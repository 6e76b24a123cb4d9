"""A short benchmark that shows a change of 5 %: `make bench-quick`, or `python benchmarks/quick.py [--update]`.

It builds a generated export with one worker in this process, and times each stage. Runs of the build and of the floor
(see convert.py) take turns, and each stage is given as a ratio to the floor: the shortest run to the shortest, because
the speed of a machine changes with what else it does, and the median run to the median. Times are processor time of
all threads. The figures are compared with those in quick.json, which `--update` replaces. Exit code 1: a stage is
slower by more than 5 % and by more than the spread. The spread is the difference between the two ratios, now or then.
"""

from __future__ import annotations

import argparse
import gc
import json
import os
import platform
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from statistics import median
from typing import Any

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE))

from others import floor  # noqa: E402
from where import Stopwatch, convert, watching  # noqa: E402

from exports import write_corpus  # noqa: E402

FIGURES = HERE / "quick.json"
TASKS, PAIRS = 1000, 9
FLOORS = 3  # runs of the floor before each build; the shortest counts
SLOWER = 0.05  # a share of the time
SMALL = 0.01  # a share of the whole build; stages below are printed, but not compared
FLOOR = "floor"
START = "start of the program"
REST = "everything else"
TOTAL = "the whole build"


def main(given: list[str] | None = None) -> int:
    """Measure, print, compare; or replace the figures."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tasks", type=int, default=TASKS)
    parser.add_argument("--pairs", type=int, default=PAIRS, help="runs of the build, and of the floor before each")
    parser.add_argument("--figures", type=Path, default=FIGURES, help="the file to compare with")
    parser.add_argument("--update", action="store_true", help="write the file instead")
    options = parser.parse_args(given)
    before = {} if options.update else json.loads(options.figures.read_bytes())
    if before and before["tasks"] != options.tasks:
        sys.exit(f"{options.figures} is of {before['tasks']} tasks, not of {options.tasks}")
    now = measure(options.tasks, options.pairs)
    if options.update:
        options.figures.write_text(json.dumps(now, indent=1) + "\n", encoding="utf-8")
        print(*table(now["stages"], {}), sep="\n")
        return 0
    print(*table(now["stages"], before["stages"]), "", *facts(before, now), sep="\n")
    found = slower(before["stages"], now["stages"])
    print(*(found or [f"no stage is slower by more than {SLOWER:.0%}"]), sep="\n")
    return 1 if found else 0


def measure(tasks: int, pairs: int) -> dict[str, Any]:
    """Run everything; the date, what the machine is, and the figures of each stage."""
    seconds: defaultdict[str, list[float]] = defaultdict(list)
    with tempfile.TemporaryDirectory(prefix="bench-quick-") as folder:
        corpus = Path(folder) / "corpus"
        (export,) = write_corpus(corpus, tasks)
        convert(corpus)  # imports, and what is cached once, do not count
        for _ in range(pairs):
            base = min(processor_time(lambda: floor(export)) for _ in range(FLOORS))
            for stage, took in ({FLOOR: base, START: starting()} | build(corpus)).items():
                seconds[stage].append(took)
    stages = {
        stage: {
            "seconds": round(min(took), 4),
            "minimum": round(min(took) / min(seconds[FLOOR]), 3),
            "median": round(median(took) / median(seconds[FLOOR]), 3),
        }
        for stage, took in seconds.items()
    }
    return {"date": datetime.now(UTC).date().isoformat(), "tasks": tasks, "machine": machine(), "stages": stages}


def processor_time(run: Callable[[], object]) -> float:
    gc.collect()
    begun = time.process_time()
    run()
    return time.process_time() - begun


def starting() -> float:
    """Processor time of a command that does nothing."""
    before = os.times()
    subprocess.run([sys.executable, "-m", "newsparallax", "build", "--help"], check=True, stdout=subprocess.DEVNULL)
    after = os.times()
    return after.children_user + after.children_system - before.children_user - before.children_system


def build(corpus: Path) -> dict[str, float]:
    """Processor time of each stage of a build, of the rest, and of the whole."""
    watch = Stopwatch(time.process_time)
    with watching(watch):
        total = processor_time(lambda: convert(corpus))
    return {**watch.seconds, REST: total - sum(watch.seconds.values()), TOTAL: total}


def machine() -> dict[str, Any]:
    """What the figures depend on; nothing that names the machine."""
    model = platform.machine()
    with suppress(OSError):
        lines = Path("/proc/cpuinfo").read_text().splitlines()
        model = next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), model)
    packages = {name: version(name) for name in ("datasets", "msgspec", "numpy", "pyarrow")}
    return {"processor": model, "cores": os.cpu_count(), "python": platform.python_version(), **packages}


Figures = dict[str, dict[str, float]]


def table(now: Figures, before: Figures) -> list[str]:
    """The stages as Markdown, the longest first; with the change of the minimum where there is one to compare with."""
    lines = ["| stage | s | x floor | median | then | change |", "|---|---:|---:|---:|---:|---:|"]
    for stage, found in sorted(now.items(), key=lambda entry: -entry[1]["minimum"]):
        then = before.get(stage)
        change = f"{then['minimum']:.2f} | {found['minimum'] / then['minimum'] - 1:+.1%}" if then else " | "
        lines.append(
            f"| {stage} | {found['seconds']:.3f} | {found['minimum']:.2f} | {found['median']:.2f} | {change} |"
        )
    return lines


def facts(before: dict[str, Any], now: dict[str, Any]) -> list[str]:
    """What is another machine or library than that of the committed figures."""
    pairs = ((name, before["machine"].get(name), found) for name, found in now["machine"].items())
    other = [f"{name}: {then} then, {found} now" for name, then, found in pairs if then != found]
    return [f"compared with figures of {before['date']}", *other, ""]


def slower(before: Figures, now: Figures) -> list[str]:
    """A line for each stage that is slower by more than SLOWER and by more than the spread of its runs."""
    lines = []
    for stage, then in before.items():
        found = now.get(stage)
        if found is None:
            lines.append(f"{stage}: has no figures now; renew them with --update")
            continue
        more = found["minimum"] - then["minimum"]
        spread = max(abs(run["median"] - run["minimum"]) for run in (then, found))
        small = then["minimum"] < SMALL * before[TOTAL]["minimum"]
        if more > SLOWER * then["minimum"] and more > spread and not small:
            lines.append(
                f"{stage}: slower by {more / then['minimum']:.1%}: {found['minimum']:.2f} times the floor, "
                f"{then['minimum']:.2f} before (spread {spread:.2f})"
            )
    return lines


if __name__ == "__main__":
    os.environ.setdefault("HF_HUB_OFFLINE", "1")
    sys.exit(main())
