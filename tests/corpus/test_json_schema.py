"""The JSON Schemas in schemas/: they take every TOML file that is right, and refuse what the records refuse."""

from __future__ import annotations

import json
import tomllib
from pathlib import Path
from typing import Any

import msgspec
import pytest
from jsonschema import Draft7Validator
from test_bad_codebooks import CASES, TABLES, edited

from helpers import CORPORA, ROOT, write_corpus
from newsparallax.adopt import init_corpus
from newsparallax.building import generate, problems_of
from newsparallax.corpus import Record, json_schemas, open_corpus, schema_line, without_schema_line
from newsparallax.corpus.json_schema import TOML_FILES

FILES = {file.path: file for file in TOML_FILES}
VALIDATORS = {file.path: Draft7Validator(json.loads(json_schemas()[file.schema])) for file in TOML_FILES}
BY_NAME = {Path(path).name: path for path in FILES}
OF_CORPORA = [root / path for root in (ROOT, *sorted(CORPORA.iterdir())) for path in FILES if (root / path).is_file()]
EDITS = {name: bad for name, bad in CASES.items() if isinstance(bad.edit, dict)}


def errors(path: str, table: dict[str, Any]) -> list[str]:
    return [error.message for error in VALIDATORS[path].iter_errors(table)]


def records(type_: type[Record]) -> set[type[Record]]:
    return {type_}.union(*map(records, type_.__subclasses__()))


@pytest.mark.parametrize("path", FILES)
def test_each_schema_is_one_of_draft_7(path):
    Draft7Validator.check_schema(VALIDATORS[path].schema)


@pytest.mark.parametrize("path", OF_CORPORA, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_every_toml_file_fits_its_schema(path):
    table = tomllib.loads(path.read_text(encoding="utf-8"))
    assert errors(path.relative_to(path.parents[1]).as_posix(), table) == []


@pytest.mark.parametrize("name", EDITS)
def test_the_schema_refuses_what_the_record_refuses(name):
    bad = EDITS[name]
    path = BY_NAME[bad.file]
    table = edited(TABLES[bad.file], bad.edit)
    try:
        msgspec.convert(table, FILES[path].type)
    except msgspec.ValidationError:
        assert errors(path, table)


def test_most_bad_types_and_keys_are_among_the_cases():
    refused = [name for name, bad in EDITS.items() if errors(BY_NAME[bad.file], edited(TABLES[bad.file], bad.edit))]
    assert {"unknown-key", "wrong-type-text", "wrong-type-list"} <= {*refused}


def test_every_key_is_described():
    described = records(Record) - {Record}
    missing = [
        f"{record.__name__}.{field.name}"
        for record in described
        for field in msgspec.inspect.type_info(record).fields
        if not (
            isinstance(field.type, msgspec.inspect.Metadata) and (field.type.extra_json_schema or {})["description"]
        )
    ]
    assert missing == []


def test_the_files_of_this_corpus_and_of_a_new_one_name_their_schemas(tmp_path):
    init_corpus(tmp_path / "new")
    for root in (ROOT, tmp_path / "new"):
        found = [root / path for path in FILES if (root / path).is_file()]
        assert len(found) >= 6
        for path in found:
            line = path.read_text(encoding="utf-8").partition("\n")[0]
            assert line == schema_line(path.relative_to(root).as_posix())
            assert (path.parent / line.removeprefix("#:schema ")).is_file()


@pytest.mark.parametrize("mark", [b"", b"\xef\xbb\xbf"])
def test_a_copy_elsewhere_does_not_name_the_schema(mark):
    line = schema_line("annotations/codebook.toml").encode()
    for end in (b"\n", b"\r\n"):
        assert without_schema_line(mark + line + end + b"a = 1\n") == mark + b"a = 1\n"
    for kept in (b"", mark + b"a = 1\n" + line + b"\n", mark + b"# a comment\n"):
        assert without_schema_line(kept) == kept


def test_only_a_corpus_with_the_folder_has_schemas_and_stale_ones_are_reported(tmp_path):
    place = write_corpus(tmp_path / "corpus", {})
    generate(open_corpus(place))
    assert not (place / "schemas").exists()
    (place / "schemas").mkdir()
    assert sorted(map(str, generate(open_corpus(place)))) == sorted(json_schemas())
    assert "stale-generated" not in {found.code for found in problems_of(open_corpus(place))}
    (place / "schemas/corpus.schema.json").write_text("{}")
    assert [found.file for found in problems_of(open_corpus(place)) if found.code == "stale-generated"] == [
        "schemas/corpus.schema.json"
    ]
