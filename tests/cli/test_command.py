"""The command `newsparallax`, as it is installed: from a wheel, on its own corpus, with what every command shares."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import venv
from pathlib import Path

import pytest

import newsparallax
from command_line import run_command, run_script
from helpers import ROOT, write_corpus
from newsparallax.adopt import init_corpus
from newsparallax.cli.explanations import EXPLANATIONS
from newsparallax.problems import CODES


def command(*arguments, cwd):
    return run_command(*arguments, cwd=cwd, env={"COLUMNS": "200"})


@pytest.fixture(scope="module")
def corpus(tmp_path_factory):
    place = tmp_path_factory.mktemp("command") / "corpus"
    (place / "seeds").mkdir(parents=True)
    (place / "seeds/one.txt").write_text("Ann is in Rome.")
    init_corpus(place)
    return place


def test_without_a_command_it_lists_them_all(tmp_path):
    shown = command(cwd=tmp_path)
    assert (shown.returncode, shown.stderr) == (0, "")
    listed = {line.split()[0] for line in shown.stdout.partition("Commands:")[2].splitlines() if line.strip()}
    scripts = {path.stem.replace("_", "-") for path in (ROOT / "scripts").glob("[!_]*.py")}
    assert listed == scripts | {"init"}


@pytest.mark.parametrize("script", sorted((ROOT / "scripts").glob("[!_]*.py")), ids=lambda path: path.stem)
def test_a_command_and_its_script_have_the_same_help(script, tmp_path):
    name = script.stem.replace("_", "-")
    ours = command(name, "--help", cwd=tmp_path)
    theirs = run_script(script.name, "--help", env={"COLUMNS": "200"})
    assert (ours.returncode, ours.stderr, theirs.stderr) == (0, "", "")
    assert theirs.stdout.replace(f"Usage: {script.name}", f"Usage: newsparallax {name}") == ours.stdout


def test_the_default_corpus_is_the_nearest_one_at_or_above_the_current_folder(corpus):
    for place in (corpus, corpus / "annotations/exports"):
        shown = command("check", cwd=place)
        assert (shown.returncode, shown.stdout) == (0, "corpus: no problems\n"), shown.stderr


def test_the_version_is_that_of_the_program(tmp_path):
    assert command("--version", cwd=tmp_path).stdout == f"newsparallax {newsparallax.__version__}\n"


def test_build_as_json_is_the_manifest_with_its_folder(corpus, tmp_path):
    shown = command("build", "--out", tmp_path / "out", "--json", cwd=corpus)
    assert shown.returncode == 0
    printed = json.loads(shown.stdout)
    assert printed.pop("folder") == str(tmp_path / "out")
    assert printed == json.loads((tmp_path / "out/manifest.json").read_text())


def test_quiet_prints_problems_only(corpus, tmp_path):
    shown = command("--quiet", "build", "--out", tmp_path / "out", cwd=corpus)
    assert (shown.returncode, shown.stdout, shown.stderr) == (0, "", "")
    bad = tmp_path / "bad"
    shutil.copytree(corpus, bad)
    (bad / "seeds/two.txt").write_text("not in articles.toml")
    shown = command("--quiet", "build", "--out", tmp_path / "worse", cwd=bad)
    assert (shown.returncode, shown.stdout) == (1, "")
    assert "that no waiver covers" in shown.stderr
    both = command("--quiet", "--verbose", "check", cwd=corpus)
    assert both.stderr == "error: --quiet and --verbose cannot be combined\n  keep one of them\n"


def test_verbose_lists_every_problem_and_shows_progress_as_lines(corpus, tmp_path):
    many = tmp_path / "many"
    shutil.copytree(corpus, many)
    for number in range(30):
        (many / f"seeds/more-{number}.txt").write_text("not in articles.toml")
    short, long = (command(*options, "check", cwd=many) for options in ((), ("--verbose",)))
    assert (short.returncode, long.returncode) == (1, 1)
    assert [ran.stderr.count("\nseed-unlisted ") for ran in (short, long)] == [19, 30]  # the first one begins the first
    assert ["... and 10 more" in ran.stderr for ran in (short, long)] == [True, False]
    assert ["articles: 1/1\n" in ran.stderr for ran in (short, long)] == [False, True]


def test_check_explains_a_code(tmp_path):
    shown = command("check", "--explain", "seed-digest", cwd=tmp_path)
    assert shown.returncode == 0
    lines = shown.stdout.splitlines()
    assert lines[:2] == ["seed-digest (error)", f"  {EXPLANATIONS['seed-digest'].meaning}"]
    assert lines[2].startswith("  example: seeds/x.txt: has the SHA-256 ")
    assert lines[3:] == [f"  what to do: {CODES['seed-digest'].hint}"]
    wrong = command("check", "--explain", "seed-digets", cwd=tmp_path)
    assert (wrong.returncode, wrong.stderr) == (
        2,
        "error: there is no problem code 'seed-digets'; did you mean 'seed-digest'?\n",
    )


def test_check_ends_with_a_summary_by_code(tmp_path):
    corpus = write_corpus(tmp_path / "corpus", {"exports": {"a.json": [5, {"id": 3, "data": {}, "annotations": 1}]}})
    shown = command("check", cwd=corpus)
    assert shown.returncode == 1
    last = shown.stderr.partition("that no waiver covers")[2].splitlines()[1:]
    counted = {line.split()[0]: int(line.split()[1]) for line in last}
    assert counted["not-a-task"] == 1
    assert len(counted) > 1


def test_the_public_api_is_what_it_says(corpus, tmp_path):
    for name in newsparallax.__all__:
        assert getattr(newsparallax, name)
        assert name in dir(newsparallax)
    with pytest.raises(AttributeError, match="has no attribute 'nothing'"):
        _ = newsparallax.nothing
    code = """
