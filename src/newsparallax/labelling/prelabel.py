"""Names and terms found in a text -> predictions for Label Studio: proposals for annotators, never ground truth.

What is looked for is a phrase; a matcher finds phrases in the folded text (`folding.py`), and here it is decided which
of these finds are words of the text, which of several win, and what is said of them.
"""

from __future__ import annotations

import re
import unicodedata
from bisect import bisect_left
from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple

from .codebook import (
    Attribute,
    Codebook,
    Layer,
    attribute_applies,
    attribute_control,
    exported,
    layer_control,
)
from .context import Context
from .folding import Folded, fold
from .ids import short_hash
from .lexicon import Lexicon, Term
from .render.label_config import typed_in

# Scripts written without spaces, where a word may begin and end at any letter (UAX #29 keeps only katakana together).
_APART = "\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3005-\u3007\u3040-\u309f\u3105-\u312f\u3400-\u9fff\uf900-\ufaff"
_WITHOUT_SPACES = re.compile(f"[{_APART}\U00020000-\U0003ffff]")
_KATAKANA = re.compile("[\u30a1-\u30fa\u30fc-\u30ff\u31f0-\u31ff\uff66-\uff9f]")
_HANGUL = re.compile("[\uac00-\ud7a3]")


class Prediction(NamedTuple):
    """One prediction of a task: `source` is its `model_version`, `result` its items, as Label Studio has them."""

    source: str
    result: list[dict[str, Any]]


class Given(NamedTuple):
    """A value that is given with a mark: the control, the type of its items, and the values."""

    control: str
    type: str
    values: list[str]


class Mark(NamedTuple):
    """What is said of a find: in which layer (its control, the text it is about), with which label and values."""

    layer: str
    control: str
    to_name: str
    label: str
    spelled: str
    given: tuple[Given, ...]


class Phrase(NamedTuple):
    """What is looked for: folded words, of which the first `front` characters are not marked.

    Of finds in one `group` that overlap, one wins. One without `marks` is not marked, yet keeps its place from shorter
    ones. A small letter also means its capital, unless `exact`. If `compound`, a hyphen may join it to a word.
    """

    words: str
    front: int
    group: str
    marks: tuple[Mark, ...]
    exact: bool
    compound: bool


class Find(NamedTuple):
    """A phrase in a folded text: `[start, end)` is marked; `raised` counts small letters that stand as capitals."""

    start: int
    end: int
    raised: int
    phrase: Phrase


def name_phrases(context: Context, lexicon: Lexicon | None) -> list[Phrase]:
    """The names of the registry's entities, in every layer of a plain text whose labels are the entities' types.

    A name of several entities is marked without a reference if they are of one type. If they are of several, it is not
    marked: the wrong label is more work than none. It still keeps the names inside of it from being marked.
    """
    bearers: dict[str, list[str]] = {}
    for key, entity in context.entities.items():
        for words in {fold(name).text.strip(): None for name in entity.names}:
            if any(character.isalnum() for character in words):
                bearers.setdefault(words, []).append(key)
    phrases: list[Phrase] = []
    typed = typed_in(context.codebook, context.entities)
    for words, keys in bearers.items():
        types = {context.entities[key].type for key in keys}
        marks = tuple(_name_marks(context, keys, types.pop(), typed)) if len(types) == 1 else ()
        front = lexicon.unmarked(words) if lexicon else 0
        phrases.append(Phrase(words, front, "", marks, exact=False, compound=True))
    return phrases


def _name_marks(context: Context, keys: list[str], label: str, typed: frozenset[str]) -> Iterator[Mark]:
    """The mark of a name in each layer that has the label and a reference tied to it."""
    for name, layer in context.codebook.layers.items():
        tied = next(((key, ref) for key, ref in layer.attributes.items() if _is_tied(ref, label)), None)
        if label in layer.labels and tied:
            references = [_given(name, *tied, keys, typed)] if len(keys) == 1 else []
            yield from _mark(context.codebook, name, layer, label, references)


def _is_tied(attribute: Attribute, label: str) -> bool:
    return attribute.kind == "ref" and attribute.types_match_label and attribute_applies(attribute, (label,))


