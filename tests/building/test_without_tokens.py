"""A codebook that leaves the config `tokens` out: nothing of a dataset has it, and every command does without it."""

from __future__ import annotations

import pytest

from helpers import build_tasks, span, task
from newsparallax import open_dataset
from newsparallax.corpus import open_corpus
from newsparallax.dataset import check_croissant, opened, read_croissant
from newsparallax.errors import UsageError
from newsparallax.release.diff import compare
from newsparallax.scale.run import scale
from newsparallax.standoff import kept_words, rehydrate, stage

TEXT = "Ann met Bob."
CORPUS = {"license": "cc-by-4.0", "articles": {"from_tasks": True}}


def built(folder, **tokens):
    case = {"corpus": CORPUS, "codebook": {"tokens": tokens} if tokens else {}}
    return build_tasks(folder, task(TEXT, [span(0, 3, "Ann")]), read_back=True, **case)


@pytest.fixture
def without(tmp_path):
    return built(tmp_path / "without", include=False)


def test_no_part_of_the_dataset_has_it(without, tmp_path):
    with_tokens = built(tmp_path / "with")
    assert [*with_tokens.manifest.rows] == ["articles", "spans", "tokens", "votes"]
    assert [*without.manifest.rows] == ["articles", "spans", "votes"]
    assert not (without.place / "tokens").exists()
    for name in ("README.md", "croissant.json"):
        assert "tokens" in (with_tokens.place / name).read_text(encoding="utf-8")
        assert "tokens" not in (without.place / name).read_text(encoding="utf-8")
    for config in without.manifest.rows:
        assert without.rows(config) == with_tokens.rows(config)
    assert [*check_croissant(without.place), *read_croissant(without.place)] == []


@pytest.mark.slow
def test_it_is_withheld_restored_and_converted_in_shards_like_any_other(without, tmp_path):
    folder = open_corpus(tmp_path / "without/corpus")
    stage(without.place, tmp_path / "staged", folder.context)
    assert list(kept_words(tmp_path / "staged")) == []
    (tmp_path / "copies").mkdir()
    (tmp_path / "copies/a.txt").write_text(TEXT, encoding="utf-8")
    restored = rehydrate(str(tmp_path / "staged"), tmp_path / "copies", tmp_path / "back").manifest
    exports = f"{folder.annotations}/exports/*.json"
    scaled = scale(folder, [exports], str(tmp_path / "scaled")).manifest
    assert {restored.content_digest, scaled.content_digest} == {without.manifest.content_digest}


def test_readers_are_told_that_it_is_not_there(without):
    with pytest.raises(UsageError, match="has no config 'tokens'\n  it has articles, spans, votes"):
        list(open_dataset(without.place).to_conll())


def test_leaving_it_out_is_a_change_that_a_comparison_names(without, tmp_path):
    with opened(str(built(tmp_path / "with").place)) as old, opened(str(without.place)) as new:
        found = compare(old, new)
    assert (found.bump, {(change.kind, change.config) for change in found.changes if change.config == "tokens"}) == (
        "major",
        {("config-removed", "tokens")},
    )
