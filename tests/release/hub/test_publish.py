"""Publishing to a hub, as a maintainer does it: what arrives, what stays, what is refused, what goes wrong."""

from __future__ import annotations

import errno
import json
import os
import re
import shutil
from collections import Counter
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from types import SimpleNamespace
from unittest.mock import Mock

import pytest
from datasets.exceptions import DatasetGenerationError
from small_corpora import AT_ONCE, ROOT, WITHHELD, Publisher, release, write_release
from stand_in import TOKEN

from helpers import limit_file_size, span, task
from newsparallax.corpus import open_corpus
from newsparallax.dataset import HubError, Seen, loaded_digest
from newsparallax.errors import NewsParallaxError
from newsparallax.release.publishing import _Publication
from programs import run_program

pytestmark = pytest.mark.slow  # each publishes several times

REPO = "org/tiny"
LOAD = """
import json, sys
from datasets import load_dataset
repo, revision = sys.argv[1:]
found = load_dataset(repo, revision=revision)
spans = load_dataset(repo, "spans", revision=revision)
names = spans["train"].features["label"].names
print(json.dumps({"texts": list(found["train"]["text"]), "labels": [names[n] for n in spans["train"]["label"]]}))
"""


def published(hub, corpus, *options):
    ran = release(hub.environment(), "publish", "--repo", REPO, "--public", "--corpus", corpus, *options)
    assert ran.returncode == 0, ran.stderr
    assert TOKEN not in ran.stdout + ran.stderr
    return ran.stdout


def refused(hub, corpus, *options, repo=REPO, token=TOKEN):
    before = hub.tags(REPO) if hub.repository(REPO).exists else {}
    ran = release(hub.environment(token), "publish", "--repo", repo, "--corpus", corpus, *options)
    assert ran.returncode == 2, ran.stdout
    assert "Traceback" not in ran.stderr
    assert not re.search("hf_[a-z]", (ran.stdout + ran.stderr).replace("HF_TOKEN", ""))
    assert (hub.tags(REPO) if hub.repository(REPO).exists else {}) == before
    return ran.stderr


def loaded(hub, revision):
    ran = run_program(LOAD, REPO, revision, env=os.environ | hub.environment(None))
    assert ran.returncode == 0, ran.stderr
    return json.loads(ran.stdout)


def staged(corpus, version="0.1.0"):
    """File -> content of what was made ready to be sent."""
    place = corpus / "build" / f"{version}-release"
    return {path.relative_to(place).as_posix(): path.read_bytes() for path in place.rglob("*") if path.is_file()}


def at(hub, revision):
    return {path: hub.read(REPO, revision, path) for path in hub.files(REPO, revision) if path != ".gitattributes"}


def test_a_release_is_one_commit_with_a_tag_that_loads(hub, tmp_path):
    corpus = write_release(tmp_path / "corpus")
    said = published(hub, corpus, "--dry-run")
    assert "nothing was sent" in said
    assert {request.method for request in hub.log} == {"GET"}
    said = published(hub, corpus)
    assert "v0.1.0 is commit" in said
    assert [commit.title for commit in hub.commits(REPO)] == ["Version 0.1.0", "initial commit"]
    assert hub.tags(REPO) == {"v0.1.0": hub.commits(REPO)[0].sha}
    assert at(hub, "v0.1.0") == staged(corpus)
    assert loaded(hub, "v0.1.0")["labels"] == ["PER", "PER"]
    assert all(loaded(hub, "v0.1.0")["texts"])
    assert not [request for request in hub.log if TOKEN in request.path]
    assert "already contains this version" in published(hub, corpus)
    assert len(hub.commits(REPO)) == 2


