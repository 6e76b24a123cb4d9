"""Identifiers, splits and digests: all from hashes, so that they depend on nothing but content."""

from __future__ import annotations

import hashlib
import json
from itertools import accumulate
from typing import Any

import msgspec

_CANONICAL = msgspec.json.Encoder(order="deterministic")
DIGEST_MODULUS = 1 << 256


def text_digest(text: str) -> str:
    """SHA-256 of the text as UTF-8, hexadecimal."""
    return hashlib.sha256(text.encode()).hexdigest()


def short_hash(*parts: Any) -> str:
    """16 hexadecimal digits from the parts' canonical JSON."""
    return hashlib.sha256(_CANONICAL.encode(parts)).hexdigest()[:16]


def span_id(article_id: str, layer: str, region_id: str) -> str:
    """Id of a span, from the article's and the region's own id: correcting the span keeps it."""
    return "s-" + short_hash(article_id, layer, region_id)


def content_span_id(article_id: str, layer: str, start: int, end: int, labels: tuple[str, ...], ordinal: int) -> str:
    """Id of a span whose region has none: from its content; `ordinal` tells apart those of the same content."""
    return "c-" + short_hash(article_id, layer, start, end, labels, ordinal)


def spelling_free(content: bytes | memoryview) -> bytes:
    """A JSON value without how it is spelled (spaces, order of keys, escapes), for digests and orders of inputs."""
    try:
        return msgspec.json.encode(msgspec.json.decode(content), order="sorted")
    except (msgspec.MsgspecError, UnicodeError, OverflowError, RecursionError):
        pass
    try:  # what msgspec refuses: NaN, half a UTF-16 pair, numbers beyond 64 bits
        return json.dumps(json.loads(bytes(content)), sort_keys=True).encode()
    except (ValueError, RecursionError):
        return bytes(content)


def split_of(event_id: str, policy: dict[str, int]) -> str:
    """The split of an event: shares of `policy` (split -> weight) by the event's hash, so no event is divided."""
    total = sum(policy.values())
    position = int.from_bytes(hashlib.sha256(event_id.encode()).digest()[:8]) * total >> 64
    ends = accumulate(policy.values())
    return next(split for split, end in zip(policy, ends, strict=True) if position < end)


def natural_order(name: str) -> tuple[int, int, str]:
    """A key that puts numbers in their order, before words."""
    number = name.isascii() and name.isdigit() and len(name) < 20
    return (0, int(name), "") if number else (1, 0, name)
