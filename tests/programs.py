"""Programs in processes of their own that begin with most of their imports done.

A starter process imports what the commands need. For each program it forks a child, which takes the environment and the
arguments, and runs the program as Python would. `datasets` and `huggingface_hub` read the environment when they are
imported, so the starter does not import them. What the interpreter itself reads from the environment (PYTHONPATH,
PYTHONHASHSEED and so on), signals, and limits of a process need a new interpreter.
"""

from __future__ import annotations

import json
import os
import runpy
import select
import signal
import subprocess
import sys
import tempfile
import time
from functools import cache
from pathlib import Path
from subprocess import CompletedProcess
from typing import Any

SECONDS = 300  # in which a program must end


def run_program(program: Path | str, *arguments: Any, env: dict[str, str]) -> CompletedProcess[str]:
    """Run a script, or code, with `env` as its whole environment; return its exit code, stdout and stderr.

    Raises TimeoutError where it does not end.
    """
    argv = [str(program) if isinstance(program, Path) else "-c", *map(str, arguments)]
    with tempfile.TemporaryDirectory() as folder:
        out, err = Path(folder, "out"), Path(folder, "err")
        starter = _starter()
        assert starter.stdin
        assert starter.stdout
        code = None if isinstance(program, Path) else program
        asked = {"argv": argv, "code": code, "env": env, "cwd": str(Path.cwd()), "out": str(out), "err": str(err)}
        starter.stdin.write(json.dumps(asked) + "\n")
        starter.stdin.flush()
        if not select.select([starter.stdout], [], [], SECONDS)[0]:
            os.killpg(starter.pid, signal.SIGKILL)
            _starter.cache_clear()
            raise TimeoutError(f"{argv} has not ended after {SECONDS} s")
        status = json.loads(starter.stdout.readline() or '"the starter is gone"')
        return CompletedProcess(argv, status, out.read_text(encoding="utf-8"), err.read_text(encoding="utf-8"))


@cache
def _starter() -> subprocess.Popen[str]:
    """One for each process that runs tests; it ends when its stdin is closed."""
    command = [sys.executable, __file__]
    return subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, start_new_session=True)


def _asked() -> dict[str, Any] | None:
    """Fork a child for each line of stdin; return there what was asked for, and None in the starter at its end."""
    for line in iter(sys.stdin.readline, ""):
        child = os.fork()
        if child == 0:
            return dict(json.loads(line))
        _, status = os.waitpid(child, 0)
        sys.stdout.write(f"{os.waitstatus_to_exitcode(status)}\n")
        sys.stdout.flush()
    return None


def _become(asked: dict[str, Any]) -> None:
    """Take everything over that was asked for, and run the program."""
    os.environ.clear()
    os.environ.update(asked["env"])
    time.tzset()
    os.chdir(asked["cwd"])
    for number, path in enumerate((os.devnull, asked["out"], asked["err"])):
        opened = os.open(path, os.O_RDWR | os.O_CREAT)
        os.dup2(opened, number)
        os.close(opened)
    sys.argv = asked["argv"]
    if asked["code"] is None:
        sys.path[0] = str(Path(sys.argv[0]).parent)
        runpy.run_path(sys.argv[0], run_name="__main__")
    else:
        exec(asked["code"], {"__name__": "__main__"})


if __name__ == "__main__":
    import httpx2  # noqa: F401
    import label_studio_sdk.core.client_wrapper  # noqa: F401
    import mlcroissant  # noqa: F401
    import pandas  # noqa: F401
    import pyarrow.dataset  # noqa: F401

    import newsparallax.cli.label_studio
    import newsparallax.cli.rehydrate
    import newsparallax.cli.release  # noqa: F401

    program = _asked()
    if program:
        _become(program)
