"""What of a task goes into the record of a Problem, as plain JSON values."""

from __future__ import annotations

from functools import cached_property
from typing import Any

from .json_values import PERSONAL, Repeated, flat, loads, plain, without_people


class RawRecord:
    """A task as it stands, parsed when it is first asked for."""

    def __init__(self, content: bytes | memoryview) -> None:
        self._content = content

    @cached_property
    def _task(self) -> Any:
        return loads(bytes(self._content))

    @cached_property
    def _annotations(self) -> list[Any]:
        return _all_annotations(self._task)

    def _at(self, annotation: int) -> Any:
        return self._annotations[annotation] if annotation < len(self._annotations) else None

    def items(self, annotation: int) -> list[Any]:
        """The result items of the annotation at `annotation`, flattened, as plain JSON values."""
        found = self._at(annotation)
        result = found.get("result") if isinstance(found, dict) else None
        return [plain(item) for item in (flat(result) if isinstance(result, list | None) else [result])]

    def annotation(self, annotation: int) -> Any:
        """The annotation at `annotation` without its items and without whom it names."""
        found = self._at(annotation)
        if isinstance(found, dict):
            found = {key: value for key, value in found.items() if key != "result"}
        return plain(without_people(found))

    def part(self, path: tuple[str | int, ...]) -> Any:
        """What stands at the place of a Finding, without whom it names; None if that is all it does."""
        found = self._task
        for depth, step in enumerate(path):
            if step in PERSONAL:
                return None
            if depth == 0 and step in ("annotations", "completions") and len(path) > 1:
                found = self._annotations
            elif isinstance(found, dict):
                found = found.get(str(step))
            else:
                found = found[int(step)] if isinstance(found, list) and int(step) < len(found) else None
        if isinstance(found, Repeated):
            found = Repeated([(key, value) for key, value in found.pairs if found.repeats(key)])
        return plain(without_people(found))


def _all_annotations(task: Any) -> list[Any]:
    """The annotations of a task under their new and their old name."""
    parts = (task.get("annotations"), task.get("completions")) if isinstance(task, dict) else ()
    return [found for part in parts if isinstance(part, list) for found in part]