def test_the_next_release_renews_removes_and_keeps_what_was_written_by_hand(hub, tmp_path):
    corpus = write_release(tmp_path / "corpus")
    published(hub, corpus)
    card = hub.read(REPO, "main", "README.md").decode()
    by_hand = card.replace("---\n", "---\nviewer: false\n", 1) + "\n## Written by hand\n"
    strays = {"figure.png": b"png", "spans/train-00007.parquet": b"stray", "tiny.py": b"raise SystemExit"}
    parent = hub.commit_by_hand(REPO, {"README.md": by_hand.encode(), **strays}, "by hand")
    marks = [span(0, 3, "Kim"), span(8, 11, "Lee", id="r2")]
    exports = {"a.json": [task("Kim met Lee in Seoul on a cold day.", marks, id=1)], "b.json": [task("New.", id=9)]}
    changed = write_release(tmp_path / "second", "0.2.0", exports=exports)  # article 2 is gone
    hub.log.clear()
    said = published(hub, changed)
    read = Counter(request.path.rpartition("/")[2] for request in hub.log if f"/resolve/{parent}/" in request.path and request.method == "GET")  # fmt: skip  # noqa: E501
    assert read == {"README.md": 1, ".card.md": 1, "manifest.json": 1}
    assert "since 0.1.0: major: article removed" in said
    assert "  removed: spans/train-00007.parquet\n  removed: tiny.py\n" in said
    assert "card: kept `viewer` of the front matter" in said
    readme = hub.read(REPO, "v0.2.0", "README.md").decode()
    assert "\nviewer: false\n" in readme
    assert readme.endswith("\n## Written by hand\n")
    assert "**0.2.0**" in readme
    assert set(at(hub, "v0.2.0")) == set(staged(changed, "0.2.0")) | {"figure.png"}
    assert loaded(hub, "v0.1.0")["labels"] == ["PER", "PER"]
    assert len(loaded(hub, "v0.2.0")["texts"]) == 2


def test_what_a_branch_holds_is_asked_for_each_time(tmp_path):
    asked = []
    reader = SimpleNamespace(read=lambda *what: asked.append(what) or b"{}")
    publication = _Publication(reader, REPO, None, tmp_path)
    for commit, times in (("main", 2), ("f" * 40, 1), ("feed", 2)):
        seen = Seen(commit, {"manifest.json": None}, {})
        assert publication._manifest(seen) == publication._manifest(seen) is None
        assert asked == [(REPO, commit, "manifest.json")] * times
        asked.clear()


def test_a_version_that_says_too_little_is_refused(hub, tmp_path):
    published(hub, write_release(tmp_path / "one"))
    same = refused(hub, write_release(tmp_path / "two", labels={"b": "LOC"}))
    assert "0.1.0 is already released in org/tiny with different content" in same
    assert "increase the version" in same
    lower = refused(hub, write_release(tmp_path / "three", "0.0.9", labels={"b": "LOC"}))
    assert "0.0.9 is too small after 0.1.0: patch" in lower
    assert "the smallest sufficient version is 0.1.1" in lower
    moved = {"exports": {"a.json": [task("Kim met Lee in Seoul on a cold day.", [span(0, 7, "Kim met")])]}}
    said = refused(hub, write_release(tmp_path / "four", "0.1.1", **moved))
    assert "0.1.1 is too small after 0.1.0: major" in said
    assert "the smallest sufficient version is 0.2.0" in said
    published(hub, write_release(tmp_path / "five", "0.1.1", labels={"b": "LOC"}))
    assert loaded(hub, "v0.1.1")["labels"] == ["PER", "LOC"]


def test_what_somebody_else_commits_in_between_is_kept(hub, tmp_path):
    corpus = write_release(tmp_path / "corpus")
    hub.create(REPO)
    fault = hub.fail(1, "hook", where=lambda request: "/commit/" in request.path, hook=lambda _: hub.commit_by_hand(REPO, {"LICENSE": b"theirs"}, "theirs"))  # fmt: skip  # noqa: E501
    ran = release(hub.environment(), "publish", "--repo", REPO, "--corpus", corpus)
    assert ran.returncode == 0, ran.stderr
    assert fault.fired
    assert "A commit has happened since" in ran.stderr
    assert [commit.title for commit in hub.commits(REPO)] == ["Version 0.1.0", "theirs", "initial commit"]
    assert at(hub, "v0.1.0") == staged(corpus) | {"LICENSE": b"theirs"}


