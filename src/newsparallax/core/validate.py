"""What a codebook or registry must hold beyond its types, as a table of rules that yield (place, message)."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator

from . import schema
from .codebook import (
    Attribute,
    Codebook,
    RequiredWhen,
    Value,
    attribute_control,
    document_control,
    exported,
    layer_control,
)
from .errors import CorpusError
from .registry import Annotator, Corpus

Found = Iterator[tuple[str, str]]

_NAME = re.compile(r"[^\W\d][\w-]*")
_VERSION = re.compile(r"\d+\.\d+\.\d+")
_SPLIT = re.compile(r"\w+(\.\w+)*")


def validate_codebook(codebook: Codebook, *, file: str = "codebook.toml") -> None:
    """Raise CorpusError for the first rule that the codebook breaks, naming the key and what was expected."""
    for rule in CODEBOOK_RULES:
        for place, message in rule(codebook):
            raise CorpusError(message, file=file, place=place)


def validate_corpus(corpus: Corpus, *, file: str = "corpus.toml") -> None:
    """Raise CorpusError for a version, name or split policy that cannot be."""
    if not _VERSION.fullmatch(corpus.version):
        raise CorpusError(f"expected MAJOR.MINOR.PATCH, found {corpus.version!r}", file=file, place="version")
    if not corpus.name:
        raise CorpusError("the corpus needs a name", file=file, place="name")
    for split, weight in corpus.splits.items():
        if not _SPLIT.fullmatch(split) or weight < 0:
            raise CorpusError("a split is a word with a whole number as its share", file=file, place=f"splits.{split}")
    if not sum(corpus.splits.values()):
        raise CorpusError("at least one split needs a share", file=file, place="splits")


def validate_annotators(annotators: dict[str, Annotator], *, file: str = "annotators.toml") -> None:
    """Raise CorpusError where one id means two annotators."""
    holders: dict[str, str] = {}
    for name, annotator in annotators.items():
        for number in [str(number) for number in annotator.ids] + (["nobody"] if annotator.anonymous else []):
            if number in holders:
                message = f"{number} already means {holders[number]}"
                raise CorpusError(message, file=file, place=f"{name}.{'anonymous' if number == 'nobody' else 'ids'}")
            holders[number] = name


def _names(codebook: Codebook) -> Found:
    reserved = schema.reserved_columns(codebook)
    for name, layer in codebook.layers.items():
        if not _NAME.fullmatch(name):
            yield f"layers.{name}", "a layer's name is a word: letters, digits, _ and -"
        if name in reserved["config"] | reserved["article"]:
            yield f"layers.{name}", f"the name {name} is taken by a column or config of every dataset"
        for kind, keys in (("attributes", layer.attributes), ("relations", layer.relations)):
            for key in keys:
                if key in reserved["span"]:
                    yield f"layers.{name}.{kind}.{key}", f"the name {key} is taken by a column of every span"
        for key in set(layer.attributes) & set(layer.relations):
            yield f"layers.{name}.relations.{key}", f"{key} is already an attribute of the layer"
    for key in codebook.document:
        if key in reserved["article"] or key in codebook.layers:
            yield f"document.{key}", f"the name {key} is taken by a column of every article"


def _inventories(codebook: Codebook) -> Found:
    for place, values in codebook.label_sets():
        taken: dict[str, str] = {}
        for key, value in values.items():
            for spelling in (exported(key, value), *value.former):
                if taken.setdefault(spelling, key) != key:
                    yield f"{place}.{key}", f"{spelling!r} already means {taken[spelling]}"
    for name, layer in codebook.layers.items():
        if not layer.labels:
            yield f"layers.{name}.labels", "a layer needs at least one label"
    for place, field in codebook.fields():
        if field.kind == "choice" and not field.values:
            yield f"{place}.values", "a choice needs at least one value"
        if field.many and field.kind in ("rating", "number"):
            yield f"{place}.many", f"a {field.kind} has one value"


def _texts(codebook: Codebook) -> Found:
    for name, layer in codebook.layers.items():
        if layer.text is not None and layer.text not in codebook.texts:
            yield f"layers.{name}.text", f"expected one of {_listed(codebook.texts)}, found {layer.text!r}"
    for name, document in codebook.document.items():
        if document.text is not None and document.text not in codebook.texts:
            yield f"document.{name}.text", f"expected one of {_listed(codebook.texts)}, found {document.text!r}"
    if codebook.tokens.layer is not None and codebook.tokens.layer not in codebook.layers:
        yield "tokens.layer", f"expected one of {_listed(codebook.layers)}, found {codebook.tokens.layer!r}"


def _conditions(codebook: Codebook) -> Found:
    for name, layer in codebook.layers.items():
        for key, attribute in layer.attributes.items():
            place = f"layers.{name}.attributes.{key}"
            for part, labels in (("labels", attribute.labels), ("required_for", attribute.required_for)):
                for label in labels:
                    if label not in layer.labels:
                        yield f"{place}.{part}", f"expected labels out of {_listed(layer.labels)}, found {label!r}"
            yield from _when(f"{place}.required_when", attribute.required_when, layer.attributes)
            if attribute.kind == "ref" and attribute.registry != "entities":
                yield f"{place}.registry", f"expected entities, the one registry, found {attribute.registry!r}"
        for key, relation in layer.relations.items():
            yield from _when(f"layers.{name}.relations.{key}.required_when", relation.required_when, layer.attributes)


def _when(place: str, when: RequiredWhen | None, attributes: dict[str, Attribute]) -> Found:
    if when is None:
        return
    if when.attribute not in attributes:
        yield f"{place}.attribute", f"expected one of {_listed(attributes)}, found {when.attribute!r}"
        return
    for value in when.values:
        if value not in attributes[when.attribute].values:
            yield f"{place}.values", f"{value!r} is not a value of {when.attribute}"


def _relations(codebook: Codebook) -> Found:
    for name, layer in codebook.layers.items():
        for key, relation in layer.relations.items():
            place = f"layers.{name}.relations.{key}"
            for target in relation.to:
                if target not in codebook.layers:
                    yield f"{place}.to", f"expected layers out of {_listed(codebook.layers)}, found {target!r}"
            if relation.min < 0 or (relation.max is not None and relation.max < max(relation.min, 1)):
                yield f"{place}.max", f"expected 0 <= min <= max, found {relation.min} and {relation.max}"
        if sum(relation.unlabelled for relation in layer.relations.values()) > 1:
            yield f"layers.{name}.relations", "only one relation of a layer can be meant by arrows without a label"


def _controls(codebook: Codebook) -> Found:
    """A control means one layer or document layer; an attribute's control may serve several layers."""
    holders: dict[str, str] = {}
    places = [(f"layers.{name}", layer_control(name, layer), layer.former_controls)
              for name, layer in codebook.layers.items()]  # fmt: skip
    places += [(f"document.{name}", document_control(name, document), document.former_controls)
               for name, document in codebook.document.items()]  # fmt: skip
    for place, control, former in places:
        for used in (control, *former):
            if holders.setdefault(used, place) != place:
                yield f"{place}.control", f"the control {used!r} already belongs to {holders[used]}"
    for name, layer in codebook.layers.items():
        own: dict[str, str] = {}
        for key, attribute in layer.attributes.items():
            place = f"layers.{name}.attributes.{key}.control"
            for used in (attribute_control(name, key, attribute), *attribute.former_controls):
                if own.setdefault(used, key) != key:
                    yield place, f"the control {used!r} already belongs to the attribute {own[used]}"
                if holders.get(used, "").startswith("layers."):
                    yield place, f"the control {used!r} already belongs to {holders[used]}"


