"""Memory does not grow with the input: what is held are buffers of a bounded size and the places of the tasks."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from generate_corpus import make_tasks, write_corpus

GROWTH_MB = 120  # buffers fill up; a build that kept its input would grow by 200 (JSON) to 550 (JSON Lines)
MEASURE = """
import json, re, resource, sys
from pathlib import Path
from newsparallax.building import build
from newsparallax.corpus import open_corpus
made = build(open_corpus(Path(sys.argv[1])), Path(sys.argv[2]))
status = Path("/proc/self/status")
if status.exists():  # Linux, where ru_maxrss begins with the peak of the process that started this one
    peak = int(re.search(r"VmHWM:\\s+(\\d+) kB", status.read_text())[1]) / 1024
else:
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (1 << 20 if sys.platform == "darwin" else 1 << 10)
print(json.dumps([peak, made.manifest.counts.results_in]))
"""


def peak(folder: Path, tasks: int, name: str) -> tuple[float, int]:
    """Peak resident memory of a build in MB, and the number of its result items."""
    corpus = write_corpus(folder, make_tasks(tasks, seed=1, regions=20, hard=False, annotators=1), name=name)
    command = [sys.executable, "-c", MEASURE, str(corpus), str(folder / "dataset")]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    megabytes, items = json.loads(done.stdout)
    return megabytes, items


@pytest.mark.slow
@pytest.mark.parametrize(("name", "tasks"), [("export.json", 1000), ("export.jsonl", 500)])
def test_eight_times_the_input_does_not_need_eight_times_the_memory(name, tasks, tmp_path):
    small, few = peak(tmp_path / "small", tasks, name)
    large, many = peak(tmp_path / "large", 8 * tasks, name)
    print(f"{few:,} items: {small:.0f} MB; {many:,} items: {large:.0f} MB")  # noqa: T201 - shown with -s
    assert many > 7 * few
    assert 50 < small < 400
    assert large - small < GROWTH_MB
