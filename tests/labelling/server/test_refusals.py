"""What push, pull and review say when they cannot go on: one message, exit code 2, no traceback, no secret."""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from studio import FIRST, ask, corpus_copy, done, environment, exports_of, project_of, run


@pytest.fixture
def corpus(tmp_path, request):
    return corpus_copy(tmp_path / "corpus", request.node.name[5:50], exports=False)


def refused(ran, *parts):
    assert ran.code == 2, ran
    assert ran.err.splitlines()[-1].startswith("  "), ran.err  # the last line says what to do
    for part in parts:
        assert part in ran.err, ran.err


@pytest.fixture(scope="module")
def personal_token(server):
    return ask(server, "POST", "token")["token"]


def test_a_personal_access_token_works_as_the_legacy_token_does(server, corpus, personal_token):
    env = environment(server, LABEL_STUDIO_API_KEY=personal_token)
    assert env["LABEL_STUDIO_API_KEY"].count(".") == 2  # a JWT
    assert run(server, "push", "--corpus", corpus, env=env).code == 0
    assert "2 unchanged" in done(server, "push", "--corpus", corpus)
    assert run(server, "pull", "--corpus", corpus, env=env).code == 0


@pytest.mark.parametrize("command", ["push", "pull", "review"])
@pytest.mark.parametrize("kind", ["legacy", "personal", "nonsense"])
def test_a_wrong_token(server, corpus, command, kind, personal_token):
    if kind == "personal":
        head, body, _ = personal_token.split(".")
        token = f"{head}.{body}.{'A' * 43}"
    else:
        token = "0" * 40 if kind == "legacy" else "ключ"
    ran = run(server, command, "--corpus", corpus, env=environment(server, LABEL_STUDIO_API_KEY=token))
    refused(ran, "LABEL_STUDIO_API_KEY", "Account & Settings")
    assert token not in ran.err + ran.out


def test_half_an_address_and_none(server, corpus):
    env = environment(server)
    del env["LABEL_STUDIO_API_KEY"]
    refused(run(server, "pull", "--corpus", corpus, env=env), "LABEL_STUDIO_API_KEY is not set")
    del env["LABEL_STUDIO_URL"]
    ran = run(server, "pull", "--corpus", corpus, env=env)
    refused(ran, "no Label Studio server is configured", "serve")
    env = environment(server, LABEL_STUDIO_URL="127.0.0.1:8080")
    refused(run(server, "pull", "--corpus", corpus, env=env), "begins with http:// or https://")
    env = environment(server, LABEL_STUDIO_URL="http://127.0.0.1:port")
    refused(run(server, "pull", "--corpus", corpus, env=env), "LABEL_STUDIO_URL is 'http://127.0.0.1:port'")
    env = environment(server, LABEL_STUDIO_URL="http://me:pass@127.0.0.1:1")
    ran = run(server, "pull", "--corpus", corpus, env=env)
    refused(ran, "without user name and password")
    assert "pass@" not in ran.err


def test_no_server(server, corpus):
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{probe.getsockname()[1]}"
    env = environment(server, LABEL_STUDIO_URL=url)
    ran = run(server, "push", "--corpus", corpus, env=env)
    refused(ran, f"the Label Studio server at {url} does not answer", "newsparallax label-studio serve")


