"""The pages as a new user follows them: README.md in a fresh copy, every other page after README.md.

A page's commands run with only what README.md and the page itself have installed until then. Fences that are run:

- `sh`: commands without output; one that fails is reported.
- `console`: commands with their output. With a title they need a hub or a server, and other tests run them.
- `python`: code, with its output in a `text` fence that follows.
- `toml title="FILE"`: a file that the reader writes.

`python tests/readme.py [PAGE...]` writes into the pages what their commands print now.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tempfile
import tomllib
from collections.abc import Iterator
from importlib.metadata import Distribution, distribution
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

from packaging.requirements import Requirement

ROOT = Path(__file__).parents[1]
README, CARD = "README.md", "dataset_card.md"
PAGES = (README, *sorted(f"docs/{path.name}" for path in (ROOT / "docs").glob("*.md")))
COPIED = ("src", "scripts", "seeds", "annotations", CARD, "CHANGELOG.md", README, "LICENSE")
COPIED += ("tests/corpora", "Makefile", "pyproject.toml", "constraints.txt")
FENCE = re.compile(r'^```([\w-]+)(?: title="([^"\n]+)")?\n(.*?)^```$', re.DOTALL | re.MULTILINE)
COMMAND = re.compile(r"^\$ (.*)\n((?:(?!\$ ).*\n)*)", re.MULTILINE)
ELSEWHERE = re.compile(r"git clone |cd |make (annotate|dataset)\b")  # README.md makes the dataset in the copy
MARK = "\x1e\n"  # between the outputs of two pieces of Python code


class Fence(NamedTuple):
    language: str
    title: str | None
    content: str


def read(page: str) -> str:
    return (ROOT / page).read_text(encoding="utf-8")


def fences(document: str) -> list[Fence]:
    return [Fence(*found.groups()) for found in FENCE.finditer(document)]


def titled(page: str, title: str) -> list[tuple[str, str]]:
    """The commands of a page in fences with this title, each with the output that is shown."""
    found = (fence for fence in fences(read(page)) if (fence.language, fence.title) == ("console", title))
    return [command for fence in found for command in COMMAND.findall(fence.content)]


def copy_repository(place: Path) -> Path:
    """A copy of what is in git and matters to users, in which nothing is installed yet."""
    for name in COPIED:
        source, target = ROOT / name, place / name
        target.parent.mkdir(parents=True, exist_ok=True)
        if source.is_dir():
            shutil.copytree(source, target, ignore=shutil.ignore_patterns("__pycache__", "build"))
        else:
            shutil.copy(source, target)
    link = place / ".link"  # what the Makefile runs instead of pip
    link.write_text(f'#!/bin/sh\nexec {sys.executable} {Path(__file__).resolve()} "$@"\n')
    link.chmod(0o755)
    return place


def ran(place: Path, command: str, **more: str) -> subprocess.CompletedProcess[str]:
    """A shell command in the copy, both streams as on a terminal, with no variable but a few and `more`."""
    path = [part for part in os.environ["PATH"].split(os.pathsep) if Path(part) != Path(sys.prefix, "bin")]
    env = {"PATH": os.pathsep.join([str(place / ".venv/bin"), *path]), "HOME": str(place / ".home")}
    env |= {"PYTHONUNBUFFERED": "1", "PYTHON": sys.executable}
    env["MAKEFLAGS"] = f"--no-print-directory PIP={place / '.link'}"
    return subprocess.run(
        ["bash", "-c", command], cwd=place, env=env | more, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    )


def run(place: Path, command: str, **more: str) -> str:
    """What a shell command prints in the copy."""
    return ran(place, command, **more).stdout


def play(place: Path, language: str, title: str | None, content: str) -> str:
    """The content of a fence with what its commands print in the copy, or with a report of what failed."""
    if language == "toml" and title:
        (place / title).write_text(content, encoding="utf-8")
    if language == "sh":
        done = [ran(place, command) for command in content.splitlines() if not ELSEWHERE.match(command)]
        content += "".join(f"FAILED: {one.args[-1]}\n{one.stdout}" for one in done if one.returncode)
    if language == "console" and not title:
        content = "".join(f"$ {command}\n{run(place, command)}" for command, _ in COMMAND.findall(content))
    return content


def with_python(place: Path, document: str) -> str:
    """The document with what its Python code prints, all in one process."""
    code = [fence.content for fence in fences(document) if fence.language == "python"]
    if not code:
        return document
    (place / "build/page.py").write_text(f"\nprint({MARK!r}, end='')\n".join(code), encoding="utf-8")
    printed = run(place, ".venv/bin/python build/page.py 2> build/page.err || cat build/page.err").split(MARK)
    if len(printed) != len(code):
        return f"{document}FAILED: {printed}"
    outputs = iter(printed)
    parts, end = [], 0
    for one, after in pairwise([*FENCE.finditer(document), None]):
        output = next(outputs) if one and one[1] == "python" else ""
        if output and (after is None or after[1] != "text"):
            return f"{document}FAILED: nothing shows {output}"
        if output and after:
            parts += [document[end : after.start(3)], output]
            end = after.end(3)
    return "".join([*parts, document[end:]])


def played(place: Path, document: str) -> str:
    """The document with what its commands and its code print in the copy `place`, in place of what it shows."""

    def replace(found: re.Match[str]) -> str:
        return found[0][: found.start(3) - found.start()] + f"{play(place, *found.groups())}```"

    return with_python(place, FENCE.sub(replace, document))


def page_played(followed: Path, work: Path, page: str) -> str:
    """A page as played in a copy of the place where README.md was followed."""
    return played(Path(shutil.copytree(followed, work / "news-parallax", symlinks=True)), read(page))


def closure(requirement: Requirement, seen: set[tuple[str, str]]) -> Iterator[Distribution]:
    """A package of this environment, and all that it needs."""
    for extra in (*requirement.extras, ""):
        if (requirement.name, extra) in seen:
            continue
        seen.add((requirement.name, extra))
        package = distribution(requirement.name)
        yield package
        for needed in map(Requirement, package.requires or ()):
            if needed.marker is None or needed.marker.evaluate({"extra": extra}):
                yield from closure(needed, seen)


def link_packages(folder: Path, extras: set[str]) -> None:
    """Install this project and what it needs into the copy's environment, by links to the packages of this one.

    Nothing in it names the folder, so that a copy of the folder has an environment of its own.
    """
    (site,) = (folder / ".venv/lib").glob("python*/site-packages")
    project = tomllib.loads((folder / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    needed = [*project["dependencies"], *(line for extra in extras for line in project["optional-dependencies"][extra])]
    seen: set[tuple[str, str]] = set()
    for package in (part for line in needed for part in closure(Requirement(line), seen)):
        for name in {path.parts[0] for path in package.files or () if path.parts[0] not in ("..", "__pycache__")}:
            if not (site / name).exists():
                (site / name).symlink_to(Path(str(package.locate_file(name))).resolve())
    (site / "newsparallax.pth").write_text("../../../../src")
    command = folder / ".venv/bin/newsparallax"
    command.write_text('#!/bin/sh\nexec "$(dirname "$0")/python" -m newsparallax "$@"\n')
    command.chmod(0o755)


def main(pages: list[str]) -> None:
    """Write into the pages what their commands print."""
    with tempfile.TemporaryDirectory() as work:
        followed = copy_repository(Path(work) / "news-parallax")
        new = {README: played(followed, read(README))}
        for page in pages or [*PAGES[1:], CARD]:
            if page not in new:
                with tempfile.TemporaryDirectory() as place:
                    new[page] = page_played(followed, Path(place), page)
            (ROOT / page).write_text(new[page], encoding="utf-8")
        if not pages:
            (ROOT / README).write_text(new[README], encoding="utf-8")


if __name__ == "__main__":
    if sys.argv[1:2] == ["--editable"]:  # as pip: --editable '.[release]'
        link_packages(Path.cwd(), {*re.findall(r"\w+", sys.argv[-1])})
    else:
        main(sys.argv[1:])
