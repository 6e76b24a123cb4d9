"""scripts/scale.py over many articles: `python benchmarks/scale.py --articles 1000000 --workers 2`.

Shards of `benchmarks/exports.py`'s tasks, JSON packed with zstd, are written first. Of `--distinct` tasks, copies are
taken with ids of their own, so texts repeat. Told are the time of each stage, the peak memory of the driver and of the
largest worker (RssAnon and RssShmem, sampled), and how large input, work folder and output are. `--json FILE` has all.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import zstandard
from measured import MB, own_bytes, tree

import exports

ROOT = Path(__file__).parents[1]
STAGES = ("distribute", "index", "gather", "gather-index", "convert", "combine", "total", "pack", "merge")
EVERY = 0.1  # seconds between two samples of memory
EVERY_DISK = 10.0  # and of the work folder's size


def write_shards(folder: Path, articles: int, distinct: int, shards: int) -> int:
    """Write the shards; how many bytes of JSON they hold."""
    (folder / "shards").mkdir()
    exports.write_corpus(folder / "corpus", 0)
    maker = exports.exporter()
    made = [json.dumps(maker.task(number), ensure_ascii=False) for number in range(min(distinct, articles))]
    total = 0
    for shard in range(shards):
        with (
            (folder / f"shards/part-{shard:05d}.json.zst").open("wb") as file,
            zstandard.ZstdCompressor(1).stream_writer(file) as sink,
        ):
            for place, number in enumerate(range(articles * shard // shards, articles * (shard + 1) // shards)):
                task = renumbered(made[number % len(made)], number).encode()
                sink.write(b", " if place else b"[")
                sink.write(task)
                total += len(task) + 2
            sink.write(b"]")
    return total


def renumbered(task: str, number: int) -> str:
    """A task as JSON with ids of its own."""
    task = re.sub(r'"id": \d+', f'"id": {number + 1}', task, count=1)
    task = re.sub(r'"article_id": "(\w+)-\d+"', rf'"article_id": "\g<1>-{number:08d}"', task, count=1)
    return re.sub(r'"event": "event-\d+"', f'"event": "event-{number // 3:08d}"', task, count=1)


def size_of(folder: Path) -> int:
    """Bytes of all files below a folder, those that vanish meanwhile left out."""
    total = 0
    for place, _, names in os.walk(folder):
        for name in names:
            try:
                total += (Path(place) / name).lstat().st_size
            except OSError:
                continue
    return total


def cpu_seconds(pid: int) -> float:
    """User and system time of a living process, without the processes that it started."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return 0.0
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def watch(process: subprocess.Popen, folder: Path) -> dict:
    """Wait for the run; seconds and CPU seconds of each stage, and peaks (MB)."""
    begun, found, disk = time.perf_counter(), {}, 0.0
    cpu: dict[int, float] = {}  # of every process, when it was last seen
    cpu_before: dict[str, float] = {}
    largest: dict[str, int] = {}  # bytes of the largest worker in each stage
    peaks = {"driver": 0, "worker": 0, "all": 0, "work": 0}
    while process.poll() is None:
        now = time.perf_counter() - begun
        sizes = {pid: own_bytes(pid) for pid in tree(process.pid)}
        driver = sizes.pop(process.pid, 0)
        peaks["driver"] = max(peaks["driver"], driver)
        peaks["worker"] = max(peaks["worker"], *sizes.values(), 0)
        peaks["all"] = max(peaks["all"], driver + sum(sizes.values()))
        cpu |= {pid: used for pid in (process.pid, *sizes) if (used := cpu_seconds(pid))}
        for stage in STAGES:
            place = ".out.partial-*" if stage == "merge" else f".out.work/*/logs/{stage}"
            if stage not in found and list(folder.glob(place)):
                found[stage] = now
                cpu_before[stage] = sum(cpu.values())
        if found:
            stage = next(reversed(found))
            largest[stage] = max(largest.get(stage, 0), *sizes.values(), 0)
        if now > disk:
            peaks["work"] = max(peaks["work"], *(size_of(place) for place in folder.glob(".out.*")), 0)
            disk = time.perf_counter() - begun + EVERY_DISK
        time.sleep(EVERY)
    ends = [*list(found.values())[1:], time.perf_counter() - begun]
    stages = {stage: end - start for (stage, start), end in zip(found.items(), ends, strict=True)}
    used = [*list(cpu_before.values())[1:], sum(cpu.values())]
    cpus = {stage: end - start for (stage, start), end in zip(cpu_before.items(), used, strict=True)}
    return {
        "wall": ends[-1],
        "stages": stages,
        "cpu": cpus,
        "largest": {stage: size / MB for stage, size in largest.items()},
    } | {f"peak_{name}": size / MB for name, size in peaks.items()}


