"""Everything that forbids to publish a version is found, told by its code, and nothing else is."""

from __future__ import annotations

import errno
import hashlib
import json
import os
import re
import shutil
from unittest.mock import patch

import pytest
from small_corpora import ROOT, WITHHELD, changelog, release, write_release

from helpers import span, task
from newsparallax.building import build
from newsparallax.corpus import open_corpus
from newsparallax.errors import NewsParallaxError
from newsparallax.release import Release
from newsparallax.release.checks import CHECKS

pytestmark = pytest.mark.slow

LABELS = {"PER": {}, "LOC": {}}
EIGHT = " ".join(WITHHELD.split()[2:10])


def prepared(corpus):
    folder = open_corpus(corpus)
    made = Release(folder, build(folder, verify=False), "auto")
    made.finish()
    return made


def findings(corpus):
    return [(found.code, f"{found.file}: {found.message}") for found in prepared(corpus).check(None)]


def findings_in_words(corpus):
    """Without the check of croissant.json, which takes longer than all others."""
    with patch("newsparallax.release.checks.CHECKS", [check for check in CHECKS if check.code != "croissant"]):
        return findings(corpus)


def withheld(tmp_path, *, words=WITHHELD, data=None, codebook=None, result=None):
    """A corpus whose only text may not be passed on."""
    text = {"text": words} | (data or {})
    marks = result or [span(0, 9, words[:9])]
    one = {"id": 1, "data": text, "annotations": [{"id": 11, "completed_by": 1, "result": marks}]}
    case = {"exports": {"a.json": [one]}} | ({"codebook": codebook} if codebook else {})
    corpus = write_release(tmp_path / "corpus", **case)
    path = corpus / "annotations/corpus.toml"
    path.write_text(path.read_text().replace("redistribute = true", "redistribute = false"))
    return corpus


def defined(text):
    return {"layers": {"spans": {"labels": {"PER": {"definition": text}, "LOC": {}}}}}


def test_a_version_that_is_ready_has_no_findings(tmp_path):
    assert findings(write_release(tmp_path / "free")) == []
    assert findings(withheld(tmp_path)) == []


@pytest.mark.parametrize(
    ("words", "where"),
    [
        ({"data": {"summary": EIGHT.upper()}}, "articles/train-00000.parquet: metadata"),
        ({"data": {"summary": EIGHT.replace(" ", "\n")}}, "articles/train-00000.parquet: metadata"),
        ({"data": {"summary": EIGHT.replace(" ", "<br/>")}}, "articles/train-00000.parquet: metadata"),
        ({"data": {"summary": EIGHT.replace(" ", "&nbsp;")}}, "articles/train-00000.parquet: metadata"),
        ({"data": {"summary": EIGHT.replace(" ", "_")}}, "articles/train-00000.parquet: metadata"),
        ({"codebook": defined(EIGHT.replace(" ", ", "))}, "codebook.toml"),
        ({"codebook": defined(EIGHT)}, "README.md"),
    ],
)
def test_eight_words_of_a_withheld_text_are_found_anywhere(tmp_path, words, where):
    found = findings_in_words(withheld(tmp_path, **words))
    assert {code for code, _ in found} == {"rights"}
    assert any(message.startswith(f"{where}: contains words of a withheld text") for _, message in found)
    seven = {"data": {"summary": " ".join(EIGHT.split()[1:])}}
    assert findings_in_words(withheld(tmp_path / "seven", **seven)) == []


@pytest.mark.parametrize(
    ("words", "run"),
    [
        ("外交部发言人周三在北京表示，双方已同意继续谈判，并将于下月再次会晤。", 12),
        ("首相は水曜日に東京で、コーヒー業界への支援を続けると述べました。", 12),
        ("นายกรัฐมนตรีกล่าวว่ารัฐบาลจะดำเนินการต่อไปในเดือนหน้า", 24),
        ("ນາຍົກລັດຖະມົນຕີກ່າວວ່າລັດຖະບານຈະສືບຕໍ່ດຳເນີນການ", 24),
        ("នាយករដ្ឋមន្ត្រីបានថ្លែងថារដ្ឋាភិបាលនឹងបន្តអនុវត្តគម្រោងនេះ", 24),
        ("ဝန်ကြီးချုပ်ကအစိုးရသည်လာမည့်လတွင်ဆက်လက်ဆောင်ရွက်မည်ဟုပြောကြားခဲ့သည်", 24),
    ],
)
def test_runs_of_a_withheld_text_without_spaces_are_found(tmp_path, words, run):
    letters = [place for place, letter in enumerate(words) if letter.isalnum()]
    whole, part = words[letters[2] : letters[2 + run]], words[letters[2] : letters[1 + run]]
    for number, note in enumerate((words, f"{whole} (news)", "\\n".join(whole))):
        found = findings_in_words(withheld(tmp_path / str(number), words=words, data={"note": note}))
        assert {code for code, _ in found} == {"rights"}
        assert any("metadata: contains words of a withheld text: " in message for _, message in found)
    assert findings_in_words(withheld(tmp_path / "less", words=words, data={"note": f"{part} (news)"})) == []


