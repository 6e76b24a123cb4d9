"""Hubs that wait, refuse, hide, or differ from the public one: what publishing to them does, and what it says."""

from __future__ import annotations

import hashlib
import os
import re
import time
from pathlib import Path

import httpx2
import pytest
from small_corpora import AT_ONCE, release, write_release
from stand_in import TOKEN, HubStandIn

from newsparallax.dataset.hub_client import failure, large_files_refused
from programs import run_program

pytestmark = pytest.mark.slow

LOADS = False  # whether what was published is loaded back is tested elsewhere
HUB = """
import json, sys
from pathlib import Path
from newsparallax.errors import NewsParallaxError
from newsparallax.dataset import Hub
hub = Hub.from_environment(needs_token=True, say=print)
work, repo = Path(sys.argv[1]), "org/many"
"""


@pytest.fixture
def hub(shared):
    yield shared.hub
    shared.hub.plan.clear()
    for name, value in vars(HubStandIn(Path())).items():
        if name in ("tag_objects", "only_public", "sha256", "name_blobs", "rewrite", "lfs_error", "renamed", "gated"):
            setattr(shared.hub, name, value)


def ended_well(ended):
    assert ended["status"] == 0, ended["said"]
    return ended["said"]


def refused(ended):
    assert ended["status"] == 2, ended["said"]
    return ended["said"]


def on(*parts):
    return lambda request: all(part in f"{request.method} {request.path}" for part in parts)


# -- waiting


@pytest.mark.parametrize("status", [429, 503])
def test_the_first_look_waits_as_the_hub_asks(hub, shared, repo, status):
    fault = hub.fail(1, "status", where=on("/refs"), status=status, retry_after=2)
    start = time.monotonic()
    said = ended_well(shared.publisher.publish(repo))
    assert fault.fired == 1
    assert time.monotonic() - start >= 2
    assert f"{status} " in said
    assert "trying again in 2.0 s, as the server asks (1 of 4)" in said


@pytest.mark.parametrize("part", ["POST /api/repos/create", "/commit/", "/preupload/", "/tag/", "PUT /api/datasets"])
def test_every_write_waits_as_the_hub_asks(hub, shared, repo, part):
    fault = hub.fail(1, "status", where=on(part), status=429, retry_after=1)
    said = ended_well(shared.publisher.publish(repo, "--public"))
    assert fault.fired == 1
    assert "trying again in 1.0 s, as the server asks" in said
    assert len(hub.commits(repo)) == 2


@pytest.mark.parametrize("part", ["/refs", "/preupload/", "objects/batch"])
def test_a_hub_that_asks_for_a_day_is_not_waited_for(hub, shared, repo, part):
    hub.fail(1, "status", times=99, where=on(part), status=429, retry_after=86400)
    start = time.monotonic()
    assert "asks to wait 86,400 s; run the command again after that time" in refused(shared.publisher.publish(repo))
    assert time.monotonic() - start < 30


def test_a_hub_that_never_answers_is_given_up(hub, tmp_path):
    hub.fail(1, "hang", times=99, where=on("/refs"), seconds=60)
    env = hub.environment() | AT_ONCE | {"HF_HUB_DOWNLOAD_TIMEOUT": "1"}
    start = time.monotonic()
    ran = release(env, "publish", "--repo", "org/never", "--corpus", write_release(tmp_path / "corpus"))
    assert ran.returncode == 2
    assert time.monotonic() - start < 60
    assert f"error: cannot get an answer to GET /api/datasets/org/never/refs (hub {hub.url}): timed out" in ran.stderr
    assert "trying again in" in ran.stderr


@pytest.mark.parametrize("part", ["/revision/", "/tree/", "/resolve/"])
def test_a_download_that_never_comes_is_given_up(hub, shared, repo, part):
    ended_well(shared.publisher.publish(repo, "--public"))
    hub.fail(1, "hang", times=99, where=on(part), seconds=60)
    env = hub.environment() | AT_ONCE | {"HF_HUB_DOWNLOAD_TIMEOUT": "1", "HF_HUB_ETAG_TIMEOUT": "1"}
    name = f"hub:{repo}@v0.1.0"
    ran = release(env, "diff", name, name, timeout=120)
    assert ran.returncode == 2
    assert re.search(rf"error: cannot get an answer to [A-Z]+ \S*{part}\S* \(hub {hub.url}\): timed out\n", ran.stderr)


