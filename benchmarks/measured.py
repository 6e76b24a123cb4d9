"""Run a command and tell what it took, as JSON in a file: `python benchmarks/measured.py RESULT SECONDS COMMAND ...`.

Small on purpose: the peak that the kernel reports of a process (ru_maxrss) begins with that of the one that starts it.
Memory of all processes that run at a time is sampled from /proc/PID/status: RssAnon and RssShmem, which are theirs
alone. Pages of mapped files (RssFile) are not counted, since the kernel can drop them.

Keys of the result: `wall` and `cpu` (user + system, of all processes) in seconds; in MB `peak` (the largest sum over
processes at one time), `peak_process` (of the largest process) and `maxrss` (ru_maxrss of the largest process, mapped
files included); `processes` (the most at one time); `code`, `stdout` and the end of `stderr`.
"""

import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

EVERY = 0.02  # seconds between two samples
MB = 1 << 20


def children(pid):
    for task in Path(f"/proc/{pid}/task").iterdir():
        yield from map(int, (task / "children").read_text().split())


def tree(pid):
    """A process and all that it started; those that end meanwhile are left out."""
    found = [pid]
    for one in found:
        try:
            found += children(one)
        except OSError:
            continue
    return found


def own_bytes(pid):
    try:
        status = Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return 0
    return sum(int(line.split()[1]) for line in status.splitlines() if line.startswith(("RssAnon:", "RssShmem:"))) << 10


def run(command, seconds):
    peak = peak_process = processes = 0
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
        begun = time.perf_counter()
        process = subprocess.Popen(command, stdout=out, stderr=err, start_new_session=True)
        while True:
            ended, status, usage = os.wait4(process.pid, os.WNOHANG)
            wall = time.perf_counter() - begun
            if ended:
                break
            if wall > seconds:
                os.killpg(process.pid, 9)
                _, status, usage = os.wait4(process.pid, 0)
                break
            sizes = [size for size in map(own_bytes, tree(process.pid)) if size]
            peak, peak_process = max(peak, sum(sizes)), max(peak_process, *sizes, 0)
            processes = max(processes, len(sizes))
            time.sleep(EVERY)
        texts = [(stream.seek(0), stream.read().decode(errors="replace"))[1] for stream in (out, err)]
    return {
        "wall": wall,
        "cpu": usage.ru_utime + usage.ru_stime,
        "peak": peak / MB,
        "peak_process": peak_process / MB,
        "maxrss": usage.ru_maxrss / 1024,
        "processes": processes,
        "code": os.waitstatus_to_exitcode(status),
        "stdout": texts[0],
        "stderr": texts[1][-2000:],
    }


if __name__ == "__main__":
    Path(sys.argv[1]).write_text(json.dumps(run(sys.argv[3:], float(sys.argv[2]))))
