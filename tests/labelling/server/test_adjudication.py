"""What two annotators dispute goes to an adjudicator, and comes back as gold."""

from __future__ import annotations

import tomllib

import pyarrow.parquet as pq
import pytest
from page import FLAGS, SIZE, open_task, sign_in
from playwright.sync_api import sync_playwright
from studio import account, ask, done, exports_of, know, project_of, run

from helpers import CODEBOOK, write_corpus
from newsparallax.building import build
from newsparallax.corpus import Annotator, open_corpus, read_toml
from newsparallax.labelling import home_of
from newsparallax.labelling.exchange import REVIEW

TEXT = "Putin went to Pyongyang on Sunday."
PEOPLE = {"a": {"kind": "human", "ids": [1]}, "b": {"kind": "human", "ids": [2]}}


def mark(word, label, identity):
    start = TEXT.index(word)
    value = {"start": start, "end": start + len(word), "text": word, "labels": [label]}
    return {"id": identity, "from_name": "spans", "to_name": "text", "type": "labels", "value": value}


@pytest.fixture
def corpus(tmp_path, request):
    """An article that a and b annotated; they differ on "Sunday"."""
    results = [[mark("Putin", "PER", "r1"), mark("Sunday", "LOC", "r2")], [mark("Putin", "PER", "r3")]]
    annotations = [
        {"id": 10 + number, "completed_by": number, "was_cancelled": False, "ground_truth": False, "result": result}
        for number, result in enumerate(results, 1)
    ]
    task = {"id": 1, "data": {"article_id": "x", "text": TEXT}, "meta": {}, "annotations": annotations}
    labels = {"PER": {"hotkey": "1"}, "LOC": {"hotkey": "2"}}
    return write_corpus(
        tmp_path / "corpus",
        {
            "codebook": CODEBOOK | {"layers": {"spans": {"labels": labels}}},
            "corpus": {"name": request.node.name[5:40]},
            "seeds": {"x.txt": TEXT},
            "annotators": PEOPLE,
            "exports": {"x.json": [task | {"drafts": [], "predictions": []}]},
        },
    )


def review_of(server, corpus):
    out = done(server, "review", "--corpus", corpus)
    (task,) = ask(server, "GET", "tasks", project=project_of(out), fields="all")["tasks"]
    return out, project_of(out), task


def test_what_they_agree_on_is_predicted_and_what_they_dispute_is_marked(server, corpus):
    out, project, task = review_of(server, corpus)
    assert "(created)" in out
    assert "1 task: 1 new, 0 updated, 0 unchanged; 1 dispute" in out
    assert task["data"][REVIEW] == "1 dispute between a, b\n27-33 “Sunday” spans · a: LOC “Sunday”; b: nothing"
    (prediction,) = task["predictions"]
    assert [(item["from_name"], item["value"]["text"]) for item in prediction["result"]] == [
        ("spans", "Putin"),
        (REVIEW, "Sunday"),
    ]
    assert task["annotations"] == []
    again = done(server, "review", "--corpus", corpus)
    assert "(unchanged)" in again
    assert ask(server, "GET", f"projects/{project}")["total_predictions_number"] == 1


def test_the_adjudicator_decides_in_the_page_and_stars_it(server, corpus, chromium):
    project_of(done(server, "push", "--corpus", corpus))
    _, project, task = review_of(server, corpus)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=list(FLAGS))
        tab = browser.new_page(viewport=SIZE)
        sign_in(tab, server.account.url, server.account.email, server.account.password)
        page = open_task(tab, server.account.url, project, task["id"])
        assert "27-33 “Sunday”" in tab.inner_text("body")
        assert len(page.regions()) == 2
        page.select_region(27, 33, "DISPUTED")
        tab.keyboard.press("Backspace")
        page.mark(27, 33, "2")
        annotation = page.submit()
        browser.close()
    assert "not pulled: 1 adjudication without a star" in done(server, "pull", "--corpus", corpus)
    ask(server, "PATCH", f"annotations/{annotation['id']}", {"ground_truth": True})
    know(corpus, {server.account.email: "judge"})
    out = done(server, "pull", "--corpus", corpus)
    assert "x.json: written" in out
    assert read_toml(corpus / "annotations/annotators.toml", dict[str, Annotator])["judge"].role == "adjudicator"
    (found,) = exports_of(corpus)["x"]
    assert [one["ground_truth"] for one in found["annotations"]].count(True) == 1
    assert REVIEW not in str(found)
    assert found["data"] == {"article_id": "x", "text": TEXT}
    built = build(open_corpus(corpus), corpus / "built")
    assert built.manifest.counts.problems == {}
    gold = pq.read_table(corpus / "built/spans").to_pylist()
    assert [(row["quote"], row["annotator"], row["adjudicated"]) for row in gold] == [
        ("Putin", "judge", True),
        ("Sunday", "judge", True),
    ]
    assert "no article needs adjudication" in done(server, "review", "--corpus", corpus)


def test_people_who_are_new_in_both_projects_are_told_apart(server, corpus):
    """They were given the same pseudonym once."""
    first = project_of(done(server, "push", "--corpus", corpus))
    _, _, task = review_of(server, corpus)
    users = {name: account(server, f"{name}@example.org") for name in ("alice", "bob", "carol")}
    (own,) = ask(server, "GET", "tasks", project=first, fields="all", include="id")["tasks"]
    made = {"result": [mark("Putin", "PER", "r9")], "lead_time": 1, "ground_truth": False}
    for name in ("alice", "bob"):
        ask(server, "POST", f"tasks/{own['id']}/annotations", {**made, "completed_by": users[name]})
    ask(server, "POST", f"tasks/{task['id']}/annotations", {**made, "completed_by": users["bob"]})  # not starred
    ask(
        server,
        "POST",
        f"tasks/{task['id']}/annotations",
        {**made, "completed_by": users["carol"], "ground_truth": True},
    )
    know(corpus, {server.account.email: "boss"})
    done(server, "pull", "--corpus", corpus)
    people = tomllib.loads((home_of(corpus) / "people.toml").read_text(encoding="utf-8"))
    names = [people[f"{name}@example.org"] for name in users]
    assert len({*names, "boss"}) == 4
    annotators = read_toml(corpus / "annotations/annotators.toml", dict[str, Annotator])
    assert [annotators[name].role for name in names] == ["annotator", "annotator", "adjudicator"]
    numbers = {one["completed_by"]: one["ground_truth"] for one in exports_of(corpus)["x"][0]["annotations"]}
    assert {number: star for number, star in numbers.items() if number > 2} == {
        annotators[name].ids[0]: name == names[2] for name in names
    }
    out = done(server, "pull", "--corpus", corpus, "--replace")
    assert "that the server no longer has" not in out
    assert [one["ground_truth"] for one in exports_of(corpus)["x"][0]["annotations"]].count(True) == 1


def test_new_disputes_do_not_disturb_a_decision_under_way(server, corpus):
    _, _, task = review_of(server, corpus)
    ask(server, "POST", f"tasks/{task['id']}/annotations", {"result": [], "ground_truth": False})
    path = corpus / "annotations/exports/x.json"
    path.write_text(path.read_text().replace("LOC", "PER"))
    ran = run(server, "review", "--corpus", corpus)
    assert ran.code == 1
    assert f"x: task {task['id']} is out of date, but has annotations or drafts" in ran.err


def test_a_single_annotation_needs_no_adjudicator(server, corpus):
    (corpus / "annotations/exports/x.json").unlink()
    assert "no article needs adjudication" in done(server, "review", "--corpus", corpus)
