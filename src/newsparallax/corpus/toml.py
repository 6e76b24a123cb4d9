"""Read TOML into typed records, with errors that name the key.

For tables with free keys, an error of msgspec names `$.layers[...].attributes[...]` without the keys. Users need the
keys, the found value and the expected value. So when a conversion fails, `locate` searches for the failing value, one
level at a time.
"""

from __future__ import annotations

import ast
import json
import re
import tomllib
from difflib import get_close_matches
from pathlib import Path
from typing import Any, Literal, TypeVar

import msgspec
import msgspec.inspect as mi

from ..errors import CorpusError

T = TypeVar("T")
LONGEST = 60  # characters of a found value that a message shows

_PLACE = re.compile(r"(.*) \(at (line \d+, column \d+|end of document)\)", re.DOTALL)
_TABLE = re.compile(r"\('.*\)")
_NOT_TOML = {  # beginning of a message of tomllib -> words
    "Invalid initial character for a key part": "expected a key",
    "Invalid statement": "expected a key or a table",
    "Expected '=' after a key": "expected = after the key",
    "Invalid value": "expected a value",
    "Expected newline or end of document": "expected the end of the line",
    "Expected ']' at the end of a table": "expected ] after the name of the table",
    "Cannot overwrite a value": "a key occurs twice",
    "Duplicate inline table key": "a key occurs twice",
    "Cannot declare": "a table occurs twice:",
    "Cannot mutate immutable namespace": "a table is extended that was given as a value:",
    "Unclosed array": "a list has no ]",
    "Unclosed inline table": "a table has no }",
    'Expected "\'"': "a text has no quotation mark at its end",
    "Unterminated string": "a text has no quotation mark at its end",
    "Illegal character '\\n'": "a text has no quotation mark at the end of its line",
    "Unescaped '\\' in a string": "write \\\\ for a backslash in a text",
}
_BARE = re.compile(r"[\w-]+")
_WORDS = {
    mi.StrType: "text in quotation marks",
    mi.IntType: "an integer",
    mi.FloatType: "a number",
    mi.BoolType: "true or false",
    mi.DictType: "a table",
    mi.StructType: "a table",
}


class Record(msgspec.Struct, forbid_unknown_fields=True):
    """Base class of all records read from TOML. Unknown keys are errors. Treat records as immutable."""


def read_toml(path: Path, type_: type[T], *, name: str | None = None) -> T:
    """Read the TOML file `path` as `type_`; `name` is the name of the file in messages.

    Raises CorpusError with the file and the key or line.
    """
    return parse_toml(read_bytes(path, name or path.name), type_, name=name or path.name)


def read_bytes(path: Path, name: str) -> bytes:
    """Return the bytes of a required file. Raises CorpusError where it is missing or cannot be read."""
    try:
        return path.read_bytes()
    except FileNotFoundError:
        raise CorpusError("does not exist", file=name, hint=f"expected at {path}") from None
    except OSError as error:
        raise CorpusError(f"cannot be read: {error.strerror}", file=name, hint=f"expected at {path}") from None


def parse_toml(data: bytes, type_: type[T], *, name: str) -> T:
    """Parse TOML bytes as `type_` (a msgspec Struct, or a dict of Structs). Raises CorpusError for invalid content."""
    try:
        table = tomllib.loads(data.decode("utf-8-sig"))
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        message = f"line {line} is not UTF-8 (byte 0x{data[error.start]:02x})"
        raise CorpusError(message, file=name, hint="save the file as UTF-8") from None
    except tomllib.TOMLDecodeError as error:
        place, what = _not_toml(str(error))
        raise CorpusError(f"is not TOML: {what}", file=name, place=place, hint=_toml_hint(str(error))) from None
    try:
        return msgspec.convert(table, type_)
    except msgspec.ValidationError:
        path, message = locate(table, mi.type_info(type_))
        raise CorpusError(message, file=name, place=".".join(map(key_text, path)) or None) from None


def _not_toml(message: str) -> tuple[str, str]:
    """Return the place and the words for a message of tomllib."""
    found = _PLACE.fullmatch(message)
    what, place = found.groups() if found else (message, "end of document")
    words = next((words for start, words in _NOT_TOML.items() if what.startswith(start)), what)
    table = _TABLE.search(what)
    named = f" {'.'.join(key_text(key) for key in ast.literal_eval(table[0]))}" if table else ""
    return place.replace("end of document", "end of the file"), words + named


def _toml_hint(message: str) -> str | None:
    """Return a hint for the most common mistakes, or None."""
    if (
        message.startswith(("Invalid initial character for a key part", "Invalid statement"))
        or "after a key" in message
    ):
        return "put keys with characters other than A-Z a-z 0-9 _ - in quotation marks, and = before the value"
    if message.startswith("Invalid value"):
        return "put text in quotation marks"
    return None


