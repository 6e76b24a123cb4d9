"""scripts/scale.py: whatever the shards and tasks, what comes out is what build.py makes of them."""

from __future__ import annotations

import gzip
import json
import os
import random
import shutil
import zipfile
from functools import reduce
from io import BytesIO
from itertools import pairwise
from unittest.mock import patch

import pytest
import zstandard
from hypothesis import given, settings
from hypothesis import strategies as st

from helpers import CORPORA, ROOT, Dataset, span, task
from helpers import write_corpus as write_case
from newsparallax.building import build, workers
from newsparallax.building.batch import convert_batch
from newsparallax.corpus import open_corpus
from newsparallax.dataset import BuildCounts, make_manifest
from newsparallax.dataset.manifest import NearDuplicates
from newsparallax.errors import CorpusError, NewsParallaxError, UsageError
from newsparallax.scale import combine, pack, plan, run, spill
from newsparallax.scale import stages as steps
from newsparallax.scale.plan import find_shards
from sharded import assert_same, built, mixed_shards

ARTICLES = 60
SEED = 4  # of `tasks`
MERGE = "newsparallax.scale.run.load_first"


def in_place(stages, *_):
    """Runs all ranks in this process, in any order, and one of each stage twice."""
    for stage in stages:
        ranks = [*range(stage.ranks), 0]
        random.Random(stage.name).shuffle(ranks)
        for rank in ranks:
            stage.step(None, rank, stage.ranks)


def scaled(folder, patterns, out, tasks=None, *, read_back=False):
    """The dataset that scale.py makes; without processes, and without what `datasets` says of it."""
    with patch.object(run, "_run", lambda found, *_: in_place(found)):
        if read_back:
            run.scale(open_corpus(folder), patterns, str(out), tasks=tasks)
        else:
            with patch(MERGE):
                run.scale(open_corpus(folder), patterns, str(out), tasks=tasks)
    return Dataset(out)


@pytest.fixture(scope="module")
def shards(tmp_path_factory, tasks):
    return mixed_shards(tmp_path_factory.mktemp("shards"), tasks)


@pytest.mark.parametrize("count", [1, 3, 7])
def test_tasks_and_shards_do_not_matter(count, corpus, shards, expected, tmp_path):
    found = scaled(corpus, [f"{shards}/deep/*", f"{shards}/*.*"], tmp_path / "out", count)
    assert_same(found, expected, files=False)
    assert [path.name for path in found.place.glob("articles/train-*.parquet")] == ["train-00000.parquet"]
    assert [path.name for path in tmp_path.iterdir()] == ["out"]  # nothing is left of the work


def test_one_shard_gives_the_very_problems(corpus, expected, tmp_path):
    found = scaled(corpus, [f"{corpus}/annotations/exports/*.json"], tmp_path / "out", read_back=True)
    assert_same(found, expected)
    assert (found.place / "problems.jsonl").read_bytes() == (expected.place / "problems.jsonl").read_bytes()
    assert (found.place / "README.md").read_bytes() == (expected.place / "README.md").read_bytes()


@pytest.mark.slow
def test_small_batches_do_not_matter(corpus, shards, expected, tmp_path, monkeypatch):
    monkeypatch.setattr(spill, "FLUSH_BYTES", 3000)
    monkeypatch.setattr(plan, "BUCKET_BYTES", 40_000)
    monkeypatch.setattr(plan, "MAX_RANKS", 3)
    monkeypatch.setattr(plan, "COMBINED", 4)
    monkeypatch.setattr(combine, "HASHES_AT_ONCE", 10)
    monkeypatch.setattr(workers, "PART_ARTICLES", 2)
    monkeypatch.setattr(pack, "TARGET_BYTES", 40_000)
    found = scaled(corpus, [f"{shards}/**/*.*"], tmp_path / "out")
    names = sorted(path.name for path in found.place.glob("votes/train-*.parquet"))
    assert names == [f"train-{number:05d}.parquet" for number in range(len(names))]
    assert len(names) > 2
    assert_same(found, expected, files=False)


