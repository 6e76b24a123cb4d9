"""Small corpora that are ready to be published, and what a test does with them."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

from helpers import ROOT, span, task, write_corpus
from programs import run_program

TEXTS = {"a": "Kim met Lee in Seoul on a cold day.", "b": "Lee thanked Kim for the warm words he had found."}
WITHHELD = "the quick brown fox jumps over a lazy dog and then it sleeps"

AT_ONCE = {"PYTHONPATH": str(Path(__file__).with_name("at_once"))}


def changelog(*versions: str) -> str:
    return "# Changelog\n" + "".join(f"\n## [{one}] - 2026-01-02\n\n### Data\n\n- Of {one}.\n" for one in versions)


def write_release(folder: Path, version: str = "0.1.0", *, labels: dict[str, str] | None = None, **case: Any) -> Path:
    """A corpus of two free texts and one withheld, at a version that CHANGELOG.md tells of; `labels`: text -> label."""
    marks = {"a": [span(0, 3, "Kim")], "b": [span(0, 3, "Lee", (labels or {}).get("b", "PER"))]}
    tasks = [task(text, marks[key], id=number) for number, (key, text) in enumerate(TEXTS.items(), 1)]
    corpus = {"name": "tiny", "version": version, "license": "cc-by-4.0"} | case.pop("corpus", {})
    if "seeds" not in case:
        corpus |= {"articles": {"from_tasks": True, "redistribute": True}}
    write_corpus(folder, {"corpus": corpus, "exports": {"a.json": tasks}} | case)
    versions = [f"0.{minor}.0" for minor in range(1, 4)]
    (folder / "CHANGELOG.md").write_text(changelog(*{*versions, version}), encoding="utf-8")
    return folder


def release(env: dict[str, str], *arguments: str | Path, **more: Any) -> subprocess.CompletedProcess[str]:
    """scripts/release.py, as a user runs it; what other tests have set for the clients does not count.

    `more` is for subprocess.run, with which the script has a Python of its own.
    """
    own = {name: value for name, value in os.environ.items() if not name.startswith("HF_")}
    script = ROOT / "scripts/release.py"
    if not more and not any(name.startswith("PYTHON") for name in env):
        return run_program(script, *arguments, env=own | env)
    command = [sys.executable, str(script), *map(str, arguments)]
    return subprocess.run(command, env=own | env, text=True, capture_output=True, check=False, **more)


class Publisher:
    """A process that has made a release ready and publishes it as often as it is told to, each time in a new process.

    So that an interruption at every single request need not wait for the same imports and the same build. Unless it
    `loads`, the rows of what was published are not loaded back; unless it `waits`, it asks a hub again at once.
    """

    def __init__(self, corpus: Path, env: dict[str, str], *, loads: bool = True, waits: bool = True):
        command = [sys.executable, str(Path(__file__).with_name("publisher.py")), str(corpus)]
        command += [] if loads else ["--without-loading"]
        path = os.pathsep.join([str(ROOT / "tests"), str(ROOT / "src"), *([] if waits else AT_ONCE.values())])
        self._process = subprocess.Popen(
            command,
            env=os.environ | env | {"PYTHONPATH": path},
            text=True,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )
        self.ready = self._answer()

    def _answer(self) -> Any:
        assert self._process.stdout
        return json.loads(self._process.stdout.readline() or '"the publisher is gone"')

    def start(self, repo: str, *options: str) -> int:
        """Publish to a repository; the number of the process that does it."""
        assert self._process.stdin
        self._process.stdin.write(f"{' '.join([repo, *options])}\n")
        self._process.stdin.flush()
        return int(self._answer())

    def wait(self) -> dict[str, Any]:
        """How it ended: `status` (negative: killed), and what it said."""
        return dict(self._answer())

    def publish(self, repo: str, *options: str) -> dict[str, Any]:
        self.start(repo, *options)
        return self.wait()

    def close(self) -> None:
        assert self._process.stdin
        self._process.stdin.close()
        self._process.wait(30)
