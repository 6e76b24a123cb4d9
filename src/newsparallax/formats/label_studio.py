"""An import file for Label Studio, with annotations or predictions; this format is only written."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from .document import Document, Mark, Markup
from .tasks import task_of


def write(documents: Iterable[Document], folder: Path, *, predictions: bool) -> None:
    """Write `tasks.json`. Controls have the names of a generated labelling configuration."""
    with (folder / "tasks.json").open("w", encoding="utf-8", newline="\n") as sink:
        sink.write("[")
        for number, document in enumerate(documents):
            sink.write(",\n" if number else "\n")
            sink.write(json.dumps(_task(number + 1, document, predictions=predictions), ensure_ascii=False))
        sink.write("\n]\n")


def _task(number: int, document: Document, *, predictions: bool) -> dict[str, Any]:
    """Return a task without the numbers of annotators, which another server does not know."""
    markups = [
        Markup(None, [_named(mark) for mark in markup.marks], markup.links, markup.values)
        for markup in document.markups
    ]
    task = task_of(Document(document.id, document.text, markups, document.data)) | {"id": number}
    if predictions:
        made = task.pop("annotations")
        task["predictions"] = [{"model_version": "newsparallax", "result": one["result"]} for one in made]
    return task


def _named(mark: Mark) -> Mark:
    own = {f"{mark.layer}_{key}": given for key, given in mark.attributes.items()}
    return Mark(mark.id, mark.layer, mark.labels, mark.start, mark.end, mark.quote, own)
