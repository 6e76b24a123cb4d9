"""Annotations back: what is written, under which names, and that nothing is lost on the way."""

from __future__ import annotations

import json
import shutil
import subprocess

import pytest
from studio import (
    FIRST,
    ROOT,
    SECOND,
    account,
    ask,
    corpus_copy,
    done,
    edit,
    exports_of,
    import_annotated,
    know,
    project_of,
    run,
)

from newsparallax.building import build
from newsparallax.corpus import Annotator, open_corpus, read_toml
from newsparallax.labelling import home_of

PEOPLE = {"first@example.org": "m4", "second@example.org": "m5", "third@example.org": "m6"}
EMAILS = dict(enumerate(PEOPLE, 4))


@pytest.fixture
def name(request):
    return request.node.name[5:50]


@pytest.fixture
def corpus(tmp_path, name):
    """A corpus without annotations."""
    return corpus_copy(tmp_path / "corpus", name, exports=False)


def annotators(corpus):
    return read_toml(corpus / "annotations/annotators.toml", dict[str, Annotator])


def region(start, end, text, label="GPE", identity="r1"):
    value = {"start": start, "end": end, "text": text, "labels": [label]}
    return {"id": identity, "from_name": "entities", "to_name": "text", "type": "labels", "value": value}


def annotate(server, task, result, **more):
    return ask(server, "POST", f"tasks/{task}/annotations", {"result": result, "ground_truth": False, **more})


def task_ids(server, project):
    tasks = ask(server, "GET", "tasks", project=project, include="id,data", fields="all", page_size=100)["tasks"]
    return {task["data"]["article_id"]: task["id"] for task in tasks}


def test_there_and_back_gives_the_same_files_and_the_same_digest(server, corpus, tmp_path):
    whole = corpus_copy(tmp_path / "whole", "there", exports=True)
    for email in PEOPLE:
        account(server, email)
    project = project_of(done(server, "push", "--corpus", corpus, "--article", FIRST))
    ask(server, "DELETE", f"tasks/{task_ids(server, project)[FIRST]}")
    import_annotated(server, project, [task for (task,) in exports_of(whole).values()], EMAILS)
    know(corpus, PEOPLE)
    out = done(server, "pull", "--corpus", corpus)
    assert "2 tasks requested, 6 annotations" in out
    pulled = {path.name: path.read_bytes() for path in (corpus / "annotations/exports").iterdir()}
    assert pulled == {path.name: path.read_bytes() for path in (whole / "annotations/exports").iterdir()}
    digests = [build(open_corpus(folder), folder / "built").manifest.content_digest for folder in (corpus, whole)]
    assert digests[0] == digests[1]


def test_a_second_pull_changes_nothing_and_asks_for_nothing(server, tmp_path, name):
    corpus = corpus_copy(tmp_path / "corpus", name, exports=True)
    project = project_of(done(server, "push", "--corpus", corpus))
    annotate(server, task_ids(server, project)[FIRST], [region(0, 7, "Russian")], lead_time=3.5)
    git = ("git", "-C", str(corpus), "-c", "user.name=x", "-c", "user.email=x@example.org")
    first = done(server, "pull", "--corpus", corpus)
    for command in (("init", "-q"), ("add", "-A"), ("commit", "-qm", "pulled")):
        subprocess.run([*git, *command], check=True)
    assert "kept 6 annotations that the server no longer has" in first
    assert "up to date" in done(server, "pull", "--corpus", corpus)
    assert "2 tasks requested" in done(server, "pull", "--corpus", corpus, "--full")
    assert subprocess.run([*git, "status", "--short"], capture_output=True, text=True, check=True).stdout == ""
    tracked = subprocess.run([*git, "ls-files"], capture_output=True, text=True, check=True).stdout
    assert ".label-studio" not in tracked
    for path in corpus.joinpath("annotations").rglob("*.*"):
        assert "maintainer@example.org" not in path.read_text(encoding="utf-8")
        assert server.account.token not in path.read_text(encoding="utf-8")


def test_only_what_changed_is_asked_for(server, corpus):
    project = project_of(done(server, "push", "--corpus", corpus))
    tasks = task_ids(server, project)
    made = annotate(server, tasks[FIRST], [region(0, 7, "Russian")])
    annotate(server, tasks[SECOND], [region(0, 3, "Efe", "ORG")])
    assert "2 tasks requested, 2 annotations" in done(server, "pull", "--corpus", corpus)
    ask(server, "PATCH", f"annotations/{made['id']}", {"result": [region(8, 17, "President", "PER")]})
    out = done(server, "pull", "--corpus", corpus)
    assert "1 task requested, 1 annotation" in out
    (item,) = exports_of(corpus)[FIRST][0]["annotations"][0]["result"]
    assert item["value"] == {"start": 8, "end": 17, "text": "President", "labels": ["PER"]}


