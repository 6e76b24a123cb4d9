"""What both addresses of the stand-in share: reading a request, logging it, letting it go wrong, answering it."""

from __future__ import annotations

import hashlib
import json
import re
import socket
import subprocess
import sys
import tempfile
import traceback
from collections.abc import Iterator
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import TYPE_CHECKING, Any

from faults import Fault, Request

if TYPE_CHECKING:
    from stand_in import HubStandIn

HOST = "127.0.0.1"
CHUNK = 1 << 20  # bytes


class Answer(Exception):  # noqa: N818 - it is no error, it is what is answered
    """What is answered; raised from anywhere. `file` is sent instead of `body` where it is given."""

    def __init__(self, status: int = 200, body: Any = b"", *, file: Path | None = None, **headers: str):
        self.status, self.file = status, file
        self.body = body if isinstance(body, bytes) else json.dumps(body, ensure_ascii=False).encode()
        self.headers = {name.replace("_", "-"): value for name, value in headers.items()}
        if not isinstance(body, bytes):
            self.headers.setdefault("Content-Type", "application/json; charset=utf-8")


def error(status: int, message: str, code: str | None = None, **headers: str) -> Answer:
    """A refusal, with the headers that the client reads."""
    about = {"X_Error_Message": message} | ({"X_Error_Code": code} if code else {})
    return Answer(status, {"error": message}, **about, **headers)


class Server(ThreadingHTTPServer):
    """One of the two addresses; it can end its open connections, so that a stopped hub is really gone."""

    daemon_threads = True
    block_on_close = False
    request_queue_size = 64

    def __init__(self, hub: HubStandIn, port: int, handler: type[BaseHTTPRequestHandler]):
        self.hub = hub
        self.open: set[socket.socket] = set()
        super().__init__((HOST, port), handler)

    def server_bind(self) -> None:  # HTTPServer's own looks the host's name up
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.socket.bind(self.server_address)
        self.server_address = self.socket.getsockname()
        self.server_name, self.server_port = HOST, self.server_address[1]

    def process_request(self, request: Any, client_address: Any) -> None:
        self.open.add(request)
        super().process_request(request, client_address)

    def shutdown_request(self, request: Any) -> None:
        self.open.discard(request)
        super().shutdown_request(request)

    def handle_error(self, request: Any, client_address: Any) -> None:
        if not isinstance(sys.exc_info()[1], ConnectionError):
            self.hub.wrong.append(traceback.format_exc())

    def end(self) -> None:
        self.shutdown()
        self.server_close()
        for connection in list(self.open):
            with suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)


