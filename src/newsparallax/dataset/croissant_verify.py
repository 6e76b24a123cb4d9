"""croissant.json against the files beside it: what is wrong with it, and whether reading through it gives the rows.

mlcroissant validates the form and reads records, but compares neither digests nor columns with the files of a file set.
"""

from __future__ import annotations

import copy
import hashlib
import json
import logging
import re
from collections.abc import Iterator
from fnmatch import fnmatchcase
from itertools import islice, zip_longest
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import yaml

from ..core.croissant_check import (
    Records,
    as_dict,
    as_dicts,
    as_texts,
    check_columns,
    check_context,
    check_places,
    expected_record,
    id_of,
    inline_names,
    plain,
    records_of,
    split_of,
)
from ..core.croissant_vocabulary import PARQUET
from ..core.errors import UsageError
from ..core.render.markdown import parted

FILE = "croissant.json"
BATCH = 100  # rows of a Parquet file in memory


def check_croissant(folder: Path) -> Iterator[str]:
    """Every way in which croissant.json of the dataset in `folder` is wrong, a line each.

    Raises UsageError where mlcroissant is not installed.
    """
    described, wrong = _opened(folder)
    yield from wrong
    if wrong:
        return
    yield from _issues(described, folder)
    yield from _check_files(described, folder)
    files = _files(described, folder)
    sets = [records_of(one, files) for one in as_dicts(described.get("recordSet")) if "data" not in one]
    yield from _check_coverage(described, sets, folder)
    names = [list(inline_names(one)) for one in as_dicts(described.get("recordSet")) if "data" in one]
    for one in sets:
        wrong = []
        schema = _schema(one, folder, wrong)
        yield from wrong
        if schema is not None:
            yield from check_columns(one, names, schema)


def read_croissant(folder: Path, limit: int | None = None) -> Iterator[str]:
    """Read every record of every record set through mlcroissant, and tell where it is not the row of the Parquet file.

    With `limit`, no more than so many rows of each split of a record set: mlcroissant needs a millisecond for each.
    Of arrows inside spans the first is compared, which is all that mlcroissant 1.1.1 reads. It holds one file at a time
    in memory. Nothing is fetched and nothing kept. Raises UsageError where mlcroissant is not installed.
    """
    described, wrong = _opened(folder)
    yield from wrong
    if wrong:
        return
    try:
        dataset = _dataset(described, folder)
    except UsageError:
        raise
    except Exception as error:  # it raises errors of many kinds
        yield f"mlcroissant cannot read it: {_line(error)}"
        return
    files = _files(described, folder)
    for one in as_dicts(described.get("recordSet")):
        try:
            if "data" in one:
                if list(dataset.records(id_of(one))) != one["data"]:
                    yield f"{id_of(one)}: mlcroissant does not read the records that stand in it"
            else:
                yield from _compare(dataset, records_of(one, files), folder, limit)
        except Exception as error:
            while error.__cause__ and isinstance(error.__cause__, Exception):
                error = error.__cause__
            yield f"{id_of(one)}: mlcroissant cannot read it: {_line(error)}"


def _opened(folder: Path) -> tuple[dict[str, Any], list[str]]:
    """The content of croissant.json, and why it cannot be looked at further, if so."""
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
        found = re.findall(r"^  -  (.*)$", str(error).split(" warning(s)")[0], re.MULTILINE)
        yield from (f"mlcroissant: {issue}" for issue in found or [_line(error)])


def _dataset(described: dict[str, Any], folder: Path) -> Any:
    """The dataset as mlcroissant opens it; without the warnings, which it prints."""
    try:
        import mlcroissant
    except ImportError:
        raise UsageError("mlcroissant is not installed", hint="`make .venv/release` installs it") from None
    from etils import epath

    logger = logging.getLogger("absl")
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        # Not by the path: mlcroissant follows symbolic links and then looks for the files beside their target.
        context = mlcroissant.Context(folder=epath.Path(folder.absolute()))
        return mlcroissant.Dataset.from_metadata(mlcroissant.Metadata.from_json(context, copy.deepcopy(described)))
    finally:
        logger.setLevel(level)