def test_who_is_new_gets_a_pseudonym_and_is_human_only_by_evidence(server, corpus):
    project = project_of(done(server, "push", "--corpus", corpus))
    ann, program = account(server, "ann.example@example.org"), account(server, "program@example.org")
    task = task_ids(server, project)[FIRST]
    annotate(server, task, [region(0, 7, "Russian")], lead_time=12.5, completed_by=ann)
    annotate(server, task, [region(8, 17, "President", "PER")], completed_by=program)
    know(corpus, {server.account.email: "a0"})  # who sends an annotation for somebody counts as its editor
    ran = run(server, "pull", "--corpus", corpus)
    assert ran.code == 0
    assert "a1: added to annotators.toml as human (guidelines.md and the text, in Label Studio)" in ran.err
    assert "a2: added to annotators.toml as unknown (unknown: there is no evidence that" in ran.err
    known = annotators(corpus)
    assert [known[a].kind for a in ("m4", "m5", "m6", "a1", "a2")] == ["model", "model", "model", "human", "unknown"]
    numbers = [one["completed_by"] for one in exports_of(corpus)[FIRST][0]["annotations"]]
    assert numbers == [known["a1"].ids[0], known["a2"].ids[0]] == [7, 9]
    text = (corpus / "annotations/annotators.toml").read_text()
    assert text.startswith((ROOT / "annotations/annotators.toml").read_text().rstrip("\n"))
    people = home_of(corpus) / "people.toml"
    assert '"ann.example@example.org" = "a1"' in people.read_text()
    assert people.stat().st_mode & 0o077 == 0
    for path in corpus.joinpath("annotations").rglob("*.*"):
        assert "example.org" not in path.read_text(encoding="utf-8"), path
    votes = build(open_corpus(corpus), corpus / "built")
    assert votes.manifest.counts.problems["gold-undecided"] == 1


def test_drafts_stay_and_cancelled_ones_come(server, corpus):
    project = project_of(done(server, "push", "--corpus", corpus))
    task = task_ids(server, project)[FIRST]
    annotate(server, task, [region(0, 7, "Russian")], was_cancelled=True)
    ask(server, "POST", f"tasks/{task}/drafts", {"result": [region(8, 17, "President", "PER")]})
    assert "not pulled: 1 unsubmitted draft" in done(server, "pull", "--corpus", corpus)
    (made,) = exports_of(corpus)[FIRST][0]["annotations"]
    assert made["was_cancelled"]
    assert set(exports_of(corpus)) == {FIRST}  # an article without annotations has no file


def test_what_is_deleted_on_the_server_goes_and_what_came_from_elsewhere_stays(server, tmp_path, name):
    corpus = corpus_copy(tmp_path / "corpus", name, exports=True)
    before = exports_of(corpus)[FIRST]
    project = project_of(done(server, "push", "--corpus", corpus))
    tasks = task_ids(server, project)
    made = annotate(server, tasks[FIRST], [region(0, 7, "Russian")])
    done(server, "pull", "--corpus", corpus)
    assert len(exports_of(corpus)[FIRST][0]["annotations"]) == 4
    ask(server, "DELETE", f"annotations/{made['id']}")
    assert f"{FIRST}.json: written" in done(server, "pull", "--corpus", corpus)
    assert exports_of(corpus)[FIRST] == before


def test_a_task_deleted_on_the_server_takes_nothing_with_it(server, corpus):
    project = project_of(done(server, "push", "--corpus", corpus))
    tasks = task_ids(server, project)
    annotate(server, tasks[FIRST], [region(0, 7, "Russian")])
    done(server, "pull", "--corpus", corpus)
    before = exports_of(corpus)
    ask(server, "DELETE", f"tasks/{tasks[FIRST]}")
    ran = run(server, "pull", "--corpus", corpus)
    assert f"task {tasks[FIRST]} is no longer on the server" in ran.err
    assert exports_of(corpus) == before
    again = run(server, "pull", "--corpus", corpus)
    assert "no longer" not in again.err  # told once
    done(server, "push", "--corpus", corpus)  # as the message of a push about a text that changed recommends
    done(server, "pull", "--corpus", corpus)
    assert exports_of(corpus) == before


def test_a_new_server_at_the_same_address_deletes_nothing(server, corpus):
    """Its first project has the number that the first one had; what tells them apart is when they were made."""
    project = project_of(done(server, "push", "--corpus", corpus))
    annotate(server, task_ids(server, project)[FIRST], [region(0, 7, "Russian")])
    done(server, "pull", "--corpus", corpus)
    before = exports_of(corpus)
    ask(server, "DELETE", f"projects/{project}")
    done(server, "push", "--corpus", corpus)
    done(server, "pull", "--corpus", corpus)
    assert exports_of(corpus) == before


