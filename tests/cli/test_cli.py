"""What scripts print, what they refuse, and with which exit code."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from command_line import run_script
from helpers import CODEBOOK, ROOT, span, task, write_corpus
from newsparallax.cli import console
from newsparallax.dataset import verify
from newsparallax.errors import NewsParallaxError
from newsparallax.problems import OpenProblems, problem

SCRIPTS = ROOT / "scripts"


def opened(*problems):
    found = OpenProblems()
    found.add(problems)
    return found


def test_nothing_printed_is_markup(capsys):
    words = "x[/b]y [red] :fire:"
    console.list_problems(opened(problem("bad-item", words, file=words)))
    console.out.print(words)
    with pytest.raises(SystemExit):
        console.fail(words)
    out, err = capsys.readouterr()
    assert out == f"{words}\n"
    first, *_, last = err.splitlines()
    assert (first, last) == (f"bad-item {words}: {words}", f"error: {words}")


def test_what_would_steer_a_terminal_is_printed_as_a_number(capsys):
    console.out.print("a\u202eb\u2066c\x1b[2Jd\u200be\n  f")
    assert capsys.readouterr().out == "a\\u202eb\\u2066c\\x1b[2Jd\\u200be\n  f\n"


def test_a_label_is_on_one_line_of_what_adopt_prints(tmp_path):
    label = "x\u202ey\nz"
    corpus = write_corpus(tmp_path / "corpus", {"exports": {"a.json": [task("Ann", [span(0, 3, "Ann", label)])]}})
    done = run_script("adopt.py", str(corpus / "annotations/exports/a.json"), str(tmp_path / "new"))
    assert r"  layer spans: x\u202ey\nz" in done.stdout.splitlines()


def test_a_problem_is_told_on_its_own_lines_whatever_its_file_is_called(capsys):
    name = "a\nb\x1b[2J\u2028c.json"
    console.list_problems(opened(problem("bad-item", "words", file=name)))
    first, hint, total = capsys.readouterr().err.splitlines()
    assert first == r"bad-item a\nb\x1b[2J\u2028c.json: words"
    assert hint.startswith("  ")
    assert total == "1 problem that no waiver covers"


def test_a_span_of_an_article_that_was_not_read_back():
    with pytest.raises(NewsParallaxError, match="spans: train: article b has spans, but no text"):
        verify._compare_quotes("train", iter([("a", "Ann")]), {"spans": iter([("b", 0, 3, "Ann")])})


def test_an_id_that_is_missing_ends_no_layer():
    with pytest.raises(NewsParallaxError, match="spans: train: article None has spans, but no text"):
        verify._compare_quotes("train", iter([("a", "Ann")]), {"spans": iter([(None, 0, 3, "Ann")])})


def test_a_quote_that_is_not_what_was_read_back():
    spans = {"names": iter([("b", 0, 3, "Bob")]), "frames": iter([("a", 0, 3, "Ann"), ("b", 1, 3, "Bob")])}
    with pytest.raises(NewsParallaxError, match=r"frames: train: the text of article b at 1\.\.3 is not 'Bob'"):
        verify._compare_quotes("train", iter([("a", "Ann"), ("b", "Bob")]), spans)


def test_a_build_says_which_spans_bio_tags_cannot_show(tmp_path):
    def printed(name, text, *places):
        marks = [span(start, end, text[start:end], id=f"r{start}-{end}") for start, end in places]
        corpus = write_corpus(tmp_path / name, {"exports": {"a.json": [task(text, marks)]}})
        done = run_script("build.py", "--corpus", str(corpus))
        assert done.returncode == 0, done.stderr
        return [line for line in done.stdout.splitlines() if "BIO" in line]

    chinese = "外交部发言人周三在北京表示。"
    assert printed("chinese", chinese, (0, 3), (6, 8), (9, 11), (9, 13)) == []
    assert printed("english", "Annie met Bob-Joe.", (0, 3), (10, 13)) == [
        "  BIO tags cannot represent 1 of 2 spans: 1 with a boundary inside a token"
    ]
    assert printed("several", "Annie met Bob.", (0, 3), (6, 13), (8, 14)) == [
        "  BIO tags cannot represent 2 of 3 spans: 1 with a boundary inside a token, 1 crossing another span"
    ]


def test_a_folder_with_more_than_a_build_is_left_as_it_is(tmp_path):
    corpus = write_corpus(tmp_path / "corpus", {"exports": {"a.json": [task("Ann met Bob.", [span(0, 3, "Ann")])]}})
    assert run_script("build.py", "--corpus", str(corpus), "--out", str(tmp_path / "out")).returncode == 0
    (tmp_path / "out" / "notes.md").write_text("mine")
    done = run_script("build.py", "--corpus", str(corpus), "--out", str(tmp_path / "out"))
    assert (done.returncode, "not a build" in done.stderr) == (2, True)
    assert (tmp_path / "out" / "notes.md").read_text() == "mine"


def test_a_manifest_of_somebody_else_is_no_build(tmp_path):
    corpus = write_corpus(tmp_path / "corpus", {"exports": {"a.json": [task("Ann met Bob.")]}})
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "manifest.json").write_text('{"name": "an extension"}')
    assert run_script("build.py", "--corpus", str(corpus), "--out", str(tmp_path / "out")).returncode == 2


def test_a_build_among_the_inputs_is_refused(tmp_path):
    corpus = write_corpus(tmp_path / "corpus", {"exports": {"a.json": [task("Ann met Bob.")]}})
    done = run_script("build.py", "--corpus", str(corpus), "--out", str(corpus / "annotations/exports/o"))
    assert (done.returncode, "contains input files" in done.stderr) == (2, True)


def test_a_reader_that_has_seen_enough_is_no_failure(tmp_path):
    corpus = write_corpus(tmp_path / "corpus", {"exports": {"a.json": [task("Ann met Bob.")]}})
    command = f"{sys.executable} {SCRIPTS / 'check.py'} --corpus {corpus} | true; exit ${{PIPESTATUS[0]}}"
    done = subprocess.run(["bash", "-c", command], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")


def test_a_terminal_without_the_characters_shows_their_numbers(tmp_path):
    exports = {"a.json": [task("💩 Ann", [span(0, 1, "Bob", "💩")])]}
    corpus = write_corpus(tmp_path / "corpus", {"exports": exports})
    done = run_with("", "check.py", "--corpus", str(corpus), PYTHONIOENCODING="ascii")
    assert (done.returncode, "\\U0001f4a9" in done.stderr, "Traceback" in done.stderr) == (1, True, False)


def test_a_label_with_an_odd_line_end_is_loaded(tmp_path):
    codebook = CODEBOOK | {"layers": {"spans": {"labels": {"x\u0085y": {}}}}}
    exports = {"a.json": [task("Ann met Bob.", [span(0, 3, "Ann", "x\u0085y")])]}
    corpus = write_corpus(tmp_path / "corpus", {"exports": exports, "codebook": codebook})
    done = run_script("build.py", "--corpus", str(corpus), "--out", str(tmp_path / "out"))
    assert (done.returncode, done.stderr) == (0, "")


def run_with(before: str, name: str, *options: str, cwd: Path | None = None, **env: str):
    """Run a script after `before`, which spoils something in its process."""
    code = f"import runpy, sys; sys.argv = sys.argv[1:]; sys.path.insert(0, {str(SCRIPTS)!r})\n{before}\n"
    command = [sys.executable, "-c", f"{code}runpy.run_path(sys.argv[0], run_name='__main__')", str(SCRIPTS / name)]
    return subprocess.run([*command, *options], capture_output=True, text=True, check=False, env=os.environ | env, cwd=cwd)  # fmt: skip  # noqa: E501


BUG = "import newsparallax.corpus as f\ndef broken(root): raise KeyError('two\\nlines')\nf.open_corpus = broken"


@pytest.mark.parametrize("name", ["build.py", "check.py", "generate.py", "agreement.py"])
def test_a_bug_stops_with_one_message_that_says_how_to_report_it(name):
    done = run_with(BUG, name, NEWSPARALLAX_TRACEBACK="")
    first, hint = done.stderr.splitlines()
    assert (done.returncode, done.stdout) == (2, "")
    assert first == r"error: a bug of this program: KeyError: 'two\nlines'"
    assert hint == "  run it again with NEWSPARALLAX_TRACEBACK=1, and report the output (see CONTRIBUTING.md)"


def test_a_bug_can_be_seen_with_its_place():
    done = run_with(BUG, "build.py")
    assert os.environ["NEWSPARALLAX_TRACEBACK"] == "1"  # in all tests
    assert done.returncode == 2
    assert done.stderr.startswith("Traceback (most recent call last):\n")
    assert ", in broken\n" in done.stderr
    assert "  report the output above (see CONTRIBUTING.md)\n" in done.stderr
    assert "NEWSPARALLAX_TRACEBACK" in (SCRIPTS.parent / "CONTRIBUTING.md").read_text()


def test_memory_that_is_used_up_is_no_bug():
    done = run_with(BUG.replace("KeyError('two\\nlines')", "MemoryError"), "build.py")
    assert (done.returncode, done.stderr) == (2, "error: this machine has no memory left\n")


ANN = {"exports": {"a.json": [task("Ann met Bob.", [span(0, 3, "Ann")])]}}


def test_an_interrupted_generate_says_that_some_files_may_be_new(tmp_path):
    corpus = write_corpus(tmp_path / "corpus", ANN)
    second = """
