"""JSON Schemas of the TOML files of a corpus, from the records that read them.

Editors use them to complete and check the files: a first line such as `#:schema ../schemas/codebook.schema.json` names
the schema. The files are those of draft 7, which all TOML editors support.
"""

from __future__ import annotations

import json
import re
from pathlib import PurePosixPath
from typing import Any, NamedTuple

import msgspec

from .codebook import Codebook
from .lexicon import Lexicon
from .registries import Annotator, Article, Corpus, Entity, Waivers

SCHEMAS = "schemas"  # of a corpus; only a corpus with this folder has schemas
_SCHEMA_LINE = re.compile(rb"\A(\xef\xbb\xbf)?#:schema [^\n]*\n")  # after a byte order mark, if there is one
_DRAFT = "http://json-schema.org/draft-07/schema#"


class TomlFile(NamedTuple):
    """A TOML file of a corpus: its path, the type that reads it, whether it must be there, and what it is for."""

    path: str
    type: Any
    required: bool
    about: str

    @property
    def schema(self) -> str:
        """The path of the file's schema in the corpus folder."""
        return f"{SCHEMAS}/{PurePosixPath(self.path).stem}.schema.json"


TOML_FILES = (
    TomlFile("annotations/corpus.toml", Corpus, True, "Name, version, splits and citation of the corpus."),
    TomlFile("annotations/codebook.toml", Codebook, True, "Texts, layers, labels, attributes, relations and rules."),
    TomlFile("annotations/annotators.toml", dict[str, Annotator], False, "The annotators, by pseudonym."),
    TomlFile("annotations/entities.toml", dict[str, Entity], False, "The canonical entities, by id."),
    TomlFile("annotations/waivers.toml", Waivers, False, "Accepted problems, with reasons."),
    TomlFile("annotations/lexicon.toml", Lexicon, False, "Known terms, for predictions that annotators review."),
    TomlFile(
        "seeds/articles.toml", dict[str, Article], False,
        "The articles, by id. Required, unless `from_tasks` in corpus.toml is true.",
    ),
)  # fmt: skip


def json_schemas() -> dict[str, str]:
    """Return the text of the JSON Schema of each TOML file, by its path in the corpus folder."""
    return {file.schema: _schema(file) for file in TOML_FILES}


def schema_line(path: str) -> str:
    """Return the comment that names the schema of a TOML file, given by its path in the corpus folder."""
    (schema,) = (file.schema for file in TOML_FILES if file.path == path)
    return f"#:schema ../{schema}"


def without_schema_line(content: bytes) -> bytes:
    """Return a file without a first line that names its schema, for a copy in a folder without schemas/."""
    return _SCHEMA_LINE.sub(rb"\1", content, count=1)


def _schema(file: TomlFile) -> str:
    (top,), parts = msgspec.json.schema_components([file.type], ref_template="#/definitions/{name}")
    if "$ref" in top:
        top = parts.pop(file.type.__name__)
    head = {"$schema": _DRAFT, "title": file.path, "description": file.about}
    whole = head | _for_toml({**top, **head}) | {"definitions": _for_toml(parts)}
    return json.dumps(whole, indent=2, ensure_ascii=False) + "\n"


def _for_toml(part: Any) -> Any:
    """Return a part of a schema without null, which TOML does not have; in draft 7, `$ref` stands alone."""
    if isinstance(part, list):
        return [_for_toml(entry) for entry in part]
    if not isinstance(part, dict):
        return part
    schema = {key: _for_toml(value) for key, value in part.items() if (key, value) != ("default", None)}
    if isinstance(about := schema.get("description"), str):
        schema["description"] = "\n\n".join(" ".join(paragraph.split()) for paragraph in about.split("\n\n"))
    choices = schema.pop("anyOf", None)
    if isinstance(choices, list):
        choices = [choice for choice in choices if choice != {"type": "null"}]
        schema |= choices[0] if len(choices) == 1 else {"anyOf": choices}
    if isinstance(schema.get("$ref"), str) and len(schema) > 1:
        schema["allOf"] = [{"$ref": schema.pop("$ref")}]
    return schema
