"""A real Chromium, and the corpus of this repository as datasets: complete, and without its texts."""

from __future__ import annotations

import os
import shutil

import pytest
from playwright.sync_api import sync_playwright

from newsparallax.building import build
from newsparallax.corpus import open_corpus
from newsparallax.read import open_dataset
from newsparallax.report import write_report
from newsparallax.standoff import stage

CHROMIUM = shutil.which(os.environ.get("CHROMIUM", "chromium")) or shutil.which("google-chrome")


@pytest.fixture(scope="module")  # while one Playwright is open, no other can be started in the process
def browser():
    if CHROMIUM is None:
        pytest.skip("no browser found; CHROMIUM names one")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield browser
        browser.close()


@pytest.fixture(scope="session")
def news(tmp_path_factory):
    """The dataset of this repository's corpus."""
    return open_dataset(build(open_corpus(None), tmp_path_factory.mktemp("news") / "full", verify=False).place)


@pytest.fixture(scope="session")
def bare(news, tmp_path_factory):
    """The same dataset as a stand-off release."""
    folder = tmp_path_factory.mktemp("bare") / "staged"
    stage(news.folder, folder, open_corpus(None).context, mode="auto")
    return open_dataset(folder)


@pytest.fixture(scope="session")
def news_page(news, tmp_path_factory):
    return write_report(news, tmp_path_factory.mktemp("page") / "news.html")[-1]


@pytest.fixture(scope="session")
def bare_page(bare, tmp_path_factory):
    return write_report(bare, tmp_path_factory.mktemp("page") / "bare.html")[-1]
