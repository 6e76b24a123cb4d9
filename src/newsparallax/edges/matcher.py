"""Finding names and terms in a text with an Aho-Corasick automaton (pyahocorasick): one pass for any number of them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

from ..core.context import Context
from ..core.errors import UsageError
from ..core.folding import fold
from ..core.ids import short_hash
from ..core.lexicon import Lexicon
from ..core.preannotate import (
    Phrase,
    Prediction,
    apart,
    by_key,
    choose,
    finds,
    name_phrases,
    result_items,
    term_phrases,
)

DIGITS = 8  # of a list's digest in a prediction's source


class _Source(NamedTuple):
    """A list to predict from: what its predictions are called, and the automaton of its phrases."""

    name: str
    automaton: Any


class Matcher:
    """Predicts the marks of a text from the registry's names, the lexicon's terms, or both.

    A prediction's source names the list and a digest of what it held. Raises UsageError where pyahocorasick is not
    installed, and where a list that is asked for is not there or holds nothing to mark.
    """

    def __init__(self, context: Context, lexicon: Lexicon | None, *, names: bool, terms: bool) -> None:
        self._main_text = context.codebook.main_text
        self._sources: list[_Source] = []
        if names:
            opening = lexicon.leave_out if lexicon else []
            source = f"names of entities.toml {short_hash(context.entities, opening)[:DIGITS]}"
            self._sources.append(_Source(source, _automaton(_checked_names(name_phrases(context, lexicon)))))
        if terms:
            if lexicon is None:
                hint = "write it, or predict from names alone"
                raise UsageError("there is no lexicon: annotations/lexicon.toml is not there", hint=hint)
            source = f"terms of lexicon.toml {short_hash(lexicon)[:DIGITS]}"
            self._sources.append(_Source(source, _automaton(_checked_terms(term_phrases(context, lexicon)))))

    @property
    def sources(self) -> list[str]:
        """Where predictions come from, each list with a digest."""
        return [source for source, _ in self._sources]

    def predict(self, text: str, to_name: str | None = None) -> list[Prediction]:
        """One prediction for each source, with no items where nothing was found; no two overlap in a layer.

        `to_name` is the codebook's name of the text, by default its first; layers about other texts are not marked.
        """
        folded = fold(text)
        about = to_name or self._main_text
        return apart(
            Prediction(source, result_items(text, folded, choose(finds(folded, _hits(automaton, folded.key))), about))
            for source, automaton in self._sources
        )


def _hits(automaton: Any, key: str) -> Iterator[tuple[int, list[Phrase]]]:
    """Where phrases end in the folded text: the position behind them."""
    return ((last + 1, phrases) for last, phrases in automaton.iter(key))


def _automaton(phrases: list[Phrase]) -> Any:
    try:
        import ahocorasick
    except ImportError:
        raise UsageError("pyahocorasick is not installed", hint="`make .venv/annotate` installs it") from None
    automaton = ahocorasick.Automaton()
    for key, same in by_key(phrases).items():
        automaton.add_word(key, same)
    automaton.make_automaton()
    return automaton


def _checked_names(phrases: list[Phrase]) -> list[Phrase]:
    if not phrases:
        raise UsageError("entities.toml has no names", hint="give the entities `names`, or predict from terms alone")
    if not any(phrase.marks for phrase in phrases):
        message = (
            "no name of entities.toml can be marked: no layer of a plain text ties its labels to the entities' types"
        )
        raise UsageError(message, hint="say types_match_label = true for the attribute that refers to the entities")
    return phrases


def _checked_terms(phrases: list[Phrase]) -> list[Phrase]:
    if not any(phrase.marks for phrase in phrases):
        hint = "give it terms of layers about a plain text, or predict from names alone"
        raise UsageError("lexicon.toml has no term that can be marked", hint=hint)
    return phrases
