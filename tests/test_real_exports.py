"""Real exports of other people's projects (folder: REAL_EXPORTS): adopted, built, and every item accounted for."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from functools import partial
from pathlib import Path
from typing import Any
from unittest.mock import patch

import pytest

from helpers import ROOT, Dataset
from newsparallax.adopt import adopt
from newsparallax.building import build
from newsparallax.cli.adopt import adopt_command
from newsparallax.cli.build import build_command
from newsparallax.corpus import open_corpus
from newsparallax.dataset import decode_manifest

SCRIPTS = ROOT / "scripts"
FOLDER = os.environ.get("REAL_EXPORTS")
FILES = sorted(Path(FOLDER).glob("*.json")) if FOLDER else []
pytestmark = pytest.mark.skipif(not FILES, reason="REAL_EXPORTS names no folder with exports")
# By the labelling configuration, where there is one, and from the data alone.
WAYS = [
    pytest.param(path, told, id=f"{path.stem}-{'config' if told else 'data'}")
    for path in FILES
    for told in ((True, False) if path.with_suffix(".xml").is_file() else (False,))
]

# Accepted, repaired (by method) and the problems, read off each file by eye.
GOLDEN: dict[str, tuple[int, dict[str, int], dict[str, int]]] = {
    "angel_daza": (20, {}, {}),
    # Items without from_name, type and offsets, as a tool for charts keeps them; several annotators, no star.
    "chart_cold": (0, {}, {"unknown-control": 17, "gold-undecided": 4}),
    "chart_external": (0, {}, {"unknown-control": 2}),
    "chart_ignore": (0, {}, {"unknown-control": 7, "gold-undecided": 5}),
    "chart_many-notes": (0, {}, {"unknown-control": 150, "gold-undecided": 50}),
    # Texts were emptied and offsets removed before it was published; one task gives an annotation id twice.
    "chart_review": (
        0,
        {},
        {"no-offsets": 11, "orphan-attribute": 12, "duplicate-annotation-id": 1, "gold-undecided": 2},
    ),
    # Three annotations without ids and annotators, `result` a list of lists, no data.
    "evalme_old": (3, {}, {"gold-undecided": 1}),
    "heritage_old": (659, {"trim": 4}, {}),
    "issue_threads": (1, {"utf16": 1}, {}),
    "ls_multiturn_chat": (36, {}, {}),
    "ls_previous_export": (1, {}, {}),
    "ls_previous_export_unknown_completed_by": (1, {}, {}),
    "ls_random_with_predictions": (0, {}, {}),
    "ls_text_with_2_predictions": (0, {}, {}),
    "ls_three_tasks_two_gts": (0, {}, {"unsupported-control": 5}),
    "lsf_classification_mixed": (4, {}, {"unsupported-control": 1}),
    "lsf_dialogue_analysis": (2, {}, {}),
    "lsf_html_document": (0, {"xpath": 3}, {"e-mail-address": 1}),
    "lsf_named_entity": (1, {}, {}),
    "lsf_pairwise": (0, {}, {"unsupported-control": 1}),
    "lsf_phrases": (0, {}, {"unsupported-control": 1}),
    "lsf_references": (1, {}, {}),
    "lsf_rich_text_html": (3, {"nearby": 1}, {}),
    # The annotation of another example, with a label that its configuration does not have.
    "lsf_rich_text_plain": (0, {}, {"unknown-label": 1}),
    "lsf_rich_text_plain_remote": (0, {}, {"text-is-reference": 1}),
    "lsf_sentiment_analysis": (1, {}, {}),
    "lsf_taxonomy": (2, {}, {}),
    "mnkyalo_b2b": (7, {"trim": 3}, {}),
}


def config_of(path: Path) -> Path | None:
    config = path.with_suffix(".xml")
    return config if config.is_file() else None


def built(path: Path, place: Path, config: Path | None, *, read_back: bool = False) -> Dataset:
    """Reading back with `datasets` takes most of the time, so it is done once for each way of each export."""
    adopt([path], place, config)
    return Dataset(build(open_corpus(place), verify=read_back).place)


@pytest.fixture
def real(tmp_path):
    """Adopts and builds an export of the folder by its name."""

    def real(name: str) -> Dataset:
        path = Path(FOLDER or "") / f"{name}.json"
        if not path.is_file():
            pytest.skip(f"{name}.json is not in the folder")
        return built(path, tmp_path / name, config_of(path))

    return real


def items_in(path: Path) -> int:
    """Items of annotations that are not cancelled, counted without this program."""
    document = json.loads(path.read_text(encoding="utf-8"))
    total = 0
    for task in document if isinstance(document, list) else [document]:
        for annotation in task.get("annotations", task.get("completions", [])):
            if not (annotation.get("was_cancelled") or annotation.get("skipped")):
                total += sum(len(item) if isinstance(item, list) else 1 for item in annotation["result"])
    return total


def check(found: Dataset, items: int) -> None:
    """What holds of every build: nothing is lost, every span proves itself, every problem is written down."""
    accepted, repaired, quarantined = found.results
    assert found.counts["results_in"] == items == accepted + repaired + quarantined
    assert sum(found.counts["repairs"].values()) == repaired
    assert len(found.problems) == sum(found.codes.values())
    texts = {row["article_id"]: row["text"] for row in found.rows("articles")}
    for row in found.rows("votes"):
        if row["quote"] is not None:
            assert texts[row["article_id"]][row["start"] : row["end"]] == row["quote"]
    for layer in found.manifest.labels:
        found.spans(layer)


@pytest.mark.parametrize(("path", "told"), WAYS or [(None, False)])
def test_nothing_is_lost(path, told, tmp_path):
    config = config_of(path) if told else None
    first = built(path, tmp_path / "a" / path.stem, config, read_back=True)
    second = built(path, tmp_path / "b" / path.stem, config)
    check(first, items_in(path))
    assert first.manifest.content_digest == second.manifest.content_digest
    assert first.manifest.files == second.manifest.files


@pytest.mark.parametrize("path", [path for path in FILES if path.stem in GOLDEN] or [None])
def test_golden_counts(path, tmp_path):
    found = built(path, tmp_path / "corpus", config_of(path))
    assert (found.results[0], found.counts["repairs"], found.codes) == GOLDEN[path.stem]


@pytest.mark.slow
def test_the_scripts_print_what_there_is_to_say(tmp_path, capfd):
    """Every export through the functions of `adopt` and `build`: 0 or 1, and whatever is printed can be printed."""
    for path in FILES:
        place = tmp_path / path.stem
        assert adopt_command([path, place], config_of(path)) == 0, path
        assert capfd.readouterr().err == "", path
        with patch("newsparallax.cli.build.build", partial(build, verify=False)):
            code = build_command(place)
        printed = capfd.readouterr()
        assert code == int("that no waiver covers" in printed.err), path
        assert f"content digest {decode_manifest((place / 'build/latest/manifest.json').read_bytes()).content_digest}" in printed.out  # fmt: skip  # noqa: E501


@pytest.mark.slow
@pytest.mark.parametrize("path", FILES[:: len(FILES) // 3 or 1] or [None])
def test_the_command_line(path, tmp_path):
    """Some exports through adopt.py and build.py as processes: exit code 0 or 1, and never a traceback."""
    config = config_of(path)
    place = str(tmp_path / path.stem)
    adopting = [str(path), place, *(["--config", str(config)] if config else [])]
    adopted, finished = (
        subprocess.run([sys.executable, str(SCRIPTS / name), *rest], capture_output=True, text=True, check=False)
        for name, *rest in (["adopt.py", *adopting], ["build.py", "--corpus", place])
    )
    assert (adopted.returncode, adopted.stderr) == (0, "")
    assert finished.returncode in (0, 1), finished.stderr
    assert "Traceback" not in finished.stderr


def test_all_of_them_as_one_corpus(tmp_path):
    found = adopt([Path(FOLDER or "")], tmp_path / "all")
    assert found.proposal.corpus.articles.id_from == "data"
    check(Dataset(build(open_corpus(tmp_path / "all")).place), sum(map(items_in, FILES)))


# ---------------------------------------------------------------- golden records


def only(rows: list[dict[str, Any]], **wanted: Any) -> dict[str, Any]:
    (found,) = (row for row in rows if all(row[key] == value for key, value in wanted.items()))
    return found


def test_heritage_old(real):
    found = real("heritage_old")
    spans = found.rows("label")
    assert (found.counts["articles"], len(spans)) == (261, 663)
    assert {row["quote"]: row["original_end"] - row["original_start"] for row in spans if row["repair"]} == {
        "'The Straits of Malacca, Indo-china and China, or Ten Year's Travels, Adventures and Residence Abroad'": 103,
        "‘The Dawn ’": 12,
        "Airship S.S.T.28": 17,
        "Vincent Lunardi, Esq.": 22,
    }
    assert found.manifest.labels["label"] == {
        "PERSON": 94,
        "ORG": 167,
        "PRODUCT": 73,
        "WORK_OF_ART": 30,
        "DATE": 179,
        "GPE": 120,
    }
    article = only(found.rows("articles"), article_id="284")
    assert json.loads(article["metadata"])["data"] == {
        "uri": "https://collection.sciencemuseumgroup.org.uk/objects/co8456096"
    }
    keystone = only(spans, article_id="284", quote="Keystone")
    assert (keystone["start"], keystone["end"], keystone["label"], keystone["annotator"]) == (75, 83, 1, "anonymous")


def test_issue_threads(real):
    spans = real("issue_threads").rows("label")
    emoji, spaces = only(spans, article_id="1347"), only(spans, article_id="1875")
    assert (emoji["start"], emoji["end"], emoji["quote"]) == (12, 22, "annotation")
    assert (emoji["repair"], emoji["original_start"], emoji["original_end"]) == ("utf16", 13, 23)
    assert (spaces["start"], spaces["end"], spaces["quote"], spaces["repair"]) == (6, 22, "Berlin,  Germany", None)


def test_the_field_is_found_by_its_quotes(real):
    """The configuration shows $text, the data hold report_text; three quotes end in a space."""
    found = real("mnkyalo_b2b")
    assert len(found.rows("label")) == 10
    assert {(row["start"], row["end"], row["quote"]) for row in found.rows("label") if row["repair"] == "trim"} == {
        (393, 403, "Mozambique"),
        (427, 430, "14%"),
        (359, 373, "Infrastructure"),
    }


def test_relations_are_kept(real):
    found = real("angel_daza")
    arrows = {
        (row["quote"], name, arrow["quote"], arrow["direction"])
        for row in found.rows("label")
        for name in ("bio_born_at_time", "bio_died_at_time", "bio_lived_in_loc", "rel_other_per")
        for arrow in row[name]
    }
    assert arrows == {
        ("KAREL I", "bio_lived_in_loc", "Bourgondie", 0),
        ("KAREL I", "bio_born_at_time", "10 Nov. 1433", 0),
        ("KAREL I", "bio_died_at_time", "5 Jan. 1477", 0),
        ("bisschop v. Therouanne", "bio_born_at_time", "13 Sept. 1451", 0),
        ("Filips den Goede", "bio_born_at_time", "1906", 0),
        ("SAUMAISE", "bio_born_at_time", "13 April 1588", 0),
        ("Universiteiten van Padua", "rel_other_per", "1632", 0),
    }
    # The field `original` is there too, without the tokens' spaces; most quotes are not at their offsets in it.
    assert all(row["text"].startswith(("KAREL I ,", "SALMASIUS of")) for row in found.rows("articles"))


def test_values_about_the_article(real):
    taxonomy = only(real("lsf_taxonomy").rows("articles"))
    assert (taxonomy["tax"], taxonomy["sentiment"], taxonomy["ch"]) == ([["One"], ["Three", "Sub"]], 1, None)
    assert taxonomy["text"] == "What a waste of money and time!"
    dialogue = only(real("lsf_dialogue_analysis").rows("articles"))
    assert (dialogue["chc_1"], dialogue["answer"]) == (1, ["5/5"])
    assert dialogue["text"].startswith("Jules: No no, Mr. Wolfe, it's not like that.")
    alias = only(real("lsf_references").rows("articles"))
    assert alias["validation_label"] == 1


def test_values_without_a_text(real):
    found = real("lsf_classification_mixed")
    article = only(found.rows("articles"))
    assert article["text"] is None
    assert (article["num"], article["txt"], article["choices"]) == (2.0, ["Hello", "World"], 0)
    assert article["taxonomy"] == [["Choice 2", "Choice 2.1"]]
    date = found.problem("unsupported-control")
    assert date["message"] == "items of control 'dt' have the unsupported type 'datetime'"
    assert date["raw"]["value"] == {"datetime": "1991-05-22T09:17"}


def test_values_of_several_annotators_are_kept_as_votes(real):
    votes = real("evalme_old").rows("votes")
    assert sorted(part["value"] for row in votes for part in row["attributes"]) == [
        "Evil",
        "Evil",
        "Neutral",
        "Neutral",
    ]


def test_html(real):
    found = real("lsf_rich_text_html")
    assert found.spans("ner") == [
        (0, 5, "Jules"),
        (69, 121, "appreciated.Vincent: Look, Mr. Wolfe, I respect you."),
        (81, 105, "Vincent: Look, Mr. Wolfe"),
        (180, 188, "The Wolf"),
    ]
    assert real("lsf_html_document").spans("ner") == [
        (12, 24, "Company Name"),
        (106, 113, "Michael"),
        (113, 120, "Michael"),
    ]


def test_named_entity(real):
    assert real("lsf_named_entity").spans("ner") == [(343, 354, "February 22")]


def test_addresses_stay_out(real, tmp_path):
    found = real("ls_previous_export")
    assert only(found.rows("articles"))["annotator"] == "a42"
    assert not [path for path in tmp_path.rglob("*") if path.is_file() and b"annotator_from_past" in path.read_bytes()]
