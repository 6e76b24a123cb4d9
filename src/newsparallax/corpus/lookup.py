"""Lookup tables for conversion: codebook and registries, indexed by the names in exports.

`CorpusSpec` is small and picklable, because workers receive it.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from ..exports import Completer, SharedNumbers, address_of
from .codebook import (
    Attribute,
    Codebook,
    DocumentLayer,
    Layer,
    attribute_control,
    document_control,
    layer_control,
    relation_label,
    spellings,
)
from .registries import Annotator, AnnotatorKind, Article, Corpus, Entity
from .seeds import SeedIndex

Signed = int | str | Completer | list[Any] | None  # `completed_by` or `updated_by` of an annotation

LABEL_TYPES = ("labels", "hypertextlabels")
VALUE_TYPES = ("choices", "textarea", "taxonomy", "rating", "number")


@dataclass(frozen=True)
class Annotated:
    """The annotator of an annotation: pseudonym, kind (human or model), and whether the registry has the annotator.

    `person` is the same for all annotations of one person, and None where the person is unknown.
    """

    name: str
    kind: AnnotatorKind
    known: bool
    person: str | None


@dataclass(frozen=True)
class CorpusSpec:
    """A corpus without its texts and annotations.

    `split_as` maps the id of an event to the id of the event whose split it takes, because of near-duplicates. Events
    that are not in `split_as` have their own split. `shared` are the user numbers that several people share; only all
    exports together show them.
    """

    corpus: Corpus
    codebook: Codebook
    entities: dict[str, Entity]
    annotators: dict[str, Annotator]
    articles: dict[str, Article] = field(default_factory=dict)
    split_as: dict[str, str] = field(default_factory=dict)
    shared: SharedNumbers = field(default_factory=SharedNumbers)

    @cached_property
    def seed_index(self) -> SeedIndex:
        """The index that finds the seed most similar to a text."""
        return SeedIndex(self.articles)

    @cached_property
    def public_addresses(self) -> frozenset[str]:
        """The e-mail addresses that are already public, case-folded."""
        return frozenset(address.casefold() for address in self.corpus.release.public_addresses)

    @property
    def from_tasks(self) -> bool:
        """Whether articles come from the tasks' own data."""
        return self.corpus.articles.from_tasks

    @cached_property
    def later_texts(self) -> tuple[str, ...]:
        """The names of the texts after the first, which have separate article ids; empty unless tasks give articles."""
        return tuple(self.codebook.texts)[1:] if self.from_tasks else ()

    @cached_property
    def layer_of_control(self) -> dict[str, str]:
        """Map from the name of a span control in exports to the layer."""
        return {
            control: name
            for name, layer in self.codebook.layers.items()
            for control in (*layer.former_controls, layer_control(name, layer))
        }

    @cached_property
    def attributes_of_control(self) -> dict[str, dict[str, list[tuple[str, Attribute]]]]:
        """Map from per-region control in exports to layer to its (name, attribute) pairs. Controls may be shared."""
        controls: dict[str, dict[str, list[tuple[str, Attribute]]]] = {}
        for layer_name, layer in self.codebook.layers.items():
            for name, attribute in layer.attributes.items():
                for control in (*attribute.former_controls, attribute_control(layer_name, name, attribute)):
                    controls.setdefault(control, {}).setdefault(layer_name, []).append((name, attribute))
        return controls

    @cached_property
    def document_of_control(self) -> dict[str, tuple[str, DocumentLayer]]:
        """Map from the name of an article-level control in exports to (name, document layer)."""
        return {
            control: (name, document)
            for name, document in self.codebook.document.items()
            for control in (*document.former_controls, document_control(name, document))
        }

    @cached_property
    def value_controls(self) -> frozenset[str]:
        """The names of all controls that give values to regions or to articles."""
        return frozenset(self.attributes_of_control.keys() | self.document_of_control.keys())

    @cached_property
    def shared_controls(self) -> frozenset[str]:
        """The names of the controls that give values to both regions and articles."""
        return frozenset(self.attributes_of_control.keys() & self.document_of_control.keys())

    @cached_property
    def layer_texts(self) -> dict[str, str | None]:
        """Map from layer to the text of its spans, or None if the layer does not determine the text."""
        return {name: self.layer_text(layer) for name, layer in self.codebook.layers.items()}

    @cached_property
    def label_spellings(self) -> dict[str, dict[str, str]]:
        """Map from layer to spelling in exports to label."""
        return {name: spellings(layer.labels) for name, layer in self.codebook.layers.items()}

    @cached_property
    def single_labels(self) -> dict[str, dict[str, tuple[str]]]:
        """Map from layer to spelling in exports to the tuple of this single label."""
        return {name: {key: (label,) for key, label in known.items()} for name, known in self.label_spellings.items()}

    @cached_property
    def relation_names(self) -> dict[str, dict[str | None, str]]:
        """Map from layer to relation label in exports (None: without label) to relation."""
        names: dict[str, dict[str | None, str]] = {}
        for layer_name, layer in self.codebook.layers.items():
            names[layer_name] = {relation_label(name, relation): name for name, relation in layer.relations.items()}
            for name, relation in layer.relations.items():
                if relation.unlabelled:
                    names[layer_name][None] = name
        return names

    @cached_property
    def _annotator_of_id(self) -> dict[str, Annotated]:
        known = {name: Annotated(name, annotator.kind, True, name) for name, annotator in self.annotators.items()}
        return {str(number): known[name] for name, entry in self.annotators.items() for number in entry.ids} | known

    @cached_property
    def _anonymous(self) -> str | None:
        return next((name for name, annotator in self.annotators.items() if annotator.anonymous), None)

    def layer_text(self, layer: Layer) -> str | None:
        """Return the text of a layer's spans, or None if the layer does not determine the text."""
        return layer.text or (self.codebook.main_text if len(self.codebook.texts) == 1 else None)

    def document_place(self, control: str, to_name: str | None) -> tuple[str | None, str]:
        """Return the (text, document layer) of an item of an article-level control; KeyError for other controls."""
        name, layer = self.document_of_control[control]
        return layer.text or (to_name if to_name in self.codebook.texts else self.codebook.main_text), name

    def adjudicates(self, name: str) -> bool:
        """Whether the annotator with this pseudonym is registered as an adjudicator."""
        annotator = self.annotators.get(name)
        return annotator is not None and annotator.role == "adjudicator"

    def pseudonym(self, number: str) -> str | None:
        """Return the annotator in annotators.toml with this number or name, or None."""
        known = self._annotator_of_id.get(number)
        return known.name if known else None

    def is_shared(self, completed_by: Signed) -> bool:
        """Whether several people share the number in `completed_by`."""
        return bool(self.shared.addresses) and str(_number(completed_by)) in self.shared.addresses

    def annotator(self, completed_by: Signed, file: str) -> Annotated:
        """Return the annotator for `completed_by` (any form) in a file. E-mail addresses are never used as names."""
        number = _number(completed_by)
        if completed_by is None and self._anonymous:
            return Annotated(self._anonymous, self.annotators[self._anonymous].kind, True, None)
        if self.is_shared(completed_by):
            person, certain = self.shared.meant(str(number), address_of(completed_by), file)
            if person or not certain:
                return Annotated(person or f"user-{number}", "unknown", False, person)
        known = self._annotator_of_id.get(str(number)) if isinstance(number, int | str) else None
        if known is not None:
            return known
        if isinstance(number, int) or (isinstance(number, str) and number.isdigit()):
            return Annotated(f"user-{number}", "unknown", False, f"user-{number}")
        return Annotated("unknown", "unknown", False, None)


def _number(completed_by: Signed) -> int | str | list[Any] | None:
    return completed_by.id if isinstance(completed_by, Completer) else completed_by
