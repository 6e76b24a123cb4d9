"""What goes wrong with a request, and when: which requests count, and what happens at the n-th of them."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Literal

Kind = Literal["status", "drop", "lose", "cut", "kill", "hang", "hook"]
WRITES = ("/api/repos/create", "/commit/", "/tag/", "/branch/")
PATIENCE = 5.0  # seconds to wait for the number of a process that is just starting


@dataclass
class Request:
    """A request as it came, and what was answered; `status` 0: nothing was answered."""

    method: str
    path: str  # with the query, as in the request line
    storage: bool  # at the storage's address, not the hub's
    authorized: bool  # a token was sent, in the header
    status: int = 0
    body: bytes | None = field(default=None, repr=False)  # only where the hub keeps bodies

    @property
    def writes(self) -> bool:
        """Whether it changes something: a repository, an LFS object, a commit, a branch, a tag."""
        if self.method in ("PUT", "DELETE"):
            return True
        return self.method == "POST" and any(part in self.path for part in WRITES)


SourceRef = Callable[[Request], bool]


def everything(request: Request) -> bool:
    return True


def writes(request: Request) -> bool:
    return request.writes


@dataclass
class Fault:
    """What happens at the n-th to (n + times - 1)-th request that `where` holds for, counted from when it was set.

    - status: `status` is answered, with `retry_after` (seconds, or a date) and the text `body` where they are given
    - drop: the connection ends without an answer, before anything is done; lose: after it is done
    - cut: half of the answer's body is sent, then the connection ends
    - kill: the process `pid` is killed; its number may be set a little later than the fault
    - hang: nothing happens for `seconds`, then the request is served
    - hook: `hook` is called with the request, which is then served

    `after`: the request is served first, then it goes wrong. `fired` counts how often it has happened.
    """

    nth: int
    kind: Kind
    where: SourceRef = everything
    times: int = 1
    after: bool = False
    status: int = 500
    retry_after: int | str | None = None
    body: str | None = None
    kind_of_body: str = "text/plain"
    pid: int | None = None
    seconds: float = 1.0
    hook: Callable[[Request], object] | None = None
    seen: int = 0
    fired: int = 0

    def due(self, request: Request) -> bool:
        """Count a request; whether the fault happens to it."""
        if not self.where(request):
            return False
        self.seen += 1
        if not self.nth <= self.seen < self.nth + self.times:
            return False
        self.fired += 1
        return True

    def kill(self) -> None:
        """End the process, at once."""
        end = time.monotonic() + PATIENCE
        while self.pid is None and time.monotonic() < end:
            time.sleep(0.005)
        assert self.pid is not None, "the fault was not told which process to kill"
        os.kill(self.pid, signal.SIGKILL)


class Plan:
    """The faults that are set; more than one may wait, the first that is due happens."""

    def __init__(self) -> None:
        self.faults: list[Fault] = []
        self.lock = threading.Lock()

    def add(self, fault: Fault) -> Fault:
        assert fault.nth >= 1
        assert fault.kind != "hook" or fault.hook
        if fault.kind in ("lose", "cut"):
            fault.after = True
        with self.lock:
            self.faults.append(fault)
        return fault

    def due(self, request: Request) -> Fault | None:
        with self.lock:
            found = [fault for fault in self.faults if fault.due(request)]
        return found[0] if found else None

    def clear(self) -> None:
        with self.lock:
            self.faults.clear()
