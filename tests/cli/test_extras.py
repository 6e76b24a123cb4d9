"""A command that lacks packages says so before it does anything, all of them at once, with what installs them."""

from __future__ import annotations

import re
import sys
import tomllib
from importlib.metadata import requires

import pytest
from test_cli import run_with

from helpers import ROOT, span, task, write_corpus
from newsparallax._util import require
from newsparallax._util.environment import EXTRAS
from newsparallax.errors import UsageError

RELEASE = "error: huggingface-hub, merge3 and mlcroissant are not installed\n  `make .venv/release` installs them\n"
ANNOTATE = "error: label-studio-sdk, markdown-it-py and pyahocorasick are not installed\n  `make .venv/annotate` installs them\n"  # fmt: skip  # noqa: E501
HUB = "error: huggingface-hub is not installed\n  `make .venv/release` installs it\n"
REPORT = "error: altair and vl-convert-python are not installed\n  `make .venv/report` installs them\n"
SCALE = "error: datatrove is not installed\n  `make .venv/scale` installs it\n"
ON_RAY = "error: datatrove, ray and s3fs are not installed\n  `make .venv/scale` installs them\n"


def test_the_table_has_what_pyproject_has():
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["optional-dependencies"]
    assert EXTRAS.keys() == extras.keys() - {"docs", "test"}
    for name, packages in EXTRAS.items():
        stated = {re.split(r"[^\w-]", line)[0] for line in extras[name]}
        brought = {re.split(r"[^\w-]", line)[0] for one in packages for line in requires(one) or ()}
        assert packages.keys() <= stated <= packages.keys() | brought
    require(*EXTRAS)  # every module of the table is there


def test_one_package_and_packages_of_two_extras(monkeypatch):
    monkeypatch.setitem(sys.modules, "merge3", None)
    with pytest.raises(UsageError, match=r"^merge3 is not installed\n  `make \.venv/release` installs it$"):
        require("release")
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(UsageError, match=r"^merge3 and ray are not .*\n  `make \.venv/release \.venv/scale` installs"):
        require("merge3", "ray")


CASES = {
    "release.py check": RELEASE,
    "release.py publish --repo org/name": RELEASE,
    "release.py diff hub:org/name@v1 hub:org/name@v2": HUB,
    "label_studio.py push": ANNOTATE,
    "label_studio.py pull --split": ANNOTATE,
    "label_studio.py review": ANNOTATE,
    "label_studio.py serve --push": ANNOTATE,
    "report.py --out report.html": REPORT,
    "scale.py --input x.json --out out": SCALE,
    "scale.py --input s3://x/*.json --out out --executor ray": ON_RAY,
}


@pytest.mark.slow
@pytest.mark.parametrize("command", CASES)
def test_nothing_is_done_before_what_is_missing_is_said(tmp_path, command):
    corpus = write_corpus(tmp_path / "corpus", {"exports": {"a.json": [task("Ann met Bob.", [span(0, 3, "Ann")])]}})
    before = sorted(corpus.rglob("*"))
    name, *options = command.split()
    modules = {module for modules in EXTRAS.values() for module in modules.values()} - {
        "fsspec",
        "regex",
    }  # others use them
    without = f"sys.modules.update(dict.fromkeys({sorted(modules)!r}))"  # others use fsspec and regex
    options += ["--corpus", str(corpus)] * (options[0] != "diff")
    done = run_with(without, name, *options, cwd=tmp_path)
    assert (done.returncode, done.stdout, done.stderr) == (2, "", CASES[command])
    assert sorted(corpus.rglob("*")) == before
