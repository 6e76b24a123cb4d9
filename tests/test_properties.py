"""What must hold for any text, any spans and any garbage, tried on generated examples."""

from __future__ import annotations

import json
import math
from collections import Counter
from collections.abc import Callable
from itertools import pairwise
from typing import Any, NamedTuple

import datasets
import msgspec
import numpy as np
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from generate_corpus import CODEBOOK, CORPUS, make_tasks, write_corpus
from newsparallax.building import ConvertedBatch
from newsparallax.building.batch import convert_batch
from newsparallax.convert import RawTask, Span, convert_article, index_tasks, token_rows, unit_tasks
from newsparallax.convert.token_rows import tagged_ranges
from newsparallax.corpus import CorpusSpec, open_corpus, schema
from newsparallax.dataset import BuildCounts, ConfigWriter, make_manifest
from newsparallax.dataset.manifest import content_digest
from newsparallax.errors import ExportError
from newsparallax.exports import split_tasks
from newsparallax.ids import DIGEST_MODULUS
from newsparallax.text import TextIndex, is_blank

QUIET = [HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.function_scoped_fixture]


def examples(fast: int, thorough: int):
    """A few examples of a property in every run, many in the slow suite."""

    def both(test):
        return pytest.mark.parametrize(
            "profile",
            [
                pytest.param(settings(max_examples=fast, deadline=None, suppress_health_check=QUIET), id="fast"),
                pytest.param(
                    settings(max_examples=thorough, deadline=None, suppress_health_check=QUIET),
                    id="thorough",
                    marks=pytest.mark.slow,
                ),
            ],
        )(test)

    return both


def context_of(folder, corpus=CORPUS, codebook=CODEBOOK) -> CorpusSpec:
    return open_corpus(write_corpus(folder, [], corpus=corpus, codebook=codebook)).context


@pytest.fixture(scope="module")
def context(tmp_path_factory):
    return context_of(tmp_path_factory.mktemp("trim"))


@pytest.fixture(scope="module")
def keeping(tmp_path_factory):
    return context_of(tmp_path_factory.mktemp("keep"), CORPUS + '\n[offsets]\nedge_spaces = "keep"\n')


@pytest.fixture(scope="module")
def another(tmp_path_factory):
    """Tasks name no article, texts are HTML, gold is what most annotators say."""
    corpus = 'gold = "majority"\n' + CORPUS.replace('id_field = "key"', 'id_from = "data"')
    codebook = CODEBOOK.replace('field = "text"', 'field = "text"\nkind = "html"')
    return context_of(tmp_path_factory.mktemp("another"), corpus, codebook)


def convert(context: CorpusSpec, tasks: list[dict[str, Any]], article_id: str = "a"):
    raw = [RawTask("export.json", json.dumps(task).encode()) for task in tasks]
    return convert_article(context, article_id, raw, lambda _: None)


# ---------------------------------------------------------------------------------------------- offsets and quotes

PIECES = (
    "word", " ", "  ", "\t", "\n", "\r\n", "\r", "\\n", "\\", "\u200b", "\u200d", "\ufeff", "\u00ad", "\u00a0",
    "\u2028", "e\u0301", "\u0301", "é", "ﷺ", "북", "😀", "👩‍👩‍👧‍👦", "🇫🇷", "🇺", "👍🏽", "𝒜", "\U0010ffff", "\x00",
    '"', "a", "ab", "aa", ".",
)  # fmt: skip
# Without slashes, with which a text may be read as a reference to one.
texts = st.lists(
    st.sampled_from(PIECES) | st.text(st.characters(codec="utf-8", exclude_characters="/"), max_size=4),
    min_size=1,
    max_size=24,
).map("".join)


@st.composite
def marked_texts(draw):
    """A text and some `[start, end)` in it that hold more than white space."""
    text = draw(texts.filter(lambda text: text.strip()))
    edge = st.integers(0, len(text))
    pairs = draw(st.lists(st.tuples(edge, edge).map(sorted), max_size=8))
    return text, [(start, end) for start, end in pairs if text[start:end].strip()]