def term_phrases(context: Context, lexicon: Lexicon) -> list[Phrase]:
    """The terms of the lexicon with their variants, and the longer phrases in which they are something else."""
    typed = typed_in(context.codebook, context.entities)
    phrases: list[Phrase] = []
    for words, term in lexicon.terms.items():
        layer = context.codebook.layers[term.layer]
        given = [_given(term.layer, name, layer.attributes[name], term.given(name), typed) for name in term.attributes]
        marks = tuple(_mark(context.codebook, term.layer, layer, term.label, given))
        phrases += _forms(lexicon, words, term, marks)
    return phrases


def _forms(lexicon: Lexicon, words: str, term: Term, marks: tuple[Mark, ...]) -> Iterator[Phrase]:
    forms = [(form, marks) for form in (words, *term.variants)] + [(phrase, ()) for phrase in term.not_in]
    for form, said in forms:
        folded = fold(form).text
        yield Phrase(folded, lexicon.unmarked(folded), term.layer, said, exact=term.case == "exact", compound=False)


def _mark(codebook: Codebook, name: str, layer: Layer, label: str, given: list[Given]) -> Iterator[Mark]:
    """The mark, if the layer is about a plain text: the positions of HTML are not those of its source."""
    about = layer.text or codebook.main_text
    if about in codebook.texts and codebook.texts[about].kind == "plain":
        spelled = exported(label, layer.labels[label])
        yield Mark(name, layer_control(name, layer), about, label, spelled, tuple(given))


def _given(layer: str, name: str, attribute: Attribute, values: list[str], typed: frozenset[str]) -> Given:
    """The values of an attribute as its control takes them, which may be one of the `typed`."""
    control = attribute_control(layer, name, attribute)
    spelled = [exported(value, attribute.values[value]) if value in attribute.values else value for value in values]
    return Given(control, "textarea" if control in typed else "choices", spelled)


def by_key(phrases: Iterable[Phrase]) -> dict[str, list[Phrase]]:
    """The phrases by what a matcher looks for in `Folded.key`."""
    found: dict[str, list[Phrase]] = {}
    for phrase in phrases:
        found.setdefault(fold(phrase.words).key, []).append(phrase)
    return found


def finds(folded: Folded, hits: Iterable[tuple[int, list[Phrase]]]) -> Iterator[Find]:
    """Those hits (position behind the phrase, phrases) that are words of the text in an allowed spelling."""
    for end, phrases in hits:
        start = end - len(phrases[0].words)
        for phrase in phrases:
            raised = _raised(phrase, folded.text[start:end])
            if raised is not None and _stands_alone(folded.text, start, end, phrase):
                yield Find(start + phrase.front, end, raised, phrase)


def _raised(phrase: Phrase, found: str) -> int | None:
    """How many small letters of the phrase stand as capitals in the text; None if it is spelled otherwise."""
    if found == phrase.words:
        return 0
    differ = [(small, other) for small, other in zip(phrase.words, found, strict=True) if small != other]
    allowed = not phrase.exact and all(small.upper() == other for small, other in differ)
    return len(differ) if allowed else None


def _stands_alone(text: str, start: int, end: int, phrase: Phrase) -> bool:
    """Whether no word goes on before `start` or behind `end`."""
    before, after = text[start - 1 : start], text[end : end + 1]
    if _goes_on(text[start], before) or _category(after) == "M":  # a mark is written onto the letter before it
        return False
    if _goes_on(text[end - 1], after) and not (_HANGUL.match(text[end - 1]) and _HANGUL.match(after)):
        return False  # but Korean particles are written onto names
    if phrase.compound:
        return True
    joined = before == "-" and _is_word(text[start - 2 : start - 1])
    return not joined and not (after == "-" and _is_word(text[end + 1 : end + 2]))


def _goes_on(inside: str, outside: str) -> bool:
    """Whether a find's first or last character and its neighbour (empty at the text's edges) are of one word."""
    if not _is_word(outside) or _WITHOUT_SPACES.match(inside) or _WITHOUT_SPACES.match(outside):
        return False
    return bool(_KATAKANA.match(inside)) == bool(_KATAKANA.match(outside))


