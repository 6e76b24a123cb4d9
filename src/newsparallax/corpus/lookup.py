"""What conversion needs to know, looked up fast: the codebook turned around, the registries as sets.

Small and picklable: it is what travels to workers.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property

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
from .registry import Annotator, AnnotatorKind, Article, Corpus, Entity
from .task import Completer

LABEL_TYPES = ("labels", "hypertextlabels")
VALUE_TYPES = ("choices", "textarea", "taxonomy", "rating", "number")


@dataclass(frozen=True)
class Annotated:
    """Who made an annotation: the pseudonym, whether a human or a model, and whether the registry knows them."""

    name: str
    kind: AnnotatorKind
    known: bool


@dataclass(frozen=True)
class Context:
    """A corpus without its texts and annotations.

    `split_as` maps the id of an event to that of the event whose split it takes, for near-duplicates; others have
    their own.
    """

    corpus: Corpus
    codebook: Codebook
    entities: dict[str, Entity]
    annotators: dict[str, Annotator]
    articles: dict[str, Article] = field(default_factory=dict)
    split_as: dict[str, str] = field(default_factory=dict)

    @property
    def from_tasks(self) -> bool:
        """Whether articles come from the tasks' own data."""
        return self.corpus.articles.from_tasks

    @cached_property
    def layer_of_control(self) -> dict[str, str]:
        """Name of a span control in exports -> layer."""
        return {
            control: name
            for name, layer in self.codebook.layers.items()
            for control in (*layer.former_controls, layer_control(name, layer))
        }

    @cached_property
    def attributes_of_control(self) -> dict[str, dict[str, list[tuple[str, Attribute]]]]:
        """Name of a per-region control in exports -> layer -> its (name, attribute); controls may be shared."""
        found: dict[str, dict[str, list[tuple[str, Attribute]]]] = {}
        for layer_name, layer in self.codebook.layers.items():
            for name, attribute in layer.attributes.items():
                for control in (*attribute.former_controls, attribute_control(layer_name, name, attribute)):
                    found.setdefault(control, {}).setdefault(layer_name, []).append((name, attribute))
        return found

    @cached_property
    def only_attribute(self) -> dict[tuple[str | None, str], tuple[str, Attribute]]:
        """(Name of a per-region control, layer) -> the one (name, attribute) that it gives there, and no article."""
        return {
            (control, layer): found[0]
            for control, layers in self.attributes_of_control.items()
            for layer, found in layers.items()
            if len(found) == 1 and control not in self.shared_controls
        }

    @cached_property
    def document_of_control(self) -> dict[str, tuple[str, DocumentLayer]]:
        """Name of a control about the whole article in exports -> (document layer's name, document layer)."""
        return {
            control: (name, document)
            for name, document in self.codebook.document.items()
            for control in (*document.former_controls, document_control(name, document))
        }

    @cached_property
    def value_controls(self) -> frozenset[str]:
        """Names of all controls that give values, to regions or to articles."""
        return frozenset(self.attributes_of_control.keys() | self.document_of_control.keys())

    @cached_property
    def shared_controls(self) -> frozenset[str]:
        """Names of the controls that give values to both regions and articles."""
        return frozenset(self.attributes_of_control.keys() & self.document_of_control.keys())

    @cached_property
    def layer_texts(self) -> dict[str, str | None]:
        """Layer -> the text that its spans are about, None if the layer leaves it open."""
        return {name: self.layer_text(layer) for name, layer in self.codebook.layers.items()}

    @cached_property
    def label_spellings(self) -> dict[str, dict[str, str]]:
        """Layer -> spelling in exports -> label."""
        return {name: spellings(layer.labels) for name, layer in self.codebook.layers.items()}

    @cached_property
    def single_labels(self) -> dict[str, dict[str, tuple[str]]]:
        """Layer -> spelling in exports -> the label as the only one of a span."""
        return {name: {key: (label,) for key, label in known.items()} for name, known in self.label_spellings.items()}

    @cached_property
    def relation_names(self) -> dict[str, dict[str | None, str]]:
        """Layer -> label of an arrow in exports (None: without label) -> relation."""
        names: dict[str, dict[str | None, str]] = {}
        for layer_name, layer in self.codebook.layers.items():
            names[layer_name] = {relation_label(name, relation): name for name, relation in layer.relations.items()}
            for name, relation in layer.relations.items():
                if relation.unlabelled:
                    names[layer_name][None] = name
        return names

    @cached_property
    def _annotator_of_id(self) -> dict[str, str]:
        names = {str(number): name for name, annotator in self.annotators.items() for number in annotator.ids}
        return names | {name: name for name in self.annotators}

    @cached_property
    def _anonymous(self) -> str | None:
        return next((name for name, annotator in self.annotators.items() if annotator.anonymous), None)

    def layer_text(self, layer: Layer) -> str | None:
        """The text that a layer's spans are about, None if the layer leaves it open."""
        return layer.text or (self.codebook.main_text if len(self.codebook.texts) == 1 else None)

    def annotator(self, completed_by: int | str | Completer | list[object] | None) -> Annotated:
        """Who is meant by `completed_by` in any of its forms; e-mail addresses are never used as names."""
        given = completed_by.id if isinstance(completed_by, Completer) else completed_by
        if completed_by is None and self._anonymous:
            return Annotated(self._anonymous, self.annotators[self._anonymous].kind, True)
        if isinstance(given, int | str) and str(given) in self._annotator_of_id:
            name = self._annotator_of_id[str(given)]
            return Annotated(name, self.annotators[name].kind, True)
        name = f"user-{given}" if isinstance(given, int) or (isinstance(given, str) and given.isdigit()) else "unknown"
        return Annotated(name, "unknown", False)
