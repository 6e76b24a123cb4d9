"""The documents: their code runs, their commands print what they show, their links lead somewhere."""

import os
import re
import shutil
import subprocess
import sys
import tomllib
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

import pytest
import yaml

from newsparallax.core import schema
from newsparallax.core.render.card import COLUMNS
from newsparallax.edges.card import BLOCKS
from newsparallax.edges.folder import open_corpus

REPO = Path(__file__).parents[1]
COPIED = ("src", "scripts", "seeds", "annotations", "dataset_card.md", "CHANGELOG.md", "tests/corpora")
DOCUMENTS = ("README.md", "CONTRIBUTING.md", "CHANGELOG.md", "dataset_card.md")
README, CARD = ((REPO / name).read_text(encoding="utf-8") for name in ("README.md", "dataset_card.md"))
SCRIPTS = sorted(path.stem for path in (REPO / "scripts").glob("*.py"))
WAIVERS = "build/trial/annotations/waivers.toml"  # where the TOML block of the README belongs

FENCE = re.compile(r"^```(\w+)\n(.*?)^```$", re.DOTALL | re.MULTILINE)
GENERATED = re.compile(r"<!-- begin generated: ([\w-]+) -->.*?<!-- end generated: \1 -->", re.DOTALL)
LINK = re.compile(r"\]\(([^)\s]+)\)")


class Fence(NamedTuple):
    language: str
    content: str


def fences(document: str) -> list[Fence]:
    return [Fence(*found.groups()) for found in FENCE.finditer(document)]


@pytest.fixture(scope="module")
def clone(tmp_path_factory):
    """A copy of the repository in which commands run as they are shown, with a fresh build."""
    place = tmp_path_factory.mktemp("docs") / "clone"
    for name in COPIED:
        source, target = REPO / name, place / name
        target.parent.mkdir(parents=True, exist_ok=True)
        if source.is_dir():
            shutil.copytree(source, target, ignore=shutil.ignore_patterns("__pycache__", "build"))
        else:
            shutil.copy(source, target)
    (place / ".venv").symlink_to(sys.prefix)
    assert run(place, ".venv/bin/python scripts/build.py").returncode == 0
    return place


def run(clone: Path, command: str) -> subprocess.CompletedProcess[str]:
    """A shell command in the copy; the package is the copy's own, and both streams are in `stdout`."""
    own = {"PYTHONPATH": str(clone / "src"), "PYTHONUNBUFFERED": "1", "HF_HUB_OFFLINE": "1"}
    env = os.environ | own | {"HF_DATASETS_CACHE": str(clone / "build" / "cache")}
    return subprocess.run(
        ["bash", "-c", command], cwd=clone, env=env, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    )


def comparable(output: str) -> str:
    """Output without what may differ: where the copy is, and the digest, which changes with every corrected row."""
    return re.sub(r"(?<=digest )[0-9a-f-]+", "...", re.sub(r"\S*/(?=build/)", "", output))


def test_the_commands_of_the_readme_print_what_it_shows(clone):
    for fence in fences(README):
        if fence.language == "toml":
            (clone / WAIVERS).write_text(fence.content, encoding="utf-8")
        if fence.language != "console":
            continue
        for part in re.split(r"^\$ ", fence.content, flags=re.MULTILINE)[1:]:
            command, _, shown = part.partition("\n")
            assert comparable(run(clone, command).stdout) == comparable(shown), command


@pytest.mark.parametrize("document", ["README.md", "dataset_card.md"])
def test_the_python_code_prints_what_is_shown(clone, document):
    found = fences((REPO / document).read_text(encoding="utf-8"))
    pairs = [(a.content, b) for a, b in pairwise([*found, Fence("", "")]) if a.language == "python"]
    assert pairs
    mark = "\x1e\n"
    code = f"\nprint({mark!r}, end='')\n".join(content for content, _ in pairs)
    (clone / "build" / "documents.py").write_text(code, encoding="utf-8")
    finished = run(clone, ".venv/bin/python build/documents.py 2> build/documents.err || cat build/documents.err")
    printed = finished.stdout.split(mark)
    assert len(printed) == len(pairs), finished.stdout
    for output, (content, after) in zip(printed, pairs, strict=True):
        assert output == (after.content if after.language == "text" else ""), content


def helps(script: str, *command: str) -> str:
    """What --help says of a script and of all its commands."""
    argv = [sys.executable, f"scripts/{script}.py", *command, "--help"]
    text = subprocess.run(argv, cwd=REPO, capture_output=True, text=True, check=True).stdout
    commands = re.findall(r"^  (\w+)", text.partition("\nCommands:\n")[2], re.MULTILINE)
    return text + "".join(helps(script, *command, name) for name in commands)


