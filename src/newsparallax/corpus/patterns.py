r"""Match values with the regular expressions of a codebook.

The expressions have the syntax of RE2, which pyarrow contains. RE2 takes a time linear in the length of the value,
without any backtracking. So no value can hang a build, whatever the pattern; `re` can take exponential time and has no
timeout. RE2 has no look-around and no back-references, and `\d` and `\w` match ASCII only.
"""

from __future__ import annotations

from collections.abc import Iterable


def pattern_error(pattern: str) -> str | None:
    """Return what is wrong with a pattern, in the words of RE2; None if it is a regular expression."""
    import pyarrow as pa

    for expression in (pattern, _whole(pattern)):  # alone, `a)(b` is an error; in parentheses, `\Qa` is
        try:
            _matches(expression, [""])  # without a value, pyarrow does not read the expression
        except pa.ArrowInvalid as error:
            return str(error).removeprefix("Invalid regular expression: ")
    return None


def unmatched(pattern: str, values: Iterable[str]) -> set[str]:
    """Return the values that a pattern does not match completely."""
    given = sorted(set(values))
    matches = _matches(_whole(pattern), given) if given else []
    return {value for value, matched in zip(given, matches, strict=True) if not matched}


def _whole(pattern: str) -> str:
    return rf"\A(?:{pattern})\z"


def _matches(expression: str, values: list[str]) -> list[bool]:
    import pyarrow as pa
    import pyarrow.compute as pc  # here, because its import is slow and few codebooks have patterns

    matches: list[bool] = pc.match_substring_regex(pa.array(values, pa.string()), expression).to_pylist()
    return matches