def _hotkeys(codebook: Codebook) -> Found:
    holders: dict[str, str] = {}
    for name, layer in codebook.layers.items():
        for key, label in layer.labels.items():
            place = f"layers.{name}.labels.{key}"
            if label.hotkey and holders.setdefault(label.hotkey.lower(), place) != place:
                yield f"{place}.hotkey", f"the key {label.hotkey!r} is already that of {holders[label.hotkey.lower()]}"


def _examples(codebook: Codebook) -> Found:
    """An example's span stands once in its text; a near miss names what it is instead."""
    for place, values in codebook.label_sets():
        for key, value in values.items():
            yield from _example(f"{place}.{key}", value, values)


def _example(place: str, value: Value, values: Iterable[str]) -> Found:
    for part, example in (("example", value.example), ("near_miss", value.near_miss)):
        if example and (not example.span or example.text.count(example.span) != 1):
            times = example.text.count(example.span) if example.span else 0
            yield f"{place}.{part}", f"the span {example.span!r} stands {times} times in the text, expected once"
    if value.near_miss and value.near_miss.instead not in (*values, "nothing"):
        known = _listed([*values, "nothing"])
        yield f"{place}.near_miss.instead", f"expected one of {known}, found {value.near_miss.instead!r}"


CODEBOOK_RULES: tuple[Callable[[Codebook], Found], ...] = (
    _names,
    _inventories,
    _texts,
    _conditions,
    _relations,
    _controls,
    _hotkeys,
    _examples,
)


def _listed(names: Iterable[str]) -> str:
    return ", ".join(names) or "none"
