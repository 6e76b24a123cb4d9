"""A build appears whole or not at all, whatever happens to it."""

from __future__ import annotations

import hashlib
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import datasets
import pytest

from command_line import run_script
from generate_corpus import make_tasks, write_corpus
from helpers import ROOT, limit_file_size, span, task
from helpers import write_corpus as write_case
from newsparallax._util import alone, hold, hold_for_child
from newsparallax.building import Built, Pipeline, build
from newsparallax.corpus import open_corpus
from newsparallax.dataset import new_folder, output_folder
from newsparallax.errors import ExportError, NewsParallaxError, UsageError

pytestmark = pytest.mark.slow

SCRIPT = ROOT / "scripts" / "build.py"
CONFIGS = ("articles", "names", "frames", "loaded", "tokens", "votes")
SEED = 20240121


@pytest.fixture
def corpus(tmp_path):
    return write_corpus(tmp_path / "corpus", make_tasks(24, seed=1))


def start(corpus: Path, *options: Any, **rest: Any) -> subprocess.Popen[str]:
    command = [sys.executable, SCRIPT, "--corpus", corpus, "--lenient", *options]
    return subprocess.Popen(list(map(str, command)), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, **rest)


def make(corpus: Path, out: Path | None = None) -> Built:
    """Build in this process, which is faster."""
    return build(open_corpus(corpus), out)


def run(corpus: Path, *options: Any, **rest: Any) -> subprocess.CompletedProcess[str]:
    process = start(corpus, *options, **rest)
    out, err = process.communicate(timeout=120)
    return subprocess.CompletedProcess(process.args, process.returncode, out, err)


def stopped(done: subprocess.CompletedProcess[str]) -> str:
    """The one message of a run that could not go on."""
    assert done.returncode == 2, done.stderr
    assert done.stdout == ""
    assert "Traceback" not in done.stderr
    assert done.stderr.startswith("error: ")
    assert done.stderr.count("error: ") == 1
    return done.stderr


