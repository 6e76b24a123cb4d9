"""What must not be published: e-mail addresses, access tokens, names of annotators."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator
from typing import NamedTuple

from .pseudonyms import ADDRESS

SHOWN = 3  # letters of a finding that may be printed


class Secret(NamedTuple):
    """A kind of access token, and what tokens of that kind look like."""

    name: str
    pattern: re.Pattern[str]


# Prefixes that their makers document, so that secret scanners can find them.
SECRETS = (
    Secret("a Hugging Face token", re.compile(r"\bhf_[A-Za-z0-9]{20,}")),
    Secret("a GitHub token", re.compile(r"\b(?:gh[pousr]_|github_pat_)[A-Za-z0-9_]{20,}")),
    Secret("an AWS access key", re.compile(r"\b(?:AKIA|ASIA)[0-9A-Z]{16}\b")),
    Secret("a JSON Web Token", re.compile(r"\beyJ[\w-]{8,}\.eyJ[\w-]{8,}\.[\w-]*")),
    Secret("an API key", re.compile(r"\b(?:sk|xox[abprs])-[A-Za-z0-9-]{20,}")),
    Secret("a private key", re.compile(r"-----BEGIN [A-Z ]*PRIVATE KEY-----")),
)


class Private(NamedTuple):
    """What is known to be private here: `secrets` (tokens, passwords) and `names` of people; `public` is excepted."""

    secrets: Collection[str] = ()
    names: Collection[str] = ()
    public: Collection[str] = ()


def private_parts(text: str, known: Private) -> Iterator[tuple[str, str]]:
    """What of a text must not be published, as (what it is, how it may be shown)."""
    public = {address.casefold() for address in known.public}
    if "@" in text:
        for found in ADDRESS.findall(text):
            if found.casefold() not in public:
                name, _, host = found.partition("@")
                yield "an e-mail address", f"{name[:1]}...@{host}"
    for kind in SECRETS:
        yield from ((kind.name, _masked(found)) for found in kind.pattern.findall(text))
    for secret in known.secrets:
        if secret and secret in text:
            yield "a token or password of this machine", _masked(secret)
    folded = text.casefold() if known.names else ""
    for name in known.names:
        if name in folded and re.search(rf"(?<!\w){re.escape(name)}(?!\w)", folded):
            yield "the name of an annotator", _masked(name)


def _masked(secret: str) -> str:
    return f"{secret[:SHOWN]}..."
