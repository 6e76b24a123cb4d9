"""A proposed corpus -> the TOML files of its folder, with comments that say what was inferred."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
import tomlkit
from tomlkit.items import Item, Table

from ..core.codebook import Codebook, Record
from ..core.propose import Proposal


def write_registries(annotations: Path, proposal: Proposal, source: str) -> None:
    """Write corpus.toml, codebook.toml, annotators.toml and waivers.toml; `source` is what they were proposed from."""
    files = {
        "corpus.toml": _corpus(proposal),
        "codebook.toml": _codebook(proposal, source),
        "annotators.toml": _annotators(proposal),
        "waivers.toml": _commented(
            "Known problems that are accepted, each with its reason. See problems.jsonl of a build."
        ),
    }
    for name, document in files.items():
        (annotations / name).write_text(tomlkit.dumps(document), encoding="utf-8")


def _commented(*lines: str) -> tomlkit.TOMLDocument:
    document = tomlkit.document()
    for line in lines:
        document.add(tomlkit.comment(_one_line(line)))
    return document


def _corpus(proposal: Proposal) -> tomlkit.TOMLDocument:
    corpus, source = proposal.corpus, proposal.corpus.articles
    document = _commented("The corpus: its name and version, how it is split and how gold is chosen.")
    document.add(tomlkit.nl())
    document.add("name", tomlkit.item(corpus.name))
    document.add("version", tomlkit.item(corpus.version))
    document.add("gold", _said(corpus.gold, 'where several annotate an article, one is starred; or "majority"'))
    document.add("splits", _table(corpus.splits))
    articles: dict[str, Any] = {"from_tasks": True}
    if source.id_field:
        why = "every task has it, and no two different tasks share one"
        articles["id_field"] = _said(source.id_field, why)
    elif source.id_from == "data":
        why = "task ids would do, did not one stand for different data in these exports"
        articles["id_from"] = _said(source.id_from, why)
    articles["redistribute"] = _said(source.redistribute, "true only where the rights in the texts allow it")
    document.add("articles", _table(articles))
    why = 'white space at the edges of a span is cut off, which is recorded; or "keep"'
    document.add("offsets", _table({"edge_spaces": _said(corpus.offsets.edge_spaces, why)}))
    return document


def _annotators(proposal: Proposal) -> tomlkit.TOMLDocument:
    document = _commented(
        "Who annotated, under pseudonyms; ids are those of the exports.",
        'An export does not say whether an annotator is a person: write kind = "human" or kind = "model".',
    )
    for name, annotator in proposal.annotators.items():
        document.add(name, _table(_plain(annotator)))
    return document


def _codebook(proposal: Proposal, source: str) -> tomlkit.TOMLDocument:
    codebook: Codebook = proposal.codebook
    document = _commented(
        f"The codebook, proposed by scripts/adopt.py from {source}. Correct what it could not know:",
        "definitions, questions, what is required. After a change here run scripts/generate.py.",
    )
    if proposal.left_out:
        document.add(tomlkit.comment("Left out, because no layer can take it:"))
        for line in proposal.left_out:
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
    """A value with a comment behind it."""
    item: Item = tomlkit.item(value)
    return item.comment(why)


def _nested(record: dict[str, Any]) -> Table:
    """A record as a table: plain values first, labels and values one a line, attributes and relations as tables."""
    table = _table({key: value for key, value in record.items() if not isinstance(value, dict)})
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
        inline = tomlkit.inline_table()
        inline.update(row)
        table.add(name, inline)
    return table


def _table(values: dict[str, Any]) -> Table:
    table = tomlkit.table()
    for key, value in values.items():
        table.add(key, value)
    return table


def _plain(record: Record) -> dict[str, Any]:
    """What a record says beyond its defaults, as TOML values; labels stay, even if nothing is said of them."""
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
    """Text that can stand in a comment."""
    return "".join(letter if letter.isprintable() else " " for letter in text)
