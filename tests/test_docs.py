"""The documents: their code runs, their commands print what they show, their links lead somewhere."""

import json
import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
import yaml

from helpers import CORPORA, ROOT
from newsparallax.building import measure
from newsparallax.corpus import open_corpus, schema
from newsparallax.dataset.card import BLOCKS
from readme import CARD, FENCE, PAGES, README, copy_repository, fences, page_played, played, read

DOCUMENTS = (*PAGES, CARD, "CONTRIBUTING.md", "CHANGELOG.md", "SECURITY.md", "CODE_OF_CONDUCT.md")
SCRIPTS = sorted(path.stem for path in (ROOT / "scripts").glob("[!_]*.py"))
GENERATED = re.compile(r"<!-- begin generated: ([\w-]+) -->.*?<!-- end generated: \1 -->", re.DOTALL)
LINK = re.compile(r"\]\(([^)\s]+)\)")


@pytest.fixture(scope="module")
def followed(tmp_path_factory):
    """A copy of the repository in which README.md was followed, and README.md with what its commands print there."""
    place = copy_repository(tmp_path_factory.mktemp("docs") / "news-parallax")
    return place, played(place, read(README))


LONG = ("formats", "maintain", "publish", "scale", "your-corpus")  # pages whose commands take many seconds each


@pytest.mark.parametrize(
    "page", [pytest.param(page, marks=[pytest.mark.slow] * (Path(page).stem in LONG)) for page in (*PAGES, CARD)]
)
def test_what_a_page_tells_to_run_prints_what_it_shows(followed, tmp_path, page):
    """`tests/readme.py` writes it anew."""
    place, readme = followed
    printed = readme if page == README else page_played(place, tmp_path, page)
    assert printed.splitlines() == read(page).splitlines()


def test_the_pages_name_every_command():
    named = {*re.findall(r"newsparallax ([a-z-]+)", " ".join(read(page).replace("\n", " ") for page in PAGES))}
    assert {command.replace("_", "-") for command in SCRIPTS} <= named


@pytest.mark.parametrize("document", DOCUMENTS)
def test_what_documents_name_exists(document):
    text = read(document)
    assert {*re.findall(r"scripts/(\w+)\.py", text)} <= {*SCRIPTS}
    targets = {*re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE)}
    code = [found[0] for found in re.finditer(r"`[^`\n]+`", text)] + [fence.content for fence in fences(text)]
    assert {name for part in code for name in re.findall(r"\bmake ([a-z-]+)", part)} <= targets


