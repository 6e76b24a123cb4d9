"""The hub's own address: its API, as the clients use it, and the files of its repositories.

Messages and error codes are the real hub's where the clients look at them, and otherwise close to them.
"""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Callable, Mapping
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qs, unquote, urlencode, urlsplit

from answers import Answer, Handler, error
from bare_repository import TO_LFS, Commit, Entry, Lfs, MissingError, MovedError, TakenError
from cards import card_data, card_problems
from lfs_storage import signed
from yaml import YAMLError

SPECIAL = re.compile(r"refs/(?:convert|pr)/[^/]+")  # revisions that clients do not quote
MOVED = "A commit has happened since. Please refresh and try again."
NO_FILE = "A file with this name doesn't exist"
NO_OBJECT = (
    "Your push was rejected because an LFS pointer pointed to a file that does not exist. For instance, this can"
    " happen if you used git push --no-verify to push your changes. Offending file: - {}"
)


def no_entry(sha: str, path: str) -> Answer:
    return error(404, f"Entry not found: {path}", "EntryNotFound", X_Repo_Commit=sha)


class HubHandler(Handler):
    """The hub's own address: its API and the files of its repositories."""

    def answer(self) -> None:
        parts = urlsplit(self.path)
        self.query = parse_qs(parts.query)
        self.route = parts.path
        given = self.headers.get("Authorization", "")
        if given == "Bearer of-the-ci":
            given = ""
        self.rights = self.server.hub.tokens.get(given.removeprefix("Bearer ")) if given else "anonymous"
        if self.rights is None:
            raise error(401, "Invalid credentials in Authorization header")
        for method, pattern, serve in ROUTES:
            if method == self._method() and (found := re.fullmatch(pattern, parts.path)):
                groups = found.groupdict()
                if "name" in groups:
                    self.name = groups.pop("name")
                    self._may_be_renamed()
                    self.repository = self.server.hub.repository(self.name)
                    self._may_see()
                serve(self, **{key: unquote(value or "") for key, value in groups.items()})
        self.server.hub.wrong.append(f"no such address: {self.command} {self.path}")
        raise error(404, "Sorry, we can't find the page you are looking for.")

    def _method(self) -> str:
        return "GET" if self.command == "HEAD" else self.command

    # -- what may be done

    def _may_see(self) -> None:
        seen = self.repository.exists and (not self.repository.private or self.rights in ("write", "read"))
        if not seen and self.rights == "anonymous":
            # the real hub leaves the code out and the client knows by its https address; on http it needs the code
            raise error(401, "Invalid username or password.", "RepoNotFound")
        if not seen:
            raise error(404, "Repository not found", "RepoNotFound")

    def _may_be_renamed(self) -> None:
        if new := self.server.hub.renamed.get(self.name):
            raise Answer(307, b"", Location=self.path.replace(self.name, new, 1))

    def _may_read_files(self) -> None:
        if self.name in self.server.hub.gated and self.rights != "write":
            message = f"Access to dataset {self.name} is restricted and you are not in the authorized list."
            raise error(403, message, "GatedRepo")

    def _may_write(self, what: str) -> None:
        if self.rights == "anonymous":
            raise error(401, "Invalid username or password.")
        if self.rights != "write":
            raise error(403, f"Forbidden: you must use a write token to {what}.")

    def _json(self) -> Any:
        return json.loads(self.body.read() or b"{}")

    def _at(self, revision: str) -> str:
        try:
            return self.repository.resolve(revision)
        except MissingError:
            raise error(404, f"Invalid rev id: {revision}", "RevisionNotFound") from None

    def _paged(self, rows: list[Any], limit: int | None = None) -> Answer:
        """A page of rows, with the address of the next one in the header Link."""
        start = int(self.query.get("cursor", ["0"])[0])
        size = min(int(self.query.get("limit", [self.server.hub.page])[0]), limit or self.server.hub.page)
        more = {}
        if start + size < len(rows):
            query = urlencode(self.query | {"cursor": [str(start + size)]}, doseq=True)
            more = {"Link": f'<{self.server.hub.url}{self.route}?{query}>; rel="next"'}
        return Answer(200, rows[start : start + size], **more)

    # -- accounts and repositories

    def whoami(self) -> None:
        if self.rights == "anonymous":
            raise error(401, "Invalid username or password.")
        token = {"displayName": "stand-in", "role": self.rights if self.rights != "none" else "fineGrained"}
        auth = {"type": "access_token", "accessToken": token}
        raise Answer(200, {"type": "user", "id": "1", "name": "hub", "fullname": "hub", "orgs": [], "auth": auth})

    def callers(self) -> None:
        """Programs that the client would name in its User-Agent when they call it; none is known here."""
        raise Answer(200, {"standardEnvVars": [], "harnesses": {}})

    def identity(self) -> None:
        """What a CI provider gives a job to show."""
        raise Answer(200, {"value": f"a job for {self.query['audience'][0]}"})

    def exchange(self) -> None:
        given = self._json()
        if given["subject_token"] != f"a job for {self.server.hub.url}":
            raise error(400, "invalid_grant")
        writes = [token for token, rights in self.server.hub.tokens.items() if rights == "write"]
        raise Answer(200, {"access_token": writes[0], "token_type": "bearer", "expires_in": 3600})

    def validate_yaml(self) -> None:
        given = self._json()
        problems = card_problems(given["content"])
        raise Answer(400 if problems else 200, {"errors": [{"message": text} for text in problems], "warnings": []})

    def create_repo(self) -> None:
        given = self._json()
        name = f"{given['organization'] or 'hub'}/{given['name']}"
        if self.rights != "create":
            self._may_write(f"create a dataset under the namespace {name.partition('/')[0]}")
        hub = self.server.hub
        private = given.get("private") or given.get("visibility") == "private"
        about = {"url": f"{hub.url}/datasets/{name}", "name": name, "id": name}
        try:
            hub.create(name, private=bool(private))
        except TakenError:
            raise Answer(409, {"error": "You already created this dataset repo", **about}) from None
        raise Answer(200, about)

    def delete_repo(self) -> None:
        given = self._json()
        name = f"{given['organization'] or 'hub'}/{given['name']}"
        self._may_write(f"delete {name}")
        self.server.hub.delete(name)
        raise Answer(200, {})

    def list_datasets(self) -> None:
        rows = [
            {"_id": "0" * 24, "id": name, "sha": self.server.hub.repository(name).head()}
            for name in self.server.hub.names()
            if not self.server.hub.repository(name).private
        ]
        raise self._paged(rows)

    def settings(self) -> None:
        self._may_write("change the settings of this repository")
        given = self._json()
        self.repository.private = given.get("visibility") == "private" or bool(given.get("private"))
        raise Answer(200, {})

    # -- pull requests

    def open_request(self) -> None:
        self._may_write("open a pull request")
        given = self._json()
        assert given["pullRequest"]
        number = self.repository.open_request()
        self.server.hub.requests[self.name, number] = {"title": given["title"], "status": "draft"}
        raise Answer(200, {"num": number})

    def request(self, number: str) -> None:
        about = self.server.hub.requests[self.name, int(number)]
        raise Answer(200, {
            **about, "num": int(number), "author": {"name": "hub"}, "createdAt": _date(0), "isPullRequest": True,
            "repo": {"name": self.name, "type": "dataset"}, "events": [], "filesWithConflicts": [],
            "changes": {"base": "refs/heads/main"}, "diff": "",
        })  # fmt: skip

    def request_status(self, number: str) -> None:
        self._may_write("change a pull request")
        status = self._json()["status"]
        self.server.hub.requests[self.name, int(number)]["status"] = status
        event = {"id": "1", "type": "status-change", "createdAt": _date(0), "author": {"name": "hub"}}
        raise Answer(200, {"newStatus": event | {"data": {"status": status}}})

    def merge(self, number: str) -> None:
        self._may_write("merge a pull request")
        about = self.server.hub.requests[self.name, int(number)]
        if about["status"] != "open":
            raise error(403, f"A {about['status']} pull request cannot be merged")
        try:
            self.repository.merge(int(number))
        except MovedError:
            raise error(409, "This pull request has conflicts") from None
        about["status"] = "merged"
        raise Answer(200, {})

    def info(self, revision: str = "main") -> None:
        sha = self._at(revision)
        commits = self.repository.history(sha, limit=1)
        rows = [entry for entry in self.repository.tree(sha) if entry.kind == "blob"]
        card = self._card(sha)
        about = {
            "_id": "0" * 24,
            "id": self.name,
            "author": self.name.partition("/")[0],
            "sha": sha,
            "private": self.repository.private,
            "gated": False,
            "disabled": False,
            "downloads": 0,
            "likes": 0,
            "lastModified": _date(commits[0].date),
            "createdAt": _date(commits[0].date),
            "cardData": card,
            "tags": [f"license:{card['license']}"] if card and "license" in card else [],
            "siblings": [self._sibling(entry) for entry in rows],
            "usedStorage": sum(entry.lfs.size if entry.lfs else entry.size for entry in rows),
        }
        wanted = self.query.get("expand", []) + self.query.get("expand[]", [])
        raise Answer(200, {key: value for key, value in about.items() if not wanted or key in (*wanted, "_id", "id")})

    def _card(self, sha: str) -> dict[str, Any] | None:
        """What the card says in YAML; nothing where there is no card, or it is wrong."""
        try:
            return card_data(self.repository.read(sha, "README.md").decode())
        except (MissingError, ValueError, YAMLError):
            return None

    def _sibling(self, entry: Entry) -> dict[str, Any]:
        about: dict[str, Any] = {"rfilename": entry.path}
        if self.query.get("blobs", ["false"])[0].lower() in ("true", "1"):
            about |= {"blobId": entry.oid, "size": entry.lfs.size if entry.lfs else entry.size}
            if entry.lfs:
                about["lfs"] = {"sha256": entry.lfs.oid, "size": entry.lfs.size, "pointerSize": entry.size}
        return about

    def auth_check(self) -> None:
        raise Answer(200, {})

    # -- sending files

    def preupload(self, revision: str) -> None:
        self._may_write("upload to this repository")
        sha = self._at(revision)
        there = {entry.path: entry for entry in self.repository.tree(sha)}
        attributes = self.repository.read(sha, ".gitattributes") if ".gitattributes" in there else b""
        rows = []
        for file in self._json()["files"]:
            lfs = file["size"] >= self.server.hub.lfs_from or self.repository.goes_to_lfs(file["path"], attributes)
            row = {"path": file["path"], "uploadMode": "lfs" if lfs else "regular", "shouldIgnore": False}
            if old := there.get(file["path"]):
                row["oid"] = old.lfs.oid if old.lfs else old.oid
            rows.append(row)
        raise Answer(200, {"files": rows, "commitOid": sha})

    def lfs_batch(self) -> None:
        given = self._json()
        upload = given["operation"] == "upload"
        if upload:
            self._may_write("upload to this repository")
        rows = [self._lfs_row(found["oid"], found["size"], upload) for found in given["objects"]]
        raise Answer(200, {"transfer": "basic", "objects": rows}, Content_Type="application/vnd.git-lfs+json")

    def _lfs_row(self, oid: str, size: int, upload: bool) -> dict[str, Any]:
        hub, here = self.server.hub, self.repository.has(oid, size)
        row: dict[str, Any] = {"oid": oid, "size": size}
        if upload and hub.lfs_error:
            row["error"] = {"code": 507, "message": hub.lfs_error}
        elif upload and not here:
            verify = f"{hub.url}/datasets/{self.name}.git/info/lfs/verify"
            href = signed(hub.storage_url, self.name, oid, "upload", size=str(size))
            row["actions"] = {"upload": {"href": href}, "verify": {"href": verify}}
        elif not upload and here:
            row["actions"] = {"download": {"href": signed(hub.storage_url, self.name, oid, "download")}}
        elif not upload:
            row["error"] = {"code": 404, "message": "Object does not exist"}
        return row

    def lfs_verify(self) -> None:
        self._may_write("upload to this repository")
        given = self._json()
        if not self.repository.has(given["oid"], given["size"]):
            raise error(404, "Object does not exist, or has another size")
        raise Answer(200, {})

    def commit(self, revision: str) -> None:
        self._may_write("upload to this repository")
        self._at(revision)
        if revision not in self.repository.refs("heads") and not SPECIAL.fullmatch(revision):
            raise error(400, f"Cannot commit to {revision}: it is no branch")
        header, changes, folders = self._operations()
        attributes = self._attributes(revision, changes)
        try:
            sha = self.repository.commit(
                {**changes, **attributes},
                header["summary"],
                header.get("description") or "",
                branch=revision,
                parent=header.get("parentCommit"),
                folders=folders,
            )
        except MovedError:
            raise error(412, MOVED) from None
        except MissingError:
            raise error(404, NO_FILE, "EntryNotFound") from None
        url = f"{self.server.hub.url}/datasets/{self.name}/commit/{sha}"
        raise Answer(200, {"success": True, "commitOid": sha, "commitUrl": url, "hookOutput": ""})

    def _operations(self) -> tuple[dict[str, Any], dict[str, bytes | Lfs | None], tuple[str, ...]]:
        """What the lines of a commit say: the header, files by their paths, folders to take away."""
        header: dict[str, Any] = {}
        changes: dict[str, bytes | Lfs | None] = {}
        folders = []
        for row in map(json.loads, self.body.read().splitlines()):
            value, path = row["value"], row["value"].get("path", "")
            if row["key"] == "header":
                header = value
            elif row["key"] == "file":
                content = base64.b64decode(value["content"], validate=True)
                changes[path] = self.server.hub.rewrite(content) if self.server.hub.rewrite else content
            elif row["key"] == "lfsFile":
                if not self.repository.has(value["oid"], value.get("size")):
                    raise error(400, NO_OBJECT.format(path))
                changes[path] = Lfs(value["oid"], (self.repository.objects / value["oid"]).stat().st_size)
            elif row["key"] == "deletedFile":
                changes[path] = None
            elif row["key"] == "deletedFolder":
                folders.append(path)
            else:
                raise error(400, f"unknown operation {row['key']}")
        if not header.get("summary"):
            raise error(400, "a commit needs a summary")
        if problems := card_problems(_text(changes.get("README.md"))):
            raise error(400, f"Invalid metadata in README.md: {'; '.join(problems)}")
        large = [
            path
            for path, data in changes.items()
            if isinstance(data, bytes) and len(data) > 10 * self.server.hub.lfs_from
        ]
        if large:
            raise error(400, f"{large[0]} is too large to be committed without LFS")
        return header, changes, tuple(folders)

    def _attributes(self, revision: str, changes: Mapping[str, bytes | Lfs | None]) -> dict[str, bytes]:
        """.gitattributes with a line for each LFS file that no line of it fits, as the real hub keeps it."""
        try:
            old = changes.get(".gitattributes") or self.repository.read(revision, ".gitattributes")
        except MissingError:
            old = b""
        assert isinstance(old, bytes)
        new = old
        for path, content in changes.items():
            if isinstance(content, Lfs) and not self.repository.goes_to_lfs(path, new):
                new += f"{path.replace(' ', '?')} {TO_LFS}\n".encode()
        return {".gitattributes": new} if new != old else {}

    # -- branches, tags, history

    def add_ref(self, kind: str, revision: str, name: str, message: str | None = None) -> None:
        self._may_write("change this repository")
        sha = self._at(revision)
        try:
            self.repository.add_ref(kind, name, sha, message)
        except TakenError:
            raise error(409, f"Reference already exists: {name}") from None
        except ValueError:
            raise error(400, f"Invalid reference name: {name}") from None
        raise Answer(200, {})

    def remove_ref(self, kind: str, name: str) -> None:
        self._may_write("change this repository")
        try:
            self.repository.remove_ref(kind, name)
        except MissingError:
            raise error(404, f"Invalid rev id: {name}", "RevisionNotFound") from None
        raise Answer(200, {})

    def add_tag(self, revision: str) -> None:
        given = self._json()
        self.add_ref("tags", revision, given["tag"], given.get("message"))

    def remove_tag(self, revision: str) -> None:
        self.remove_ref("tags", revision)

    def add_branch(self, revision: str) -> None:
        self.add_ref("heads", self._json().get("startingPoint") or "main", revision)

    def remove_branch(self, revision: str) -> None:
        if revision == "main":
            raise error(403, "Cannot delete the main branch")
        self.remove_ref("heads", revision)

    def refs(self) -> None:
        found = {
            key: [
                {"name": name, "ref": f"refs/{kind}/{name}", "targetCommit": sha}
                for name, sha in self.repository.refs(kind, peeled=not self.server.hub.tag_objects).items()
            ]
            for key, kind in (("branches", "heads"), ("tags", "tags"), ("converts", "convert"), ("pullRequests", "pr"))
        }
        raise Answer(200, found)

    def commits(self, revision: str) -> None:
        rows = [
            {**_last(found), "message": found.message, "authors": [{"user": "hub"}]}
            for found in self.repository.history(self._at(revision))
        ]
        raise self._paged(rows, 50)

    # -- files

    def tree(self, revision: str, path: str = "") -> None:
        self._may_read_files()
        sha = self._at(revision)
        recursive, expand = (
            self.query.get(key, ["false"])[0].lower() in ("true", "1") for key in ("recursive", "expand")
        )
        try:
            entries = self.repository.tree(sha, path, recursive=recursive)
        except MissingError:
            raise no_entry(sha, path) from None
        raise self._paged([self._row(sha, entry, expand) for entry in entries], 50 if expand else None)

    def paths_info(self, revision: str) -> None:
        sha = self._at(revision)
        text = self.body.read().decode()
        json_given = "json" in self.headers.get("Content-Type", "")
        given = json.loads(text) if json_given else parse_qs(text)
        expand = str(given.get("expand", "false")).lower().strip("[]'") == "true"
        rows = []
        for path in given.get("paths", []):
            with suppress(MissingError):
                rows.append(self._row(sha, self.repository.entry(sha, path.rstrip("/")), expand))
        raise Answer(200, rows)

    def _row(self, sha: str, entry: Entry, expand: bool) -> dict[str, Any]:
        row = {
            "type": "directory" if entry.kind == "tree" else "file",
            "oid": self._blob_name(entry),
            "size": entry.lfs.size if entry.lfs else entry.size,
            "path": entry.path,
        }
        if entry.lfs:
            row["lfs"] = {"oid": entry.lfs.oid, "size": entry.lfs.size, "pointerSize": entry.size}
        if expand:
            row["lastCommit"] = _last(self.repository.history(sha, entry.path, limit=1)[0])
        return row

    def _blob_name(self, entry: Entry) -> str:
        name = self.server.hub.name_blobs
        return name(self.repository.blob(entry.oid)) if name and entry.kind == "blob" else entry.oid

    def resolve(self, rest: str) -> None:
        self._may_read_files()
        raw = urlsplit(self.path).path.split("/resolve/", 1)[1]
        special = SPECIAL.match(raw)
        revision = special[0] if special else raw.partition("/")[0]
        path = unquote(raw[len(revision) + 1 :])
        sha = self._at(unquote(revision))
        try:
            entry = self.repository.entry(sha, path)
        except MissingError:
            raise no_entry(sha, path) from None
        if entry.kind == "tree":
            raise no_entry(sha, path)
        shown = {"X_Repo_Commit": sha, "Accept_Ranges": "bytes"}
        if not entry.lfs:
            raise Answer(
                200, self.repository.blob(entry.oid), ETag=f'"{entry.oid}"', Content_Type="text/plain", **shown
            )
        linked = {"X_Linked_Etag": f'"{entry.lfs.oid}"', "X_Linked_Size": str(entry.lfs.size)}
        location = signed(self.server.hub.storage_url, self.name, entry.lfs.oid, "download")
        raise Answer(302, b"", Location=location, ETag=f'"{entry.oid}"', **linked, **shown)


