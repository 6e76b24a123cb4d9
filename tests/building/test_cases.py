"""One small corpus for every code of a Problem: it provokes the code, and nothing that comes in is lost.

A case is `tests/cases/<code>.json`: the parts of a corpus (see `helpers.write_corpus`) and under `expect` the counts of
all codes, the items accepted, repaired and quarantined, ids that a problem with the code must carry (`at`) and parts of
its message (`says`); or, for a file that cannot be read, the code of the error.
"""

from __future__ import annotations

import ast
import json
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from command_line import run_script
from helpers import CASES, ROOT, Dataset, build_case, write_corpus
from newsparallax import problems
from newsparallax.building import build, problems_of
from newsparallax.corpus import open_corpus
from newsparallax.errors import ExportError
from newsparallax.problems import CODES
from newsparallax.release.diff.rules import RULES

ALL = {path.stem: json.loads(path.read_bytes()) for path in sorted(CASES.glob("*.json"))}
FILE_CASES = [code for code, case in ALL.items() if "error" in case["expect"]]
CORPUS_CASES = [code for code in ALL if code not in FILE_CASES]
IDS = ("file", "article_id", "task_id", "annotation_id", "region_id")


def test_every_code_has_a_case_and_every_case_a_code() -> None:
    assert set(ALL) == set(CODES)
    assert all(case["about"] for case in ALL.values())


def test_every_code_is_used() -> None:
    sources = [path for path in (ROOT / "src").rglob("*.py") if path.name != "problems.py"]
    quoted = {word for path in sources for word in re.findall(r'"([a-z0-9-]+)"', path.read_text(encoding="utf-8"))}
    assert [code for code in CODES if code not in quoted] == []


def literals(node: ast.expr | None) -> list[str]:
    """The strings that an expression may be, as far as they stand in it."""
    if isinstance(node, ast.IfExp):
        return literals(node.body) + literals(node.orelse)
    if isinstance(node, ast.Starred):
        return literals(node.value)
    if isinstance(node, ast.BoolOp):
        return [text for value in node.values for text in literals(value)]
    if isinstance(node, ast.Tuple) and len(node.elts) > 1:
        return literals(node.elts[0])
    return [node.value] if isinstance(node, ast.Constant) and isinstance(node.value, str) else []


def codes_in(tree: ast.Module, takes_code: dict[str, int]) -> set[str]:
    """The strings that a module gives as the code of a problem: to what takes one, or first in a tuple."""
    found: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            name = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
            place = takes_code.get(name)
            named = next((keyword.value for keyword in node.keywords if keyword.arg == "code"), None)
            if place is not None:
                starred = any(isinstance(arg, ast.Starred) for arg in node.args)
                found |= {*literals(node.args[0 if starred else place] if len(node.args) > place else named)}
        elif isinstance(node, ast.Tuple):
            found |= {text for text in literals(node) if re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)+", text)}
        elif isinstance(node, ast.Assign) and "code" in {getattr(target, "id", "") for target in node.targets}:
            found |= {*literals(node.value)}
    return found


def takers(tree: ast.Module) -> Iterator[tuple[str, int]]:
    """The functions and records of a module that take a `code`, with its place among the arguments."""
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef) and node.name != "__init__":
            names = [arg.arg for arg in node.args.args if arg.arg != "self"]
        elif isinstance(node, ast.ClassDef):
            inits = [part for part in node.body if isinstance(part, ast.FunctionDef) and part.name == "__init__"]
            fields = [part.target.id for part in node.body if isinstance(part, ast.AnnAssign) and isinstance(part.target, ast.Name)]  # fmt: skip  # noqa: E501
            names = [arg.arg for arg in inits[0].args.args[1:]] if inits else fields
        else:
            continue
        if "code" in names:
            yield node.name, names.index("code")


@pytest.mark.slow
def test_every_code_that_is_given_is_defined() -> None:
    paths = [path for path in (ROOT / "src").rglob("*.py") if path.parent.name != "release"]  # it has codes of its own
    trees = {path: ast.parse(path.read_text(encoding="utf-8")) for path in paths}
    takes_code = dict(taker for tree in trees.values() for taker in takers(tree))
    assert {"problem", "ExportError", "AnnotationCheck", "CorpusCheck", "quarantine"} <= takes_code.keys()
    wrong = {str(path): codes_in(tree, takes_code) - CODES.keys() - RULES.keys() for path, tree in trees.items()}
    assert {path: codes for path, codes in wrong.items() if codes} == {}


def test_a_code_that_is_not_defined_is_found_and_named() -> None:
    source = 'def check(where):\n    yield where.problem("no-such-code", "words")\n    return "nor-this", "words"\n'
    assert codes_in(ast.parse(source), {"problem": 0}) == {"no-such-code", "nor-this"}
    with pytest.raises(ValueError, match=r"gives the code 'no-such-code', which CODES in problems\.py"):
        problems.problem("no-such-code", "words")


@pytest.mark.parametrize("code", CORPUS_CASES)
def test_case(code: str, tmp_path: Path) -> None:
    case = ALL[code]
    expect = case["expect"]
    built = build_case(tmp_path, case)
    assert built.codes == expect["codes"]
    assert built.results == (expect["accepted"], expect["repaired"], expect["quarantined"])
    assert sum(built.codes.values()) == len(built.problems)
    assert len(raws_of_items(built, case)) == expect["quarantined"]
    for problem in built.problems:
        assert problem["message"]
        assert (problem["severity"], problem["hint"]) == CODES[problem["code"]]
    found = [problem for problem in built.problems if problem["code"] == code]
    for part in expect.get("says", ()):
        assert part in found[0]["message"]
    at = expect.get("at", {})
    assert any(all(problem[key] == value for key, value in at.items()) for problem in found), [
        {key: problem[key] for key in IDS} for problem in found
    ]


