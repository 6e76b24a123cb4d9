"""Tasks are read the same the fast way as the slow way, whichever keys stand twice and however they are spelled."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from newsparallax.convert.grouping import _data_at_end, _head
from newsparallax.exports import decode, decode_task

TEXT = st.sampled_from(["", "a", "a: b", '":', ' "x" : ', "\\", '\\":', "café", "🎉", "\\u003a", "\n"])
NAMES = st.sampled_from(["id", "value", "data", 'a"data', "a:b", 'c"', "d\\", "é"])
PLAIN = st.none() | st.booleans() | st.integers(-9, 9) | st.floats(allow_nan=False, allow_infinity=False) | TEXT


class Pairs(list[tuple[str, Any]]):
    """The members of a JSON object, in which a key may stand twice."""


def pairs(**values: st.SearchStrategy[Any]) -> st.SearchStrategy[Pairs]:
    """Some of these members in any order, some of them twice, and some that are unknown."""
    known = st.one_of(*(st.tuples(st.just(key), value) for key, value in values.items()))
    some = st.lists(known, max_size=6, unique_by=lambda pair: pair[0])
    more = st.lists(known | st.tuples(NAMES, PLAIN), max_size=2)
    return st.builds(lambda one, two: Pairs(one + two), some, st.just([]) | more)


ANY = st.recursive(
    PLAIN,
    lambda inner: st.lists(inner, max_size=3) | st.lists(st.tuples(NAMES, inner), max_size=3).map(Pairs),
    max_leaves=6,
)
NUMBER = st.integers(-9, 9) | st.floats(-9, 9)
OFFSETS = pairs(start=NUMBER, end=NUMBER | ANY)
VALUE = pairs(
    start=NUMBER | TEXT, end=NUMBER, text=TEXT | st.lists(TEXT, max_size=2), labels=st.lists(TEXT, max_size=2),
    choices=st.lists(TEXT, max_size=2), taxonomy=st.lists(st.lists(TEXT, max_size=2), max_size=2), rating=NUMBER,
    globalOffsets=OFFSETS, width=ANY,
)  # fmt: skip
ITEM = pairs(
    id=TEXT, from_name=TEXT, to_name=TEXT, type=TEXT, origin=ANY, value=VALUE | st.none(), meta=ANY, parentID=ANY,
    labels=st.lists(TEXT, max_size=2), from_id=TEXT | NUMBER,
)  # fmt: skip
PERSON = pairs(id=st.integers(0, 9), email=TEXT, first_name=ANY, last_name=TEXT)
ANNOTATION = pairs(
    id=st.integers(0, 9) | TEXT, unique_id=TEXT | st.none(), completed_by=st.integers(0, 9) | PERSON | st.none(),
    updated_by=st.none() | PERSON, was_cancelled=st.booleans(), result=st.lists(ITEM | st.lists(ITEM, max_size=2)),
    lead_time=ANY, last_action=ANY, reviews=ANY,
)  # fmt: skip
TASK = pairs(
    id=st.integers(0, 9) | TEXT, data=st.lists(st.tuples(NAMES, ANY), max_size=3).map(Pairs), meta=ANY,
    annotations=st.lists(ANNOTATION, max_size=2), completions=st.lists(ANNOTATION, max_size=1),
    predictions=st.lists(ITEM, max_size=1), drafts=st.lists(ITEM, max_size=1), created_at=ANY, comment_authors=ANY,
)  # fmt: skip
DATA = st.lists(st.tuples(NAMES, ANY), min_size=1, max_size=4).map(Pairs)
DATA_LAST = st.builds(lambda task, data: Pairs([*task, ("data", data)]), TASK, DATA)
SPELLINGS = st.fixed_dictionaries(
    {
        "colon": st.sampled_from([":", ": ", " :", "\n:\t"]),
        "ascii": st.booleans(),
        "escaped": st.sampled_from([None, None, '"', ":", "a"]),
    }
)


def spelled(value: Any, how: dict[str, Any]) -> str:
    """JSON of a value in a certain spelling; one character may stand as an escape within strings."""
    if isinstance(value, Pairs):
        return f"{{{','.join(spelled(key, how) + how['colon'] + spelled(part, how) for key, part in value)}}}"
    if isinstance(value, list):
        return f"[{', '.join(spelled(part, how) for part in value)}]"
    text = json.dumps(value, ensure_ascii=how["ascii"])
    if isinstance(value, str) and how["escaped"]:
        escape = f"\\u{ord(how['escaped']):04x}"
        parts = (json.dumps(part, ensure_ascii=how["ascii"])[1:-1] for part in value.split(how["escaped"]))
        text = f'"{escape.join(parts)}"'
    return text


def repeats(value: Any) -> bool:
    """Whether an object within the value has a key twice."""
    if isinstance(value, Pairs):
        return len({key for key, _ in value}) < len(value) or any(repeats(part) for _, part in value)
    return isinstance(value, list) and any(map(repeats, value))


@pytest.mark.filterwarnings("ignore:Generating overly large repr")
@pytest.mark.parametrize("tries", [200, pytest.param(2000, marks=pytest.mark.slow)])
def test_the_fast_way_gives_what_the_slow_way_gives(tries: int) -> None:
    taken = {"fast": 0, "twice": 0}

    @settings(max_examples=tries, deadline=None)
    @given(TASK, SPELLINGS)
    def same(task: Pairs, how: dict[str, Any]) -> None:
        content = spelled(task, how).encode()
        assert json.loads(content) is not None
        assert repr(decode_task(content)) == repr(decode._decode_slowly(content))
        taken["fast"] += fast(content)
        taken["twice"] += repeats(task)
        assert not (fast(content) and repeats(task))

    same()
    assert min(taken.values()) > tries / 20  # else nothing has been tried


@pytest.mark.parametrize("tries", [200, pytest.param(2000, marks=pytest.mark.slow)])
@pytest.mark.filterwarnings("ignore:Generating overly large repr")
def test_data_found_at_the_end_of_a_task_are_its_data(tries: int) -> None:
    found = {True: 0, False: 0}

    @settings(max_examples=tries, deadline=None)
    @given(TASK | DATA_LAST, SPELLINGS)
    @example(
        Pairs([("id", False), ("data", Pairs([("id", [None]), ("id", [])]))]),
        {"colon": ":", "ascii": False, "escaped": None},
    )
    def same(task: Pairs, how: dict[str, Any]) -> None:
        raw = memoryview(spelled(task, how).encode())
        data = _data_at_end(raw)
        assert data == {} or names(data) == names(_head(raw).data or {})
        found[bool(data)] += 1

    same()
    assert min(found.values()) > tries / 20


def names(data: dict[str, Any]) -> dict[str, Any]:
    """What may name an article. Of lists under one key, a task that is decoded the slow way has all values."""
    return {key: value for key, value in data.items() if isinstance(value, str | int)}


def fast(content: bytes) -> bool:
    """Whether the task is decoded without the slow way."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(decode, "_decode_slowly", lambda _: None)
        return decode_task(content) is not None