def task_with(text: str, offsets: list[tuple[int, int]], quotes: list[str]) -> dict[str, Any]:
    items = [
        {
            "id": f"r{number}",
            "from_name": "names",
            "to_name": "body",
            "type": "labels",
            "value": {"start": start, "end": end, "text": quote, "labels": ["PER"]},
        }
        for number, ((start, end), quote) in enumerate(zip(offsets, quotes, strict=True))
    ]
    annotation = {"id": 1, "completed_by": 1, "result": items}
    return {"id": 1, "data": {"key": "a", "text": text, "title": "t"}, "annotations": [annotation]}


def utf16(text: str, offset: int) -> int:
    return len(text[:offset].encode("utf-16-le")) // 2


def single_newlines(text: str, offset: int) -> int:
    """With CRLF counted as one character."""
    return offset - text[:offset].count("\r\n")


UNITS: dict[str, Callable[[str, int], int]] = {
    "code points": lambda text, offset: offset,
    "utf16": utf16,
    "crlf": single_newlines,
    "crlf+utf16": lambda text, offset: utf16(text.replace("\r\n", "\n"), single_newlines(text, offset)),
}


def splits_crlf(text: str, offset: int) -> bool:
    return text[offset - 1 : offset + 1] == "\r\n" if offset else False


@examples(100, 1500)
@pytest.mark.parametrize("policy", ["trim", "keep"])
@pytest.mark.parametrize("unit", UNITS)
def test_a_region_ends_at_its_own_place_or_in_quarantine(context, keeping, policy, unit, profile):
    """All regions of an annotation are counted in one unit; a third of them have no quote."""

    @profile
    @given(marked_texts(), st.lists(st.integers(0, 2), min_size=8, max_size=8))
    @example(("😀a b😀 a", [(1, 4), (5, 7)]), [1] * 8)
    @example(("\0", [(0, 1)]), [1] * 8)  # ASCII, and yet nothing that a reader sees
    @example((" 000\x1b", [(0, 5)]), [1] * 8)
    @example(("😀aa", [(1, 2), (2, 3)]), [1] * 8)  # both offsets also fit as code points, or nearly so
    @example(("😀\r\n\r\nab cd", [(5, 7), (8, 10)]), [1] * 8)
    @example(("😀 Ann 😀 Bob 😀 Oslo x", [(2, 5), (8, 11), (14, 18)]), [1, 0, 1, 0, 0, 0, 0, 0])
    def holds(marked, quoted):
        text, places = marked
        if unit.startswith("crlf"):
            places = [place for place in places if not any(splits_crlf(text, edge) for edge in place)]
        quotes = [text[start:end] if has else "" for (start, end), has in zip(places, quoted, strict=False)]
        if unit.startswith("crlf"):
            quotes = [quote.replace("\r\n", "\n") for quote in quotes]
        offsets = [(UNITS[unit](text, start), UNITS[unit](text, end)) for start, end in places]
        found = convert(keeping if policy == "keep" else context, [task_with(text, offsets, quotes)])
        (marked_up,) = found.marked
        at = {int((span.region_id or "r")[1:]): (span.start, span.end) for span in marked_up.spans}
        aside = {int((problem.region_id or "r")[1:]): problem.code for problem in found.problems}
        for number, (start, end) in enumerate(places):
            kept = text[start:end].strip() if policy == "trim" else text[start:end]
            begin = start + text[start:end].index(kept)
            if number in at:
                assert at[number] == (begin, begin + len(kept))
            else:
                assert aside[number] in ("ambiguous-offsets", "duplicate-region", "empty-span")
        seen = not any(is_blank(text[start:end]) for start, end in places)
        if unit == "code points" and all(quotes) and seen and text.isascii() and "\r" not in text:
            assert set(aside.values()) <= {"duplicate-region", "invisible-characters"}  # the latter of a part of a span

    holds()


@examples(100, 2000)
def test_offsets_without_a_quote_are_never_moved(context, profile):
    @profile
    @given(texts, st.integers(-3, 40), st.integers(-3, 40))
    def holds(text, start, end):
        found = convert(context, [task_with(text, [(start, end)], [""])])
        index = TextIndex(text)
        readings = {place for place in index.readings(start, end).values() if place}
        spans = [span for marked in found.marked for span in marked.spans]
        assert [(span.start, span.end) for span in spans] == [
            (begin + len(piece) - len(piece.lstrip()), begin + len(piece.rstrip()))
            for begin, stop in readings
            if len(readings) == 1 and not is_blank(piece := text[begin:stop])
        ]

    holds()


