"""What a labelling configuration declares and what an export holds -> a codebook and registries to start from.

With a configuration, the inventories are its own: what the data hold beyond them stays a Problem of the build. Without
one, everything found in the data is taken. Nothing is required, and every span may overlap every other.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field, replace
from typing import Literal

from . import schema
from .codebook import Attribute, Codebook, DocumentLayer, Head, Label, Layer, Relation, Value
from .find_texts import find_texts
from .hotkeys import usable
from .read_config import FIELD_TAGS, Configuration, Control
from .registry import Annotator, Corpus, FromTasks
from .scan import LABELS, Scan

ID_FIELDS = ("article_id",)
UNLABELLED = "related"


@dataclass
class Proposal:
    """A corpus to start from. `why` has, by place in the codebook, what a comment should say there."""

    corpus: Corpus
    codebook: Codebook
    annotators: dict[str, Annotator]
    why: dict[str, str] = field(default_factory=dict)
    left_out: list[str] = field(default_factory=list)


def propose(name: str, scan: Scan, config: Configuration | None) -> Proposal:
    """Propose codebook and registries of the corpus `name`."""
    proposal = Proposal(_corpus(name, scan), Codebook(Head(version="0.1.0", title=name)), _annotators(scan))
    if config is not None:
        controls = [_with_evidence(control, scan) for control in config.controls]
        proposal.left_out += [*config.unsupported, *_beyond(config, scan)]
    else:
        controls = _inferred(scan)
    texts, proposal.why = find_texts(scan, config, controls)
    proposal.codebook.texts.update(texts)
    proposal.left_out += [f"{each.name}, which is the name of a text too" for each in controls if each.name in texts]
    controls = [each for each in controls if each.name not in texts]
    layers = _add_layers(proposal, controls)
    _add_fields(proposal, controls, layers)
    _add_relations(proposal, scan, config, layers)
    return proposal


def _corpus(name: str, scan: Scan) -> Corpus:
    named = next((key for key in ID_FIELDS if scan.names_articles(key)), None)
    source = FromTasks(from_tasks=True, id_field=named)
    if named is None and scan.colliding_ids():
        source.id_from = "data"
    return Corpus(name=name, version="0.1.0", articles=source)


def _annotators(scan: Scan) -> dict[str, Annotator]:
    found = {f"a{number}": Annotator("unknown", ids=[number]) for number in sorted(scan.completers)}
    return found | ({"anonymous": Annotator("unknown", anonymous=True)} if scan.anonymous else {})


def _with_evidence(control: Control, scan: Scan) -> Control:
    """A configured control with what only the data can tell: values of open lists, several values, use on regions."""
    seen = scan.controls.get(control.name)
    if seen is None:
        return replace(control, about_article=control.about_article and not control.about_region)
    words = sorted(seen.values) if control.open else []
    own = {value.alias or word for word, value in (control.labels or control.values).items()}
    new = [word for word in words if word not in own]
    control = replace(
        control,
        texts=control.texts or sorted(seen.to_names),
        labels=control.labels | {word: Label() for word in new} if control.kind is None else {},
        values=control.values | {word: Value() for word in new} if control.kind is not None else {},
        many=control.many or (seen.several and control.kind in (None, "choice", "taxonomy")),
    )
    if control.kind is None:
        return control
    about_article = control.about_article and (seen.about_article > 0 or not control.about_region)
    on = control.on if control.about_region else sorted(seen.on)
    return replace(control, about_region=control.about_region or bool(seen.on), about_article=about_article, on=on)


def _beyond(config: Configuration, scan: Scan) -> Iterator[str]:
    """What the data hold and the configuration, which may have been changed since, does not know."""
    known = {control.name: control for control in config.controls}
    for name, seen in sorted(scan.controls.items()):
        if name not in known:
            yield f"{name} ({seen.kind}), which the configuration does not have"
            continue
        inventory = known[name].labels or known[name].values
        spelled = {spelling for word, value in inventory.items() for spelling in (word, value.alias)}
        lacking = [] if known[name].open or not inventory else sorted(seen.values.keys() - spelled)
        if lacking:
            yield f"{', '.join(map(repr, lacking))} of {name}, which the configuration does not have"


def _inferred(scan: Scan) -> list[Control]:
    """Controls as the data show them, by name; labels and values in alphabetical order."""
    controls = []
    for name, seen in sorted(scan.controls.items()):
        texts, words = sorted(seen.to_names, key=lambda text: (-seen.to_names[text], text)), sorted(seen.values)
        if seen.kind == LABELS:
            labels = {word: Label() for word in words}
            controls.append(Control(name, None, texts, labels, many=seen.several))
            continue
        kind = FIELD_TAGS[seen.kind]
        controls.append(
            Control(
                name,
                kind,
                texts,
                values={word: Value() for word in words if kind in ("choice", "taxonomy")},
                many=kind in ("text", "taxonomy") or seen.several,
                about_region=bool(seen.on),
                about_article=seen.about_article > 0,
                on=sorted(seen.on),
            )
        )
    return controls


def _add_layers(proposal: Proposal, controls: list[Control]) -> dict[str, tuple[str, Control]]:
    """The layers; the answer maps a span control to its layer's name."""
    reserved = schema.reserved_columns()
    name_for = _namer(reserved["config"] | reserved["article"], "layer")
    hotkeys: set[str] = set()
    layers: dict[str, tuple[str, Control]] = {}
    for control in controls:
        if control.kind is not None:
            continue
        if not control.labels:
            proposal.left_out.append(f"{control.name}, which has no labels")
            continue
        for label in control.labels.values():
            key = (label.hotkey or "").lower()
            label.hotkey = label.hotkey if usable(key) and key not in hotkeys else None
            hotkeys.add(key)
        name = name_for(control.name)
        layers[control.name] = name, control
        proposal.codebook.layers[name] = Layer(
            control.labels, multiple=control.many, control=_unless(control.name, name), text=_text_of(proposal, control)
        )
    return layers


