"""Build a finished dataset folder from a corpus folder.

`pipeline` is the conversion that every command runs: `batch` converts a batch of articles, `workers` runs batches in
one process or in several. `run` builds, checks, generates files and measures annotator agreement. `duplicates` groups
near-duplicate articles.
"""

from .batch import ConvertedBatch
from .duplicates import EventText, event_text, near_duplicates
from .pipeline import Pipeline
from .run import Built, Measured, build, describe, generate, measure, problems_of, refuse_inputs, written_splits
from .workers import Progress, convert_batches, fewer_garbage_collections

__all__ = [
    "Built",
    "ConvertedBatch",
    "EventText",
    "Measured",
    "Pipeline",
    "Progress",
    "build",
    "convert_batches",
    "describe",
    "event_text",
    "fewer_garbage_collections",
    "generate",
    "measure",
    "near_duplicates",
    "problems_of",
    "refuse_inputs",
    "written_splits",
]
