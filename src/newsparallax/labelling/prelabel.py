"""Pre-annotation: find names and terms in a text and make Label Studio predictions from them, never ground truth.

An Aho-Corasick automaton (pyahocorasick) finds all phrases in one pass over the folded text (`text.fold`). This module
then decides which finds are complete words, which of several overlapping finds wins, and which labels and values a
find gets.
"""

from __future__ import annotations

import re
import unicodedata
from bisect import bisect_left
from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple

from .._util import require
from ..corpus import (
    Attribute,
    Codebook,
    CorpusSpec,
    Layer,
    Lexicon,
    Term,
    attribute_applies,
    attribute_control,
    exported,
    layer_control,
)
from ..errors import UsageError
from ..ids import short_hash
from ..render import typed_in
from ..text import Folded, fold

# Scripts written without spaces: a word may begin and end at any letter (UAX #29 joins only katakana).
_APART = "\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3005-\u3007\u3040-\u309f\u3105-\u312f\u3400-\u9fff\uf900-\ufaff"
_WITHOUT_SPACES = re.compile(f"[{_APART}\U00020000-\U0003ffff]")
_KATAKANA = re.compile("[\u30a1-\u30fa\u30fc-\u30ff\u31f0-\u31ff\uff66-\uff9f]")
_HANGUL = re.compile("[\uac00-\ud7a3]")


class Prediction(NamedTuple):
    """One prediction of a task: `source` is its `model_version`, `result` its items in Label Studio's format."""

    source: str
    result: list[dict[str, Any]]


class FieldValue(NamedTuple):
    """The values of one attribute for a mark: the control, the type of its items, and the values."""

    control: str
    type: str
    values: list[str]


class Mark(NamedTuple):
    """What a find is annotated with: layer (its control and text), label, and attribute values."""

    layer: str
    control: str
    to_name: str
    label: str
    spelled: str
    given: tuple[FieldValue, ...]


class Phrase(NamedTuple):
    """A phrase to look for: folded words, of which the first `front` characters are not marked.

    Of overlapping finds in one `group`, one wins. A phrase without `marks` is not marked, but it blocks shorter phrases
    at its place. A lower-case letter also matches its upper-case form, unless `exact`. If `compound`, a hyphen may join
    the phrase to another word.
    """

    words: str
    front: int
    group: str
    marks: tuple[Mark, ...]
    exact: bool
    compound: bool


class Find(NamedTuple):
    """A phrase found in a folded text: `[start, end)` is marked.

    `raised` counts the lower-case letters of the phrase that are upper case in the text.
    """

    start: int
    end: int
    raised: int
    phrase: Phrase