def test_somebody_who_commits_again_and_again_stops_it_in_the_end(hub, tmp_path):
    corpus = write_release(tmp_path / "corpus")
    hub.create(REPO)
    hub.fail(1, "hook", times=99, where=lambda request: "/commit/" in request.path, hook=lambda request: hub.commit_by_hand(REPO, {"n": str(len(hub.log)).encode()}, "theirs"))  # fmt: skip  # noqa: E501
    said = refused(hub, corpus)
    assert said.count("trying again") == 4
    assert f"error: cannot commit to {REPO} (hub {hub.url}): " in said
    assert hub.tags(REPO) == {}


def test_another_dataset_is_not_overwritten(hub, tmp_path):
    corpus = write_release(tmp_path / "corpus")
    theirs = {"manifest.json": b'{"name": "theirs", "version": "1.0.0", "content_digest": ""}', "LICENSE": b"x"}
    hub.create(REPO)
    hub.commit_by_hand(REPO, theirs, "theirs")
    assert "repository manifest.json: org/tiny contains another dataset, 'theirs'" in refused(hub, corpus)
    assert len(hub.commits(REPO)) == 2


def test_data_that_nothing_has_checked_does_not_become_part_of_a_release(hub, tmp_path):
    corpus = write_release(tmp_path / "corpus")
    hub.create(REPO)
    hub.commit_by_hand(REPO, {"data/train-00000-of-00001.parquet": b"PAR1"}, "push_to_hub")
    assert "repository data/train-00000-of-00001.parquet: contains data that is not of this dataset" in refused(
        hub, corpus
    )
    assert hub.tags(REPO) == {}


def test_an_address_with_a_slash_at_its_end_and_a_card_edited_by_hand_are_fine(hub, tmp_path):
    corpus = write_release(tmp_path / "corpus")
    env = hub.environment() | {"HF_ENDPOINT": f"{hub.url}/"}
    env.pop("HF_HUB_OFFLINE")
    assert release(env, "publish", "--repo", REPO, "--public", "--corpus", corpus).returncode == 0
    card = hub.read(REPO, "main", "README.md")
    hub.commit_by_hand(REPO, {"README.md": card + b"\nBy hand.\n"}, "by hand")
    ran = release(env, "diff", f"hub:{REPO}", corpus / "build/0.1.0")
    assert ran.returncode == 0, ran.stderr
    assert "file changed" in ran.stdout
    ran = release(env, "check", "--corpus", corpus, "--against", f"hub:{REPO}@v0.1.0")
    assert ran.returncode == 0, ran.stderr


def test_tags_that_are_none_of_ours_do_not_stop_a_release(hub, tmp_path):
    hub.create(REPO)
    for tag in ("v01.0.0", "v1.0", "release-1"):
        hub.repository(REPO).add_ref("tags", tag, hub.commits(REPO)[0].sha)
    published(hub, write_release(tmp_path / "corpus"))
    assert "v0.1.0" in hub.tags(REPO)


@pytest.mark.parametrize("name", ["HF_HUB_OFFLINE", "HF_DATASETS_OFFLINE"])
def test_who_is_offline_is_told_before_anything_is_sent(hub, tmp_path, name):
    env = hub.environment() | {name: "1"}
    ran = release(env, "publish", "--repo", REPO, "--corpus", write_release(tmp_path / "corpus"))
    assert ran.returncode == 2
    assert f"{name} is set, which disables requests to the hub" in ran.stderr
    assert not hub.repository(REPO).exists


@pytest.mark.parametrize(
    ("token", "repo", "said"),
    [
        ("hf_abc\nhf_def", REPO, "HF_TOKEN contains characters that cannot be in a token"),
        (
            "hf_wrong",
            REPO,
            "the token in HF_TOKEN does not permit this: set HF_TOKEN to another one, or run `hf auth login`",
        ),
        (None, REPO, "HF_TOKEN is not set"),
        (TOKEN, "tiny", "'tiny' is not the name of a repository"),
    ],
)
def test_who_may_not_publish_is_told_before_anything_is_built(hub, tmp_path, token, repo, said):
    corpus = write_release(tmp_path / "corpus")
    assert said in refused(hub, corpus, repo=repo, token=token)
    assert not (corpus / "build").exists()