def snapshot(folder: Path) -> dict[str, str]:
    files = (path for path in sorted(folder.rglob("*")) if path.is_file())
    return {path.relative_to(folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


def check_whole(folder: Path, *, load: bool = True) -> dict[str, Any]:
    """The folder's manifest, after comparing every file with it and loading every config."""
    manifest = json.loads((folder / "manifest.json").read_text(encoding="utf-8"))
    found = snapshot(folder)
    found.pop("manifest.json")
    assert found == {name: file["sha256"] for name, file in manifest["files"].items()}
    for config in CONFIGS if load else ():
        loaded = datasets.load_dataset(str(folder), config, streaming=True)
        rows = {split: sum(1 for _ in part) for split, part in loaded.items()}
        assert rows == {split: count for split, count in manifest["rows"][config].items() if count}
    return manifest


def only(parent: Path, *names: str) -> None:
    """Nothing else lies in the folder, hidden or not."""
    assert sorted(path.name for path in parent.iterdir()) == sorted(names)


# ------------------------------------------------------------------------------------------------- killed at any moment


def moments(count: int, whole: float) -> list[float]:
    """Delays in seconds: spread evenly over the run with some chance, a third of them at its end, where it swaps."""
    chance = random.Random(SEED)
    early = count - count // 3
    spread = [whole * (number + chance.random()) / early for number in range(early)]
    late = [whole * (0.93 + 0.1 * chance.random()) for _ in range(count - early)]
    return spread + late


@pytest.mark.parametrize("kills", [3, 20])
def test_killed_at_any_moment(kills, corpus, tmp_path):
    place = tmp_path / "out" / "dataset"
    assert run(corpus, "--out", place).returncode == 0  # the first run of all may take much longer than the next ones
    began = time.monotonic()
    assert run(corpus, "--out", place).returncode == 0
    whole = time.monotonic() - began
    digests = [check_whole(place)["content_digest"]]
    killed, pace = 0, 1.0
    for number, delay in enumerate(moments(kills, whole), 1):
        write_corpus(corpus, make_tasks(24 + number % 2, seed=1))  # so that the next build differs from the last
        process = start(corpus, "--out", place, start_new_session=True)
        time.sleep(delay * pace)
        os.killpg(process.pid, signal.SIGKILL)
        process.communicate()
        killed += process.returncode == -signal.SIGKILL
        if process.returncode == 0:  # it was faster than the first one, as on a machine that others use
            pace *= 0.6
        digests.append(check_whole(place, load=number % 4 == 0)["content_digest"])
    assert killed >= kills // 2
    assert len(set(digests)) <= 2
    made = make(write_corpus(corpus, make_tasks(24, seed=1)), place)
    assert check_whole(place) == made.manifest.as_json()
    assert made.manifest.content_digest == digests[0]
    only(place.parent, "dataset")


DIE = """
import os, pathlib, signal, sys
from newsparallax.building import run as build
from newsparallax.corpus import folder
from newsparallax.building import pipeline
from newsparallax.dataset import output_folder as publish
from newsparallax.dataset import verify as readback

def die(*_, **__):
    os.kill(os.getpid(), signal.SIGKILL)
"""
STEPS = {
    "before-anything-is-written": "pipeline.convert_corpus = die",
    "before-the-card": "build.write_card = die",
    "before-reading-back": "build.read_back = die",
    "while-reading-back": "readback._compare_quotes = die",
    "before-the-disk-has-it": "publish._sync = die",
    "before-the-exchange": "publish._exchange = die",
    "after-the-exchange": "real = publish._exchange; publish._exchange = lambda *places: (real(*places), die())",
    "before-the-link": "build.point = die",
    "before-the-link-has-its-name": "pathlib.Path.replace = die",
}
FAST = ("while-reading-back", "after-the-exchange")


def killed_at(corpus: Path, change: str, *out: Path) -> None:
    """Run the build in a process that kills itself, by a change to the code, at a certain step."""
    go = "build.build(folder.open_corpus(pathlib.Path(sys.argv[1])), *map(pathlib.Path, sys.argv[2:]))"
    command = [sys.executable, "-c", f"{DIE}\n{change}\n{go}", *map(str, (corpus, *out))]
    temporary = corpus.parent / "tmp"
    temporary.mkdir()
    done = subprocess.run(command, capture_output=True, text=True, env={**os.environ, "TMPDIR": str(temporary)})
    assert done.returncode == -signal.SIGKILL, done.stderr
    only(temporary)  # what a killed run leaves lies where the next one looks


@pytest.mark.parametrize("step", [s if s in FAST else pytest.param(s, marks=pytest.mark.slow) for s in STEPS])
def test_killed_at_each_step(step, corpus):
    """Each step where a previous build might be lost, on the way to the default place with its link."""
    builds = corpus / "build"
    before = make(corpus).manifest
    write_corpus(corpus, make_tasks(25, seed=1))
    killed_at(corpus, STEPS[step])
    after = check_whole(builds / "0.3.0", load=False)
    swapped = step in ("after-the-exchange", "before-the-link", "before-the-link-has-its-name")
    assert (after["content_digest"] != before.content_digest) == swapped
    assert (builds / "latest").resolve() == builds / "0.3.0"
    assert check_whole(make(corpus).place) == check_whole(builds / "latest", load=False)
    only(builds, "0.3.0", "latest")


def test_killed_between_two_renames(corpus, tmp_path):
    """Where folders cannot be exchanged in one step, the next run takes an interrupted exchange back."""
    place = tmp_path / "out" / "dataset"
    make(corpus, place)
    before = snapshot(place)
    change = """
publish._exchange = lambda *_: False
rename = pathlib.Path.rename
pathlib.Path.rename = lambda self, target: rename(self, target) if self.name == "dataset" else die()
"""
    killed_at(corpus, change, place)
    assert not place.exists()
    export = corpus / "annotations/exports/export.json"
    export.write_text(export.read_text(encoding="utf-8")[:-20], encoding="utf-8")
    with pytest.raises(ExportError, match="ends in the middle"):
        make(corpus, place)
    assert snapshot(place) == before
    only(place.parent, "dataset")


# ---------------------------------------------------------------------------------------------- what cannot be written


@pytest.mark.parametrize("limit", [pytest.param(2_000, marks=pytest.mark.slow), 14_000, 60_000])
def test_a_disk_that_takes_no_more(limit, corpus, tmp_path):
    """At the list of problems, at a Parquet file, and at what describes them all."""
    place = tmp_path / "out" / "dataset"
    make(corpus, place)
    before = snapshot(place)
    done = run(corpus, "--out", place, preexec_fn=limit_file_size(limit))
    assert "too large" in stopped(done) or "No space" in done.stderr
    assert snapshot(place) == before
    only(place.parent, "dataset")


def test_a_list_of_problems_that_cannot_be_written_stops_at_once(tmp_path):
    """Not when the file is closed, where nobody can catch the error any more."""
    exports = {"a.json": [task("Ann met Bob.", [span(0, 3, "Ann", label="NEW")])]}
    folder = open_corpus(write_case(tmp_path / "corpus", {"exports": exports}))
    (tmp_path / "problems.jsonl").symlink_to("/dev/full")
    parts = Pipeline.of_exports(folder).recorded(tmp_path)
    with pytest.raises(OSError, match="No space left"):
        next(parts)


def test_an_out_that_cannot_be_written(corpus, tmp_path):
    (tmp_path / "file").write_text("mine")
    done = stopped(run_script("build.py", "--corpus", corpus, "--out", tmp_path / "file" / "dataset"))
    assert str(tmp_path / "file") in done
    assert (tmp_path / "file").read_text() == "mine"


def test_places_that_cannot_be_written_are_named_with_what_to_do(corpus, tmp_path):
    """By every command with an output. The superuser may write everywhere, but nobody into a sealed system folder."""
    (tmp_path / "file").write_text("mine")
    (tmp_path / "locked").mkdir(mode=0o555)
    sealed = Path("/proc") if os.access(tmp_path / "locked", os.W_OK) else tmp_path / "locked"
    built = make(corpus, tmp_path / "built").place
    commands = {
        "build.py": ["--corpus", corpus, "--out"],
        "scale.py": ["--corpus", corpus, "--input", f"{corpus}/annotations/exports/*.json", "--out"],
        "rehydrate.py": [built, "--seeds", corpus, "--out"],
        "adopt.py": [corpus / "annotations/exports"],
    }
    before = snapshot(tmp_path)
    for name, options in commands.items():
        for above, place in ((sealed, sealed / "nope"), (tmp_path / "file", tmp_path / "file/not/there")):
            ran = run_script(name, *options, place)
            first, hint = ran.stderr.splitlines()
            assert ran.returncode == 2
            assert first.startswith(f"error: {place} cannot be written: {above} is not writable ("), name
            assert hint == "  name a folder in which you may write"
        ran = run_script(name, *options, tmp_path / "file")
        assert ran.stderr.startswith(f"error: {tmp_path / 'file'} is "), name
    assert snapshot(tmp_path) == before


def test_what_the_system_refuses_on_the_way_names_the_folder_that_the_user_gave(tmp_path):
    with (
        pytest.raises(NewsParallaxError, match=r"out: Permission denied\n  name a folder"),
        new_folder(tmp_path / "out") as draft,
    ):
        raise PermissionError(13, "Permission denied", str(draft / "articles/train.parquet"))


@pytest.mark.parametrize("kind", ["folder", "file", "folder-with-link"])
def test_foreign_files_are_left_alone(kind, corpus, tmp_path):
    place = tmp_path / "out" / "dataset"
    if kind == "file":
        place.parent.mkdir()
        place.write_text("mine")
    else:
        (place / "articles").mkdir(parents=True)
        (place / "articles" / "train-00000.parquet").write_bytes(b"mine")
    if kind == "folder-with-link":
        (place / "link").symlink_to(tmp_path)
    before = snapshot(place.parent)
    if kind == "folder":
        said = stopped(run_script("build.py", "--corpus", corpus, "--out", place))
        assert f"{place} contains files that are not a build" in said
    else:
        with pytest.raises(UsageError, match="--out"):
            make(corpus, place)
    assert snapshot(place.parent) == before
    only(place.parent, "dataset")


def test_an_empty_folder_is_taken(corpus, tmp_path):
    place = tmp_path / "dataset"
    place.mkdir()
    make(corpus, place)
    check_whole(place)


# ------------------------------------------------------------------------------------------------------ several at once


@pytest.mark.parametrize("there", [True, False])
def test_two_builds_at_once(there, corpus, tmp_path):
    """Both end, and what stands is one of the two, whole."""
    place = tmp_path / "out" / "dataset"
    if there:
        make(corpus, place)
    other = write_corpus(tmp_path / "other", make_tasks(30, seed=2))
    both = [start(folder, "--out", place) for folder in (corpus, other)]
    for process in both:
        _, err = process.communicate(timeout=120)
        assert process.returncode == 0, err
    manifest = check_whole(place)
    assert manifest["counts"]["articles"] in (24, 30)
    make(corpus, place)
    only(place.parent, "dataset")


def test_two_first_builds_in_the_same_instant(tmp_path, monkeypatch):
    """Neither finds a folder when it looks, and the second finds one when it renames."""
    place = tmp_path / "dataset"
    (place / "old").mkdir(parents=True)
    draft = tmp_path / ".dataset.partial-1"
    (draft / "new").mkdir(parents=True)
    looks = iter([False])
    exists = Path.exists
    monkeypatch.setattr(Path, "exists", lambda self: next(looks, True) if self == place else exists(self))
    output_folder._swap(draft, place)
    assert (place / "new").is_dir()


def test_latest_points_at_the_newest(corpus):
    builds = corpus / "build"
    for version in ("0.3.0", "0.4.0", "0.3.1"):
        registry = corpus / "annotations/corpus.toml"
        lines = registry.read_text(encoding="utf-8").splitlines()
        lines[1] = f'version = "{version}"'
        registry.write_text("\n".join(lines), encoding="utf-8")
        make(corpus)
        assert (builds / "latest").is_symlink()
        assert (builds / "latest").readlink() == Path(version)
        assert check_whole(builds / "latest", load=False)["version"] == version
    only(builds, "0.3.0", "0.3.1", "0.4.0", "latest")
    shutil.move(builds, corpus / "moved")  # the link goes by name, so that the folder can be moved as a whole
    check_whole(corpus / "moved" / "latest")


def test_a_latest_that_is_no_link_is_left_alone(corpus):
    (corpus / "build" / "latest").mkdir(parents=True)
    (corpus / "build" / "latest" / "mine").write_text("mine")
    with pytest.raises(UsageError, match="latest is not a symbolic link"):
        make(corpus)
    assert snapshot(corpus / "build" / "latest") == {"mine": hashlib.sha256(b"mine").hexdigest()}
    only(corpus / "build", "latest")  # told before anything is built


def test_a_link_as_the_place_is_refused(tmp_path):
    (tmp_path / "0.1.0").mkdir()
    (tmp_path / "latest").symlink_to("0.1.0")
    with pytest.raises(UsageError, match="is a symbolic link"), output_folder.new_folder(tmp_path / "latest"):
        pass
    assert (tmp_path / "latest").is_symlink()
    only(tmp_path, "0.1.0", "latest")


@pytest.mark.parametrize("name", ["9" * 200, "²", "x", "1"])
def test_a_leftover_is_removed_whatever_its_name(name, tmp_path):
    """Also where a process of this machine has the number that was one of another machine's."""
    (tmp_path / f".dataset.partial-{name}").mkdir()
    (tmp_path / f".dataset.partial-{name}/new").mkdir()
    (tmp_path / ".dataset.partial-2.lock").touch()
    with output_folder.new_folder(tmp_path / "dataset"):
        pass
    only(tmp_path, "dataset")


HOLDER = """
import pathlib, sys, time
from newsparallax.dataset import output_folder as publish
publish.uuid.uuid4 = lambda: type("Name", (), {"hex": sys.argv[2]})
with publish.new_folder(pathlib.Path(sys.argv[1])) as draft:
    (draft / "mine").write_text("mine")
    print(draft, flush=True)
    sys.stdin.read()
"""


@pytest.mark.parametrize("name", ["999999999", "1", "other-host-17"])
def test_a_draft_is_removed_only_when_its_lock_can_be_taken(name, tmp_path):
    """The number in its name is that of no process here, or of another one, as of a builder on another machine."""
    place = tmp_path / "dataset"
    command = [sys.executable, "-c", HOLDER, str(place), name]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as holder:
        draft = Path(holder.stdout.readline().strip())
        assert draft.parent.name == f".dataset.partial-{name}"
        with output_folder.new_folder(place):
            pass
        assert (draft / "mine").read_text() == "mine"
        holder.kill()
    assert (draft / "mine").exists()
    with output_folder.new_folder(place):
        pass
    only(tmp_path, "dataset")


def test_what_another_run_is_just_exchanging_is_not_taken_back(tmp_path):
    """Between the two renames of a run, another one finds no dataset, and waits."""
    place = tmp_path / "dataset"
    (tmp_path / ".dataset.old" / "before").mkdir(parents=True)
    with ThreadPoolExecutor(1) as pool:
        with alone(tmp_path / ".dataset.old.lock"):
            tidied = pool.submit(output_folder._tidy, place)
            with pytest.raises(TimeoutError):
                tidied.result(0.5)
            assert (tmp_path / ".dataset.old" / "before").is_dir()
            (place / "new").mkdir(parents=True)
        tidied.result(10)
    assert (place / "new").is_dir()
    only(tmp_path, "dataset")


def test_a_lock_is_held_once_and_let_go_with_its_holder(tmp_path):
    """By `hold`, and by what a child inherits: the two exclude each other."""
    path = tmp_path / "lock"
    lock = hold(path)
    assert (hold(path), hold_for_child(path)) == (None, None)
    lock.release()
    handle = hold_for_child(path)
    assert hold(path) is None
    with subprocess.Popen(["sleep", "60"], pass_fds=(handle,)) as child:
        os.close(handle)
        assert hold(path) is None
        child.kill()
    assert hold(path) is not None


def test_files_and_folders_are_synced(tmp_path, monkeypatch):
    """The names in a folder reach the disk only with the folder itself."""
    synced = []
    monkeypatch.setattr(output_folder.os, "fsync", lambda handle: synced.append(os.fstat(handle).st_ino))
    with output_folder.new_folder(tmp_path / "dataset") as draft:
        (draft / "config").mkdir()
        (draft / "config" / "file").write_text("a")
    place = tmp_path / "dataset"
    assert {path.stat().st_ino for path in (tmp_path, place, place / "config", place / "config/file")} == set(synced)


# -------------------------------------------------------------------------------------------------- unreadable exports

BROKEN = {
    "empty": b"",
    "truncated": b'[{"id": 1, "data": {"text": "a"}, "annotations": [',
    "csv": b"id,text,label\n1,a,PER\n",
    "utf16": '[{"data": {}}]'.encode("utf-16"),
    "latin1": '[{"data": {"text": "é"}, "annotations": []}]'.encode("latin-1"),
    "min": b'[{"id": 1, "text": "a", "label": [], "annotator": 1, "annotation_id": 2}]',
    "broken-line": b'{"data": {"text": "a"}, "annotations": []}\n{"data": \n{"data": {}}\n',
}


@pytest.fixture(scope="module")
def earlier(tmp_path_factory):
    """A build from before the exports broke."""
    base = tmp_path_factory.mktemp("earlier")
    return make(write_corpus(base / "corpus", make_tasks(3)), base / "dataset").place


@pytest.mark.parametrize("name", BROKEN)
@pytest.mark.parametrize("there", [True, False])
def test_an_export_that_cannot_be_read(name, there, corpus, earlier, tmp_path):
    place = tmp_path / "out" / "dataset"
    if there:
        shutil.copytree(earlier, place)
    before = snapshot(place) if there else None
    (corpus / "annotations/exports" / f"z-{name}.json").write_bytes(BROKEN[name])
    if name == "truncated":
        assert f"z-{name}.json" in stopped(run_script("build.py", "--corpus", corpus, "--out", place))
    else:
        with pytest.raises(ExportError, match=f"^z-{name}.json: "):
            make(corpus, place)
    if there:
        assert snapshot(place) == before
        only(place.parent, "dataset")
    else:
        assert not place.exists()
        assert not place.parent.exists() or not any(place.parent.iterdir())
