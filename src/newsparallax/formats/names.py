"""Names that a format can hold: of files, and of labels of several layers."""

from __future__ import annotations

import re
from collections import Counter


class FileNames:
    """Names of files for the ids of documents, each different, also where upper case does not count."""

    def __init__(self) -> None:
        self._taken: set[str] = set()

    def of(self, document: str, losses: Counter[str]) -> str:
        """Return the name for a document, without suffix."""
        plain = re.sub(r"[^\w.-]", "_", document).lstrip(".")[:120] or "document"
        name, number = plain, 1
        while name.casefold() in self._taken:
            number += 1
            name = f"{plain}-{number}"
        self._taken.add(name.casefold())
        losses["id of a document, changed for the name of its file"] += name != document
        return name


class LabelNames:
    """Labels in one list for all layers: a label gets the name of its layer before it where another layer has it too.

    `refused` is a regular expression for characters that the format does not allow; each becomes "_".
    """

    def __init__(self, refused: str, losses: Counter[str]) -> None:
        self._refused = re.compile(refused)
        self._losses = losses
        self._known: dict[tuple[str, str], str] = {}
        self._first: str | None = None

    def of(self, layer: str, label: str) -> str:
        """Return the name of a label of a layer."""
        key = layer, label
        self._first = self._first or layer
        self._losses["layer of a span, merged with another"] += layer != self._first
        if key not in self._known:
            name = self._refused.sub("_", label) or "_"
            if name in self._known.values():
                name = self._refused.sub("_", f"{layer}-{label}")
            while name in self._known.values():
                name += "_"
            self._known[key] = name
        self._losses["name of a label, changed"] += self._known[key] != label
        return self._known[key]

    def plain(self, name: str) -> str:
        """Return a name of an attribute or relation."""
        changed = self._refused.sub("_", name) or "_"
        self._losses["name of an attribute or relation, changed"] += changed != name
        return changed