# -- who may see it


@pytest.mark.parametrize(
    ("options", "private", "said"),
    [
        ((), True, "private (--public makes it public)"),
        (("--private",), True, "private"),
        (("--public",), False, "public"),
    ],
)
def test_a_new_repository_is_private_until_its_tag_is_verified(hub, shared, repo, options, private, said):
    states = []
    hub.fail(1, "hook", times=999, where=on(repo), hook=lambda _: states.append((hub.repository(repo).exists and hub.repository(repo).private, hub.repository(repo).exists and bool(hub.tags(repo)))))  # fmt: skip  # noqa: E501
    ended = ended_well(shared.publisher.publish(repo, *options))
    assert f"visibility {said}\n" in ended
    assert hub.repository(repo).private is private
    assert (True, True) in states
    assert (False, True) not in states


@pytest.mark.parametrize("option", ["--private", "--public", ""])
def test_who_may_see_a_repository_that_is_there_changes_only_where_it_is_asked(hub, shared, repo, option):
    hub.create(repo, private=option == "--public")
    if option == "--private":
        hub.fail(1, "hook", where=on("/preupload/"), hook=lambda _: assert_private(hub, repo))
    ended_well(shared.publisher.publish(repo, *filter(None, [option])))
    assert hub.repository(repo).private is (option == "--private")
    ended_well(shared.publisher.publish(repo, "--public"))  # nothing to send, but everybody may see it now
    assert not hub.repository(repo).private
    assert len(hub.commits(repo)) == 2


def assert_private(hub, repo):
    assert hub.repository(repo).private


def test_a_hub_without_private_repositories_gets_nothing_that_is_not_to_be_public(hub, shared, repo):
    hub.only_public = True
    said = refused(shared.publisher.publish(repo))
    assert "public, but private was requested\n  publish with --public" in said
    assert not hub.repository(repo).exists
    ended_well(shared.publisher.publish(repo, "--public"))


def who_may_see(shared, repo, *options):
    said = ended_well(shared.publisher.publish(repo, *options))
    return said.rpartition(" visibility ")[2].removesuffix("\n")


def test_a_dry_run_says_who_may_see_it(hub, shared, repo):
    hub.create(f"{repo}-seen", private=True)
    for name, options, said in (
        (f"{repo}-unseen", [], "private (--public makes it public)"),
        (f"{repo}-unseen", ["--public"], "private; public after v0.1.0 is verified"),
        (f"{repo}-seen", [], "private, unchanged (--public makes it public)"),
        (f"{repo}-seen", ["--public"], "private; public after v0.1.0 is verified"),
        (f"{repo}-seen", ["--private"], "private, unchanged"),
    ):
        assert who_may_see(shared, name, "--dry-run", *options) == said
    assert not hub.repository(f"{repo}-unseen").exists


def test_what_is_published_again_says_who_may_see_it(hub, shared, repo):
    for options, said in (
        (["--public"], "public"),
        (["--dry-run"], "public, unchanged (--private makes it private)"),
        (["--dry-run", "--private"], "public now; private after publishing"),
        (["--dry-run", "--public"], "public, unchanged"),
        ([], "public, unchanged (--private makes it private)"),
        (["--private"], "private"),
        ([], "private, unchanged (--public makes it public)"),
    ):
        assert who_may_see(shared, repo, *options) == said


def test_the_command_line_says_who_may_see_it(hub, tmp_path):
    command = ["publish", "--repo", "org/unseen", "--corpus", write_release(tmp_path / "corpus"), "--dry-run"]
    ran = release(hub.environment(), *command, "--public")
    assert ran.returncode == 0, ran.stderr
    assert "\n  visibility: private; public after v0.1.0 is verified\n" in ran.stdout


# -- tokens


def saved_token(hub, place, token):
    (place / "home").mkdir(parents=True, exist_ok=True)
    (place / "home/token").write_text(token)
    env = hub.environment(None, place / "home")
    return {name: value for name, value in env.items() if name not in ("HF_TOKEN", "HUGGING_FACE_HUB_TOKEN")}