def test_a_file_that_was_taken_away_is_made_again(server, corpus):
    project = project_of(done(server, "push", "--corpus", corpus))
    annotate(server, task_ids(server, project)[FIRST], [region(0, 7, "Russian")])
    done(server, "pull", "--corpus", corpus)
    before = exports_of(corpus)
    (corpus / "annotations/exports" / f"{FIRST}.json").unlink()
    done(server, "pull", "--corpus", corpus)
    assert exports_of(corpus) == before


def test_members_that_were_removed_stay_apart(server, corpus):
    project = project_of(done(server, "push", "--corpus", corpus))
    tasks = task_ids(server, project)
    people = {name: account(server, f"{name}@example.org") for name in ("erin", "frank", "gina")}
    for number, (name, user) in enumerate(people.items()):
        annotate(server, tasks[FIRST], [region(number, 7, name)], completed_by=user, lead_time=1)
        if name == "erin":  # the only one who is seen before she goes
            done(server, "pull", "--corpus", corpus)
    (erin,) = {one["completed_by"] for one in exports_of(corpus)[FIRST][0]["annotations"]}
    organization = ask(server, "GET", "organizations")[0]["id"]
    for user in people.values():
        ask(server, "DELETE", f"organizations/{organization}/memberships/{user}")
    done(server, "pull", "--corpus", corpus, "--full")
    numbers = [one["completed_by"] for one in exports_of(corpus)[FIRST][0]["annotations"]]
    assert numbers[0] == erin
    assert len(set(numbers)) == 3
    assert None not in numbers


def test_replace_takes_out_what_the_server_does_not_have(server, tmp_path, name):
    corpus = corpus_copy(tmp_path / "corpus", name, exports=True)
    project = project_of(done(server, "push", "--corpus", corpus))
    annotate(server, task_ids(server, project)[FIRST], [region(0, 7, "Russian")])
    out = done(server, "pull", "--corpus", corpus, "--replace")
    (kept,) = exports_of(corpus)[FIRST][0]["annotations"]
    assert kept["result"][0]["value"]["text"] == "Russian"
    assert f"{SECOND}.json: removed, because it has no annotations" in out


def test_an_annotation_edited_by_somebody_else_names_both(server, corpus):
    project = project_of(done(server, "push", "--corpus", corpus))
    ann = account(server, "ann.example@example.org")
    made = annotate(server, task_ids(server, project)[FIRST], [region(0, 7, "Russian")], completed_by=ann)
    ask(server, "PATCH", f"annotations/{made['id']}", {"result": [region(0, 7, "Russian", "LOC")]})
    know(corpus, {"ann.example@example.org": "ann", server.account.email: "boss"})
    done(server, "pull", "--corpus", corpus)
    (kept,) = exports_of(corpus)[FIRST][0]["annotations"]
    known = annotators(corpus)
    assert (kept["completed_by"], kept["updated_by"]) == (known["ann"].ids[0], known["boss"].ids[0])


def test_articles_that_share_a_file_are_split_on_request(server, tmp_path):
    corpus = shutil.copytree(ROOT / "tests/corpora/from_tasks", tmp_path / "corpus")
    edit(corpus / "annotations/corpus.toml", 'name = "', 'name = "split ')
    before = build(open_corpus(corpus), tmp_path / "before").manifest.content_digest
    project = project_of(done(server, "push", "--corpus", corpus))
    tasks = ask(server, "GET", "tasks", project=project, include="id", page_size=100)["tasks"]
    ask(server, "POST", f"tasks/{tasks[0]['id']}/annotations", {"result": [], "was_cancelled": True})
    ran = run(server, "pull", "--corpus", corpus)
    assert ran.code == 2
    assert "run `newsparallax label-studio pull --split`, which first makes one file per article" in ran.err
    ran = run(server, "pull", "--corpus", corpus, "--split")
    assert ran.code == 0, ran
    assert all(len(found) == 1 for found in exports_of(corpus).values())
    after = exports_of(corpus)
    assert sum(len(one["annotations"]) for (one,) in after.values()) == 1 + sum(
        len(task.get("annotations", []))
        for path in (ROOT / "tests/corpora/from_tasks/annotations/exports").glob("*.json")
        for task in json.loads(path.read_text())
    )
    assert before  # rows differ only by the cancelled one


def test_a_damaged_memory_of_pulls_is_told(server, corpus):
    done(server, "push", "--corpus", corpus)
    done(server, "pull", "--corpus", corpus)
    (home_of(corpus) / "pulled.json").write_text('{"http', encoding="utf-8")
    ran = run(server, "pull", "--corpus", corpus)
    assert ran.code == 2
    assert "remove it; the next pull then requests all tasks" in ran.err
