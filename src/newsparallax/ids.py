"""Identifiers and digests. All are hashes, so they depend on the content only."""

from __future__ import annotations

import hashlib
import json
from typing import Any

import msgspec

_CANONICAL = msgspec.json.Encoder(order="deterministic")
DIGEST_MODULUS = 1 << 256


def text_digest(text: str) -> str:
    """Return the SHA-256 digest of the UTF-8 encoded text, in hexadecimal."""
    return hashlib.sha256(text.encode()).hexdigest()


def hash_number(content: bytes) -> int:
    """Return the first 64 bits of the SHA-256 digest, as a number."""
    return int.from_bytes(hashlib.sha256(content).digest()[:8])


def short_hash(*parts: Any) -> str:
    """Return the first 16 hexadecimal digits of the SHA-256 digest of the parts' canonical JSON."""
    return hashlib.sha256(_CANONICAL.encode(parts)).hexdigest()[:16]


def text_id(article_id: str, name: str) -> str:
    """Return the id of a secondary text of an article. The first text has the id of the article."""
    return f"{article_id}.{name}"


def span_id(article_id: str, layer: str, region_id: str) -> str:
    """Return the id of a span, a hash of the article, layer and region ids. A corrected span keeps its id."""
    return "s-" + short_hash(article_id, layer, region_id)


def content_span_id(article_id: str, layer: str, start: int, end: int, labels: tuple[str, ...], ordinal: int) -> str:
    """Return the id of a span whose region has no id, a hash of its content.

    `start` and `end` are the offsets of the span; `ordinal` distinguishes spans with the same content.
    """
    return "c-" + short_hash(article_id, layer, start, end, labels, ordinal)


def canonical_json(content: bytes | memoryview) -> bytes:
    """Return a JSON value in a normal form (spaces, order of keys, escapes), for digests and for ordering inputs.

    Content that is not JSON is returned unchanged.
    """
    try:
        return msgspec.json.encode(msgspec.json.decode(content), order="sorted")
    except (msgspec.MsgspecError, UnicodeError, OverflowError, RecursionError):
        pass
    try:  # msgspec rejects NaN, lone surrogates (half a UTF-16 pair) and numbers beyond 64 bits
        return json.dumps(json.loads(bytes(content)), sort_keys=True).encode()
    except (ValueError, RecursionError):
        return bytes(content)


def natural_order(name: str) -> tuple[int, int, str]:
    """Return a sort key that puts numbers in numeric order, before words."""
    number = name.isascii() and name.isdigit() and len(name) < 20
    return (0, int(name), "") if number else (1, 0, name)
