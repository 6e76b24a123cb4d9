"""Verify croissant.json against the dataset's files, and check that records read through it equal the rows.

mlcroissant validates the form and reads records. It compares neither digests nor columns with the files of a file set.
"""

from __future__ import annotations

import json
import logging
import re
from collections.abc import Iterator
from fnmatch import fnmatchcase
from functools import lru_cache
from itertools import islice, zip_longest
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import yaml

from .._util import file_digest, parsed_yaml, parted, require
from ..errors import UsageError
from .croissant import PARQUET
from .croissant_schema import (
    Records,
    as_dict,
    as_dicts,
    as_texts,
    check_columns,
    check_context,
    check_places,
    check_references,
    expected_record,
    id_of,
    inline_names,
    plain,
    records_of,
    split_of,
)

FILE = "croissant.json"
BATCH = 100  # rows of a Parquet file in memory


def check_croissant(folder: Path) -> Iterator[str]:
    """Yield one line for every error in croissant.json of the dataset in `folder`.

    Raises UsageError where mlcroissant is not installed.
    """
    described, wrong = _opened(folder)
    yield from wrong
    if wrong:
        return
    yield from _issues(described, folder)
    yield from check_references(described)
    yield from _check_files(described, folder)
    files = _files(described, folder)
    sets = [
        records_of(record_set, files) for record_set in as_dicts(described.get("recordSet")) if "data" not in record_set
    ]
    yield from _check_coverage(described, sets, folder)
    names = [
        list(inline_names(record_set)) for record_set in as_dicts(described.get("recordSet")) if "data" in record_set
    ]
    for record_set in sets:
        wrong = []
        schema = _schema(record_set, folder, wrong)
        yield from wrong
        if schema is not None:
            yield from check_columns(record_set, names, schema)


def read_croissant(folder: Path, limit: int | None = None) -> Iterator[str]:
    """Read every record of every record set through mlcroissant, and yield the differences from the Parquet rows.

    With `limit`, at most that many rows of each split of a record set are compared, because mlcroissant needs a
    millisecond for each row. Only the first relation of a span is compared, because mlcroissant 1.1.1 reads no other.
    mlcroissant holds one file at a time in memory. Nothing is fetched or stored. Raises UsageError where mlcroissant is
    not installed.
    """
    described, wrong = _opened(folder)
    yield from wrong
    if wrong:
        return
    try:
        dataset = _dataset(described, folder)
    except UsageError:
        raise
    except Exception as error:  # mlcroissant raises many types of exceptions
        yield f"mlcroissant cannot read it: {_line(error)}"
        return
    files = _files(described, folder)
    for record_set in as_dicts(described.get("recordSet")):
        try:
            if "data" in record_set:
                if list(dataset.records(id_of(record_set))) != record_set["data"]:
                    yield f"{id_of(record_set)}: mlcroissant does not read its inline records"
            else:
                yield from _compare(dataset, records_of(record_set, files), folder, limit)
        except Exception as error:
            while error.__cause__ and isinstance(error.__cause__, Exception):
                error = error.__cause__
            yield f"{id_of(record_set)}: mlcroissant cannot read it: {_line(error)}"


def _opened(folder: Path) -> tuple[dict[str, Any], list[str]]:
    """Return the content of croissant.json, and the errors that prevent further checks."""
    try:
        described = json.loads((folder / FILE).read_bytes())
    except FileNotFoundError:
        return {}, ["there is no croissant.json"]
    except (ValueError, RecursionError) as error:
        return {}, [f"is not JSON: {_line(error)}"]
    if not isinstance(described, dict):
        return {}, ["is not a JSON object"]
    return described, [*check_context(described), *check_places(described)]


def _issues(described: dict[str, Any], folder: Path) -> Iterator[str]:
    try:
        _dataset(described, folder)
    except UsageError:
        raise
    except Exception as error:
        messages = re.findall(r"^  -  (.*)$", str(error).split(" warning(s)")[0], re.MULTILINE)
        yield from (f"mlcroissant: {issue}" for issue in messages or [_line(error)])


def _dataset(described: dict[str, Any], folder: Path) -> Any:
    """Open the dataset with mlcroissant, and suppress the warnings that it prints.

    Opening takes most of the time of a check, so reading after a check uses what the check opened.
    """
    require("mlcroissant")
    return _opened_again(json.dumps(described), folder.absolute())


@lru_cache(maxsize=1)
def _opened_again(described: str, folder: Path) -> Any:
    import mlcroissant
    from etils import epath

    logger = logging.getLogger("absl")
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        # Opening by path fails for symbolic links: mlcroissant resolves them and searches the files next to the target.
        context = mlcroissant.Context(folder=epath.Path(folder))
        return mlcroissant.Dataset.from_metadata(mlcroissant.Metadata.from_json(context, json.loads(described)))
    finally:
        logger.setLevel(level)


