"""Configure the client `huggingface_hub` (settings, token, time limits, redirects) and convert its exceptions.

HF_ENDPOINT gives the address of the hub (default: the public hub). HF_TOKEN gives the token. Without HF_TOKEN, the
client supplies the token: from `hf auth login`, or from the CI provider (HF_OIDC_RESOURCE). The program neither stores
nor prints a token.

The client's exceptions become one error type, whose message contains the request, the server's answer and a hint.
"""

from __future__ import annotations

import json
import os
import re
import tempfile
from collections.abc import Mapping
from contextlib import suppress
from http import HTTPStatus
from pathlib import Path
from typing import Any
from urllib.parse import urljoin, urlsplit

from .._util import TRANSIENT, Say, ServerError, again, causes, refusal, requested_wait, require, variables
from ..errors import NewsParallaxError, UsageError
from ..problems import some
from ..text import plural, strings_in

OFFLINE, DATASETS_OFFLINE, READ_LIMIT = "HF_HUB_OFFLINE", "HF_DATASETS_OFFLINE", "HF_HUB_DOWNLOAD_TIMEOUT"
PUBLIC_HOSTS = {"huggingface.co", "hf.co"}
CONNECT_SECONDS, READ_SECONDS = 10.0, 30.0
READS = {"GET", "HEAD"}
WRITE_FACTOR = 4  # for the read limit: a hub needs longer for a commit than for a look-up, and its limit is often 60 s

_REPO_PATH = re.compile(r"(?:/api)?/datasets/([^/]+/[^/]+)")

_new_names: dict[str, str] = {}  # global, because the complete process shares one client


def client() -> Any:
    """Return the module `huggingface_hub`, configured for the hub of the environment.

    Raises UsageError where `huggingface_hub` is not installed, the address is invalid, or offline mode is on.
    """
    settings = _settings()
    require("huggingface-hub")
    with variables(settings):  # both packages read these variables only during import
        import datasets  # noqa: F401
        import huggingface_hub
        import huggingface_hub.constants  # the package imports its modules lazily

    offline = {OFFLINE: huggingface_hub.is_offline_mode(), DATASETS_OFFLINE: _is_on(DATASETS_OFFLINE)}
    for name in filter(offline.get, offline):
        raise UsageError(
            f"{name} is set, which disables requests to the hub", hint=f"run the command again with {name}=0"
        )
    _limit()
    return huggingface_hub


def _settings() -> dict[str, str]:
    """Return environment variables for the import of the client and of `datasets`; the user's values have priority."""
    defaults = {OFFLINE: "0", "HF_HUB_DISABLE_PROGRESS_BARS": "1"}
    defaults["HF_UPDATE_DOWNLOAD_COUNTS"] = "0"  # inspecting a dataset does not count as a download
    address = _address(os.environ[ENDPOINT]) if os.environ.get(ENDPOINT) else None
    if address and urlsplit(address).hostname not in PUBLIC_HOSTS:
        defaults["HF_HUB_DISABLE_XET"] = "1"  # other hubs may not have Xet storage
    return {name: os.environ.get(name, value) for name, value in defaults.items()} | ({ENDPOINT: address} if address else {})  # fmt: skip  # noqa: E501


def find_token(say: Say) -> str | None:
    """Return the token from HF_TOKEN, or else from the client. Raises UsageError for a token with invalid characters.

    Raises HubError where the client cannot get a token from the hub.
    """
    from huggingface_hub import constants, get_token

    token = os.environ.get(TOKEN, "").strip()
    if not token:

        def known() -> str:
            try:
                return (get_token() or "").strip()
            except Exception as error:  # a token exchange fails with many types of exceptions
                raise failure(constants.ENDPOINT, "issue a token for this login", error, None, "") from None

        token = again(known, say)
    if token and not re.fullmatch("[!-~]+", token):  # the client's error message would print it
        raise UsageError(f"{TOKEN} contains characters that cannot be in a token (white space, line ends or others)")
    return token or None


