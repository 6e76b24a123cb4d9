"""A real Label Studio server, one for all tests of this folder, and a real browser."""

from __future__ import annotations

import os
import shutil
import socket
from pathlib import Path

import pytest

from newsparallax.labelling import home_of
from newsparallax.labelling.server import HOST, VENV, start


def pytest_collection_modifyitems(items):
    for item in items:
        if item.path.is_relative_to(Path(__file__).parent):
            item.add_marker("server")


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        return probe.getsockname()[1]


@pytest.fixture(scope="session")
def server(tmp_path_factory):
    """A running server on empty data; what a test makes in it is there for the next ones too."""
    home = home_of(tmp_path_factory.mktemp("label-studio"))
    running = start(home, port=free_port(), venv=VENV, say=print)
    yield running
    running.stop()


@pytest.fixture(scope="session")
def chromium() -> str:
    """The path of the browser: of the environment's CHROMIUM, else the first one found."""
    names = [os.environ["CHROMIUM"]] if "CHROMIUM" in os.environ else ["chromium", "chromium-browser", "google-chrome"]
    found = next(filter(None, map(shutil.which, names)), None)
    if found is None:
        pytest.skip(f"no browser found: {', '.join(names)}; CHROMIUM names one")
    return found
