"""The connection to a Label Studio server: requests that are tried again, failures that say what to do.

The SDK keeps the sign-in (both kinds of token); answers are read as they stand, since its typed models turn dates and
numbers into objects and pass over fields that they do not know.
"""

from __future__ import annotations

import json
import os
import re
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import msgspec

from ...core.errors import NewsParallaxError, UsageError
from .home import home_of, saved_account

URL, TOKEN = "LABEL_STUDIO_URL", "LABEL_STUDIO_API_KEY"
READ_OFF = "1.23"  # the version whose behaviour this package was written for
WAITS = (0.5, 1, 2, 4)  # seconds between attempts
PASSING = frozenset({408, 429, 500, 502, 503, 504})  # answers that another attempt may change
TIMEOUT = 300  # seconds for one answer; an import of many predictions takes its time
REFUSED = f"{TOKEN} takes an access token of Account & Settings; a legacy token only where the organisation allows it"
LOOPBACK = ("127.0.0.1", "localhost", "::1")
PAGE = 1000  # heads of tasks in one answer
PART = 20  # tasks with annotations or predictions in one answer: some megabytes


class StudioError(NewsParallaxError):
    """The server cannot be reached, or refuses; `status` is that of its answer, None where there was none."""

    def __init__(self, message: str, *, status: int | None = None, place: str | None = None, hint: str | None = None):
        self.status = status
        super().__init__(message, place=place, hint=hint)


class Studio:
    """A Label Studio server, signed in."""

    def __init__(self, url: str, token: str, say: Callable[[str], None]):
        self.url = url
        self._say = say
        self._http = _sign_in(url, token)
        self._check()

    def read(self, path: str, **params: Any) -> Any:
        """The answer to GET, decoded. Tried again while the server does not answer or answers for the moment only."""
        return self._again(lambda: self._request("GET", path, params=params))

    def write(self, method: str, path: str, content: Any = None) -> Any:
        """The answer to a request that may be repeated without harm (PATCH, DELETE, or a POST that only asks)."""
        return self._again(lambda: self._request(method, path, json=content))

    def once(self, method: str, path: str, content: Any = None) -> Any:
        """The answer to a request that makes something, sent once: whoever asks looks before asking again."""
        return self._request(method, path, json=content)

    def tasks(self, project: int, include: tuple[str, ...]) -> Iterator[dict[str, Any]]:
        """All tasks of a project with the fields `include`, in order of their ids.

        Asks from the last id on, not by page: tasks that come and go meanwhile move no other out of sight.
        """
        found: list[dict[str, Any]] = [{"id": 0}]
        while found:
            found = self._tasks(project, include, PAGE, "greater", found[-1]["id"])
            yield from found

    def tasks_with(self, project: int, include: tuple[str, ...], ids: Sequence[int]) -> Iterator[dict[str, Any]]:
        """Those tasks of a project that have one of `ids`, a few in each request: what they hold may be large."""
        for at in range(0, len(ids), PART):
            yield from self._tasks(project, include, PART, "in_list", list(ids[at : at + PART]))

    def _tasks(
        self, project: int, include: tuple[str, ...], size: int, operator: str, value: int | list[int]
    ) -> list[dict[str, Any]]:
        where = {"filter": "filter:tasks:id", "type": "Number", "operator": operator, "value": value}
        query = {"filters": {"conjunction": "and", "items": [where]}, "ordering": ["tasks:id"]}
        found: list[dict[str, Any]] = self.read(
            "api/tasks",
            project=project,
            fields="all",
            include=",".join({"id": 0, **dict.fromkeys(include)}),
            query=msgspec.json.encode(query).decode(),
            page_size=size,
        )["tasks"]
        return found

    def _check(self) -> None:
        """Whether this is Label Studio and takes the token. Asked once, so that what is wrong is told at once."""
        try:
            found = self._request("GET", "api/version")
        except StudioError as error:
            if error.status != 404:
                raise
            found = None
        release = found.get("release") if isinstance(found, dict) else None
        if not isinstance(release, str):
            hint = f"{URL} is the address of its first page"
            raise StudioError(f"what answers at {self.url} is not Label Studio", hint=hint)
        if release.split(".")[:2] != READ_OFF.split("."):
            self._say(
                f"{self.url} is Label Studio {release}; this program was written for {READ_OFF}: look at the result"
            )
        self._request("GET", "api/current-user/whoami")

    def _again(self, ask: Callable[[], Any]) -> Any:
        for attempt, wait in enumerate(WAITS, 1):
            try:
                return ask()
            except StudioError as error:
                if error.status is not None and error.status not in PASSING:
                    raise
                self._say(f"{error.message}; trying again in {wait:g} s ({attempt} of {len(WAITS)})")
                time.sleep(wait)
        return ask()

    def _request(self, method: str, path: str, **options: Any) -> Any:
        import httpx
        from label_studio_sdk.core.api_error import ApiError

        try:
            answer = self._http.request(path, method=method, **options)
        except ApiError as error:  # of the SDK's own request for a short-lived token
            raise _refused(self.url, error.status_code or 0, error.body, path) from None
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            hint = "start one with `scripts/label_studio.py serve`, or set " + URL
            told = str(error) or type(error).__name__
            raise StudioError(f"no answer from a Label Studio server at {self.url} ({told})", hint=hint) from None
        if answer.is_redirect:
            place = answer.headers.get("location", "")
            raise StudioError(
                f"{self.url} redirects {path} to {place}", status=answer.status_code, hint=f"set {URL} to that"
            )
        if answer.status_code >= 400:
            raise _refused(self.url, answer.status_code, answer.content, path)
        return _decoded(answer.content, path) if answer.content else None


