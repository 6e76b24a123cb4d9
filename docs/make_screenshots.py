"""docs/label-studio.png and docs/label-studio-marked.png: the labelling page, in a real Label Studio and Chromium.

Run by `make screenshots`. The server is started for it, on empty data that go again.
"""

from __future__ import annotations

import os
import shutil
import socket
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

from playwright.sync_api import sync_playwright

from newsparallax.corpus import CorpusFolder, open_corpus
from newsparallax.labelling import Source, Studio, home_of, push
from newsparallax.labelling.server import HOST, VENV, start

DOCS = Path(__file__).parent
sys.path.append(str(DOCS.parent / "tests/labelling/server"))
from page import FLAGS, SIZE, open_task, sign_in  # noqa: E402  (the driver of the tests)

ARTICLE = "001_8eac77890c2c81c7"
WORDS, LABEL = "special military operation", "EUPHEMISM"


def main() -> None:
    """Start the server, push the corpus, take both pictures."""
    folder = open_corpus(None)
    browser = os.environ.get("CHROMIUM") or shutil.which("chromium") or shutil.which("google-chrome")
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        port = probe.getsockname()[1]
    with TemporaryDirectory() as home:
        server = start(home_of(Path(home)), port=port, venv=VENV, say=print)
        try:
            studio = Studio(server.account.url, server.account.token, print)
            with sync_playwright() as playwright:
                chromium = playwright.chromium.launch(executable_path=browser, args=list(FLAGS))
                page = chromium.new_page(viewport=SIZE)
                sign_in(page, server.account.url, server.account.email, server.account.password)
                text = folder.read_text(f"seeds/{folder.context.articles[ARTICLE].file}") or ""
                open_task(page, server.account.url, *pushed(folder, studio, []))
                page.screenshot(path=DOCS / "label-studio.png", animations="disabled")
                marked = open_task(page, server.account.url, *pushed(folder, studio, [Source.ANNOTATIONS]))
                marked.select_region(text.index(WORDS), text.index(WORDS) + len(WORDS), LABEL)
                page.screenshot(path=DOCS / "label-studio-marked.png", animations="disabled")
                chromium.close()
        finally:
            server.stop()


def pushed(folder: CorpusFolder, studio: Studio, sources: list[Source]) -> tuple[int, int]:
    """Push the corpus with predictions from `sources`; the ids of the project and of the article's task."""
    project = push(folder, studio, print, articles=[], sources=sources, overlap=1, force=False, progress=None).project
    tasks = studio.read("/api/tasks/", project=project, fields="all")["tasks"]
    return project, next(task["id"] for task in tasks if task["data"]["article_id"] == ARTICLE)


if __name__ == "__main__":
    main()
