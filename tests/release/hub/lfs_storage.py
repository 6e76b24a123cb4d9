"""The storage: where LFS objects are sent to and fetched from, by signed addresses and without a token."""

from __future__ import annotations

import hashlib
import hmac
import shutil
from urllib.parse import parse_qsl, urlencode, urlsplit

from answers import CHUNK, Answer, Handler, error

SIGNING = b"stand-in"  # nothing is secret here; the addresses are to look like real ones


def signed(storage_url: str, name: str, oid: str, action: str, **more: str) -> str:
    """The address at the storage that serves one object to who has no token; `action` is upload or download."""
    path = f"/{name}/{oid}"
    return f"{storage_url}{path}?{urlencode({'action': action, 'sig': _signature(path, action), **more})}"


def _signature(path: str, action: str) -> str:
    return hmac.new(SIGNING, f"{action} {path}".encode(), hashlib.sha256).hexdigest()[:32]


class StorageHandler(Handler):
    """Where LFS objects are sent and fetched, by signed addresses and without a token."""

    storage = True

    def answer(self) -> None:
        hub = self.server.hub
        parts = urlsplit(self.path)
        query = dict(parse_qsl(parts.query))
        if self.log.authorized:
            hub.wrong.append(f"a token was sent to the storage: {self.command} {self.path}")
            raise error(400, "Only one auth mechanism allowed")
        action = "upload" if self.command == "PUT" else "download"
        if query.get("action") != action or query.get("sig") != _signature(parts.path, action):
            raise error(403, "SignatureDoesNotMatch")
        name, _, oid = parts.path.strip("/").rpartition("/")
        repository = hub.repository(name)
        if action == "upload":
            if (self.digest, str(self.size)) != (oid, query["size"]):
                raise error(
                    400, f"expected {query['size']} bytes with SHA-256 {oid}, got {self.size} with {self.digest}"
                )
            with repository.receiving() as place:
                with place.open("wb") as file:
                    shutil.copyfileobj(self.body, file, CHUNK)
                place.replace(repository.objects / oid)
            raise Answer(200, ETag=f'"{oid}"')
        if not repository.has(oid):
            raise error(404, "NoSuchKey")
        raise Answer(200, file=repository.objects / oid, ETag=f'"{oid}"', Accept_Ranges="bytes")
