"""Patterns of values: what matches completely, what is no regular expression, what would hang another engine."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from newsparallax.corpus.patterns import pattern_error, unmatched

PATTERNS = [r"\d{4}-\d\d?", "a|ab", "^a$", "", r"(?i)A+b*", r"[^a]", r"a(b)?", ".*", r"a\b", "a\nb"]


@given(st.sampled_from(PATTERNS), st.lists(st.text("ab1-\n ü") | st.from_regex(r"\d{4}-\d", fullmatch=True)))
def test_a_value_matches_completely_or_not_at_all(pattern, values):
    expected = {value for value in values if not re.compile(pattern, re.ASCII).fullmatch(value)}
    assert unmatched(pattern, values) == expected


@pytest.mark.parametrize(
    "pattern", ["(", "a)(b", r"\Qa", "a\\", "*", "[b-a]", r"(?=a)", r"(a)\1", "a{1001}", "(((a{99}){99}){99})"]
)
def test_what_re2_does_not_read_is_an_error(pattern):
    assert pattern_error(pattern)


@pytest.mark.parametrize("pattern", PATTERNS)
def test_what_it_reads_is_none(pattern):
    assert pattern_error(pattern) is None


@pytest.mark.parametrize("pattern", ["(a+)+", "(a|a)*", "(a|aa)+", "(a*)*b?", "(.*a){20}"])
def test_no_value_takes_exponential_time(pattern):
    value = "a" * 50_000 + "!"  # `re` takes years for 50 characters
    assert unmatched(pattern, [value, value[:20]]) == {value}