def saved_tokens() -> list[str]:
    """Return every token that the client has saved on this machine."""
    tokens: list[str] = []
    with suppress(ImportError):  # `get_token` is not used, because it may request a new token from the hub
        from huggingface_hub import constants
        from huggingface_hub.utils import get_stored_tokens  # type: ignore[attr-defined]

        tokens += get_stored_tokens().values()
        with suppress(OSError, UnicodeDecodeError):
            tokens.append(Path(constants.HF_TOKEN_PATH).read_text(encoding="utf-8"))
    return tokens


def new_name(repo: str) -> str | None:
    """Return the name to which the hub redirected requests for `repo`; None where it did not redirect."""
    return _new_names.get(repo)


def _limit() -> None:
    """Set time limits for the client, and record redirects to other repositories.

    A request fails at once with a HubError where the answer asks to wait, or where a read request gets no answer in
    time. The caller then decides whether to repeat the request. The client alone would wait as long as the answer asks,
    and send the request six times.
    """
    import httpx2
    from huggingface_hub import set_client_factory

    seconds = float(os.environ.get(READ_LIMIT) or READ_SECONDS)

    def begin(request: Any) -> None:
        limits = {"connect": CONNECT_SECONDS, "read": seconds if request.method in READS else seconds * WRITE_FACTOR}
        limits |= {"write": seconds, "pool": seconds}
        asked = request.extensions.get("timeout") or {}  # None means no limit in the client
        limits |= {name: value for name, value in asked.items() if value is not None}
        request.extensions["timeout"] = limits

    def end(response: Any) -> None:
        if wait_of(response):
            response.read()
            raise _unanswered(response.request, httpx2.HTTPStatusError("", request=response.request, response=response))
        if response.has_redirect_location:
            old = _REPO_PATH.match(response.url.path)
            new = _REPO_PATH.match(urlsplit(urljoin(str(response.url), response.headers["Location"])).path)
            if old and new and old[1] != new[1]:
                _new_names[old[1]] = new[1]

    class Client(httpx2.Client):
        def send(self, request: Any, **options: Any) -> Any:
            try:
                return super().send(request, **options)
            except httpx2.TimeoutException as error:
                raise _unanswered(request, error) if request.method in READS else error from None

    def factory() -> Any:
        return Client(event_hooks={"request": [begin], "response": [end]}, follow_redirects=True, timeout=None)

    set_client_factory(factory)


def _unanswered(request: Any, error: Exception) -> NewsParallaxError:
    """Return the error for a request without an answer, or with an answer that asks to wait."""
    host = f"{request.url.scheme}://{request.url.netloc.decode()}"
    token = request.headers.get("Authorization", "").removeprefix("Bearer ")
    return failure(host, f"get an answer to {request.method} {request.url.path}", error, token, "")


def check_commit(endpoint: str, commit: str) -> None:
    """Raise HubError where `commit` is not a SHA-1; `huggingface_hub` accepts no other commit ids."""
    if not re.fullmatch("[0-9a-f]{40}", commit):
        message = f"the hub at {endpoint} has the commit id {commit!r}; publishing needs ids of 40 hexadecimal digits"
        raise HubError(message, hint="huggingface_hub does not support longer ids (Git with SHA-256)")


def _is_on(name: str) -> bool:
    return os.environ.get(name, "").upper() in {"1", "ON", "YES", "TRUE"}


def _address(endpoint: str) -> str:
    """Return the address without trailing slashes, after which `huggingface_hub` parses paths wrongly.

    Raises UsageError for an invalid address.
    """
    address = endpoint.strip().rstrip("/")
    try:
        parts = urlsplit(address)
        if parts.scheme in ("http", "https") and parts.hostname and parts.port != 0:
            return address
    except ValueError:
        pass
    raise UsageError(f"{ENDPOINT} is {endpoint!r}, expected an address such as https://hub.example.org")


