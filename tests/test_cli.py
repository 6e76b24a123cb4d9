"""What scripts print, what they refuse, and with which exit code."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from helpers import CODEBOOK, span, task, write_corpus
from newsparallax.core.errors import NewsParallaxError
from newsparallax.core.problems import problem
from newsparallax.edges import cli, readback

SCRIPTS = Path(__file__).parents[1] / "scripts"


def script(name, *options, env=None):
    command = [sys.executable, str(SCRIPTS / name), *options]
    return subprocess.run(command, capture_output=True, text=True, check=False, env=os.environ | (env or {}))


def test_nothing_printed_is_markup(capsys):
    words = "x[/b]y [red] :fire:"
    cli.list_problems([problem("bad-item", words, file=words)], 1)
    cli.out.print(words)
    with pytest.raises(SystemExit):
        cli.fail(words)
    out, err = capsys.readouterr()
    assert out == f"{words}\n"
    first, *_, last = err.splitlines()
    assert (first, last) == (f"bad-item {words}: {words}", f"error: {words}")


def test_a_problem_is_told_on_its_own_lines_whatever_its_file_is_called(capsys):
    name = "a\nb\x1b[2J\u2028c.json"
    cli.list_problems([problem("bad-item", "words", file=name)], 1)
    first, hint, total = capsys.readouterr().err.splitlines()
    assert first == r"bad-item a\nb\x1b[2J\u2028c.json: words"
    assert hint.startswith("  ")
    assert total == "1 problem that no waiver covers"


def test_a_span_of_an_article_that_was_not_read_back():
    with pytest.raises(NewsParallaxError, match="spans: train: b has spans, but no text"):
        readback._compare_quotes("train", iter([("a", "Ann")]), {"spans": iter([("b", 0, 3, "Ann")])})


def test_an_id_that_is_missing_ends_no_layer():
    with pytest.raises(NewsParallaxError, match="spans: train: None has spans, but no text"):
        readback._compare_quotes("train", iter([("a", "Ann")]), {"spans": iter([(None, 0, 3, "Ann")])})


def test_a_quote_that_is_not_what_was_read_back():
    spans = {"names": iter([("b", 0, 3, "Bob")]), "frames": iter([("a", 0, 3, "Ann"), ("b", 1, 3, "Bob")])}
    with pytest.raises(NewsParallaxError, match=r"frames: train: b 1\.\.3 is not 'Bob'"):
        readback._compare_quotes("train", iter([("a", "Ann"), ("b", "Bob")]), spans)


def test_a_folder_with_more_than_a_build_is_left_as_it_is(tmp_path):
    corpus = write_corpus(tmp_path / "corpus", {"exports": {"a.json": [task("Ann met Bob.", [span(0, 3, "Ann")])]}})
    assert script("build.py", "--corpus", str(corpus), "--out", str(tmp_path / "out")).returncode == 0
    (tmp_path / "out" / "notes.md").write_text("mine")
    done = script("build.py", "--corpus", str(corpus), "--out", str(tmp_path / "out"))
    assert (done.returncode, "not a build" in done.stderr) == (2, True)
    assert (tmp_path / "out" / "notes.md").read_text() == "mine"


def test_a_manifest_of_somebody_else_is_no_build(tmp_path):
    corpus = write_corpus(tmp_path / "corpus", {"exports": {"a.json": [task("Ann met Bob.")]}})
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "manifest.json").write_text('{"name": "an extension"}')
    assert script("build.py", "--corpus", str(corpus), "--out", str(tmp_path / "out")).returncode == 2


def test_a_build_among_the_inputs_is_refused(tmp_path):
    corpus = write_corpus(tmp_path / "corpus", {"exports": {"a.json": [task("Ann met Bob.")]}})
    done = script("build.py", "--corpus", str(corpus), "--out", str(corpus / "annotations/exports/o"))
    assert (done.returncode, "read as input" in done.stderr) == (2, True)


def test_a_reader_that_has_seen_enough_is_no_failure(tmp_path):
    corpus = write_corpus(tmp_path / "corpus", {"exports": {"a.json": [task("Ann met Bob.")]}})
    command = f"{sys.executable} {SCRIPTS / 'check.py'} --corpus {corpus} | true; exit ${{PIPESTATUS[0]}}"
    done = subprocess.run(["bash", "-c", command], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")


def test_a_terminal_without_the_characters_shows_their_numbers(tmp_path):
    exports = {"a.json": [task("💩 Ann", [span(0, 1, "Bob", "💩")])]}
    corpus = write_corpus(tmp_path / "corpus", {"exports": exports})
    done = script("check.py", "--corpus", str(corpus), env={"PYTHONIOENCODING": "ascii"})
    assert (done.returncode, "\\U0001f4a9" in done.stderr, "Traceback" in done.stderr) == (1, True, False)


def test_a_label_with_an_odd_line_end_is_loaded(tmp_path):
    codebook = CODEBOOK | {"layers": {"spans": {"labels": {"x\u0085y": {}}}}}
    exports = {"a.json": [task("Ann met Bob.", [span(0, 3, "Ann", "x\u0085y")])]}
    corpus = write_corpus(tmp_path / "corpus", {"exports": exports, "codebook": codebook})
    done = script("build.py", "--corpus", str(corpus), "--out", str(tmp_path / "out"))
    assert (done.returncode, done.stderr) == (0, "")
