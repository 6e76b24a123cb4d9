"""Write a proposed corpus as the TOML files of its folder, with comments that say what was inferred."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
import tomlkit
from tomlkit.items import InlineTable, Item, Table

from ..corpus import Codebook, Record, schema_line
from .propose import Proposal


def write_registries(annotations: Path, proposal: Proposal, source: str) -> None:
    """Write corpus.toml, codebook.toml, annotators.toml and waivers.toml; `source` names the origin of the proposal."""
    files = {
        "corpus.toml": _corpus(proposal),
        "codebook.toml": _codebook(proposal, source),
        "annotators.toml": _annotators(proposal),
        "waivers.toml": _commented(
            "Accepted problems, each with a reason. Problems are listed in problems.jsonl of a build."
        ),
    }
    for name, document in files.items():
        text = f"{schema_line(f'annotations/{name}')}\n{tomlkit.dumps(document)}"
        (annotations / name).write_text(text, encoding="utf-8")


def _commented(*lines: str) -> tomlkit.TOMLDocument:
    document = tomlkit.document()
    for line in lines:
        document.add(tomlkit.comment(_one_line(line)))
    return document


def _corpus(proposal: Proposal) -> tomlkit.TOMLDocument:
    corpus, source = proposal.corpus, proposal.corpus.articles
    document = _commented("The corpus: name, version, splits, and the choice of gold annotations.")
    document.add(tomlkit.nl())
    document.add("name", tomlkit.item(corpus.name))
    document.add("version", tomlkit.item(corpus.version))
    document.add(
        "gold", _said(corpus.gold, 'of several annotations of an article, the starred one is gold; or "majority"')
    )
    document.add("splits", _table(corpus.splits))
    articles: dict[str, Any] = {"from_tasks": True}
    if source.id_field:
        why = "every task has this field, with a value of its own"
        articles["id_field"] = _said(source.id_field, why)
    elif source.id_from == "data":
        why = "not task ids: in these exports, the same task id occurs with different data"
        articles["id_from"] = _said(source.id_from, why)
    articles["redistribute"] = _said(source.redistribute, "true only if the licence of the texts permits it")
    document.add("articles", _table(articles))
    why = 'remove white space at the boundaries of spans, and record it; or "keep"'
    offsets = {"edge_spaces": _said(corpus.offsets.edge_spaces, why)}
    unit = 'unit of offsets that quotes do not decide: "code points", "utf16", "crlf" or "crlf+utf16"'
    offsets["unit"] = _said(corpus.offsets.unit, unit)
    document.add("offsets", _table(offsets))
    return document


def _annotators(proposal: Proposal) -> tomlkit.TOMLDocument:
    document = _commented(
        "The annotators, with pseudonyms; `ids` are their numbers in the exports.",
        'Exports do not state whether an annotator is a person: set kind = "human" or kind = "model".',
    )
    for name, annotator in proposal.annotators.items():
        document.add(name, _table(_plain(annotator)))
    return document


def _codebook(proposal: Proposal, source: str) -> tomlkit.TOMLDocument:
    codebook: Codebook = proposal.codebook
    document = _commented(
        f"The codebook, proposed by `newsparallax adopt` from {source}. Add what the exports do not state:",
        "definitions, questions, requirements. After each change, run `newsparallax generate`.",
    )
    if proposal.left_out:
        document.add(tomlkit.comment("Not included, because layers do not support it:"))
        for line in proposal.left_out:
            document.add(tomlkit.comment(_one_line(f"- {line}")))
    if proposal.conditions:
        document.add(tomlkit.comment("Conditions of the labelling configuration that layers do not support:"))
        for line in proposal.conditions:
            document.add(tomlkit.comment(_one_line(f"- {line}")))
    if "texts" in proposal.why:
        document.add(tomlkit.comment(_one_line(proposal.why["texts"])))
    document.add("codebook", _table(_plain(codebook.codebook)))
    texts = tomlkit.table(is_super_table=True)
    for name, text in codebook.texts.items():
        table = tomlkit.table()
        table.add(tomlkit.comment(_one_line(proposal.why.get(f"texts.{name}", ""))))
        table.update({"field": text.field, "kind": text.kind})
        texts.add(name, table)
    layers = tomlkit.table(is_super_table=True)
    for name, layer in codebook.layers.items():
        layers.add(name, _nested({"overlap": layer.overlap} | _plain(layer)))
    documents = tomlkit.table(is_super_table=True)
    for name, field in codebook.document.items():
        documents.add(name, _nested(_plain(field)))
    for key, group in (("texts", texts), ("layers", layers), ("document", documents)):
        if len(group):
            document.add(key, group)
    return document


def _said(value: Any, why: str) -> Item:
    """Return a value with a trailing comment."""
    item: Item = tomlkit.item(value)
    return item.comment(why)


def _nested(record: dict[str, Any]) -> Table:
    """Return a record as a table: plain values, then one line per label or value, then attributes and relations."""
    table = _table({key: value for key, value in record.items() if not isinstance(value, dict)})
    if "required_when" in record:
        table.add("required_when", _inline(record["required_when"]))
    for key in ("labels", "values"):
        if key in record and isinstance(record[key], dict):
            table.add(key, _inline_rows(record[key]))
    for key in ("attributes", "relations"):
        if record.get(key):
            group = tomlkit.table(is_super_table=True)
            for name, part in record[key].items():
                group.add(name, _nested(part))
            table.add(key, group)
    return table


def _inline_rows(rows: dict[str, Any]) -> Table:
    table = tomlkit.table()
    for name, row in rows.items():
        table.add(name, _inline(row))
    return table


def _inline(row: dict[str, Any]) -> InlineTable:
    inline = tomlkit.inline_table()
    inline.update(row)
    return inline


def _table(values: dict[str, Any]) -> Table:
    table = tomlkit.table()
    for key, value in values.items():
        table.add(key, value)
    return table


def _plain(record: Record) -> dict[str, Any]:
    """Return the fields of a record that differ from their defaults, as TOML values; labels are kept even if empty."""
    table: dict[str, Any] = {}
    for field in msgspec.structs.fields(record):
        value = getattr(record, field.name)
        default = field.default_factory() if field.default_factory is not msgspec.NODEFAULT else field.default
        if value != default:
            table[field.name] = _plain_value(value)
    return table


def _plain_value(value: Any) -> Any:
    if isinstance(value, Record):
        return _plain(value)
    if isinstance(value, dict):
        return {key: _plain_value(part) for key, part in value.items()}
    return [_plain_value(part) for part in value] if isinstance(value, list) else value


def _one_line(text: str) -> str:
    """Return the text without characters that a TOML comment cannot hold."""
    return "".join(letter if letter.isprintable() else " " for letter in text)
