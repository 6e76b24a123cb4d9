"""How long the difference of two versions of many rows takes, and how much memory, as in benchmarks/README.md.

Both versions are made first: `--rows` spans of one layer, 40 an article, with an attribute and a note, every second one
with an arrow, in files of 100,000. Then each pair is compared in a process of its own.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import re
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from newsparallax.corpus import Codebook, schema
from newsparallax.corpus.toml import parse_toml

FILE_ROWS = 100_000
GROUP_ROWS = 20_000
LAYER = "names"
CODEBOOK = """
[codebook]
version = "1"
[texts.text]
field = "text"
[layers.names.labels.PER]
[layers.names.labels.ORG]
[layers.names.attributes.sort]
kind = "choice"
[layers.names.attributes.sort.values.full]
[layers.names.attributes.sort.values.short]
[layers.names.attributes.note]
kind = "text"
[layers.names.relations.about]
to = ["names"]
"""
MEASURE = """
import json, re, sys, time
from pathlib import Path
from newsparallax.release.diff import compare
from newsparallax.dataset import opened
begun = time.process_time()
with opened(sys.argv[1]) as old, opened(sys.argv[2]) as new:
    found = compare(old, new)
peak = int(re.search(r"VmHWM:\\s+(\\d+) kB", Path("/proc/self/status").read_text())[1]) / 1024
print(json.dumps([time.process_time() - begun, peak, found.counts]))
"""


def row(number: int, *, changed: bool) -> dict[str, Any]:
    """A span; `changed` gives it another note and label."""
    digest = hashlib.blake2b(str(number).encode(), digest_size=8).hexdigest()
    target = {"span_id": f"s-{digest[::-1]}", "layer": LAYER, "label": "PER", "start": 5, "end": 9, "quote": "else"}
    start = number % 40 * 50
    return {
        "span_id": f"s-{digest}",
        "article_id": f"article-{number // 40:07}",
        "event_id": f"event-{number // 400:06}",
        "start": start,
        "end": start + 12,
        "quote": "twelve words",
        "label": number % 2 ^ changed,
        "sort": number // 2 % 2,
        "note": f"a note about {number % 1000}" + (", corrected" if changed else ""),
        "about": [{**target, "direction": 0}] if number % 2 else [],
        "annotator": "m1",
        "annotator_kind": 1,
        "adjudicated": True,
        "gold": 0,
        "repair": None,
        "original_start": None,
        "original_end": None,
    }


def write_version(folder: Path, rows: int, changed: Callable[[int], bool]) -> Path:
    """A dataset of one config, as a build leaves it as far as a comparison reads it."""
    struct = schema.configs(parse_toml(CODEBOOK.encode(), Codebook, name="codebook.toml"))[LAYER]
    shape = schema.arrow_schema(struct)
    files: dict[str, dict[str, Any]] = {}
    (folder / LAYER).mkdir(parents=True)
    for first in range(0, rows, FILE_ROWS):
        numbers = range(first, min(rows, first + FILE_ROWS))
        path = folder / LAYER / f"train-{first // FILE_ROWS:05}.parquet"
        with pq.ParquetWriter(path, shape, compression="zstd") as writer:
            for start in range(numbers.start, numbers.stop, GROUP_ROWS):
                group = range(start, min(numbers.stop, start + GROUP_ROWS))
                writer.write_table(pa.Table.from_pylist([row(n, changed=changed(n)) for n in group], shape))
        digest = hashlib.sha256(path.read_bytes()).hexdigest()
        files[path.relative_to(folder).as_posix()] = {"sha256": digest, "rows": len(numbers)}
    manifest = {"name": "bench", "version": "0.1.0", "content_digest": "", "files": files}
    (folder / "manifest.json").write_text(json.dumps(manifest))
    return folder


def measure(old: Path, new: Path) -> tuple[float, float, dict[str, dict[str, int]]]:
    """Seconds of processor time, peak resident memory in MB, and the totals of a comparison."""
    command = [sys.executable, "-c", MEASURE, str(old), str(new)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    seconds, peak, counts = json.loads(done.stdout)
    return seconds, peak, counts


def main() -> None:
    """Make the versions, compare them, print the table."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--rows", type=int, default=1_000_000)
    rows = options.parse_args().rows
    print("| changed | s (CPU) | rows/s | peak MB |\n|---|---:|---:|---:|")
    with tempfile.TemporaryDirectory() as work:
        old = write_version(Path(work) / "old", rows, lambda number: False)
        for name, changed in {
            "none, the same files": lambda number: False,
            "0.1 %": lambda number: number % 1000 == 0,
            "all": lambda number: True,
        }.items():
            new = write_version(Path(work) / re.sub(r"\W", "", name), rows, changed)
            seconds, peak, counts = measure(old, new)
            expected = sum(map(changed, range(rows)))
            assert sum(counts.get("span-relabelled", {}).values()) == expected, counts
            print(f"| {name} | {seconds:.1f} | {2 * rows / seconds:,.0f} | {peak:.0f} |", flush=True)


if __name__ == "__main__":
    main()
