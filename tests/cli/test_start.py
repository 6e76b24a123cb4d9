"""A script's first moments: Ctrl-C while it imports, and a Python that lacks what it imports."""

from __future__ import annotations

import os
import subprocess
import sys
import venv

import pytest

from helpers import ROOT

SCRIPTS = sorted((ROOT / "scripts").glob("[!_]*.py"))

# Interrupts the process at the import that is AT in number, or so many seconds after the first one.
INTERRUPT = """
import os, signal, sys, threading
signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell may start what it runs in the background without it
at = os.environ["AT"]

class Finder:
    count = 0

    def find_spec(self, *_):
        if "newsparallax._start" not in sys.modules or signal.getsignal(signal.SIGINT) is signal.default_int_handler:
            return
        self.count += 1
        if "." in at and self.count == 1:
            threading.Timer(float(at), os.kill, (os.getpid(), signal.SIGINT)).start()
        elif at == str(self.count):
            os.kill(os.getpid(), signal.SIGINT)

sys.meta_path.insert(0, Finder())
"""


@pytest.mark.slow
@pytest.mark.parametrize("at", ["1", "100", "350", "0.0", "0.05", "0.1", "0.2"])
def test_ctrl_c_while_a_script_imports_ends_it_with_one_line(at, tmp_path):
    (tmp_path / "sitecustomize.py").write_text(INTERRUPT)
    env = os.environ | {"PYTHONPATH": str(tmp_path), "AT": at}
    running = [subprocess.Popen([sys.executable, path, "--help"], env=env, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE) for path in SCRIPTS]  # fmt: skip  # noqa: E501
    for path, ended in zip(SCRIPTS, running, strict=True):
        out, err = ended.communicate(timeout=60)
        assert (out, err, ended.returncode) == ("", "error: interrupted; nothing was changed\n", 130), path.name


def test_a_python_without_the_packages_is_one_message(tmp_path):
    venv.create(tmp_path / "venv", symlinks=True)
    bare = str(tmp_path / "venv/bin/python")
    for path in SCRIPTS:
        for command in ([bare], [sys.executable, "-S"]):
            ran = subprocess.run([*command, f"scripts/{path.name}"], capture_output=True, text=True, cwd=ROOT)
            told = f"`make dataset` installs it; then run .venv/bin/python scripts/{path.name}"
            first = f"error: typer is not installed for {command[0]}"
            assert (ran.returncode, ran.stdout, ran.stderr) == (2, "", f"{first}\n  {told}\n")


def test_a_package_that_cannot_be_used_is_one_message(tmp_path):
    (tmp_path / "typer.py").write_text("from os import no_such_name")
    env = os.environ | {"PYTHONPATH": str(tmp_path)}
    ran = subprocess.run([sys.executable, "build.py"], capture_output=True, text=True, cwd=ROOT / "scripts", env=env)
    first, todo = ran.stderr.splitlines()
    assert ran.returncode == 2
    assert first.startswith("error: os cannot be imported (cannot import name 'no_such_name' from 'os' ")
    assert todo == "  `make dataset` installs it; then run ../.venv/bin/python build.py"


def test_an_error_in_a_script_is_still_seen():
    code = "from newsparallax import _start; _start.guard('x'); raise KeyError('x')"
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT)
    assert (ran.returncode, ran.stderr.splitlines()[-1]) == (1, "KeyError: 'x'")
