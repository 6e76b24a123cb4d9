"""HTTP client for a Label Studio server: retries transient errors, and turns failures into messages with a hint.

The Label Studio SDK handles only the sign-in, with both kinds of token. Answers are decoded without the SDK's typed
models, because these turn dates and numbers into objects and drop fields that they do not know.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import msgspec

from .._util import TRANSIENT, ServerError, again, requested_wait, require
from ..errors import UsageError
from .home import home_of, saved_account

URL, TOKEN = "LABEL_STUDIO_URL", "LABEL_STUDIO_API_KEY"
READ_OFF = "1.23"  # the Label Studio version for which this package was written
TIMEOUT = 300  # seconds for one answer; an import of many predictions is slow
REFUSED = (
    f"set {TOKEN} to an access token from Account & Settings; a legacy token works only if the organisation allows it"
)
LOOPBACK = ("127.0.0.1", "localhost", "::1")
PAGE = 1000  # tasks per answer, without annotations and predictions
PART = 50  # tasks per answer, with annotations or predictions: a few megabytes


class StudioError(ServerError):
    """Raised where the Label Studio server cannot be reached or refuses a request."""


class Studio:
    """A signed-in connection to a Label Studio server."""

    def __init__(self, url: str, token: str, say: Callable[[str], None]):
        self.url = url
        self._say = say
        self._http = _sign_in(url, token)
        self._check()

    def read(self, path: str, **params: Any) -> Any:
        """Return the decoded answer to a GET request. Retries if there is no answer, or after a transient error."""
        return again(lambda: self._request("GET", path, params=params), self._say)

    def write(self, method: str, path: str, content: Any = None) -> Any:
        """Return the answer to a request that is safe to repeat: PATCH, DELETE, or a POST that only queries."""
        return again(lambda: self._request(method, path, json=content), self._say)

    def once(self, method: str, path: str, content: Any = None) -> Any:
        """Return the answer to a request that creates something.

        Sends it once: callers check the server before they repeat it.
        """
        return self._request(method, path, json=content)

    def tasks(self, project: int, include: tuple[str, ...]) -> Iterator[dict[str, Any]]:
        """Yield all tasks of a project with the fields `include`, ordered by id.

        Each request continues after the last id, not with a page number. So tasks that are created or deleted in the
        meantime do not cause others to be skipped.
        """
        tasks: list[dict[str, Any]] = [{"id": 0}]
        while tasks:
            tasks = self._tasks(project, include, PAGE, "greater", tasks[-1]["id"])
            yield from tasks

    def tasks_with(self, project: int, include: tuple[str, ...], ids: Sequence[int]) -> Iterator[dict[str, Any]]:
        """Yield the tasks of a project whose id is in `ids`.

        Asks for few tasks per request, because they may be large.
        """
        for at in range(0, len(ids), PART):
            yield from self._tasks(project, include, PART, "in_list", list(ids[at : at + PART]))

    def _tasks(
        self, project: int, include: tuple[str, ...], size: int, operator: str, value: int | list[int]
    ) -> list[dict[str, Any]]:
        where = {"filter": "filter:tasks:id", "type": "Number", "operator": operator, "value": value}
        query = {"filters": {"conjunction": "and", "items": [where]}, "ordering": ["tasks:id"]}
        tasks: list[dict[str, Any]] = self.read(
            "api/tasks",
            project=project,
            fields="all",
            include=",".join({"id": 0, **dict.fromkeys(include)}),
            query=msgspec.json.encode(query).decode(),
            page_size=size,
        )["tasks"]
        return tasks

    def _check(self) -> None:
        """Check that the server is Label Studio and accepts the token."""
        try:
            problem = again(self._first, self._say)
        except StudioError as error:
            if error.status != 404:
                raise
            problem = None
        release = problem.get("release") if isinstance(problem, dict) else None
        if not isinstance(release, str):
            hint = f"set {URL} to the address of Label Studio's first page"
            raise StudioError(f"the server at {self.url} is not Label Studio", hint=hint)
        if release.split(".")[:2] != READ_OFF.split("."):
            self._say(f"{self.url} is Label Studio {release}; this program supports {READ_OFF}; check the result")
        self.read("api/current-user/whoami")

    def _first(self) -> Any:
        try:
            return self._request("GET", "api/version")
        except StudioError as error:
            error.transient &= error.status is not None  # no retry where the server does not answer at all
            raise

    def _request(self, method: str, path: str, **options: Any) -> Any:
        import httpx
        from label_studio_sdk.core.api_error import ApiError

        try:
            answer = self._http.request(path, method=method, **options)
        except ApiError as error:  # from the SDK's own request for a short-lived token
            raise _refused(self.url, error.status_code or 0, error.body, path) from None
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            hint = f"start one with `newsparallax label-studio serve`, or set {URL}"
            reason = str(error) or type(error).__name__
            message = f"the Label Studio server at {self.url} does not answer ({reason})"
            brief = f"{self.url} does not answer"
            raise StudioError(message, hint=hint, transient=True, brief=brief) from None
        if answer.is_redirect:
            target = answer.headers.get("location", "")
            raise StudioError(
                f"{self.url} redirects {path} to {target}",
                status=answer.status_code,
                hint=f"set {URL} to the new address",
            )
        if answer.status_code >= 400:
            raise _refused(self.url, answer.status_code, answer.content, path, requested_wait(answer.headers))
        return _decoded(answer.content, path) if answer.content else None


def connect(root: Path, say: Callable[[str], None]) -> Studio:
    """Sign in to the server named in the environment, or else to the local server of the corpus folder `root`.

    Raises UsageError where no server is known. Raises StudioError where the server does not answer or refuses the
    token.
    """
    url, token = os.environ.get(URL, "").strip(), os.environ.get(TOKEN, "").strip()
    if not url and not token:
        account = saved_account(home_of(root))
        if account is None:
            hint = f"start one with `newsparallax label-studio serve`, or set {URL} and {TOKEN}"
            raise UsageError("no Label Studio server is configured", hint=hint)
        url, token = account.url, account.token
    elif not url or not token:
        missing = TOKEN if url else URL
        raise UsageError(f"{missing} is not set", hint=f"set both {URL} and {TOKEN}, or neither")
    if not re.fullmatch(r"[!-~]+", token):  # the characters that a header can hold
        raise UsageError(f"{TOKEN} contains characters that cannot be in a token", hint=REFUSED)
    if not re.match(r"https?://[^/@]+(?:/|$)", url, re.IGNORECASE):  # a password in the address would be printed
        what = "expected an address that begins with http:// or https://, without user name and password"
        raise UsageError(f"{URL} is not a usable address", hint=what)
    return Studio(url.rstrip("/"), token, say)


def _sign_in(url: str, token: str) -> Any:
    """Return the SDK's HTTP client, which sends either kind of token.

    The client does not retry, because a repeated import would create duplicates. This bypasses the `LabelStudio` class,
    whose import alone takes a second.
    """
    require("label-studio-sdk")
    import httpx
    from label_studio_sdk.core.api_error import ApiError
    from label_studio_sdk.core.client_wrapper import SyncClientWrapper

    try:
        away = httpx.URL(url).host not in LOOPBACK  # use the proxy of the environment only for remote hosts
        http = httpx.Client(timeout=TIMEOUT, trust_env=away, follow_redirects=False)
        wrapper = SyncClientWrapper(api_key=token, base_url=url, timeout=TIMEOUT, max_retries=0, httpx_client=http)
    except ApiError as error:
        raise _refused(url, error.status_code or 0, error.body, "token") from None
    except httpx.InvalidURL as error:
        raise UsageError(
            f"{URL} is {url!r}: {error}", hint="set it to the address of Label Studio's first page"
        ) from None
    return wrapper.httpx_client


def _decoded(content: bytes, path: str) -> Any:
    try:
        return msgspec.json.decode(content)
    except (msgspec.DecodeError, UnicodeDecodeError):
        pass
    try:  # a lone surrogate, or NaN: json accepts them
        return json.loads(content)
    except (ValueError, RecursionError):
        hint = f"set {URL} to the address of Label Studio's first page"
        raise StudioError(f"the answer to {path} is not JSON", hint=hint, transient=True) from None


def _refused(url: str, status: int, body: Any, path: str, wait: float | None = None) -> StudioError:
    """Return the error for a refused request. Its message never repeats what was sent."""
    if isinstance(body, bytes):
        try:
            body = msgspec.json.decode(body)
        except (msgspec.DecodeError, UnicodeDecodeError):
            body = None
    reason = _reason(body)
    if status in (401, 403):
        return StudioError(f"{url} rejects the token ({reason or status})", status=status, hint=REFUSED)
    if status == 404:
        hint = "it was probably deleted; run the command again"
        return StudioError(f"{url} does not find what was requested: {reason or path}", status=status, hint=hint)
    own = "see the log of the server" if status >= 500 else None
    message = f"{url} answers {status} to {path}" + (f": {reason}" if reason else "")
    transient = status in TRANSIENT
    return StudioError(
        message, status=status, hint=own, transient=transient, wait=wait, brief=f"{url} answers {status}"
    )


def _reason(body: Any) -> str:
    """Return the server's own error text: `detail`, and the errors of single fields."""
    if not isinstance(body, dict):
        return ""
    parts = [str(body["detail"])] if body.get("detail") else []
    errors = body.get("validation_errors")
    if isinstance(errors, dict):
        for field, messages in errors.items():
            lines = messages if isinstance(messages, list) else [messages]
            parts += [str(line) if field == "non_field_errors" else f"{field}: {line}" for line in lines]
    return "; ".join(parts)[:1000]
