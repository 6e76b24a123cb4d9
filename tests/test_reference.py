"""The pages in docs/reference/: made from the code as it is now, with links that lead somewhere."""

from __future__ import annotations

import re
import sys

import pytest

from helpers import ROOT
from newsparallax.cli.explanations import EXPLANATIONS
from newsparallax.problems import CODES

sys.path.append(str(ROOT / "docs"))
from make_reference import PAGES, pages

PATHS = [ROOT / "docs/reference" / f"{name}.md" for name in ("index", *PAGES)]
FENCED = re.compile(r"^```.*?^```$", re.MULTILINE | re.DOTALL)


def anchors(text: str) -> list[str]:
    headings = re.findall(r"^#+ (.+)$", FENCED.sub("", text), re.MULTILINE)
    return [re.sub(r"[^\w-]", "", heading.lower().replace(" ", "-")) for heading in headings]


def test_no_page_is_stale():
    stale = [f"stale: {path.relative_to(ROOT)}" for path, text in pages().items() if path.read_text("utf-8") != text]
    assert stale == [], "run `make generate`"
    assert sorted((ROOT / "docs/reference").iterdir()) == sorted(PATHS)


@pytest.mark.parametrize("path", PATHS, ids=lambda path: path.stem)
def test_links_lead_somewhere(path):
    text = path.read_text("utf-8")
    assert len(anchors(text)) == len({*anchors(text)})
    for name, anchor in re.findall(r"\]\(([^)#]*)#?([^)]*)\)", FENCED.sub("", text)):
        target = path.parent / name if name else path
        assert target.is_file(), name
        assert not anchor or anchor in anchors(target.read_text("utf-8")), anchor


def test_every_code_has_an_example_and_no_place_of_this_machine():
    text = (ROOT / "docs/reference/problems.md").read_text("utf-8")
    assert [code for code in CODES if f"\n## {code}\n" not in text] == []
    assert text.count("```text\n") == len(CODES)
    assert "/tmp" not in text


def test_the_program_shows_the_examples_that_the_cases_provoke():
    text = (ROOT / "docs/reference/problems.md").read_text("utf-8")
    provoked = dict(re.findall(r"^## (.+)\n(?:.*\n)+?```text\n(.+)\n```$", text, re.MULTILINE))
    assert {code: explanation.example for code, explanation in EXPLANATIONS.items()} == provoked
    assert list(EXPLANATIONS) == list(CODES)


def test_no_example_names_its_file_twice():
    text = (ROOT / "docs/reference/problems.md").read_text("utf-8")
    examples = re.findall(r"^## (.+)\n(?:.*\n)+?```text\n(.+?): (.+)\n```$", text, re.MULTILINE)
    assert len(examples) == len(CODES)
    twice = {code for code, file, message in examples if file in message or file.split("/")[-1] in message.split()}
    assert twice == {"duplicate-task"}  # its tasks may be in several files