def test_the_token_of_the_login_is_used_and_searched_for(hub, tmp_path):
    corpus = write_release(tmp_path / "corpus")
    env = saved_token(hub, tmp_path, TOKEN)
    ran = release(env, "publish", "--repo", "org/login", "--corpus", corpus)
    assert ran.returncode == 0, ran.stderr
    wrong = saved_token(hub, tmp_path, "hf_wrong_token") | {"HF_TOKEN": TOKEN}  # which comes first
    assert release(wrong, "publish", "--repo", "org/login", "--corpus", corpus).returncode == 0
    card = corpus / "dataset_card.md"
    card.write_text(f"{card.read_text() if card.exists() else '# Card'}\nMine is hf_wrong_token.\n")
    ran = release(saved_token(hub, tmp_path, "hf_wrong_token"), "publish", "--repo", "org/login", "--corpus", corpus)
    assert ran.returncode == 2
    assert (
        "\n  the token that `hf auth login` saved does not permit this: set HF_TOKEN to another one, or run"
        in ran.stderr
    )
    ran = release(saved_token(hub, tmp_path, "hf_wrong_token"), "check", "--corpus", corpus)
    assert ran.returncode == 1
    assert "contains a token or password of this machine: hf_..." in ran.stderr
    (tmp_path / "home/stored_tokens").write_text("[other]\nhf_token = hf_wrong_token\n")
    (tmp_path / "home/token").write_text(TOKEN)
    env = saved_token(hub, tmp_path, TOKEN) | {"HF_STORED_TOKENS_PATH": str(tmp_path / "home/stored_tokens")}
    assert "contains a token or password of this machine: hf_..." in release(env, "check", "--corpus", corpus).stderr


def test_a_job_of_a_ci_provider_gets_its_token_by_its_identity(hub, tmp_path):
    corpus = write_release(tmp_path / "corpus")
    env = saved_token(hub, tmp_path, "") | {
        "HF_OIDC_RESOURCE": "datasets/org/by-identity",
        "GITHUB_ACTIONS": "true",
        "ACTIONS_ID_TOKEN_REQUEST_URL": f"{hub.url}/ci/identity",
        "ACTIONS_ID_TOKEN_REQUEST_TOKEN": "of-the-ci",
    }
    ran = release(env, "publish", "--repo", "org/by-identity", "--corpus", corpus)
    assert ran.returncode == 0, ran.stderr
    del env["ACTIONS_ID_TOKEN_REQUEST_TOKEN"]
    ran = release(env, "publish", "--repo", "org/by-identity", "--corpus", corpus)
    assert ran.returncode == 2
    assert f"cannot issue a token for this login (hub {hub.url}): Cannot request an OIDC id token" in ran.stderr


# -- hubs that differ


def test_a_hub_that_names_files_otherwise_is_compared_by_content(hub, shared, repo):
    hub.name_blobs = lambda content: hashlib.sha1(content).hexdigest()
    said = ended_well(shared.publisher.publish(repo))
    assert "does not report Git ids of files; their content is compared instead" in said
    assert "was_there True" in ended_well(shared.publisher.publish(repo))
    assert len(hub.commits(repo)) == 2


@pytest.mark.parametrize(
    ("rewrite", "said"),
    [
        (lambda content: content.replace(b"\n", b"\r\n"), r"it has [\d,]+ bytes; [\d,]+ bytes were sent"),
        (lambda content: content.swapcase(), r"it has [\d,]+ bytes as expected, but with different content"),
    ],
    ids=["line ends", "letters"],
)
def test_a_hub_that_changes_files_is_named_as_the_cause(hub, shared, repo, rewrite, said):
    hub.rewrite = lambda content: content if content.startswith((b"---", b"PAR1")) else rewrite(content)
    ended = refused(shared.publisher.publish(repo))
    assert re.search(f" does not contain \\S+ as it was sent: {said}", ended)
    assert "the hub changed the file, for example its line ends; ask the administrator of the hub" in ended
    assert "somebody else" not in ended
    assert hub.tags(repo) == {}


def test_tag_objects_in_place_of_commits_are_fine(hub, shared, repo):
    hub.tag_objects = True
    ended_well(shared.publisher.publish(repo))
    assert hub.repository(repo).refs("tags", peeled=False) != hub.tags(repo)
    assert "was_there True" in ended_well(shared.publisher.publish(repo))


def test_a_hub_without_tags_gets_no_commit(hub, shared, repo):
    hub.fail(1, "status", times=99, where=on("POST", "/tag/"), status=404, body="Not Found")
    said = refused(shared.publisher.publish(repo))
    assert "seems not to support tags" in said
    assert "a release is a tag" in said
    assert not hub.repository(repo).exists
    hub.create(repo)
    assert "seems not to support tags" in refused(shared.publisher.publish(repo))
    assert len(hub.commits(repo)) == 1