def name_phrases(context: CorpusSpec, lexicon: Lexicon | None) -> list[Phrase]:
    """Return the names of the registry's entities as phrases, for every plain-text layer whose labels are entity types.

    A name that several entities share is marked without a reference if they have one type. If they have several types,
    it is not marked, because a wrong label is more work than none. It still blocks shorter names inside it.
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


def _name_marks(context: CorpusSpec, keys: list[str], label: str, typed: frozenset[str]) -> Iterator[Mark]:
    """Yield the mark of a name for each layer that has the label and a reference tied to it."""
    for name, layer in context.codebook.layers.items():
        tied = next(((key, ref) for key, ref in layer.attributes.items() if _is_tied(ref, label)), None)
        if label in layer.labels and tied:
            references = [_given(name, *tied, keys, typed)] if len(keys) == 1 else []
            yield from _mark(context.codebook, name, layer, label, references)


def _is_tied(attribute: Attribute, label: str) -> bool:
    return attribute.kind == "ref" and attribute.types_match_label and attribute_applies(attribute, (label,))


def term_phrases(context: CorpusSpec, lexicon: Lexicon) -> list[Phrase]:
    """Return the terms of the lexicon with their variants, and the longer phrases in which they mean something else."""
    typed = typed_in(context.codebook, context.entities)
    phrases: list[Phrase] = []
    for words, term in lexicon.terms.items():
        layer = context.codebook.layers[term.layer]
        values = [_given(term.layer, name, layer.attributes[name], term.given(name), typed) for name in term.attributes]
        marks = tuple(_mark(context.codebook, term.layer, layer, term.label, values))
        phrases += _forms(lexicon, words, term, marks)
    return phrases


def _forms(lexicon: Lexicon, words: str, term: Term, marks: tuple[Mark, ...]) -> Iterator[Phrase]:
    forms = [(form, marks) for form in (words, *term.variants)] + [(phrase, ()) for phrase in term.not_in]
    for form, said in forms:
        folded = fold(form).text
        yield Phrase(folded, lexicon.unmarked(folded), term.layer, said, exact=term.case == "exact", compound=False)


def _mark(codebook: Codebook, name: str, layer: Layer, label: str, given: list[FieldValue]) -> Iterator[Mark]:
    """Yield the mark if the layer is about a plain text. Positions in HTML are not those of its source."""
    about = layer.text or codebook.main_text
    if about in codebook.texts and codebook.texts[about].kind == "plain":
        spelled = exported(label, layer.labels[label])
        yield Mark(name, layer_control(name, layer), about, label, spelled, tuple(given))


def _given(layer: str, name: str, attribute: Attribute, values: list[str], typed: frozenset[str]) -> FieldValue:
    """Return the values of an attribute as its control exports them; `typed` are the controls with free text input."""
    control = attribute_control(layer, name, attribute)
    spelled = [exported(value, attribute.values[value]) if value in attribute.values else value for value in values]
    return FieldValue(control, "textarea" if control in typed else "choices", spelled)


def by_key(phrases: Iterable[Phrase]) -> dict[str, list[Phrase]]:
    """Group the phrases by the key that the automaton looks for in `Folded.key`."""
    found: dict[str, list[Phrase]] = {}
    for phrase in phrases:
        found.setdefault(fold(phrase.words).key, []).append(phrase)
    return found


def finds(folded: Folded, hits: Iterable[tuple[int, list[Phrase]]]) -> Iterator[Find]:
    """Yield the hits (position after the phrase, phrases) that are complete words in an allowed spelling."""
    for end, phrases in hits:
        start = end - len(phrases[0].words)
        for phrase in phrases:
            raised = _raised(phrase, folded.text[start:end])
            if raised is not None and _stands_alone(folded.text, start, end, phrase):
                yield Find(start + phrase.front, end, raised, phrase)


def _raised(phrase: Phrase, found: str) -> int | None:
    """Count the phrase's lower-case letters that are upper case in the text; None for any other difference."""
    if found == phrase.words:
        return 0
    differ = [(small, letter) for small, letter in zip(phrase.words, found, strict=True) if small != letter]
    allowed = not phrase.exact and all(small.upper() == letter for small, letter in differ)
    return len(differ) if allowed else None


def _stands_alone(text: str, start: int, end: int, phrase: Phrase) -> bool:
    """Return whether the find is a complete word: no word continues before `start` or after `end`."""
    before, after = text[start - 1 : start], text[end : end + 1]
    if _goes_on(text[start], before) or _category(after) == "M":  # a combining mark belongs to the letter before it
        return False
    if _goes_on(text[end - 1], after) and not (_HANGUL.match(text[end - 1]) and _HANGUL.match(after)):
        return False  # exception: Korean particles directly follow names
    if phrase.compound:
        return True
    joined = before == "-" and _is_word(text[start - 2 : start - 1])
    return not joined and not (after == "-" and _is_word(text[end + 1 : end + 2]))


def _goes_on(inside: str, outside: str) -> bool:
    """Return whether a find's first or last character and its neighbour (empty at the text's edges) are in one word."""
    if not _is_word(outside) or _WITHOUT_SPACES.match(inside) or _WITHOUT_SPACES.match(outside):
        return False
    return bool(_KATAKANA.match(inside)) == bool(_KATAKANA.match(outside))


def _is_word(character: str) -> bool:
    return character.isalnum() or character == "_" or _category(character) == "M"


def _category(character: str) -> str:
    """Return the first letter of the general category; an empty string for no character."""
    return unicodedata.category(character)[0] if character else ""


def choose(finds: Iterable[Find]) -> list[Find]:
    """Return the winning finds in text order: of overlapping finds of one group, only one is kept.

    The longest find wins, then the one with the longer unmarked front, then the one closest in spelling. Works on
    clusters of overlapping finds, in time linear in the length of the finds.
    """
    chosen: list[Find] = []
    for cluster in _clusters(sorted(finds, key=lambda find: (find.phrase.group, find.start))):
        low = cluster[0].start
        taken = bytearray(max(find.end for find in cluster) - low)
        for find in sorted(cluster, key=_rank):
            # Finds taken earlier are at least as long, so an overlapping one covers the first or last position.
            if not taken[find.start - low] and not taken[find.end - 1 - low]:
                taken[find.start - low : find.end - low] = b"\1" * (find.end - find.start)
                chosen.append(find)
    return sorted(chosen, key=lambda find: (find.start, find.end, find.phrase.group))


def _rank(find: Find) -> tuple[int, int, int, int]:
    return find.start - find.end, -find.phrase.front, find.raised, find.start


