"""The lexicon: known terms and the labels that they usually have.

The lexicon makes predictions for annotators to review (`preannotate.py`), never annotations. It uses the layers,
labels, attributes and values of the codebook; unknown names in a lexicon are errors.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from ..errors import CorpusError
from ..text import fold, is_blank
from .codebook import Attribute, Codebook, attribute_applies
from .registries import Entity
from .toml import Record, key_text

Found = Iterator[tuple[str, str]]

GIVEN = ("choice", "text", "ref")  # kinds of attributes that a term can set
SAYS_WHY = "state the origin of the term: `source` (a key of [sources]), `note`, or both"


class Term(Record):
    """A term that gets `label` in `layer`, and those `attributes` that do not depend on the context.

    `variants` are other forms with the same marking. `not_in` are longer phrases in which the term means something
    else. A lower-case letter also matches its upper case, unless `case` is "exact". An upper-case letter matches only
    itself.
    """

    layer: Annotated[str, Meta(description="The layer in which the term is marked.")]
    label: Annotated[str, Meta(description="The label of the span.")]
    variants: Annotated[
        list[str],
        Meta(description="Other forms of the term, marked in the same way."),
    ] = msgspec.field(default_factory=list)
    not_in: Annotated[
        list[str],
        Meta(description="Longer phrases in which the term is not marked."),
    ] = msgspec.field(default_factory=list)
    case: Annotated[
        Literal["free", "exact"],
        Meta(
            description="Whether a lower-case letter of the term also matches its upper case (free), or only itself "
            "(exact)."
        ),
    ] = "free"
    attributes: Annotated[
        dict[str, str | list[str]],
        Meta(description="The values of attributes that do not depend on the context."),
    ] = msgspec.field(default_factory=dict)
    source: Annotated[str | None, Meta(description="A key of `sources`: where the term comes from.")] = None
    note: Annotated[str, Meta(description="Where the term comes from, or a remark. Required without `source`.")] = ""

    def given(self, name: str) -> list[str]:
        """Return the values of an attribute as a list."""
        value = self.attributes[name]
        return [value] if isinstance(value, str) else value


class Lexicon(Record):
    """The content of lexicon.toml.

    `leave_out` are words at the start of a name or term that do not belong to the marked span (*the* North).
    """

    terms: Annotated[
        dict[str, Term],
        Meta(description="The terms, each as a table whose key is the term."),
    ] = msgspec.field(default_factory=dict)
    sources: Annotated[
        dict[str, str],
        Meta(description="The sources of the terms: key and full reference."),
    ] = msgspec.field(default_factory=dict)
    leave_out: Annotated[
        list[str],
        Meta(description="Words at the start of a name or term that stay outside the span, such as articles."),
    ] = msgspec.field(default_factory=list)

    def unmarked(self, words: str) -> int:
        """Return how many characters at the start of folded `words` the marked span leaves out."""
        opening = {fold(word).key for word in self.leave_out}
        first, space, rest = words.partition(" ")
        return len(first + space) + self.unmarked(rest) if rest and fold(first).key in opening else 0


def validate_lexicon(
    lexicon: Lexicon, codebook: Codebook, entities: dict[str, Entity], *, file: str = "lexicon.toml"
) -> None:
    """Check a lexicon. Raises CorpusError for the first entry that codebook, registry or lexicon contradict."""
    for rule in RULES:
        for place, message in rule(lexicon, codebook, entities):
            hint = SAYS_WHY if place.endswith((".source", ".note")) else None
            raise CorpusError(message, file=file, place=place, hint=hint)


def _labels(lexicon: Lexicon, codebook: Codebook, entities: dict[str, Entity]) -> Found:
    for place, _, term in _terms(lexicon):
        if term.layer not in codebook.layers:
            yield f"{place}.layer", f"expected one of {_listed(codebook.layers)}, found {term.layer!r}"
        elif term.label not in codebook.layers[term.layer].labels:
            known = _listed(codebook.layers[term.layer].labels)
            yield f"{place}.label", f"expected a label of {term.layer}, {known}, found {term.label!r}"


def _forms(lexicon: Lexicon, codebook: Codebook, entities: dict[str, Entity]) -> Found:
    """Check that each form has a letter or digit at both ends and occurs only once in its layer."""
    taken: dict[tuple[str, str], str] = {}
    for place, words, term in _terms(lexicon):
        forms = [fold(form).key for form in (words, *term.variants)]
        parts = [(place, words), *((f"{place}.variants", form) for form in term.variants)]
        for where, form in (*parts, *((f"{place}.not_in", phrase) for phrase in term.not_in)):
            shown = fold(form)
            key = (term.layer, shown.key)
            if not (shown.text[:1].isalnum() and shown.text[-1:].isalnum()):
                yield where, f"expected a letter or digit at both ends, found {form!r}"
            elif key in taken:
                yield where, f"{form!r} is already in {taken[key]}"
            elif where.endswith(".not_in") and not any(form in key[1] for form in forms):
                yield where, f"expected a phrase that contains the term, found {form!r}"
            taken[key] = where


def _attributes(lexicon: Lexicon, codebook: Codebook, entities: dict[str, Entity]) -> Found:
    for place, _, term in _terms(lexicon):
        known = codebook.layers[term.layer].attributes
        for name in term.attributes:
            where = f"{place}.attributes.{key_text(name)}"
            if name not in known:
                yield where, f"expected attributes of {term.layer}, one of {_listed(known)}, found {name!r}"
            elif not attribute_applies(known[name], (term.label,)):
                yield (
                    where,
                    f"attribute {name} does not apply to label {term.label}, only to {_listed(known[name].labels)}",
                )
            elif known[name].kind not in GIVEN:
                yield where, f"expected an attribute of the kind {_listed(GIVEN)}, found {known[name].kind}"
            else:
                yield from _values(where, known[name], term, term.given(name), entities)


def _values(where: str, attribute: Attribute, term: Term, values: list[str], entities: dict[str, Entity]) -> Found:
    if not values or (len(values) > 1 and not attribute.many):
        yield where, f"expected {'values' if attribute.many else 'one value'}, found {_listed(values)}"
    for value in values:
        if attribute.kind == "choice" and value not in attribute.values:
            yield where, f"expected one of {_listed(attribute.values)}, found {value!r}"
        elif attribute.kind == "text" and is_blank(value):
            yield where, "expected text, found ''"
        elif attribute.kind == "ref" and value not in entities:
            yield where, f"expected an id of entities.toml, found {value!r}"
        elif attribute.kind == "ref" and attribute.types_match_label and entities[value].type != term.label:
            yield where, f"expected an entity of the type {term.label}, found {value}, which is {entities[value].type}"


def _sources(lexicon: Lexicon, codebook: Codebook, entities: dict[str, Entity]) -> Found:
    for place, _, term in _terms(lexicon):
        if term.source is not None and term.source not in lexicon.sources:
            yield f"{place}.source", f"expected one of {_listed(lexicon.sources)}, found {term.source!r}"
        elif term.source is None and not term.note.strip():
            yield f"{place}.note", "expected a source or a note, found neither"


def _terms(lexicon: Lexicon) -> Iterator[tuple[str, str, Term]]:
    """Yield each term with its key path in the file."""
    return ((f"terms.{key_text(words)}", words, term) for words, term in lexicon.terms.items())


Rule = Callable[[Lexicon, Codebook, dict[str, Entity]], Found]
RULES: tuple[Rule, ...] = (_labels, _forms, _attributes, _sources)  # later rules rely on earlier rules


def _listed(names: Iterable[str]) -> str:
    return ", ".join(names) or "none"
