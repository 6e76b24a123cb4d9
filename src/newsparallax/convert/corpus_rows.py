"""Make the rows that belong to no article: they come from the corpus as a whole, and are made once."""

from __future__ import annotations

from collections.abc import Callable

import pyarrow as pa

from ..corpus import CorpusSpec, schema
from .span_tables import Row, table_makers


def _entity_rows(context: CorpusSpec) -> list[Row]:
    """Return the entities, sorted by id, with their names in the order of the file."""
    return [
        (
            entity_id,
            entity.type,
            entity.description or None,
            entity.qid,
            [(name, kind or None) for name, kind in entity.names.items()],
        )
        for entity_id, entity in sorted(context.entities.items())
    ]


# The configs of `corpus/schema.py` whose rows belong to no article.
MADE_ONCE: dict[str, Callable[[CorpusSpec], list[Row]]] = {schema.REGISTRY: _entity_rows}


def corpus_tables(context: CorpusSpec) -> dict[str, pa.Table]:
    """Return the table of every config of the corpus whose rows belong to no article."""
    makers = table_makers(context.codebook)
    return {name: makers[name].make(rows(context)) for name, rows in MADE_ONCE.items() if name in makers}
