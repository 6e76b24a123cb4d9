"""scripts/scale.py on processes, Ray, Slurm and S3, and what it does when something of that fails in the middle."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time
from concurrent.futures import Future
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace
from unittest.mock import patch

import pytest

from helpers import ROOT, Dataset, limit_file_size
from newsparallax.corpus import open_corpus
from newsparallax.errors import NewsParallaxError
from newsparallax.scale import executors, run
from newsparallax.scale import run as merge
from newsparallax.scale.store import Store
from sharded import assert_same, mixed_shards

pytestmark = pytest.mark.slow

SCRIPT = ROOT / "scripts/scale.py"
ARTICLES = 200
SEED = 9  # of `tasks`


@pytest.fixture(autouse=True)
def without_reading_back(monkeypatch):
    """Which takes most of the time; scripts that are run do it."""
    monkeypatch.setattr(merge, "load_first", lambda *_: None)


@pytest.fixture
def shards(tmp_path, tasks):
    return mixed_shards(tmp_path / "shards", tasks)


@pytest.fixture(scope="session")
def ray_of_four():
    os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
    with executors.ray_cluster(2):
        yield


@pytest.fixture
def kept(monkeypatch):
    """The work folder stays, to be looked at; whatever is left of it is removed with the test's own folder."""
    monkeypatch.setattr(Store, "remove", lambda _: None)


def command(corpus, shards, out, *options):
    return [sys.executable, SCRIPT, "--corpus", corpus, "--input", f"{shards}/**/*.*", "--out", out, *map(str, options)]


def scale(corpus, shards, out, *options):
    return subprocess.run(command(corpus, shards, out, *options), capture_output=True, text=True, check=False)


def work_of(out):
    (work,) = (out.parent / f".{out.name}.work").iterdir()
    return work


def markers(out):
    """When each rank was completed, by stage and number."""
    return {(path.parts[-3], path.name): path.stat().st_mtime_ns for path in work_of(out).glob("logs/*/completions/*")}


def descendants(pid):
    """All processes below one, with their command lines."""
    found = [pid]
    for one in found:
        for task in Path(f"/proc/{one}/task").glob("*"):
            try:
                found += map(int, (task / "children").read_text().split())
            except OSError:
                continue
    for one in found[1:]:
        try:
            yield one, Path(f"/proc/{one}/cmdline").read_bytes().replace(b"\0", b" ").decode().strip()
        except OSError:
            continue


def killed_when(ready, looks_like):
    """Kill one process below this one as soon as `ready()`; a thread, whose result is in `killed` of it."""

    def watch():
        until = time.monotonic() + 300
        while time.monotonic() < until and not thread.killed:
            if ready():
                for pid, line in descendants(os.getpid()):
                    if re.search(looks_like, line):
                        os.kill(pid, signal.SIGKILL)
                        thread.killed.append(pid)
                        return
            time.sleep(0.005)

    thread = threading.Thread(target=watch, daemon=True)
    thread.killed = []
    thread.start()
    return thread


def test_on_processes_and_quietly(corpus, shards, expected, tmp_path):
    done = scale(corpus, shards, tmp_path / "out", "--tasks", 3, "--workers", 2)
    assert done.returncode == 1
    assert "problems that no waiver covers (not counted: " in done.stderr.splitlines()[-1]
    assert not re.search(r"datatrove|INFO|WARNING|Traceback", done.stderr)
    assert f"content digest {expected.manifest.content_digest}" in done.stdout
    assert_same(Dataset(tmp_path / "out"), expected, files=False)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["out", "shards"]


def test_on_ray(corpus, shards, expected, tmp_path, ray_of_four):
    run.scale(open_corpus(corpus), [f"{shards}/**/*.*"], str(tmp_path / "out"), "ray", 3, 2)
    assert_same(Dataset(tmp_path / "out"), expected, files=False)