ITEM_MESSAGES = {
    '{"value": {"start": true}}': "`value.start` is true or false; expected a number or a string",
    '{"value": []}': "`value` is a list; expected an object",
    '{"value": {"labels": ["PER", 1]}}': "entry 2 of `value.labels` is a whole number; expected a string",
    '{"value": {"taxonomy": [["a", {}]]}}': "entry 2 of entry 1 of `value.taxonomy` is an object; expected a string",
    '{"value": {"choices": [null]}}': "entry 1 of `value.choices` is null; expected a string or a list",
    '{"labels": 0.5}': "`labels` is a number; expected a list",
}


@pytest.mark.parametrize("item", ITEM_MESSAGES)
def test_the_message_of_a_wrong_item_has_plain_words_and_the_place(item: str) -> None:
    task = decode_task(f'{{"data": {{}}, "annotations": [{{"result": [{item}]}}]}}'.encode())
    assert [wrong.message for wrong in task.annotations[0].items] == [ITEM_MESSAGES[item]]


FIELD_MESSAGES = {
    '"id": {}': "`id` is an object; expected a whole number or a string",
    '"completed_by": {"id": []}': "`completed_by.id` is a list; expected a whole number or a string",
    '"completed_by": {"\\ud83d": 1}': "`completed_by` contains half of a UTF-16 surrogate pair",
    '"ground_truth": "maybe"': "`ground_truth` is a string; expected true or false",
}


@pytest.mark.parametrize("field", FIELD_MESSAGES)
def test_the_message_of_a_wrong_field_has_plain_words_and_the_place(field: str) -> None:
    task = decode_task(f'{{"data": {{}}, "annotations": [{{"result": [], {field}}}]}}'.encode())
    assert [finding.message for finding in task.findings] == [FIELD_MESSAGES[field]]