def test_a_hub_that_is_not_there_is_told(hub, tmp_path):
    env = hub.environment() | AT_ONCE | {"HF_ENDPOINT": "http://127.0.0.1:9"}
    ran = release(env, "publish", "--repo", REPO, "--corpus", write_release(tmp_path / "corpus"))
    assert ran.returncode == 2
    said = "cannot look up org/tiny (hub http://127.0.0.1:9): [Errno 111] Connection refused"
    *waits, error, hint = ran.stderr.splitlines()
    assert [line.partition("; trying again in ")[0] for line in waits] == ["127.0.0.1:9 does not answer"] * 4
    assert (error, hint) == (f"error: {said}", "  try again later")
    compared = release(env, "diff", f"hub:{REPO}@v1", f"hub:{REPO}@v2").stderr.splitlines()[-2:]
    said = "error: cannot fetch org/tiny at v1 (hub http://127.0.0.1:9): [Errno 111] Connection refused"
    assert compared == [said, "  try again later"]


@pytest.mark.parametrize("page", [b"<!doctype html><title>Log in</title>", b"{}"])
def test_a_page_that_is_no_hub_is_told(tmp_path, page):
    class Page(BaseHTTPRequestHandler):
        def do_GET(self):
            self.send_response(200)
            self.send_header("Content-Length", str(len(page)))
            self.end_headers()
            self.wfile.write(page)

        def log_message(self, *_):
            pass

    corpus = write_release(tmp_path / "corpus")
    with ThreadingHTTPServer(("127.0.0.1", 0), Page) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        url = f"http://127.0.0.1:{server.server_port}"
        env = {"HF_ENDPOINT": url, "HF_TOKEN": TOKEN, "HF_HOME": str(tmp_path / "home"), "NO_PROXY": "127.0.0.1"}
        for command in (("publish", "--repo", REPO, "--corpus", corpus), ("diff", f"hub:{REPO}@v0.1.0", corpus)):
            ran = release(env, *command)
            assert ran.returncode == 2
            assert re.match(rf"error: cannot .*: the server at {url} does not answer as a hub does \(", ran.stderr)
            assert ran.stderr.endswith(
                "\n  check the address in HF_ENDPOINT, and whether a login page answers instead of the hub\n"
            )
        server.shutdown()
    assert not (corpus / "build").exists()


def test_a_full_disk_of_this_machine_is_not_laid_on_the_hub(hub, tmp_path, monkeypatch):
    corpus = write_release(tmp_path / "corpus")
    published(hub, corpus)
    env = hub.environment() | {"PYTHONDONTWRITEBYTECODE": "1"}
    limited = limit_file_size(2_000)
    ran = release(env, "diff", f"hub:{REPO}@v0.1.0", corpus / "build/0.1.0", preexec_fn=limited)
    assert ran.returncode == 2
    message = "error: could not fetch org/tiny at v0.1.0: File too large\n  make room in "
    assert message in ran.stderr  # after warnings of the client
    full = DatasetGenerationError("cannot generate")
    full.__cause__ = OSError(errno.ENOSPC, "No space left on device")
    monkeypatch.setattr("datasets.load_dataset", Mock(side_effect=full))
    codebook = open_corpus(corpus).context.codebook
    with pytest.raises(NewsParallaxError, match="could not load articles from the hub: No space left") as told:
        loaded_digest(REPO, "v0.1.0", None, codebook, {"articles": {"train": 1}}, tmp_path)
    assert not isinstance(told.value, HubError)  # which would be asked again


def test_two_publishers_of_one_version_end_whole(hub, tmp_path):
    """The second is told why not, or comes before the first; the tag is one of the two, whole, and never moves."""
    ours, theirs = (
        write_release(tmp_path / name, labels={"b": label}) for name, label in (("one", "PER"), ("two", "LOC"))
    )
    pair = [Publisher(corpus, hub.environment()) for corpus in (ours, theirs)]
    for publisher in pair:
        publisher.start(REPO)
    ended = [publisher.wait() for publisher in pair]
    for publisher in pair:
        publisher.close()
    assert sorted(end["status"] for end in ended) == [0, 2], ended
    winner = [end["status"] for end in ended].index(0)
    assert at(hub, "v0.1.0") == staged((ours, theirs)[winner])
    assert "is already released in org/tiny" in ended[1 - winner]["said"]


