"""Makes a corpus's release ready, then publishes it in a process of its own for each repository named on stdin.

Answers are lines of JSON: "ready" with the files of the release, the number of each process, and how it ended.
"""

from __future__ import annotations

import json
import os
import sys
import tempfile
from pathlib import Path

import datasets  # noqa: F401 - so that no process imports it again

from newsparallax.core.errors import NewsParallaxError
from newsparallax.edges.build import build
from newsparallax.edges.folder import open_corpus
from newsparallax.edges.release.hub import Hub
from newsparallax.edges.release.prepare import Release
from newsparallax.edges.release.publish import send


def main() -> None:
    os.environ["HF_HUB_OFFLINE"] = "0"
    folder = open_corpus(Path(sys.argv[1]))
    release = Release(folder, build(folder), "auto")
    release.finish()
    release.check(None)
    say({"ready": sorted(release.files()), "place": str(release.place)})
    for line in sys.stdin:
        with tempfile.TemporaryFile("w+") as said:
            child = os.fork()
            if child == 0:
                os._exit(published(release, line.strip(), said))
            say(child)
            status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
            said.seek(0)
            say({"status": status, "said": said.read()})


def published(release: Release, repo: str, said: object) -> int:
    try:
        outcome = send(
            Hub.from_environment(needs_token=True), repo, release, lambda line: print(line, file=said, flush=True)
        )
        print(f"commit {outcome.commit} was_there {outcome.was_there}", file=said, flush=True)
        return 0
    except NewsParallaxError as error:
        print(f"{type(error).__name__}: {error}", file=said, flush=True)
        return 2


def say(value: object) -> None:
    sys.stdout.write(json.dumps(value) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