def _clusters(finds: list[Find]) -> Iterator[list[Find]]:
    """Yield runs of finds (ordered by group and start) in which each find overlaps an earlier one."""
    cluster: list[Find] = []
    end = 0
    for find in finds:
        if cluster and (find.phrase.group != cluster[0].phrase.group or find.start >= end):
            yield cluster
            cluster = []
        end = max(end, find.end) if cluster else find.end
        cluster.append(find)
    if cluster:
        yield cluster


def result_items(text: str, folded: Folded, chosen: Iterable[Find], to_name: str | None) -> list[dict[str, Any]]:
    """Return the items of a prediction: each mark, then its values, which repeat the region's id and offsets.

    Ids depend only on layer, offsets and label, so the same text always gives the same prediction.
    """
    items: list[dict[str, Any]] = []
    for find in chosen:
        start, end = folded.origin(find.start, find.end)
        offsets = {"start": start, "end": end}
        for mark in find.phrase.marks:
            if mark.to_name == to_name:
                key = short_hash(mark.layer, start, end, mark.label)
                value = offsets | {"text": text[start:end], "labels": [mark.spelled]}
                items.append(_item(key, mark.control, mark.to_name, "labels", value))
                for control, type_, values in mark.given:
                    said = {"text": values} if type_ == "textarea" else {"text": text[start:end], type_: values}
                    items.append(_item(key, control, mark.to_name, type_, offsets | said))
    return items


def apart(predictions: Iterable[Prediction]) -> list[Prediction]:
    """Return the predictions without marks that overlap a mark of the same layer in an earlier prediction.

    Label Studio starts an annotation from one prediction, so the results must be mergeable into one.
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
    """Return whether one of the places (sorted, disjoint) overlaps `[start, end)`."""
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


DIGITS = 8  # digits of a list's digest in a prediction's source


class _Source(NamedTuple):
    """A list to predict from: the name of its predictions, and the automaton of its phrases."""

    name: str
    automaton: Any


class Matcher:
    """Predicts marks in a text from the registry's names, the lexicon's terms, or both.

    A prediction's source names the list and a digest of its content. Raises UsageError where pyahocorasick is not
    installed, and where a requested list is missing or has nothing to mark.
    """

    def __init__(self, context: CorpusSpec, lexicon: Lexicon | None, *, names: bool, terms: bool) -> None:
        self._main_text = context.codebook.main_text
        self._sources: list[_Source] = []
        if names:
            opening = lexicon.leave_out if lexicon else []
            source = f"names of entities.toml {short_hash(context.entities, opening)[:DIGITS]}"
            self._sources.append(_Source(source, _automaton(_checked_names(name_phrases(context, lexicon)))))
        if terms:
            if lexicon is None:
                hint = "write the lexicon, or predict from names only"
                raise UsageError("there is no lexicon: annotations/lexicon.toml does not exist", hint=hint)
            source = f"terms of lexicon.toml {short_hash(lexicon)[:DIGITS]}"
            self._sources.append(_Source(source, _automaton(_checked_terms(term_phrases(context, lexicon)))))

    @property
    def sources(self) -> list[str]:
        """Return the sources of the predictions: each list with a digest."""
        return [source for source, _ in self._sources]

    def predict(self, text: str, to_name: str | None = None) -> list[Prediction]:
        """Return one prediction per source, without items if nothing was found; marks of one layer never overlap.

        `to_name` is the codebook's name of the text, by default its main text. Layers about other texts are not marked.
        """
        folded = fold(text)
        about = to_name or self._main_text
        return apart(
            Prediction(source, result_items(text, folded, choose(finds(folded, _hits(automaton, folded.key))), about))
            for source, automaton in self._sources
        )


def _hits(automaton: Any, key: str) -> Iterator[tuple[int, list[Phrase]]]:
    """Yield where phrases end in the folded text: the position after them, and the phrases."""
    return ((last + 1, phrases) for last, phrases in automaton.iter(key))


def _automaton(phrases: list[Phrase]) -> Any:
    require("pyahocorasick")
    import ahocorasick

    automaton = ahocorasick.Automaton()
    for key, same in by_key(phrases).items():
        automaton.add_word(key, same)
    automaton.make_automaton()
    return automaton


def _checked_names(phrases: list[Phrase]) -> list[Phrase]:
    if not phrases:
        raise UsageError("entities.toml has no names", hint="add `names` to the entities, or predict from terms only")
    if not any(phrase.marks for phrase in phrases):
        message = "no name in entities.toml can be predicted: no layer of a plain text ties labels to entity types"
        raise UsageError(message, hint="set types_match_label = true for the attribute that refers to the entities")
    return phrases


def _checked_terms(phrases: list[Phrase]) -> list[Phrase]:
    if not any(phrase.marks for phrase in phrases):
        hint = "add terms for layers of a plain text, or predict from names only"
        raise UsageError("lexicon.toml has no term that can be predicted", hint=hint)
    return phrases
