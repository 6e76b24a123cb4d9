"""Pictures in docs/: the labelling page in a real Label Studio, and the page of `report`, both in Chromium.

Run by `make screenshots`. The server is started for it, on empty data that are deleted afterwards.
"""

from __future__ import annotations

import os
import shutil
import socket
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

from playwright.sync_api import Browser, sync_playwright

from newsparallax import open_dataset
from newsparallax.building import build
from newsparallax.corpus import CorpusFolder, open_corpus
from newsparallax.labelling import Source, Studio, home_of, push
from newsparallax.labelling.server import HOST, VENV, start
from newsparallax.report import write_report

DOCS = Path(__file__).parent
sys.path.append(str(DOCS.parent / "tests/labelling/server"))
from page import FLAGS, SIZE, open_task, sign_in  # noqa: E402  (the driver of the tests)

ARTICLE = "001_8eac77890c2c81c7"
WORDS, LABEL = "special military operation", "EUPHEMISM"


def main() -> None:
    """Start the server, push the corpus, take the pictures of both pages."""
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
                report(folder, chromium, Path(home))
                chromium.close()
        finally:
            server.stop()


def report(folder: CorpusFolder, chromium: Browser, scratch: Path) -> None:
    """Take the pictures of the report: the articles side by side, and the plots of names."""
    file = scratch / "report.html"
    write_report(open_dataset(str(build(folder, scratch / "dataset").place)), file)
    page = chromium.new_page(viewport={"width": 1280, "height": 900})
    page.goto(file.as_uri())
    page.locator(".reworded").nth(1).evaluate("row => scrollTo(0, row.offsetTop - 250)")
    page.screenshot(path=DOCS / "report.png", animations="disabled")
    page.get_by_role("heading", name="Naming").evaluate("heading => heading.scrollIntoView()")
    page.wait_for_timeout(300)
    page.screenshot(path=DOCS / "report-names.png", animations="disabled")


def pushed(folder: CorpusFolder, studio: Studio, sources: list[Source]) -> tuple[int, int]:
    """Push the corpus with predictions from `sources`; the ids of the project and of the article's task."""
    project = push(folder, studio, print, articles=[], sources=sources, overlap=1, force=False, progress=None).project
    tasks = studio.read("/api/tasks/", project=project, fields="all")["tasks"]
    return project, next(task["id"] for task in tasks if task["data"]["article_id"] == ARTICLE)


if __name__ == "__main__":
    main()
