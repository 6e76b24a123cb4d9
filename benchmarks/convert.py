"""Conversion beside what it is compared with: `make bench`, or `python benchmarks/convert.py --sizes 1000 4000`.

Exports are generated (exports.py), then each contestant runs on the same file in a process of its own, in turns; of
small sizes the best of three runs counts. All are measured alike, from the start of the process to its end, with the
file in the page cache. Memory is what belongs to the processes alone (measured.py). One table in Markdown goes to
stdout, what is being done to stderr, and every single run to `--json FILE`. `--profile` tells instead where the time of
one worker goes (where.py).
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE))

from exports import write_corpus  # noqa: E402

BUILD = HERE.parent / "scripts/build.py"
SIZES = (1000, 4000, 16000, 64000)
REPEATED = 4000  # tasks up to which a run is repeated
LIMIT = 16000  # tasks up to which the others run: they take minutes, or more memory than a small machine has
FLOOR = "floor"
OURS = ("ours, 1 worker, without tokens", "ours, default, without tokens", "ours, 1 worker", "ours, default")
OTHERS = {"hugging-face": "json.load + datasets", "conll": "SDK, CoNLL", "json-min": "SDK, JSON_MIN"}
Run = dict[str, Any]


@dataclass
class Export:
    """A generated corpus: its folder, the number of its tasks, and the size of its export in bytes."""

    folder: Path
    tasks: int
    size: int
    runs: dict[str, list[Run]] = field(default_factory=dict)

    def best(self, name: str) -> Run | None:
        """The fastest run that ended well."""
        good = [run for run in self.runs.get(name, []) if run["code"] == 0]
        return min(good, key=lambda run: run["wall"], default=None)


def contestants(corpus: Path, out: Path) -> dict[str, list[str]]:
    """Every contestant's command; the floor is first, so that a table has its ratio."""
    export = str(corpus / "annotations/exports/part-00000.json")
    other = [str(HERE / "others.py")]
    commands = {FLOOR: [*other, "floor", export]}
    for name in OURS:
        folder = without_tokens(corpus) if "without" in name else corpus
        options = ["--corpus", str(folder), "--out", str(out / "dataset"), "--lenient"]
        options += ["--workers", "1"] if "1 worker" in name else []
        commands[name] = [str(BUILD), *options]
    return commands | {name: [*other, key, export, str(out / key)] for key, name in OTHERS.items()}


def without_tokens(corpus: Path) -> Path:
    """The same corpus with a codebook that leaves the config `tokens` out; made where it is not there yet."""
    folder = corpus.with_name(f"{corpus.name}-without-tokens")
    if not folder.exists():
        shutil.copytree(corpus, folder, copy_function=os.link)
        codebook = folder / "annotations/codebook.toml"
        text = codebook.read_text(encoding="utf-8")
        codebook.unlink()  # the link, not the file of the other corpus
        codebook.write_text(f"{text}\n[tokens]\ninclude = false\n", encoding="utf-8")
    return folder


def measured(command: list[str], out: Path, seconds: float) -> Run:
    """Run a command; what it took. Its output is looked at and removed."""
    out.mkdir()
    result = out / "measured.json"
    env = os.environ | {"HF_HOME": str(out / "hf"), "HF_HUB_OFFLINE": "1", "NO_COLOR": "1"}
    try:
        launch = [sys.executable, "-S", str(HERE / "measured.py"), str(result), str(seconds), sys.executable]
        subprocess.run([*launch, *command], env=env, check=True)
        run: Run = json.loads(result.read_bytes())
        run["output"] = sum(path.stat().st_size for path in out.rglob("*") if path.is_file() and path != result)
        manifest = out / "dataset/manifest.json"
        if manifest.is_file():
            told = json.loads(manifest.read_bytes())
            run |= {key: told[key] for key in ("counts", "content_digest")}
        return run
    finally:
        shutil.rmtree(out)


def bench(work: Path, sizes: list[int], options: argparse.Namespace) -> Iterator[Export]:
    """Generate and measure size by size."""
    for tasks in sizes:
        folder = work / f"corpus-{tasks}"
        say(f"{tasks:,} tasks: generating")
        (path,) = write_corpus(folder, tasks, seed=options.seed)
        export = Export(folder, tasks, path.stat().st_size)
        for turn in range(options.repeat if tasks <= REPEATED else 1):
            for name, command in contestants(folder, work / "out").items():
                if name in OTHERS.values() and tasks > options.limit:
                    continue
                if any(run["code"] for run in export.runs.get(name, [])):
                    continue
                begun = time.perf_counter()
                run = measured(command, work / "out", options.timeout)
                export.runs.setdefault(name, []).append(run | {"turn": turn})
                failed = "" if run["code"] == 0 else f", exit code {run['code']}: {run['stderr'].strip()[-300:]}"
                say(f"{tasks:,} tasks: {name}: {time.perf_counter() - begun:.1f} s{failed}")
        shutil.rmtree(folder)
        shutil.rmtree(without_tokens(folder))
        same_content(export)
        yield export


def same_content(export: Export) -> None:
    """Any number of workers must have made the same dataset, or the figures mean nothing."""
    for tokens in ("without", ""):
        runs = [run for name in OURS if ("without" in name) == bool(tokens) for run in export.runs[name]]
        if len({run["content_digest"] for run in runs if run["code"] == 0}) > 1:
            sys.exit(f"{export.tasks} tasks: the content digest depends on the number of workers")


