"""The notebook as a newcomer runs it after `make dataset`, in a copy of the places that it reads.

`python tests/notebook.py` writes into it what its cells print now.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import nbformat

from newsparallax.building import build
from newsparallax.corpus import open_corpus

ROOT = Path(__file__).parents[1]
NOTEBOOK = ROOT / "docs/notebook.ipynb"
# All metadata that the notebook has: that of a kernel differs between machines and versions.
METADATA = {
    "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
    "language_info": {"name": "python"},
}


def executed(place: Path, *copies: str) -> list[Any]:
    """Return the notebook as executed in each of these files of the folder `place`, without what is of a machine.

    A cell that fails raises AssertionError with the output of nbmake.
    """
    build(open_corpus(ROOT), place / "build/latest", 1, verify=False)
    for copy in copies:
        (place / copy).parent.mkdir(exist_ok=True)
        (place / copy).write_bytes(NOTEBOOK.read_bytes())
    command = [sys.executable, "-m", "pytest", "--nbmake", "--overwrite", "-p", "no:cacheprovider", *copies]
    env = os.environ | {"HOME": str(place)}  # settings and history of IPython are not those of the user
    done = subprocess.run(command, cwd=place, env=env, text=True, capture_output=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return [cleaned(nbformat.read(place / copy, nbformat.NO_CONVERT)) for copy in copies]


def cleaned(notebook: Any) -> Any:
    """Return the notebook without times and versions."""
    notebook.metadata = nbformat.from_dict(METADATA)
    for cell in notebook.cells:
        cell.metadata = {}
    return notebook


def main() -> None:
    """Write into the notebook what its cells print."""
    with tempfile.TemporaryDirectory() as place:
        (notebook,) = executed(Path(place), "docs/notebook.ipynb")
    nbformat.write(notebook, NOTEBOOK)


if __name__ == "__main__":
    main()
