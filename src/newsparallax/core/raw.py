"""What of a task goes into the record of a Problem, as plain JSON values."""

from __future__ import annotations

from typing import Any

from .json_values import PERSONAL, Repeated, flat, loads, plain, without_people


def raw_items(raw: bytes | memoryview, annotation: int) -> list[Any]:
    """The result items of the annotation at `annotation`, flattened, as plain JSON values for the record."""
    found = _annotation_at(raw, annotation)
    result = found.get("result") if isinstance(found, dict) else None
    return [plain(item) for item in (flat(result) if isinstance(result, list | None) else [result])]


def raw_annotation(raw: bytes | memoryview, annotation: int) -> Any:
    """The annotation at `annotation` without its items and without whom it names, as plain JSON values."""
    found = _annotation_at(raw, annotation)
    items = {"result"} if isinstance(found, dict) else set()
    return plain(without_people({k: v for k, v in found.items() if k not in items} if items else found))


def raw_part(task: Any, path: tuple[str | int, ...]) -> Any:
    """What stands at the place of a Finding in a parsed task, without whom it names; None if that is all it does."""
    found = task
    for depth, step in enumerate(path):
        if step in PERSONAL:
            return None
        if depth == 0 and step in ("annotations", "completions") and len(path) > 1:
            found = _all_annotations(found)
        elif isinstance(found, dict):
            found = found.get(str(step))
        else:
            found = found[int(step)] if isinstance(found, list) and int(step) < len(found) else None
    if isinstance(found, Repeated):
        found = Repeated([(key, value) for key, value in found.pairs if found.repeats(key)])
    return plain(without_people(found))


def _annotation_at(raw: bytes | memoryview, annotation: int) -> Any:
    found = _all_annotations(loads(bytes(raw)))
    return found[annotation] if annotation < len(found) else None


def _all_annotations(task: Any) -> list[Any]:
    """The annotations of a task under their new and their old name."""
    parts = (task.get("annotations"), task.get("completions")) if isinstance(task, dict) else ()
    return [found for part in parts if isinstance(part, list) for found in part]
