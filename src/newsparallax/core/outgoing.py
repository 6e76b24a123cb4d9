"""Articles -> tasks for Label Studio, and annotations that are there -> predictions."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

import msgspec

from .article import RawTask
from .context import Context
from .decode import decode_task
from .exchange import MARK, Sent
from .ids import natural_order, text_digest
from .raw import RawRecord


class Outgoing(NamedTuple):
    """A task to be sent: the article, what the page shows of it, and what the task says of itself."""

    article_id: str
    data: dict[str, Any]
    mark: Sent

    def task(self) -> dict[str, Any]:
        """The task as it is imported."""
        return {"data": self.data, "meta": {MARK: msgspec.to_builtins(self.mark)}}


def outgoing_task(context: Context, article_id: str, text: str | None, tasks: list[RawTask]) -> Outgoing | None:
    """The task of an article: with the data that the corpus's own task has, if it shows the same text.

    `text` is the seed's; None for articles that come from tasks. None where there is nothing to show.
    """
    main = context.codebook.texts[context.codebook.main_text] if context.codebook.main_text else None
    own = sorted((decode_task(raw.content) for raw in tasks), key=lambda task: natural_order(task.id or ""))
    shown = [task for task in own if task.data and (text is None or (main and task.data.get(main.field) == text))]
    if shown:
        data, identity = shown[0].data, shown[0].id
    elif text is not None and main:
        data, identity = {"article_id": article_id, main.field: text}, own[0].id if own else None
    else:
        return None
    number = int(identity) if identity is not None and identity.isascii() and identity.isdigit() else identity
    digest = data_digest(data)
    return Outgoing(article_id, data, Sent(article_id, digest, number))


def data_digest(data: dict[str, Any]) -> str:
    """SHA-256 of a task's data, however they are spelled."""
    return text_digest(msgspec.json.encode(data, order="sorted").decode())


def as_predictions(context: Context, tasks: list[RawTask]) -> Iterator[tuple[str, list[dict[str, Any]]]]:
    """What annotators made of an article, as (where it comes from, items): the starred annotation, else every one."""
    found = []
    for raw in tasks:
        record = RawRecord(raw.content)
        for made in decode_task(raw.content).annotations:
            if not made.cancelled and made.items:
                found.append((made, record))
    starred = [entry for entry in found if entry[0].ground_truth]
    for made, record in starred or found:
        items = [
            {**item, "origin": "prediction"} if item.get("type") != "relation" else item
            for item in record.items(made.place)
            if isinstance(item, dict)
        ]
        who = context.annotator(made.completed_by)
        yield f"annotation of {who.name} ({who.kind})", items