TOKEN, ENDPOINT = "HF_TOKEN", "HF_ENDPOINT"
OLD_TOKEN, PUBLISHER = "HUGGING_FACE_HUB_TOKEN", "HF_OIDC_RESOURCE"
MAX_WORDS_SHOWN = 4000  # characters of a server's answer that are shown
NO_ROUTE = (404, 405, 501)  # status codes for requests that a hub does not support

_NO_ANSWERS = (json.JSONDecodeError, KeyError, TypeError, AttributeError)  # raised by the client for unexpected answers
_OBJECT = re.compile(r"Encountered error for file with OID (\w+): `")  # as the client reports large files
_XET = re.compile(r"xet|\bCAS\b", re.IGNORECASE)
_NO_WORDS = re.compile(r"<(script|style)\b.*?</\1>|<[^>]*>", re.DOTALL | re.IGNORECASE)


class HubError(ServerError):
    """The hub did not fulfil a request."""


class MovedError(HubError):
    """Another client has changed the repository since it was read; a new attempt can succeed."""

    def __init__(self, message: str, *, hint: str = "publish again", status: int | None = None):
        super().__init__(message, hint=hint, status=status, transient=True)


def failure(endpoint: str, what: str, error: BaseException, token: str | None, repo: str) -> NewsParallaxError:
    """Convert `error`, raised while the hub at `endpoint` was asked to do `what` with the repository `repo`."""
    for cause in causes(error):
        if isinstance(cause, NewsParallaxError):
            return cause
    if full := refusal(error):
        return no_room(what, full)
    response = next(filter(None, (getattr(cause, "response", None) for cause in causes(error))), None)
    status = None if response is None else int(response.status_code)
    words = _client_words(error) if response is None else _server_words(response)
    words = words.replace(token, "***") if token else words
    if status is None and isinstance(error, _NO_ANSWERS):
        message = f"cannot {what}: the server at {endpoint} does not answer as a hub does"
        hint = f"check the address in {ENDPOINT}, and whether a login page answers instead of the hub"
        return HubError(f"{message} ({type(error).__name__}: {words})", hint=hint)
    message = f"cannot {what} (hub {endpoint}): {words}"
    if status in (409, 412):
        return MovedError(message, status=status)
    transient = is_passing(error)
    advice = "try again later" if transient else _hint(endpoint, error, status, token, repo)
    wait = None if response is None else wait_of(response)
    brief = f"{urlsplit(endpoint).netloc} {f'answers {_status(status)}' if status else 'does not answer'}"
    return HubError(message, hint=advice, status=status, transient=transient, wait=wait, brief=brief)


def is_passing(error: BaseException) -> bool:
    """Return whether the error is transient: the network failed, or the hub's answer has a transient status."""
    from httpx2 import TransportError, UnsupportedProtocol

    for cause in causes(error):
        if isinstance(cause, ServerError):
            return cause.transient
        if (response := getattr(cause, "response", None)) is not None:
            return response.status_code in TRANSIENT
        if isinstance(cause, TransportError | ConnectionError | TimeoutError):
            return not isinstance(cause, UnsupportedProtocol)
    return False


def wait_of(response: Any) -> float | None:
    """Return the seconds that an answer asks to wait, in either of two headers; None where it does not ask."""
    from huggingface_hub.utils import parse_ratelimit_headers  # type: ignore[attr-defined]

    if response.status_code not in TRANSIENT:
        return None
    limit = parse_ratelimit_headers(response.headers)
    seconds = requested_wait(response.headers)
    if seconds is None and response.status_code == 429 and limit and limit.remaining == 0:
        return float(limit.reset_in_seconds)
    return seconds


def no_room(what: str, words: str) -> NewsParallaxError:
    """Return the error for a local disk without space for the files from the hub."""
    from huggingface_hub.constants import HF_HUB_CACHE

    hint = f"make room in {tempfile.gettempdir()} and {HF_HUB_CACHE} (or set TMPDIR and HF_HOME to other folders)"
    return NewsParallaxError(f"could not {what}: {words}", hint=f"{hint}, and run the command again")


