"""The server, or the command itself, killed in the middle: repeated, it is as if nothing had happened."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time

import pytest
from studio import SCRIPT, ask, done, environment, exports_of, project_of, run

from conftest import free_port
from helpers import write_corpus
from newsparallax.labelling import home_of
from newsparallax.labelling.client import PART
from newsparallax.labelling.server import VENV, start

ARTICLES = 400
NAMES = [f"a{number:04}" for number in range(ARTICLES)]
TEXTS = {name: f"{name}: Putin went to Pyongyang on day {number}." for number, name in enumerate(NAMES)}


@pytest.fixture(scope="module")
def corpus(tmp_path_factory):
    folder = tmp_path_factory.mktemp("faults")
    return write_corpus(folder, {"corpus": {"name": "faults"}, "seeds": {f"{name}.txt": TEXTS[name] for name in NAMES}})


class Restartable:
    """A server that a test kills and starts again on the same data."""

    def __init__(self, home, port):
        self._home, self._port = home, port
        self._server = start(home, port=port, venv=VENV, say=print)
        self.account = self._server.account

    def kill(self):
        os.killpg(self._server.pid, signal.SIGKILL)
        self._server.wait()

    def again(self):
        self._server = start(self._home, port=self._port, venv=VENV, say=print)

    def stop(self):
        self._server.stop()


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    running = Restartable(home_of(tmp_path_factory.mktemp("server")), free_port())
    yield running
    running.stop()


def begun(server, *arguments):
    """A run of the script that goes on by itself."""
    command = [sys.executable, str(SCRIPT), *map(str, arguments)]
    return subprocess.Popen(command, env=environment(server), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def wait_for(condition):
    until = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < until
        time.sleep(0.01)


def count(server):
    found = ask(server, "GET", "projects", title="faults", include="id,task_number")["results"]
    return found[0]["task_number"] if found else 0


def ended(process):
    out, err = process.communicate(timeout=120)
    assert "Traceback" not in err, err
    return process.returncode, out, err


def files(corpus):
    return sorted((corpus / "annotations/exports").glob("*"))


def test_the_server_is_killed_in_the_middle_of_a_push(server, corpus):
    process = begun(server, "push", "--corpus", corpus)
    wait_for(lambda: 0 < count(server) < ARTICLES)
    server.kill()
    code, _, err = ended(process)
    assert code == 2
    assert re.search("the Label Studio server at .* does not answer", err)
    server.again()
    before = count(server)
    assert 0 < before < ARTICLES
    out = done(server, "push", "--corpus", corpus)
    assert f"{ARTICLES} tasks: {ARTICLES - before} new, 0 updated, {before} unchanged" in out
    tasks = ask(server, "GET", "tasks", project=project_of(out), include="id,data", fields="all", page_size=1000)[
        "tasks"
    ]
    assert {task["data"]["article_id"]: task["data"]["text"] for task in tasks} == TEXTS
    assert len(tasks) == ARTICLES


def test_the_push_itself_is_killed(server, corpus):
    """Its last request may still be under way on the server when the next push begins; no task comes twice."""
    project = project_of(done(server, "push", "--corpus", corpus))
    ask(server, "DELETE", f"projects/{project}")
    process = begun(server, "push", "--corpus", corpus)
    wait_for(lambda: 0 < count(server) < ARTICLES)
    process.send_signal(signal.SIGKILL)
    process.wait()
    done(server, "push", "--corpus", corpus)
    assert count(server) == ARTICLES


def annotate_all(server, project):
    """An annotation on every task, by two people in turn."""
    people = [server.account.email, "second@example.org"]
    if people[1] not in [user["email"] for user in ask(server, "GET", "users")]:
        ask(server, "POST", "users", {"email": people[1], "username": "second"})
    tasks = ask(server, "GET", "tasks", project=project, include="id,data,meta", fields="all", page_size=1000)["tasks"]
    content = []
    for number, task in enumerate(tasks):
        value = {"start": 7, "end": 12, "text": "Putin", "labels": ["PER"]}
        item = {"id": f"r{number}", "from_name": "spans", "to_name": "text", "type": "labels", "value": value}
        annotation = {"completed_by": {"email": people[number % 2]}, "ground_truth": False, "result": [item]}
        content.append({"data": task["data"], "meta": task["meta"], "annotations": [annotation]})
    ask(server, "DELETE", f"projects/{project}/tasks")
    ask(server, "POST", f"projects/{project}/import", content)


def whole(corpus):
    """What the export files hold, each read to its end: article -> the ids of the regions in it."""
    found = {path.stem: json.loads(path.read_text(encoding="utf-8")) for path in files(corpus)}
    return {
        name: [item["id"] for one in task["annotations"] for item in one["result"]] for name, (task,) in found.items()
    }


def test_the_server_is_killed_in_the_middle_of_a_pull(server, corpus):
    project = project_of(done(server, "push", "--corpus", corpus))
    annotate_all(server, project)
    process = begun(server, "pull", "--corpus", corpus)
    wait_for(lambda: len(files(corpus)) > 20)
    server.kill()
    code, _, err = ended(process)
    assert code == 2
    assert re.search("the Label Studio server at .* does not answer", err)
    part = whole(corpus)
    assert 20 < len(part) < ARTICLES
    server.again()
    out = done(server, "pull", "--corpus", corpus)
    asked = int(out.split(" tasks requested")[0].split()[-1])
    assert asked <= ARTICLES - len(part) // PART * PART  # what was whole is not asked for again
    assert whole(corpus) == {name: [f"r{number}"] for number, name in enumerate(NAMES)}
    assert "up to date" in done(server, "pull", "--corpus", corpus)


def test_the_pull_itself_is_killed(server, corpus):
    expected = exports_of(corpus)
    for path in files(corpus):
        path.unlink()
    (home_of(corpus) / "pulled.json").unlink()
    process = begun(server, "pull", "--corpus", corpus)
    wait_for(lambda: len(files(corpus)) > 20)
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert 20 < len(whole(corpus)) < ARTICLES
    assert run(server, "pull", "--corpus", corpus).code == 0
    assert exports_of(corpus) == expected
    assert not list(corpus.rglob("*.partial"))
