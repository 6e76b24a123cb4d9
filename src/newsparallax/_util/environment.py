"""Temporary environment variables, for libraries that have no other setting, and a check for optional packages."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from importlib.util import find_spec

from ..errors import UsageError


@contextmanager
def variables(given: Mapping[str, str]) -> Iterator[None]:
    """Set environment variables for the block, and restore the previous values afterwards."""
    before = {name: os.environ.get(name) for name in given}
    os.environ.update(given)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value


# Extra of pyproject.toml -> its packages -> the module of each; without those that these packages bring along.
EXTRAS = {
    "annotate": {
        "label-studio-sdk": "label_studio_sdk",
        "markdown-it-py": "markdown_it",
        "pyahocorasick": "ahocorasick",
    },
    "formats": {"conllu": "conllu", "dkpro-cassis": "cassis", "spacy": "spacy"},
    "release": {"huggingface-hub": "huggingface_hub", "merge3": "merge3", "mlcroissant": "mlcroissant"},
    "report": {"altair": "altair", "vl-convert-python": "vl_convert"},
    "scale": {"datatrove": "datatrove", "fsspec": "fsspec", "ray": "ray", "regex": "regex", "s3fs": "s3fs"},
}


def require(*names: str) -> None:
    """Raise UsageError where packages are missing, with a hint how to install them; a name is a package or an extra."""
    missing: dict[str, str] = {}  # package -> its extra
    for extra, modules in EXTRAS.items():
        for package, module in modules.items():
            if {extra, package} & {*names} and find_spec(module) is None:
                missing[package] = extra
    if missing:
        listed = " and ".join(filter(None, (", ".join([*missing][:-1]), [*missing][-1])))
        verb, them = ("is", "it") if len(missing) == 1 else ("are", "them")
        targets = " ".join(f".venv/{extra}" for extra in dict.fromkeys(missing.values()))
        raise UsageError(f"{listed} {verb} not installed", hint=f"`make {targets}` installs {them}")