@pytest.mark.parametrize(
    ("executor", "process", "stage"),
    [("local", "spawn_main", "convert"), ("ray", "ray::run_rank", "distribute"), ("ray", "ray::run_rank", "convert")],
)
def test_a_worker_is_killed_in_the_middle(
    executor, process, stage, corpus, shards, expected, tmp_path, ray_of_four, kept, monkeypatch
):
    """In the middle of a rank of the stage, which waits until that has happened."""
    out = tmp_path / "out"

    def ready():
        return list((tmp_path / ".out.work").glob(f"*/logs/{stage}/logs/task_*.log"))

    if executor == "local":
        monkeypatch.setattr(executors, "PAUSE", 0)
    killer = killed_when(ready, process)
    run.scale(open_corpus(corpus), [f"{shards}/**/*.*"], str(out), executor, 7, 2)
    killer.join()
    assert len(killer.killed) == 1
    assert_same(Dataset(out), expected, files=False)
    assert "ended unexpectedly" in (work_of(out) / "driver.log").read_text()


@pytest.mark.parametrize("executor", ["local", "ray"])
def test_a_rank_fails_once(executor, corpus, shards, expected, tmp_path, ray_of_four, kept, monkeypatch):
    """A shard is not there when its turn comes, and comes back."""
    monkeypatch.setattr(executors, "PAUSE", 0)
    tries = []
    once = executors.Ranks._try

    def without_a_shard(self, ranks):
        tries.append((self._what, len(ranks)))
        if len(tries) > 1:
            return once(self, ranks)
        (shards / "a.json").rename(shards / ".away")
        try:
            return once(self, ranks)
        finally:
            (shards / ".away").rename(shards / "a.json")

    monkeypatch.setattr(executors.Ranks, "_try", without_a_shard)
    run.scale(open_corpus(corpus), [f"{shards}/**/*.*"], str(tmp_path / "out"), executor, 6, 2)
    names = ("index", "gather", "gather-index", "convert", "combine", "total", "pack")
    ranks = {"gather": 6, "convert": 6, "pack": 6}
    assert tries == [("distribute", 6), ("distribute", 1), *((name, ranks.get(name, 1)) for name in names)]
    assert_same(Dataset(tmp_path / "out"), expected, files=False)


def test_a_rank_that_fails_for_good_is_told_with_its_log(corpus, shards, tmp_path, monkeypatch):
    monkeypatch.setattr(executors, "PAUSE", 0)
    save = run.jobs.save
    monkeypatch.setattr(run.jobs, "save", lambda *given: (save(*given), (shards / "a.json").unlink()))
    with pytest.raises(NewsParallaxError, match=r"distribute: 1 of 6 parts failed 3 times.*a\.json") as raised:
        run.scale(open_corpus(corpus), [f"{shards}/**/*.*"], str(tmp_path / "out"), "local", 6, 2)
    log = Path(re.search(r"its log is (\S+);", raised.value.hint)[1])
    assert "FileNotFoundError" in log.read_text()
    assert not (tmp_path / "out").exists()


def test_a_shard_that_changes_while_it_is_read_stops(corpus, shards, tmp_path, monkeypatch):
    save = run.jobs.save
    monkeypatch.setattr(run.jobs, "save", lambda *given: (save(*given), (shards / "a.json").write_text("[]")))
    with pytest.raises(NewsParallaxError, match=r"a\.json: changed while it was read"):
        run.scale(open_corpus(corpus), [f"{shards}/**/*.*"], str(tmp_path / "out"), "local", 6, 2)


def kill_when_half_done(corpus, shards, out, stage, *options):
    """Start a run, and kill it when the first rank of the stage is complete; its workers end with it."""
    process = subprocess.Popen(command(corpus, shards, out, *options), start_new_session=True)
    until = time.monotonic() + 300
    while not list(out.parent.glob(f".{out.name}.work/*/logs/{stage}/completions/*")):
        assert process.poll() is None
        assert time.monotonic() < until
        time.sleep(0.005)
    workers = [pid for pid, _ in descendants(process.pid)]
    process.kill()
    process.wait()
    while any(Path(f"/proc/{pid}").exists() for pid in workers):
        assert time.monotonic() < until
        time.sleep(0.05)