def test_a_text_that_is_free_under_another_id_is_found(tmp_path):
    """The same agency report, once said to be free and once not."""
    for name in ("free", "bound"):
        (tmp_path / f"{name}.txt").write_text(WITHHELD, encoding="utf-8")
    made = [{"id": 11, "completed_by": 1, "result": [span(0, 9, "the quick")]}]
    tasks = [
        {"id": 1, "data": {"text": WITHHELD, "article_id": name}, "annotations": made} for name in ("free", "bound")
    ]
    seeds = {f"{name}.txt": WITHHELD for name in ("free", "bound")}
    digest = hashlib.sha256(WITHHELD.encode()).hexdigest()
    listed = {
        name: {"file": f"{name}.txt", "sha256": digest, "redistribute": name == "free"} for name in ("free", "bound")
    }
    corpus = write_release(tmp_path / "corpus", seeds=seeds, articles=listed, exports={"a.json": tasks})
    ((code, message),) = findings(corpus)
    assert (code, message) == (
        "rights",
        "articles: 100 % of a text that may not be redistributed occur in a text that may",
    )


def test_two_releases_of_a_folder_are_not_made_at_once(tmp_path):
    """Else one could send what the other has put there, which nobody has checked."""
    corpus = write_release(tmp_path / "corpus")
    made = prepared(corpus)
    second = release({}, "check", "--corpus", corpus)
    assert second.returncode == 2
    assert "is in use" in second.stderr
    assert made.check(None) == []
    del made
    assert release({}, "check", "--corpus", corpus).returncode == 0


def test_a_disk_that_is_full_when_the_card_is_written_leaves_the_release_as_it_was(tmp_path, monkeypatch):
    corpus = write_release(tmp_path / "corpus")
    made = prepared(corpus)
    before = {name: path.read_bytes() for name, path in made.files().items()}

    def full(*_):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr("newsparallax.release.checks.write_json", full)
    with pytest.raises(NewsParallaxError, match=r"0\.1\.0-release: No space left on device\n  make room there"):
        made.finish("---\nviewer: false\n---\n# By hand\n")
    assert {name: path.read_bytes() for name, path in made.files().items()} == before
    del made
    with pytest.raises(NewsParallaxError, match="No space left"):
        prepared(corpus)
    monkeypatch.undo()
    assert prepared(corpus).check(None) == []
    assert sorted(path.name for path in (corpus / "build").iterdir()) == [".0.1.0-release.lock", "0.1.0", "0.1.0-release", "latest"]  # fmt: skip  # noqa: E501


def test_words_that_stay_in_a_column_of_words_are_found(tmp_path):
    made = prepared(withheld(tmp_path))
    for name in ("articles", "spans", "tokens"):
        shutil.copy(made.built.place / name / "train-00000.parquet", made.place / name)
    found = [one for one in made.check(None) if one.code == "rights"]
    columns = {one.message.partition(" contains words of ")[0] for one in found if " rows" in one.message}
    assert columns >= {"text", "quote", "tokens"}


def test_private_data_is_found_in_data_and_metadata(tmp_path):
    text = "Write to ann@example.org today."
    exports = {"a.json": [task(text, [span(0, 5, "Write")], id=1)]}
    found = findings_in_words(write_release(tmp_path / "text", exports=exports))
    assert ("private", "articles/train-00000.parquet: text: contains an e-mail address: a...@example.org") in found
    assert {code for code, _ in found} == {"private", "problems"}  # which is the build's own warning of the address
    allowed = {"release": {"public_addresses": ["ann@example.org"]}}
    assert findings_in_words(write_release(tmp_path / "public", exports=exports, corpus=allowed)) == []
    token = write_release(tmp_path / "token", codebook=defined("hf_" + 30 * "a"))
    assert ("private", "codebook.toml: contains a Hugging Face token: hf_...") in findings_in_words(token)