PARAGRAPHS = st.lists(
    st.lists(st.sampled_from(["Ann", "Bob", "😀", "met", "left"]), min_size=1, max_size=5), min_size=2, max_size=8
)


@examples(100, 1500)
@pytest.mark.parametrize("unit", ["code points", "utf16"])
def test_a_region_of_a_shifted_page_ends_at_its_own_place_or_in_quarantine(another, unit, profile):
    """The offsets of all regions are shifted by a title; a third of the regions have no quote."""
    count = UNITS[unit]

    @profile
    @given(PARAGRAPHS, st.integers(0, 40), st.data())
    def holds(paragraphs, shift, data):
        page = "".join(f"<p>{' '.join(words)}</p>" for words in paragraphs)
        items, places = [], []
        for number in range(data.draw(st.integers(1, 6))):
            paragraph = data.draw(st.integers(0, len(paragraphs) - 1))
            word = data.draw(st.integers(0, len(paragraphs[paragraph]) - 1))
            begin = sum(len(" ".join(words)) for words in paragraphs[:paragraph])
            inside = len(" ".join([*paragraphs[paragraph][:word], ""]))
            quote = paragraphs[paragraph][word]
            places.append((begin + inside, begin + inside + len(quote)))
            value = {"start": f"/p[{paragraph + 1}]/text()[1]", "end": f"/p[{paragraph + 1}]/text()[1]"}
            words = " ".join(paragraphs[paragraph])
            value |= {"startOffset": count(words, inside), "endOffset": count(words, inside + len(quote))}
            text = "".join(" ".join(words) for words in paragraphs)
            start, end = (count(text, edge) + shift for edge in places[-1])
            value |= {"globalOffsets": {"start": start, "end": end}, "hypertextlabels": ["PER"]}
            value |= {"text": quote} if data.draw(st.integers(0, 2)) else {}
            items.append(
                {"id": f"r{number}", "from_name": "names", "to_name": "body", "type": "hypertextlabels", "value": value}
            )
        annotation = {"id": 1, "completed_by": 1, "result": items}
        task = {"id": 1, "data": {"key": "a", "text": page, "title": "t"}, "annotations": [annotation]}
        found = convert(another, [task])
        for span in found.marked[0].spans:
            assert (span.start, span.end) == places[int((span.region_id or "r")[1:])]
        codes = {problem.code for problem in found.problems}
        assert codes <= {"ambiguous-offsets", "unproven-offsets", "duplicate-region"}
        if not shift and not any("😀" in words for words in paragraphs):
            assert codes <= {"duplicate-region"}

    holds()


# --------------------------------------------------------------------------------------------- rows, Parquet, loading


@examples(12, 50)
def test_rows_survive_parquet(context, tmp_path, profile):
    @profile
    @given(marked_texts(), st.integers(0, 10_000))
    def holds(given_text, seed):
        text, offsets = given_text
        tasks = [task_with(text, offsets, [text[start:end] for start, end in offsets])]
        tasks += make_tasks(3, seed=seed)
        raw = [(f"a{number}", [RawTask("e.json", json.dumps(task).encode())]) for number, task in enumerate(tasks)]
        part = convert_batch(context, raw, lambda _: None)
        for (config, split), table in part.tables.items():
            writer = ConfigWriter(tmp_path, config, split, table.schema)
            writer.add(table)
            writer.close()
            read = pq.read_table(tmp_path / config / f"{split}-00000.parquet")
            assert read.schema.metadata == table.schema.metadata
            assert read.cast(table.schema).equals(table)
            loaded = datasets.Dataset(read)
            assert loaded.features == datasets.Features.from_dict(schema.features(shape_of(context, config)))
            assert loaded.to_list() == table.to_pylist()

    holds()


def shape_of(context, config):
    return schema.configs(context.codebook)[config]


# -------------------------------------------------------------------------------------------------- sums and shards

names = st.sampled_from(["a", "b", "c", "train", "PER"])
counters = st.dictionaries(names, st.integers(0, 9)).map(Counter)
pair_counters = st.dictionaries(st.tuples(st.sampled_from(["names", "votes"]), names), st.integers(0, 9)).map(Counter)
tallies = st.builds(
    BuildCounts,
    counts=st.dictionaries(st.sampled_from(["tasks", "results_in", "articles"]), st.integers(0, 9)).map(Counter),
    problems=counters,
    repairs=counters,
    states=counters,
    gold=counters,
    rows=pair_counters,
    labels=pair_counters,
    annotators=counters,
    tokens=counters,
    events=st.sets(names),
    digests=st.dictionaries(st.tuples(st.sampled_from(["names", "votes"]), names), st.integers(0, DIGEST_MODULUS - 1)),
)


