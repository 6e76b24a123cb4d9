"""The hub stand-in, asked by the real clients, by git, and by requests as nobody's client sends them."""

from __future__ import annotations

import base64
import hashlib
import http.client
import json
import os
import signal
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import pytest
from bare_repository import BareRepository, MissingError, MovedError, TakenError
from faults import writes
from stand_in import TOKEN, HubStandIn

from programs import run_program

pytestmark = pytest.mark.slow

NAME = "org/corpus"
# Runs before the code of each test; `tell` hands a value back, hosts other than the hub's are handed back as well.
PRELUDE = """
import json, sys, time
from pathlib import Path
from types import SimpleNamespace
told, hosts = {}, set()
def listen(event, args):
    if event == "socket.getaddrinfo" and args[0] != "127.0.0.1":
        hosts.add(args[0])
    if event == "socket.connect" and args[1][0] != "127.0.0.1":
        hosts.add(str(args[1]))
sys.addaudithook(listen)
given = SimpleNamespace(**json.loads(sys.argv[1]))
from huggingface_hub import *
from huggingface_hub.errors import *
api = HfApi()
repo = {"repo_id": "org/corpus", "repo_type": "dataset"}
def tell(**values):
    told.update(values)
def add(path, data):
    return CommitOperationAdd(path, data)
def commit(*operations, **more):
    return api.create_commit(**repo, operations=operations, **{"commit_message": "a commit"} | more).oid
def refused(call, *args, **kwargs):
    try:
        call(*args, **kwargs)
    except Exception as caught:
        response = getattr(caught, "response", None)
        return [type(caught).__name__, getattr(response, "status_code", None), str(caught)]
"""
EPILOGUE = """
print(json.dumps(told | {"hosts": sorted(hosts)}))
"""


def ask(hub: HubStandIn, code: str, token: str | None = TOKEN, *, hosts: tuple[str, ...] = (), **given: Any) -> Any:
    """Run code of a client in a process of its own; what it tells. `hosts`: other hosts that it may have tried."""
    env = os.environ | hub.environment(token)
    ran = run_program(PRELUDE + code + EPILOGUE, json.dumps(given, default=str), env=env)
    assert ran.returncode == 0, ran.stderr
    told = json.loads(ran.stdout.splitlines()[-1])
    assert set(told.pop("hosts")) <= set(hosts)
    return told


def sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def git(*args: object) -> str:
    ran = subprocess.run(["git", *map(str, args)], capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stderr
    return ran.stdout + ran.stderr


def asked(hub: HubStandIn, *parts: str) -> int:
    """How many requests have all of these parts in their method and path."""
    return sum(all(part in f"{one.method} {one.path}" for part in parts) for one in hub.log)


# -- a release, and who reads it


@pytest.fixture(scope="module")
def released(built, tmp_path_factory):
    """A hub with the build as it is published: one commit, one tag; listings have four rows a page."""
    with HubStandIn(tmp_path_factory.mktemp("released"), page=4, keep_bodies=True) as hub:
        hub.told = ask(
            hub,
            """
tell(url=api.create_repo(**repo), again=api.create_repo(**repo, exist_ok=True), no=refused(api.create_repo, **repo))
full = Path(given.full)
operations = [add(path.relative_to(full).as_posix(), path) for path in sorted(full.rglob("*")) if path.is_file()]
first = api.dataset_info("org/corpus").sha
commit(*operations, commit_message="Release 0.1.0", commit_description="Two articles.", parent_commit=first)
tell(first=first, head=api.dataset_info("org/corpus").sha)
api.create_tag(**repo, tag="v0.1.0", tag_message="Release 0.1.0", revision="main")
tell(tag_again=refused(api.create_tag, **repo, tag="v0.1.0"))
api.create_tag(**repo, tag="v0.1.0", exist_ok=True)
tell(nothing_new=commit(*[add(one.path_in_repo, one.path_or_fileobj) for one in operations]))
""",
            full=built,
        )
        yield hub
    assert hub.wrong == []


def local(built: Path) -> dict[str, str]:
    return {path.relative_to(built).as_posix(): sha256(path) for path in built.rglob("*") if path.is_file()}


def test_a_release_is_one_commit_and_a_tag(released, built):
    told = released.told
    assert told["url"] == told["again"] == f"{released.url}/datasets/{NAME}"
    assert told["no"][:2] == ["HfHubHTTPError", 409]
    assert told["tag_again"][:2] == ["HfHubHTTPError", 409]
    last, first = released.commits(NAME)
    assert (last.sha, last.parents, first.sha) == (told["head"], (first.sha,), told["first"])
    assert (last.title, last.message) == ("Release 0.1.0", "Two articles.")
    assert told["nothing_new"] == last.sha
    assert released.tags(NAME) == {"v0.1.0": last.sha}
    files = released.files(NAME, "v0.1.0")
    assert files.pop(".gitattributes")
    assert files == local(built)
    assert all(released.read(NAME, "v0.1.0", path) == (built / path).read_bytes() for path in files)


def test_requests_of_a_release(released, built):
    """Each LFS object is sent once and verified, everything else comes in the commit; the token is in no address."""
    large = len([entry for entry in released.repository(NAME).tree("main") if entry.lfs])
    assert large == len(list(built.rglob("*.parquet")))
    assert asked(released, "POST", "/commit/") == 1
    assert asked(released, "POST", "/preupload/") == 2
    assert asked(released, "PUT") == asked(released, "/lfs/verify") == large
    assert [one.path for one in released.log if TOKEN in one.path] == []
    assert {one.authorized for one in released.log if one.storage} == {False}
    assert not any(TOKEN.encode() in data for _, data in released.sent())
    sent = {hashlib.sha256(data).hexdigest() for _, data in released.sent()}
    assert set(local(built).values()) <= sent


def test_its_git_history_is_sound(released, built, tmp_path):
    folder = released.repository(NAME).folder
    assert "error" not in git("--git-dir", folder, "fsck", "--full", "--strict")
    git("-c", "filter.lfs.smudge=", "-c", "filter.lfs.required=false", "clone", "--quiet", folder, tmp_path / "clone")
    clone = tmp_path / "clone"
    assert git("-C", clone, "log", "--format=%s").split("\n")[:2] == ["Release 0.1.0", "initial commit"]
    assert git("-C", clone, "describe", "--exact-match").strip() == "v0.1.0"
    assert git("-C", clone, "status", "--porcelain") == ""
    path = "articles/train-00000.parquet"
    pointer = f"oid sha256:{sha256(built / path)}\nsize {(built / path).stat().st_size}\n"
    assert (clone / path).read_text() == f"version https://git-lfs.github.com/spec/v1\n{pointer}"
    assert (clone / "README.md").read_bytes() == (built / "README.md").read_bytes()


def test_reading_it_with_huggingface_hub(released, built):
    told = ask(
        released,
        """
tree = list(api.list_repo_tree(**repo, recursive=True, revision="v0.1.0", expand=True))
tell(tree={one.path: one.lfs.sha256 if one.lfs else one.size for one in tree if hasattr(one, "size")})
tell(last=sorted({one.last_commit.title for one in tree}))
tell(folders=[one.path for one in tree if not hasattr(one, "size")])
tell(root=[one.path for one in api.list_repo_tree(**repo)])
tell(inner=[one.path for one in api.list_repo_tree(**repo, path_in_repo="votes")])
tell(no_folder=refused(lambda: list(api.list_repo_tree(**repo, path_in_repo="nothing"))))
refs = api.list_repo_refs(**repo)
tell(tags={one.name: one.target_commit for one in refs.tags}, branches=[one.name for one in refs.branches])
tell(commits=[(one.commit_id, one.title, one.message) for one in api.list_repo_commits(**repo, revision="v0.1.0")])
info = api.dataset_info("org/corpus", revision="v0.1.0", files_metadata=True)
tell(sha=info.sha, siblings={one.rfilename: one.lfs.sha256 if one.lfs else one.size for one in info.siblings})
tell(private=info.private, card=info.card_data.pretty_name, date=str(info.last_modified))
paths = ["README.md", "votes", "nothing", "votes/train-00000.parquet"]
infos = api.get_paths_info(**repo, paths=paths, revision="v0.1.0")
tell(infos=[(one.path, getattr(one, "size", None)) for one in infos])
folder = Path(snapshot_download(**repo, revision="v0.1.0"))
from hashlib import sha256
files = [path for path in folder.rglob("*") if path.is_file()]
tell(got={path.relative_to(folder).as_posix(): sha256(path.read_bytes()).hexdigest() for path in files})
by_sha = Path(hf_hub_download(**repo, filename="manifest.json", revision=info.sha[:9]))
tell(by_sha=by_sha.read_bytes() == (folder / "manifest.json").read_bytes())
tell(no_file=refused(hf_hub_download, **repo, filename="nothing.json", revision="v0.1.0"))
tell(no_revision=refused(hf_hub_download, **repo, filename="README.md", revision="v9"))
tell(no_repo=refused(HfApi(token=False).dataset_info, "org/nothing"))
tell(no_repo_known=refused(api.dataset_info, "org/nothing"))
tell(exists=[api.file_exists(**repo, filename=name) for name in ("README.md", "nothing")])
fs = HfFileSystem()
with fs.open("datasets/org/corpus@v0.1.0/votes/train-00000.parquet", "rb", block_size=1000) as file:
    file.seek(-4, 2); end = file.read()
    file.seek(0); tell(ends=(file.read(4) + end).decode())
tell(whoami=api.whoami()["name"])
""",
    )
    expected = local(built)
    sizes = {path: (built / path).stat().st_size for path in expected}
    assert told["got"].pop(".gitattributes") == released.files(NAME)[".gitattributes"]
    assert told["got"] == expected
    listed = {path: expected[path] if path.endswith(".parquet") else sizes[path] for path in expected}
    for key in ("tree", "siblings"):
        assert told[key].pop(".gitattributes") > 0
        assert told[key] == listed
    assert told["last"] == ["Release 0.1.0", "initial commit"]
    assert told["folders"] == sorted({path.partition("/")[0] for path in expected if "/" in path})
    assert sorted(told["root"]) == sorted({".gitattributes", *(path.partition("/")[0] for path in expected)})
    assert told["inner"] == ["votes/train-00000.parquet"]
    head = released.told["head"]
    assert (told["sha"], told["tags"], told["branches"]) == (head, {"v0.1.0": head}, ["main"])
    assert told["commits"][0] == [head, "Release 0.1.0", "Two articles."]
    assert told["date"] == "2026-01-01 00:01:00+00:00"
    assert (told["private"], told["card"]) == (False, "News Parallax")
    assert told["infos"] == [
        ["README.md", sizes["README.md"]],
        ["votes", None],
        ["votes/train-00000.parquet", sizes["votes/train-00000.parquet"]],
    ]
    assert told["by_sha"] is True
    assert told["ends"] == "PAR1PAR1"
    assert told["exists"] == [True, False]
    assert told["whoami"] == "hub"
    assert told["no_folder"][:2] == told["no_file"][:2] == ["RemoteEntryNotFoundError", 404]
    assert told["no_revision"][:2] == ["RevisionNotFoundError", 404]
    assert told["no_repo"][:2] == ["RepositoryNotFoundError", 401]
    assert told["no_repo_known"][:2] == ["RepositoryNotFoundError", 404]


def test_reading_it_with_datasets(released, built):
    """Every config and split is row by row what was built, also read as a stream; without a revision as well."""
    hub, before = released, len(released.log)
    told = ask(
        hub,
        """
import datasets, pyarrow.parquet as pq
full = Path(given.full)
datasets.disable_progress_bars()
tell(configs=datasets.get_dataset_config_names("org/corpus", revision="v0.1.0"))
def rows(config, split):
    return pq.ParquetDataset(sorted((full / config).glob(f"{split}-*.parquet"))).read().to_pylist()
for config in told["configs"]:
    found = datasets.load_dataset("org/corpus", config, revision="v0.1.0")
    for split, table in found.items():
        assert table.to_list() == rows(config, split), (config, split)
stream = datasets.load_dataset("org/corpus", "votes", revision="v0.1.0", split="train", streaming=True)
assert list(stream) == rows("votes", "train")
started = time.monotonic()
assert datasets.load_dataset("org/corpus", "cues", split="train").to_list() == rows("cues", "train")
tell(seconds=time.monotonic() - started)
tell(nothing=refused(datasets.load_dataset, "org/nothing"))
tell(no_tag=refused(datasets.load_dataset, "org/corpus", revision="v9"))
""",
        full=built,
        hosts=("datasets-server.127.0.0.1",),
    )
    assert sorted(told["configs"]) == sorted({path.partition("/")[0] for path in local(built) if "/" in path})
    assert told["seconds"] < 5
    assert told["nothing"][0] == told["no_tag"][0] == "DatasetNotFoundError"
    assert {one.status for one in hub.log[before:]} <= {200, 206, 302, 404}
    ranges = [one for one in hub.log[before:] if one.status == 206]
    assert ranges
    assert all(one.storage for one in ranges)


# -- commits


def test_commits_and_what_is_refused(hub):
    hub.lfs_from, hub.page = 500, 2
    told = ask(
        hub,
        """
api.create_repo(**repo)
large, old = b"x" * 600, [add("dir/b.txt", b"b"), add("dir/c.txt", b"c")]
head = commit(add("a.txt", b"a"), *old, add("large.txt", large), add("empty.jsonl", b""))
tell(stale=refused(commit, add("a.txt", b"other"), parent_commit=api.list_repo_commits(**repo)[-1].commit_id))
tell(gone=refused(commit, CommitOperationDelete("nothing.txt")))
tell(gone_folder=refused(commit, CommitOperationDelete("no/")))
tell(still=api.dataset_info("org/corpus").sha == head)
new = [add("dir/d.txt", b"d"), add("copy.txt", large)]
head = commit(add("a.txt", b"aa"), CommitOperationDelete("dir/"), *new, parent_commit=head)
commit(CommitOperationCopy("large.txt", "again.txt"), CommitOperationDelete("large.txt"), parent_commit=head)
tell(card=refused(commit, add("README.md", b"---\\nlicense: [\\n---\\n")))
commit(add("README.md", b"---\\nlicense: cc-by-4.0\\n---\\n# Card"))
tell(titles=[one.title for one in api.list_repo_commits(**repo)])
api.create_branch(**repo, branch="work/x", revision=head)
commit(add("only.txt", b"here"), revision="work/x")
tell(branch=Path(hf_hub_download(**repo, filename="only.txt", revision="work/x")).read_text())
tell(on_main=refused(hf_hub_download, **repo, filename="only.txt"))
tell(no_branch=refused(commit, add("a.txt", b"b"), revision="nothing"))
tell(at_sha=refused(commit, add("a.txt", b"b"), revision=head))
api.create_tag(**repo, tag="v1/x", revision="work/x")
tell(tagged=len({api.dataset_info("org/corpus", revision=name).sha for name in ("v1/x", "work/x")}) == 1)
api.delete_tag(**repo, tag="v1/x")
tell(untagged=refused(api.delete_tag, **repo, tag="v1/x"), no_name=refused(api.create_tag, **repo, tag="a..b"))
tell(no_commit=refused(api.create_tag, **repo, tag="v2", revision="v9"))
""",
    )
    assert told["stale"][:2] == ["HfHubHTTPError", 412]
    assert "A commit has happened since" in told["stale"][2]
    assert told["gone"][:2] == told["gone_folder"][:2] == ["RemoteEntryNotFoundError", 404]
    assert "A file with this name doesn't exist" in told["gone"][2]
    assert told["still"] is True
    assert told["card"][0] == "ValueError"
    assert told["titles"] == [one.title for one in hub.commits(NAME)] == ["a commit"] * 4 + ["initial commit"]
    assert told["branch"] == "here"
    assert told["on_main"][:2] == ["RemoteEntryNotFoundError", 404]
    assert told["no_branch"][:2] == ["RevisionNotFoundError", 404]
    assert told["at_sha"][:2] == ["BadRequestError", 400]
    assert told["tagged"] is True
    assert told["untagged"][:2] == told["no_commit"][:2] == ["RevisionNotFoundError", 404]
    assert told["no_name"][:2] == ["BadRequestError", 400]
    assert set(hub.files(NAME)) == {
        *(".gitattributes", "README.md", "a.txt", "again.txt", "copy.txt", "dir/d.txt", "empty.jsonl"),
    }
    assert hub.read(NAME, "main", "again.txt") == b"x" * 600
    assert hub.read(NAME, "main", "copy.txt") == b"x" * 600
    assert asked(hub, "PUT") == 1, "an object that is there is not sent again"
    assert b"\nlarge.txt filter=lfs" in hub.read(NAME, "main", ".gitattributes")
    assert [one.kind for one in hub.repository(NAME).tree("main") if one.lfs] == ["blob", "blob"]
    git("--git-dir", hub.repository(NAME).folder, "fsck", "--full", "--strict")


def test_who_may_do_what(tmp_path):
    tokens = {"hf_w": "write", "hf_r": "read", "hf_n": "none"}
    with HubStandIn(tmp_path / "hub", tokens=tokens) as hub:
        told = ask(
            hub,
            """
api.create_repo(**repo, private=True)
api.create_repo("org/open", repo_type="dataset")
for repository in ("org/corpus", "org/open"):
    data = {"repo_id": repository, "repo_type": "dataset"}
    api.create_commit(**data, operations=[add("a.txt", b"a"), add("b.parquet", b"PAR1")], commit_message="first")
    for token in ("hf_w", "hf_r", "hf_n", "hf_wrong", False):
        other, who = HfApi(token=token), f"{repository} {token}"
        for name in ("a.txt", "b.parquet"):
            got = refused(other.hf_hub_download, **data, filename=name, cache_dir=Path(given.caches) / str(token))
            tell(**{f"read {who} {name}": got})
        change = [add("c.txt", str(token).encode())]
        tell(**{f"write {who}": refused(other.create_commit, **data, operations=change, commit_message="x")})
        tell(**{f"tag {who}": refused(other.create_tag, **data, tag=f"v-{token}")})
for token in ("hf_r", "hf_wrong"):
    tell(**{f"new {token}": refused(HfApi(token=token).create_repo, "org/new", repo_type="dataset")})
tell(there=HfApi(token="hf_r").create_repo("org/open", repo_type="dataset", exist_ok=True))
tell(who=refused(HfApi(token="hf_wrong").whoami))
""",
            token="hf_w",
            caches=tmp_path / "caches",
        )
    outcome = {key: tuple(value[:2]) if value else "yes" for key, value in told.items() if key != "there"}
    hidden, unseen = ("RepositoryNotFoundError", 404), ("RepositoryNotFoundError", 401)
    wrong, forbidden = ("HfHubHTTPError", 401), ("HfHubHTTPError", 403)
    reading = {
        "org/open": {"hf_w": "yes", "hf_r": "yes", "hf_n": "yes", "hf_wrong": wrong, "False": "yes"},
        "org/corpus": {"hf_w": "yes", "hf_r": "yes", "hf_n": hidden, "hf_wrong": wrong, "False": unseen},
    }
    writing = {
        "org/open": {"hf_w": "yes", "hf_r": forbidden, "hf_n": forbidden, "hf_wrong": wrong, "False": wrong},
        "org/corpus": {"hf_w": "yes", "hf_r": forbidden, "hf_n": hidden, "hf_wrong": wrong, "False": unseen},
    }
    expected: dict[str, Any] = {"new hf_r": forbidden, "new hf_wrong": wrong, "who": wrong}
    for repository in ("org/open", "org/corpus"):
        for token, outcome_of in reading[repository].items():
            expected |= {f"read {repository} {token} {name}": outcome_of for name in ("a.txt", "b.parquet")}
        for token, outcome_of in writing[repository].items():
            expected |= {f"{what} {repository} {token}": outcome_of for what in ("write", "tag")}
    assert outcome == expected
    assert told["there"].endswith("/datasets/org/open")
    assert hub.wrong == []


def test_of_two_commits_on_one_parent_one_is_made(tmp_path):
    repository = BareRepository(tmp_path / "r.git")
    repository.create()
    parent = repository.head()
    other = BareRepository(tmp_path / "r.git")  # has a lock of its own, as another process: git must decide
    made: list[str] = []
    start = threading.Barrier(6)

    def publish(number: int) -> None:
        start.wait()
        try:
            made.append((repository, other)[number % 2].commit({f"{number}.txt": b"x"}, "race", parent=parent))
        except MovedError:
            made.append("moved")

    threads = [threading.Thread(target=publish, args=(number,)) for number in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert made.count("moved") == 5
    assert repository.head() in made
    assert [commit.parents for commit in repository.history("main")] == [(parent,), ()]


def test_the_same_calls_make_the_same_commits(tmp_path):
    def make(folder: Path) -> BareRepository:
        repository = BareRepository(folder / "r.git")
        repository.create()
        repository.commit({"a": b"1", "b/c": b"2"}, "one", "text\n\nmore")
        repository.commit({"a": None}, "two", folders=("b",))
        repository.add_ref("tags", "v1", "main", "annotated")
        return repository

    one, other = make(tmp_path / "1"), make(tmp_path / "2")
    assert one.history("main") == other.history("main")
    assert one.git("show-ref") == other.git("show-ref")
    assert set(one.files("main")) == {".gitattributes"}
    assert one.resolve("v1") == one.head() == one.resolve(one.head()[:7])
    assert one.history("v1")[1].message == "text\n\nmore"
    for call, problem in (
        (lambda: one.commit({"a": None}, "again"), MissingError),
        (lambda: one.commit({}, "none", branch="other"), MissingError),
        (lambda: one.add_ref("tags", "v1", "main"), TakenError),
        (lambda: one.resolve("main^"), MissingError),
        (lambda: one.entry("main", "a"), MissingError),
    ):
        with pytest.raises(problem):
            call()


# -- the wire


def request(url: str, method: str, path: str, body: Any = None, **headers: str) -> tuple[int, dict[str, str], bytes]:
    connection = http.client.HTTPConnection(url.removeprefix("http://"), timeout=10)
    try:
        connection.request(method, path, body, {name.replace("_", "-"): value for name, value in headers.items()})
        answer = connection.getresponse()
        return answer.status, dict(answer.getheaders()), answer.read()
    finally:
        connection.close()


@pytest.mark.parametrize(
    ("asked_for", "status", "part", "shown"),
    [
        ("bytes=0-3", 206, slice(0, 4), "bytes 0-3/1000"),
        ("bytes=990-", 206, slice(990, 1000), "bytes 990-999/1000"),
        ("bytes=-5", 206, slice(995, 1000), "bytes 995-999/1000"),
        ("bytes=999-5000", 206, slice(999, 1000), "bytes 999-999/1000"),
        ("bytes=-5000", 206, slice(0, 1000), "bytes 0-999/1000"),
        ("bytes=1000-", 416, slice(0, 0), "bytes */1000"),
        ("lines=1-2", 200, slice(0, 1000), None),
    ],
)
def test_ranges(hub, asked_for, status, part, shown):
    data = bytes(number % 251 for number in range(1000))
    hub.create(NAME)
    sha = hub.commit_by_hand(NAME, {"a b.bin": data, "a b.txt": data}, "files")
    place = f"/datasets/{NAME}/resolve/main/a%20b"
    code, about, _ = request(hub.url, "HEAD", f"{place}.bin")
    digest = hashlib.sha256(data).hexdigest()
    assert (code, about["X-Repo-Commit"], about["X-Linked-Size"]) == (302, sha, "1000")
    assert about["X-Linked-Etag"] == f'"{digest}"'
    assert about["Location"].startswith(f"{hub.storage_url}/{NAME}/{digest}?")
    stored = about["Location"].removeprefix(hub.storage_url)
    for url, path in ((hub.url, f"{place}.txt"), (hub.storage_url, stored)):
        code, about, got = request(url, "GET", path, Range=asked_for)
        assert (code, got, about.get("Content-Range")) == (status, data[part], shown)


def test_what_no_client_sends(hub):
    """The storage keeps only what it was promised, and a commit names only objects that are there."""
    hub.create(NAME)
    data, oid = b"PAR1", hashlib.sha256(b"PAR1").hexdigest()
    bearer = {"Authorization": f"Bearer {TOKEN}"}
    batch = json.dumps({"operation": "upload", "objects": [{"oid": oid, "size": 4}]})
    answer = request(hub.url, "POST", f"/datasets/{NAME}.git/info/lfs/objects/batch", batch, **bearer)
    action = json.loads(answer[2])["objects"][0]["actions"]["upload"]["href"].removeprefix(hub.storage_url)
    header = json.dumps({"key": "header", "value": {"summary": "x"}})
    file = json.dumps({"key": "lfsFile", "value": {"path": "a.parquet", "algo": "sha256", "oid": oid, "size": 4}})
    place = f"/api/datasets/{NAME}/commit/main"
    status, about, _ = request(hub.url, "POST", place, f"{header}\n{file}\n", **bearer)
    assert status == 400
    assert "LFS pointer pointed to a file that does not exist" in about["X-Error-Message"]
    assert request(hub.storage_url, "PUT", action, b"PAR2")[0] == 400
    assert request(hub.storage_url, "PUT", action, b"PAR12")[0] == 400
    assert request(hub.storage_url, "PUT", action.replace("sig=", "sig=0"), data)[0] == 403
    assert list(hub.repository(NAME).objects.iterdir()) == []
    assert request(hub.storage_url, "PUT", action, iter([b"PA", b"R1"]))[0] == 200
    assert request(hub.url, "POST", place, f"{header}\n{file}\n", **bearer)[0] == 200
    assert hub.read(NAME, "main", "a.parquet") == data
    card = {"path": "README.md", "encoding": "base64", "content": base64.b64encode(b"---\nlicense: [\n---\n").decode()}
    wrong = json.dumps({"key": "file", "value": card})
    status, about, _ = request(hub.url, "POST", place, f"{header}\n{wrong}\n", **bearer)
    assert (status, "Invalid metadata in README.md" in about["X-Error-Message"]) == (400, True)
    assert hub.wrong == []
    assert request(hub.storage_url, "PUT", action, data, **bearer)[0] == 400
    assert request(hub.url, "GET", "/api/nothing")[0] == 404
    assert [text.split(":")[0] for text in hub.wrong] == ["a token was sent to the storage", "no such address"]
    hub.wrong.clear()


# -- faults


def test_faults_that_a_client_lives_through(hub):
    """Asked again after 503, 429, a dropped connection, a lost and a half answer, where the client does that."""
    hub.fail(1, "status", status=503, where=lambda one: "/preupload/" in one.path)
    hub.fail(1, "drop", where=lambda one: one.method == "PUT")
    hub.fail(1, "lose", where=lambda one: "/lfs/verify" in one.path)
    slow = hub.fail(1, "status", status=429, retry_after=0, where=lambda one: "/tree/" in one.path)
    hub.fail(1, "cut", where=lambda one: one.method == "GET" and one.storage)
    ask(
        hub,
        """
api.create_repo(**repo)
commit(add("a.parquet", b"PAR1" * 1000), add("b.txt", b"b"))
assert [one.path for one in api.list_repo_tree(**repo)] == [".gitattributes", "a.parquet", "b.txt"]
assert Path(hf_hub_download(**repo, filename="a.parquet")).read_bytes() == b"PAR1" * 1000
""",
    )
    assert slow.fired == 1
    assert set(hub.files(NAME)) == {".gitattributes", "a.parquet", "b.txt"}
    assert [one.status for one in hub.log if "/preupload/" in one.path] == [503, 200]
    assert [one.status for one in hub.log if one.method == "PUT"] == [0, 200]
    assert [one.status for one in hub.log if "/lfs/verify" in one.path] == [0, 200]
    assert [one.status for one in hub.log if "/tree/" in one.path] == [429, 200]
    assert [one.status for one in hub.log if one.method == "GET" and one.storage] == [200, 200]


def test_faults_that_a_client_tells(hub):
    """At writes: not done, or done without an answer, or done while another commit came first."""
    hub.fail(1, "status", status=500, where=writes)
    hub.fail(3, "drop", where=writes)
    hub.fail(4, "lose", where=writes)
    hub.fail(5, "status", status=500, after=True, where=writes)
    hub.fail(6, "hook", hook=lambda one: hub.commit_by_hand(NAME, {"by.txt": b"x"}, "by somebody else"), where=writes)
    hub.fail(7, "hang", seconds=0.5, where=writes)
    told = ask(
        hub,
        """
tell(create=refused(api.create_repo, **repo))
first = (api.create_repo(**repo), api.dataset_info("org/corpus").sha)[1]
tell(dropped=refused(commit, add("1.txt", b"1"), parent_commit=first), same=api.dataset_info("org/corpus").sha == first)
tell(lost=refused(commit, add("2.txt", b"2"), parent_commit=first))
second = api.dataset_info("org/corpus").sha
tell(said_500=refused(commit, add("3.txt", b"3"), parent_commit=second))
third = api.dataset_info("org/corpus").sha
tell(moved=refused(commit, add("4.txt", b"4"), parent_commit=third))
started = time.monotonic()
commit(add("5.txt", b"5"))
tell(seconds=time.monotonic() - started)
""",
    )
    assert told["create"][:2] == ["HfHubHTTPError", 500]
    assert told["dropped"][0] == told["lost"][0] == "RemoteProtocolError"
    assert told["same"] is True
    assert told["said_500"][:2] == ["HfHubHTTPError", 500]
    assert told["moved"][:2] == ["HfHubHTTPError", 412]
    assert 0.5 <= told["seconds"] < 5
    assert set(hub.files(NAME)) == {".gitattributes", "2.txt", "3.txt", "by.txt", "5.txt"}
    assert [one.status for one in hub.log if one.writes] == [500, 200, 0, 0, 500, 412, 200]


@pytest.mark.parametrize("after", [False, True])
def test_a_client_killed_at_its_commit(hub, after):
    """The commit is made or not, and never half; until it is, readers see what was there before."""
    hub.create(NAME)
    before = hub.files(NAME)
    seen = []
    fault = hub.fail(1, "kill", after=after, where=lambda one: "/commit/" in one.path)
    hub.fail(1, "hook", hook=lambda one: seen.append(hub.files(NAME)), where=lambda one: "/lfs/verify" in one.path)
    code = 'commit(add("a.parquet", b"PAR1"), add("b.txt", b"b"))'
    env = os.environ | hub.environment()
    command = [sys.executable, "-c", f"{PRELUDE}{code}{EPILOGUE}", "{}"]
    with subprocess.Popen(command, env=env, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        fault.pid = process.pid
        process.communicate(timeout=30)
    assert process.returncode == -signal.SIGKILL
    assert seen == [before]
    assert set(hub.files(NAME)) - set(before) == ({"a.parquet", "b.txt"} if after else set())
    assert hub.log[-1].status == 0


# -- the program


def test_as_a_program(tmp_path):
    """It says where it is, serves until it is told to end, and finds its repositories again."""
    script = Path(__file__).with_name("stand_in.py")
    heads = []
    for turn in range(2):
        options = ["--home", tmp_path / "hub", "--token", "hf_mine"]
        with subprocess.Popen([sys.executable, script, *options], stdout=subprocess.PIPE, text=True) as process:
            assert process.stdout
            url = process.stdout.readline().strip()
            about = {"Authorization": "Bearer hf_mine", "Content_Type": "application/json"}
            given = json.dumps({"type": "dataset", "name": "corpus", "organization": "org"})
            assert request(url, "POST", "/api/repos/create", given, **about)[0] == (409 if turn else 200)
            heads.append(json.loads(request(url, "GET", f"/api/datasets/{NAME}")[2])["sha"])
            process.terminate()
            assert process.wait(timeout=10) == 0
    assert heads[0] == heads[1]


def test_a_stopped_hub_is_gone_and_comes_back(hub):
    hub.create(NAME)
    connection = http.client.HTTPConnection(hub.url.removeprefix("http://"), timeout=5)
    connection.request("GET", f"/api/datasets/{NAME}/refs")
    assert connection.getresponse().read()
    hub.stop()
    assert connection.sock.recv(1) == b"", "the connection that was open is closed"
    connection.close()
    with pytest.raises(ConnectionError):
        request(hub.url, "GET", f"/api/datasets/{NAME}/refs")
    hub.start()
    assert request(hub.url, "GET", f"/api/datasets/{NAME}/refs")[0] == 200
