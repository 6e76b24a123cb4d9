"""The commands of the README that need a server print what it shows."""

from __future__ import annotations

import re
import subprocess
import sys

import pytest
from studio import FIRST, ROOT, SECOND, ask, corpus_copy, environment

README = (ROOT / "README.md").read_text(encoding="utf-8")
COMMANDS = [
    tuple(part.split("\n", 1))
    for fence in re.findall(r"^```shell-session\n(.*?)^```$", README, re.DOTALL | re.MULTILINE)
    for part in re.split(r"^\$ ", fence, flags=re.MULTILINE)[1:]
]


@pytest.fixture
def corpus(tmp_path, server):
    """This corpus under its own name, and no project of that name."""
    for title in ("news-parallax", "news-parallax: adjudication"):
        for project in ask(server, "GET", "projects", title=title)["results"]:
            if project["title"] == title:
                ask(server, "DELETE", f"projects/{project['id']}")
    folder = corpus_copy(tmp_path / "corpus", "other", exports=True)
    path = folder / "annotations/corpus.toml"
    path.write_bytes((ROOT / "annotations/corpus.toml").read_bytes())
    (folder / "scripts").symlink_to(ROOT / "scripts")
    (folder / ".venv").symlink_to(sys.prefix)
    return folder


def comparable(output: str) -> str:
    """Without the address, and the numbers that a server with other projects gives."""
    return re.sub(r"http://127\.0\.0\.1:\d+/projects/\d+", "PROJECT", output)


def annotated(server):
    """Somebody has marked an article in the page."""
    found = ask(server, "GET", "projects", title="news-parallax")["results"]
    (project,) = (project for project in found if project["title"] == "news-parallax")
    tasks = ask(server, "GET", "tasks", project=project["id"], include="id,data", fields="all")["tasks"]
    task = next(task["id"] for task in tasks if task["data"]["article_id"] == SECOND)
    value = {"start": 0, "end": 3, "text": "Efe", "labels": ["ORG"]}
    item = {"id": "r1", "from_name": "entities", "to_name": "text", "type": "labels", "value": value}
    ask(server, "POST", f"tasks/{task}/annotations", {"result": [item], "lead_time": 60, "ground_truth": False})


def test_the_commands_print_what_the_readme_shows(server, corpus):
    assert [command.split()[2] for command, _ in COMMANDS] == ["push", "pull", "pull", "review"]
    assert FIRST in COMMANDS[-1][0]
    for number, (command, shown) in enumerate(COMMANDS):
        if number == 1:
            annotated(server)
        ran = subprocess.run(
            ["bash", "-c", f"{command} --corpus ."], cwd=corpus, env=environment(server), text=True,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False,
        )  # fmt: skip
        assert comparable(ran.stdout) == comparable(shown), command