def raws_of_items(built: Dataset, case: dict[str, Any]) -> list[Any]:
    """The `raw` of the problems of result items, each of which is an item of the export as it stands there."""
    items: list[Any] = []
    for content in (content for name, content in case.get("exports", {}).items() if name.endswith(".json")):
        tasks = json.loads(content["raw"], object_pairs_hook=as_record) if isinstance(content, dict) else content
        for task in tasks:
            for annotation in task["annotations"] if isinstance(task, dict) and "annotations" in task else ():
                result = annotation.get("result") if isinstance(annotation, dict) else None
                pairs = annotation.get("pairs", ()) if isinstance(annotation, dict) else ()
                items += result if isinstance(result, list) else [] if result is None else [result]
                items += [item for key, part in pairs if key == "result" for item in part]
    items = json.loads(re.sub(r"\\ud83d", r"\\\\ud83d", json.dumps(items)).replace("NaN", '"nan"'))
    found = []
    for problem in built.problems:
        if problem["annotation_id"] and problem["raw"] in items:
            items.remove(problem["raw"])
            found.append(problem["raw"])
        elif isinstance(raw := problem["raw"], dict) and "record" in (raw.get("meta") or {}):  # by a reader
            found.append(problem["raw"])
    return found


def as_record(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """An object as the record of a Problem holds it: one with a key twice as its pairs."""
    return dict(pairs) if len(dict(pairs)) == len(pairs) else {"pairs": [list(pair) for pair in pairs]}


@pytest.mark.parametrize("code", FILE_CASES)
def test_unreadable_export(code: str, tmp_path: Path) -> None:
    case = ALL[code]
    folder = open_corpus(write_corpus(tmp_path / "corpus", case))
    before = sorted(path for path in tmp_path.rglob("*"))
    for out in (tmp_path / "new" / "dataset", None):
        with pytest.raises(ExportError) as caught:
            build(folder, out)
        assert caught.value.code == code == case["expect"]["error"]
        assert caught.value.file == "a.json"
        assert caught.value.hint
        for part in ("a.json: ", *case["expect"]["says"]):
            assert part in str(caught.value)
        assert sorted(path for path in tmp_path.rglob("*")) == before
    with pytest.raises(ExportError):
        list(problems_of(folder))


@pytest.mark.parametrize("code", ["not-json", "truncated-json"])
def test_unreadable_export_on_the_command_line(code: str, tmp_path: Path) -> None:
    corpus = write_corpus(tmp_path / "corpus", ALL[code])
    done = run_build(corpus, tmp_path / "dataset")
    assert done.returncode == 2
    assert done.stdout == ""
    assert done.stderr.startswith("error: a.json: ")
    assert "Traceback" not in done.stderr
    assert len(done.stderr.splitlines()) == 2  # what is wrong, and what to do
    assert [path.name for path in tmp_path.iterdir()] == ["corpus"]


def test_problems_on_the_command_line(tmp_path: Path) -> None:
    corpus = write_corpus(tmp_path / "corpus", ALL["stale-waiver"])
    done = run_build(corpus, tmp_path / "dataset")
    assert done.returncode == 1
    assert "2 problems that no waiver covers" in done.stderr
    assert "unknown-label a.json, article 1, task 1, annotation 11, region r2: " in done.stderr
    assert "no-label" not in done.stderr
    assert run_build(corpus, tmp_path / "dataset", "--lenient").returncode == 0


def run_build(corpus: Path, out: Path, *options: str) -> subprocess.CompletedProcess[str]:
    return run_script("build.py", "--corpus", corpus, "--out", out, *options)


def test_a_waived_problem_keeps_its_reason(tmp_path: Path) -> None:
    built = build_case(tmp_path, ALL["stale-waiver"])
    assert built.problem("no-label")["waived"] == "drawn by mistake"
    assert built.problem("unknown-label")["waived"] is None
    assert built.counts["problems_waived"] == 1


@pytest.mark.parametrize("code", ["duplicate-task", "text-differs", "bad-value", "unproven-offsets", "seed-missing"])
def test_what_remains_is_read_back(code: str, tmp_path: Path) -> None:
    built = build_case(tmp_path, ALL[code], read_back=True)
    assert built.codes == ALL[code]["expect"]["codes"]


def test_a_seed_that_is_a_link_to_itself_is_missing(tmp_path: Path) -> None:
    corpus = write_corpus(tmp_path / "corpus", ALL["seed-missing"])
    (corpus / "seeds/y.txt").symlink_to("y.txt")
    (found,) = problems_of(open_corpus(corpus))
    assert (found.code, found.file) == ("seed-missing", "seeds/y.txt")


@pytest.mark.parametrize("code", CORPUS_CASES)
def test_check_finds_what_build_finds(code: str, tmp_path: Path) -> None:
    built = build_case(tmp_path, ALL[code])
    found = list(problems_of(open_corpus(tmp_path / "corpus")))
    assert msgspec.to_builtins(found) == built.problems
