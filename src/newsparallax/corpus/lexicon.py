"""The lexicon: known terms and what they would be marked as, if the context agrees.

It makes predictions for annotators to look at (`preannotate.py`), never annotations. It speaks of layers, labels,
attributes and values as the codebook has them; a lexicon that names others is refused.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Literal

import msgspec

from .codebook import Attribute, Codebook, Record, attribute_applies
from .errors import CorpusError
from .folding import fold
from .registry import Entity
from .toml import key_text

Found = Iterator[tuple[str, str]]

GIVEN = ("choice", "text", "ref")  # the kinds of attributes that a term can give
SAYS_WHY = "say where the term comes from: `source` (a key of [sources]), `note`, or both"


class Term(Record):
    """A term that is marked with `label` in `layer`, with `attributes` where they do not depend on the context.

    `variants` are other forms that are marked alike; `not_in` are longer phrases inside of which it is something else.
    A small letter also means its capital, unless `case` is exact; a capital only means itself.
    """

    layer: str
    label: str
    variants: list[str] = msgspec.field(default_factory=list)
    not_in: list[str] = msgspec.field(default_factory=list)
    case: Literal["free", "exact"] = "free"
    attributes: dict[str, str | list[str]] = msgspec.field(default_factory=dict)
    source: str | None = None
    note: str = ""

    def given(self, name: str) -> list[str]:
        """The values of an attribute, as a list."""
        value = self.attributes[name]
        return [value] if isinstance(value, str) else value


class Lexicon(Record):
    """The content of lexicon.toml.

    `leave_out` are words that may open a name or term and belong to it in the text, but not to the mark (*the* North).
    """

    terms: dict[str, Term] = msgspec.field(default_factory=dict)
    sources: dict[str, str] = msgspec.field(default_factory=dict)
    leave_out: list[str] = msgspec.field(default_factory=list)

    def unmarked(self, words: str) -> int:
        """How many characters at the front of folded `words` are left out of the mark."""
        opening = {fold(word).key for word in self.leave_out}
        first, space, rest = words.partition(" ")
        return len(first + space) + self.unmarked(rest) if rest and fold(first).key in opening else 0


def validate_lexicon(
    lexicon: Lexicon, codebook: Codebook, entities: dict[str, Entity], *, file: str = "lexicon.toml"
) -> None:
    """Raise CorpusError for the first thing that the codebook, the registry or the lexicon itself does not know."""
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
    """Every form has a letter or digit at both ends and stands once in its layer."""
    taken: dict[tuple[str, str], str] = {}
    for place, words, term in _terms(lexicon):
        forms = [fold(form).key for form in (words, *term.variants)]
        parts = [(place, words), *((f"{place}.variants", form) for form in term.variants)]
        for where, form in (*parts, *((f"{place}.not_in", phrase) for phrase in term.not_in)):
            key = (term.layer, fold(form).key)
            if not (form and form[0].isalnum() and form[-1].isalnum()):
                yield where, f"expected a letter or digit at both ends, found {form!r}"
            elif key in taken:
                yield where, f"{form!r} already stands under {taken[key]}"
            elif where.endswith(".not_in") and not any(form in key[1] for form in forms):
                yield where, f"expected a phrase that holds the term, found {form!r}"
            taken[key] = where


def _attributes(lexicon: Lexicon, codebook: Codebook, entities: dict[str, Entity]) -> Found:
    for place, _, term in _terms(lexicon):
        known = codebook.layers[term.layer].attributes
        for name in term.attributes:
            where = f"{place}.attributes.{key_text(name)}"
            if name not in known:
                yield where, f"expected attributes of {term.layer} out of {_listed(known)}, found {name!r}"
            elif not attribute_applies(known[name], (term.label,)):
                yield where, f"{name} does not go with {term.label}, only with {_listed(known[name].labels)}"
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
        elif attribute.kind == "text" and not value.strip():
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
    """Every term with its place in the file."""
    return ((f"terms.{key_text(words)}", words, term) for words, term in lexicon.terms.items())


Rule = Callable[[Lexicon, Codebook, dict[str, Entity]], Found]
RULES: tuple[Rule, ...] = (_labels, _forms, _attributes, _sources)  # the later ones rely on the earlier ones


def _listed(names: Iterable[str]) -> str:
    return ", ".join(names) or "none"
