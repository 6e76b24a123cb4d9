"""The benchmark of conversion: its exports are what they are said to be, and what it measures and prints is so."""

from __future__ import annotations

import json
import subprocess
import sys
import tracemalloc
from collections import Counter
from pathlib import Path

import pytest

from helpers import ROOT, Dataset
from newsparallax.building import build
from newsparallax.corpus import open_corpus

BENCHMARKS = ROOT / "benchmarks"
sys.path.insert(0, str(BENCHMARKS))

import cores  # noqa: E402
import quick  # noqa: E402
import where  # noqa: E402

import convert  # noqa: E402
import exports  # noqa: E402

EVERY = 60


def built(folder, tasks, every):
    """A generated corpus, built; and its tasks."""
    (path,) = exports.write_corpus(folder / "corpus", tasks, every=every)
    made = build(open_corpus(folder / "corpus"), folder / "built", verify=False)
    return Dataset(made.place), json.loads(path.read_bytes())


@pytest.fixture(scope="module")
def hard(tmp_path_factory):
    return built(tmp_path_factory.mktemp("hard"), EVERY, EVERY)


def task_of(tasks, case):
    """The task in which a hard case is."""
    (number,) = [number for number, found in exports.exporter(every=EVERY).hard.items() if found is exports.HARD[case]]
    return tasks[number]


def items(*tasks):
    return [item for task in tasks for found in task["annotations"] for item in found["result"]]


def moved(task):
    """How many regions do not hold their quote where they say to lie."""
    text = task["data"]["text"]
    values = [item["value"] for item in items(task) if item["type"] == "labels"]
    return sum(text[value["start"] : value["end"]] != value["text"] for value in values)


def test_a_task_depends_on_the_seed_and_its_number_alone():
    made = exports.exporter()
    again = exports.exporter()
    assert [again.task(number) for number in (9, 0, 5)] == [made.task(number) for number in (9, 0, 5)]
    assert exports.exporter(seed=1).task(5)["data"]["text"] != made.task(5)["data"]["text"]
    assert len({json.dumps(made.task(number)["data"]) for number in range(20)}) == 20


def test_shards_hold_the_tasks_of_one_file(tmp_path):
    (whole,) = exports.write_corpus(tmp_path / "one", 20)
    shards = exports.write_corpus(tmp_path / "three", 20, shards=3)
    parts = [json.loads(path.read_bytes()) for path in shards]
    assert [len(part) for part in parts] == [6, 7, 7]
    assert [task for part in parts for task in part] == json.loads(whole.read_bytes())
    exports.write_corpus(tmp_path / "again", 20)
    assert (tmp_path / "again/annotations/exports" / whole.name).read_bytes() == whole.read_bytes()


@pytest.mark.slow
def test_an_export_is_written_without_being_held(tmp_path):
    made = exports.exporter()
    tracemalloc.start()
    exports.write_export(tmp_path / "a.json", made.tasks(range(150)))
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert (tmp_path / "a.json").stat().st_size > 3_500_000
    assert peak < 1_000_000


def test_exports_look_like_real_ones():
    tasks = list(exports.exporter(every=10**9).tasks(range(60)))
    texts = [task["data"]["text"] for task in tasks]
    assert 2700 < sum(map(len, texts)) / len(texts) < 3300
    assert not any(text.isascii() for text in texts)
    assert 0 < sum(max(text) > "\uffff" for text in texts) < 30
    results = [found["result"] for task in tasks for found in task["annotations"]]
    assert len(results) == 2 * len(tasks)
    assert 55 < sum(map(len, results)) / len(results) < 65
    assert all(sum(found["ground_truth"] for found in task["annotations"]) == 1 for task in tasks)
    assert not any(map(moved, tasks))
    kinds = Counter(item["type"] for item in items(*tasks))
    assert kinds.keys() == {"labels", "choices", "textarea", "relation"}
    assert min(kinds.values()) > 100
    assert {item["from_name"] for item in items(*tasks) if item["type"] == "labels"} == set(exports.SHARES)
    first, second = (
        {(item["value"]["start"], item["value"]["end"]) for item in result if item["type"] == "labels"}
        for result in results[:2]
    )
    assert first != second
    assert len(first & second) > len(first) / 2


def test_without_hard_cases_nothing_is_wrong(tmp_path):
    dataset, tasks = built(tmp_path, 30, 10**9)
    assert dataset.codes == {}
    assert dataset.results == (len(items(*tasks)), 0, 0)