def test_the_whole_run_is_killed_and_started_again(corpus, shards, expected, tmp_path, kept):
    out = tmp_path / "out"
    kill_when_half_done(corpus, shards, out, "convert", "--tasks", 6)
    assert not out.exists()
    before = markers(out)
    assert 14 < len(before) < 20
    run.scale(open_corpus(corpus), [f"{shards}/**/*.*"], str(out), "local", 6, 2)
    after = markers(out)
    assert len(after) == 28
    assert {rank: after[rank] for rank in before} == before  # what was done is not done again
    assert_same(Dataset(out), expected, files=False)


@pytest.mark.parametrize("limit", [100, 200_000])
def test_a_disk_that_takes_no_more(limit, corpus, shards, expected, tmp_path):
    """In the driver, and in the parts that write tasks, rows and packed files; what is complete is used again."""
    out = tmp_path / "out"
    starting = command(corpus, shards, out, "--workers", 2, "--tasks", 3)
    done = subprocess.run(starting, capture_output=True, text=True, preexec_fn=limit_file_size(limit))
    first, hint = done.stderr.splitlines()
    assert (done.returncode, done.stdout) == (2, "")
    assert re.fullmatch(rf"error: ({out}|distribute|convert|pack): File too large", first)
    assert "make room" in hint
    assert not out.exists()
    assert scale(corpus, shards, out, "--workers", 2, "--tasks", 3).returncode == 1
    assert_same(Dataset(out), expected, files=False)


def test_no_part_starts_after_one_that_cannot_succeed():
    started = []

    class Executor(executors.Ranks, SimpleNamespace):
        @contextmanager
        def _open(self):
            yield submit

    def submit(rank):
        started.append(rank)
        answer = Future()
        answer.set_result(executors.Failure("No space left on device", final=rank == 3) if rank == 3 else None)
        return answer

    stage = Executor(workers=2, tasks=100, get_incomplete_ranks=lambda: [*range(100)], what="convert")
    with pytest.raises(NewsParallaxError, match="No space left"):
        stage.run()
    assert started[:4] == [0, 1, 2, 3]
    assert len(started) < 6


def test_a_changed_shard_is_not_taken_for_the_old_one(corpus, shards, expected, tmp_path):
    """Neither after a run that was stopped before the merge, nor after a finished one; name and size are the same."""
    content = (shards / "a.json").read_text()
    changed = content.replace('"outlet": "Dawn"', '"outlet": "Noon"')
    assert len(changed) == len(content)
    arguments = (open_corpus(corpus), [f"{shards}/**/*.*"], str(tmp_path / "out"), "local", 2, 2)
    with patch.object(run, "merge", side_effect=KeyboardInterrupt), pytest.raises(KeyboardInterrupt):
        run.scale(*arguments)
    assert len(markers(tmp_path / "out")) == 12
    digests = []
    for now in (changed, content):
        (shards / "a.json").write_text(now)
        digests.append(run.scale(*arguments).manifest.content_digest)
    assert digests[0] != digests[1] == expected.manifest.content_digest


def test_a_cluster_of_ray_that_is_not_there(corpus, shards, tmp_path, monkeypatch):
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    monkeypatch.setenv("RAY_ADDRESS", f"127.0.0.1:{port}")
    done = scale(corpus, shards, tmp_path / "out", "--executor", "ray")
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith(f"error: Ray cannot be reached at 127.0.0.1:{port}")


def test_from_and_to_an_object_store(corpus, shards, expected, tmp_path, s3):
    s3.put(f"{shards}/", "bucket/shards/", recursive=True)
    for tasks in (2, 1):  # also in the place of an earlier one
        done = scale(corpus, "s3://bucket/shards", "s3://bucket/data/out", "--tasks", tasks, "--workers", tasks)
        assert done.returncode == 1, done.stderr
        s3.invalidate_cache()
        assert s3.ls("bucket/data") == ["bucket/data/out"]
    s3.get("bucket/data/out", str(tmp_path / "out"), recursive=True)
    assert_same(Dataset(tmp_path / "out"), expected, files=False)


