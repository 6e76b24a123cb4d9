"""Asking a server again: what is waited for, how long, and what is said; also by the client of Label Studio."""

from __future__ import annotations

import json
import re
import time
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

import pytest

from newsparallax._util import ATTEMPTS, TRANSIENT, ServerError, again, requested_wait, waiting
from newsparallax.labelling import Studio
from newsparallax.labelling.client import StudioError


@pytest.mark.slow
def test_a_failure_that_passes_is_asked_again_after_the_wait_that_the_server_asks_for():
    failures = [ServerError("busy", transient=True, wait=0.2), ServerError("busy", transient=True)]
    said = []

    def ask():
        if failures:
            raise failures.pop(0)
        return "done"

    start = time.monotonic()
    assert again(ask, said.append) == "done"
    assert time.monotonic() - start >= 0.2
    assert said[0] == f"busy; trying again in 0.2 s, as the server asks (1 of {ATTEMPTS - 1})"
    assert re.fullmatch(rf"busy; trying again in [12]\.\d s \(2 of {ATTEMPTS - 1}\)", said[1])


@pytest.mark.parametrize(
    ("error", "hint"),
    [
        (ServerError("no", hint="ask"), "ask"),
        (
            ServerError("busy", transient=True, wait=86400),
            "the server asks to wait 86,400 s; run the command again after that time",
        ),
    ],
)
def test_a_failure_that_stays_or_asks_for_too_long_a_wait_is_raised_at_once(error, hint):
    asked = []

    def ask():
        asked.append(1)
        raise error

    with pytest.raises(ServerError) as raised:
        again(ask, pytest.fail)
    assert (len(asked), raised.value.hint) == (1, hint)


def test_what_was_asked_often_enough_is_not_asked_again_by_who_called():
    asked = []

    def ask():
        asked.append(1)
        raise ServerError("busy", transient=True, wait=0.01)

    with pytest.raises(ServerError):
        again(lambda: again(ask, str), str)
    assert len(asked) == ATTEMPTS


def test_no_attempt_begins_after_the_time_that_there_is():
    asked = []

    def ask():
        asked.append(1)
        raise ServerError("busy", transient=True, wait=0.3)

    with pytest.raises(ServerError):
        again(ask, str, patience=0.2)
    assert len(asked) == 2


@pytest.mark.parametrize(
    ("value", "seconds"),
    [("120", 120), (" 1.5 ", 1.5), ("0", 0), ("", None), ("soon", None), ("-1", None), ("1e9", None)],
)
def test_retry_after_as_seconds(value, seconds):
    assert requested_wait({"retry-after": value}) == seconds


def test_retry_after_as_a_date():
    later, earlier = (datetime.now(UTC) + timedelta(seconds=seconds) for seconds in (60, -60))
    assert 57 < requested_wait({"retry-after": format_datetime(later, usegmt=True)}) <= 60
    assert requested_wait({"retry-after": format_datetime(earlier, usegmt=True)}) == 0
    assert requested_wait({}) is None


def test_a_long_silence_is_said_less_and_less_often():
    said = []
    with waiting("an answer", said.append, silence=0.05):
        time.sleep(0.5)
    assert 2 <= len(said) <= 4
    assert said[0] == "still waiting for an answer (0 s) ..."
    time.sleep(0.2)
    assert len(said) <= 4


@contextmanager
def label_studio(*answers):
    """The address of a server that gives these answers to /api/projects (status, headers), then an empty list."""
    left, asked = list(answers), []

    class Page(BaseHTTPRequestHandler):
        def do_GET(self):
            path = self.path.partition("?")[0]
            status, headers, body = 200, {}, []
            if path == "/api/version":
                body = {"release": "1.23.0"}
            if path in ("/api/projects", "/api/version"):
                asked.append(path)
            if path == "/api/projects" and left:
                (status, headers), body = left.pop(0), {"detail": "slow down"}
            content = json.dumps(body).encode()
            self.send_response(status)
            for name, value in {**headers, "Content-Length": str(len(content))}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *_):
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Page) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}", asked
        server.shutdown()


@pytest.mark.slow
@pytest.mark.parametrize("status", sorted(TRANSIENT))
def test_label_studio_is_asked_again_as_it_asks(status):
    said = []
    with label_studio((status, {"Retry-After": "1"})) as (url, asked):
        assert Studio(url, "a" * 40, said.append).read("api/projects") == []
    assert asked.count("/api/projects") == 2
    assert said == [f"{url} answers {status}; trying again in 1.0 s, as the server asks (1 of 4)"]  # fmt: skip


def test_label_studio_that_asks_for_a_day_is_not_waited_for():
    refusal = pytest.raises(StudioError, match="asks to wait 86,400 s")
    with label_studio((503, {"Retry-After": "86400"})) as (url, asked), refusal:
        Studio(url, "a" * 40, pytest.fail).read("api/projects")
    assert asked.count("/api/projects") == 1