@contextmanager
def answering(answers):
    """A small HTTP server on loopback that gives the same answers to everybody."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            status, content = answers.get(self.path.split("?")[0].rstrip("/"), (404, b"<html>no such page</html>"))
            self.send_response(status)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *_):
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as httpd:
        threading.Thread(target=httpd.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{httpd.server_port}"
        httpd.shutdown()


def test_something_else_at_the_address(server, corpus):
    with answering({"/api/version": (200, b"<html>hello</html>")}) as url:
        ran = run(server, "pull", "--corpus", corpus, env=environment(server, LABEL_STUDIO_URL=url))
        refused(ran, "is not JSON")
    with answering({"/api/version": (200, b'{"version": 3}')}) as url:
        ran = run(server, "pull", "--corpus", corpus, env=environment(server, LABEL_STUDIO_URL=url))
        refused(ran, f"the server at {url} is not Label Studio")
    with answering({}) as url:
        ran = run(server, "pull", "--corpus", corpus, env=environment(server, LABEL_STUDIO_URL=url))
        refused(ran, f"the server at {url} is not Label Studio")


def test_a_server_of_another_version_is_told(server, corpus):
    """The answers of an older server, as far as a pull gets with it."""
    with answering(
        {
            "/api/version": (200, json.dumps({"release": "1.9.2"}).encode()),
            "/api/current-user/whoami": (200, b'{"id": 1}'),
        }
    ) as url:
        ran = run(server, "pull", "--corpus", corpus, env=environment(server, LABEL_STUDIO_URL=url))
    refused(ran, f"{url} is Label Studio 1.9.2; this program supports 1.23")


def test_a_failing_server_is_asked_again_and_then_told(server, corpus):
    answers = {
        "/api/version": (200, json.dumps({"release": "1.23.2"}).encode()),
        "/api/current-user/whoami": (200, b'{"id": 1}'),
        "/api/projects": (500, json.dumps({"detail": "database or disk is full"}).encode()),
    }
    with answering(answers) as url:
        ran = run(server, "pull", "--corpus", corpus, env=environment(server, LABEL_STUDIO_URL=url))
    assert ran.code == 2
    assert ran.err.count("trying again") == 4
    assert "answers 500 to api/projects: database or disk is full" in ran.err


def test_a_project_that_was_deleted(server, corpus):
    project = project_of(done(server, "push", "--corpus", corpus))
    done(server, "pull", "--corpus", corpus)
    ask(server, "DELETE", f"projects/{project}")
    refused(run(server, "pull", "--corpus", corpus), "has no project", "push")
    assert "(created)" in done(server, "push", "--corpus", corpus)


@pytest.mark.skipif(os.geteuid() != 0 or not shutil.which("mount"), reason="a small disk needs root")
def test_a_full_disk(server, corpus, tmp_path):
    """The corpus lies on a small disk: what does not fit is told, and what was there is whole."""
    project = project_of(done(server, "push", "--corpus", corpus))
    tasks = ask(server, "GET", "tasks", project=project, include="id,data", fields="all")["tasks"]
    task = next(task["id"] for task in tasks if task["data"]["article_id"] == FIRST)
    value = {"start": 0, "end": 7, "text": "Russian", "labels": ["GPE"]}
    item = {"id": "r1", "from_name": "entities", "to_name": "text", "type": "labels", "value": value}
    ask(server, "POST", f"tasks/{task}/annotations", {"result": [item], "ground_truth": False})
    done(server, "pull", "--corpus", corpus)
    before = exports_of(corpus)
    many = [{**item, "id": f"r{n}"} for n in range(3000)]
    ask(server, "POST", f"tasks/{task}/annotations", {"result": many, "ground_truth": False})
    disk = tmp_path / "disk"
    disk.mkdir()
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(disk)], check=False).returncode:
        pytest.skip("a small disk cannot be mounted here")
    try:
        small = shutil.copytree(corpus, disk / "corpus")
        free = os.statvfs(disk).f_bavail * os.statvfs(disk).f_frsize
        (disk / "filler").write_bytes(bytes(free - 64 * 1024))
        ran = run(server, "pull", "--corpus", small)
        assert ran.code == 2
        assert ran.err == f"error: {small}/annotations/exports/{FIRST}.json: No space left on device\n"
        assert exports_of(small) == before
        assert not list(small.rglob("*.partial"))
        (disk / "filler").unlink()
        done(server, "pull", "--corpus", small)
        assert len(exports_of(small)[FIRST][0]["annotations"]) == 2
    finally:
        subprocess.run(["umount", str(disk)], check=True)
