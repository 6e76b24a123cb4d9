"""The files around the program: workflow, hooks, forms, citation and Makefile agree with what they describe."""

from __future__ import annotations

import re
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest
import yaml

from helpers import ROOT
from newsparallax.corpus import Corpus, open_corpus
from newsparallax.corpus.registries import Citation
from newsparallax.dataset.card_blocks import bibtex

MAKE = re.compile(r"^\s*make (\S+)", re.MULTILINE)
FORMS = sorted(path for path in (ROOT / ".github/ISSUE_TEMPLATE").glob("*.yml") if path.name != "config.yml")


def read(path: str | Path) -> str:
    return (ROOT / path).read_text(encoding="utf-8")


def parsed(path: str | Path) -> dict[str, Any]:
    values = yaml.safe_load(read(path))
    assert isinstance(values, dict)
    return values


def commands(job: dict[str, Any]) -> list[str]:
    """The commands of a job, with each value of its matrix."""
    runs = [step["run"] for step in job["steps"] if "run" in step]
    for name, values in job["strategy"]["matrix"].items():
        runs = [run.replace(f"${{{{ matrix.{name} }}}}", value) for run in runs for value in values]
    return runs


def test_the_workflow_makes_the_targets_of_ci_run():
    jobs = parsed(".github/workflows/ci.yml")["jobs"].values()
    made = {target for job in jobs for command in commands(job) for target in MAKE.findall(command)}
    assert made == {*MAKE.findall(read(".ci/run"))}


def test_the_workflow_starts_at_the_lowest_python_and_can_only_read():
    workflow = parsed(".github/workflows/ci.yml")
    assert workflow["permissions"] == {"contents": "read"}
    assert not any("permissions" in job for job in workflow["jobs"].values())
    lowest = tomllib.loads(read("pyproject.toml"))["project"]["requires-python"].removeprefix(">=")
    for job in workflow["jobs"].values():
        pythons = job["strategy"]["matrix"]["python"]
        first = int(lowest.partition(".")[2])
        assert pythons == [f"3.{first + step}" for step in range(len(pythons))]
        for action in filter(None, (step.get("uses") for step in job["steps"])):
            assert re.fullmatch(r"actions/[a-z-]+@v\d+", action)


def test_hooks_are_local_and_run_what_is_there():
    for repo in parsed(".pre-commit-config.yaml")["repos"]:
        assert repo["repo"] == "local"
        for hook in repo["hooks"]:
            program, *arguments = hook["entry"].split()
            assert hook["language"] == "system"
            assert program.startswith(".venv/bin/")
            assert (Path(sys.prefix, "bin") / Path(program).name).exists()
            assert all((ROOT / argument).exists() for argument in arguments if argument.endswith(".py"))
            assert re.compile(hook.get("files", ""))


@pytest.mark.parametrize("path", FORMS, ids=lambda path: path.stem)
def test_an_issue_form_asks_for_something(path):
    form = parsed(path)
    assert form["name"]
    assert form["description"]
    fields = [field for field in form["body"] if field["type"] != "markdown"]
    assert any(field.get("validations", {}).get("required") for field in fields)
    assert all(field["attributes"]["label"] for field in fields)
    ids = [field["id"] for field in fields]
    assert len(ids) == len({*ids})


def test_other_yaml_files_parse():
    assert parsed(".github/ISSUE_TEMPLATE/config.yml") == {"blank_issues_enabled": False}
    assert len(FORMS) == 3


def phony() -> list[str]:
    line = re.search(r"^\.PHONY:(.*)$", read("Makefile"), re.MULTILINE)
    assert line
    return line[1].split()


@pytest.mark.parametrize("command", [("make", "help"), ("make",)])
def test_make_help_describes_every_target(command):
    done = subprocess.run([*command, "--no-print-directory"], cwd=ROOT, capture_output=True, text=True, check=True)
    described = dict(re.findall(r"^make (\S+) +(\S.*)$", done.stdout, re.MULTILINE))
    assert [*described] == phony()
    assert len(done.stdout.splitlines()) == len(described)


def test_the_citation_file_agrees_with_the_corpus():
    """The same BibTeX entry follows from both, so a new version, title or author must reach CITATION.cff too."""
    corpus, cff = open_corpus(None).context.corpus, parsed("CITATION.cff")
    preferred = cff["preferred-citation"]
    same = ("title", "version", "authors", "url")
    assert {key: cff.get(key) for key in same} == {key: preferred.get(key) for key in same}
    [author] = cff["authors"]
    cited = Citation(author["name"], preferred["year"], cff.get("url"))
    assert bibtex(Corpus(corpus.name, cff["version"], title=cff["title"], citation=cited)) == bibtex(corpus)


def test_the_citation_file_has_what_the_format_requires_and_says_who_annotated():
    cff, context = parsed("CITATION.cff"), open_corpus(None).context
    assert {"cff-version", "message", "title", "authors"} <= cff.keys()
    assert (cff["cff-version"], cff["type"], cff["preferred-citation"]["type"]) == ("1.2.0", "dataset", "data")
    only_models = all(annotator.kind == "model" for annotator in context.annotators.values())
    assert ("no human has checked them" in cff["abstract"]) == only_models
