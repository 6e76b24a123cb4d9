"""The commands of the README that need a hub print what it shows."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys

from small_corpora import ROOT

FENCE = re.compile(r"^```shellsession\n(.*?)^```$", re.DOTALL | re.MULTILINE)
COMMANDS = [
    part.partition("\n")
    for fence in FENCE.findall((ROOT / "README.md").read_text(encoding="utf-8"))
    for part in re.split(r"^\$ ", fence, flags=re.MULTILINE)[1:]
]


def comparable(output):
    """Without sizes, which every corrected row changes, and names of commits."""
    return re.sub(r"[\d,]+ bytes", "N bytes", re.sub(r"\b[0-9a-f]{12}\b", "COMMIT", output))


def test_the_commands_print_what_the_readme_shows(hub, tmp_path):
    corpus = tmp_path / "corpus"
    for name in ("seeds", "annotations", "scripts"):
        shutil.copytree(ROOT / name, corpus / name)
    for name in ("dataset_card.md", "CHANGELOG.md"):
        shutil.copy(ROOT / name, corpus / name)
    (corpus / ".venv").symlink_to(sys.prefix)
    assert len(COMMANDS) == 2
    for command, _, shown in COMMANDS:
        ran = subprocess.run(
            ["bash", "-c", f"{command} --corpus ."], cwd=corpus, env=os.environ | hub.environment(), text=True,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False,
        )  # fmt: skip
        assert comparable(ran.stdout) == comparable(shown), command
    assert set(hub.tags("org/news-parallax")) == {"v0.1.0"}
