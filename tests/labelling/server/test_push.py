"""Articles out: what a push makes, that a second one changes nothing, and what it refuses."""

from __future__ import annotations

import shutil

import pytest
from studio import FIRST, ROOT, SECOND, ask, corpus_copy, done, edit, exports_of, project_of, run


@pytest.fixture
def corpus(tmp_path, request):
    return corpus_copy(tmp_path / "corpus", request.node.name[5:50], exports=True)


def tasks_of(server, project):
    return ask(server, "GET", "tasks", project=project, fields="all", page_size=100)["tasks"]


def test_a_push_makes_the_project_and_a_task_an_article(server, corpus):
    out = done(server, "push", "--corpus", corpus)
    project = ask(server, "GET", f"projects/{project_of(out)}")
    assert "(created)" in out
    assert "2 tasks: 2 new" in out
    assert project["title"] == "a_push_makes_the_project_and_a_task_an_articl"
    assert project["label_config"].strip() == (corpus / "annotations/label_config.xml").read_text().strip()
    assert project["show_instruction"]
    assert "enhanced interrogation" in project["expert_instruction"]
    texts = {task["data"]["article_id"]: task["data"]["text"] for task in tasks_of(server, project["id"])}
    assert {name: text.encode() for name, text in texts.items()} == {
        name: (corpus / "seeds" / f"{name}.txt").read_bytes() for name in (FIRST, SECOND)
    }
    assert project["total_annotations_number"] == project["total_predictions_number"] == 0


def test_repeating_a_push_changes_nothing(server, corpus):
    project = project_of(done(server, "push", "--corpus", corpus, "--predict", "annotations"))
    before = tasks_of(server, project)
    out = done(server, "push", "--corpus", corpus, "--predict", "annotations")
    assert "(unchanged)" in out
    assert "0 new, 0 updated, 2 unchanged; 0 predictions made" in out
    assert tasks_of(server, project) == before
    assert ask(server, "GET", "projects", title="repeating_a_push_changes_nothing")["count"] == 1


def test_only_the_articles_that_are_named(server, corpus):
    project = project_of(done(server, "push", "--corpus", corpus, "--article", SECOND))
    assert [task["data"]["article_id"] for task in tasks_of(server, project)] == [SECOND]
    ran = run(server, "push", "--corpus", corpus, "--article", "002")
    assert (ran.code, ran.out) == (2, "")
    assert ran.err == f"error: no article '002'\n  the articles are {FIRST}, {SECOND}\n"


def test_predictions_from_annotations_say_whose_they_are(server, corpus):
    project = project_of(done(server, "push", "--corpus", corpus, "--predict", "annotations"))
    starred = {
        name: next(one["result"] for one in task["annotations"] if one["ground_truth"])
        for name, (task,) in exports_of(corpus).items()
    }
    for task in tasks_of(server, project):
        assert task["annotations"] == []
        (prediction,) = task["predictions"]
        assert prediction["model_version"] == "annotation of m6 (model)"
        items = starred[task["data"]["article_id"]]
        assert [item | ({"origin": "manual"} if "origin" in item else {}) for item in prediction["result"]] == items
    assert ask(server, "GET", f"projects/{project}")["model_version"] == "annotation of m6 (model)"


def test_predictions_from_names_and_lexicon_replace_those_of_an_older_list(server, corpus):
    sources = ("--predict", "names", "--predict", "lexicon")
    project = project_of(done(server, "push", "--corpus", corpus, *sources))
    first = {task["id"]: task["predictions"] for task in tasks_of(server, project)}
    assert all(len(made) == 1 and "names" in made[0]["model_version"] for made in first.values())
    marked = [
        item["value"]["text"] for made in first.values() for item in made[0]["result"] if item["type"] == "labels"
    ]
    assert {"Vladimir Putin", "special military operation"} <= set(marked)
    edit(corpus / "annotations/entities.toml", '"Dmitry Peskov" = ', '"Dmitri Peskov" = ')
    done(server, "push", "--corpus", corpus, *sources)
    second = {task["id"]: task["predictions"] for task in tasks_of(server, project)}
    assert [len(made) for made in second.values()] == [1, 1]
    assert {made[0]["id"] for made in second.values()}.isdisjoint(made[0]["id"] for made in first.values())


