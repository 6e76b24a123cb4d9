"""A hub of its own for each test, on free ports, with its repositories in the test's folder."""

from __future__ import annotations

import re
from pathlib import Path
from typing import NamedTuple

import pytest
from small_corpora import Publisher, write_release
from stand_in import HubStandIn

from helpers import ROOT
from newsparallax.building import build
from newsparallax.corpus import open_corpus


@pytest.fixture
def hub(tmp_path):
    """A running hub; at the end nothing must have been asked of it that no hub knows, and nothing failed in it."""
    with HubStandIn(tmp_path / "hub") as running:
        yield running
    assert running.wrong == []


@pytest.fixture(scope="session")
def built(tmp_path_factory) -> Path:
    """This corpus, built; not read back, which other tests do."""
    return build(open_corpus(ROOT), tmp_path_factory.mktemp("built") / "full", verify=False).place


class Shared(NamedTuple):
    """A hub, a publisher of the small corpus for it, and what a whole release is: file -> content."""

    hub: HubStandIn
    publisher: Publisher
    whole: dict[str, bytes]


@pytest.fixture(scope="module")
def shared(request, tmp_path_factory):
    """One for all tests of a file, which take a repository each: making a release ready takes the most time.

    What was published is loaded back unless the file says `LOADS = False`; a hub is asked again at once if it says
    `WAITS = False`.
    """
    work = tmp_path_factory.mktemp("faults")
    corpus = write_release(work / "corpus")
    with HubStandIn(work / "hub") as hub:
        options = {name.lower(): getattr(request.module, name, True) for name in ("LOADS", "WAITS")}
        publisher = Publisher(corpus, hub.environment(), **options)
        place = corpus / "build/0.1.0-release"
        files = {path.relative_to(place).as_posix(): path.read_bytes() for path in place.rglob("*") if path.is_file()}
        yield Shared(hub, publisher, files)
        publisher.close()
    assert hub.wrong == []


@pytest.fixture
def repo(request):
    """A repository of its own for each test."""
    return "org/" + re.sub("[^a-z0-9]+", "-", request.node.name)[-60:].strip("-")