def test_every_hard_case_is_there(hard):
    dataset, tasks = hard
    wrong = task_of(tasks, "unknown-label")
    region = next(item["id"] for item in items(wrong) if item.get("value", {}).get("labels") == ["NO_SUCH_LABEL"])
    on_it = Counter(item["type"] for item in items(wrong) if item.get("id") == region)
    arrows = sum(region in (item.get("from_id"), item.get("to_id")) for item in items(wrong))
    assert on_it["choices"] > 0
    assert dataset.codes == {
        "unknown-label": 1,
        "orphan-attribute": on_it["choices"] + on_it["textarea"],
        "dangling-relation": 1 + arrows,
        "duplicate-region": 1,
        "unknown-control": 1,
        "gold-undecided": 1,
    }
    where = {problem["code"]: problem["task_id"] for problem in dataset.problems}
    for code in ("unknown-label", "duplicate-region", "unknown-control"):
        assert where[code] == str(task_of(tasks, code)["id"])
    assert dataset.counts["article_states"] == {
        "annotated": EVERY - 3,
        "annotated_empty": 1,
        "cancelled": 1,
        "unannotated": 1,
    }
    assert dataset.counts["annotations_cancelled"] == 3
    assert dataset.counts["gold"]["adjudicated"] == EVERY - 3


def test_foreign_offsets_are_repaired_and_loose_quotes_fit(hard):
    dataset, tasks = hard
    repaired = {case: moved(task_of(tasks, case)) for case in ("utf16", "crlf")}
    assert min(repaired.values()) > 10
    assert moved(task_of(tasks, "loose-quotes")) > 2
    assert dataset.counts["repairs"] == repaired
    assert dataset.results[1] == sum(repaired.values())


def measured(tmp_path, code, seconds=60):
    result = tmp_path / "measured.json"
    command = [sys.executable, "-S", BENCHMARKS / "measured.py", result, str(seconds), sys.executable, "-S", "-c", code]
    subprocess.run(command, check=True)
    return json.loads(result.read_bytes())


def test_memory_is_that_of_all_processes_without_mapped_files(tmp_path):
    (tmp_path / "file").write_bytes(bytes(60 << 20))
    run = measured(
        tmp_path,
        "import mmap, subprocess, sys, time\n"
        f"file = open({str(tmp_path / 'file')!r}, 'rb')\n"
        "mapped = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)\n"
        "assert sum(mapped[::4096]) == 0\n"
        "mine = bytearray(b'x') * (30 << 20)\n"
        "other = 'import time; mine = bytearray(b\"x\") * (20 << 20); time.sleep(0.3)'\n"
        "subprocess.run([sys.executable, '-S', '-c', other])\n",
    )
    assert run["code"] == 0, run["stderr"]
    assert 50 < run["peak"] < 75
    assert 30 < run["peak_process"] < 45
    assert run["maxrss"] > 90
    assert run["processes"] == 2


def test_what_takes_too_long_is_stopped_and_its_time_told(tmp_path):
    run = measured(tmp_path, "while True: pass", 0.5)
    assert run["code"] == -9
    assert 0.5 < run["wall"] < 3
    assert 0.02 < run["cpu"] < 3  # on a busy machine it gets little


def floors(corpus, out):
    """A program that only counts tasks in every contestant's place, but for one that fails."""
    (export,) = (corpus / "annotations/exports").iterdir()
    count = f"import json; print(len(json.load(open({str(export)!r}))), 'tasks')"
    failing = "raise SystemExit(3)"
    names = convert_contestants(corpus, out)
    return {name: ["-S", "-c", failing if name == "SDK, CoNLL" else count] for name in names}


convert_contestants = convert.contestants


