"""Compute digests of rows in their common form, for complete columns at once.

The digest of a value has 128 bits, stored as two 64-bit numbers. Text is hashed with BLAKE2b. Numbers are hashed, and
parts are combined, with the mixing step of SplitMix64 (Steele et al. 2014), with different constants for each half. The
digest of a record is the sum of its parts' digests, each mixed with the name of the part. The digest of a list is the
sum of its values' digests, each mixed with the position of the value. Equal rows have equal digests. Two different rows
have equal digests only by chance, once in 2**128 pairs.
"""

from __future__ import annotations

import hashlib
from functools import cache

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from .schemas import Many, Names, Plan, Record, Value

Lanes = npt.NDArray[np.uint64]  # of shape (values, 2)

VALUE = Value()

_STEP = (np.uint64(0xBF58476D1CE4E5B9), np.uint64(0x94D049BB133111EB))


def digests(array: pa.Array, plan: Plan, *, old: bool) -> Lanes:
    """Return the digests, of shape (values, 2), of an array in the plan's old or new form."""
    if isinstance(plan, Record):
        hashes = _record(array, plan, old)
    elif isinstance(plan, Many) or pa.types.is_list(array.type):
        hashes = _list(array, plan.item if isinstance(plan, Many) else plan, old)
    elif isinstance(plan, Names):
        hashes = _labels(array, plan.old if old else plan.new)
    else:
        hashes = _values(array)
    if array.null_count:
        hashes[array.is_null().to_numpy(zero_copy_only=False)] = word("null")
    return hashes


def record(columns: dict[str, Lanes]) -> Lanes:
    """Combine the digests of columns, by name, to the digests of rows, of shape (rows, 2)."""
    return np.asarray(sum(_mixed(lanes + word(name)) for name, lanes in columns.items()), dtype=np.uint64)


@cache
def word(name: str) -> Lanes:
    """Return the digest, of shape (2,), of a name or of a value that is not text; it differs from every text digest."""
    return np.frombuffer(_blake(name, b"name"), "<u8")


def _blake(text: str, what: bytes) -> bytes:
    return hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=16, person=what).digest()


def _mixed(lanes: Lanes) -> Lanes:
    """Mix every bit into its complete 64-bit half."""
    mixed = lanes ^ (lanes >> np.uint64(30))
    mixed *= _STEP[0]
    mixed ^= mixed >> np.uint64(27)
    mixed *= _STEP[1]
    mixed ^= mixed >> np.uint64(31)
    return mixed


def _numbers(values: npt.NDArray[np.uint64]) -> Lanes:
    return _mixed(np.stack((values, values), axis=1) + word("number"))


def _record(array: pa.StructArray, plan: Record, old: bool) -> Lanes:
    if not plan.parts:
        return np.zeros((len(array), 2), np.uint64)
    fields = {name: (before if old else name, part) for name, (before, part) in plan.parts.items()}
    return record({name: digests(array.field(own), part, old=old) for name, (own, part) in fields.items()})


def _list(array: pa.ListArray, item: Plan, old: bool) -> Lanes:
    lengths = pc.fill_null(pc.list_value_length(array), 0).to_numpy(zero_copy_only=False).astype(np.int64)
    values = digests(array.flatten(), item, old=old)
    ends = np.cumsum(lengths)
    starts = ends - lengths
    positions = np.arange(len(values)) - np.repeat(starts, lengths)
    placed = _mixed(values + _numbers(positions.astype(np.uint64)))
    sums = np.zeros((len(values) + 1, 2), np.uint64)
    np.cumsum(placed, axis=0, out=sums[1:])
    hashes: Lanes = sums[ends] - sums[starts] + _numbers(lengths.astype(np.uint64))
    return hashes


def _labels(array: pa.Array, names: tuple[str, ...]) -> Lanes:
    numbers = pc.fill_null(array, -1).to_numpy(zero_copy_only=False).astype(np.int64)
    hashes = _numbers(numbers.view(np.uint64))
    known = (numbers >= 0) & (numbers < len(names))
    if names:
        hashes[known] = np.stack([word(f"label {name}") for name in names])[numbers[known]]
    return hashes


def _values(array: pa.Array) -> Lanes:
    if pa.types.is_boolean(array.type) or pa.types.is_integer(array.type):
        numbers = pc.fill_null(array.cast(pa.int64()), 0).to_numpy(zero_copy_only=False)
        return _numbers(numbers.view(np.uint64))
    if pa.types.is_floating(array.type):
        numbers = pc.fill_null(array.cast(pa.float64()), 0.0).to_numpy(zero_copy_only=False) + 0.0  # no -0.0
        return _numbers(numbers.view(np.uint64))
    coded = array.dictionary_encode()
    words = coded.dictionary.to_pylist()
    if not words:
        return np.zeros((len(array), 2), np.uint64)
    joined = b"".join(_blake(str(text), b"text") for text in words)
    places = pc.fill_null(coded.indices, 0).to_numpy(zero_copy_only=False)
    hashes: Lanes = np.frombuffer(joined, "<u8").reshape(-1, 2)[places]
    return hashes