def _is_word(character: str) -> bool:
    return character.isalnum() or character == "_" or _category(character) == "M"


def _category(character: str) -> str:
    """The first letter of the general category, empty for no character."""
    return unicodedata.category(character)[0] if character else ""


def choose(found: Iterable[Find]) -> list[Find]:
    """Of finds of one group that overlap, the longest; then the one with more words before it, the nearest spelling.

    In order of their places. Works on clusters of finds that touch, in time linear in the length of the finds.
    """
    chosen: list[Find] = []
    for cluster in _clusters(sorted(found, key=lambda find: (find.phrase.group, find.start))):
        low = cluster[0].start
        taken = bytearray(max(find.end for find in cluster) - low)
        for find in sorted(cluster, key=_rank):
            # Whatever is taken is at least as long, so it covers one of the ends.
            if not taken[find.start - low] and not taken[find.end - 1 - low]:
                taken[find.start - low : find.end - low] = b"\1" * (find.end - find.start)
                chosen.append(find)
    return sorted(chosen, key=lambda find: (find.start, find.end, find.phrase.group))


def _rank(find: Find) -> tuple[int, int, int, int]:
    return find.start - find.end, -find.phrase.front, find.raised, find.start


def _clusters(found: list[Find]) -> Iterator[list[Find]]:
    """Finds, ordered by group and start, in runs in which each touches one before it."""
    cluster: list[Find] = []
    end = 0
    for find in found:
        if cluster and (find.phrase.group != cluster[0].phrase.group or find.start >= end):
            yield cluster
            cluster = []
        end = max(end, find.end) if cluster else find.end
        cluster.append(find)
    if cluster:
        yield cluster


def result_items(text: str, folded: Folded, chosen: Iterable[Find], to_name: str | None) -> list[dict[str, Any]]:
    """The items of a prediction: each mark, then its values, which repeat the region's id and place.

    Ids depend on layer, place and label alone, so that the same text gets the same prediction again.
    """
    items: list[dict[str, Any]] = []
    for find in chosen:
        start, end = folded.origin(find.start, find.end)
        place = {"start": start, "end": end}
        for mark in find.phrase.marks:
            if mark.to_name == to_name:
                key = short_hash(mark.layer, start, end, mark.label)
                value = place | {"text": text[start:end], "labels": [mark.spelled]}
                items.append(_item(key, mark.control, mark.to_name, "labels", value))
                for control, type_, values in mark.given:
                    said = {"text": values} if type_ == "textarea" else {"text": text[start:end], type_: values}
                    items.append(_item(key, control, mark.to_name, type_, place | said))
    return items


def apart(predictions: Iterable[Prediction]) -> list[Prediction]:
    """The predictions without marks that overlap one of the same layer in an earlier prediction.

    Label Studio begins an annotation with one prediction; so these can be put together to one.
    """
    kept: list[Prediction] = []
    taken: dict[str, list[tuple[int, int]]] = {}
    for source, result in predictions:
        marks = {item["id"]: _place(item) for item in result if item["type"] == "labels"}
        out = {key for key, (control, *place) in marks.items() if _overlaps(taken.get(control, []), *place)}
        kept.append(Prediction(source, [item for item in result if item["id"] not in out]))
        for key, (control, *place) in marks.items():
            if key not in out:
                taken.setdefault(control, []).append((place[0], place[1]))
        for places in taken.values():
            places.sort()
    return kept


def _place(item: dict[str, Any]) -> tuple[str, int, int]:
    return item["from_name"], item["value"]["start"], item["value"]["end"]


def _overlaps(places: list[tuple[int, int]], start: int, end: int) -> bool:
    """Whether one of the places, in order and apart from each other, overlaps `[start, end)`."""
    before = bisect_left(places, (end, end)) - 1
    return before >= 0 and places[before][1] > start


def _item(key: str, control: str, to_name: str, type_: str, value: dict[str, Any]) -> dict[str, Any]:
    return {
        "id": key,
        "from_name": control,
        "to_name": to_name,
        "type": type_,
        "origin": "prediction",
        "value": value,
    }
