"""Rows of passages: every passage once, in the order of its article, beside those that tell the same."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from newsparallax.report.passages import REWORDED, aligned, passage

WORDS = ("alpha", "beta", "gamma", "delta", "epsilon", "zeta", "eta", "theta")


def article(id_, *texts, mentions=()):
    """The passages of an article; `mentions` are (number of the passage, ids of entities)."""
    text, blocks = "\n".join(texts), []
    for each in texts:
        start = blocks[-1]["end"] + 1 if blocks else 0
        blocks.append({"start": start, "end": start + len(each)})
    rows = [{"start": blocks[number]["start"], "referent_ids": ids} for number, ids in mentions]
    return id_, [passage({"article_id": id_, "text": text}, block, rows) for block in blocks]


def shape(rows, *articles):
    """The number of the passage of each article in each row, or None."""
    numbers = {each.place: number for _, passages in articles for number, each in enumerate(passages)}
    return [
        tuple(numbers[row.passages[id_].place] if id_ in row.passages else None for id_, _ in articles) for row in rows
    ]


def test_what_is_kept_reworded_and_dropped_is_told_apart():
    a = article(
        "a", "The minister met the fishermen in the harbour.", "Rain is expected in the north.", "He left at nine."
    )
    b = article("b", "A minister saw fishermen at a harbour.", "He left at nine.", "Nobody was hurt there.")
    rows = aligned(dict((a, b)))
    assert shape(rows, a, b) == [(0, 0), (1, None), (2, 1), (None, 2)]
    assert [[match.how for match in row.matches] for row in rows] == [["reworded"], [], ["kept"], []]
    assert rows[2].matches[0].score == 1.0
    assert [row.elsewhere for row in rows] == [[], [], [], []]


def test_common_entities_align_passages_without_a_common_word():
    a = article("a", "Putin reist nach Nordkorea.", "Das Wetter.", mentions=[(0, ["putin", "dprk"])])
    b = article("b", "The president visits Pyongyang.", mentions=[(0, ["putin", "dprk"])])
    (first, second) = aligned(dict((a, b)))
    assert (first.matches[0].words, first.matches[0].entities, first.matches[0].how) == (0.0, 1.0, "reworded")
    assert second.matches == []


def test_what_another_article_tells_in_another_order_is_found_there():
    a = article("a", "One two three four five.", "Six seven eight nine ten eleven twelve.")
    b = article("b", "Six seven eight nine ten eleven twelve.", "One two three four five.")
    rows = aligned(dict((a, b)))
    assert sorted(len(row.passages) for row in rows) == [1, 1, 2]
    assert [[match.how for match in row.elsewhere] for row in rows if not row.matches] == [["kept"], ["kept"]]


def test_a_third_article_joins_the_rows_of_the_first_two():
    text = ["The minister met the fishermen.", "Rain is expected tomorrow.", "He left at nine."]
    a, b, c = article("a", *text), article("b", text[0], text[2]), article("c", text[1], text[2])
    rows = aligned(dict((a, b, c)))
    assert shape(rows, a, b, c) == [(0, 0, None), (1, None, 0), (2, 1, 1)]
    assert len(rows[2].matches) == 3


passages = st.lists(st.lists(st.sampled_from(WORDS), max_size=6).map(" ".join), max_size=5)


@given(st.lists(passages, min_size=1, max_size=4))
def test_every_passage_is_in_one_row_and_in_order(texts):
    articles = [article(str(number), *each) for number, each in enumerate(texts)]
    rows = aligned(dict(articles))
    for id_, several in articles:
        assert [row.passages[id_] for row in rows if id_ in row.passages] == several
    matches = [match for row in rows for match in row.matches]
    assert all(REWORDED <= match.score <= 1 for match in matches)
    assert all(len(row.passages) == 1 or row.matches for row in rows)