def test_what_of_an_object_store_cannot_be_used(corpus, shards, s3):
    s3.pipe_file("bucket/mine/notes.md", b"mine")
    for source, out, told in (
        ("s3://nobucket", "s3://bucket/out", "s3://nobucket/**/*.*: matches no file"),
        (shards, "s3://bucket/mine", "contains files that are not a build"),
        (shards, "s3://nobucket/out", "nobucket"),
    ):
        done = scale(corpus, source, out)
        assert (done.returncode, done.stdout, "Traceback" in done.stderr) == (2, "", False), done.stderr
        assert told in done.stderr
    assert s3.cat_file("bucket/mine/notes.md") == b"mine"


SBATCH = """#!/bin/bash
# Runs a job as Slurm would: every place of the array, none when the job before it failed. Arguments go to a log.
echo "$@" >> "$FAKE/calls"
script="${@: -1}"
for number in $(seq 0 $(sed -n 's/^#SBATCH --array=0-\\([0-9]*\\)%.*/\\1/p' "$script")); do
  SLURM_ARRAY_TASK_ID=$number bash "$script" >> "$FAKE/log" 2>&1 || exit 1
done
wc -l < "$FAKE/calls"
"""
SRUN = '#!/bin/bash\nshift 3\nexec "$@"\n'


def test_slurm(corpus, shards, expected, tmp_path, monkeypatch):
    """Without a cluster its scripts are written; with one they are submitted, each job after the one before."""
    out = tmp_path / "out"
    options = ("--tasks", 3, "--executor", "slurm", "--workers", 2)
    done = scale(corpus, shards, out, *options)
    submit = work_of(out) / "slurm/submit.sh"
    assert done.returncode == 2
    assert done.stderr.startswith("error: this machine has no sbatch")
    assert f"submit them on a machine of the cluster with: bash {submit}\n" in done.stderr
    assert not out.exists()
    scripts = {path.stem: path for path in submit.parent.glob("*.slurm")}
    for path in (submit, *scripts.values()):
        subprocess.run(["bash", "-n", path], check=True)
    arrays = {name: re.search("--array=(.*)", path.read_text())[1] for name, path in scripts.items()}
    names = ["distribute", "index", "gather", "gather-index", "convert", "combine", "total", "pack", "merge"]
    parts = ("distribute", "gather", "convert", "pack")
    assert arrays == {name: "0-2%2" if name in parts else "0-0%2" for name in names}

    fake = tmp_path / "fake"
    fake.mkdir()
    for name, text in (("sbatch", SBATCH), ("srun", SRUN)):
        (fake / name).write_text(text)
        (fake / name).chmod(0o755)
    monkeypatch.setenv("FAKE", str(fake))
    monkeypatch.setenv("PATH", f"{fake}:{os.environ['PATH']}")
    done = scale(corpus, shards, out, *options)
    assert done.returncode == 1, done.stderr + (fake / "log").read_text()
    assert_same(Dataset(out), expected, files=False)
    calls = [line.split() for line in (fake / "calls").read_text().splitlines()]
    assert [Path(call[-1]).stem for call in calls] == names
    assert [[part for part in call if "afterok" in part] for call in calls] == [
        [],
        *([f"--dependency=afterok:{number}"] for number in range(1, len(names))),
    ]
    assert [("--wait" in call) for call in calls] == [name == "merge" for name in names]
    assert not (tmp_path / ".out.work").exists()


def test_a_job_of_slurm_fails(corpus, shards, tmp_path, monkeypatch):
    fake = tmp_path / "fake"
    fake.mkdir()
    (fake / "sbatch").write_text("#!/bin/bash\necho 'sbatch: error: invalid account' >&2\nexit 1\n")
    (fake / "sbatch").chmod(0o755)
    monkeypatch.setenv("PATH", f"{fake}:{os.environ['PATH']}")
    done = scale(corpus, shards, tmp_path / "out", "--executor", "slurm")
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("error: a Slurm job failed: sbatch: error: invalid account")
