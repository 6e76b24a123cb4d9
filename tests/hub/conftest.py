"""A hub of its own for each test, on free ports, with its repositories in the test's folder."""

from __future__ import annotations

from pathlib import Path
from unittest.mock import patch

import pytest
from stand_in import HubStandIn

from newsparallax.edges.build import build
from newsparallax.edges.folder import open_corpus


@pytest.fixture
def hub(tmp_path):
    """A running hub; at the end nothing must have been asked of it that no hub knows, and nothing failed in it."""
    with HubStandIn(tmp_path / "hub") as running:
        yield running
    assert running.wrong == []


@pytest.fixture(scope="session")
def built(tmp_path_factory) -> Path:
    """This corpus, built; not read back, which other tests do."""
    with patch("newsparallax.edges.build.read_back"):
        return build(open_corpus(Path(__file__).parents[2]), tmp_path_factory.mktemp("built") / "full").place
