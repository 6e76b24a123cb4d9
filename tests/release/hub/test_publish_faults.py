"""A hub that fails, a publisher that is killed: at any request, the end is a whole release or none."""

from __future__ import annotations

import pytest
from faults import writes

pytestmark = pytest.mark.slow

WAITS = False  # how long it waits is tested elsewhere


@pytest.fixture
def hub(shared):
    yield shared.hub
    shared.hub.plan.clear()


def check_whole(shared, repo):
    for tag in shared.hub.tags(repo) if shared.hub.repository(repo).exists else ():
        names = [path for path in shared.hub.files(repo, tag) if path != ".gitattributes"]
        assert {path: shared.hub.read(repo, tag, path) for path in names} == shared.whole


@pytest.mark.parametrize(
    ("kind", "part", "more"),
    [
        ("status", "/commit/", {"status": 503}),
        ("drop", "/commit/", {}),
        ("lose", "/commit/", {}),
        ("drop", "/tag/", {}),
        ("lose", "/tag/", {}),
        ("status", "/refs", {"status": 429}),
        ("lose", "repos/create", {}),
    ],
)
def test_a_hub_that_fails_once_is_asked_again(hub, shared, repo, kind, part, more):
    nth = 2 if part == "/tag/" else 1  # the first asks whether the hub knows tags
    fault = hub.fail(nth, kind, where=lambda request: part in request.path, **more)
    ended = shared.publisher.publish(repo)
    assert fault.fired == 1
    assert ended["status"] == 0, ended["said"]
    assert len(hub.commits(repo)) == 2
    assert hub.tags(repo) == {"v0.1.0": hub.commits(repo)[0].sha}
    check_whole(shared, repo)


def test_a_hub_that_keeps_failing_is_told(hub, shared, repo):
    hub.fail(1, "status", times=99, where=lambda request: "/commit/" in request.path, status=500)
    ended = shared.publisher.publish(repo)
    assert ended["status"] == 2
    assert f"(hub {hub.url})" in ended["said"]
    assert f"cannot commit to {repo}" in ended["said"]
    assert hub.tags(repo) == {}


def test_what_would_be_loaded_otherwise_gets_no_tag(hub, shared, repo):
    """A file of settings that somebody has put there lets `datasets` load other files."""
    hub.create(repo)
    settings = b"configs:\n- config_name: spans\n  data_files: votes/*\n"
    hub.commit_by_hand(repo, {".huggingface.yaml": settings}, "settings")
    ended = shared.publisher.publish(repo)
    assert ended["status"] == 2
    assert hub.tags(repo) == {}


@pytest.mark.parametrize("part", range(4))
@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
def test_an_interruption_at_any_request_leaves_a_whole_release_or_none(hub, shared, part, after):
    """Killed at the n-th request, then repeated: one commit, one tag on it, and in between never half a release."""
    count = f"org/count-{part}-{after}"
    hub.log.clear()
    assert shared.publisher.publish(count)["status"] == 0
    log = [request for request in hub.log if count in request.path or not request.path.startswith("/org/")]
    total = sum(map(writes, log)) if after else len(log)
    assert total > 5
    for number in range(part + 1, total + 1, 4):
        repo = f"org/kill-{number}-{after}"
        where = writes if after else (lambda request: True)
        fault = hub.fail(number, "kill", where=where, after=after)
        fault.pid = shared.publisher.start(repo)
        assert shared.publisher.wait()["status"] == -9
        check_whole(shared, repo)
        hub.plan.clear()
        ended = shared.publisher.publish(repo)
        assert ended["status"] == 0, ended["said"]
        check_whole(shared, repo)
        assert set(hub.tags(repo)) == {"v0.1.0"}
        assert len(hub.commits(repo)) == 2
