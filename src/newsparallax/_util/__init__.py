"""General helpers that do not depend on the corpus.

`files` has atomic writes, digests and locks, `retry` repeats requests, `markdown` makes tables, `json_words` describes
wrong JSON, `environment` sets environment variables and checks for optional packages, and `processes` starts worker
processes.
"""

from .environment import require, variables
from .files import alone, causes, file_digest, hold, hold_for_child, is_inside, refusal, replacing, write_whole
from .json_words import in_words, parser_words
from .markdown import parsed_yaml, parted, table
from .processes import WorkerPool, ignore_interrupts, interrupts_deferred, make_interrupts_safe, usable_processors
from .retry import ATTEMPTS, TRANSIENT, Say, ServerError, again, requested_wait, to_stderr, waiting

__all__ = [
    "ATTEMPTS",
    "TRANSIENT",
    "Say",
    "ServerError",
    "WorkerPool",
    "again",
    "alone",
    "causes",
    "file_digest",
    "hold",
    "hold_for_child",
    "ignore_interrupts",
    "in_words",
    "interrupts_deferred",
    "is_inside",
    "make_interrupts_safe",
    "parsed_yaml",
    "parser_words",
    "parted",
    "refusal",
    "replacing",
    "requested_wait",
    "require",
    "table",
    "to_stderr",
    "usable_processors",
    "variables",
    "waiting",
    "write_whole",
]