def _date(seconds: int) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%S.000Z")


def _last(commit: Commit) -> dict[str, Any]:
    return {"id": commit.sha, "title": commit.title, "date": _date(commit.date)}


def _text(content: bytes | Lfs | None) -> str:
    return content.decode() if isinstance(content, bytes) else ""


_NAME = r"(?P<name>[\w.-]+/[\w.-]+?)"
_API = rf"/api/datasets/{_NAME}"
_REV = r"(?P<revision>refs/(?:convert|pr)/[^/]+|[^/]+)"
Serve = Callable[..., None]
ROUTES: list[tuple[str, str, Serve]] = [
    ("GET", "/api/whoami-v2", HubHandler.whoami),
    ("GET", "/api/agent-harnesses", HubHandler.callers),
    ("GET", "/ci/identity", HubHandler.identity),
    ("POST", "/oauth/token", HubHandler.exchange),
    ("POST", "/api/validate-yaml", HubHandler.validate_yaml),
    ("POST", "/api/repos/create", HubHandler.create_repo),
    ("DELETE", "/api/repos/delete", HubHandler.delete_repo),
    ("GET", "/api/datasets", HubHandler.list_datasets),
    ("PUT", f"{_API}/settings", HubHandler.settings),
    ("POST", f"{_API}/discussions", HubHandler.open_request),
    ("GET", f"{_API}/discussions/(?P<number>[0-9]+)", HubHandler.request),
    ("POST", f"{_API}/discussions/(?P<number>[0-9]+)/status", HubHandler.request_status),
    ("POST", f"{_API}/discussions/(?P<number>[0-9]+)/merge", HubHandler.merge),
    ("GET", _API, HubHandler.info),
    ("GET", f"{_API}/revision/{_REV}", HubHandler.info),
    ("GET", f"{_API}/auth-check", HubHandler.auth_check),
    ("POST", f"{_API}/preupload/{_REV}", HubHandler.preupload),
    ("POST", f"/datasets/{_NAME}\\.git/info/lfs/objects/batch", HubHandler.lfs_batch),
    ("POST", f"/datasets/{_NAME}\\.git/info/lfs/verify", HubHandler.lfs_verify),
    ("POST", f"{_API}/commit/{_REV}", HubHandler.commit),
    ("POST", f"{_API}/tag/{_REV}", HubHandler.add_tag),
    ("DELETE", f"{_API}/tag/{_REV}", HubHandler.remove_tag),
    ("POST", f"{_API}/branch/{_REV}", HubHandler.add_branch),
    ("DELETE", f"{_API}/branch/{_REV}", HubHandler.remove_branch),
    ("GET", f"{_API}/refs", HubHandler.refs),
    ("GET", f"{_API}/commits/{_REV}", HubHandler.commits),
    ("GET", f"{_API}/tree/{_REV}(?:/(?P<path>.*))?", HubHandler.tree),
    ("POST", f"{_API}/paths-info/{_REV}", HubHandler.paths_info),
    ("GET", f"/datasets/{_NAME}/resolve/(?P<rest>.+)", HubHandler.resolve),
]