@pytest.mark.parametrize("others", [True, False])
def test_commits_named_by_64_digits_are_refused_and_nothing_stays(tmp_path, others):
    with HubStandIn(tmp_path / "hub") as hub:
        hub.sha256 = True
        if others:
            hub.create("org/other")
        corpus = write_release(tmp_path / "corpus")
        ran = release(hub.environment(), "publish", "--repo", "org/long", "--corpus", corpus)
        assert ran.returncode == 2
        assert "publishing needs ids of 40 hexadecimal digits" in ran.stderr
        assert not hub.repository("org/long").exists
        assert others is not any(on("repos/create")(request) for request in hub.log)
        hub.create("org/long")
        ran = release(hub.environment(), "publish", "--repo", "org/long", "--corpus", corpus)
        assert "publishing needs ids of 40 hexadecimal digits" in ran.stderr
        assert len(hub.commits("org/long")) == 1
    assert hub.wrong == []


@pytest.mark.parametrize(
    ("endpoint", "off"),
    [
        ("https://huggingface.co", False),
        ("https://huggingface.co/", False),
        ("https://hub.example.org", True),
        ("", False),
    ],
)
def test_xet_is_off_for_other_hubs_alone(endpoint, off):
    code = "from newsparallax.dataset.hub_client import client; print(client().constants.HF_HUB_DISABLE_XET)"
    env = {name: value for name, value in os.environ.items() if not name.startswith("HF_")}
    env |= {"HF_ENDPOINT": endpoint} if endpoint else {}
    ran = run_program(code, env=env)
    assert ran.stdout == f"{off}\n"


# -- what a refusal says


XET = [RuntimeError("CAS service error: 403 Forbidden"), type("XetAuthenticationError", (Exception,), {})()]


@pytest.mark.parametrize("error", XET, ids=["words", "kind"])
def test_a_failure_of_xet_is_not_tried_again(error):
    told = failure("https://huggingface.co", "commit to org/x", error, None, "org/x")
    assert not told.transient
    assert told.hint == "set HF_HUB_DISABLE_XET=1 to transfer large files without Xet"


@pytest.mark.parametrize("wrapped", [True, False])
def test_a_failure_of_the_network_is_tried_again(wrapped):
    error = httpx2.ReadTimeout("timed out")
    if wrapped:
        outer = RuntimeError("Error while uploading")
        outer.__cause__, error = error, outer
    told = failure("https://huggingface.co", "commit to org/x", error, "hf_secret", "org/x")
    assert told.transient
    assert "timed out" in told.message


def test_the_words_of_a_refusal_are_shown_whole(hub, shared, repo):
    body = "Storage quota of org exceeded.\nBuy more at /billing,\nor delete something."
    hub.fail(1, "status", where=on("/commit/"), status=403, body=body)
    said = refused(shared.publisher.publish(repo))
    assert f"403 Forbidden: {' '.join(body.split())}" in said
    assert "Request ID" not in said
    page = "<html><style>p {}</style><h1>Request Entity Too Large</h1><p>At most 1 MB</p></html>"
    hub.fail(1, "status", where=on("/commit/"), status=413, body=page, kind_of_body="text/html")
    assert "413 " in (said := refused(shared.publisher.publish(repo)))
    assert ": Request Entity Too Large At most 1 MB" in said
    answer = '{"message": "the plan is used up", "details": [{"reason": "paid until May"}]}'
    hub.fail(1, "status", where=on("/commit/"), status=400, body=answer, kind_of_body="application/json")
    assert "400 Bad Request: the plan is used up; paid until May" in refused(shared.publisher.publish(repo))


def test_a_quota_for_large_files_is_shown(hub, shared, repo):
    hub.lfs_error = "this account has no room for 3 MB more"
    said = refused(shared.publisher.publish(repo))
    assert said.count("this account has no room for 3 MB more") == 1
    assert re.search(r" for 3 MB more \(\d+ files?: \w+/\S+\.parquet", said)
    assert "trying again" not in said


