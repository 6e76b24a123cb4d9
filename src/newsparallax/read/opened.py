"""An opened dataset: its rows with the names of labels, its codebook and its registry."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

import pandas as pd

from ..corpus import ARTICLES, Codebook, Entity
from ..dataset import Manifest
from ..errors import UsageError
from .rows import Row, frame_of, read_rows


class _Holder:
    """What keeps the files of a dataset: they may go when the dataset and all its parts are gone."""


class Opened:
    """The rows of a finished dataset, or of some `events` of it."""

    def __init__(
        self,
        name: str,
        folder: Path,
        manifest: Manifest,
        codebook: Codebook,
        entities: dict[str, Entity],
        events: Collection[str] | None = None,
    ) -> None:
        self.name, self.folder, self.manifest, self.codebook = name, folder, manifest, codebook
        self.entities = entities
        self.holder = _Holder()
        self._events = events
        self._grouped: dict[str, tuple[dict[str, list[Row]], dict[str, Any]]] = {}

    def __repr__(self) -> str:
        return f"<Dataset {self.manifest.name} {self.manifest.version}: {self.name}>"

    @property
    def configs(self) -> list[str]:
        """The names of the configs, the default one first."""
        return list(self.manifest.rows)

    def rows(self, config: str, columns: Sequence[str] | None = None) -> list[Row]:
        """Return the rows of a config as dictionaries, with the names of class labels.

        Raises UsageError for a config or column that is not there, and NewsParallaxError for files that cannot be read.
        """
        return self._read(config, columns)[0]

    def frame(self, config: str) -> pd.DataFrame:
        """Return the rows of a config as a frame. Class labels are categories in the order of the codebook."""
        return frame_of(*self._read(config, None))

    def _read(self, config: str, columns: Sequence[str] | None) -> tuple[list[Row], dict[str, Any]]:
        if config not in self.configs:
            raise UsageError(f"{self.name} has no config {config!r}", hint=f"it has {', '.join(self.configs)}")
        return read_rows(self.folder, config, self._events, None if columns is None else list(columns))

    def grouped(self, config: str) -> tuple[dict[str, list[Row]], dict[str, Any]]:
        """Return the rows of a config by event, and the features; they are read once."""
        if config not in self._grouped:
            rows, features = self._read(config, None)
            groups: dict[str, list[Row]] = {}
            for row in rows:
                groups.setdefault(row.get("event_id", ""), []).append(row)
            self._grouped[config] = groups, features
        return self._grouped[config]

    @cached_property
    def events(self) -> frozenset[str]:
        """The ids of the events of the articles."""
        return frozenset(row["event_id"] for row in self.rows(ARTICLES, ["event_id"]))

    @cached_property
    def articles(self) -> dict[str, Row]:
        """The articles by their ids, in the order of the dataset, each with its spans by layer."""
        return {row["article_id"]: row for row in self.rows(ARTICLES)}

    def entity(self, id_: str) -> str:
        """Return the name of an entity to show: the first name of the registry, else its description, else its id."""
        known = self.entities.get(id_)
        return next(iter(known.names), known.description or id_) if known else id_
