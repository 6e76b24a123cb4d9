"""What is made from the codebook: fresh in this repository, told when stale, changed only when asked."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from command_line import run_script
from helpers import CORPORA, ROOT
from newsparallax.building import build, generate, measure, problems_of
from newsparallax.corpus import open_corpus
from newsparallax.dataset.card import BLOCKS
from newsparallax.errors import CorpusError

SMALL = ROOT / "tests/corpora/zeitung"
MADE = ("annotations/label_config.xml", "annotations/guidelines.md", "annotations/cheat_sheet.md")
CARD = "# Karte\n\n<!-- begin generated: counts -->\n<!-- end generated: counts -->\n\nNachwort.\n"


@pytest.fixture
def corpus(tmp_path):
    return Path(shutil.copytree(SMALL, tmp_path / "corpus"))


def run(script, *arguments):
    return run_script(f"{script}.py", *arguments)


def contents(folder):
    return {path: path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


def stale(corpus):
    return [str(path) for path in generate(open_corpus(corpus), write=False)]


def add_label(corpus):
    codebook = corpus / "annotations/codebook.toml"
    codebook.write_text(codebook.read_text("utf-8") + "\n[layers.akteure.labels.Tier]\n", encoding="utf-8")


@pytest.mark.parametrize("corpus", [None, SMALL, SMALL.with_name("from_tasks")], ids=["own", "zeitung", "from_tasks"])
def test_what_is_committed_is_fresh(corpus):
    assert stale(corpus) == []
    assert all(((corpus or ROOT) / path).is_file() for path in MADE)


def test_check_ends_with_1_on_drift_and_changes_nothing(corpus):
    add_label(corpus)
    before = contents(corpus)
    ran = run("generate", "--corpus", corpus, "--check")
    assert (ran.returncode, ran.stdout, ran.stderr) == (1, "".join(f"stale: {path}\n" for path in MADE), "")
    assert contents(corpus) == before

    ran = run("generate", "--corpus", corpus)
    assert (ran.returncode, ran.stdout, ran.stderr) == (0, "".join(f"written: {path}\n" for path in MADE), "")
    changed = {path.relative_to(corpus).as_posix() for path, data in contents(corpus).items() if before[path] != data}
    assert changed == set(MADE)
    assert all("Tier" in (corpus / path).read_text("utf-8") for path in MADE)

    before = contents(corpus)
    for options in (["--check"], []):
        ran = run("generate", "--corpus", corpus, *options)
        assert (ran.returncode, ran.stdout, ran.stderr) == (0, "", "")
    assert contents(corpus) == before


@pytest.mark.parametrize("path", MADE)
def test_an_edited_file_is_stale(corpus, path):
    (corpus / path).write_text((corpus / path).read_text("utf-8") + " ", encoding="utf-8")
    assert stale(corpus) == [path]


def test_a_file_that_is_not_utf8_is_stale(corpus):
    (corpus / MADE[0]).write_bytes(b"\xff\xfe")
    assert stale(corpus) == [MADE[0]]


def test_a_missing_file_is_made_but_its_absence_is_no_problem(corpus):
    for path in MADE:
        (corpus / path).unlink()
    assert stale(corpus) == list(MADE)
    assert [found.code for found in problems_of(open_corpus(corpus)) if not found.waived] == []
    assert [str(path) for path in generate(open_corpus(corpus))] == list(MADE)
    assert contents(corpus / "annotations") == {
        corpus / path.relative_to(SMALL): data for path, data in contents(SMALL / "annotations").items()
    }


def test_drift_is_a_problem_of_check(corpus):
    add_label(corpus)
    ran = run("check", "--corpus", corpus, "--json")
    assert ran.returncode == 1
    found = [json.loads(line) for line in ran.stdout.splitlines()]
    drift = [problem for problem in found if problem["code"] == "stale-generated"]
    assert [(problem["file"], problem["severity"], problem["waived"]) for problem in drift] == [
        (path, "error", None) for path in MADE
    ]
    assert {problem["hint"] for problem in drift} == {"run `newsparallax generate`"}


def test_drift_is_a_problem_of_a_build(corpus, tmp_path):
    add_label(corpus)
    ran = run("build", "--corpus", corpus, "--out", tmp_path / "out")
    assert ran.returncode == 1
    assert "stale-generated annotations/label_config.xml" in ran.stderr
    assert "3 problems that no waiver covers" in ran.stderr
    manifest = json.loads((tmp_path / "out/manifest.json").read_bytes())
    assert manifest["counts"]["problems"] == {"stale-generated": 3, "unsupported-control": 1}


def test_a_cards_blocks_are_filled_and_its_prose_is_kept(corpus):
    card = corpus / "dataset_card.md"
    card.write_text(CARD, encoding="utf-8")
    assert stale(corpus) == ["dataset_card.md"]
    assert [str(path) for path in generate(open_corpus(corpus))] == ["dataset_card.md"]
    text = card.read_text("utf-8")
    head, _, rest = text.partition("<!-- begin generated: counts -->")
    block, _, tail = rest.partition("<!-- end generated: counts -->")
    assert (head, tail) == ("# Karte\n\n", "\n\nNachwort.\n")
    assert "articles" in block
    assert stale(corpus) == []


@pytest.mark.parametrize("name", BLOCKS)
def test_every_block_can_stand_alone(corpus, name):
    (corpus / "dataset_card.md").write_text(CARD.replace("counts", name), encoding="utf-8")
    generate(open_corpus(corpus))
    _, _, rest = (corpus / "dataset_card.md").read_text("utf-8").partition(f"<!-- begin generated: {name} -->\n")
    assert rest.partition("<!-- end")[0].strip()


def test_the_card_shows_the_agreement_on_texts_that_are_unknown_to_the_authors(corpus):
    card, report = corpus / "dataset_card.md", corpus / "annotations/guidelines_agreement.json"
    card.write_text(CARD.replace("counts", "guidelines"), encoding="utf-8")
    generate(open_corpus(corpus))
    assert "is not recorded" in card.read_text("utf-8")
    with measure(open_corpus(CORPORA / "invented")) as measured:
        report.write_bytes(b"".join(measured.json()))
        f1 = measured.figures["overall"][0]["layers"]["entities"]["exact_label"]["value"]
    assert stale(corpus) == ["dataset_card.md"]
    generate(open_corpus(corpus))
    assert "between models, not between humans" in card.read_text("utf-8")
    assert f"{f1:.3f}" in card.read_text("utf-8")
    report.write_text("{}", encoding="utf-8")
    with pytest.raises(CorpusError, match=r"^annotations/guidelines_agreement\.json: expected the output of `newspa"):
        generate(open_corpus(corpus))


def test_an_unknown_block_is_an_error(corpus, tmp_path):
    (corpus / "dataset_card.md").write_text(CARD.replace("counts", "weather"), encoding="utf-8")
    message = f"dataset_card.md: begin generated: expected one of {', '.join(BLOCKS)}, found 'weather'"
    for make in (generate, lambda folder: build(folder, tmp_path / "out"), lambda folder: list(problems_of(folder))):
        with pytest.raises(CorpusError) as caught:
            make(open_corpus(corpus))
        assert str(caught.value) == message
    assert not (tmp_path / "out").exists()
    ran = run("generate", "--corpus", corpus)
    assert (ran.returncode, ran.stdout, ran.stderr) == (2, "", f"error: {message}\n")


@pytest.mark.parametrize(
    ("card", "marker"),
    [
        (CARD.replace("<!-- end generated: counts -->", ""), "line 3 .* found <!-- begin generated: counts --> alone"),
        (CARD.replace("<!-- begin generated: counts -->", ""), "line 4 .* found <!-- end generated: counts --> alone"),
        (CARD.replace("end generated: counts", "end generated: count"), "line 3 .* <!-- begin generated: counts -->"),
        (CARD.replace("counts -->\n", "counts --> "), "line 3 .* <!-- begin generated: counts -->"),
    ],
    ids=["no-end", "no-begin", "other-end", "one-line"],
)
def test_a_marker_without_its_partner_is_an_error(corpus, card, marker):
    (corpus / "dataset_card.md").write_text(card, encoding="utf-8")
    with pytest.raises(CorpusError, match=f"^dataset_card.md: {marker}"):
        generate(open_corpus(corpus))


def test_a_card_with_bad_front_matter_is_an_error(corpus):
    for front, message in (
        ("a: [", "the front matter is not YAML"),
        ("- a", "the front matter is not a table of keys"),
    ):
        (corpus / "dataset_card.md").write_text(f"---\n{front}\n---\n{CARD}", encoding="utf-8")
        with pytest.raises(CorpusError, match=f"dataset_card.md: {message}"):
            generate(open_corpus(corpus))


def test_a_card_that_is_not_utf8_is_an_error(corpus):
    (corpus / "dataset_card.md").write_bytes("Häuser".encode("latin-1"))
    with pytest.raises(CorpusError, match=r"dataset_card\.md: .*UTF-8"):
        generate(open_corpus(corpus))
