"""Validation rules for the codebook and the registries that types cannot express.

The codebook rules are a table of functions that yield (key path, message).

`usable` checks hotkeys of labels and values against Label Studio (version 1.23.2). Label Studio reserves the keys of
its keymap that act on a page with texts. Its hotkey library reads a longer key name as its first letter.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator

from ..errors import CorpusError
from . import schema
from .codebook import (
    Attribute,
    Codebook,
    DocumentLayer,
    Layer,
    Value,
    attribute_applies,
    attribute_control,
    document_control,
    exported,
    layer_control,
    relation_label,
)
from .patterns import pattern_error, unmatched
from .registries import Annotator, Corpus
from .roles import RequiredWhen
from .toml import key_text
from .versions import VERSION
from .worked_example import WorkedExample, WorkedMark

Found = Iterator[tuple[str, str]]

_NAME = re.compile(r"[^\W\d][\w-]*")
_SPLIT = re.compile(r"\w+(\.\w+)*")  # the pattern of `datasets`
ALL_SPLITS = "all"  # reserved by `datasets` for the union of all splits, in upper or lower case
FEATURE_KEY = "_type"  # distinguishes a type from a record in the features of `datasets`
MAX_NAME_BYTES = 100  # bytes; names become parts of file names


def validate_codebook(codebook: Codebook, *, file: str = "codebook.toml") -> None:
    """Check the codebook. Raises CorpusError for the first broken rule, with the key and the expected value."""
    for rule in CODEBOOK_RULES:
        for place, message in rule(codebook):
            raise CorpusError(message, file=file, place=place)


def validate_corpus(corpus: Corpus, *, file: str = "corpus.toml") -> None:
    """Check the corpus record. Raises CorpusError where version, name, splits or `near_duplicates` are invalid."""
    if not VERSION.fullmatch(corpus.version):
        message = f"expected MAJOR.MINOR.PATCH such as 0.1.0, found {corpus.version!r}"
        raise CorpusError(message, file=file, place="version")
    if not corpus.name:
        raise CorpusError("expected a name, found ''", file=file, place="name")
    for split, weight in corpus.splits.items():
        place = f"splits.{key_text(split)}"
        if not _SPLIT.fullmatch(split):
            raise CorpusError(
                f"expected a split name of letters, digits and _, found {split!r}", file=file, place=place
            )
        if split.lower() == ALL_SPLITS:
            message = f"`datasets` reserves the name {split!r} for all splits together; choose another"
            raise CorpusError(message, file=file, place=place)
        if len(split.encode()) > MAX_NAME_BYTES:
            message = f"expected a name of at most {MAX_NAME_BYTES} bytes, found {len(split.encode())}"
            raise CorpusError(message, file=file, place=place)
        if weight < 0:
            raise CorpusError(f"expected a share of 0 or more, found {weight}", file=file, place=place)
    if not sum(corpus.splits.values()):
        weights = _listed(f"{split} = {weight}" for split, weight in corpus.splits.items())
        raise CorpusError(f"expected a split with a share above 0, found {weights}", file=file, place="splits")
    if corpus.near_duplicates is not None and not 0.25 <= corpus.near_duplicates <= 1:
        message = f"expected a share from 0.25 to 1, such as 0.3, found {corpus.near_duplicates}"
        raise CorpusError(message, file=file, place="near_duplicates")


def validate_annotators(annotators: dict[str, Annotator], *, file: str = "annotators.toml") -> None:
    """Check the annotators.

    Raises CorpusError where one id means two annotators, two annotators are anonymous, or a pseudonym is unknown.
    """
    holders = {name: name for name in annotators}
    nobody = None
    for name, annotator in annotators.items():
        for number in map(str, annotator.ids):
            if holders.setdefault(number, name) != name:
                message = f"the id {number} already belongs to the annotator {holders[number]}"
                raise CorpusError(message, file=file, place=f"{key_text(name)}.ids")
        if annotator.anonymous and nobody:
            message = f"annotations without an annotator already belong to {nobody}"
            raise CorpusError(message, file=file, place=f"{key_text(name)}.anonymous")
        nobody = name if annotator.anonymous else nobody
        for other in annotator.same_model_as:
            if other not in annotators:
                message = f"expected pseudonyms of this file, found {other!r}"
                raise CorpusError(message, file=file, place=f"{key_text(name)}.same_model_as")


def _names(codebook: Codebook) -> Found:
    """Check names. Layers name configs, folders and columns; attributes, relations and document layers name columns."""
    reserved = schema.reserved_columns()
    for name, layer in codebook.layers.items():
        yield from _name("layer", f"layers.{key_text(name)}", name)
        if name in reserved["config"] | reserved["article"]:
            yield f"layers.{name}", f"every dataset has a column or config {name}; choose another name"
        for kind, keys in (("attribute", layer.attributes), ("relation", layer.relations)):
            for key in keys:
                place = f"layers.{key_text(name)}.{kind}s.{key_text(key)}"
                yield from _name(kind, place, key)
                if key in reserved["span"]:
                    yield place, f"every span config has a column {key}; choose another name"
        for key in layer.relations:
            if key in layer.attributes:
                yield (
                    f"layers.{name}.relations.{key}",
                    f"{key} is already an attribute of the layer; choose another name",
                )
    for key in codebook.document:
        yield from _name("document layer", f"document.{key_text(key)}", key)
        if key == schema.REGISTRY:
            yield f"document.{key}", f"{key} is already the config of entities; choose another name"
        elif key in reserved["article"]:
            yield f"document.{key}", f"the config of articles has a column {key}; choose another name"
        if key in codebook.layers:
            yield f"document.{key}", f"{key} is already a layer; choose another name"


def _name(what: str, place: str, name: str) -> Found:
    """Check that a name can be a column, folder and part of a JSON path, and that `datasets` does not reserve it."""
    if not _NAME.fullmatch(name):
        article = "an" if what[0] in "aeiou" else "a"
        message = (
            f"expected {article} {what} name of letters, digits, _ and - that begins with a letter, found {name!r}"
        )
        yield place, message
    elif name == FEATURE_KEY:
        yield place, f"`datasets` reserves the name {name}; choose another"
    elif len(name.encode()) > MAX_NAME_BYTES:
        yield place, f"expected a name of at most {MAX_NAME_BYTES} bytes, found {len(name.encode())}"


def _inventories(codebook: Codebook) -> Found:
    for place, values in codebook.label_sets():
        taken: dict[str, str] = {}
        for key, value in values.items():
            spelled = [("alias", exported(key, value)), *(("former", spelling) for spelling in value.former)]
            for part, spelling in spelled:
                if taken.setdefault(spelling, key) != key:
                    yield (
                        f"{place}.{key}.{part}",
                        f"the name {spelling!r} in exports already belongs to {taken[spelling]}",
                    )
    for name, layer in codebook.layers.items():
        if not layer.labels:
            yield f"layers.{name}.labels", "expected at least one label, found none"
    for place, field in codebook.fields():
        if field.kind == "choice" and not field.values:
            yield f"{place}.values", "expected at least one value for a choice, found none"
        if field.values and field.kind not in ("choice", "taxonomy"):
            yield (
                f"{place}.values",
                f"expected none: only a choice or taxonomy has values, and the kind is {field.kind}",
            )
        if field.many and field.kind in ("rating", "number"):
            yield f"{place}.many", f"expected false: a {field.kind} has one value"
        if field.pattern is not None and field.kind != "text":
            yield f"{place}.pattern", f"expected none: only a text has a pattern, and the kind is {field.kind}"
        elif field.pattern is not None and (error := pattern_error(field.pattern)):
            message = f"expected a regular expression in the syntax of RE2, found {field.pattern!r} ({error})"
            yield f"{place}.pattern", message


def _orders(codebook: Codebook) -> Found:
    """Check that only single-valued layers and choices are ordered, and that the order is complete."""
    for name, layer in codebook.layers.items():
        place = f"layers.{name}.ordered"
        if layer.ordered and layer.multiple:
            yield place, "expected none: the layer allows several labels for each region"
        elif layer.ordered and sorted(layer.ordered) != sorted(layer.labels):
            yield place, f"expected each of {_listed(layer.labels)} once, found {_listed(layer.ordered)}"
    for place, field in codebook.fields():
        if field.ordered and (field.kind != "choice" or field.many):
            reason = "it allows several values" if field.kind == "choice" else f"the kind is {field.kind}"
            yield f"{place}.ordered", f"expected false: only a choice of one value can be ordered, but {reason}"


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
                        yield f"{place}.{part}", f"expected labels from {_listed(layer.labels)}, found {label!r}"
                    elif attribute.labels and label not in attribute.labels:
                        message = f"expected labels from `labels` ({_listed(attribute.labels)}), found {label!r}"
                        yield f"{place}.{part}", message
            yield from _when(f"{place}.required_when", attribute.required_when, layer.attributes)
            if attribute.kind == "ref" and attribute.registry != "entities":
                yield f"{place}.registry", f"expected entities, the only registry, found {attribute.registry!r}"
            if attribute.kind != "ref" and attribute.types_match_label:
                yield (
                    f"{place}.types_match_label",
                    f"expected false: only a ref has types, and the kind is {attribute.kind}",
                )
            if attribute.looked_up and attribute.kind != "choice":
                yield f"{place}.looked_up", f"expected false: only a choice has alpha, and the kind is {attribute.kind}"
        for key, relation in layer.relations.items():
            yield from _when(f"layers.{name}.relations.{key}.required_when", relation.required_when, layer.attributes)


def _referents(codebook: Codebook) -> Found:
    for name, layer in codebook.layers.items():
        refs = [key for key, attribute in layer.attributes.items() if attribute.kind == "ref"]
        for key in layer.referent:
            if key not in refs:
                yield f"layers.{name}.referent", f"expected attributes of kind ref ({_listed(refs)}), found {key!r}"


def _speakers(codebook: Codebook) -> Found:
    for name, speaker in codebook.speakers.items():
        known = codebook.layers[name].relations
        if speaker not in known:
            yield f"layers.{name}.speaker", f"expected a relation of the layer ({_listed(known)}), found {speaker!r}"


def _roles(codebook: Codebook) -> Found:
    """Check that roles name layers, labels, attributes and relations that exist."""
    roles = codebook.roles
    named = {"mentions": roles.mentions}
    named |= {f"{key}.layer": part.layer for key, part in (("stances", roles.stances), ("terms", roles.terms)) if part}
    for key, name in named.items():
        if name is not None and name not in codebook.layers:
            yield f"roles.{key}", f"expected one of {_listed(codebook.layers)}, found {name!r}"
            return
    if roles.mentions and not codebook.layers[roles.mentions].referent:
        yield "roles.mentions", f"expected a layer with the key `referent`, found {roles.mentions!r}"
    if stances := roles.stances:
        layer = codebook.layers[stances.layer]
        yield from _one_of("roles.stances", layer.relations, holder=stances.holder, target=stances.target)
        yield from _when("roles.stances.newsroom", stances.newsroom, layer.attributes)
        if not layer.ordered:
            yield "roles.stances.layer", f"expected a layer with the key `ordered`, found {stances.layer!r}"
    if terms := roles.terms:
        layer = codebook.layers[terms.layer]
        yield from _one_of("roles.terms", layer.relations, user=terms.user)
        yield from _one_of("roles.terms", layer.attributes, meaning=terms.meaning)
        if layer.multiple:
            yield "roles.terms.layer", f"expected a layer without `multiple`, found {terms.layer!r}"
        yield from _when("roles.terms.flagged", terms.flagged, layer.attributes)
        for key, labels in (("softer", terms.softer), ("harsher", terms.harsher), ("plain", terms.plain)):
            for label in labels:
                yield from _one_of("roles.terms", layer.labels, **{key: label})


def _one_of(place: str, known: Iterable[str], **names: str | None) -> Found:
    for key, name in names.items():
        if name is not None and name not in known:
            yield f"{place}.{key}", f"expected one of {_listed(known)}, found {name!r}"


def _when(place: str, when: RequiredWhen | None, attributes: dict[str, Attribute]) -> Found:
    if when is None:
        return
    if when.attribute not in attributes:
        yield f"{place}.attribute", f"expected one of {_listed(attributes)}, found {when.attribute!r}"
        return
    for value in when.values:
        if value not in attributes[when.attribute].values:
            known = _listed(attributes[when.attribute].values)
            yield f"{place}.values", f"expected values of {when.attribute} from {known}, found {value!r}"


def _relations(codebook: Codebook) -> Found:
    for name, layer in codebook.layers.items():
        drawn: dict[str, str] = {}
        for key, relation in layer.relations.items():
            place = f"layers.{name}.relations.{key}"
            if drawn.setdefault(relation_label(key, relation), key) != key:
                label = relation_label(key, relation)
                yield f"{place}.alias", f"the relation label {label!r} already belongs to {drawn[label]}"
            if not relation.to:
                yield f"{place}.to", f"expected layers from {_listed(codebook.layers)}, found none"
            for target in relation.to:
                if target not in codebook.layers:
                    yield f"{place}.to", f"expected layers from {_listed(codebook.layers)}, found {target!r}"
            if relation.min < 0 or (relation.max is not None and relation.max < max(relation.min, 1)):
                most = "no max" if relation.max is None else f"max = {relation.max}"
                yield f"{place}.max", f"expected 0 <= min <= max and max above 0, found min = {relation.min}, {most}"
        unlabelled = [key for key, relation in layer.relations.items() if relation.unlabelled]
        if len(unlabelled) > 1:
            message = f"expected at most one relation without a label in a layer, found {_listed(unlabelled)}"
            yield f"layers.{name}.relations", message


def _controls(codebook: Codebook) -> Found:
    """Check controls. Each has one layer or document layer; layers may share attribute controls of the same kind."""
    holders = {name: f"texts.{name}" for name in codebook.texts}
    parts: list[tuple[str, str, Layer | DocumentLayer]] = []
    parts += [(f"layers.{name}", layer_control(name, layer), layer) for name, layer in codebook.layers.items()]
    parts += [(f"document.{name}", document_control(name, field), field) for name, field in codebook.document.items()]
    uses = [(place, "control", control) for place, control, _ in parts]
    for place, key, used in uses:
        if holders.setdefault(used, place) != place:
            yield f"{place}.{key}", f"the control {used!r} already belongs to {holders[used]}"
    former = [(place, former) for place, _, part in parts for former in part.former_controls]
    for place, used in former:  # in exports, a former control may have had the name of a text
        if holders.get(used, "").startswith("texts."):
            holders[used] = place
        if holders.setdefault(used, place) != place:
            yield f"{place}.former_controls", f"the control {used!r} already belongs to {holders[used]}"
    yield from _attribute_controls(codebook, holders)


def _attribute_controls(codebook: Codebook, holders: dict[str, str]) -> Found:
    shared: dict[str, tuple[str, str]] = {}
    for name, layer in codebook.layers.items():
        own: dict[str, str] = {}
        for key, attribute in layer.attributes.items():
            place = f"layers.{name}.attributes.{key}"
            for used in (attribute_control(name, key, attribute), *attribute.former_controls):
                if own.setdefault(used, key) != key:
                    yield f"{place}.control", f"the control {used!r} already belongs to the attribute {own[used]}"
                # In exports, a former control may have had the name of a text.
                taken = ("layers.",) if used in attribute.former_controls else ("layers.", "texts.")
                if holders.get(used, "").startswith(taken):
                    yield f"{place}.control", f"the control {used!r} already belongs to {holders[used]}"
                first, kind = shared.setdefault(used, (place, attribute.kind))
                if kind != attribute.kind:
                    message = f"{first} has the same control {used!r}: expected its kind {kind}, found {attribute.kind}"
                    yield f"{place}.control", message


def _hotkeys(codebook: Codebook) -> Found:
    holders: dict[str, str] = {}
    for place, values in codebook.label_sets():
        for key, value in values.items():
            if not value.hotkey:
                continue
            place_of_key = f"{place}.{key}"
            holder = holders.setdefault(value.hotkey.lower(), place_of_key)
            if holder != place_of_key:
                yield f"{place_of_key}.hotkey", f"the key {value.hotkey!r} already belongs to {holder}"
            if not usable(value.hotkey):
                message = (
                    "expected a letter or digit (after ctrl+, alt+ or shift+, if need be) that Label Studio does not"
                    f" use itself, found {value.hotkey!r}"
                )
                yield f"{place_of_key}.hotkey", message


def _examples(codebook: Codebook) -> Found:
    """Check that the span of an example occurs once in its text, and that a near miss names a valid alternative."""
    for place, values in codebook.label_sets():
        for key, value in values.items():
            yield from _example(f"{place}.{key}", value, values)


def _example(place: str, value: Value, values: Iterable[str]) -> Found:
    for part, example in (("example", value.example), ("near_miss", value.near_miss)):
        times = example.text.count(example.span) if example and example.span else 0
        if example and times != 1:
            yield (
                f"{place}.{part}.span",
                f"expected a span that occurs once in the text, found {example.span!r} {times} times",
            )
    if value.near_miss and value.near_miss.instead not in (*values, "nothing"):
        known = _listed([*values, "nothing"])
        yield f"{place}.near_miss.instead", f"expected one of {known}, found {value.near_miss.instead!r}"


def _worked(codebook: Codebook) -> Found:
    """Check that the marks of the worked example use layers, labels, values and relations of the codebook."""
    worked = codebook.worked_example
    for number, mark in enumerate(worked.marks if worked else (), 1):
        place = f"worked_example.marks[{number}]"
        layer = codebook.layers.get(mark.layer)
        if worked is None or layer is None:
            yield f"{place}.layer", f"expected one of {_listed(codebook.layers)}, found {mark.layer!r}"
            continue
        if mark.label not in layer.labels:
            yield f"{place}.label", f"expected one of {_listed(layer.labels)}, found {mark.label!r}"
        times = len(worked.occurrences(mark.span))
        if not times:
            yield f"{place}.span", f"expected words of the text, found {mark.span!r}"
        elif not 1 <= mark.occurrence <= times:
            message = f"expected a number from 1 to {times} (occurrences of {mark.span!r}), found {mark.occurrence}"
            yield f"{place}.occurrence", message
        yield from _worked_values(place, mark, layer)
        yield from _worked_relations(place, mark, layer, worked)


def _worked_values(place: str, mark: WorkedMark, layer: Layer) -> Found:
    for key in mark.values:
        attribute, given = layer.attributes.get(key), mark.given(key)
        if attribute is None:
            yield f"{place}.values", f"expected attributes from {_listed(layer.attributes)}, found {key!r}"
            continue
        if not attribute_applies(attribute, (mark.label,)):
            message = f"expected none: the attribute is for {_listed(attribute.labels)}, and the label is {mark.label}"
            yield f"{place}.values.{key}", message
        if not given or (len(given) > 1 and not attribute.listed):
            message = f"expected {'values' if attribute.listed else 'one value'}, found {_listed(given)}"
            yield f"{place}.values.{key}", message
        for value in given:
            if attribute.values and value not in attribute.values:
                yield f"{place}.values.{key}", f"expected one of {_listed(attribute.values)}, found {value!r}"
        for value in sorted(unmatched(attribute.pattern, given)) if attribute.pattern is not None else ():
            yield f"{place}.values.{key}", f"expected a match of {attribute.pattern}, found {value!r}"


def _worked_relations(place: str, mark: WorkedMark, layer: Layer, worked: WorkedExample) -> Found:
    for key, spans in mark.relations.items():
        relation = layer.relations.get(key)
        if relation is None:
            yield f"{place}.relations", f"expected relations from {_listed(layer.relations)}, found {key!r}"
            continue
        if not spans:
            yield f"{place}.relations.{key}", "expected the spans of marks, found none"
        marked = {other.span for other in worked.marks if other.layer in relation.to}
        for span in spans:
            if span not in marked:
                message = f"expected the span of a mark in {_listed(relation.to)}, found {span!r}"
                yield f"{place}.relations.{key}", message


CODEBOOK_RULES: tuple[Callable[[Codebook], Found], ...] = (
    _names,
    _inventories,
    _orders,
    _texts,
    _conditions,
    _referents,
    _speakers,
    _roles,
    _relations,
    _controls,
    _hotkeys,
    _examples,
    _worked,
)


def _listed(names: Iterable[str]) -> str:
    return ", ".join(names) or "none"


_KEY = re.compile(r"((ctrl|alt|shift)\+)?[a-z0-9]")
_OWN = frozenset({"u", "ctrl+z", "ctrl+d", "ctrl+h", "alt+h", "alt+l", "alt+m", "alt+r"})


def usable(hotkey: str) -> bool:
    """Whether Label Studio supports the hotkey and does not reserve it. Upper and lower case are equivalent."""
    return bool(_KEY.fullmatch(hotkey.lower())) and hotkey.lower() not in _OWN