from pathlib import Path
done, replace = [], Path.replace
def interrupted(self, target):
    done.append(target)
    if len(done) == 2: raise KeyboardInterrupt
    return replace(self, target)
Path.replace = interrupted"""
    done = run_with(second, "generate.py", "--corpus", str(corpus))
    assert (done.returncode, done.stdout) == (130, "")
    assert (
        done.stderr == "error: interrupted; every file is complete, but some may not be updated yet\n  run it again\n"
    )
    assert (corpus / "annotations/label_config.xml").is_file()
    assert not (corpus / "annotations/guidelines.md").exists()


def test_an_interrupted_check_has_changed_nothing(tmp_path):
    corpus = write_corpus(tmp_path / "corpus", ANN)
    stop = "import newsparallax.building as b\ndef stop(*_, **__): raise KeyboardInterrupt\nb.problems_of = stop"
    done = run_with(stop, "check.py", "--corpus", str(corpus))
    assert (done.returncode, done.stderr) == (130, "error: interrupted; nothing was changed\n")


@pytest.mark.parametrize("moment", ["build.write_card", "build.point"])
def test_an_interrupted_build_claims_only_what_is_so_before_and_after_the_dataset_is_there(tmp_path, moment):
    corpus = write_corpus(tmp_path / "corpus", ANN)
    stop = f"from newsparallax.building import run as build\ndef stop(*_): raise KeyboardInterrupt\n{moment} = stop"
    done = run_with(stop, "build.py", "--corpus", str(corpus))
    said = "interrupted; the dataset folder is unchanged, or the new dataset is complete"
    assert (done.returncode, done.stderr) == (130, f"error: {said}\n")
    assert [path.name for path in (corpus / "build").glob("*")] == (["0.1.0"] if moment == "build.point" else [])


def test_paths_below_the_working_directory_are_printed_relative_to_it(tmp_path):
    corpus = write_corpus(tmp_path / "corpus", ANN)
    done = run_script("build.py", "--corpus", str(corpus), cwd=tmp_path)
    assert done.stdout.splitlines()[0].endswith(": corpus/build/0.1.0")
    done = run_script("build.py", "--corpus", str(tmp_path / "none"), cwd=tmp_path)
    assert done.stderr.startswith("error: none is not a corpus")
    (tmp_path / "full").mkdir()
    (tmp_path / "full/mine.txt").write_text("mine")
    done = run_script("build.py", "--corpus", str(corpus), "--out", "../corpus/../full", cwd=corpus)
    assert done.stderr.startswith("error: ../corpus/../full contains files")


def test_adopt_prints_paths_as_they_were_given(tmp_path):
    export = write_corpus(tmp_path / "corpus", ANN) / "annotations/exports/a.json"
    (tmp_path / "here").mkdir()
    for given, printed in (("../new", "../new"), ("new", "new"), (str(tmp_path / "here/other"), "other")):
        done = run_script("adopt.py", str(export), given, cwd=tmp_path / "here")
        lines = done.stdout.splitlines()
        assert lines[0].startswith(f"{printed}: a corpus from a.json")
        assert lines[-1] == f"next: newsparallax build --corpus {printed}"


def test_what_only_looks_like_a_path_below_is_left_as_it_is(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    console.out.print(f"/other{tmp_path}/a file://{tmp_path}/a '{tmp_path}/a' {tmp_path}s/a")
    assert capsys.readouterr().out == f"/other{tmp_path}/a file://{tmp_path}/a 'a' {tmp_path}s/a\n"
    monkeypatch.chdir("/")
    console.out.print("/tmp/a")
    assert capsys.readouterr().out == "/tmp/a\n"