def test_a_changed_codebook_updates_the_page_unless_labels_in_use_would_go(server, corpus):
    project = project_of(done(server, "push", "--corpus", corpus))
    codebook = corpus / "annotations/codebook.toml"
    edit(codebook, 'title = "Entities"', 'title = "Names"')
    assert "(updated)" in done(server, "push", "--corpus", corpus)
    assert "Names" in ask(server, "GET", f"projects/{project}")["label_config"]

    edit(codebook, "[layers.defects.labels.REPEATED]", "[layers.defects.labels.TWICE]")
    assert "(updated)" in done(server, "push", "--corpus", corpus)  # no annotation uses it

    region = {"from_name": "defects", "to_name": "text", "type": "labels"}
    result = [
        {"id": "r1", **region, "value": {"start": 0, "end": 3, "text": "Efe", "labels": ["MT_ERROR"]}},
        {"id": "r2", **region, "value": {"start": 4, "end": 9, "text": "Seoul", "labels": ["MT_ERROR"]}},
    ]
    task = next(task for task in tasks_of(server, project) if task["data"]["article_id"] == SECOND)
    ask(server, "POST", f"tasks/{task['id']}/annotations", {"result": result, "ground_truth": False})
    edit(codebook, "[layers.defects.labels.MT_ERROR]", "[layers.defects.labels.BAD_ENGLISH]")
    ran = run(server, "push", "--corpus", corpus)
    assert ran.code == 2
    assert "annotations on the server use labels that would be removed: defects MT_ERROR (2)" in ran.err
    assert "BAD_ENGLISH" not in ask(server, "GET", f"projects/{project}")["label_config"]
    ran = run(server, "push", "--corpus", corpus, "--force")
    assert (ran.code, "BAD_ENGLISH" in ask(server, "GET", f"projects/{project}")["label_config"]) == (0, True)
    assert "removed labels that annotations on the server still use: defects MT_ERROR (2)" in ran.err


def test_a_changed_text_updates_a_task_unless_somebody_worked_on_it(server, corpus, tmp_path):
    cut = corpus_copy(tmp_path / "cut", "a_changed_text_updates_a_task_unless_somebody", exports=False)
    done_out = done(server, "push", "--corpus", cut, "--predict", "names")
    project = project_of(done_out)
    ids = {task["data"]["article_id"]: task["id"] for task in tasks_of(server, project)}
    ask(server, "POST", f"tasks/{ids[SECOND]}/annotations", {"result": [], "ground_truth": False})
    for name in (FIRST, SECOND):
        (cut / "seeds" / f"{name}.txt").write_text("Another text.", encoding="utf-8")
    ran = run(server, "push", "--corpus", cut, "--predict", "names")
    assert ran.code == 1
    assert [len(task["predictions"]) for task in tasks_of(server, project)] == [0, 1]  # none of another text
    assert "2 tasks: 0 new, 1 updated, 0 unchanged" in ran.out
    assert f"{SECOND}: task {ids[SECOND]} is out of date, but has annotations or drafts" in ran.err
    texts = {task["data"]["article_id"]: task["data"]["text"] for task in tasks_of(server, project)}
    assert texts[FIRST] == "Another text."
    assert texts[SECOND] == (corpus / "seeds" / f"{SECOND}.txt").read_bytes().decode()


@pytest.mark.parametrize("length", [1, 49, 80])
def test_any_name_of_a_corpus_makes_a_title(server, tmp_path, length):
    name = f"{'x' * 48} y".ljust(80, "z")[:length]
    corpus = corpus_copy(tmp_path / "corpus", name, exports=False)
    project = project_of(done(server, "push", "--corpus", corpus, "--article", FIRST))
    assert project_of(done(server, "push", "--corpus", corpus, "--article", FIRST)) == project


def test_sources_that_there_are_not_are_told_before_anything_is_made(server, corpus):
    (corpus / "annotations/lexicon.toml").unlink()
    ran = run(server, "push", "--corpus", corpus, "--predict", "lexicon")
    assert ran.code == 2
    assert "lexicon" in ran.err
    assert ask(server, "GET", "projects", title="sources_that_there_are_not_are_told")["count"] == 0


def test_tasks_that_were_imported_by_hand_are_found(server, corpus):
    title = "tasks_that_were_imported_by_hand_are_found"
    project = ask(server, "POST", "projects", {"title": title})["id"]
    (task,) = exports_of(corpus)[SECOND]
    ask(server, "POST", f"projects/{project}/import", [{"data": {"text": task["data"]["text"]}}])
    out = done(server, "push", "--corpus", corpus)
    assert project_of(out) == project
    assert "1 new" in out


def test_two_projects_of_the_same_name_are_told(server, corpus):
    ids = [ask(server, "POST", "projects", {"title": "two_projects_of_the_same_name_are_told"})["id"] for _ in range(2)]
    ran = run(server, "push", "--corpus", corpus)
    assert ran.code == 2
    assert all(str(number) in ran.err for number in ids)


@pytest.mark.parametrize("corpus", ["from_tasks", "zeitung"])
def test_another_teams_corpus(server, corpus, tmp_path):
    folder = shutil.copytree(ROOT / "tests/corpora" / corpus, tmp_path / corpus)
    project = project_of(done(server, "push", "--corpus", folder))
    pushed = tasks_of(server, project)
    assert pushed
    assert "0 new" in done(server, "push", "--corpus", folder)