@pytest.mark.parametrize("folder", [ROOT, CORPORA / "zeitung", CORPORA / "from_tasks"], ids=lambda path: path.name)
def test_real_corpora(folder, tmp_path):
    """With seeds, also such as nobody has annotated, and without."""
    patterns = [f"{folder}/annotations/exports/**/*.json", f"{folder}/annotations/exports/**/*.jsonl"]
    found = scaled(
        folder, [p for p in patterns if list(folder.glob(p.removeprefix(f"{folder}/")))], tmp_path / "out", 3
    )
    assert_same(found, built(folder, tmp_path / "built"))


KEYS = ("1", "1-2", "1.b", "1.b.b", "1.b.c", "1.c", "1/", "10", "2", "2.b", "2.b.c", "2.c.b", "3.b", "b", "b.b")


@pytest.mark.slow
@pytest.mark.parametrize("count", [1, 4])
def test_no_two_articles_have_one_id_wherever_their_tasks_lie(count, tmp_path):
    """A second text is called ID.NAME, as another article may be: that one is set aside, the same by every engine."""
    tasks = []
    for number, key in enumerate(KEYS):
        shown = {"text": f"Ann {number}", "b": f"Bob {number}", "c": f"Eve {number}", "key": key}
        shown |= {"c": None} if key == "1" else {"b": None} if key == "2" else {}
        made = {"id": number, "completed_by": 1, "result": [span(0, 3, "Ann", to_name="a")]}
        tasks.append({"id": number, "data": shown, "annotations": [made]})
    case = {
        "exports": {"a.json": tasks[::2], "b.json": tasks[1::2]},
        "corpus": {"articles": {"from_tasks": True, "id_field": "key"}, "splits": {"train": 1, "test": 1}},
        "codebook": {"texts": {"a": {"field": "text"}, "b": {"field": "b"}, "c": {"field": "c"}}},
    }
    folder = write_case(tmp_path / "corpus", case)
    one = built(folder, tmp_path / "built")
    aside = {found["article_id"] for found in one.problems if found["code"] == "article-id-taken"}
    assert aside == {"1.b", "2.b.c", "b.b"}  # 1.b has no texts, so 1.b.b and 1.b.c are free; 1 has no c, 2 no b
    assert one.results == (len(KEYS) - 3, 0, 3)
    for config, key in (("articles", "article_id"), ("tokens", "block_id"), ("spans", "span_id"), ("votes", "span_id")):
        ids = [row[key] for row in one.rows(config)]
        assert len(ids) == len(set(ids)), config
    found = scaled(folder, [f"{folder}/annotations/exports/*"], tmp_path / "out", count)
    assert_same(found, one)
    with patch.object(workers, "PART_ARTICLES", 2):
        several = build(open_corpus(folder), tmp_path / "several", workers=2, verify=False)
    assert several.manifest.content_digest == one.manifest.content_digest
    assert (several.place / "problems.jsonl").read_bytes() == (one.place / "problems.jsonl").read_bytes()


@pytest.mark.parametrize("count", [1, 4])
def test_texts_of_two_articles_may_have_one_id_that_is_no_article(count, tmp_path):
    """The text `b.c` of 1 and the text `c` of 1.b; of 2.b nothing clashes, since 2 has no text `b.c`."""
    tasks = [
        {"id": number, "data": {"text": "Ann", "key": key, **more}, "annotations": []}
        for number, (key, more) in enumerate(
            [("1", {"x": "Bob"}), ("1.b", {"y": "Eve"}), ("2", {"y": "Bob"}), ("2.b", {"y": "Eve"})]
        )
    ]
    case = {
        "exports": {"a.json": tasks},
        "corpus": {"articles": {"from_tasks": True, "id_field": "key"}},
        "codebook": {"texts": {"a": {"field": "text"}, "b.c": {"field": "x"}, "c": {"field": "y"}}},
    }
    folder = write_case(tmp_path / "corpus", case)
    one = built(folder, tmp_path / "built")
    assert [found["article_id"] for found in one.problems if found["code"] == "article-id-taken"] == ["1.b"]
    assert [row["article_id"] for row in one.rows("articles")] == ["1", "1.b.c", "2", "2.c", "2.b", "2.b.c"]
    assert_same(scaled(folder, [f"{folder}/annotations/exports/*"], tmp_path / "out", count), one)


