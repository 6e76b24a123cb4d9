"""The manifest: what a build holds, from which versions, with digests."""

from __future__ import annotations

from typing import Any

from . import schema
from .context import Context
from .errors import CorpusError
from .gold import METHODS
from .ids import short_hash
from .tally import Tally

FORMAT = 1


def make_manifest(
    context: Context, tally: Tally, files: dict[str, dict[str, Any]], tools: dict[str, str]
) -> dict[str, Any]:
    """The content of manifest.json; the same for the same inputs and tools.

    `files` maps paths to {sha256, bytes, rows}; `tools` names the versions that decide about bytes.
    """
    corpus, codebook = context.corpus, context.codebook
    shapes = {name: schema.features(struct) for name, struct in schema.configs(codebook).items()}
    digest = content_digest(shapes, tally.digest)
    return {
        "manifest_version": FORMAT,
        "name": corpus.name,
        "version": corpus.version,
        "codebook_version": codebook.codebook.version,
        "content_digest": digest,
        "texts": {
            "total": tally.texts["total"],
            "reserved": tally.texts["reserved"],  # may not be passed on
            "withheld": 0,
            "full_content_digest": digest,
        },
        "human_gold": tally.gold["by_human"],
        "model_gold": tally.gold["by_model"],
        "counts": tally.as_counts(),
        "rows": {
            config: {split: count for (name, split), count in sorted(tally.rows.items()) if name == config}
            for config in shapes
        },
        "labels": {
            name: {label: tally.labels[name, label] for label in layer.labels}
            for name, layer in codebook.layers.items()
        },
        "splits": {"policy": corpus.splits, "by": "event_id"} | _near_duplicates(context),
        "annotators": {name: annotator.kind for name, annotator in context.annotators.items()},
        "tools": tools,
        "files": dict(sorted(files.items())),
    }


def _near_duplicates(context: Context) -> dict[str, Any]:
    """What was grouped so that near-duplicates share a split, if the corpus asks for that."""
    if context.corpus.near_duplicates is None:
        return {}
    groups = len(set(context.split_as.values()))
    at_least = context.corpus.near_duplicates
    return {"near_duplicates": {"at_least": at_least, "groups": groups, "events": len(context.split_as)}}


def require_adjudication(context: Context, tally: Tally) -> None:
    """Refuse a version from 1.0.0 on while any gold has no human adjudicator. Raises CorpusError."""
    version = context.corpus.version
    lacking = sum(tally.gold[method] for method in METHODS) - tally.gold["adjudicated_by_human"]
    if lacking and int(version.split(".")[0]) >= 1:
        message = f"{version} promises human adjudication, but the gold of {lacking} articles has none"
        hint = "have a human star the adjudicated annotations, or stay below 1.0.0"
        raise CorpusError(message, file="corpus.toml", place="version", hint=hint)


def content_digest(shapes: dict[str, Any], rows: int) -> str:
    """The digest of a dataset's content: the sum of its rows' digests, and the shapes of its configs."""
    return f"{rows:064x}-{short_hash(shapes)}"