@pytest.mark.slow
def test_the_table_has_every_size_and_contestant(tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(convert, "contestants", floors)
    monkeypatch.setattr(convert, "same_content", lambda export: None)
    report = tmp_path / "all.json"
    sizes = ["--sizes", "3", "12", "--limit", "5", "--repeat", "2"]
    convert.main([*sizes, "--json", str(report), "--work", str(tmp_path)])
    printed = capsys.readouterr().out.splitlines()
    rows = [[cell.strip() for cell in line.split("|")[1:-1]] for line in printed if line.startswith("|")][2:]
    names = [convert.FLOOR, *convert.OURS, *convert.OTHERS.values()]
    assert [row[1] for row in rows] == 2 * names
    assert all(len(row) == 11 for row in rows)
    by_name = {(row[0].split()[0], row[1]): row for row in rows}
    assert by_name["3", "floor"][6] == "1.0"
    assert by_name["3", "SDK, CoNLL"][2] == "failed with exit code 3"
    assert by_name["12", "SDK, JSON_MIN"][2] == "not run: above the limit of 5 tasks"
    assert by_name["3", "ours, 1 worker"][7] == ""
    assert by_name["3", "ours, 1 worker"][8] == ""
    small, large = (export["runs"] for export in json.loads(report.read_bytes())["exports"])
    before, after = (min(run["wall"] for run in runs["floor"]) for runs in (small, large))
    assert by_name["12", "floor"][7] == f"{after / before * 3 / 12:.2f}"
    assert by_name["12", "floor"][8] == f"{(after - before) / 9e-6:,.0f}"
    assert any("the default command to the floor" in line and "at 12 tasks" in line for line in printed)
    assert [len(small[name]) for name in names] == [2, 2, 2, 2, 2, 2, 1, 2]
    assert "3 tasks" in small["floor"][0]["stdout"]
    assert list(tmp_path.iterdir()) == [report]


def test_another_dataset_from_more_workers_is_an_error():
    export = convert.Export(Path(), 1, 1)
    export.runs = {name: [{"code": 0, "content_digest": name[:6]}] for name in convert.OURS}
    convert.same_content(export)
    export.runs[convert.OURS[-1]][0]["content_digest"] = "other"
    with pytest.raises(SystemExit, match="content digest"):
        convert.same_content(export)


@pytest.mark.slow
def test_a_stage_that_became_slower_is_named(tmp_path, capsys):
    figures = tmp_path / "quick.json"
    given = ["--tasks", "5", "--pairs", "1", "--figures", str(figures)]
    assert quick.main([*given, "--update"]) == 0
    then = json.loads(figures.read_bytes())
    assert then["stages"].keys() == {"floor", quick.START, *where.STAGES, quick.REST, quick.TOTAL}
    assert all(found["seconds"] >= 0 for found in then["stages"].values())
    printed = capsys.readouterr().out
    assert all(f"| {stage} |" in printed for stage in then["stages"])
    then["stages"]["Parquet"] = {"seconds": 0, "minimum": 1, "median": 1}
    then["stages"][quick.TOTAL] = {"seconds": 0, "minimum": 10, "median": 10}
    then["machine"]["pyarrow"] = "0.1"
    figures.write_text(json.dumps(then))
    assert quick.main(given) == 1
    printed = capsys.readouterr().out
    assert "pyarrow: 0.1 then, " in printed
    assert "Parquet: slower by " in printed
    with pytest.raises(SystemExit, match="is of 5 tasks, not of 6"):
        quick.main(["--tasks", "6", "--pairs", "1", "--figures", str(figures)])


def test_slower_is_more_than_five_per_cent_and_than_the_spread():
    def figures(minimum, median, whole=100.0):
        return {"tables": {"minimum": minimum, "median": median}, quick.TOTAL: {"minimum": whole, "median": whole}}

    before = figures(10, 10.2)
    assert quick.slower(before, figures(10.5, 10.6)) == []
    (line,) = quick.slower(before, figures(10.6, 10.7))
    assert line == "tables: slower by 6.0%: 10.60 times the floor, 10.00 before (spread 0.20)"
    assert quick.slower(before, figures(10.6, 11.3)) == []
    assert quick.slower(figures(0.5, 0.5), figures(5, 5)) == []
    (gone,) = quick.slower(before, {quick.TOTAL: before[quick.TOTAL]})
    assert gone.startswith("tables: has no figures now")


@pytest.mark.slow
def test_everything_runs(tmp_path):
    told = tmp_path / "told.json"
    command = [sys.executable, BENCHMARKS / "convert.py", "--sizes", "40", "--repeat", "1", "--json", told]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    (export,) = json.loads(told.read_bytes())["exports"]
    assert {name: runs[0]["code"] for name, runs in export["runs"].items()} == dict.fromkeys(
        [convert.FLOOR, *convert.OURS, *convert.OTHERS.values()], 0
    )
    for name in convert.OURS:
        assert export["runs"][name][0]["counts"]["tasks"] == 40
    assert "failed" not in done.stdout
    profiled = subprocess.run([*command[:4], "--profile"], capture_output=True, text=True, check=True)
    assert "read_back" in profiled.stdout
    assert "| function |" in profiled.stdout


def test_more_processors_divide_only_the_conversion():
    run = {"before": 1.0, "after": 2.0, "main": 3.0, "thread": 2.5, "workers": 37.0}
    assert [cores.predicted(run, number) for number in (1, 2, 8, 32)] == [43.0, 23.0, 8.0, 5.5]


@pytest.mark.slow
def test_processors_are_measured_and_predicted():
    command = [sys.executable, BENCHMARKS / "cores.py", "--tasks", "60"]
    lines = subprocess.run(command, capture_output=True, text=True, check=True).stdout.splitlines()
    rows = [[cell.strip() for cell in line.split("|")[1:-1]] for line in lines if line.startswith("|")]
    assert [row[0] for row in rows] == [
        "workers",
        "---:",
        "1",
        "2",
        "processors",
        "---:",
        *["1", "2", "4", "8", "16", "32"],
    ]
    for row in rows[2:4]:
        assert float(row[1]) == pytest.approx(sum(map(float, row[2:5])), abs=0.2)
