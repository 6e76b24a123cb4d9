"""Every row of the tables of checks, with what it finds and what it lets pass; waivers, which cover and go stale."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections import Counter
from typing import Any

import pyarrow.parquet as pq
import pytest
import tomlkit

from helpers import ROOT
from newsparallax.building import build, problems_of
from newsparallax.convert.checks import ANNOTATION_CHECKS
from newsparallax.corpus import CorpusFolder, open_corpus
from newsparallax.corpus.folder import CORPUS_CHECKS
from newsparallax.corpus.registries import Waiver
from newsparallax.errors import CorpusError
from newsparallax.problems import CODES

TEXT = "Ada met Bob at the Red Lion, and Eve did not."
DAY = r"\d{4}-\d\d-\d\d"
CODEBOOK: dict[str, Any] = {
    "codebook": {"version": "1"},
    "texts": {"text": {"field": "text"}},
    "layers": {
        "names": {
            "labels": {"MAN": {}, "INN": {}},
            "overlap": "nest",
            "attributes": {"who": {"kind": "ref", "many": True, "types_match_label": True}},
        },
        "deeds": {
            "labels": {"MEET": {}, "SHUN": {}},
            "overlap": "forbid",
            "attributes": {
                "how": {"kind": "choice", "values": {"gladly": {}, "badly": {}}, "required": True, "labels": ["MEET"]},
                "why": {"kind": "text", "required_for": ["SHUN"]},
                "moods": {"kind": "choice", "values": {"dark": {}, "light": {}}, "many": True},
                "cure": {"kind": "text", "required_when": {"attribute": "how", "values": ["badly"]}},
                "lamp": {"kind": "text", "required_when": {"attribute": "moods", "values": ["dark"]}},
            },
            "relations": {
                "by": {"to": ["names"], "min": 1, "max": 2},
                "with": {"to": ["names"], "required_when": {"attribute": "moods", "values": ["light"]}},
            },
        },
        "notes": {"labels": {"N": {}}, "attributes": {"days": {"kind": "text", "many": True, "pattern": DAY}}},
    },
}
ENTITIES = {"ada": {"type": "MAN", "qid": "Q7259"}, "bob": {"type": "MAN"}, "lion": {"type": "INN"}}


# Document layers of the corpora in which a check about the whole article is tried.
DOCUMENTS: dict[str, dict[str, Any]] = {
    "missing-value": {
        "tone": {"kind": "choice", "values": {"calm": {}, "loud": {}}, "many": True, "required": True},
        "gist": {"kind": "text", "required": True},
        "aside": {"kind": "text"},
    },
    "pattern-mismatch": {"day": {"kind": "text", "pattern": DAY}},
}


def write(folder, result=(), *, entities=ENTITIES, waivers=(), document=()):
    annotations = folder / "annotations"
    (annotations / "exports").mkdir(parents=True)
    files = {
        "corpus": {"name": "checks", "version": "0.1.0", "articles": {"from_tasks": True, "id_field": "id"}},
        "codebook": CODEBOOK | {"document": dict(document)},
        "entities": entities,
        "annotators": {"a": {"kind": "human", "ids": [1]}},
        "waivers": {"waivers": list(waivers)},
    }
    for name, table in files.items():
        (annotations / f"{name}.toml").write_text(tomlkit.dumps(table), encoding="utf-8")
    made = [{"id": 7, "completed_by": 1, "result": list(result)}]
    task = {"id": 1, "data": {"id": "inn", "text": TEXT}, "annotations": made}
    (annotations / "exports/a.json").write_text(json.dumps([task]), encoding="utf-8")
    return open_corpus(folder)


def span(layer, label, words, number=1, **values):
    """A region over `words`, with its attributes: choices as a list, text as text."""
    start = TEXT.index(words)
    place = {"start": start, "end": start + len(words)}
    region = f"{layer}-{words}-{number}"
    yield item(region, layer, "labels", place | {"text": words, "labels": [label]})
    for name, value in values.items():
        kind, key = ("choices", "choices") if isinstance(value, list) else ("textarea", "text")
        yield item(region, f"{layer}_{name}", kind, place | {key: value})


def item(region, control, kind, value):
    return {"id": region, "from_name": control, "to_name": "text", "type": kind, "value": value}


def arrow(source, target, label):
    return {"type": "relation", "from_id": source, "to_id": target, "direction": "right", "labels": [label]}


ADA, BOB, EVE = (list(span("names", "MAN", name)) for name in ("Ada", "Bob", "Eve"))
TO_ADA = arrow("deeds-met-1", "names-Ada-1", "by")
MET = [*ADA, *span("deeds", "MEET", "met", how=["gladly"]), TO_ADA]


def met(**values):
    return [*ADA, *span("deeds", "MEET", "met", **values), TO_ADA]


def days(*values):
    """A note over Eve with values of `days`."""
    place = {"start": TEXT.index("Eve"), "end": TEXT.index("Eve") + 3}
    return [*span("notes", "N", "Eve"), item("notes-Eve-1", "notes_days", "textarea", place | {"text": list(values)})]


TONE = item("d1", "tone", "choices", {"choices": ["calm"]})
GIST = item("d2", "gist", "textarea", {"text": ["They met."]})

FINDS: dict[str, dict[str, tuple[list[Any], list[str]]]] = {
    "pattern-mismatch": {
        "one-of-several": (
            days("2031-05-04", "4 May", "2031-05-04 "),
            [
                f"N 33..36 of layer notes has the days '4 May', which does not match {DAY}",
                f"N 33..36 of layer notes has the days '2031-05-04 ', which does not match {DAY}",
            ],
        ),
        "a-long-one": (
            days("ab" * 500_000),
            [f"N 33..36 of layer notes has the days '{'ab' * 30}...', which does not match {DAY}"],
        ),
        "of-the-article": (
            [item("d1", "day", "textarea", {"text": ["2031-05"]})],
            [f"the day '2031-05' does not match {DAY}"],
        ),
    },
    "missing-value": {
        "of-an-empty-annotation": (
            [],
            ["the annotation has no value for tone", "the annotation has no value for gist"],
        ),
        "of-one-with-spans": ([*span("notes", "N", "Eve"), TONE], ["the annotation has no value for gist"]),
        "a-choice-of-nothing": (
            [item("d1", "tone", "choices", {"choices": []}), GIST],
            ["the annotation has no value for tone"],
        ),
        **{
            f"text-of-{ord(filler):04x}": (
                [TONE, item("d2", "gist", "textarea", {"text": [filler]})],
                ["the annotation has no value for gist"],
            )
            for filler in "\u3164\u115f\u1160\uffa0\u2800\u200b"
        },
    },
    "overlap": {
        "forbidden": (
            [*MET, *span("deeds", "MEET", "met Bob", how=["gladly"]), arrow("deeds-met Bob-1", "names-Ada-1", "by")],
            ["4..11 and 4..7 of layer deeds overlap"],
        ),
        "one-long-over-two": (
            [
                *ADA,
                *span("deeds", "MEET", "Ada met Bob at", how=["gladly"]),
                *span("deeds", "MEET", "met", how=["gladly"]),
                *span("deeds", "MEET", "at", how=["gladly"]),
                *(arrow(f"deeds-{words}-1", "names-Ada-1", "by") for words in ("Ada met Bob at", "met", "at")),
            ],
            ["0..14 and 4..7 of layer deeds overlap", "0..14 and 12..14 of layer deeds overlap"],
        ),
        "crossing": (
            [*span("names", "INN", "the Red"), *span("names", "INN", "Red Lion")],
            ["15..22 and 19..27 of layer names cross"],
        ),
        "crossing-behind-a-nested-one": (
            [*span("names", "INN", "at the Red"), *span("names", "INN", "the"), *span("names", "INN", "Red Lion")],
            ["12..22 and 19..27 of layer names cross"],
        ),
        "crossing-two": (
            [
                *span("names", "INN", "at the Red"),
                *span("names", "INN", "the Red Lion"),
                *span("names", "INN", "Red Lion,"),
            ],
            ["12..22 and 15..27 of layer names cross", "12..22 and 19..28 of layer names cross"],
        ),
        "crossing-only-the-outer-one": (
            [
                *span("names", "INN", "Bob at the Red"),
                *span("names", "INN", "at the Red Lion"),
                *span("names", "INN", "Red Lion"),
            ],
            ["8..22 and 12..27 of layer names cross", "8..22 and 19..27 of layer names cross"],
        ),
    },
    "missing-attribute": {
        "required": (met(), ["MEET 4..7 of layer deeds has no value for how"]),
        "required-but-empty": (met(how=[]), ["MEET 4..7 of layer deeds has no value for how"]),
        "required-for-its-label": (
            [*ADA, *span("deeds", "SHUN", "met"), TO_ADA],
            ["SHUN 4..7 of layer deeds has no value for why"],
        ),
        "required-by-another": (met(how=["badly"]), ["MEET 4..7 of layer deeds has no value for cure"]),
        "required-by-one-of-several": (
            [*met(how=["gladly"], moods=["light", "dark"]), arrow("deeds-met-1", "names-Ada-1", "with")],
            ["MEET 4..7 of layer deeds has no value for lamp"],
        ),
    },
    "missing-relation": {
        "below-its-minimum": (
            list(span("deeds", "MEET", "met", how=["gladly"])),
            ["MEET 4..7 of layer deeds has 0 relations by; expected at least 1"],
        ),
        "required-by-an-attribute": (
            met(how=["gladly"], moods=["light"]),
            ["MEET 4..7 of layer deeds has 0 relations with; expected at least 1"],
        ),
    },
    "too-many-relations": {
        "above-its-maximum": (
            [*MET, *BOB, *EVE, *(arrow("deeds-met-1", f"names-{name}-1", "by") for name in ("Bob", "Eve"))],
            ["MEET 4..7 of layer deeds has 3 relations by; expected at most 2"],
        ),
    },
    "reference-type": {
        "another-type": (
            list(span("names", "INN", "Ada", who=["ada"])),
            ["the type of ada is MAN, but the label of span 0..3 is INN"],
        ),
        "one-of-several": (
            list(span("names", "MAN", "Ada", who=["ada", "lion"])),
            ["the type of lion is INN, but the label of span 0..3 is MAN"],
        ),
    },
}
PASSES: dict[str, dict[str, list[Any]]] = {
    "pattern-mismatch": {
        "matches": days("2031-05-04"),
        "no-value": days("", " "),
        "several": [*days("2031-05-04", "2031-05-05"), item("d1", "day", "textarea", {"text": ["2031-05-04"]})],
    },
    "missing-value": {"all-given": [TONE, GIST], "the-last-of-many": [GIST, *span("notes", "N", "Eve"), TONE]},
    "overlap": {
        "side-by-side": [*MET, *span("deeds", "SHUN", " Bob", why="?"), arrow("deeds- Bob-1", "names-Ada-1", "by")],
        "nested": [
            *span("names", "INN", "the Red Lion"),
            *span("names", "INN", "Red Lion"),
            *span("names", "INN", "Lion"),
        ],
        "the-same-place": [*span("names", "INN", "Lion"), *span("names", "MAN", "Lion", 2)],
        "touching": [*span("names", "MAN", "the "), *span("names", "INN", "Red")],
        "allowed": [*span("notes", "N", "the Red"), *span("notes", "N", "Red Lion")],
        "two-layers": [*span("notes", "N", "the Red"), *span("names", "INN", "Red Lion")],
    },
    "missing-attribute": {
        "given": MET,
        "not-for-this-label": [*ADA, *span("deeds", "SHUN", "met", why="shy"), TO_ADA],
        "not-called-for": met(how=["gladly"]),
        "called-for-and-given": met(how=["badly"], cure="talk"),
        "one-of-several-and-given": met(how=["gladly"], moods=["dark"], lamp="lit"),
    },
    "missing-relation": {
        "drawn": MET,
        "not-called-for": met(how=["gladly"], moods=["dark"], lamp="lit"),
        "called-for-and-drawn": [*met(how=["gladly"], moods=["light"]), arrow("deeds-met-1", "names-Ada-1", "with")],
    },
    "too-many-relations": {"at-its-maximum": [*MET, *BOB, arrow("deeds-met-1", "names-Bob-1", "by")]},
    "reference-type": {
        "its-type": list(span("names", "MAN", "Ada", who=["ada"])),
        "several-of-its-type": list(span("names", "MAN", "Ada", who=["ada", "bob"])),
        "none": ADA,
    },
}
CORPUS_FINDS: dict[str, tuple[dict[str, Any], list[str]]] = {
    "bad-qid": (
        {"a": {"type": "MAN", "qid": "7259"}, "b": {"type": "MAN", "qid": "Q0"}, "c": {"type": "MAN", "qid": "Q1 "}},
        ["a: '7259' is not a Wikidata item", "b: 'Q0' is not a Wikidata item", "c: 'Q1 ' is not a Wikidata item"],
    ),
    "duplicate-qid": (
        {"a": {"type": "MAN", "qid": "Q1"}, "b": {"type": "INN", "qid": "Q1"}, "c": {"type": "INN", "qid": "Q2"}},
        ["several entities have the item Q1: a, b"],
    ),
    "name-ambiguous": (
        {"a": {"type": "MAN", "names": {"Lion": "", "Leo": ""}}, "b": {"type": "MAN", "names": {"Lion": ""}}},
        ["several entities of type MAN have the name 'Lion': a, b"],
    ),
}
CORPUS_PASSES: dict[str, dict[str, Any]] = {
    "bad-qid": {"a": {"type": "MAN", "qid": "Q7259"}, "b": {"type": "MAN"}},
    "duplicate-qid": {"a": {"type": "MAN", "qid": "Q1"}, "b": {"type": "MAN"}, "c": {"type": "MAN"}},
    "name-ambiguous": {"a": {"type": "MAN", "names": {"Lion": ""}}, "b": {"type": "INN", "names": {"Lion": ""}}},
}


def each(table):
    return [pytest.param(code, name, id=f"{code}-{name}") for code, cases in table.items() for name in cases]


def messages(folder, code=None):
    return [found.message for found in problems_of(folder) if found.code == code or code is None]


@pytest.mark.parametrize(("code", "name"), each(FINDS))
def test_a_check_of_an_annotation_finds(code, name, tmp_path):
    result, expected = FINDS[code][name]
    folder = write(tmp_path, result, document=DOCUMENTS.get(code, {}))
    found = [problem for problem in problems_of(folder) if problem.code == code]
    assert [problem.message for problem in found] == expected
    for problem in found:
        assert (problem.severity, problem.hint) == CODES[code]
        assert (problem.file, problem.article_id, problem.task_id, problem.annotation_id) == ("a.json", "inn", "1", "7")
        assert problem.region_id in {part["id"] for part in result if "id" in part} or code in DOCUMENTS


@pytest.mark.parametrize(("code", "name"), each(FINDS))
def test_it_finds_nothing_else(code, name, tmp_path):
    folder = write(tmp_path, FINDS[code][name][0], document=DOCUMENTS.get(code, {}))
    assert {problem.code for problem in problems_of(folder)} == {code}


@pytest.mark.parametrize(("code", "name"), each(PASSES))
def test_a_check_of_an_annotation_lets_pass(code, name, tmp_path):
    assert messages(write(tmp_path, PASSES[code][name], document=DOCUMENTS.get(code, {}))) == []


@pytest.mark.parametrize("code", CORPUS_FINDS)
def test_a_check_of_the_corpus_finds(code, tmp_path):
    entities, expected = CORPUS_FINDS[code]
    found = list(problems_of(write(tmp_path, entities=entities)))
    assert [problem.message for problem in found] == expected
    assert {(problem.code, problem.file) for problem in found} == {(code, "entities.toml")}


@pytest.mark.parametrize("code", CORPUS_PASSES)
def test_a_check_of_the_corpus_lets_pass(code, tmp_path):
    assert messages(write(tmp_path, entities=CORPUS_PASSES[code])) == []


def test_every_row_has_its_examples_and_every_example_its_row():
    assert {check.code for check in ANNOTATION_CHECKS} == set(FINDS) == set(PASSES)
    assert {check.code for check in CORPUS_CHECKS} == set(CORPUS_FINDS) == set(CORPUS_PASSES)
    assert all(check.code in CODES and check.reads for check in (*ANNOTATION_CHECKS, *CORPUS_CHECKS))


def test_findings_of_checks_take_no_item_away(tmp_path):
    built = build(write(tmp_path / "corpus", [*BAD, *span("notes", "N", "Eve")]), tmp_path / "out")
    counts = built.manifest.counts
    assert (counts.results_in, counts.results_accepted, counts.results_quarantined) == (4, 4, 0)
    assert (counts.problems, built.open.total) == ({"missing-attribute": 1}, 1)


def test_a_choice_of_nothing_is_no_value(tmp_path):
    result = [*met(how=["gladly"], moods=[]), *span("notes", "N", "Eve")]
    built = build(write(tmp_path / "corpus", result), tmp_path / "out")
    votes = pq.read_table(built.place / "votes").to_pylist()
    assert {part["name"]: part["value"] for row in votes for part in row["attributes"]} == {"how": "gladly"}


BAD = met()  # lacks `how`
WHOLE = {"code": "missing-attribute", "reason": "known"}


@pytest.mark.parametrize(
    "place",
    [
        {},
        {"article_id": "inn"},
        {"file": "a.json"},
        {"task_id": "1"},
        {"annotation_id": "7"},
        {"region_id": "deeds-met-1"},
        {"file": "a.json", "article_id": "inn", "task_id": "1", "annotation_id": "7", "region_id": "deeds-met-1"},
    ],
    ids=lambda place: "+".join(place) or "code-alone",
)
def test_a_waiver_covers(place, tmp_path):
    (found,) = problems_of(write(tmp_path, BAD, waivers=[WHOLE | place]))
    assert (found.code, found.waived) == ("missing-attribute", "known")


@pytest.mark.parametrize(
    ("change", "what"),
    [
        ({"code": "overlap"}, "code overlap"),
        ({"article_id": "other"}, "article_id other, code missing-attribute"),
        ({"task_id": "1", "region_id": "r"}, "task_id 1, region_id r, code missing-attribute"),
    ],
    ids=["other-code", "other-article", "other-region"],
)
def test_a_waiver_that_covers_nothing_is_stale(change, what, tmp_path):
    found = list(problems_of(write(tmp_path, BAD, waivers=[WHOLE | change])))
    assert [(problem.code, problem.waived) for problem in found] == [
        ("missing-attribute", None),
        ("stale-waiver", None),
    ]
    assert (found[1].file, found[1].message) == ("waivers.toml", f"waiver 1 ({what}) covers no problem")


def test_a_waiver_goes_stale_when_the_problem_is_corrected(tmp_path):
    assert Counter(p.code for p in problems_of(write(tmp_path / "bad", BAD, waivers=[WHOLE]))) == {
        "missing-attribute": 1
    }
    assert Counter(p.code for p in problems_of(write(tmp_path / "good", MET, waivers=[WHOLE]))) == {"stale-waiver": 1}


def test_one_waiver_covers_many_and_the_first_that_fits_gives_the_reason(tmp_path):
    bad = [*BAD, *span("deeds", "MEET", "did"), arrow("deeds-did-1", "names-Ada-1", "by")]
    second = {"code": "missing-attribute", "reason": "this one", "region_id": "deeds-did-1"}
    found = list(problems_of(write(tmp_path / "a", bad, waivers=[second, WHOLE])))
    assert [(problem.region_id, problem.waived) for problem in found] == [
        ("deeds-met-1", "known"),
        ("deeds-did-1", "this one"),
    ]
    found = list(problems_of(write(tmp_path / "b", bad, waivers=[WHOLE, second])))
    assert Counter((problem.code, problem.waived) for problem in found) == {
        ("missing-attribute", "known"): 2,
        ("stale-waiver", None): 1,
    }


def test_a_build_counts_waived_problems_apart_and_keeps_them(tmp_path):
    result = [*BAD, *span("notes", "N", "Eve")]
    built = build(write(tmp_path / "corpus", result, waivers=[WHOLE]), tmp_path / "out")
    assert (built.open.total, built.open.listed()) == (0, [])
    assert built.manifest.counts.problems_waived == 1
    assert built.manifest.counts.problems == {"missing-attribute": 1}
    (line,) = (tmp_path / "out/problems.jsonl").read_text("utf-8").splitlines()
    assert json.loads(line)["waived"] == "known"


def test_a_problem_of_the_registries_can_be_waived(tmp_path):
    waiver = {"code": "duplicate-qid", "reason": "to be merged", "file": "entities.toml"}
    (found,) = problems_of(write(tmp_path, entities=CORPUS_FINDS["duplicate-qid"][0], waivers=[waiver]))
    assert found.waived == "to be merged"


@pytest.mark.parametrize(
    ("code", "says"),
    [
        ("stale-waiver", '"stale-waiver" cannot be waived'),
        ("unknown-lable", '"unknown-lable" is not a problem code\n  did you mean unknown-label?'),
    ],
)
def test_a_waiver_that_could_cover_nothing_is_refused(code, says, tmp_path):
    with pytest.raises(CorpusError) as caught:
        write(tmp_path, BAD, waivers=[WHOLE, {"code": code, "reason": "known"}])
    assert str(caught.value).startswith(f"waivers.toml: waivers.2.code: {says}")


def test_a_stale_waiver_is_never_judged(tmp_path):
    folder = write(tmp_path / "corpus", MET, waivers=[WHOLE])
    hiding = CorpusFolder(folder.root, folder.context, [*folder.waivers, Waiver("stale-waiver", "hide it")])
    assert [found.waived for found in problems_of(hiding)] == [None, None]
    assert build(hiding, tmp_path / "out").open.total == 2


def test_check_lists_the_problems_before_it_asks_for_adjudication(tmp_path):
    write(tmp_path, BAD)
    registry = tmp_path / "annotations/corpus.toml"
    registry.write_text(re.sub(r'version = "[^"]*"', 'version = "1.0.0"', registry.read_text("utf-8")), "utf-8")
    command = [sys.executable, ROOT / "scripts/check.py", "--corpus", tmp_path]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert done.stderr.index("missing-attribute") < done.stderr.index("error: corpus.toml: version: 1.0.0 requires")