def say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def table(exports: list[Export], options: argparse.Namespace) -> Iterator[str]:
    """All figures, best runs, as Markdown.

    `growth` is the time of a task over that at the size before, `µs/further task` the time of each task more than
    there, in which starting does not count.
    """
    columns = ("s", "CPU s", "MB/s", "µs/task", "x floor", "growth", "µs/further task", "peak MB", "largest process")
    yield f"| tasks (MB) | | {' | '.join(columns)} |"
    yield f"|---:|---|{'---:|' * len(columns)}"
    before: dict[str, tuple[int, float]] = {}
    for export in exports:
        floor = export.best(FLOOR)
        size = export.size / 1e6
        for name in (FLOOR, *OURS, *OTHERS.values()):
            head = f"| {export.tasks:,} ({size:,.0f}) | {name} |"
            run = export.best(name)
            if run is None:
                yield f"{head} {why_not(export, name, options)} | | | | | | | | |"
                continue
            each = run["wall"] / export.tasks * 1e6
            ratio = f"{run['wall'] / floor['wall']:.1f}" if floor else ""
            grown = further = ""
            if name in before:
                tasks, seconds = before[name]
                grown = f"{each / (seconds / tasks * 1e6):.2f}"
                further = f"{(run['wall'] - seconds) / (export.tasks - tasks) * 1e6:,.0f}"
            before[name] = export.tasks, run["wall"]
            yield (
                f"{head} {run['wall']:.2f} | {run['cpu']:.2f} | {size / run['wall']:.1f} | {each:,.0f} | {ratio} |"
                f" {grown} | {further} | {run['peak']:,.0f} | {run['peak_process']:,.0f} |"
            )


def why_not(export: Export, name: str, options: argparse.Namespace) -> str:
    if name not in export.runs:
        return f"not run: above the limit of {options.limit:,} tasks"
    code = export.runs[name][-1]["code"]
    return f"stopped after {options.timeout:,.0f} s" if code == -9 else f"failed with exit code {code}"


def verdicts(exports: list[Export]) -> Iterator[str]:
    """The targets of the design, at the largest size that both sides of a ratio ran at."""
    plain, _, one, default = OURS
    naive, conll = OTHERS["hugging-face"], OTHERS["conll"]

    def ratio(over: str, under: str) -> str:
        for export in reversed(exports):
            a, b = export.best(over), export.best(under)
            if a and b:
                return f"{a['wall'] / b['wall']:.2f} (at {export.tasks:,} tasks)"
        return "not measured"

    yield f"- the default command to {naive}: {ratio(default, naive)}, at most 0.4"
    yield f"- the default command to {conll}: {ratio(default, conll)}, at most 0.2"
    yield f"- the default command to the floor: {ratio(default, FLOOR)}, at most 6.5"
    yield f"- one worker to all cores: {ratio(one, default)}, at least 1.8"
    yield f"- one worker to the same without tokens: {ratio(one, plain)}, at most 1.15"
    peaks = [f"{run['peak']:,.0f}" for export in exports if (run := export.best(default))]
    yield f"- peak MB of all processes, by size: {', '.join(peaks)}, under 450"
    times = {export.tasks: run["wall"] / export.tasks for export in exports if (run := export.best(default))}
    if {4000, 64000} <= times.keys():
        yield f"- time a task at 64,000 tasks to that at 4,000: {times[64000] / times[4000]:.2f}, at most 1.1"


def arguments() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sizes", type=int, nargs="+", default=list(SIZES), help="tasks")
    parser.add_argument("--limit", type=int, default=LIMIT, help="tasks up to which the others run")
    parser.add_argument("--timeout", type=float, default=3600, help="seconds a run may take")
    parser.add_argument("--repeat", type=int, default=3, help=f"runs up to {REPEATED} tasks")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--json", type=Path, help="a file for every single run")
    parser.add_argument("--work", type=Path, help="where temporary data go (about 3 GB at 64,000 tasks)")
    parser.add_argument("--profile", action="store_true", help="tell where the time of one worker goes")
    parser.add_argument("--tokens", action="store_true", help="profile with the tokens config")
    return parser


def main(given: list[str] | None = None) -> None:
    """Measure, or profile."""
    options = arguments().parse_args(given)
    with tempfile.TemporaryDirectory(dir=options.work, prefix="bench-") as folder:
        work = Path(folder)
        if options.profile:
            write_corpus(work / "corpus", min(options.sizes), seed=options.seed)
            tokens = ["--tokens"] if options.tokens else []
            subprocess.run([sys.executable, HERE / "where.py", work / "corpus", *tokens], check=True)
            return
        begun = time.perf_counter()
        say(f"{' '.join(f'{size:,}' for size in options.sizes)} tasks; the standard sizes take about half an hour")
        exports = list(bench(work, sorted(options.sizes), options))
    where = f"{platform.python_implementation()} {platform.python_version()}, {os.cpu_count()} cores"
    took = time.perf_counter() - begun
    if options.json:
        runs = [{"tasks": export.tasks, "bytes": export.size, "runs": export.runs} for export in exports]
        options.json.write_text(json.dumps({"where": where, "seconds": took, "exports": runs}, indent=1))
    print(*table(exports, options), "", *verdicts(exports), "", sep="\n")
    print(f"{where}; all of it took {took / 60:.0f} minutes.")


if __name__ == "__main__":
    main()
