"""The server's own virtual environment, installed on first use from pinned versions.

Its pins are at odds with those of the project, so it shares nothing with the environment that runs this.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import re
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

from ...core.errors import NewsParallaxError
from ..whole_file import write_whole

CONSTRAINTS = Path(__file__).with_name("server-constraints.txt")
PATIENCE = 20  # seconds between two signs of life
TAIL = 12  # lines of a log that a message shows


def pinned_version() -> str:
    """The version of Label Studio that is installed."""
    pins: dict[str, str] = dict(re.findall(r"(?m)^([\w.-]+)==(\S+)$", CONSTRAINTS.read_text(encoding="utf-8")))
    return pins["label-studio"]


def is_installed(venv: Path) -> bool:
    """Whether exactly the pinned versions were installed to the end, for the Python that is still there."""
    stamp = venv / "installed"
    return stamp.is_file() and stamp.read_text(encoding="utf-8") == _stamp(venv)


def install(venv: Path, say: Callable[[str], None]) -> Path:
    """Install the server into the virtual environment `venv` unless it is there; the environment's Python.

    Raises NewsParallaxError with the end of the installer's output.
    """
    python = venv / "bin" / "python"
    if is_installed(venv):
        return python
    venv.parent.mkdir(parents=True, exist_ok=True)
    lock = os.open(venv.with_name(f"{venv.name}.lock"), os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX)  # another corpus may be installing it just now
        if not is_installed(venv):
            _install(venv, python, say)
    finally:
        os.close(lock)
    return python


def _install(venv: Path, python: Path, say: Callable[[str], None]) -> None:
    version = pinned_version()
    say(f"installing Label Studio {version} into {venv} (about 1 GB, once) ...")
    (venv / "installed").unlink(missing_ok=True)
    if not _works(python):
        _run([sys.executable, "-m", "venv", "--clear", str(venv)], say)
    options = ["--quiet", "--no-input", "--disable-pip-version-check", "--no-deps", "--requirement", str(CONSTRAINTS)]
    _run([str(python), "-m", "pip", "install", *options], say)
    write_whole(venv / "installed", _stamp(venv).encode(), venv)


def _works(python: Path) -> bool:
    """Whether the environment has its Python and pip: not so if it is half made, or its Python was taken away."""
    try:
        return subprocess.run([python, "-m", "pip", "--version"], capture_output=True, check=False).returncode == 0
    except OSError:
        return False


def _stamp(venv: Path) -> str:
    return f"{hashlib.sha256(CONSTRAINTS.read_bytes()).hexdigest()} {(venv / 'bin' / 'python').resolve()}\n"


def _run(command: list[str], say: Callable[[str], None]) -> None:
    began = time.monotonic()
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace"
    ) as process:
        try:
            while True:
                try:
                    output, _ = process.communicate(timeout=PATIENCE)
                    break
                except subprocess.TimeoutExpired:
                    say(f"still installing ({time.monotonic() - began:.0f} s) ...")
        except BaseException:
            process.kill()
            raise
    if process.returncode:
        told = "\n".join(f"    {line}" for line in output.splitlines()[-TAIL:])
        message = f"Label Studio could not be installed; the last that was said:\n{told}"
        hint = "it needs the network and 1.5 GB on the disk; run it again, and it goes on with what is there"
        raise NewsParallaxError(message, hint=hint)