def _add_fields(proposal: Proposal, controls: list[Control], layers: dict[str, tuple[str, Control]]) -> None:
    """Attributes of layers, and document layers."""
    codebook = proposal.codebook
    reserved = schema.reserved_columns()
    document_name = _namer(reserved["config"] | reserved["article"] | codebook.layers.keys(), "value")
    namers = {name: _namer(reserved["span"], "value") for name, _ in layers.values()}
    for control in controls:
        if control.kind is None:
            continue
        if control.kind == "choice" and not control.values:
            proposal.left_out.append(f"{control.name}, which has no choices")
            continue
        homes = list(_homes(control, layers)) if control.about_region else []
        for layer_name, labels in homes:
            key = namers[layer_name](control.name)
            codebook.layers[layer_name].attributes[key] = Attribute(
                control.kind, many=control.many, values=control.values, labels=labels,
                control=_unless(control.name, f"{layer_name}_{key}"),
            )  # fmt: skip
        if control.about_article:
            key = document_name(control.name)
            codebook.document[key] = DocumentLayer(
                control.kind, many=control.many, values=control.values,
                control=_unless(control.name, key), text=_text_of(proposal, control),
            )  # fmt: skip
        elif not homes:
            proposal.left_out.append(f"{control.name}, which describes regions that no layer has")


def _homes(control: Control, layers: dict[str, tuple[str, Control]]) -> Iterable[tuple[str, list[str]]]:
    """The layers whose spans a control describes, each with the labels that it is limited to (none: all)."""
    named = [name for name in control.on if name in layers]
    for source, (layer_name, layer) in layers.items():
        if named and source not in named:
            continue
        if not named and control.texts and layer.texts and not set(control.texts) & set(layer.texts):
            continue
        limited = [key for key, label in layer.labels.items() if {key, label.alias} & set(control.on_labels)]
        if limited or not control.on_labels:
            yield layer_name, limited


def _add_relations(
    proposal: Proposal, scan: Scan, config: Configuration | None, layers: dict[str, tuple[str, Control]]
) -> None:
    """Configured relations between any two layers; others, and arrows without a label, as the data show them."""
    targets: dict[tuple[str, str], set[str]] = {}
    names = [name for name, _ in layers.values()]
    configured = config.relations if config is not None else None
    if configured:
        targets = {(label, source): set(names) for label in configured for source in names}
    for label, source, target in sorted(scan.arrows):
        if source in layers and target in layers and (not label or configured is None):
            targets.setdefault((label, layers[source][0]), set()).add(layers[target][0])
    reserved = schema.reserved_columns()["span"]
    for name, layer in proposal.codebook.layers.items():
        name_for = _namer(reserved | layer.attributes.keys(), "relation")
        # Arrows without a label last, so that a relation of that name keeps it.
        for label in [*(configured or sorted({label for label, _ in targets if label})), ""]:
            to = targets.get((label, name), set())
            if to:
                key = name_for(label or UNLABELLED)
                to_layers = [other for other in names if other in to]
                layer.relations[key] = Relation(to_layers, alias=_unless(label, key) or None, unlabelled=not label)


def _text_of(proposal: Proposal, control: Control) -> str | None:
    """The text that a control is about, where the codebook has several and the control has one."""
    texts = proposal.codebook.texts
    known = [text for text in control.texts if text in texts]
    return known[0] if len(texts) > 1 and (len(known) == 1 or control.kind is not None) and known else None


def _unless(original: str, name: str) -> str | None:
    return None if original == name else original


def _namer(reserved: Iterable[str], what: Literal["layer", "value", "relation"]) -> Callable[[str], str]:
    """Makes names that are words in lower case, unique and not reserved."""
    taken = set(reserved)

    def name_for(original: str) -> str:
        word = re.sub(r"\W+", "_", original.lower()).strip("_")
        if not word or word[0].isdigit():
            word = f"{what}_{word}".rstrip("_")
        if word in taken and word in reserved:
            word = f"{word}_{what}"
        name, number = word, 1
        while name in taken:
            number += 1
            name = f"{word}_{number}"
        taken.add(name)
        return name

    return name_for