@pytest.mark.parametrize("id_from", ["task", "data"])
@pytest.mark.parametrize("count", [1, 5])
def test_equal_data_are_one_article_wherever_they_lie(id_from, count, tmp_path):
    """Called by the lowest id of all shards; two texts may have the same one; a task may have none, or no text."""

    def one(number, text, name="Ann"):
        return {**task(f"{text} {name} met Bob.", [span(len(text) + 1, len(text) + 1 + len(name), name)]), "id": number}

    nameless = {key: value for key, value in one(0, "N").items() if key != "id"}
    exports = {
        "a.json": [one(10, "A"), one(3, "B"), one("x", "C"), nameless, {"id": 5, "data": {"text": ""}}],
        "b.json": [one(9, "A"), one(30, "B"), one(9, "D"), one("01", "E"), {"id": 6, "data": {"text": ""}}],
        "c.json": [one(100, "A"), one("w", "C"), one(1, "E"), one(7, "N")],
    }
    case = {"exports": exports, "corpus": {"articles": {"from_tasks": True, "id_from": id_from}}}
    folder = write_case(tmp_path / "corpus", case)
    found = scaled(folder, [f"{folder}/annotations/exports/*"], tmp_path / "out", count)
    assert_same(found, built(folder, tmp_path / "built"))
    if id_from == "task":
        assert {row["article_id"] for row in found.rows("articles")} >= {"9", "3", "w", "7"}


@pytest.mark.parametrize("count", [1, 5])
def test_people_who_share_a_number_are_told_apart_wherever_their_tasks_lie(count, tmp_path):
    def one(number, name):
        made = {"id": number, "completed_by": {"id": 1, "email": f"{name}@example.org"}, "result": [span(0, 3, "Ann")]}
        return {"id": number, "data": {"text": f"Ann met {number}."}, "annotations": [made]}

    exports = {
        "a.json": [one(1, "zoe"), one(2, "zoe"), {**task("Ann left.", [span(0, 3, "Ann")]), "id": 3}],
        "b.json": [one(4, "bob")],
        "c.json": [one(5, "ann"), one(6, "bob")],
    }
    folder = write_case(tmp_path / "corpus", {"exports": exports})
    found = scaled(folder, [f"{folder}/annotations/exports/*"], tmp_path / "out", count)
    assert_same(found, built(folder, tmp_path / "built"))
    assert {row["article_id"]: row["annotator"][-3:] for row in found.rows("articles")} == {
        **dict.fromkeys("123", "(3)"),
        "4": "(2)",
        "5": "(1)",
        "6": "(2)",
    }


def test_seeds_without_tasks_are_articles(tmp_path):
    seeds = {f"{name}.txt": f"{name} met Bob." for name in ("Ann", "Eve", "Joe", "Zoe", "Max")}
    exports = {"a.json": [task("Joe met Bob.", [span(0, 3, "Joe")]), task("Unknown to all.", id=2)]}
    folder = write_case(tmp_path / "corpus", {"seeds": seeds, "exports": exports})
    found = scaled(folder, [f"{folder}/annotations/exports/*"], tmp_path / "out", 3)
    assert_same(found, built(folder, tmp_path / "built"))
    assert found.counts["article_states"] == {"annotated": 1, "unannotated": 4}