@pytest.mark.parametrize("script", SCRIPTS)
def test_the_readme_names_every_script_and_option(script):
    assert f"scripts/{script}.py" in README
    for option in sorted(set(re.findall(r"--[a-z][a-z-]*", helps(script)))):
        assert re.search(rf"{option}\b(?!-)", README), option


@pytest.mark.parametrize("document", DOCUMENTS)
def test_what_documents_name_exists(document):
    text = (REPO / document).read_text(encoding="utf-8")
    assert {*re.findall(r"scripts/(\w+)\.py", text)} <= {*SCRIPTS}
    targets = {*re.findall(r"^([a-z-]+):", (REPO / "Makefile").read_text(encoding="utf-8"), re.MULTILINE)}
    code = [found[0] for found in re.finditer(r"`[^`\n]+`", text)] + [fence.content for fence in fences(text)]
    assert {name for part in code for name in re.findall(r"\bmake ([a-z-]+)", part)} <= targets


@pytest.mark.parametrize("document", DOCUMENTS)
def test_links_lead_somewhere(document):
    for link in LINK.findall(FENCE.sub("", (REPO / document).read_text(encoding="utf-8"))):
        if "://" in link:
            continue
        name, _, anchor = link.partition("#")
        target = REPO / (name or document)
        assert target.exists(), link
        assert not anchor or anchor in headings(target.read_text(encoding="utf-8")), link
        assert document != "dataset_card.md" or not name, f"{link}: the card is published without the repository"


def headings(text: str) -> set[str]:
    """The anchors that a page's headings make."""
    found = re.findall(r"^#+ (.+)$", FENCE.sub("", text), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in found}


def test_what_is_said_not_to_be_there_is_not_there():
    section = README.partition("### Not there yet")[2].partition("\n## ")[0]
    assert not {*re.findall(r"`(\w+)`", section)} & {*SCRIPTS}


def test_the_card_has_every_block_once_and_no_number_typed_by_hand():
    assert sorted(found[1] for found in GENERATED.finditer(CARD)) == sorted(BLOCKS)
    prose = FENCE.sub("", GENERATED.sub("", CARD.split("\n---\n", 1)[1]))
    prose = re.sub(r"`[^`\n]+`|\]\([^)]+\)", "", prose)
    known = r"UTF-(8|16)\b|CC BY 4\.0|Apache-2\.0|\bfrom 1\.0\.0 on\b|\(2018\)"  # names, not counts
    assert re.findall(r".*\d.*", re.sub(known, "", prose)) == []


def test_what_the_prose_says_of_the_corpus_is_so(clone):
    manifest = yaml.safe_load((clone / "build/latest/manifest.json").read_text(encoding="utf-8"))
    counts = manifest["counts"]
    only_models = counts["gold"] == {"adjudicated": counts["articles"], "by_model": counts["articles"]}
    statement = "**Models made the annotations that are here. No human has checked them.**"
    assert (statement in README, "Nothing has been checked by a human" in CARD) == (only_models, only_models)
    assert ("articles that tell the same event" in CARD) == (counts["events"] == 1)
    assert f"| {counts['articles']} articles of {counts['events']} event" in README
    translated = any(article.machine_translated for article in open_corpus(None).context.articles.values())
    assert ("**Translation.**" in CARD) == translated
    assert all(f"| `{config}` |" in README for config in manifest["rows"])


def test_the_front_matter_is_that_of_the_corpus():
    front = yaml.safe_load(CARD[4:].split("\n---\n", 1)[0])
    corpus = open_corpus(None).context.corpus
    assert front["language"] == corpus.languages
    assert front["license"] == "other"
    assert corpus.license in front["license_name"]
    assert re.fullmatch(r"[a-z0-9.-]+", front["license_name"])
    assert corpus.title in CARD.partition("```bibtex")[2]


def test_the_changelog_begins_with_the_version_of_the_corpus():
    version = tomllib.loads((REPO / "annotations/corpus.toml").read_text(encoding="utf-8"))["version"]
    found = re.search(r"^## \[(.+)\]", (REPO / "CHANGELOG.md").read_text(encoding="utf-8"), re.MULTILINE)
    assert found
    assert found[1] == version


def test_every_column_is_described_and_no_other():
    own = {"block_id", "kind", "tokens", "starts", "ends", "tags"}
    fixed = {*schema.ARTICLE, *schema.VOTE, *schema.PLACE, *schema.MADE_BY, *schema.REPAIRED, *schema.LINK.fields}
    assert {*COLUMNS} == fixed | own