def test_two_publishers_of_two_versions_end_whole_one_after_the_other(hub, tmp_path):
    first, second = write_release(tmp_path / "one"), write_release(tmp_path / "two", "0.2.0", labels={"b": "LOC"})
    pair = [Publisher(corpus, hub.environment()) for corpus in (first, second)]
    for publisher in pair:
        publisher.start(REPO)
    ended = [publisher.wait() for publisher in pair]
    for publisher in pair:
        publisher.close()
    for corpus, version, end in zip((first, second), ("0.1.0", "0.2.0"), ended, strict=True):
        if end["status"] == 0:
            assert at(hub, f"v{version}") == staged(corpus, version)
        else:
            assert "too small after 0.2.0" in end["said"]
            assert f"v{version}" not in hub.tags(REPO)
    assert ended[1]["status"] == 0


def test_everything_that_is_sent_of_this_corpus_is_without_eight_words_of_its_articles(hub, tmp_path):
    hub.keep_bodies = True
    corpus = tmp_path / "corpus"
    for name in ("seeds", "annotations"):
        shutil.copytree(ROOT / name, corpus / name)
    for name in ("dataset_card.md", "CHANGELOG.md"):
        shutil.copy(ROOT / name, corpus / name)
    published(hub, corpus)
    texts = [path.read_text(encoding="utf-8") for path in (corpus / "seeds").glob("*.txt")]
    assert len(texts) == 2
    everything = list(hub.sent())
    assert any(b"PAR1" in body for _, body in everything)
    kept = " ".join(strings_of(body) for _, body in everything)
    assert runs_of(kept).isdisjoint(set().union(*map(runs_of, texts)))
    assert runs_of(f"{kept} {texts[0]}") & runs_of(texts[0])


def runs_of(text):
    words = re.findall(r"[^\W_]+", re.sub(r"\\[nrt]", " ", text).lower())
    return {" ".join(words[at : at + 8]) for at in range(len(words) - 7)}


def strings_of(body):
    """The text in a body: of a Parquet file every string of it, decompressed."""
    import io

    import pyarrow.parquet as pq

    if body[:4] != b"PAR1" or body[-4:] != b"PAR1":  # or the beginning of one, which is sent before the upload
        return body.decode("utf-8", "replace")
    return " ".join(walked(pq.read_table(io.BytesIO(body)).to_pylist()))


def walked(value):
    if isinstance(value, str):
        yield value
    for part in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
        yield from walked(part)


def test_what_is_on_a_hub_can_be_compared_checked_and_rehydrated(hub, tmp_path):
    """Every command takes a release on the hub by its name; HF_TOKEN is not needed for a public one."""
    corpus = write_release(tmp_path / "corpus", seeds={"a.txt": WITHHELD}, exports={"a.json": [seed_task()]})
    published(hub, corpus)
    name, full = f"hub:{REPO}@v0.1.0", corpus / "build/0.1.0"
    reader = hub.environment(None)
    same = release(reader, "diff", name, full)
    assert (same.returncode, same.stdout) == (0, "tiny 0.1.0 -> 0.1.0\nnothing changed; no new version is needed\n")
    texts = tmp_path / "texts"
    texts.mkdir()
    (texts / "mine.txt").write_text(WITHHELD, encoding="utf-8")
    out = tmp_path / "full"
    command = (ROOT / "scripts/rehydrate.py", name, "--seeds", texts, "--out", out)
    ran = run_program(*command, env=os.environ | reader)
    assert ran.returncode == 0, ran.stderr
    digests = {json.loads((place / "manifest.json").read_bytes())["content_digest"] for place in (out, full)}
    assert len(digests) == 1
    again = release(reader, "check", "--corpus", corpus, "--repo", REPO)
    assert again.returncode == 0, again.stderr
    assert "since 0.1.0: nothing changed" in again.stdout
    for wrong, said in (("@v9.9.9", "cannot fetch"), ("", None)):
        ran = release(reader, "diff", f"hub:{REPO}{wrong}", full)
        assert ran.returncode == (2 if said else 0)
        assert said is None or said in ran.stderr


def seed_task():
    made = {"id": 11, "completed_by": 1, "result": [span(0, 9, "the quick")]}
    return {"id": 1, "data": {"text": WITHHELD, "article_id": "a"}, "annotations": [made]}
