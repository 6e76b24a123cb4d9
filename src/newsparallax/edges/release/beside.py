"""What changed beside the rows of a dataset: its card, codebook, guidelines, problems, and how it is split."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

from ...core.changes import Change
from ...core.ids import DIGEST_MODULUS, spelling_free, text_digest
from ...core.render.markdown import parted
from ...core.schema import STANDOFF
from .card_merge import BASE
from .sources import Source

CARD, PROBLEMS, MADE = "README.md", "problems.jsonl", "croissant.json"
_LOADING = {"configs", "dataset_info", "size_categories"}  # of the front matter: how the data is loaded, how much it is
_BLOCK = re.compile(r"<!-- begin generated: (?!annotators)([\w-]+) -->.*?<!-- end generated: \1 -->", re.DOTALL)
_NOT_WITHHELD = ("code", "severity", "file", "article_id", "task_id", "annotation_id", "region_id", "waived")


def file_changes(old: Source, new: Source) -> Iterator[Change]:
    """Changes of what is not Parquet. What is made from data and codebook is not compared: these are.

    That is Croissant metadata, the generated blocks of the card and what loads the data in its front matter.
    """
    before, after = ({name for name in source.manifest["files"] if _compared(name)} for source in (old, new))
    for name in sorted(before | after):
        if name not in after:
            yield Change("file-removed", "", name)
        elif name not in before:
            yield Change("file-added", "", name)
        elif _digest(old, name) != _digest(new, name):
            yield Change("file-changed", "", name)
    versions = (old.manifest.get("codebook_version"), new.manifest.get("codebook_version"))
    if versions[0] != versions[1]:
        yield Change("codebook-version", "", "codebook_version", {"version": versions})
    policies = tuple((source.manifest.get("splits") or {}).get("policy") for source in (old, new))
    if policies[0] != policies[1]:
        yield Change("split-policy", "", "splits", {"policy": (policies[0], policies[1])})


def _compared(name: str) -> bool:
    return not name.endswith(".parquet") and name not in (MADE, BASE) and not name.startswith(f"{STANDOFF}/")


def _digest(source: Source, name: str) -> str:
    path = source.folder / name
    if name == CARD:
        return text_digest(repr(_card(path)))
    if name == PROBLEMS:
        return _problems(path)
    return str(source.manifest["files"][name]["sha256"])


def _card(path: Path) -> tuple[Any, str]:
    """What was written by hand in a card: its front matter and its prose."""
    text = path.read_text(encoding="utf-8", errors="replace")
    head, prose = parted(text)
    try:
        front: Any = yaml.load(head, getattr(yaml, "CSafeLoader", yaml.SafeLoader))
    except yaml.YAMLError:
        front, prose = None, text
    if isinstance(front, dict):
        front = {key: value for key, value in front.items() if key not in _LOADING}
    return front, _BLOCK.sub("", prose)


def _problems(path: Path) -> str:
    """The problems in any order, without what quotes articles."""
    total = 0
    with path.open("rb") as lines:
        for line in lines:
            total += int(text_digest(spelling_free(_without_words(line)).decode("utf-8", "replace")), 16)
    return f"{total % DIGEST_MODULUS:x}"


def _without_words(line: bytes) -> bytes:
    import msgspec

    try:
        found = msgspec.json.decode(line)
        return msgspec.json.encode({key: found.get(key) for key in _NOT_WITHHELD})
    except (msgspec.MsgspecError, AttributeError):
        return line