def folded(tallies: list[BuildCounts], draw: Any) -> BuildCounts:
    """The sum of tallies by pairs drawn at random."""
    left = [BuildCounts() + tally for tally in tallies] or [BuildCounts()]
    while len(left) > 1:
        one = left.pop(draw(st.integers(0, len(left) - 1)))
        other = left.pop(draw(st.integers(0, len(left) - 1)))
        left.append(one + other)
    return left[0]


@examples(30, 400)
def test_tallies_add_up_in_any_grouping(context, profile):
    @profile
    @given(st.lists(tallies, max_size=7), st.data())
    def holds(several, data):
        one, other = folded(several, data.draw), sum(several, BuildCounts())
        manifests = [msgspec.json.encode(make_manifest(context, tally, {}, {})) for tally in (one, other)]
        assert manifests[0] == manifests[1]
        assert one.digest == sum(tally.digest for tally in several) % DIGEST_MODULUS

    holds()


@examples(15, 60)
def test_any_partition_of_the_articles_gives_the_same_digest(context, profile):
    tasks: dict[str, list[RawTask]] = {}
    for task in make_tasks(40, seed=7):
        tasks.setdefault(task["data"]["key"], []).append(RawTask("e.json", json.dumps(task).encode()))

    def tally(keys: list[str]) -> BuildCounts:
        return convert_batch(context, [(key, tasks[key]) for key in keys], lambda _: None).tally

    whole = tally(sorted(tasks))

    @profile
    @given(st.permutations(sorted(tasks)), st.lists(st.integers(0, 40), max_size=6).map(sorted), st.data())
    def holds(keys, cuts, data):
        edges = [0, *cuts, len(keys)]
        shards = [tally(keys[a:b]) for a, b in pairwise(edges)]
        total = folded(shards, data.draw)
        assert make_manifest(context, total, {}, {}) == make_manifest(context, whole, {}, {})
        assert content_digest({}, total.digest) == content_digest({}, whole.digest)

    holds()


# --------------------------------------------------------------------------------------------------------------- BIO


@st.composite
def tokens_and_spans(draw):
    """Tokens of a text of blocks, and any spans over it."""
    tokens: list[tuple[int, int]] = []
    at = draw(st.integers(0, 3))
    begin = at
    for gap, length in draw(st.lists(st.tuples(st.integers(0, 2), st.integers(1, 3)), max_size=10)):
        tokens.append((at + gap, at + gap + length))
        at += gap + length
    block = (begin, at + draw(st.integers(1, 3)))
    edge = st.integers(0, block[1] + 2)
    pairs = draw(st.lists(st.tuples(edge, edge).map(sorted).filter(lambda pair: pair[0] < pair[1]), max_size=8))
    labels = st.sampled_from([("PER",), ("ORG",), ("PER", "ORG")])
    spans = [
        Span(f"s{n}", "names", None, "body", start, end, draw(labels), None, (start, end), {}, [])
        for n, (start, end) in enumerate(pairs)
    ]
    return tokens, spans, block


def decoded(tags: list[str], tokens: list[tuple[int, int]]) -> list[tuple[int, int, str]]:
    found: list[list[Any]] = []
    for tag, (start, end) in zip(tags, tokens, strict=True):
        part, _, label = tag.partition("-")
        if part == "B":
            found.append([start, end, label])
        elif part == "I":
            assert found, "I- without B-"
            assert found[-1][2] == label
            found[-1][1] = end
    return [(start, end, label) for start, end, label in found]