def test_a_version_without_adjudication_is_refused(tmp_path):
    exports = {"a.json": [task("Ann met Bob.", [span(0, 3, "Ann")])]}
    folder = write_case(tmp_path / "corpus", {"exports": exports, "corpus": {"version": "1.0.0"}})
    with pytest.raises(CorpusError, match="requires human adjudication"):
        scaled(folder, [f"{folder}/annotations/exports/*"], tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_near_duplicates_share_a_split_as_in_a_build(tmp_path):
    """Reports that are nearly the same, in shards of their own and told as events of their own."""
    chance = random.Random(3)
    words = [f"w{number}" for number in range(500)]
    reports = [chance.choices(words, k=60) for _ in range(12)]
    tasks = [task(" ".join(report)) | {"id": number} for number, report in enumerate(reports, 1)]
    tasks += [task("By us: " + " ".join(report[:-3])) | {"id": number} for number, report in enumerate(reports[:8], 20)]
    exports = {f"{number}.json": [one] for number, one in enumerate(tasks)}
    settings = {"near_duplicates": 0.5, "splits": {"train": 1, "test": 1}}
    folder = write_case(
        tmp_path / "corpus", {"exports": exports, "corpus": {"articles": {"from_tasks": True}} | settings}
    )
    found = scaled(folder, [f"{folder}/annotations/exports/*"], tmp_path / "out", 3)
    assert_same(found, built(folder, tmp_path / "built"))
    assert found.manifest.splits.near_duplicates == NearDuplicates(at_least=0.5, groups=8, events=16)


GOOD = json.dumps([task("Ann met Bob.", [span(0, 3, "Ann")])]).encode()


def zipped(*exports: bytes) -> bytes:
    content = BytesIO()
    with zipfile.ZipFile(content, "w") as archive:
        for number, export in enumerate(exports):
            archive.writestr(f"{number}.json", export)
    return content.getvalue()


POISON = {
    "empty": (b"", "empty-file"),
    "binary": (random.Random(0).randbytes(4000), "not-utf8"),
    "cut": (GOOD[:-9], "truncated-json"),
    "words": (b"a,b\n1,2\n", "not-json"),
    "min": (b'[{"id": 1, "text": "Ann", "annotator": 1, "annotation_id": 2}]', "unknown-shape"),
    "gzip-cut": (gzip.compress(GOOD)[:-12], "truncated-json"),
    "gzip-damaged": (gzip.compress(GOOD)[:10] + b"\xff" * 40, "not-json"),
    "zip-of-none": (zipped(), "not-json"),
    "zip-cut": (zipped(GOOD)[:-9], "not-json"),
    "zstd-cut": (zstandard.compress(GOOD)[:-3], "truncated-json"),
    "zstd-damaged": (zstandard.compress(GOOD)[:4] + b"\xff" * 60, "not-json"),
}


def test_a_poisoned_shard_is_a_problem_and_the_rest_is_converted(tmp_path):
    folder = write_case(tmp_path / "corpus", {"exports": {}})
    for name, (content, _) in POISON.items():
        (tmp_path / "shards").mkdir(exist_ok=True)
        (tmp_path / "shards" / name).write_bytes(content)
    (tmp_path / "shards" / "good").write_bytes(zipped(GOOD))
    found = scaled(folder, [f"{tmp_path}/shards/*"], tmp_path / "out", 4)
    told = {problem["file"]: problem["code"] for problem in found.problems}
    assert told == {name: code for name, (_, code) in POISON.items()}
    assert all(problem["message"].startswith("the shard was skipped") and problem["hint"] for problem in found.problems)
    assert found.codes["truncated-json"] == 3
    assert found.results == (1, 0, 0)


def test_waivers_hold_for_shards_and_stale_ones_are_told(tmp_path):
    waivers = [{"code": "empty-file", "reason": "known"}, {"code": "no-text", "reason": "gone"}]
    folder = write_case(tmp_path / "corpus", {"exports": {"a.json": json.loads(GOOD)}, "waivers": waivers})
    exports = folder / "annotations/exports"
    (exports / "note.md").write_text("not an export, and none of those that were asked for")
    (exports / "b.json").write_bytes(b"")
    found = scaled(folder, [f"{exports}/*.json"], tmp_path / "out", 2)
    assert [(problem["code"], problem["waived"]) for problem in found.problems] == [
        ("empty-file", "known"),
        ("stale-waiver", None),
    ]
    assert found.counts["problems_waived"] == 1


def test_nothing_but_empty_shards(tmp_path):
    folder = write_case(tmp_path / "corpus", {"exports": {"a.json": {"raw": "[]"}}})
    found = scaled(folder, [f"{folder}/annotations/exports/*"], tmp_path / "out", 2)
    assert_same(found, built(folder, tmp_path / "built"))
    assert found.codes == {"no-articles": 1}


@pytest.fixture(scope="module")
def parts(corpus, tasks):
    """Parts of a few articles each, as ranks count them."""
    context = open_corpus(corpus).context
    by_key = {}
    for one in tasks:
        by_key.setdefault(one["data"]["key"], []).append(one)
    from newsparallax.convert import RawTask

    articles = [(key, [RawTask("a", json.dumps(one).encode()) for one in found]) for key, found in by_key.items()]
    return context, [
        convert_batch(context, articles[at : at + 4], lambda _: None).tally for at in range(0, len(articles), 4)
    ]


@settings(max_examples=40, deadline=None)
@given(data=st.data())
def test_manifests_merge_in_any_grouping_and_order(parts, data):
    context, tallies = parts
    order = data.draw(st.permutations(range(len(tallies))))
    cuts = sorted(data.draw(st.sets(st.integers(1, len(tallies) - 1))))
    groups = [order[begin:end] for begin, end in pairwise([0, *cuts, len(order)])]

    def total(found):
        return reduce(BuildCounts.__add__, found, BuildCounts())

    one = total(total(tallies[number] for number in group) for group in groups)
    whole = total(tallies)
    assert make_manifest(context, one, {}, {}) == make_manifest(context, whole, {}, {})
    assert one.agreement == whole.agreement
    assert one.events == whole.events


def key_of(folder, patterns, tasks=None):
    return plan.make_job(open_corpus(folder), find_shards(patterns), tasks).key


def test_the_key_of_a_run_tells_what_it_depends_on(tmp_path, monkeypatch):
    seeds = {"Ann.txt": "Ann met Bob."}
    exports = {"a.json": [task("Ann met Bob.")]}
    folder = write_case(tmp_path / "corpus", {"seeds": seeds, "exports": exports})
    patterns = [f"{folder}/annotations/exports/*"]
    keys = [key_of(folder, patterns)]
    assert key_of(folder, patterns) == keys[0]

    def changed(what):
        keys.append(key_of(folder, patterns))
        assert len(set(keys)) == len(keys), what

    (folder / "annotations/exports/a.json").write_text(json.dumps([task("Ann met Bob!")]))
    changed("a shard with another content of the same size")
    (folder / "annotations/exports/b.json").write_text("[]")
    changed("one more shard")
    (folder / "seeds/Ann.txt").write_text("Ann met Tom.")
    changed("the text of a seed")
    (folder / "annotations/entities.toml").write_text('[bob]\ntype = "PER"\n')
    changed("a registry")
    codebook = folder / "annotations/codebook.toml"
    codebook.write_text(codebook.read_text().replace("LOC", "GPE"))
    changed("the codebook")
    monkeypatch.setattr(plan, "_source_digest", lambda: "another program")
    changed("the program")
    keys.append(key_of(folder, patterns, 7))
    assert len(set(keys)) == len(keys)


def test_shards_are_found_once_each_and_named_by_what_a_wildcard_decides(tmp_path):
    for name in ("x/a.json", "x/y/b.json", "z/a.json", "x/.c.json"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("[]")

    def names(*patterns):
        return [shard.name for shard in find_shards([f"{tmp_path}/{pattern}" for pattern in patterns])]

    assert names("x/a.json") == ["a.json"]
    assert names("x/**/*.json", "x/*.json") == ["a.json", "y/b.json"]
    assert names("*/*.json") == ["x/a.json", "z/a.json"]
    assert names("x/*.json", "z/*.json") == [f"{tmp_path}/x/a.json", f"{tmp_path}/z/a.json"]


@pytest.mark.parametrize(
    ("pattern", "out", "told"),
    [
        ("{}/nothing/*.json", "{}/out", "matches no file"),
        ("{}/nothing.json", "{}/out", "matches no file"),
        ("{}/corpus/*", "{}/out", "matches only folders"),
        ("nope://x/*", "{}/out", "nope://x/*: fsspec does not support URLs of this kind"),
        ("{}/corpus/annotations/exports/*", "nope://x", "nope://x: fsspec does not support URLs of this kind"),
        ("{}/corpus/annotations/exports/*", "gs://bucket/x", "Please install gcsfs"),
        ("{}/corpus/annotations/exports/*", "s3://bucket", "s3://bucket is a bucket, not a folder"),
        ("{}/corpus/annotations/exports/*", "/", "/ contains files that are not a build"),
        ("{}/corpus/annotations/exports/*", "{}/mine", "contains files that are not a build"),
        ("{}/corpus/annotations/exports/*", "{}/mine/notes.md", "is a file; expected a folder"),
        ("{}/corpus/annotations/exports/*", "{}/corpus/seeds/out", "contains input files"),
    ],
)
def test_what_cannot_be_used_is_refused_by_name(pattern, out, told, tmp_path):
    folder = write_case(tmp_path / "corpus", {"exports": {"a.json": json.loads(GOOD)}})
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine/notes.md").write_text("mine")
    before = sorted(tmp_path.rglob("*"))
    with pytest.raises(UsageError, match=told.replace("*", r"\*")):
        run.scale(open_corpus(folder), [pattern.format(tmp_path)], out.format(tmp_path))
    assert sorted(tmp_path.rglob("*")) == before


def test_a_link_stands_for_the_shard_that_it_leads_to(tmp_path):
    for name in ("deep", "away"):
        (tmp_path / name).mkdir()
    (tmp_path / "away/a\nb.json").write_bytes(GOOD)
    (tmp_path / "deep/c.json").write_bytes(b"[]")
    (tmp_path / "deep/link.json").symlink_to("../away/a\nb.json")
    (tmp_path / "deep/up").symlink_to("../deep")
    for pattern in ("deep/*", "deep/**"):
        found = {shard.name: shard.size for shard in find_shards([f"{tmp_path}/{pattern}"])}
        assert found == {"c.json": 2, "link.json": len(GOOD)}
    found = scaled(write_case(tmp_path / "corpus", {"exports": {}}), [f"{tmp_path}/deep/*"], tmp_path / "out", 2)
    assert found.results == (1, 0, 0)
    for target, told in (("gone.json", "No such file"), ("lost.json", "Too many levels of symbolic links")):
        (tmp_path / "deep/lost.json").symlink_to(target)
        with pytest.raises(UsageError, match=rf"deep/lost\.json: {told}.*\n  correct the link, or remove it"):
            find_shards([f"{tmp_path}/deep/*"])
        (tmp_path / "deep/lost.json").unlink()
    os.mkfifo(tmp_path / "deep/pipe.json")
    with pytest.raises(UsageError, match=r"deep/pipe\.json is a pipe or device; expected a file"):
        find_shards([f"{tmp_path}/deep/*"])


def test_an_out_that_is_a_link_to_itself_is_refused(tmp_path):
    folder = write_case(tmp_path / "corpus", {"exports": {"a.json": json.loads(GOOD)}})
    (tmp_path / "loop").symlink_to("loop")
    with pytest.raises(UsageError, match="loop is a symbolic link"):
        scaled(folder, [f"{folder}/annotations/exports/*"], tmp_path / "loop")


def test_an_earlier_build_is_replaced(corpus, expected, shards, tmp_path):
    shutil.copytree(expected.place, tmp_path / "out")
    folder = write_case(tmp_path / "corpus", {"exports": {"a.json": json.loads(GOOD)}})
    found = scaled(folder, [f"{folder}/annotations/exports/*"], tmp_path / "out")
    assert found.manifest.name == "case"


def test_what_is_not_read_back_as_written_stops(corpus, tmp_path):
    """A file of a bucket that lost its rows is not published."""
    keep = steps._convert

    def lossy(*arguments):
        found = keep(*arguments)
        found.tally.rows["names", "train"] += 1
        return found

    with (
        patch.object(steps, "_convert", lossy),
        pytest.raises(NewsParallaxError, match="names: train: the files contain"),
    ):
        scaled(corpus, [f"{corpus}/annotations/exports/*"], tmp_path / "out")
    assert not (tmp_path / "out").exists()
