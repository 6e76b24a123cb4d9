"""What is private on this machine and in this corpus: tokens of the environment, accounts, people that exports name."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from ...core.privacy import Private
from ...core.pseudonyms import People, may_name, parse
from ..folder import CorpusFolder
from ..label_studio.home import home_of
from ..label_studio.people import FILE as PEOPLE

TOKENS = ("HF_TOKEN", "HUGGING_FACE_HUB_TOKEN", "LABEL_STUDIO_API_KEY")
SHORTEST = 8  # letters of a secret, and of a name in one word; shorter ones are words of the language too


def known_private(folder: CorpusFolder, environment: Mapping[str, str]) -> Private:
    """What must not be in anything that is published from the corpus."""
    home = home_of(folder.root)
    account = _table(home / "account.toml")
    secrets = [environment.get(name, "").strip() for name in TOKENS]
    secrets += [str(account.get(key, "")) for key in ("password", "token")]
    names = {str(name).casefold() for name in (*_table(home / PEOPLE), account.get("email", ""), *_named(folder))}
    return Private(
        secrets=sorted({secret for secret in secrets if len(secret) >= SHORTEST}),
        names=sorted(name for name in names if len(name) >= SHORTEST or " " in name.strip()),
        public=folder.context.corpus.release.public_addresses,
    )


def _named(folder: CorpusFolder) -> set[str]:
    """Everyone whom the exports give by name or address."""
    people = People()
    for file in range(len(folder.exports.files)):
        for task in folder.exports.tasks(file):
            if may_name(task):
                with suppress(ValueError, RecursionError):  # told by the build as a problem
                    people.add(parse(bytes(task)))
    return set(people.numbers())


def _table(path: Path) -> dict[str, Any]:
    """A TOML file of the server's folder; nothing where there is none, or none that can be read."""
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