class Handler(BaseHTTPRequestHandler):
    """What both addresses share: reading a request, logging it, letting it go wrong, answering."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    wbufsize = -1
    server: Server
    storage = False

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the name is http.server's
        pass

    def handle_one_request(self) -> None:
        try:
            super().handle_one_request()
        except ConnectionError:  # the client went away
            self.close_connection = True

    def do(self) -> None:
        hub = self.server.hub
        authorized = "Authorization" in self.headers
        self.log = Request(self.command, self.path, self.storage, authorized)
        with tempfile.TemporaryFile(dir=hub.home) as body:
            self.size, self.digest = self._receive(body)
            self.body = body
            if hub.keep_bodies:
                body.seek(0)
                self.log.body = body.read()
            body.seek(0)
            hub.log.append(self.log)
            fault = hub.plan.due(self.log)
            if fault and not fault.after and self._suffer(fault):
                return
            answer = self._answer()
            if fault and fault.after and self._suffer(fault):
                return
            self._send(answer, cut=bool(fault and fault.kind == "cut"))

    do_GET = do_HEAD = do_POST = do_PUT = do_DELETE = do  # noqa: N815 - the names are http.server's

    def _receive(self, place: Any) -> tuple[int, str]:
        """Read the whole body into a file, whether its length was told or it comes in chunks."""
        digest, size = hashlib.sha256(), 0
        for part in self._parts():
            place.write(part)
            digest.update(part)
            size += len(part)
        return size, digest.hexdigest()

    def _parts(self) -> Iterator[bytes]:
        if "chunked" in self.headers.get("Transfer-Encoding", ""):
            while length := int(self.rfile.readline().split(b";")[0], 16):
                yield self.rfile.read(length)
                self.rfile.readline()
            while self.rfile.readline().strip():
                pass
            return
        left = int(self.headers.get("Content-Length", 0))
        while left and (part := self.rfile.read(min(left, CHUNK))):
            left -= len(part)
            yield part
        if left:
            raise ConnectionResetError("the client went away within a body")

    def _suffer(self, fault: Fault) -> bool:
        """Let a fault happen; whether the request is thereby over."""
        if fault.kind == "cut":
            return False
        if fault.kind == "hang":
            self.server.hub.stopping.wait(fault.seconds)
            return False
        if fault.kind == "hook":
            assert fault.hook
            fault.hook(self.log)
            return False
        if fault.kind == "status":
            retry = {} if fault.retry_after is None else {"Retry_After": str(fault.retry_after)}
            said = error(fault.status, f"The stand-in was told to answer {fault.status}", **retry)
            if fault.body is not None:
                said = Answer(fault.status, fault.body.encode(), Content_Type=fault.kind_of_body, **retry)
            self._send(said)
            return True
        if fault.kind == "kill":
            fault.kill()
        self.close_connection = True
        with suppress(OSError):
            self.connection.shutdown(socket.SHUT_RDWR)
        return True

    def _answer(self) -> Answer:
        try:
            self.answer()
        except Answer as answer:
            return answer
        except Exception as caught:
            said = caught.stderr.decode() if isinstance(caught, subprocess.CalledProcessError) else ""
            self.server.hub.wrong.append(f"{self.command} {self.path}\n{traceback.format_exc()}{said}")
            return error(500, "Internal Error - the stand-in failed")
        raise AssertionError("every request is answered by raising an Answer")

    def answer(self) -> None:
        raise NotImplementedError

    def _send(self, answer: Answer, *, cut: bool = False) -> None:
        self.log.status = answer.status
        total = answer.file.stat().st_size if answer.file else len(answer.body)
        start, length, status = 0, total, answer.status
        if status == 200 and (found := self._range(total)) is not None:
            start, length = found
            status = self.log.status = 206 if length > 0 else 416
            answer.headers["Content-Range"] = (
                f"bytes {start}-{start + length - 1}/{total}" if length else f"bytes */{total}"
            )
        self.send_response(status)
        for name, value in answer.headers.items():
            self.send_header(name, value.encode("ascii", "backslashreplace").decode())
        self.send_header("Content-Length", str(length))
        self.send_header("X-Request-Id", f"stand-in-{len(self.server.hub.log)}")
        self.end_headers()
        if self.command != "HEAD":
            self._write(answer, start, length // 2 if cut else length)
        self.wfile.flush()
        self.close_connection |= cut

    def _write(self, answer: Answer, start: int, length: int) -> None:
        if not answer.file:
            self.wfile.write(answer.body[start : start + length])
            return
        with answer.file.open("rb") as file:
            file.seek(start)
            while length and (part := file.read(min(length, CHUNK))):
                self.wfile.write(part)
                length -= len(part)

    def _range(self, total: int) -> tuple[int, int] | None:
        """Start and length of the part that is asked for, length 0 where there is no such part; None: all of it."""
        found = re.fullmatch(r"bytes=(\d*)-(\d*)", self.headers.get("Range", ""))
        if not found or self.command not in ("GET", "HEAD") or not any(found.groups()):
            return None
        if not found[1]:
            length = min(int(found[2]), total)
            return total - length, length
        start = int(found[1])
        end = min(int(found[2]) + 1 if found[2] else total, total)
        return start, max(end - start, 0)