def run(folder: Path, workers: int, parts: int | None, executor: str) -> dict:
    """Convert the shards; what it took, and what came out."""
    command = [sys.executable, ROOT / "scripts/scale.py", "--corpus", folder / "corpus", "--out", folder / "out"]
    command += ["--input", f"{folder}/shards/*", "--executor", executor, "--workers", str(workers)]
    command += ["--tasks", str(parts)] if parts else []
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
        process = subprocess.Popen(command, stdout=out, stderr=err)
        found = watch(process, folder)
        err.seek(0)
        if process.returncode not in (0, 1):
            raise SystemExit(err.read().decode())
    manifest = json.loads((folder / "out/manifest.json").read_bytes())
    found["output"] = size_of(folder / "out")
    found["files"] = len(manifest["files"])
    return found | {"counts": manifest["counts"], "digest": manifest["content_digest"]}


def main() -> None:
    """Write, convert, tell."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--articles", type=int, default=20_000)
    parser.add_argument("--distinct", type=int, default=4_000)
    parser.add_argument("--shards", type=int, default=64)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--parts", type=int)
    parser.add_argument("--executor", default="local", choices=("local", "ray"))
    parser.add_argument("--folder", type=Path, help="where to work; it is removed (default: a temporary one)")
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    folder = options.folder or Path(tempfile.mkdtemp())
    folder.mkdir(parents=True, exist_ok=True)
    try:
        begun = time.perf_counter()
        size = write_shards(folder, options.articles, options.distinct, options.shards)
        packed = size_of(folder / "shards")
        written = time.perf_counter() - begun
        found = run(folder, options.workers, options.parts, options.executor)
        found |= {"articles": options.articles, "workers": options.workers, "input": size, "packed": packed}
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    if options.json:
        options.json.write_text(json.dumps(found, indent=1))
    print(f"{options.articles:,} articles, {options.workers} workers, {options.executor}; written in {written:.0f} s")
    print(f"wall {found['wall']:.0f} s: " + ", ".join(f"{name} {took:.1f}" for name, took in found["stages"].items()))
    print(
        f"CPU {sum(found['cpu'].values()):.0f} s: " + ", ".join(f"{name} {s:.1f}" for name, s in found["cpu"].items())
    )
    print(f"{1000 * found['wall'] / options.articles:.2f} ms an article, {size / MB / found['wall']:.1f} MB/s of JSON")
    print("peak MB: " + ", ".join(f"{name} {found[f'peak_{name}']:.0f}" for name in ("driver", "worker", "all")))
    print("largest worker, MB: " + ", ".join(f"{name} {size:.0f}" for name, size in found["largest"].items()))
    sizes = {"JSON": size, "shards": packed, "work folder": found["peak_work"] * MB, "output": found["output"]}
    print(
        "GB: " + ", ".join(f"{name} {value / 1e9:.2f}" for name, value in sizes.items()) + f"; {found['files']} files"
    )
    print(f"content digest {found['digest']}")


if __name__ == "__main__":
    main()