def _check_files(described: dict[str, Any], folder: Path) -> Iterator[str]:
    """Every file object against its file."""
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
            yield f"{place}: the file has {size}, contentSize says {entry.get('contentSize')}"
        with path.open("rb") as handle:
            digest = hashlib.file_digest(handle, "sha256").hexdigest()
        if entry.get("sha256") != digest:
            yield f"{place}: the file's SHA-256 is {digest}, sha256 says {entry.get('sha256')}"
        if entry.get("encodingFormat") != PARQUET:
            yield f"{place}: encodingFormat is {entry.get('encodingFormat')}, expected {PARQUET}"


def _check_coverage(described: dict[str, Any], sets: list[Records], folder: Path) -> Iterator[str]:
    """Configs, record sets and file objects cover each other."""
    configs = _configs(folder)
    known = {one.id for one in sets}
    covered = {path for one in sets for path in one.files}
    listed = {entry.get("contentUrl") for entry in as_dicts(described.get("distribution"))}
    yield from (f"the config {name} of README.md has no record set" for name in configs if name not in known)
    for path in sorted(path.relative_to(folder).as_posix() for path in folder.glob("*/*.parquet")):
        if path not in covered and path.split("/")[0] in known | {*configs}:
            yield f"{path}: no record set covers it"
        if path in covered and path not in listed:
            yield f"{path}: has no file object, so no digest"


def _schema(one: Records, folder: Path, wrong: list[str]) -> pa.Schema | None:
    """The columns of the files of a record set, which all have the same; `wrong` takes what is not so."""
    schema: pa.Schema | None = None
    for path in one.files:
        try:
            found = pq.read_schema(folder / path)
        except (pa.ArrowException, OSError) as error:
            wrong.append(f"{path}: is no Parquet file: {_line(error)}")
            continue
        if schema is not None and found != schema:
            wrong.append(f"{path}: has other columns than {one.files[0]}")
        schema = found if schema is None else schema
    if not one.files:
        wrong.append(f"{one.id}: draws on no file")
    return schema


def _compare(dataset: Any, one: Records, folder: Path, limit: int | None) -> Iterator[str]:
    """Records and rows side by side, split by split; of each field the first difference is told."""
    told: set[str] = set()
    splits = dict.fromkeys(split_of(one.split, path) for path in one.files)
    for split in splits:
        files = [path for path in one.files if split_of(one.split, path) == split]
        filters = {id_of(one.split): split} if one.split and split else None  # without it, all files are in memory
        pairs = zip_longest(dataset.records(one.id, filters), _rows(folder, files))
        for number, (record, row) in enumerate(islice(pairs, limit)):
            place = f"{one.id}, {split or 'all'}, row {number}"
            if record is None or row is None:
                yield f"{place}: {'mlcroissant has no record of it' if record is None else 'is not in the files'}"
                break
            found, expected = plain(record), expected_record(one, row, split)
            for name in sorted(found.keys() | expected.keys()):
                pair = found.get(name, "nothing"), expected.get(name, "nothing")
                if pair[0] != pair[1] and name not in told:
                    told.add(name)
                    yield f"{place}: {name} is read as {_short(pair[0])}, the file has {_short(pair[1])}"


def _rows(folder: Path, files: list[str]) -> Iterator[dict[str, Any]]:
    for path in files:
        with pq.ParquetFile(folder / path) as file:
            for batch in file.iter_batches(BATCH):
                yield from batch.to_pylist()


def _files(described: dict[str, Any], folder: Path) -> dict[str, list[str]]:
    """File objects and file sets by id, each with its files that are there."""
    return {id_of(entry): _members(entry, folder) for entry in as_dicts(described.get("distribution"))}


def _members(entry: dict[str, Any], folder: Path) -> list[str]:
    """The files that a file object or file set means, as mlcroissant finds them."""
    if "contentUrl" in entry:
        return [entry["contentUrl"]] if (folder / entry["contentUrl"]).is_file() else []
    patterns = as_texts(entry.get("includes"))
    paths = (path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())
    return sorted(path for path in paths if any(fnmatchcase(path, pattern) for pattern in patterns))


def _configs(folder: Path) -> list[str]:
    """The configs that the YAML of README.md names; none where there is no YAML."""
    try:
        front = yaml.safe_load(parted((folder / "README.md").read_bytes().decode("utf-8"))[0])
    except (OSError, ValueError, yaml.YAMLError):
        return []
    return [str(entry.get("config_name")) for entry in as_dicts(as_dict(front).get("configs"))]


def _line(error: Exception) -> str:
    """What an exception says, on one line."""
    return " ".join(str(error).split()) or type(error).__name__


def _short(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 80 else f"{text[:77]}..."
