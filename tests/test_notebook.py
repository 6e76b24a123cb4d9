"""The notebook: it runs as it is committed, from docs/ and from the repository, and shows what its cells print."""

from __future__ import annotations

import ast
import re
import sys
import tomllib

import nbformat
import pytest

from helpers import ROOT
from newsparallax.corpus import open_corpus
from notebook import METADATA, NOTEBOOK, executed


@pytest.fixture(scope="module")
def committed():
    return nbformat.read(NOTEBOOK, nbformat.NO_CONVERT)


@pytest.mark.slow
def test_the_notebook_shows_what_its_cells_print(committed, tmp_path):
    """`tests/notebook.py` writes it anew."""
    for fresh in executed(tmp_path, "docs/notebook.ipynb", "notebook.ipynb"):
        for old, new in zip(committed.cells, fresh.cells, strict=True):
            assert old.get("outputs") == new.get("outputs"), new.source
        assert nbformat.writes(fresh) + "\n" == NOTEBOOK.read_text(encoding="utf-8")


def test_the_notebook_says_nothing_of_the_machine_that_ran_it(committed):
    assert (committed.metadata, {str(cell.metadata) for cell in committed.cells}) == (METADATA, {"{}"})
    outputs = [output for cell in committed.cells for output in cell.get("outputs", ())]
    assert {output.output_type for output in outputs} <= {"execute_result", "stream"}
    assert not re.search(r"/(home|tmp|root|Users|work)/|\d\d:\d\d:\d\d|site-packages", str(outputs))


def test_the_notebook_needs_only_what_the_program_installs(committed):
    code = "\n".join(cell.source for cell in committed.cells if cell.cell_type == "code")
    nodes = [node for node in ast.walk(ast.parse(code)) if isinstance(node, ast.Import | ast.ImportFrom)]
    names = {node.module if isinstance(node, ast.ImportFrom) else alias.name for node in nodes for alias in node.names}
    base = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["dependencies"]
    installed = {re.split(r"[^\w-]", line)[0] for line in base} | {"newsparallax"}
    assert names - installed - sys.stdlib_module_names == set()


def test_what_the_notebook_says_of_the_annotators_is_so(committed):
    text = "\n".join(cell.source for cell in committed.cells if cell.cell_type == "markdown")
    annotators = open_corpus(ROOT).context.annotators.values()
    assert ("Models made all annotations" in text) == all(annotator.kind == "model" for annotator in annotators)


def test_every_wrong_count_differs_from_the_right_one(committed):
    tables = [cell for cell in committed.cells if cell.id.startswith("wrong-") and cell.cell_type == "code"]
    assert len(tables) >= 7
    for cell in tables:
        (output,) = cell.outputs
        rows = re.findall(r"<tr>(.*?)</tr>", output.data["text/html"].partition("<tbody>")[2], re.DOTALL)
        values = [re.findall(r"<td>(.*?)</td>", row) for row in rows]
        assert any(wrong != right for wrong, right in values), cell.source
