"""Which field of the tasks' data holds a text, decided by evidence: the quotes of the regions that are about it."""

from __future__ import annotations

from .codebook import Text
from .read_config import Configuration, Control, ShownText
from .scan import DataField, Scan


def find_texts(
    scan: Scan, config: Configuration | None, controls: list[Control]
) -> tuple[dict[str, Text], dict[str, str]]:
    """The texts, those of spans first, and by their places in the codebook why their fields were chosen."""
    texts: dict[str, Text] = {}
    why: dict[str, str] = {}
    marked = _marked(scan, config, controls)
    wanted = sorted(_wanted(config, controls, marked), key=lambda text: text.name not in marked)
    taken: set[str] = {text.field for text in wanted if text.field and _strings(scan, text.field)}
    for text in wanted:
        found = _field_of(
            scan, text, taken, marked=text.name in marked, alone=len(wanted) == 1, told=config is not None
        )
        if found is None:
            continue
        taken.add(found[0])
        html = text.html or scan.is_html(text.name)
        texts[text.name] = Text(found[0], "html" if html else "plain")
        why[f"texts.{text.name}"] = found[1]
    if config is None and not texts and _has_text(scan.fields.get("text")):
        texts["text"] = Text("text")
        why["texts.text"] = "no item says which field is the text; this one is called so"
    if not texts:
        why["texts"] = "no text was found in the tasks' data: articles have none, only what is said of them"
    return texts, why


def _marked(scan: Scan, config: Configuration | None, controls: list[Control]) -> list[str]:
    """The texts in which regions are marked."""
    if config is None:
        return sorted(filter(None, scan.marked), key=lambda text: (-scan.marked[text], text))
    return list(dict.fromkeys(text for control in controls if control.kind is None for text in control.texts))


def _wanted(config: Configuration | None, controls: list[Control], marked: list[str]) -> list[ShownText]:
    """The texts that some control is about; of a configuration without such controls, all that it shows."""
    others = list(dict.fromkeys(text for control in controls if control.kind is not None for text in control.texts))
    if config is None:
        return [ShownText(name, None) for name in dict.fromkeys([*marked, *others])]
    shown = [text for text in config.texts if text.field is not None or text.name in marked]
    return [text for text in shown if text.name in {*config.referred, *marked, *others}] or shown


def _field_of(
    scan: Scan, text: ShownText, taken: set[str], *, marked: bool, alone: bool, told: bool
) -> tuple[str, str] | None:
    """The data field that holds a text, and why it is taken for it; None if no field can be."""
    if text.field and _strings(scan, text.field):
        files = f"; tasks that refer to files there: {scan.fields[text.field].references:,} (see [articles.references])"
        told_so = f"the labelling configuration shows ${text.field}"
        return text.field, told_so + (files if scan.fields[text.field].references else "")
    unlike = f"the configuration shows ${text.field}, which no task has; " if text.field else ""
    proved, nearby = scan.proved[text.name], scan.nearby[text.name]

    def rank(name: str) -> tuple[int, int, bool, bool, int, str]:
        known = scan.fields[name]
        return -proved[name], -nearby[name], name != text.name, name != "text", -known.length, name

    best = min((*proved, *nearby), key=rank, default=None)
    if best:
        count = (
            f"{proved[best]:,} of {scan.judged[text.name]:,} quotes of regions are what {best} holds at their offsets"
        )
        return best, unlike + count + (f", {nearby[best]:,} stand nearby" if nearby[best] else "")
    if told and (text.field is None or text.field in scan.fields):
        return None  # fixed words, or a field that holds no strings
    own = scan.fields.get(text.name)
    if not marked and own and not own.texts:
        return None  # about an image, a recording, a list
    if own and own.texts and text.name not in taken:
        return text.name, f"{unlike}the field has the name of the text"
    free = sorted((name for name, known in scan.fields.items() if _has_text(known) and name not in taken), key=rank)
    if free and alone:
        reason = "is called so" if free[0] == "text" else "is the longest text"
        return free[0], f"{unlike}no quote tells which field is the text; {free[0]} {reason}"
    if marked and own and own.references:
        return text.name, "the field has the name of the text, but refers to files (see [articles.references])"
    return None


def _strings(scan: Scan, name: str) -> bool:
    return name in scan.fields and scan.fields[name].strings > 0


def _has_text(known: DataField | None) -> bool:
    return known is not None and known.texts > 0
