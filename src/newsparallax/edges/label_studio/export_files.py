"""The export files of a corpus, one an article: which holds which, and how they become so."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import quote

import msgspec

from ...core.errors import ExportError, UsageError
from ...core.exports import ExportFolder, split_tasks
from ...core.ids import short_hash
from ...core.index import index_tasks
from ..folder import CorpusFolder
from ..whole_file import write_whole

LONGEST = 200  # characters of a file's name


class ExportFiles:
    """The export files: which holds which article."""

    def __init__(self, folder: CorpusFolder):
        self._root = folder.annotations / "exports"
        exports = ExportFolder(self._root)
        units = index_tasks(folder.context, exports, folder.text_ids)
        self._files = {
            unit.article_id: sorted({exports.files[file] for file, _ in unit.tasks}) for unit in units if unit.tasks
        }
        self._uses = Counter(path for paths in self._files.values() for path in paths)

    def name(self, path: Path) -> str:
        """A file as messages call it."""
        return path.relative_to(self._root).as_posix()

    def holds(self, article: str) -> bool:
        """Whether there is a file of the article."""
        return article in self._files

    def of(self, article: str) -> tuple[Path, list[dict[str, Any]]]:
        """The file of an article, there or to be, and the tasks that are in it.

        Raises UsageError where the article shares a file with another, is in several files, or in one of another form.
        """
        paths = self._files.get(article) or [self._new(article)]
        if len(paths) > 1 or self._uses[paths[0]] > 1 or paths[0].suffix.lower() != ".json":
            names = ", ".join(map(self.name, paths))
            hint = "`pull --split` gives each article a file of its own first"
            raise UsageError(f"article {article} is not alone in one .json file of exports: {names}", hint=hint)
        if not paths[0].exists():
            return paths[0], []
        content = memoryview(paths[0].read_bytes())
        return paths[0], [_task(raw, self.name(paths[0])) for raw in split_tasks(content, self.name(paths[0]))]

    def _new(self, article: str) -> Path:
        path = self._root / f"{file_name(article)}.json"
        if path in self._uses:  # by another article
            path = path.with_name(f"{file_name(article)[:LONGEST]}-{short_hash(article)}.json")
        self._files[article] = [path]
        self._uses[path] += 1
        return path


def _task(raw: memoryview, name: str) -> dict[str, Any]:
    """A task of a file, with its annotations under their present name. Raises ExportError for one that is none."""
    try:
        task = msgspec.json.decode(raw)
    except (msgspec.DecodeError, UnicodeDecodeError):  # half a UTF-16 pair, NaN
        task = json.loads(bytes(raw))
    made = [*(task.get("annotations") or []), *(task.pop("completions", None) or [])] if isinstance(task, dict) else [0]
    if not all(isinstance(one, dict) for one in made):
        hint = "mend the file; `scripts/check.py` says where"
        raise ExportError("not-a-task", "holds what is no task, or no annotation", file=name, hint=hint)
    return {**task, "annotations": made}


def split_exports(folder: CorpusFolder, work: Path, say: Callable[[str], None]) -> None:
    """Give each article a file of its own in annotations/exports/.

    All are written in `work` before the first is put into its place, and only then files that held several go.
    """
    exports = folder.exports
    root = folder.annotations / "exports"
    made: dict[Path, Path] = {}
    for number, unit in enumerate(index_tasks(folder.context, exports, folder.text_ids)):
        if unit.tasks:
            parts = b",\n".join(bytes(exports.tasks(file)[position]) for file, position in unit.tasks)
            made[root / f"{file_name(unit.article_id)}.json"] = work / f"{number}.json"
            write_whole(work / f"{number}.json", b"[\n" + parts + b"\n]\n", work)
    for path, draft in made.items():
        write_whole(path, draft.read_bytes(), work)
        draft.unlink()
    for path in sorted(set(exports.files) - made.keys()):
        path.unlink()
        say(f"{path.name}: split by article")


def file_name(article: str) -> str:
    """A file's name for an article's id: what a file system may not take is written with %."""
    name = quote(article, safe=" ")
    name = name if not name.startswith(".") else f"%2E{name[1:]}"  # a file that begins with a dot is not read
    return name if len(name) <= LONGEST else f"{name[:180]}-{short_hash(article)}"
