"""What runs here changes no environment variable, and asks no hub but where it is told to."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import types

import pytest

from helpers import span, task, write_corpus

WATCHED = """
import json, os, sys
before, asked = dict(os.environ), []
sys.addaudithook(lambda event, args: asked.append(event) if event in ("socket.connect", "socket.getaddrinfo") else None)
from pathlib import Path
from newsparallax.building import build
from newsparallax.corpus import open_corpus
build(open_corpus(Path(sys.argv[1])), Path(sys.argv[2]))
import huggingface_hub
print(json.dumps([asked, dict(os.environ) == before, huggingface_hub.is_offline_mode()]))
"""


CLIENT = """
import json, os
before = dict(os.environ)
from newsparallax.dataset import Hub
hub = Hub.from_environment(needs_token=False)
import datasets, huggingface_hub
settings = huggingface_hub.constants
seen = [settings.HF_HUB_DISABLE_XET, settings.HF_HUB_DISABLE_PROGRESS_BARS, huggingface_hub.is_offline_mode()]
addresses = [hub.endpoint, datasets.config.HF_ENDPOINT]
print(json.dumps([dict(os.environ) == before, seen, addresses, datasets.config.HF_UPDATE_DOWNLOAD_COUNTS]))
"""


@pytest.mark.slow
def test_a_hub_is_asked_with_its_settings_and_the_environment_stays_as_it_was():
    clean = {name: value for name, value in os.environ.items() if not name.startswith(("HF_", "TRANSFORMERS_"))}
    env = clean | {"HF_ENDPOINT": " http://127.0.0.1:9/ ", "TRANSFORMERS_OFFLINE": "1"}
    done = subprocess.run([sys.executable, "-c", CLIENT], capture_output=True, text=True, check=True, env=env)
    assert json.loads(done.stdout) == [True, [True, True, False], ["http://127.0.0.1:9"] * 2, False]
    done = subprocess.run([sys.executable, "-c", CLIENT], capture_output=True, text=True, check=True, env=clean)
    assert json.loads(done.stdout) == [True, [False, True, False], ["https://huggingface.co"] * 2, False]


def test_ray_starts_without_statistics_and_the_environment_stays_as_it_was(monkeypatch):
    executors = pytest.importorskip("newsparallax.scale.executors")
    given = []
    ray = types.SimpleNamespace(is_initialized=bool, shutdown=bool)
    ray.init = lambda **_: given.append(os.environ.get("RAY_USAGE_STATS_ENABLED"))
    monkeypatch.setitem(sys.modules, "ray", ray)
    for own, passed in ((None, "0"), ("1", "1")):
        monkeypatch.delenv("RAY_USAGE_STATS_ENABLED", raising=False)
        if own:
            monkeypatch.setenv("RAY_USAGE_STATS_ENABLED", own)
        with executors.ray_cluster(1):
            assert os.environ.get("RAY_USAGE_STATS_ENABLED") == own
        assert given.pop() == passed


def test_a_build_asks_nobody_and_leaves_the_hub_client_online(tmp_path):
    corpus = write_corpus(tmp_path / "corpus", {"exports": {"a.json": [task("Ann met Bob.", [span(0, 3, "Ann")])]}})
    env = {name: value for name, value in os.environ.items() if not name.endswith("_OFFLINE")}
    command = [sys.executable, "-c", WATCHED, str(corpus), str(tmp_path / "out")]
    done = subprocess.run(command, capture_output=True, text=True, check=True, env=env)
    assert json.loads(done.stdout) == [[], True, False]