def test_the_website_builds_without_a_warning_and_loads_nothing_from_elsewhere(tmp_path):
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", tmp_path]
    env = os.environ | {"NO_MKDOCS_2_WARNING": "1"}
    done = subprocess.run(command, cwd=ROOT, env=env, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert all((tmp_path / Path(page).name).with_suffix(".html").is_file() for page in PAGES if page != README)
    for page in tmp_path.rglob("*.html"):
        loaded = re.findall(r"<(?:script|link|img|iframe)\b[^>]*", page.read_text(encoding="utf-8"))
        assert not [tag for tag in loaded if re.search(r"(src|href)=[\"']?(https?:)?//", tag)]


@pytest.mark.parametrize("document", DOCUMENTS)
def test_links_lead_somewhere(document):
    for link in LINK.findall(FENCE.sub("", read(document))):
        if "://" in link:
            continue
        name, _, anchor = link.partition("#")
        target = (ROOT / document).parent / name if name else ROOT / document
        assert target.exists(), link
        assert not anchor or anchor in headings(target.read_text(encoding="utf-8")), link
        assert document != CARD or not name, f"{link}: the card is published without the repository"


def test_modules_that_the_architecture_names_exist():
    text = (ROOT / "docs/architecture.md").read_text(encoding="utf-8")
    source = ROOT / "src/newsparallax"
    named = {*re.findall(r"`([a-z_/]+\.py)`", text)} - {"__init__.py"}
    assert len(named) > 30
    assert [name for name in sorted(named) if not any((root / name).is_file() for root in (source, ROOT))] == []
    drawn = re.findall(r"^([a-z_]+)  ", text.partition("```text\n")[2].partition("```")[0], re.MULTILINE)
    assert {*drawn} == {path.name for path in source.iterdir() if (path / "__init__.py").is_file()}


def headings(text: str) -> set[str]:
    """The anchors that a page's headings make."""
    found = re.findall(r"^#+ (.+)$", FENCE.sub("", text), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in found}


def test_the_card_has_every_block_once_and_no_number_typed_by_hand():
    assert sorted(found[1] for found in GENERATED.finditer(read(CARD))) == sorted(BLOCKS)
    prose = FENCE.sub("", GENERATED.sub("", read(CARD).split("\n---\n", 1)[1]))
    prose = re.sub(r"`[^`\n]+`|\]\([^)]+\)", "", prose)
    known = r"UTF-(8|16)\b|CC BY 4\.0|Apache-2\.0|\bfrom 1\.0\.0 on\b|\(2018\)"  # names, not counts
    assert re.findall(r".*\d.*", re.sub(known, "", prose)) == []


def test_what_the_prose_says_of_the_corpus_is_so(followed):
    manifest = yaml.safe_load((followed[0] / "build/latest/manifest.json").read_text(encoding="utf-8"))
    counts = manifest["counts"]
    only_models = counts["gold"] == {"adjudicated": counts["articles"], "by_model": counts["articles"]}
    statement = "**Models made all annotations in it. No human has annotated or checked them.**"
    card = read(CARD)
    assert (statement in read(README), "Nothing has been checked by a human" in card) == (only_models, only_models)
    assert ("articles that tell the same event" in card) == (counts["events"] == 1)
    assert f"| {counts['articles']} articles of {counts['events']} event" in read("docs/compare.md")
    translated = any(article.machine_translated for article in open_corpus(None).context.articles.values())
    assert ("**Translation.**" in card) == translated
    assert all(f"| `{config}` |" in read("docs/use.md") for config in manifest["rows"])


def test_the_front_matter_is_that_of_the_corpus():
    front = yaml.safe_load(read(CARD)[4:].split("\n---\n", 1)[0])
    corpus = open_corpus(None).context.corpus
    assert front["language"] == corpus.languages
    assert front["license"] == "other"
    assert corpus.license in front["license_name"]
    assert re.fullmatch(r"[a-z0-9.-]+", front["license_name"])
    assert corpus.title in read(CARD).partition("```bibtex")[2]


def test_the_changelog_begins_with_the_version_of_the_corpus():
    version = tomllib.loads((ROOT / "annotations/corpus.toml").read_text(encoding="utf-8"))["version"]
    found = re.search(r"^## \[(.+)\]", (ROOT / "CHANGELOG.md").read_text(encoding="utf-8"), re.MULTILINE)
    assert found
    assert found[1] == version


def test_every_column_is_described_and_no_other():
    own = {"block_id", "kind", "tokens", "starts", "ends", "tags"}
    derived = {*schema.DERIVED, *schema.SPOKEN, *schema.REFERENTS}
    fixed = {*schema.ARTICLE, *schema.VOTE, *schema.PLACE, *schema.MADE_BY, *schema.REPAIRED, *schema.LINK.fields}
    assert {*schema.meanings("spans")} == fixed | derived | own | {*schema.ENTITY}


def test_the_side_by_side_table_of_the_card_is_so():
    """Each quoted word of a column is in the article of that column."""
    table = read(CARD).partition("| | China Daily")[2].partition("\n\n")[0]
    rows = [line.strip("|").split("|")[1:] for line in table.splitlines()[2:]]
    seeds = sorted((ROOT / "seeds").glob("*.txt"))
    assert len(rows) > 5
    for row in rows:
        for cell, seed in zip(row, seeds, strict=True):
            text = re.sub(r"\s+", " ", seed.read_text(encoding="utf-8"))
            assert [words for words in re.findall(r"\*([^*]+)\*", cell) if words not in text] == []


def test_the_card_shows_the_agreement_of_the_invented_reports():
    with measure(open_corpus(CORPORA / "invented")) as measured:
        fresh = json.loads(b"".join(measured.json()))
    assert json.loads((ROOT / "annotations/guidelines_agreement.json").read_bytes()) == fresh