@examples(100, 1500)
def test_tags_hold_exactly_the_spans_counted_as_shown(profile):
    @profile
    @given(tokens_and_spans())
    def holds(made):
        tokens, spans, block = made
        starts, ends = np.array(tokens, np.int64).reshape(-1, 2).T
        base = 7
        ranges, counts = tagged_ranges(starts + base, ends + base, spans, [block], base)
        mine = [span for span in spans if block[0] <= span.start < block[1]]
        shown: list[Span] = []
        for span in sorted(mine, key=lambda span: (span.start, -span.end, span.span_id)):
            free = all(span.end <= old.start or old.end <= span.start for old in shown)
            aligned = span.start in [a for a, _ in tokens] and span.end in [b for _, b in tokens]
            if free and aligned and span.end <= block[1]:
                shown.append(span)
        marked = [(starts[first], ends[last - 1], label) for first, last, label in ranges]
        assert marked == [(span.start, span.end, span.labels[0]) for span in shown]
        assert counts["shown"] == len(shown)
        assert counts["several_labels"] == sum(len(span.labels) > 1 for span in shown)
        assert sum(counts.values()) - counts["several_labels"] == len(spans)
        assert counts["outside_blocks"] == len(spans) - len(mine)

    holds()


@pytest.mark.parametrize("hard", [False, True])
def test_tokens_do_not_depend_on_how_many_texts_are_divided_at_a_time(hard, context, monkeypatch):
    tasks = [(t["data"]["key"], [RawTask("e", json.dumps(t).encode())]) for t in make_tasks(150, seed=4, hard=hard)]
    found = []
    for at_once in (1, 3000, 1 << 30):
        monkeypatch.setattr(token_rows, "AT_ONCE", at_once)
        part = convert_batch(context, tasks, lambda _: None)
        tables = {key: table for key, table in part.tables.items() if key[0] == "tokens"}
        found.append((tables, part.tally.tokens))
    assert found[0] == found[1] == found[2]
    assert sum(table.num_rows for table in found[0][0].values()) > 150


def test_counts_of_tokens_add_up_to_all_spans(context):
    tasks = [(t["data"]["key"], [RawTask("e", json.dumps(t).encode())]) for t in make_tasks(150, seed=3, hard=False)]
    part = convert_batch(context, tasks, lambda _: None)
    counts = Counter(part.tally.tokens)
    spans = counts.pop("spans")
    counts.pop("several_labels", None)
    assert spans == sum(count for (config, _), count in part.tally.rows.items() if config == "names")
    assert sum(counts.values()) == spans
    names = list(context.codebook.layers["names"].tags)
    shown = 0
    for (config, _), table in part.tables.items():
        if config == "tokens":
            for row in table.to_pylist():
                ranges = list(zip(row["starts"], row["ends"], strict=True))
                shown += len(decoded([names[tag] for tag in row["tags"]], ranges))
    assert shown == counts["shown"] > 0


# ----------------------------------------------------------------------------------------- the law, on any garbage


class Pairs(NamedTuple):
    """A JSON object that may have a key twice."""

    pairs: list[tuple[str, Any]]


class Deep(NamedTuple):
    """A value nested so many times."""

    levels: int


def dumped(value: Any, *, ascii_only: bool) -> str:
    """JSON text, also of what the standard library would not write."""
    if isinstance(value, Deep):
        return "[" * value.levels + "]" * value.levels
    if isinstance(value, dict):
        value = Pairs(list(value.items()))
    if isinstance(value, Pairs):
        parts = (f"{dumped(k, ascii_only=True)}: {dumped(v, ascii_only=ascii_only)}" for k, v in value.pairs)
        return "{" + ", ".join(parts) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(dumped(part, ascii_only=ascii_only) for part in value) + "]"
    if isinstance(value, str):  # half a surrogate pair can only be written as an escape
        whole = value.encode("utf-16", "surrogatepass").decode("utf-16", "ignore") == value
        return json.dumps(value, ensure_ascii=ascii_only or not whole)
    return json.dumps(value)


