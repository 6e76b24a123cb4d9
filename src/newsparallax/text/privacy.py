"""Search for data that must not be published: e-mail addresses, access tokens, names of annotators."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator, Mapping
from typing import Any, NamedTuple

ADDRESS = re.compile(r"[\w.+-]+@[\w-]+(?:\.[\w-]+)+")


SHOWN = 3  # characters of a finding that messages may print
LONGEST = 64  # characters before the @ of an address (RFC 5321)

_LOCAL_PART = re.compile(r"[\w.+-]*\Z")


class Secret(NamedTuple):
    """A kind of access token, and the pattern of its tokens."""

    name: str
    pattern: re.Pattern[str]


# Prefixes that the providers document so that secret scanners can find the tokens.
SECRETS = (
    Secret("a Hugging Face token", re.compile(r"\bhf_[A-Za-z0-9]{20,}")),
    Secret("a GitHub token", re.compile(r"\b(?:gh[pousr]_|github_pat_)[A-Za-z0-9_]{20,}")),
    Secret("an AWS access key", re.compile(r"\b(?:AKIA|ASIA)[0-9A-Z]{16}\b")),
    Secret("a JSON Web Token", re.compile(r"\beyJ[\w-]{8,}\.eyJ[\w-]{8,}\.[\w-]*")),
    Secret("an API key", re.compile(r"\b(?:sk|xox[abprs])-[A-Za-z0-9-]{20,}")),
    Secret("a private key", re.compile(r"-----BEGIN [A-Z ]*PRIVATE KEY-----")),
)


class Private(NamedTuple):
    """Known private data: `secrets` (tokens, passwords) and `names` of people. Addresses in `public` are allowed."""

    secrets: Collection[str] = ()
    names: Collection[str] = ()
    public: Collection[str] = ()


def addresses(text: str, public: Collection[str] = ()) -> Iterator[str]:
    """Yield the e-mail addresses in a text, masked for display, except those in `public` (case-folded).

    The search starts at each @, so a text without @ costs almost no time.
    """
    at = text.find("@")
    while at >= 0:
        match = ADDRESS.match(text, at - len(_LOCAL_PART.search(text[max(0, at - LONGEST) : at])[0]))  # type: ignore[index]  # the pattern also matches an empty string
        if match and match[0].casefold() not in public:
            name, _, host = match[0].partition("@")
            yield f"{name[:1]}...@{host}"
        at = text.find("@", at + 1)


def addresses_in(data: Mapping[str, Any], public: Collection[str] = ()) -> Iterator[tuple[str, str]]:
    """Yield the e-mail addresses in the fields of a task's data, as (field, masked address)."""
    for key, value in data.items():
        for text in (value,) if isinstance(value, str) else strings_in(value):
            if "@" in text:
                yield from ((key, address) for address in addresses(text, public))


def address_messages(shown: Iterable[tuple[dict[str, Any], Any]], public: Collection[str]) -> Iterator[str]:
    """Yield one message per field with e-mail addresses; `shown` has the data and `meta` of an article's tasks."""
    fields: dict[str, dict[str, None]] = {}
    for data, meta in shown:
        for key, address in addresses_in({**data, "meta": meta} if meta else data, public):
            fields.setdefault(key, {})[address] = None
    for key, value in fields.items():
        more = f" and {len(value) - 1} more" if len(value) > 1 else ""
        yield f"the task's field {key!r} contains the e-mail address {next(iter(value))}{more}"


def strings_in(value: Any) -> Iterator[str]:
    """Yield all strings in a JSON value. The recursion is safe, because decoding limits the nesting depth."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict | list):
        for part in value.values() if isinstance(value, dict) else value:
            yield from strings_in(part)


def private_parts(text: str, known: Private) -> Iterator[tuple[str, str]]:
    """Yield the parts of a text that must not be published, as (kind, masked part)."""
    public = {address.casefold() for address in known.public}
    yield from (("an e-mail address", address) for address in addresses(text, public))
    for kind in SECRETS:
        yield from ((kind.name, _masked(part)) for part in kind.pattern.findall(text))
    for secret in known.secrets:
        if secret and secret in text:
            yield "a token or password of this machine", _masked(secret)
    folded = text.casefold() if known.names else ""
    for name in known.names:
        if name in folded and re.search(rf"(?<!\w){re.escape(name)}(?!\w)", folded):
            yield "the name of an annotator", _masked(name)


def _masked(secret: str) -> str:
    return f"{secret[:SHOWN]}..."
