"""Values that people gave about the same thing: on matched spans, or about an article."""

from __future__ import annotations

import math
from fractions import Fraction
from itertools import combinations
from typing import Any

from .codebook import LEVELS, Field
from .samples import Block, Found, Key

Values = tuple[str, ...]  # a choice, or several in the codebook's order
IDS = ("ref", "taxonomy")  # kinds of which ids, or paths, are compared one by one


def choice_of(field: Field, value: Any) -> Values | None:
    """The value of a choice as a tuple in the codebook's order; None for none."""
    if not value:
        return None
    return tuple(key for key in field.values if key in value) if field.many else (value,)


def ids_of(value: Any) -> set[str]:
    """The ids or paths that a value names."""
    parts = value if isinstance(value, list) else [value] if value is not None else []
    return {LEVELS.join(part) if isinstance(part, list) else part for part in parts}


def number_of(value: Any) -> int | Fraction | None:
    """A number, exactly; None for none."""
    if value is None or not math.isfinite(value):
        return None
    return int(value) if value == int(value) else Fraction(value)


def compare_values(found: Found, block: Block, place: tuple[str, str], field: Field, a: Any, b: Any) -> None:
    """Compare the values that two people gave about the same thing, each None if there is none."""
    layer, name = place
    if field.kind == "choice":
        x, y = choice_of(field, a), choice_of(field, b)
        if x is not None or y is not None:
            found.keys[block].append((layer, "value", name, x, y))
    elif field.kind in IDS:
        mine, theirs = ids_of(a), ids_of(b)
        for who, number in (("a", len(mine)), ("b", len(theirs)), ("both", len(mine & theirs))):
            found.keys[block] += [(layer, "ids", name, who, "")] * number
    elif field.kind == "text":
        who = ("both" if b else "a") if a else "b" if b else "none"
        found.keys[block].append((layer, "note", name, who, ""))
    else:
        numbers = [number for number in (number_of(a), number_of(b)) if number is not None]
        if len(numbers) == 2:
            same = "same" if numbers[0] == numbers[1] else "different"
            found.keys[block].append((layer, "number", name, same, ""))
            _count_numbers(found, block, place, numbers)


def _count_numbers(found: Found, block: Block, place: tuple[str, str], numbers: list[int | Fraction]) -> None:
    """Add the numbers that some people gave about the same thing to what interval alpha is made from."""
    layer, name = place
    many, total, squares = len(numbers), sum(numbers), sum(number * number for number in numbers)
    difference = 2 * (many * squares - total * total)
    shared = Fraction(difference, many - 1) if many > 2 else difference
    for what, number in (("n", many), ("sum", total), ("squares", squares), ("difference", shared)):
        found.sums.append((block, (layer, "number", name, what, ""), number))


def count_several(found: Found, block: Block, place: tuple[str, str], field: Field, values: list[Any]) -> None:
    """Count the values that several people gave about the same thing, None for those who gave none."""
    if field.kind == "choice":
        chosen = [choice for value in values if (choice := choice_of(field, value)) is not None]
        count_values(found.keys[block], *place, chosen)
    elif field.kind in ("rating", "number"):
        numbers = [number for number in map(number_of, values) if number is not None]
        if len(numbers) > 1:
            _count_numbers(found, block, place, numbers)


def count_values(keys: list[Key], layer: str, name: str, values: list[Values]) -> None:
    """Count the values of several people two by two, with how many people they are."""
    keys += [(layer, "units", name, len(values), pair) for pair in combinations(sorted(values), 2)]
