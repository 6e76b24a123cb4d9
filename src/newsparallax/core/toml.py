"""TOML into typed records, with errors that name the key.

msgspec says `$.layers[...].attributes[...]` where a table's keys are free; a person needs
`layers.euphemisms.attributes.voice`. So when a conversion fails, the failing value is looked for again, one level at a
time.
"""

from __future__ import annotations

import re
import tomllib
from pathlib import Path
from typing import Any, Literal, TypeVar

import msgspec
import msgspec.inspect as mi

from .errors import CorpusError

T = TypeVar("T")


def read_toml(path: Path, type_: type[T], *, name: str | None = None) -> T:
    """Read the TOML file `path` as `type_`; `name` is how messages call the file.

    Raises CorpusError naming the file and the key or line.
    """
    return parse_toml(read_bytes(path, name or path.name), type_, name=name or path.name)


def read_bytes(path: Path, name: str) -> bytes:
    """The bytes of a file that must be there."""
    try:
        return path.read_bytes()
    except OSError as error:
        raise CorpusError(f"cannot be read: {error.strerror}", file=name, hint=f"expected at {path}") from None


def parse_toml(data: bytes, type_: type[T], *, name: str) -> T:
    """Parse TOML bytes as `type_` (a msgspec Struct)."""
    try:
        table = tomllib.loads(data.decode("utf-8-sig"))
    except UnicodeDecodeError as error:
        raise CorpusError(f"is not UTF-8 (byte {error.start})", file=name, hint="save the file as UTF-8") from None
    except tomllib.TOMLDecodeError as error:
        raise CorpusError(f"is not TOML: {error}", file=name) from None
    try:
        return msgspec.convert(table, type_)
    except msgspec.ValidationError:
        path, message = locate(table, mi.type_info(type_))
        raise CorpusError(message, file=name, place=".".join(path) or None) from None


def locate(value: Any, type_: mi.Type, path: tuple[str, ...] = ()) -> tuple[tuple[str, ...], str]:
    """Where in `value` the conversion to `type_` fails, and what msgspec says there."""
    for key, part, part_type in _parts(value, type_):
        if _failure(part, part_type):
            return locate(part, part_type, (*path, key))
    return path, _plain(_failure(value, type_) or "is not valid")


def _parts(value: Any, type_: mi.Type) -> list[tuple[str, Any, mi.Type]]:
    if isinstance(type_, mi.UnionType):
        members = (mi.StructType, mi.DictType) if isinstance(value, dict) else (mi.ListType,)
        return next((_parts(value, member) for member in type_.types if isinstance(member, members)), [])
    if isinstance(type_, mi.StructType) and isinstance(value, dict):
        fields = {field.encode_name: field.type for field in type_.fields}
        return [(key, part, fields[key]) for key, part in value.items() if key in fields]
    if isinstance(type_, mi.DictType) and isinstance(value, dict):
        return [(key, part, type_.value_type) for key, part in value.items()]
    if isinstance(type_, mi.ListType) and isinstance(value, list):
        return [(str(number), part, type_.item_type) for number, part in enumerate(value, 1)]
    return []


def _failure(value: Any, type_: mi.Type) -> str | None:
    try:
        msgspec.convert(value, _as_annotation(type_))
    except msgspec.ValidationError as error:
        return str(error)
    return None


def _as_annotation(type_: mi.Type) -> Any:
    """The annotation that `msgspec.inspect` made `type_` from."""
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


def _plain(message: str) -> str:
    return re.sub(r" - at `[^`]*`", "", message).replace("Object ", "the table ", 1)
