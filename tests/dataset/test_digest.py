"""The content digest: the same for the same rows, however they lie in memory and files, and another for any others."""

from __future__ import annotations

from itertools import pairwise

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from newsparallax.dataset import table_digest
from newsparallax.dataset.digest import whole_articles
from newsparallax.ids import DIGEST_MODULUS

ARROW = pa.struct([("to", pa.string()), ("at", pa.int64())])
SCHEMA = pa.schema(
    [
        ("article_id", pa.string()),
        ("quote", pa.string()),
        ("start", pa.int64()),
        ("share", pa.float64()),
        ("sure", pa.bool_()),
        ("labels", pa.list_(pa.string())),
        ("paths", pa.list_(pa.list_(pa.string()))),
        ("arrows", pa.list_(ARROW)),
        ("nothing", pa.string()),
    ]
)
words = st.text(st.sampled_from("ab é👩"), max_size=3)
numbers = st.integers(-(2**63), 2**63 - 1)


BARE = {name: None for name in SCHEMA.names if name != "article_id"}


def optional(values):
    return st.none() | values


rows = st.fixed_dictionaries(
    {
        "quote": optional(words),
        "start": optional(st.sampled_from([0, 1, 256]) | numbers),
        "share": optional(st.floats(allow_nan=False, allow_infinity=False)),
        "sure": optional(st.booleans()),
        "labels": optional(st.lists(optional(words), max_size=3)),
        "paths": optional(st.lists(optional(st.lists(words, max_size=2)), max_size=2)),
        "arrows": optional(
            st.lists(st.fixed_dictionaries({"to": optional(words), "at": optional(numbers)}), max_size=2)
        ),
        "nothing": st.none(),
    }
)
articles = st.lists(st.lists(rows, min_size=1, max_size=3), min_size=1, max_size=5)


def table_of(several, first=0):
    listed = [{"article_id": f"a{first + n}", **row} for n, mine in enumerate(several) for row in mine]
    return pa.Table.from_pylist(listed, SCHEMA)


def digest(table, config="votes", split="train"):
    return table_digest(config, [(split, table.num_rows)], table) % DIGEST_MODULUS


@given(articles)
def test_it_is_the_sum_over_articles_in_any_order(several):
    apart = [digest(table_of([mine], number)) for number, mine in enumerate(several)]
    whole = table_of(several)
    assert digest(whole) == sum(apart) % DIGEST_MODULUS
    turned = pa.concat_tables(table_of([mine], n) for n, mine in reversed(list(enumerate(several))))
    assert digest(turned) == digest(turned.combine_chunks()) == digest(whole)


@given(articles, articles, st.data())
def test_it_does_not_depend_on_how_rows_lie_in_memory(several, before, data):
    """A slice of a larger table, in chunks of any size, or with other things where a value is null."""
    whole = table_of(several)
    larger = pa.concat_tables([table_of(before, 100), whole, table_of(before, 200)]).combine_chunks()
    part = larger.slice(sum(map(len, before)), whole.num_rows)
    assert part.equals(whole)
    assert digest(part) == digest(whole)
    cuts = sorted(data.draw(st.lists(st.integers(0, whole.num_rows), max_size=3)))
    edges = [0, *cuts, whole.num_rows]
    pieces = [whole.slice(a, b - a) for a, b in pairwise(edges)]
    assert digest(pa.concat_tables(pieces)) == digest(whole)
    kept = whole.to_pylist()
    there = whole.set_column(2, "start", pa.chunked_array([hidden([row["start"] for row in kept])]))
    assert there.equals(whole)
    assert digest(there) == digest(whole)


def hidden(values):
    """Numbers with a 7 in memory where one is null."""
    full = pa.array([7 if value is None else value for value in values], pa.int64())
    valid = pa.array([value is not None for value in values]).buffers()[1]
    return pa.Array.from_buffers(pa.int64(), len(values), [valid, full.buffers()[1]])


@given(articles)
def test_it_can_be_had_from_a_file(several):
    sink = pa.BufferOutputStream()
    pq.write_table(table_of(several), sink, row_group_size=2)
    file = pq.ParquetFile(pa.BufferReader(sink.getvalue()))
    read = list(whole_articles(file.iter_batches(2)))
    assert sum(map(digest, read)) % DIGEST_MODULUS == digest(table_of(several))


@given(articles, st.integers(1, 3))
def test_no_article_is_divided(several, size):
    whole = table_of(several)
    parts = list(whole_articles(whole.to_batches(max_chunksize=size)))
    assert pa.concat_tables(parts).equals(whole)
    seen = [set(part["article_id"].to_pylist()) for part in parts]
    assert sum(map(len, seen)) == len(several)


@given(articles, st.data())
def test_splits_are_digested_apart(several, data):
    whole = table_of(several)
    ends = [0]
    for mine in several:
        ends.append(ends[-1] + len(mine))
    cut = data.draw(st.sampled_from(ends))
    first, second = whole.slice(0, cut), whole.slice(cut)
    both = table_digest("votes", [("train", cut), ("test", whole.num_rows - cut)], whole) % DIGEST_MODULUS
    assert both == (digest(first, split="train") + digest(second, split="test")) % DIGEST_MODULUS
    assert digest(whole, split="train") != digest(whole, split="test")
    assert digest(whole, "votes") != digest(whole, "articles")


@example([[BARE | {"share": 0.0}]], [[BARE | {"share": -0.0}]])
@given(articles, articles)
def test_other_rows_have_another_digest(one, other):
    tables = table_of(one), table_of(other)
    same = repr(tables[0].to_pylist()) == repr(tables[1].to_pylist())  # as text, since -0.0 is not 0.0
    assert (digest(tables[0]) == digest(tables[1])) == same


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ({"quote": None}, {"quote": ""}),
        ({"start": None}, {"start": 0}),
        ({"sure": None}, {"sure": False}),
        ({"labels": None}, {"labels": []}),
        ({"labels": []}, {"labels": [""]}),
        ({"labels": [None]}, {"labels": [""]}),
        ({"labels": ["ab", "c"]}, {"labels": ["a", "bc"]}),
        ({"paths": [["a"], ["b"]]}, {"paths": [["a", "b"]]}),
        ({"paths": [[], ["a"]]}, {"paths": [["a"], []]}),
        ({"paths": [None]}, {"paths": [[]]}),
        ({"arrows": [{"to": "a", "at": None}]}, {"arrows": [{"to": "a", "at": 0}]}),
        ({"quote": "a", "labels": ["b"]}, {"quote": "b", "labels": ["a"]}),
        ({"quote": "a"}, {"nothing": "a"}),
        ({"start": 1}, {"share": 5e-324}),  # the same bytes
    ],
)
def test_what_is_nearly_the_same_is_told_apart(one, other):
    assert digest(table_of([[BARE | one]])) != digest(table_of([[BARE | other]]))
    for first, second in (([one, other], [other, one]), ([one], [one, one])):
        assert digest(table_of([[BARE | row for row in first]])) != digest(table_of([[BARE | row for row in second]]))


def test_a_row_that_moves_to_the_next_article_is_told():
    one, other = BARE | {"quote": "a"}, BARE | {"quote": "b"}
    assert digest(table_of([[one, other], [one]])) != digest(table_of([[one], [other, one]]))


def test_nothing_has_the_digest_zero():
    assert digest(SCHEMA.empty_table()) == 0
    assert list(whole_articles([SCHEMA.empty_table(), *SCHEMA.empty_table().to_batches()])) == []
