"""Version 0.1.0, kept as it was, against the dataset of today: what changed, and that the version number says so."""

from __future__ import annotations

import hashlib
import json

from command_line import run_command
from helpers import ROOT
from newsparallax.building import build
from newsparallax.corpus import open_corpus

FIRST = ROOT / "tests/releases/v0.1.0"


def test_the_first_version_is_as_it_was():
    files = json.loads((FIRST / "manifest.json").read_bytes())["files"]
    found = {str(path.relative_to(FIRST)) for path in FIRST.rglob("*") if path.is_file()}
    assert found == {*files, "manifest.json"}
    for name, facts in files.items():
        assert hashlib.sha256((FIRST / name).read_bytes()).hexdigest() == facts["sha256"]


def test_the_version_of_today_is_enough_for_what_changed(tmp_path):
    built = build(open_corpus(None), tmp_path / "today", verify=False)
    ran = run_command("release", "diff", FIRST, built.place)
    assert ran.returncode == 0, ran.stderr
    assert f"version {built.manifest.version} is enough" in ran.stdout
    for line in ("column removed                entities.naming", "config added                  quotes"):
        assert line in ran.stdout
    assert "article removed" not in ran.stdout
    assert "label removed                 entities" not in ran.stdout
