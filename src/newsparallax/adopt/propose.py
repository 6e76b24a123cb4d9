"""Propose a codebook and registries from a labelling configuration and the content of exports.

With a configuration, labels and values are taken from it. Anything else in the data becomes a Problem of the build.
Without a configuration, everything found in the data is taken. Nothing is required, with one exception: values that
the configuration requires where another value is chosen. Spans may overlap freely.

`find_texts` chooses the fields of the tasks' data that hold texts. The evidence is the quotes of the regions about
each text.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field, replace
from typing import Any, Literal

from ..corpus import (
    Annotator,
    Attribute,
    Codebook,
    Corpus,
    DocumentLayer,
    FromTasks,
    Head,
    Label,
    Layer,
    Relation,
    RequiredWhen,
    Text,
    Value,
    attribute_control,
    schema,
    usable,
)
from .label_config_reader import FIELD_TAGS, Condition, Configuration, Control, ShownText
from .scan import LABELS, DataField, Scan

ID_FIELDS = ("article_id",)
NAME_BYTES = 60  # of a proposed name; it stays valid with a suffix
UNLABELLED = "related"


@dataclass
class Proposal:
    """A proposed corpus. `why` maps places in the codebook to the comments to write there."""

    corpus: Corpus
    codebook: Codebook
    annotators: dict[str, Annotator]
    why: dict[str, str] = field(default_factory=dict)
    left_out: list[str] = field(default_factory=list)
    conditions: list[str] = field(default_factory=list)  # conditions of controls that the codebook cannot express


def propose(
    name: str, scan: Scan, config: Configuration | None, declared: dict[str, list[str]] | None = None
) -> Proposal:
    """Propose the codebook and registries of the corpus `name`; `declared` are labels by control, seen or not."""
    proposal = Proposal(_corpus(name, scan), Codebook(Head(version="0.1.0", title=name)), _annotators(scan))
    if config is not None:
        controls = [_with_evidence(control, scan) for control in config.controls]
        proposal.left_out += [*config.unsupported, *_beyond(config, scan)]
    else:
        controls = _inferred(scan)
        for control in controls:
            own = [label for label in (declared or {}).get(control.name, []) if control.kind is None]
            control.labels = {label: Label() for label in own} | control.labels
    texts, proposal.why = find_texts(scan, config, controls)
    proposal.codebook.texts.update(texts)
    layers = _add_layers(proposal, controls)
    _add_fields(proposal, controls, layers)
    _add_relations(proposal, scan, config, layers)
    _add_conditions(proposal, controls)
    return proposal


def _corpus(name: str, scan: Scan) -> Corpus:
    named = next((key for key in ID_FIELDS if scan.names_articles(key)), None)
    source = FromTasks(from_tasks=True, id_field=named)
    if named is None and scan.colliding_ids():
        source.id_from = "data"
    return Corpus(name=name, version="0.1.0", articles=source)


def _annotators(scan: Scan) -> dict[str, Annotator]:
    annotators = {f"a{number}": Annotator("unknown", ids=[number]) for number in sorted(scan.completers)}
    return annotators | ({"anonymous": Annotator("unknown", anonymous=True)} if scan.anonymous else {})


def _with_evidence(control: Control, scan: Scan) -> Control:
    """Return a configured control with what only the data show.

    This is: values of open lists, whether it has several values, and whether it describes regions.
    """
    seen = scan.controls.get(control.name)
    if seen is None:
        return replace(control, about_article=control.about_article and not control.about_region)
    if control.kind == "choice" and seen.kind == "taxonomy":
        control = replace(control, kind="taxonomy", values=control.paths)
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
    """Yield what the data hold but the configuration lacks; it may have been changed since."""
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
    """Return controls as the data show them, sorted by name, with labels and values in alphabetical order."""
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
    """Add the layers to the proposal; return a map from span control to (layer name, control)."""
    reserved = schema.reserved_columns()
    name_for = _namer(reserved["config"] | reserved["article"] | _taken_names(proposal, controls), "layer")
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
            control.labels, multiple=control.many, text=_text_of(proposal, control),
            **_called(proposal, control, name),
        )  # fmt: skip
    return layers


def _taken_names(proposal: Proposal, controls: list[Control]) -> set[str]:
    """Return the names that both a text and a control have."""
    return proposal.codebook.texts.keys() & {control.name for control in controls}


def _called(proposal: Proposal, control: Control, default: str) -> dict[str, Any]:
    """Return the fields that say how exports name a control whose default name is `default`.

    A control with the name of a text gets another name in the labelling configuration, where names must be unique.
    """
    if control.name in proposal.codebook.texts:
        return {"former_controls": [control.name]}
    return {"control": _unless(control.name, default)}


def _add_fields(proposal: Proposal, controls: list[Control], layers: dict[str, tuple[str, Control]]) -> None:
    """Add the attributes of layers, and the document layers."""
    codebook = proposal.codebook
    reserved = schema.reserved_columns()
    taken = reserved["config"] | reserved["article"] | codebook.layers.keys() | _taken_names(proposal, controls)
    document_name = _namer(taken, "value")
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
                **_called(proposal, control, f"{layer_name}_{key}"),
            )  # fmt: skip
        if control.about_article:
            key = document_name(control.name)
            codebook.document[key] = DocumentLayer(
                control.kind, many=control.many, values=control.values,
                text=_text_of(proposal, control), **_called(proposal, control, key),
            )  # fmt: skip
        elif not homes:
            proposal.left_out.append(f"{control.name}, which describes regions that no layer has")


def _add_conditions(proposal: Proposal, controls: list[Control]) -> None:
    """Turn conditions into `required_when` where possible; record all others in the proposal."""
    for control in controls:
        for condition in control.conditions:
            required = control.required and not control.about_article
            if not (required and _require(proposal.codebook, control.name, condition)):
                proposal.conditions.append(f"{control.name} is shown only where {condition}")


def _require(codebook: Codebook, name: str, condition: Condition) -> bool:
    """Require a control's attributes where spans have the condition's choices; return False if no layer allows it."""
    done = False
    for layer_name, layer in codebook.layers.items():
        keys = {
            control: key
            for key, attribute in layer.attributes.items()
            for control in (attribute_control(layer_name, key, attribute), *attribute.former_controls)
        }
        if condition.kind != "choice-selected" or name not in keys or condition.control not in keys:
            continue
        attribute, source = layer.attributes[keys[name]], layer.attributes[keys[condition.control]]
        values = [source.known[word] for word in condition.choices or source.values if word in source.known]
        if source.kind == "choice" and values and attribute.required_when is None:
            attribute.required_when = RequiredWhen(keys[condition.control], values)
            done = True
    return done


def _homes(control: Control, layers: dict[str, tuple[str, Control]]) -> Iterable[tuple[str, list[str]]]:
    """Yield the layers whose spans a control describes, each with the labels to which it is limited (empty: all)."""
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
    """Add configured relations between any two layers; add others, and unlabelled ones, as the data show them."""
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
        # Unlabelled relations come last, so that a relation with that name keeps it.
        for label in [*(configured or sorted({label for label, _ in targets if label})), ""]:
            to = targets.get((label, name), set())
            if to:
                key = name_for(label or UNLABELLED)
                to_layers = [other for other in names if other in to]
                layer.relations[key] = Relation(to_layers, alias=_unless(label, key) or None, unlabelled=not label)


def _text_of(proposal: Proposal, control: Control) -> str | None:
    """Return the text that a control is about, if the codebook has several texts and the control refers to one."""
    texts = proposal.codebook.texts
    known = [text for text in control.texts if text in texts]
    return known[0] if len(texts) > 1 and (len(known) == 1 or control.kind is not None) and known else None


def _unless(original: str, name: str) -> str | None:
    return None if original == name else original


def _namer(reserved: Iterable[str], what: Literal["layer", "value", "relation"]) -> Callable[[str], str]:
    """Return a function that makes names: lower case, unique and not reserved."""
    taken = set(reserved)

    def name_for(original: str) -> str:
        word = re.sub(r"\W+", "_", original.lower()).encode()[:NAME_BYTES].decode("utf-8", "ignore").strip("_")
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


def find_texts(
    scan: Scan, config: Configuration | None, controls: list[Control]
) -> tuple[dict[str, Text], dict[str, str]]:
    """Return the texts, those with spans first, and why their fields were chosen, by place in the codebook."""
    texts: dict[str, Text] = {}
    why: dict[str, str] = {}
    marked = _marked(scan, config, controls)
    wanted = sorted(_wanted(config, controls, marked), key=lambda text: text.name not in marked)
    taken: set[str] = {text.field for text in wanted if text.field and _strings(scan, text.field)}
    for text in wanted:
        field = _field_of(
            scan, text, taken, marked=text.name in marked, alone=len(wanted) == 1, declared=config is not None
        )
        if field is None:
            continue
        taken.add(field[0])
        html = text.html or scan.is_html(text.name)
        texts[text.name] = Text(field[0], "html" if html else "plain")
        why[f"texts.{text.name}"] = field[1]
    if config is None and not texts and scan.marked[""]:  # regions without a text name
        field = _field_of(scan, ShownText("", None), taken, marked=True, alone=True, declared=False)
        if field is not None:
            texts["text"] = Text(field[0], "html" if scan.is_html("") else "plain")
            why["texts.text"] = field[1]
    if config is None and not texts and _has_text(scan.fields.get("text")):
        texts["text"] = Text("text")
        why["texts.text"] = "no item names the field of the text; this field has the usual name"
    if not texts:
        why["texts"] = "the tasks' data contain no text: articles have values, but no text"
    return texts, why


def _marked(scan: Scan, config: Configuration | None, controls: list[Control]) -> list[str]:
    """Return the texts in which regions are marked."""
    if config is None:
        return sorted(filter(None, scan.marked), key=lambda text: (-scan.marked[text], text))
    return list(dict.fromkeys(text for control in controls if control.kind is None for text in control.texts))


def _wanted(config: Configuration | None, controls: list[Control], marked: list[str]) -> list[ShownText]:
    """Return the texts to which controls refer; if a configuration has no such control, all texts that it shows."""
    others = list(dict.fromkeys(text for control in controls if control.kind is not None for text in control.texts))
    if config is None:
        return [ShownText(name, None) for name in dict.fromkeys([*marked, *others])]
    shown = [text for text in config.texts if text.field is not None or text.name in marked]
    return [text for text in shown if text.name in {*config.referred, *marked, *others}] or shown


def _field_of(
    scan: Scan, text: ShownText, taken: set[str], *, marked: bool, alone: bool, declared: bool
) -> tuple[str, str] | None:
    """Return the data field that holds a text, and the reason; None if no field qualifies."""
    proved, nearby = scan.proved[text.name], scan.nearby[text.name]

    def fitting(name: str) -> int:
        return proved[name] + nearby[name]

    def rank(name: str) -> tuple[int, int, bool, bool, bool, int, str]:
        known = scan.fields[name]
        return -proved[name], -nearby[name], name != text.name, name != "text", not known.prose, -known.length, name

    best = min((*proved, *nearby), key=rank, default=None)
    sure = best is not None and 2 * fitting(best) >= scan.judged[text.name]
    unlike = f"the configuration shows ${text.field}, which is in no task; " if text.field else ""
    if text.field and _strings(scan, text.field):
        if not sure or fitting(text.field):
            files = scan.fields[text.field].references
            referring = f"; in {files:,} tasks the field refers to a file (see [articles.references])" if files else ""
            return text.field, f"the labelling configuration shows ${text.field}{referring}"
        unlike = f"the configuration shows ${text.field}, which contains no quote of a region; "
    own = scan.fields.get(text.name)
    named = own is not None and own.texts > 0 and text.name not in taken and not _too_short(scan, text, text.name)
    if best and (sure or not named):
        count = f"in {best}, {proved[best]:,} of {scan.judged[text.name]:,} regions have their quote at their offsets"
        return best, unlike + count + (f", {nearby[best]:,} near them" if nearby[best] else "")
    if declared and (text.field is None or text.field in scan.fields):
        return None  # a fixed text, or a field without strings
    if not marked and own and not own.texts:
        return None  # the field holds an image, a recording or a list
    if named:
        return text.name, f"{unlike}the field has the name of the text"
    return _without_quotes(scan, text, taken, marked, sorted(scan.fields, key=rank) if alone else [], unlike)


def _without_quotes(
    scan: Scan, text: ShownText, taken: set[str], marked: bool, ranked: list[str], unlike: str
) -> tuple[str, str] | None:
    """Choose a field for a text without evidence from quotes or names: long enough for its regions, and prose."""
    likely = (name for name in ranked if _has_text(scan.fields[name]) and name not in taken)
    name = next((name for name in likely if _may_be_text(scan, text, name)), None)
    if name is not None:
        reason = "has the usual name" if name == "text" else "is the longest text"
        return name, f"{unlike}no quote shows which field is the text; {name} {reason}"
    own = scan.fields.get(text.name)
    if marked and own and own.references:
        return text.name, "the field has the name of the text, but refers to files (see [articles.references])"
    return None


def _may_be_text(scan: Scan, text: ShownText, name: str) -> bool:
    return (name == "text" or scan.fields[name].prose) and not _too_short(scan, text, name)


def _too_short(scan: Scan, text: ShownText, name: str) -> bool:
    """Return whether most regions end beyond the end of the field."""
    return 2 * scan.beyond[text.name][name] > scan.marked[text.name]


def _strings(scan: Scan, name: str) -> bool:
    return name in scan.fields and scan.fields[name].strings > 0


def _has_text(known: DataField | None) -> bool:
    return known is not None and known.texts > 0