def test_words_about_large_files_are_said_once_with_the_names():
    lines = [f"Encountered error for file with OID {number}: `full" for number in range(5)]
    lines += ["Encountered error for file with OID 9: `too large"]
    error = ValueError("\n".join(["LFS batch API returned errors:", *lines]))
    told = large_files_refused(error, {"0": "a.parquet", "1": "b.parquet", "9": "c.parquet"})
    files = "full (5 files: a.parquet, b.parquet, 2, and 2 more); too large (1 file: c.parquet)"
    assert str(told) == f"LFS batch API returned errors: {files}"
    assert large_files_refused(other := ValueError("other"), {}) is other


def test_a_repository_that_the_token_may_not_see_is_not_said_to_be_made(hub, tmp_path):
    hub.create("org/hidden", private=True)
    hub.tokens["hf_creates"] = "create"
    corpus = write_release(tmp_path / "corpus")
    ran = release(hub.environment("hf_creates"), "publish", "--repo", "org/hidden", "--corpus", corpus)
    assert ran.returncode == 2
    assert "but is not visible; nothing was created" in ran.stderr


def test_readers_are_told_what_keeps_them_out(hub, shared, repo, tmp_path):
    ended_well(shared.publisher.publish(repo, "--public"))
    hub.tokens["hf_reads"] = "read"
    hub.renamed["org/old"] = repo

    def said(name, token="hf_reads"):
        ran = release(hub.environment(token), "diff", name, name)
        return ran.returncode, ran.stderr

    assert said("hub:org/old@v0.1.0") == (0, f"org/old was renamed to {repo}\n" * 2)
    ran = release(hub.environment(), "check", "--repo", "org/old", "--corpus", write_release(tmp_path / "corpus"))
    assert ran.stderr == f"error: org/old was renamed to {repo}\n  use the new name: --repo {repo}\n"
    status, words = said(f"hub:{repo}@v9.9.9")
    assert status == 2
    assert f"{repo} exists, but not this revision" in words
    status, words = said("hub:org/nowhere@v0.1.0")
    assert status == 2
    assert "check the name" in words
    hub.gated.add(repo)
    status, words = said(f"hub:{repo}@v0.1.0")
    assert status == 2
    assert f"{repo} is gated: request access at {hub.url}/datasets/{repo}" in words
    assert "restricted and you are not in the authorized list" in words


# -- many files


def many(hub, tmp_path, code):
    hub.repository("org/many").exists or hub.create("org/many")
    place = tmp_path / "many"
    place.mkdir()
    for number in range(230):
        (place / f"{number}.txt").write_text(f"text {number}")
    ran = run_program(f"{HUB}{code}", place, env=os.environ | hub.environment())
    assert ran.returncode == 0, ran.stderr
    return ran.stdout


COMMIT = """
adds = {path.name: path for path in work.iterdir()}
parent = hub.look(repo).commit
try:
    print("made", hub.commit(repo, parent, adds, [], "Many"))
except NewsParallaxError as error:
    print(type(error).__name__, error)
print("all there", len(hub.look(repo).files) == 231)
"""


def test_many_files_change_main_once(tmp_path):
    with HubStandIn(tmp_path / "hub") as hub:
        assert many(hub, tmp_path, COMMIT) == "made None\nall there True\n"
        sizes = [request.path for request in hub.log if "/commit/" in request.path]
        assert [path.rpartition("/")[2] for path in sizes] == ["refs%2Fpr%2F1"] * 3
        assert [commit.title for commit in hub.commits("org/many")] == ["Many", "initial commit"]
        assert [about["status"] for about in hub.requests.values()] == ["merged"]
    assert hub.wrong == []


def test_many_files_go_in_one_commit_where_there_are_no_pull_requests(tmp_path):
    with HubStandIn(tmp_path / "hub") as hub:
        hub.fail(1, "status", where=on("/discussions"), status=404, body="Not Found")
        said = many(hub, tmp_path, COMMIT)
        assert "all files are sent in one commit\nmade " in said
        assert said.endswith("all there True\n")
        assert len(hub.commits("org/many")) == 2


def test_many_files_leave_main_alone_where_somebody_else_changes_it(tmp_path):
    with HubStandIn(tmp_path / "hub") as hub:
        hub.create("org/many")
        hub.fail(3, "hook", where=on("/commit/"), hook=lambda _: hub.commit_by_hand("org/many", {"n": b"1"}, "theirs"))
        said = many(hub, tmp_path, COMMIT)
        assert said.startswith("MovedError org/many was changed by somebody else meanwhile")
        assert [commit.title for commit in hub.commits("org/many")] == ["theirs", "initial commit"]
        assert [about["status"] for about in hub.requests.values()] == ["closed"]