def test_the_names_that_exports_give_are_found(tmp_path):
    by = {"id": 1, "username": "Ann-Muster", "first_name": "", "last_name": ""}
    annotation = {"id": 11, "completed_by": by, "result": [span(0, 3, "Kim")]}
    exports = {"a.json": [{"id": 1, "data": {"text": "Kim"}, "annotations": [annotation]}]}
    corpus = write_release(tmp_path / "corpus", exports=exports, codebook=defined("As ann-muster said."))
    assert ("private", "codebook.toml: contains the name of an annotator: ann...") in findings_in_words(corpus)


def without_changelog(corpus):
    (corpus / "CHANGELOG.md").unlink()


def without_section(corpus):
    (corpus / "CHANGELOG.md").write_text(changelog("0.0.1"))


def without_date(corpus):
    path = corpus / "CHANGELOG.md"
    path.write_text(path.read_text().replace("## [0.1.0] - 2026-01-02", "## [0.1.0] - unreleased"))


def without_license(corpus):
    path = corpus / "annotations/corpus.toml"
    path.write_text(path.read_text().replace('license = "cc-by-4.0"\n', ""))


def without_version(corpus):
    (corpus / "dataset_card.md").write_text("---\nlicense: mit\n---\n# Tiny\n")


def with_a_problem(corpus):
    path = corpus / "annotations/exports/a.json"
    path.write_text(path.read_text().replace('"PER"', '"NEW"', 1))


def stale(corpus):
    (corpus / "annotations/guidelines.md").write_text("old")


@pytest.mark.parametrize(
    ("change", "code", "message"),
    [
        (without_changelog, "changelog", r"CHANGELOG\.md: does not exist"),
        (without_section, "changelog", r"CHANGELOG\.md: has no section for version 0\.1\.0"),
        (without_date, "changelog", r"CHANGELOG\.md: the heading of version 0\.1\.0 has no date"),
        (without_license, "card", r"README\.md: the front matter has no `license`"),
        (without_version, "card", r"README\.md: does not mention the version 0\.1\.0"),
        (with_a_problem, "problems", r"a\.json, article 1: unknown-label: label 'NEW'.*"),
        (stale, "problems", r"annotations/guidelines\.md: stale-generated: .*"),
    ],
)
def test_what_is_not_ready_is_found(tmp_path, change, code, message):
    corpus = write_release(tmp_path / "corpus")
    change(corpus)
    ((found, told),) = findings(corpus)
    assert found == code
    assert re.fullmatch(message, told), told


def test_a_croissant_that_does_not_fit_is_found(tmp_path):
    made = prepared(write_release(tmp_path / "corpus"))
    path = made.place / "croissant.json"
    described = json.loads(path.read_bytes())
    next(entry for entry in described["distribution"] if "sha256" in entry)["sha256"] = "0" * 64
    path.write_text(json.dumps(described))
    (found,) = made.check(None)
    assert found.code == "croissant"
    assert "sha256" in found.message.lower() or "digest" in found.message.lower()


def test_every_check_is_on_the_page_about_publishing():
    page = (ROOT / "docs/publish.md").read_text(encoding="utf-8")
    assert {check.code for check in CHECKS} | {"repository"} == {*re.findall(r"^\| `(\w+)` \|", page, re.MULTILINE)}


def test_the_command_lists_findings_and_compares_with_a_release(tmp_path):
    old, new = write_release(tmp_path / "old"), write_release(tmp_path / "new", "0.1.1", labels={"b": "LOC"})
    ready = release({}, "check", "--corpus", old)
    assert (ready.returncode, ready.stderr) == (0, "")
    assert "not compared with the last release" in ready.stdout
    assert "no blockers" in ready.stdout
    last = old / "build/0.1.0-release"
    compared = release({}, "check", "--corpus", new, "--against", last)
    assert compared.returncode == 0, compared.stderr
    assert "since 0.1.0: patch: label of span corrected (spans): 1" in compared.stdout
    without_section(new)
    wrong = release({}, "check", "--corpus", new, "--against", last)
    assert wrong.returncode == 1
    assert wrong.stderr.startswith("changelog CHANGELOG.md: has no section for version 0.1.1\n  write a section `")
    both = release({}, "check", "--corpus", new, "--against", last, "--repo", "org/x")
    assert both.returncode == 2
    human = write_release(tmp_path / "one", "1.0.0", annotators={"a": {"kind": "model", "ids": [1]}})
    stopped = release({}, "check", "--corpus", human)
    assert stopped.returncode == 2
    assert "requires human adjudication" in stopped.stderr
