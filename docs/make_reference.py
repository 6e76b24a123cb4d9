"""docs/reference/: pages about files, problem codes, Label Studio and commands, made from the code.

Run by `make generate`. With --check it changes nothing, and ends with 1 if a page is stale.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Iterator
from inspect import cleandoc
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, get_type_hints

import click
import msgspec
import msgspec.inspect as mi

from newsparallax._util import table
from newsparallax.adopt.label_config_reader import FIELD_TAGS, LABEL_TAGS, TEXT_TAGS
from newsparallax.agreement import AgreementReport
from newsparallax.building import problems_of
from newsparallax.building.pipeline import is_fresh
from newsparallax.cli.app import COMMANDS, NAME, _app
from newsparallax.cli.explanations import EXPLANATIONS
from newsparallax.corpus import LABEL_TYPES, VALUE_TYPES, open_corpus
from newsparallax.corpus.json_schema import TOML_FILES
from newsparallax.corpus.toml import bare
from newsparallax.dataset import Manifest
from newsparallax.errors import ExportError
from newsparallax.exports import NAMES_READ, Item, RegionValue
from newsparallax.exports.formats import _BINARY, _SHAPES
from newsparallax.exports.model import Annotation, Known, Task
from newsparallax.problems import CODES, Problem
from newsparallax.release.diff import Comparison
from newsparallax.release.diff.rules import RULES, Change
from newsparallax.standoff.alignment import DRIFT, Survival

DOCS = Path(__file__).parent
sys.path.append(str(DOCS.parent / "tests"))
from helpers import CASES, write_corpus  # noqa: E402  (the smallest corpora that provoke a problem)

MARK = "<!-- made from the code by `make generate`; do not edit -->"
WIDTH = 100  # characters of a line of --help
WORDS = {
    mi.StrType: "text", mi.IntType: "whole number", mi.FloatType: "number", mi.BoolType: "true or false",
    mi.AnyType: "any value", mi.NoneType: "null",
}  # fmt: skip
PAGES = {
    "configuration": "Configuration files: every key of the TOML files of a corpus",
    "problems": "Problem codes: severity, example and what to do",
    "formats": "Output formats: the JSON files and reports",
    "label-studio": "Label Studio: controls, result types and export files that are read",
    "cli": "Commands: options and exit codes",
}


def pages() -> dict[Path, str]:
    """Return the text of every page, by its path."""
    makers = {
        "configuration": _configuration, "problems": _problems, "formats": _formats, "label-studio": _label_studio,
        "cli": _commands,
    }  # fmt: skip
    index = ["These pages are made from the code of the program.", ""]
    index += [f"- [{title}]({name}.md)" for name, title in PAGES.items()]
    texts = {"index": _page("Reference", index)}
    texts |= {name: _page(title, makers[name]()) for name, title in PAGES.items()}
    return {DOCS / "reference" / f"{name}.md": text for name, text in texts.items()}


def _page(title: str, lines: Iterable[str]) -> str:
    return "\n".join([MARK, "", f"# {title}", "", *lines]).rstrip() + "\n"


# ---- configuration


def _configuration() -> Iterator[str]:
    yield "A corpus is a folder with these files. An unknown key is an error."
    yield ""
    rows = (
        (f"[`{file.path}`](#{_anchor(file.path)})", "yes" if file.required else "no", file.about) for file in TOML_FILES
    )
    yield from (*table(("file", "required", "content"), rows), "")
    yield "`newsparallax generate` writes a JSON Schema for each file into `schemas/`, if that folder exists. The"
    yield "first line of a file, `#:schema ../schemas/NAME.schema.json`, names its schema. Editors with Taplo use it to"
    yield "complete and check the file."
    yield ""
    for file in TOML_FILES:
        yield from (f"## {file.path}", "", file.about, "")
        top, place = mi.type_info(file.type), ""
        if isinstance(top, mi.DictType):
            yield from (
                f"One table `[KEY]` for each entry, see [{_name(top.value_type)}](#{_anchor(_name(top.value_type))}).",
                "",
            )
            top, place = top.value_type, "KEY"
        else:
            yield from (*_keys(top), "")
        yield from _records(top, place)


def _records(top: mi.StructType, place: str) -> Iterator[str]:
    """Yield a section for each record in a file, with the places where it stands."""
    places: dict[type, list[str]] = {}
    kinds: dict[type, mi.StructType] = {}

    def collect(struct: mi.StructType, place: str) -> None:
        if place:
            kinds[struct.cls] = struct
            places.setdefault(struct.cls, []).append(place)
        for field in struct.fields:
            part, suffix = bare(field.type), ""
            for member in part.types if isinstance(part, mi.UnionType) else (part,):
                if isinstance(member, mi.DictType | mi.ListType):
                    suffix = ".KEY" if isinstance(member, mi.DictType) else "[]"
                    member = member.value_type if isinstance(member, mi.DictType) else member.item_type
                if isinstance(member, mi.StructType):
                    collect(member, f"{place}.{field.encode_name}{suffix}".lstrip("."))

    collect(top, place)
    for cls, struct in kinds.items():
        yield from (f"### {cls.__name__}", "", _about(cls), "")
        yield from (
            "Location in the file: " + ", ".join(f"`{place}`" for place in places[cls]) + ".",
            "",
            *_keys(struct),
            "",
        )


def _keys(struct: mi.StructType) -> Iterator[str]:
    rows = (
        (f"`{field.encode_name}`", _type(field.type, link=True), _default(field), _meaning(field.type))
        for field in struct.fields
    )
    yield from table(("key", "type", "default", "meaning"), rows)


def _default(field: mi.Field) -> str:
    if field.required:
        return "**required**"
    value = field.default if field.default is not msgspec.NODEFAULT else field.default_factory()
    if isinstance(value, msgspec.Struct):
        return "its defaults"
    if value in (None, "", [], {}):
        return ""
    text = json.dumps(value, ensure_ascii=False)
    return (
        f"`{text}`"
        if not isinstance(value, dict)
        else "`{ " + ", ".join(f"{k} = {v}" for k, v in value.items()) + " }`"
    )


# ---- types in words


def _type(type_: mi.Type, *, link: bool = False) -> str:
    """Return a type in words; `link` links the records that have a section of their own."""
    type_ = bare(type_)
    if isinstance(type_, mi.UnionType):
        members = [part for part in type_.types if type(part).__name__ != "UnsetType"]
        if link:  # TOML has no null
            members = [part for part in members if not isinstance(part, mi.NoneType)]
        return " or ".join(_type(part, link=link) for part in members)
    if isinstance(type_, mi.LiteralType):
        return "one of " + ", ".join(f"`{json.dumps(value, ensure_ascii=False)}`" for value in type_.values)
    if isinstance(type_, mi.ListType | mi.VarTupleType):
        return f"list of {_type(type_.item_type, link=link)}"
    if isinstance(type_, mi.TupleType):
        return "pair"
    if isinstance(type_, mi.DictType):
        values = _type(type_.value_type, link=link)
        return "table of " + (f"{values}s" if values in ("whole number", "number") else values)
    if isinstance(type_, mi.StructType | mi.DataclassType):
        name = _name(type_)
        return f"[{name}](#{_anchor(name)})"
    return WORDS[type(type_)]


def _name(type_: mi.Type) -> str:
    assert isinstance(type_, mi.StructType | mi.DataclassType)
    return type_.cls.__name__


def _meaning(type_: mi.Type) -> str:
    found = (type_.extra_json_schema or {}) if isinstance(type_, mi.Metadata) else {}
    return str(found["description"])


def _about(cls: type) -> str:
    return cleandoc(cls.__doc__ or "")


def _anchor(heading: str) -> str:
    return "".join(letter for letter in heading.lower() if letter.isalnum() or letter in "-_")


# ---- problems


def _problems() -> Iterator[str]:
    yield "Only problems of files that cannot be read stop a build. `waivers.toml` accepts problems by their code, see"
    yield "[Waiver](configuration.md#waiver). Each example is the message for the smallest corpus that has the problem."
    yield ""
    rows = ((f"[`{code}`](#{code})", severity, hint) for code, (severity, hint) in CODES.items())
    yield from (*table(("code", "severity", "what to do"), rows), "")
    with TemporaryDirectory() as work:
        for code, (severity, hint) in CODES.items():
            case = json.loads((CASES / f"{code}.json").read_bytes())
            yield from (f"## {code}", "", f"{severity.capitalize()}. {EXPLANATIONS[code].meaning}", "")
            yield from ("```text", _provoked(Path(work) / code, code, case), "```", "", f"What to do: {hint}.", "")


def _provoked(place: Path, code: str, case: dict[str, Any]) -> str:
    """Return the message of the first problem with `code` in the corpus of a case."""
    folder = open_corpus(write_corpus(place, case))
    try:
        found = next(problem for problem in problems_of(folder) if problem.code == code)
    except ExportError as error:
        return str(error).splitlines()[0].replace(str(place), "CORPUS")
    return f"{found.file}: {found.message}".replace(str(place), "CORPUS") if found.file else found.message


# ---- formats


def _formats() -> Iterator[str]:
    yield "JSON files are UTF-8. Later versions of the program may add fields."
    yield from (
        "",
        "## manifest.json",
        "",
        "In each dataset folder. `build --json` prints the same object, with one more",
    )
    yield from ("field, `folder`: the path of the dataset folder.", "", *_fields(Manifest, "Manifest"))
    yield from (
        "## problems.jsonl",
        "",
        "In each dataset folder: one problem a line. `check --json` prints the same lines.",
    )
    yield from ("The codes are in [Problem codes](problems.md).", "", *_fields(Problem, ""))
    yield from (
        f"## {DRIFT}",
        "",
        "In the folder that `rehydrate` writes, if a copy differs from the annotated text.",
        "",
    )
    yield from _fields(Survival, "")
    yield from ("## agreement --json", "", "One object:", "", *_fields(AgreementReport, ""))
    yield from (
        "## release diff --json",
        "",
        "One object:",
        "",
        *_properties(Comparison, Comparison("", "0.0.0", "0.0.0", None, [], {}, []).to_json()),
    )
    yield from ("", "### Change", "", "An entry of `changes`:", "")
    example = Change("span-moved", "", "", {"start": (0, 1)}, "a", ("b",))
    yield from (*_properties(Change, example.as_json()), "", "### Kinds of changes", "")
    rows = ((f"`{kind}`", rule.bump, rule.what, rule.why) for kind, rule in RULES.items())
    yield from table(("kind", "requires", "meaning", "reason"), rows)


def _fields(cls: type, heading: str) -> Iterator[str]:
    """Yield the fields of a record, then those of the records in it."""
    seen: list[mi.StructType] = []

    def collect(type_: mi.Type) -> None:
        type_ = bare(type_)
        if isinstance(type_, mi.StructType) and type_ not in seen:
            seen.append(type_)
            for field in type_.fields:
                collect(field.type)
        for part in getattr(type_, "types", ()):
            collect(part)
        for name in ("value_type", "item_type"):
            if hasattr(type_, name):
                collect(getattr(type_, name))

    collect(mi.type_info(cls))
    for number, struct in enumerate(seen):
        if number or heading:
            yield from (f"### {struct.cls.__name__}", "")
        yield from (_about(struct.cls), "")
        rows = ((f"`{field.encode_name}`", _type(field.type), _meaning(field.type)) for field in struct.fields)
        yield from (*table(("field", "type", "meaning"), rows), "")


def _properties(cls: type, written: dict[str, Any]) -> Iterator[str]:
    """Yield the fields that a record of the comparison has in JSON: its own fields, and computed ones."""
    hints = get_type_hints(cls, include_extras=True)
    rows = []
    for name in written:
        if name in hints:
            type_ = mi.type_info(hints[name])
            rows.append((f"`{name}`", _type(type_), _meaning(type_)))
        else:
            shown = {"bump": ("text", "The kind of version that the change requires.")}
            made = getattr(cls, name, None)
            kind = "true or false" if isinstance(written[name], bool) else "text"
            rows.append((f"`{name}`", *(shown.get(name) or (kind, str(made.__doc__)))))
    yield from table(("field", "type", "meaning"), rows)


# ---- Label Studio


def _label_studio() -> Iterator[str]:
    yield from ("## Texts", "", "Tags of a labelling configuration that show a text:", "")
    rows = [(f"`{tag}`", f"`{kind}`") for tag, kind in TEXT_TAGS.items()]
    yield from (*table(("tag", "`kind` in `[texts]`"), rows), "")
    yield from _controls()
    yield from ("## Result types", "", "Types of the items of `result` in an annotation:", "")
    rows = [(f"`{kind}`", "converted to a span") for kind in LABEL_TYPES]
    rows += [(f"`{kind}`", "converted to a value of a span or an article") for kind in VALUE_TYPES]
    rows += [("`relation`", "converted to a relation"), ("any other", _REFUSED)]
    yield from (*table(("type", "what happens"), rows), "")
    yield from _task_fields()
    yield from ("## Export files", "", EXPORT_FILES, "")
    yield from (f"- {name}" for name in dict.fromkeys(shape.name for shape in _SHAPES))
    yield from (f"- a file that {what}" for what in dict.fromkeys(what for _, what in _BINARY))


def _controls() -> Iterator[str]:
    about = "Tags of a labelling configuration that `adopt` turns into a part of the codebook:"
    yield from ("## Controls", "", about, "")
    rows = [(f"`{tag}`", "a layer of spans, if it is about a text") for tag in LABEL_TAGS]
    of_field = "an attribute or a value of the article, of the kind"
    rows += [(f"`{tag}`", f"{of_field} `{kind}`") for tag, kind in FIELD_TAGS.items()]
    rows.append(("`relations`, `relation`", "relations between spans"))
    yield from (*table(("tag", "becomes"), rows), "", OTHER_CONTROLS, "")


def _task_fields() -> Iterator[str]:
    parts: tuple[tuple[str, type[Known]], ...] = (
        ("task", Task), ("annotation", Annotation), ("item of `result`", Item), ("`value` of an item", RegionValue),
    )  # fmt: skip
    rows = [(name, _names(kind, used=True), _names(kind, used=False)) for name, kind in parts]
    yield from ("## Fields", "", FIELDS, "", *table(("object", "used", "not used"), rows), "")


OTHER_CONTROLS = """\
`choices` with `allowNested` become the kind `taxonomy`. Any other control is unsupported: `adopt` lists it, and
leaves it out of the codebook."""
FIELDS = """\
Keys of a task and its parts that are used, and keys that are known and not used. An unknown key changes nothing."""
EXPORT_FILES = f"""\
Files named {NAMES_READ} are read. They have the full JSON format of Label Studio: a list of tasks, one task,
or one task a line. Files of [other tools](../formats.md) are read if their content shows their format. Other files of
these formats are refused, with a message that names the format:"""
_REFUSED = (
    "not converted: a problem [`unsupported-control`](problems.md#unsupported-control), whose `raw` in problems.jsonl "
    "is the item"
)


def _names(kind: type[Known], *, used: bool) -> str:
    """Return the keys of an object that the program uses, or those that it only knows."""
    fields = msgspec.structs.fields(kind)
    unused = [field for field in fields if field.default is msgspec.UNSET and field.type is Any]
    return ", ".join(f"`{field.encode_name}`" for field in fields if (field not in unused) == used)


# ---- commands


def _commands() -> Iterator[str]:
    yield "Each file in `scripts/` runs the command of the same name (`label_studio.py` runs `label-studio`)."
    yield "`init` has none. Exit codes: 0: done; 1: done, but something needs attention (each command says what);"
    yield "2: stopped by an error; 130: interrupted."
    yield ""
    yield from _helps(_app(COMMANDS), None, NAME)


def _helps(command: click.Command, parent: click.Context | None, name: str) -> Iterator[str]:
    context = click.Context(command, parent=parent, info_name=name, terminal_width=WIDTH, max_content_width=WIDTH)
    yield from (f"## {context.command_path}", "", "```text", *_stripped(command.get_help(context)), "```", "")
    for sub_name, sub in getattr(command, "commands", {}).items():
        yield from _helps(sub, context, sub_name)


def _stripped(text: str) -> Iterator[str]:
    return (line.rstrip() for line in text.strip().splitlines())


def main() -> int:
    """Write the stale pages, or list them."""
    check = "--check" in sys.argv[1:]
    stale = {path: text for path, text in pages().items() if not is_fresh(path, text)}
    for path, text in stale.items():
        if not check:
            path.parent.mkdir(exist_ok=True)
            path.write_bytes(text.encode())
        print(f"{'stale' if check else 'written'}: {path.relative_to(DOCS.parent)}")  # noqa: T201
    return 1 if check and stale else 0


if __name__ == "__main__":
    sys.exit(main())
