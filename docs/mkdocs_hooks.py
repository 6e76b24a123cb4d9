"""Pages that are outside of docs/ are pages of the website too, and links to them work there."""

import posixpath
import re
from pathlib import Path
from typing import Any

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page

ROOT = Path(__file__).parents[1]
OUTSIDE = (
    *("dataset_card.md", "annotations/guidelines.md", "CHANGELOG.md"),
    *("CONTRIBUTING.md", "CODE_OF_CONDUCT.md", "SECURITY.md"),
)
LINK = re.compile(r"(?<=\]\()(?![\w+.-]+:|#)([^)#\s]+)")


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the pages that are outside."""
    for name in OUTSIDE:
        files.append(File.generated(config, name, abs_src_path=str(ROOT / name)))
    return files


def on_page_markdown(markdown: str, page: Page, **_: Any) -> str:
    """Let links between docs/ and the repository lead to pages of the website."""
    name = page.file.src_uri
    folder = posixpath.dirname(name if name in OUTSIDE else f"docs/{name}")

    def link(found: re.Match[str]) -> str:
        target = posixpath.normpath(posixpath.join(folder, found[1])).removeprefix("docs/")
        return posixpath.relpath(target, posixpath.dirname(name) or ".")

    return LINK.sub(link, markdown)