def connect(root: Path, say: Callable[[str], None]) -> Studio:
    """Sign in at the server of the environment, else at the local one of the corpus folder `root`.

    Raises UsageError where neither is known, StudioError where the server does not answer or refuses the token.
    """
    url, token = os.environ.get(URL, "").strip(), os.environ.get(TOKEN, "").strip()
    if not url and not token:
        account = saved_account(home_of(root))
        if account is None:
            hint = f"`scripts/label_studio.py serve` starts one; of another, set {URL} and {TOKEN}"
            raise UsageError("no Label Studio server is known", hint=hint)
        url, token = account.url, account.token
    elif not url or not token:
        missing = TOKEN if url else URL
        raise UsageError(f"{missing} is not set", hint=f"{URL} and {TOKEN} are set together, or neither")
    if not re.fullmatch(r"[!-~]+", token):  # what a header can hold
        raise UsageError(f"{TOKEN} holds characters that no token has", hint=REFUSED)
    if not re.match(r"https?://[^/@]+(?:/|$)", url, re.IGNORECASE):  # a password would be printed with the address
        what = "an address begins with http:// or https:// and has no name or password in it"
        raise UsageError(f"{URL} is no address that can be used", hint=what)
    return Studio(url.rstrip("/"), token, say)


def _sign_in(url: str, token: str) -> Any:
    """The SDK's HTTP client, which sends either kind of token. It repeats nothing: a second import makes duplicates.

    Not through `LabelStudio`, whose import alone takes a second.
    """
    try:
        import httpx
        from label_studio_sdk.core.api_error import ApiError
        from label_studio_sdk.core.client_wrapper import SyncClientWrapper
    except ImportError:
        raise UsageError("label-studio-sdk is not installed", hint="`make .venv/annotate` installs it") from None
    try:
        away = httpx.URL(url).host not in LOOPBACK  # what a proxy of the environment is for
        http = httpx.Client(timeout=TIMEOUT, trust_env=away, follow_redirects=False)
        wrapper = SyncClientWrapper(api_key=token, base_url=url, timeout=TIMEOUT, max_retries=0, httpx_client=http)
    except ApiError as error:
        raise _refused(url, error.status_code or 0, error.body, "token") from None
    except httpx.InvalidURL as error:
        raise UsageError(f"{URL} is {url!r}: {error}", hint="give the address of Label Studio's first page") from None
    return wrapper.httpx_client


def _decoded(content: bytes, path: str) -> Any:
    try:
        return msgspec.json.decode(content)
    except (msgspec.DecodeError, UnicodeDecodeError):
        pass
    try:  # half a UTF-16 pair, NaN
        return json.loads(content)
    except (ValueError, RecursionError):
        hint = f"{URL} is the address of Label Studio's first page"
        raise StudioError(f"the answer to {path} is not JSON", hint=hint) from None


def _refused(url: str, status: int, body: Any, path: str) -> StudioError:
    """What a refusal means; nothing that was sent is repeated in it."""
    if isinstance(body, bytes):
        try:
            body = msgspec.json.decode(body)
        except (msgspec.DecodeError, UnicodeDecodeError):
            body = None
    told = _told(body)
    if status in (401, 403):
        return StudioError(f"{url} refuses the token ({told or status})", status=status, hint=REFUSED)
    if status == 404:
        hint = "it was deleted meanwhile; run the command again"
        return StudioError(f"{url} does not have it any more: {told or path}", status=status, hint=hint)
    own = "the server's own log says more" if status >= 500 else None
    return StudioError(f"{url} answers {status} to {path}" + (f": {told}" if told else ""), status=status, hint=own)


def _told(body: Any) -> str:
    """The server's own words: `detail`, and what it says of single fields."""
    if not isinstance(body, dict):
        return ""
    parts = [str(body["detail"])] if body.get("detail") else []
    errors = body.get("validation_errors")
    if isinstance(errors, dict):
        for field, messages in errors.items():
            lines = messages if isinstance(messages, list) else [messages]
            parts += [str(line) if field == "non_field_errors" else f"{field}: {line}" for line in lines]
    return "; ".join(parts)[:1000]
