"""How every file of scripts/ runs its command: from this checkout, with the environment that `make dataset` makes."""

from __future__ import annotations

import os
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "src"))

from newsparallax import _start  # noqa: E402 - it needs the standard library only


def run(command: str) -> None:
    """Run the command under the name of the script."""
    python, script = os.path.relpath(ROOT / ".venv/bin/python"), os.path.relpath(sys.argv[0])
    _start.guard(f"`make dataset` installs it; then run {python} {script}")
    from newsparallax.cli.app import run_script

    run_script(command, Path(sys.argv[0]).name)