odd_text = st.sampled_from(
    [
        "",
        " ",
        "PER",
        "names",
        "body",
        "12",
        "-1",
        "/p[1]/text()[1]",
        "\ud800",
        "x\udc00y",
        "a\x00b",
        "😀",
        "right",
        "bi",
    ]
)
odd_numbers = st.sampled_from(
    [0, -1, 3, 2**31, 2**53, 2**63, 2**64, -(2**63) - 1, 10**30, 0.5, 1e300, -0.0, math.nan, math.inf, True, False]
)
scalars = st.none() | odd_numbers | odd_text | st.text(max_size=5) | st.integers()
junk = st.recursive(
    scalars | st.sampled_from([Deep(40), Deep(250), Deep(600), Deep(800)]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(odd_text, inner, max_size=3),
    max_leaves=5,
)


def maybe(*good: Any):
    """One of `good` mostly, else anything."""
    likely = st.one_of(*(part if isinstance(part, st.SearchStrategy) else st.just(part) for part in good))
    return st.one_of(likely, likely, likely, likely, likely, likely, likely, junk)


def table(**fields: Any):
    return st.fixed_dictionaries({}, optional=fields)


TEXT = "Aster 😀 said so,\r\nand Borealis  denied it. Aster laughed."
offset = maybe(st.integers(-2, len(TEXT) + 3), st.sampled_from(["0", "5", 0.0, 5.0]))
ids = maybe(st.sampled_from(["r1", "r2", "r3", 7]))
quotes = maybe(st.sampled_from(["Aster", "so,", "Borealis denied", "😀 said", " said so,\r\n", "said so,\\nand", ""]))
values = table(
    start=offset,
    end=offset,
    text=quotes,
    labels=maybe(st.lists(maybe("PER", "ORG", "blame", "fear", "WORD", "NEW"), max_size=2)),
    choices=maybe(st.lists(maybe("full", "short", "calm", "aster", "nobody"), max_size=2)),
    rating=maybe(1, 5),
    number=maybe(1, 2.5),
    taxonomy=maybe([["a", "b"]]),
    globalOffsets=maybe({"start": 0, "end": 5}),
    startOffset=maybe(0),
)
controls = maybe(
    "names", "frames", "loaded", "names_sort", "names_who", "names_remark", "frames_strength", "tone", "score", "other"
)
kinds = maybe("labels", "labels", "choices", "textarea", "rating", "number", "rectanglelabels")
items = table(
    id=ids, type=kinds, from_name=controls, to_name=maybe("body", "head"), value=maybe(values),
    meta=maybe({"text": ["m"]}), score=maybe(0.5), parentID=ids, hidden=junk,
)  # fmt: skip
relations = table(
    type=st.just("relation"), from_id=ids, to_id=ids, direction=maybe("right", "left", "bi"),
    labels=maybe(st.lists(maybe("actor", "answers"), max_size=2)),
)  # fmt: skip
# Regions that are mostly right, so that values and arrows find something to be about.
good_items = st.builds(
    lambda name, place, layer, label: {
        "id": name, "type": "labels", "from_name": layer, "to_name": "body",
        "value": {"start": place[0], "end": place[1], "text": TEXT[place[0] : place[1]], "labels": [label]},
    },
    st.sampled_from(["r1", "r2", "r3", 7]),
    st.sampled_from([(0, 5), (6, 11), (8, 12), (19, 22), (0, 12)]),
    st.sampled_from(["names", "frames"]),
    st.sampled_from(["PER", "blame"]),
)  # fmt: skip
good_values = st.sampled_from(
    [
        {"id": name, "type": kind, "from_name": control, "to_name": "body", "value": value}
        for name in ("r1", "r2")
        for control, kind, value in (
            ("names_sort", "choices", {"choices": ["full"]}),
            ("names_who", "choices", {"choices": ["aster"]}),
            ("frames_strength", "rating", {"rating": 3}),
            ("tone", "choices", {"choices": ["calm"]}),
            ("names_remark", "textarea", {"text": "why"}),
        )
    ]
)
repeated = st.tuples(items, items).map(lambda two: Pairs([*two[0].items(), *two[1].items()]))
item = st.one_of(good_items, good_items, good_items, good_values, good_values, items, relations, items, repeated, junk)
result = st.lists(st.one_of(item, item, item, item, item, item, item, st.lists(item, max_size=2)), max_size=6)
person = maybe(1, 2, 3, 9, {"id": 1, "email": "a@b.org"}, [1, "x"], "eve")
annotations = table(
    id=maybe(st.integers(1, 3)), unique_id=maybe("u"), completed_by=person, updated_by=person,
    was_cancelled=maybe(False), skipped=maybe(False), ground_truth=maybe(False, True),
    result=maybe(result), lead_time=junk,
)  # fmt: skip
data = table(
    key=maybe("a", "a", "b"), text=maybe(TEXT, TEXT, "Another text"), title=maybe("Aster"), event=maybe("e"), rest=junk
)
lists = maybe(st.lists(maybe(annotations, {}), max_size=3))
tasks = maybe(
    table(
        id=maybe(1, 2, "t"), data=maybe(data, {"key": "a", "text": TEXT}), annotations=lists, meta=junk,
        predictions=maybe(st.lists(junk, max_size=2)), drafts=maybe([]),
    ),
    table(id=maybe(1), data=maybe(data), completions=lists, annotations=st.none() | lists),
)  # fmt: skip
exports = st.lists(tasks, min_size=1, max_size=3)


class Exports:
    """The tasks of one export, in the place of a folder."""

    files = [None]

    def __init__(self, content: bytes):
        self.slices = split_tasks(memoryview(content), "export.json")

    def name(self, number: int) -> str:
        return "export.json"

    def tasks(self, number: int) -> list[memoryview]:
        return self.slices


def items_of(export: list[Any]) -> list[Any]:
    """The result items of all annotations that are not cancelled, counted without the code under test.

    A `result` that is no list is one item.
    """
    found: list[Any] = []
    for task in export:
        listed = [task.get("annotations"), task.get("completions")] if isinstance(task, dict) else []
        for annotation in (part for parts in listed if isinstance(parts, list) for part in parts):
            if not isinstance(annotation, dict) or annotation.get("result") is None:
                continue
            if annotation.get("was_cancelled") is True or annotation.get("skipped") is True:
                continue
            result = annotation["result"]
            for part in result if isinstance(result, list) else [NotListed()]:
                found.extend(part) if isinstance(part, list) else found.append(part)
    return found


class NotListed:
    """In the place of a `result` that is no list."""


def numbered(found: list[Any]) -> None:
    """Give every item that is an object a number of its own, by which its Problem is known."""
    for number, part in enumerate(found):
        if isinstance(part, dict):
            part["n"] = number
        elif isinstance(part, Pairs):
            part.pairs.append(("n", number))


def number_of(raw: Any) -> Any:
    if isinstance(raw, dict) and set(raw) == {"pairs"}:
        raw = dict(raw["pairs"])
    return raw.get("n") if isinstance(raw, dict) else None


def converted(context: CorpusSpec, text: str) -> ConvertedBatch:
    folder = Exports(text.encode())
    units = index_tasks(context, folder, {}).units  # type: ignore[arg-type]
    batch = [(unit.article_id, unit_tasks(folder, unit)) for unit in units]  # type: ignore[arg-type]
    return convert_batch(context, batch, lambda _: None)


def law(context: CorpusSpec, export: list[Any], *, ascii_only: bool) -> None:
    export = copied(export)
    found = items_of(export)
    numbered(found)
    try:
        part = converted(context, dumped(export, ascii_only=ascii_only))
    except ExportError as error:
        if error.code != "unknown-shape":
            raise
        return
    counts = part.tally.counts
    assert counts["results_in"] == len(found)
    assert counts["results_in"] == sum(counts[f"results_{how}"] for how in ("accepted", "repaired", "quarantined"))
    lines = [msgspec.json.encode(problem) for problem in part.problems]
    objects = Counter(number_of(json.loads(line)["raw"]) for line in lines)
    del objects[None]
    assert max(objects.values(), default=1) == 1
    read = {number for number, item in enumerate(found) if isinstance(item, dict | Pairs)}
    assert objects.keys() <= read
    assert len(read - objects.keys()) == counts["results_accepted"] + counts["results_repaired"]
    assert len(found) - len(read) + len(objects) == counts["results_quarantined"] <= len(part.problems)
    for (config, _), made in part.tables.items():
        assert made.schema.equals(schema.arrow_schema(shape_of(context, config)), check_metadata=True)
        for row in made.to_pylist() if config in context.codebook.layers else ():
            assert row["quote"].strip()


def copied(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: copied(part) for key, part in value.items()}
    if isinstance(value, Pairs):
        return Pairs([(key, copied(part)) for key, part in value.pairs])
    return [copied(part) for part in value] if isinstance(value, list) else value


@examples(100, 5000)
def test_the_law_holds_for_any_garbage(context, another, profile):
    @profile
    @given(exports, st.booleans(), st.booleans())
    def holds(export, ascii_only, usual):
        law(context if usual else another, export, ascii_only=ascii_only)

    holds()


def region(**changed: Any) -> dict[str, Any]:
    value = {"start": 0, "end": 5, "text": "Aster", "labels": ["PER"]} | changed
    return {"id": "r1", "type": "labels", "from_name": "names", "to_name": "body", "value": value}


def task_of(*result: Any, **changed: Any) -> dict[str, Any]:
    annotation = {"id": 1, "completed_by": 1, "result": list(result)}
    return {"id": 1, "data": {"key": "a", "text": TEXT, "title": "t"}, "annotations": [annotation]} | changed


GARBAGE = {
    "offsets-beyond-64-bits": [task_of(region(start=-5, end=2**63, text="Borealis"))],
    "offsets-as-huge-floats": [task_of(region(start=-5.0, end=1e300, text="Borealis"))],
    "huge-rating": [
        task_of(
            {**region(labels=["fear"]), "from_name": "frames"},
            {**region(rating=1e300), "type": "rating", "from_name": "frames_strength"},
        )
    ],
    "number-beyond-64-bits-in-data": [task_of(region(), data={"key": "a", "text": TEXT, "n": 10**30})],
    "deep-item": [task_of({**region(), "meta": Deep(700)}, {**region(start=1), "meta": Deep(700)}, math.nan)],
    "deep-item-of-another-control": [task_of({**region(), "from_name": "other", "deep": Deep(930)})],
    "deep-data-and-nan": [task_of(region(), data={"key": "a", "text": TEXT, "deep": Deep(800), "n": math.nan})],
    "deep-data": [task_of(region(), data={"key": "a", "text": TEXT, "deep": Deep(900)})],
    "null-annotations-with-completions": [
        {"data": {"key": "a", "text": TEXT}, "annotations": None, "completions": [{"result": [region(), 5]}]}
    ],
    "annotations-and-completions": [
        task_of(region(), completions=[{"id": 2, "result": [region(start=9), {**region(), "from_name": "other"}]}])
    ],
    "not-objects": [task_of(None, 1, "x", [None, []], [], region())],
    "half-a-pair-in-a-name": [
        {"data": {"key": "a"}, "annotations": [{"completed_by": {"": None, "\ud800": None}, "result": [region()]}]}
    ],
    "key-twice": [task_of(Pairs([*region().items(), ("id", "r2")]))],
}


@pytest.mark.parametrize("name", GARBAGE)
@pytest.mark.parametrize("ascii_only", [True, False])
def test_the_law_holds_for_garbage_once_found(context, another, name, ascii_only):
    for corpus in (context, another):
        law(corpus, GARBAGE[name], ascii_only=ascii_only)


def nested(levels: int, number: float = 1) -> list[Any]:
    other = {**region(), "id": "r2", "from_name": "other", "meta": Deep(levels)}
    data = {"key": "a", "text": TEXT, "title": "t", "n": number, "deep": Deep(levels)}
    return [task_of({**region(), "meta": Deep(levels)}, other, data=data)]


@pytest.mark.parametrize("levels", [*range(98, 104), 300, 500, 700, 900])
@pytest.mark.parametrize("number", [1, math.nan])
def test_nesting_costs_nothing_but_what_is_nested(context, another, levels, number):
    for corpus in (context, another):
        law(corpus, nested(levels, number), ascii_only=True)


@pytest.mark.parametrize("levels", [*range(910, 1000, 6), 3000])
def test_no_depth_of_nesting_stops_a_run(context, levels):
    """Deeper than the readers of JSON go, the task or the file is refused by name."""
    for number in (1, math.nan):
        try:
            part = converted(context, dumped(nested(levels, number), ascii_only=True))
        except ExportError as error:
            refused = error.code == "not-json"
        else:
            refused = bool(part.tally.problems["not-a-task"])
        assert refused or part.tally.counts["results_in"] == 2


@pytest.mark.parametrize("space", ["", " ", "\t", "\r", "\n", "  ", "\n "])
def test_a_key_that_stands_twice_is_never_passed_over(context, space):
    text = json.dumps(task_of({**region(), "note": "n"})).replace('"note":', f'"id"{space}: "r9", "other\\u0022"  :')
    part = convert_batch(context, [("a", [RawTask("e", text.encode())])], lambda _: None)
    assert part.tally.counts["results_quarantined"] == 1
    assert part.tally.problems == {"duplicate-key": 1}


def test_results_that_stand_twice_are_all_counted(context):
    text = json.dumps(task_of(region())).replace('"result":', f'"result": [{json.dumps(region(start=1))}], "result":')
    part = convert_batch(context, [("a", [RawTask("e", text.encode())])], lambda _: None)
    assert part.tally.counts["results_in"] == 2
    assert "duplicate-key" in part.tally.problems