def key_text(key: str) -> str:
    """Return a key for a dotted path, in quotation marks if necessary."""
    return key if _BARE.fullmatch(key) else json.dumps(key, ensure_ascii=False)


def locate(value: Any, type_: mi.Type, path: tuple[str, ...] = ()) -> tuple[tuple[str, ...], str]:
    """Return the path in `value` at which the conversion to `type_` fails, and a message (found and expected)."""
    for key, part, part_type in _parts(value, type_):
        if _fails(part, part_type):
            return locate(part, part_type, (*path, key))
    struct = next((member for member in _members(type_) if isinstance(member, mi.StructType)), None)
    if struct and isinstance(value, dict):
        return path, _wrong_keys(value, struct)
    return path, f"expected {_expected(type_)}, found {_found(value)}{_unquoted(value, type_)}"


def bare(type_: mi.Type) -> mi.Type:
    """Return the type of a field without its description."""
    return type_.type if isinstance(type_, mi.Metadata) else type_


def _members(type_: mi.Type) -> tuple[mi.Type, ...]:
    return type_.types if isinstance(type_, mi.UnionType) else (type_,)


def _parts(value: Any, type_: mi.Type) -> list[tuple[str, Any, mi.Type]]:
    """Return the parts of a table or list as (key or position from 1, value, expected type)."""
    for member in _members(type_):
        if isinstance(member, mi.StructType) and isinstance(value, dict):
            fields = {field.encode_name: bare(field.type) for field in member.fields}
            return [(key, part, fields[key]) for key, part in value.items() if key in fields]
        if isinstance(member, mi.DictType) and isinstance(value, dict):
            return [(key, part, member.value_type) for key, part in value.items()]
        if isinstance(member, mi.ListType) and isinstance(value, list):
            return [(str(number), part, member.item_type) for number, part in enumerate(value, 1)]
    return []


def _fails(value: Any, type_: mi.Type) -> bool:
    try:
        msgspec.convert(value, _as_annotation(type_))
    except msgspec.ValidationError:
        return True
    return False


def _as_annotation(type_: mi.Type) -> Any:
    """Return the type annotation from which `msgspec.inspect` made `type_`."""
    if isinstance(type_, mi.StructType):
        return type_.cls
    if isinstance(type_, mi.DictType):
        return dict[str, _as_annotation(type_.value_type)]  # type: ignore[misc]  # built at run time
    if isinstance(type_, mi.ListType):
        return list[_as_annotation(type_.item_type)]  # type: ignore[misc]
    if isinstance(type_, mi.UnionType):
        union = _as_annotation(type_.types[0])
        for member in type_.types[1:]:
            union = union | _as_annotation(member)
        return union
    if isinstance(type_, mi.LiteralType):
        return Literal[tuple(type_.values)]
    simple = {mi.StrType: str, mi.IntType: int, mi.FloatType: float, mi.BoolType: bool, mi.NoneType: None}
    return simple.get(type(type_), Any)


def _wrong_keys(table: dict[str, Any], struct: mi.StructType) -> str:
    """Return a message for the unknown or missing key of a table whose values are valid."""
    known = [field.encode_name for field in struct.fields]
    unknown = next((key for key in table if key not in known), None)
    if unknown is not None:
        close = get_close_matches(unknown, known, 1)
        guess = f"; did you mean {close[0]}?" if close else ""
        return f"unknown key {key_text(unknown)}; expected one of {', '.join(known)}{guess}"
    missing = [field for field in struct.fields if field.required and field.encode_name not in table]
    if len(missing) == 1:
        return f"the key {missing[0].encode_name} is missing; expected {_expected(bare(missing[0].type))}"
    listed = ", ".join(f"{field.encode_name} ({_expected(bare(field.type))})" for field in missing)
    return f"keys are missing: {listed}"


def _expected(type_: mi.Type) -> str:
    """Return a type in words."""
    if isinstance(type_, mi.UnionType):
        return " or ".join(_expected(member) for member in type_.types if not isinstance(member, mi.NoneType))
    if isinstance(type_, mi.LiteralType):
        return f"one of {', '.join(map(str, type_.values))}"
    if isinstance(type_, mi.ListType):
        return f"a list (each entry: {_expected(type_.item_type)})"
    return _WORDS.get(type(type_), "another value")


def _found(value: Any) -> str:
    """Return a value in TOML notation, shortened."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, dict | list):
        return "a table" if isinstance(value, dict) else "a list"
    text = json.dumps(value, ensure_ascii=False) if isinstance(value, str) else str(value)
    return text if len(text) <= LONGEST else f"{text[:LONGEST]}..."


def _unquoted(value: Any, type_: mi.Type) -> str:
    """Return a hint for dates and numbers where text is expected, or ""."""
    text = any(isinstance(member, mi.StrType) for member in _members(type_))
    plain = isinstance(value, int | float) or hasattr(value, "isoformat")
    return f' (write "{value}")' if text and plain and not isinstance(value, bool) else ""
