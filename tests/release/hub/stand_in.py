"""A hub on the loopback: what the clients `huggingface_hub` and `datasets` ask of a hub, answered as they expect.

Answers follow the sources of huggingface_hub 2.4 and datasets 5.2 (hf_api, _commit_api, lfs, file_download,
hf_file_system) and git-lfs's batch API with basic transfers. Commits are kept in real git repositories, see
bare_repository. Large files lie at an address of their own, the storage, as on the real hub: a client must not send
its token there, and is refused when it does. As a program: `python stand_in.py --port N --home DIR --token T`.
"""

from __future__ import annotations

import argparse
import base64
import json
import shutil
import signal
import sys
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from answers import HOST, Server
from bare_repository import BareRepository, Commit, Lfs, TakenError
from faults import Fault, Kind, Plan, Request, SourceRef, everything
from hub_api import HubHandler
from lfs_storage import StorageHandler

TOKEN = "hf_standin0write"
RIGHTS = ("write", "read", "create", "none")
LFS_FROM = 1_000_000  # bytes; larger files go to LFS whatever they are called


class HubStandIn:
    """A hub with its repositories in `home`; `tokens` gives the rights of each token: write, read, create
    (new repositories, without a look at private ones) or none.

    `page` is how many rows a listing has at most, `lfs_from` the size in bytes from which files go to LFS. `log` has
    every request; with `keep_bodies` also what was sent in it. `wrong` collects what no test should cause: requests
    that no hub knows, tokens sent to the storage, and errors of the stand-in itself.

    What hubs do that differ from the public one: `rewrite` changes files that are committed, `lfs_error` refuses large
    files, `tag_objects` answers with the ids of annotated tags in place of their
    commits', `name_blobs` names files otherwise than Git, `only_public` makes no private repository, `sha256` names
    commits by 64 digits. `renamed` maps old names of repositories to new ones (307), `gated` has those whose files only
    tokens with the right "write" get, the others 403.
    """

    def __init__(
        self,
        home: Path,
        *,
        port: int = 0,
        tokens: Mapping[str, str] | None = None,
        page: int = 1000,
        lfs_from: int = LFS_FROM,
        keep_bodies: bool = False,
    ):
        self.home = home
        self.port = port
        self.tokens = dict({TOKEN: "write"} if tokens is None else tokens)
        assert set(self.tokens.values()) <= set(RIGHTS)
        self.page, self.lfs_from, self.keep_bodies = page, lfs_from, keep_bodies
        self.log: list[Request] = []
        self.wrong: list[str] = []
        self.plan = Plan()
        self.stopping = threading.Event()
        self.servers: list[Server] = []
        self.tag_objects = self.only_public = self.sha256 = False
        self.rewrite: Callable[[bytes], bytes] | None = None
        self.lfs_error: str | None = None
        self.name_blobs: Callable[[bytes], str] | None = None
        self.renamed: dict[str, str] = {}
        self.gated: set[str] = set()
        self.requests: dict[tuple[str, int], dict[str, str]] = {}  # pull requests: (repository, number) -> about it
        self._repositories: dict[str, BareRepository] = {}
        self._creating = threading.Lock()

    # -- running

    def start(self) -> HubStandIn:
        (self.home / "datasets").mkdir(parents=True, exist_ok=True)
        self.stopping.clear()
        self.servers = [Server(self, self.port, HubHandler), Server(self, 0, StorageHandler)]
        self.port = self.servers[0].server_port
        for server in self.servers:
            threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
        return self

    def stop(self) -> None:
        self.stopping.set()
        for server in self.servers:
            server.end()
        self.servers = []

    def __enter__(self) -> HubStandIn:
        return self.start()

    def __exit__(self, *_: object) -> None:
        self.stop()

    @property
    def url(self) -> str:
        return f"http://{HOST}:{self.port}"

    @property
    def storage_url(self) -> str:
        return f"http://{HOST}:{self.servers[1].server_port}"

    def environment(self, token: str | None = TOKEN, home: Path | None = None) -> dict[str, str]:
        """Variables by which a client finds this hub and no other; its caches lie in `home`."""
        place = home or self.home / "client"
        return {
            "HF_ENDPOINT": self.url,
            "HF_HOME": str(place),
            "HF_HUB_CACHE": str(place / "hub"),
            "HF_DATASETS_CACHE": str(place / "datasets"),
            "HF_TOKEN_PATH": str(place / "token"),
            "HF_UPDATE_DOWNLOAD_COUNTS": "0",  # else `datasets` counts at another host
            "HF_HUB_DISABLE_XET": "1",
            "HF_HUB_DISABLE_TELEMETRY": "1",
            "HF_HUB_DISABLE_UPDATE_CHECK": "1",
            "HF_HUB_DISABLE_PROGRESS_BARS": "1",
            "HF_HUB_DISABLE_IMPLICIT_TOKEN": "0",
            "HF_HUB_OFFLINE": "0",
            "HF_HUB_ETAG_TIMEOUT": "5",
            "HF_HUB_DOWNLOAD_TIMEOUT": "5",
            "NO_PROXY": HOST,
            "no_proxy": HOST,
            "HF_TOKEN": token or "",
            "HUGGING_FACE_HUB_TOKEN": "",
        }

    # -- looking at it, and changing it, from a test

    def repository(self, name: str) -> BareRepository:
        return self._repositories.setdefault(name, BareRepository(self.home / "datasets" / f"{name}.git"))

    def create(self, name: str, *, private: bool = False) -> None:
        """A new repository. Raises TakenError."""
        with self._creating:
            if self.repository(name).exists:
                raise TakenError(name)
            self.repository(name).create(private=private and not self.only_public, sha256=self.sha256)

    def delete(self, name: str) -> None:
        """A repository and its objects go."""
        with self._creating:
            repository = self._repositories.pop(name)
            shutil.rmtree(repository.folder)
            shutil.rmtree(repository.objects)

    def names(self) -> list[str]:
        """The repositories that are there."""
        places = sorted((self.home / "datasets").glob("*/*.git"))
        return [place.relative_to(self.home / "datasets").as_posix().removesuffix(".git") for place in places]

    def commits(self, name: str, revision: str = "main") -> list[Commit]:
        return self.repository(name).history(revision)

    def tags(self, name: str) -> dict[str, str]:
        return self.repository(name).refs("tags")

    def files(self, name: str, revision: str = "main") -> dict[str, str]:
        return self.repository(name).files(revision)

    def read(self, name: str, revision: str, path: str) -> bytes:
        return self.repository(name).read(revision, path)

    def commit_by_hand(self, name: str, changes: Mapping[str, bytes | None], message: str, branch: str = "main") -> str:
        """A commit as somebody else makes it: files with these contents, without those that are None."""
        repository = self.repository(name)
        attributes = repository.read(branch, ".gitattributes")
        kept: dict[str, bytes | Lfs | None] = {}
        for path, data in changes.items():
            large = data is not None and (len(data) >= self.lfs_from or repository.goes_to_lfs(path, attributes))
            kept[path] = repository.keep(data) if large and data else data
        return repository.commit(kept, message, branch=branch)

    def fail(self, nth: int, kind: Kind, *, where: SourceRef = everything, **more: Any) -> Fault:
        """Let something go wrong at the n-th request from now that `where` holds for; `more`: fields of Fault."""
        return self.plan.add(Fault(nth, kind, where, **more))

    def sent(self) -> Iterator[tuple[Request, bytes]]:
        """Everything that was sent in bodies, also what was base64 in them, with the request it came in."""
        assert self.keep_bodies
        for request in list(self.log):
            if request.body:
                yield request, request.body
                if not request.storage:
                    yield from ((request, base64.b64decode(found)) for found in _encoded(request.body))


def _encoded(body: bytes) -> Iterator[bytes]:
    """The base64 strings in the JSON lines of a body: contents of a commit, samples before an upload."""
    for line in body.splitlines():
        with suppress(ValueError):
            row = json.loads(line)
            if isinstance(row, dict) and row.get("key") == "file":
                yield row["value"]["content"].encode()
            elif isinstance(row, dict):
                yield from (file["sample"].encode() for file in row.get("files", []) if "sample" in file)


def main() -> None:
    """Serve until interrupted; repositories stay in the folder."""
    parser = argparse.ArgumentParser(description="A hub on the loopback, for trying things out.")
    parser.add_argument("--port", type=int, default=0, help="0 takes a free one")
    parser.add_argument("--home", type=Path, required=True, help="folder of the repositories")
    parser.add_argument("--token", action="append", help="token that may write; may be given several times")
    given = parser.parse_args()
    tokens = dict.fromkeys(given.token or [TOKEN], "write")
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: sys.exit(0))
    with HubStandIn(given.home, port=given.port, tokens=tokens) as hub:
        print(hub.url, flush=True)  # noqa: T201 - a program's answer
        signal.pause()


if __name__ == "__main__":
    main()
