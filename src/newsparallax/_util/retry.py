"""Retry requests to a server: which errors are transient, how many attempts, and how long to wait."""

from __future__ import annotations

import re
import sys
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, TypeVar, cast

from ..errors import NewsParallaxError

if TYPE_CHECKING:
    from stamina.instrumentation import RetryDetails

TRANSIENT = frozenset({408, 425, 429, 500, 502, 503, 504})  # HTTP status codes that may change on another attempt
ATTEMPTS = 5
LONGEST = 300.0  # seconds; longest accepted wait request of a server, equal to the rate limit window of the public hub
PATIENCE = 600.0  # seconds after which no further attempt starts
SILENCE = 10.0  # seconds until the first message about a wait; the interval doubles after each message

T = TypeVar("T")
Say = Callable[[str], None]


class ServerError(NewsParallaxError):
    """A server cannot be reached, or rejects a request.

    `status` is the HTTP status of the response (None: no response), `transient` says that another attempt may succeed,
    `wait` is the number of seconds that the server asks to wait. `brief` is a short form of the message, shown before
    each further attempt. An error with a longer wait than LONGEST is not transient; the hint asks the user to retry.
    """

    def __init__(
        self,
        message: str,
        *,
        place: str | None = None,
        hint: str | None = None,
        status: int | None = None,
        transient: bool = False,
        wait: float | None = None,
        brief: str | None = None,
    ):
        self.status, self.wait, self.brief = status, wait, brief
        self.transient = transient and (wait or 0) <= LONGEST
        if transient and not self.transient:
            hint = f"the server asks to wait {wait:,.0f} s; run the command again after that time"
        super().__init__(message, place=place, hint=hint)


def again(ask: Callable[[], T], say: Say, *, patience: float | None = PATIENCE) -> T:
    """Call `ask` up to ATTEMPTS times while it raises transient ServerErrors, and return its result.

    Waits as long as the server asks, otherwise exponentially longer with jitter. `say` gets a line for each wait. No
    attempt starts later than `patience` seconds after the first. Raises the last error, marked as not transient.
    """
    import stamina  # only here: it imports asyncio, which commands without a server would wait for

    stamina.instrumentation.set_on_retry_hooks([_announce])

    @stamina.retry(on=_wait, attempts=ATTEMPTS, timeout=patience, wait_initial=0.5, wait_max=30, wait_jitter=1)
    def attempt(_: Say) -> T:
        return ask()

    try:
        return attempt(say)
    except ServerError as error:
        error.transient = False  # all attempts are used
        raise


def _wait(error: Exception) -> bool | float:
    return isinstance(error, ServerError) and error.transient and (error.wait or True)


def _announce(details: RetryDetails) -> None:
    """Report the reason and the length of a wait, through the `say` that `attempt` got as its argument."""
    error = details.caused_by
    message = getattr(error, "brief", None) or (error.message if isinstance(error, NewsParallaxError) else str(error))
    asked = ", as the server asks" if getattr(error, "wait", None) else ""
    count = f"{details.retry_num} of {ATTEMPTS - 1}"
    say = cast(Say, details.args[0])
    say(f"{message}; trying again in {details.wait_for:.1f} s{asked} ({count})")


@contextmanager
def waiting(what: str, say: Say, silence: float = SILENCE) -> Iterator[None]:
    """Report that the block still waits for `what`. The interval, `silence` seconds at first, grows with the wait."""
    done = threading.Event()

    def watch() -> None:
        waited, pause = 0.0, silence
        while not done.wait(pause):
            waited += pause
            pause = waited
            say(f"still waiting for {what} ({waited:.0f} s) ...")

    threading.Thread(target=watch, daemon=True).start()
    try:
        yield
    finally:
        done.set()


def requested_wait(headers: Mapping[str, str]) -> float | None:
    """Return the seconds that the header Retry-After asks to wait, or None where it is missing or cannot be read.

    Supports both forms of RFC 9110, section 10.2.3: a number of seconds, or a date.
    """
    value = headers.get("retry-after", "").strip()
    if re.fullmatch(r"[0-9]+(\.[0-9]+)?", value):
        return float(value)
    try:
        date = parsedate_to_datetime(value)
    except ValueError:
        return None
    return max((date.replace(tzinfo=date.tzinfo or UTC) - datetime.now(UTC)).total_seconds(), 0.0)


def to_stderr(line: str) -> None:
    """Write a line to stderr. This is a `Say` for callers without a console."""
    sys.stderr.write(f"{line}\n")
