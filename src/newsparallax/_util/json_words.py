"""Say in plain words what is wrong with a JSON value, instead of in the words of the decoder (msgspec)."""

from __future__ import annotations

import re

import msgspec

_KINDS = {
    "array": "a list", "bool": "true or false", "float": "a number", "int": "a whole number", "null": "null",
    "object": "an object", "str": "a string",
}  # fmt: skip
_TYPES = re.compile(r"Expected `([^`]+)`(?:, got `([^`]+)`)?")
_MISSING = re.compile(r"Object missing required field `([^`]+)`")
_PLACE = re.compile(r" - at `\$([^`]*)`$")
_STEP = re.compile(r"\.([^.\[\]]+)|\[(\d+)\]|\[\.\.\.\]")
_PARSER = {  # beginning of a message of the standard library -> words
    "Expecting property name": "expected a key in quotation marks",
    "Expecting ':'": "expected : after the key",
    "Expecting ','": "expected a comma or the end of the list or object",
    "Expecting value": "expected a value",
    "Extra data": "there is text after the end of the JSON value",
    "Invalid control character": "a string contains a control character, such as a line end",
    "Invalid \\u": "a string contains \\u without four hexadecimal digits",
    "Invalid \\": "a string contains a backslash that begins no escape",
    "Illegal trailing comma": "a comma precedes the end of a list or object",
}
_BYTE = re.compile(r"\(byte (\d+)\)")


def in_words(error: msgspec.MsgspecError | ValueError, key: str = "") -> str:
    """Return a message with the place, the found kind of value and the expected one.

    `error` is an error of msgspec, or the UnicodeError of a text with a lone surrogate. `key` is the key of the decoded
    value, if the value is part of an object.
    """
    text = str(error)
    if isinstance(error, UnicodeError):
        return f"{_place('', key)} contains half of a UTF-16 surrogate pair"
    if not isinstance(error, msgspec.ValidationError):
        return _not_json(text)
    found = _PLACE.search(text)
    place = _place(found[1] if found else "", key)
    missing = _MISSING.match(text)
    if missing:
        return f"{place} has no key `{missing[1]}`"
    types = _TYPES.match(text)
    if types is None:
        return f"{place} has an unexpected value"
    got = f"is {_kind(types[2])}" if types[2] else "has an unexpected type"
    return f"{place} {got}; expected {_any_of(types[1].split(' | '))}"


def parser_words(message: str) -> str:
    """Return a message of the JSON parser of the standard library in plain words."""
    return next((words for start, words in _PARSER.items() if message.startswith(start)), message)


def _not_json(text: str) -> str:
    if "truncated" in text:
        return "it ends in the middle of a value"
    at = _BYTE.search(text)
    return f"it is not JSON from byte {at[1]} on" if at else "it is not JSON"


def _place(path: str, key: str) -> str:
    """Return a path of msgspec, such as `.value.labels[0]`, in words."""
    keys = [key] if key else []
    entries: list[str] = []
    for name, number in _STEP.findall(path):
        if name and not entries:
            keys.append(name)
        elif name:
            entries.append(f"`{name}` of")
        elif number:
            entries.append(f"entry {int(number) + 1} of")
        else:
            entries.append("an entry of")
    whole = f"`{'.'.join(keys)}`" if keys else "the value"
    return " ".join([*reversed(entries), whole])


def _any_of(names: list[str]) -> str:
    """Return the names of types in words. Null is left out, because nobody needs to be told to write it."""
    wanted = [name for name in names if name != "null"] or names
    if "float" in wanted:  # whole numbers are numbers
        wanted = [name for name in wanted if name != "int"]
    return " or ".join(map(_kind, wanted))


def _kind(name: str) -> str:
    return _KINDS.get(name, "another value")
