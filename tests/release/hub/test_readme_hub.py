"""The commands of the pages that need a hub print what the pages show, line by line."""

from __future__ import annotations

import re

import pytest

from readme import copy_repository, fences, read, run, titled

WAITING = re.compile(r"^waiting for the hub at .*\n", re.MULTILINE)  # on a busy machine


def without_commit(output):
    """Without the name of the commit, which depends on when it was made."""
    return re.sub(r"(?<=is commit )[0-9a-f]{12}\b", "COMMIT", WAITING.sub("", output))


@pytest.mark.slow
def test_the_commands_print_what_the_pages_show(hub, tmp_path):
    """One page publishes a version, the other one puts its words back."""
    place = copy_repository(tmp_path / "news-parallax")
    run(place, "make .venv/release")
    copies = next(fence.content for fence in fences(read("docs/use.md")) if "build/copies" in fence.content)
    run(place, f"mkdir -p build\n{copies}")
    commands = [one for page in ("docs/publish.md", "docs/use.md") for one in titled(page, "With a hub")]
    assert [command.split()[1] for command, _ in commands] == ["release", "release", "rehydrate", "rehydrate"]
    printed = [(command, run(place, command, **hub.environment())) for command, _ in commands]
    assert [(c, without_commit(p)) for c, p in printed] == [(c, without_commit(s)) for c, s in commands]
    assert set(hub.tags("org/news-parallax")) == {"v0.2.0"}