def _check_files(described: dict[str, Any], folder: Path) -> Iterator[str]:
    """Compare every file object with its file."""
    for entry in as_dicts(described.get("distribution")):
        place = entry.get("contentUrl")
        if place is None:
            if not _members(entry, folder):
                yield f"{id_of(entry)}: no file fits {', '.join(as_texts(entry.get('includes')))}"
            continue
        path = folder / place
        if not path.is_file():
            yield f"{place}: there is no such file"
            continue
        size = f"{path.stat().st_size} B"
        if entry.get("contentSize") != size:
            yield f"{place}: the file has {size}, contentSize states {entry.get('contentSize')}"
        digest = file_digest(path)
        if entry.get("sha256") != digest:
            yield f"{place}: the file's SHA-256 is {digest}, sha256 states {entry.get('sha256')}"
        if entry.get("encodingFormat") != PARQUET:
            yield f"{place}: encodingFormat is {entry.get('encodingFormat')}, expected {PARQUET}"


def _check_coverage(described: dict[str, Any], sets: list[Records], folder: Path) -> Iterator[str]:
    """Check that every config has a record set, and every Parquet file a record set and a file object."""
    configs = _configs(folder)
    known = {records.id for records in sets}
    covered = {path for records in sets for path in records.files}
    listed = {entry.get("contentUrl") for entry in as_dicts(described.get("distribution"))}
    yield from (f"the config {name} of README.md has no record set" for name in configs if name not in known)
    for path in sorted(path.relative_to(folder).as_posix() for path in folder.glob("*/*.parquet")):
        if path not in covered and path.split("/")[0] in known | {*configs}:
            yield f"{path}: no record set covers it"
        if path in covered and path not in listed:
            yield f"{path}: has no file object, so no digest"


def _schema(records: Records, folder: Path, wrong: list[str]) -> pa.Schema | None:
    """Return the schema of a record set's files, which must all have the same one; add errors to `wrong`."""
    schema: pa.Schema | None = None
    for path in records.files:
        try:
            file_schema = pq.read_schema(folder / path)
        except (pa.ArrowException, OSError) as error:
            wrong.append(f"{path}: is not a Parquet file: {_line(error)}")
            continue
        if schema is not None and file_schema != schema:
            wrong.append(f"{path}: has other columns than {records.files[0]}")
        schema = file_schema if schema is None else schema
    if not records.files:
        wrong.append(f"{records.id}: uses no file")
    return schema


def _compare(dataset: Any, records: Records, folder: Path, limit: int | None) -> Iterator[str]:
    """Compare records and rows in pairs, split by split; yield only the first difference of each field."""
    reported: set[str] = set()
    splits = dict.fromkeys(split_of(records.split, path) for path in records.files)
    for split in splits:
        files = [path for path in records.files if split_of(records.split, path) == split]
        filters = {id_of(records.split): split} if records.split and split else None  # without it, all files are loaded
        pairs = zip_longest(dataset.records(records.id, filters), _rows(folder, files))
        for number, (record, row) in enumerate(islice(pairs, limit)):
            place = f"{records.id}, {split or 'all'}, row {number}"
            if record is None or row is None:
                yield f"{place}: {'mlcroissant has no record of it' if record is None else 'is not in the files'}"
                break
            read, expected = plain(record), expected_record(records, row, split)
            for name in sorted(read.keys() | expected.keys()):
                pair = read.get(name, "nothing"), expected.get(name, "nothing")
                if pair[0] != pair[1] and name not in reported:
                    reported.add(name)
                    yield f"{place}: {name} is read as {_short(pair[0])}, the file has {_short(pair[1])}"


def _rows(folder: Path, files: list[str]) -> Iterator[dict[str, Any]]:
    for path in files:
        with pq.ParquetFile(folder / path) as file:
            for batch in file.iter_batches(BATCH):
                yield from batch.to_pylist()


def _files(described: dict[str, Any], folder: Path) -> dict[str, list[str]]:
    """Map the id of every file object and file set to its existing files."""
    return {id_of(entry): _members(entry, folder) for entry in as_dicts(described.get("distribution"))}


def _members(entry: dict[str, Any], folder: Path) -> list[str]:
    """Return the files of a file object or file set, as mlcroissant finds them."""
    if "contentUrl" in entry:
        return [entry["contentUrl"]] if (folder / entry["contentUrl"]).is_file() else []
    patterns = as_texts(entry.get("includes"))
    paths = (path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())
    return sorted(path for path in paths if any(fnmatchcase(path, pattern) for pattern in patterns))


def _configs(folder: Path) -> list[str]:
    """Return the configs that the YAML of README.md names; none where README.md has no readable YAML."""
    try:
        front = parsed_yaml(parted((folder / "README.md").read_bytes().decode("utf-8"))[0])
    except (OSError, ValueError, yaml.YAMLError):
        return []
    return [str(entry.get("config_name")) for entry in as_dicts(as_dict(front).get("configs"))]


def _line(error: Exception) -> str:
    """Return the message of an exception on one line."""
    return " ".join(str(error).split()) or type(error).__name__


def _short(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 80 else f"{text[:77]}..."