def token_source(token: str | None) -> str:
    """Describe in words where the token comes from."""
    if not token:
        return "no token"
    for name in (TOKEN, OLD_TOKEN):
        if token == os.environ.get(name, "").strip():
            return f"the token in {name}"
    return f"the token for {PUBLISHER}" if os.environ.get(PUBLISHER) else "the token that `hf auth login` saved"


def large_files_refused(error: ValueError, names: Mapping[str, str]) -> ValueError:
    """Return the error with each message of the server once, and its files; `names` maps SHA-256 to file name."""
    head, *parts = _OBJECT.split(str(error))
    said: dict[str, list[str]] = {}
    for digest, words in zip(parts[::2], parts[1::2], strict=True):
        said.setdefault(_on_a_line(words), []).append(names.get(digest, digest))
    reasons = (f"{words} ({plural(len(files), 'file')}: {some(files, 3)})" for words, files in said.items())
    return ValueError(f"{head.strip()} {'; '.join(reasons)}") if said else error


def _hint(endpoint: str, error: BaseException, status: int | None, token: str | None, repo: str) -> str | None:
    from huggingface_hub.errors import GatedRepoError, RevisionNotFoundError

    if any(isinstance(cause, GatedRepoError) for cause in causes(error)):
        return f"{repo} is gated: request access at {endpoint}/datasets/{repo} with the account of your token"
    if status in (401, 403):
        return f"{token_source(token)} does not permit this: set {TOKEN} to another one, or run `hf auth login`"
    if any(isinstance(cause, RevisionNotFoundError) for cause in causes(error)):
        return f"{repo} exists, but not this revision: name one of its tags, branches or commits"
    if status == 404:
        seen = (
            f"{token_source(token)} may read the repository"
            if token
            else "the repository is public (no token was used)"
        )
        return f"check the name (and {ENDPOINT}, if it is set), and whether {seen}"
    if any(_XET.search(f"{type(cause).__name__} {cause}") for cause in causes(error)):
        return "set HF_HUB_DISABLE_XET=1 to transfer large files without Xet"
    return None


def _client_words(error: BaseException) -> str:
    """Return the client's message about a failure without an answer, and the message of the root cause.

    If the network failed, only the message of that failure is returned, without what the client guesses about it.
    """
    from httpx2 import TransportError

    for cause in causes(error):
        if isinstance(cause, TransportError | ConnectionError | TimeoutError):
            return _on_a_line(str(cause)) or type(cause).__name__
    words = _on_a_line(str(error)) or type(error).__name__
    root = _on_a_line(str(list(causes(error))[-1]))
    return words if root in words else f"{words}: {root}"


def _server_words(response: Any) -> str:
    """Return the status and all text of an answer: from its header, its JSON at any depth, its text or HTML page."""
    words = [response.headers.get("X-Error-Message") or ""]
    try:
        text = response.text
    except Exception:  # the body was not read, or is incomplete
        text = ""
    try:
        words += strings_in(json.loads(text))
    except (ValueError, RecursionError):
        words.append(_NO_WORDS.sub(" ", text))
    kept: list[str] = []
    for part in filter(None, map(_on_a_line, words)):
        if not any(part in known for known in kept):
            kept = [known for known in kept if known not in part] + [part]
    return ": ".join(filter(None, [_status(int(response.status_code)), "; ".join(kept)]))


def _status(status: int) -> str:
    """Return an HTTP status with its name, if it has one."""
    name = HTTPStatus(status).phrase if status in HTTPStatus._value2member_map_ else ""
    return f"{status} {name}".strip()


def _on_a_line(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= MAX_WORDS_SHOWN else f"{line[:MAX_WORDS_SHOWN]}..."
