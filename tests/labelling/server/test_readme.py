"""The commands of the pages that need a Label Studio server print what the pages show."""

from __future__ import annotations

import os
import re
import subprocess
import sys

import pytest
from studio import FIRST, ROOT, SECOND, ask, corpus_copy, environment

from readme import titled

SERVER = "With a Label Studio server"
COMMANDS = [
    command
    for page in ("docs/annotate.md", "docs/agreement.md")
    for command in titled(page, "With a Label Studio server")
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


def test_the_commands_print_what_the_pages_show(server, corpus):
    assert [command.split()[2] for command, _ in COMMANDS] == ["push", "pull", "pull", "review"]
    assert FIRST in COMMANDS[-1][0]
    env = environment(server)
    env["PATH"] = os.pathsep.join([f"{sys.prefix}/bin", env.get("PATH", os.defpath)])
    for number, (command, shown) in enumerate(COMMANDS):
        if number == 1:
            annotated(server)
        ran = subprocess.run(
            ["bash", "-c", command], cwd=corpus, env=env, text=True,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False,
        )  # fmt: skip
        assert comparable(ran.stdout) == comparable(shown), command
