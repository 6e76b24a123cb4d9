"""Exceptions that stop a run. A defect of a single item is a Problem instead (`problems.py`).

NewsParallaxError                 the root class; every script prints it as one message and exits with 2
├── UsageError                    the command was called in a way that cannot work
├── CorpusError                   a file of the corpus folder (codebook, registries, seeds) cannot be used
└── ExportError                   an export file cannot be read as Label Studio JSON
    (has a `code`, so that a run that must continue can report it as a Problem)
"""

from __future__ import annotations

from typing import Any


class NewsParallaxError(Exception):
    """Base class of the errors that stop a run.

    `file` and `place` give the location, `message` says what was found and expected, and `hint` says what to do.
    """

    def __init__(self, message: str, *, file: str | None = None, place: str | None = None, hint: str | None = None):
        self.message, self.file, self.place, self.hint = message, file, place, hint
        super().__init__(str(self))

    def __str__(self) -> str:
        where = ": ".join(part for part in (self.file, self.place) if part)
        text = f"{where}: {self.message}" if where else self.message
        return f"{text}\n  {self.hint}" if self.hint else text

    def __reduce__(self) -> tuple[Any, ...]:
        """Keep all fields when an error is pickled in a worker. By default, only the text of an exception survives."""
        return _made_again, (type(self), str(self), vars(self))


def _made_again(kind: type[NewsParallaxError], text: str, parts: dict[str, Any]) -> NewsParallaxError:
    error = kind.__new__(kind)
    error.args = (text,)
    vars(error).update(parts)
    return error


class UsageError(NewsParallaxError):
    """The command was called in a way that cannot work."""


class CorpusError(NewsParallaxError):
    """A file of the corpus folder cannot be used."""


class ExportError(NewsParallaxError):
    """An export file cannot be read; `code` is the Problem code for the same finding."""

    def __init__(
        self, code: str, message: str, *, file: str | None = None, place: str | None = None, hint: str | None = None
    ):
        self.code = code
        super().__init__(message, file=file, place=place, hint=hint)
