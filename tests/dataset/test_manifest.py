"""The manifest as a record: what is written is what was always written; versions that are not known are refused."""

from __future__ import annotations

import json

import pytest

from helpers import build_tasks, span, task
from newsparallax.dataset import decode_manifest, new_folder, read_manifest
from newsparallax.errors import NewsParallaxError, UsageError

COUNTS = [
    *("articles", "events", "tasks", "annotations", "annotations_cancelled", "drafts", "predictions", "results_in"),
    *("results_accepted", "results_repaired", "results_quarantined", "results_without_quote"),
    *("annotations_edited_by_another", "problems_waived", "problems_following", "problems", "repairs"),
    *("article_states", "gold", "annotations_by", "tokens"),
]


@pytest.mark.parametrize("alike", [None, 0.5])
def test_a_manifest_that_is_read_is_written_the_same(alike, tmp_path):
    corpus = {"near_duplicates": alike} if alike else {}
    built = build_tasks(tmp_path, task("Ann met Bob.", [span(0, 3, "Ann"), span(0, 9, "x", id="r2")]), corpus=corpus)
    written = json.loads((built.place / "manifest.json").read_bytes())
    assert list(written["counts"]) == COUNTS
    assert written["counts"]["problems"] == {"quote-mismatch": 1}
    near = {"near_duplicates": {"at_least": 0.5, "groups": 0, "events": 0}} if alike else {}
    assert json.dumps(written["splits"]) == json.dumps({"policy": {"train": 1}, "by": "event_id"} | near)
    assert json.dumps(built.manifest.as_json()) == json.dumps(written)


def test_a_manifest_of_another_version_is_refused(tmp_path):
    place = build_tasks(tmp_path, task("Ann met Bob.", [span(0, 3, "Ann")])).place
    other = {"manifest_version": 2, "name": {"of": "another shape"}}
    (place / "manifest.json").write_text(json.dumps(other))
    said = f"{place}/manifest.json: has manifest_version 2; this program reads version 1\n  use "
    with pytest.raises(UsageError, match=said):
        read_manifest(place)
    with pytest.raises(UsageError, match=said), new_folder(place):
        pass
    with pytest.raises(UsageError, match=r"^manifest.json: has"):
        decode_manifest(json.dumps(other).encode())


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("[]", "the value is a list; expected an object"),
        ('{"manifest_version": 1}', "the value has no key `name`"),
        ('{"manifest_version": 1, "name": [1]}', "`name` is a list; expected a string"),
        ('{"manifest_version": ', "it ends in the middle of a value"),
        ('{"manifest_version" 1}', "it is not JSON from byte 20 on"),
    ],
)
def test_the_message_of_a_wrong_manifest_has_plain_words(content, message, tmp_path):
    (tmp_path / "manifest.json").write_text(content)
    with pytest.raises(NewsParallaxError) as caught:
        read_manifest(tmp_path)
    assert str(caught.value) == f"{tmp_path}/manifest.json: is not a manifest: {message}\n  build it again"