import sys
from pathlib import Path
from newsparallax import BuildResult, Corpus, build, check, open_corpus
corpus = open_corpus(Path(sys.argv[1]))
assert isinstance(corpus, Corpus)
assert list(check(corpus)) == []
built = build(corpus, Path(sys.argv[2]))
assert isinstance(built, BuildResult)
print(built.manifest.version)
"""
    ran = subprocess.run([sys.executable, "-c", code, corpus, tmp_path / "out"], capture_output=True, text=True)
    assert (ran.stdout, ran.stderr) == ("0.1.0\n", "")


@pytest.mark.slow
def test_a_wheel_gives_the_command_and_all_that_it_needs(tmp_path):
    """The wheel is installed into an empty environment; its dependencies are those of this one, by a path file."""
    wheel = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--no-build-isolation", "--wheel-dir"]
    subprocess.run([*wheel, tmp_path, ROOT], check=True)
    venv.create(tmp_path / "venv", with_pip=True)
    python = tmp_path / "venv/bin/python"
    (built,) = tmp_path.glob("newsparallax-*.whl")
    subprocess.run([python, "-m", "pip", "install", "--quiet", "--no-deps", "--no-index", built], check=True)
    (site,) = tmp_path.glob("venv/lib/python*/site-packages")
    ours = next(path for path in map(Path, sys.path) if path.name == "site-packages")
    (site / "dependencies.pth").write_text(f"{ours}\n")
    (tmp_path / "work/seeds").mkdir(parents=True)
    (tmp_path / "work/seeds/one.txt").write_text("Ann is in Rome.")
    script = [tmp_path / "venv/bin/newsparallax"]
    for arguments in (["init", "."], ["check"], ["build"], ["--version"]):
        ran = subprocess.run([*script, *arguments], capture_output=True, text=True, cwd=tmp_path / "work")
        assert (ran.returncode, ran.stderr) == (0, ""), arguments
    assert (tmp_path / "work/build/latest/articles/train-00000.parquet").is_file()
    server = "from newsparallax.labelling.server import VENV; print(VENV)"
    home = os.environ | {"HOME": str(tmp_path / "home")}
    said = subprocess.run([python, "-c", server], capture_output=True, text=True, cwd=tmp_path, env=home).stdout
    assert said == f"{tmp_path}/home/.cache/newsparallax/label-studio/venv\n"
    where = "import newsparallax; print(newsparallax.__file__)"
    assert str(tmp_path) in subprocess.run([python, "-c", where], capture_output=True, text=True, cwd=tmp_path).stdout
