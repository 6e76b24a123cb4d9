"""Make a report of a finished dataset: the articles of an event side by side, names, stances, terms, annotation.

`write_report` writes HTML that needs no network: one file, or for many events an index and a page an event.
`summary` has the same tables for a terminal.
"""

from .pages import MOST_EVENTS, write_report
from .summary import summary

__all__ = ["MOST_EVENTS", "summary", "write_report"]
