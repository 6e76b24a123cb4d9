"""Makes a corpus's release ready, then publishes it in a process of its own for each repository named on stdin.

Answers are lines of JSON: "ready" with the files of the release, the number of each process, and how it ended.
With --without-loading, the rows of what was published are not loaded back, which takes most of the time.
"""

from __future__ import annotations

import json
import os
import sys
import tempfile
from pathlib import Path

import datasets  # noqa: F401 - so that no process imports it again

from newsparallax.building import build
from newsparallax.corpus import open_corpus
from newsparallax.dataset import Hub
from newsparallax.errors import NewsParallaxError
from newsparallax.release import Release, publishing


def main() -> None:
    os.environ["HF_HUB_OFFLINE"] = "0"
    folder = open_corpus(Path(sys.argv[1]))
    built = build(folder)
    release = Release(folder, built, "auto")
    if "--without-loading" in sys.argv:
        publishing.loaded_digest = lambda *_: built.manifest.content_digest
    release.finish()
    release.check(None)
    say({"ready": sorted(release.files()), "place": str(release.place)})
    for line in sys.stdin:
        with tempfile.TemporaryFile("w+") as said:
            child = os.fork()
            if child == 0:
                os._exit(published(release, *line.split(), said=said))
            say(child)
            status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
            said.seek(0)
            say({"status": status, "said": said.read()})


def published(release: Release, repo: str, *options: str, said: object) -> int:
    def tell(line: str) -> None:
        print(line, file=said, flush=True)

    private = True if "--private" in options else False if "--public" in options else None
    try:
        hub = Hub.from_environment(needs_token=True, say=tell)
        if "--dry-run" in options:
            outcome = publishing.would_send(hub, repo, release, hub.look(repo), private=private)
        else:
            outcome = publishing.send(hub, repo, release, tell, private=private)
        tell(f"commit {outcome.commit} was_there {outcome.was_there} visibility {outcome.visibility}")
        return 0
    except NewsParallaxError as error:
        for finding in getattr(error, "findings", ()):
            tell(finding.message)
        tell(f"{type(error).__name__}: {error}")
        return 2


def say(value: object) -> None:
    sys.stdout.write(json.dumps(value) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
