"""Blocks laid over a text: whether they lie where they say, and paragraphs where nobody laid any."""

from __future__ import annotations

from collections.abc import Iterator

from .registry import Block


def blocks_of(laid: list[Block], text: str) -> list[Block]:
    """The blocks of a text in order: those that were laid, or its paragraphs if none or a bad one was."""
    if laid and not any(bad_blocks(laid, text)):
        return sorted(laid, key=lambda block: block.start)
    return list(_paragraphs(text))


def bad_blocks(blocks: list[Block], text: str) -> Iterator[str]:
    """What is wrong with each block that does not lie inside of the text, apart from the others, between its words."""
    end = 0
    for block in sorted(blocks, key=lambda block: (block.start, block.end)):
        where = f"{block.kind} {block.start}..{block.end}"
        piece = text[block.start : block.end]
        if not 0 <= block.start < block.end <= len(text):
            yield f"{where} lies outside of the text of {len(text)} code points"
        elif block.start < end:
            yield f"{where} begins before the block ahead of it ends"
        elif not (piece.startswith(block.head) and piece.endswith(block.tail)):
            yield f"{where} is {piece[:20]!r} ... {piece[-20:]!r}, expected {block.head!r} ... {block.tail!r}"
        end = max(end, block.end)


def _paragraphs(text: str) -> Iterator[Block]:
    """Runs of lines that are not blank."""
    start = at = 0
    inside = False
    for line in text.splitlines(keepends=True):
        if line.strip() and not inside:
            start, inside = at, True
        elif not line.strip() and inside:
            yield _paragraph(text, start, at)
            inside = False
        at += len(line)
    if inside:
        yield _paragraph(text, start, at)


def _paragraph(text: str, start: int, end: int) -> Block:
    piece = text[start:end]
    begin = start + len(piece) - len(piece.lstrip())
    return Block("paragraph", begin, begin + len(piece.strip()))
