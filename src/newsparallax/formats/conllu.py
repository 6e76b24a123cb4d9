r"""CoNLL-U and CoNLL-U Plus, read and checked by the library `conllu`.

Tags of spans (B-X, I-X and so on) are in keys of the column MISC, such as `NER=B-PER`, or in columns that the comment
`global.columns` names. Each such key or column is a layer. The text is put together from the words with `SpaceAfter`,
`SpacesAfter` and `SpacesBefore` of UDPipe (\s, \t, \n, \r, \p, \\). Morphology and syntax are not read.

Source: the description of CoNLL-U (universaldependencies.org) and the manual of UDPipe.
"""

from __future__ import annotations

import itertools
import re
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from .._util import require
from .conll import LAYER, TAG, Tags, flat
from .document import Document, Markup, Refused
from .names import LabelNames
from .source import IGNORED, TOKEN, Source

_LINE = re.compile(r"(?:\d+(?:-\d+|\.\d+)?)\t[^\t\n]+(?:\t[^\t\n]*){1,}")
_COLUMNS = ["id", "form", "lemma", "upos", "xpos", "feats", "head", "deprel", "deps", "misc"]
_ESCAPED = {" ": r"\s", "\t": r"\t", "\n": r"\n", "\r": r"\r", "|": r"\p", "\\": r"\\"}
_PLAIN = {escape: plain for plain, escape in _ESCAPED.items()}
_ESCAPE = re.compile(r"\\(?:[stnrp\\]|u[0-9a-f]{4})")
_SPACING = ("SpaceAfter", "SpacesAfter", "SpacesBefore", "SpacesInToken")


def recognise(source: Source) -> bool:
    """Whether the first line that is no comment is a word with a number, and ten columns or declared ones."""
    lines = [line for line in source.head.splitlines() if line.strip()]
    first = next((line for line in lines if not line.startswith("#")), "")
    declared = any(line.startswith("# global.columns") for line in lines[:1])
    if source.columns:
        return first.count("\t") == len(source.columns) - 1
    return bool(_LINE.fullmatch(first)) and (declared or first.count("\t") == 9)


def read(source: Source) -> Iterator[Document]:
    """Yield the documents between the comments `newdoc`, or the whole file. Raises ExportError for other lines."""
    require("conllu")
    import conllu

    text = re.sub(r"\r\n?", "\n", source.text)
    try:
        sentences = conllu.parse(
            text,
            fields=_fields(source),
            field_parsers={"misc": lambda row, at: row[at], "feats": lambda row, at: row[at]},
        )
    except (conllu.exceptions.ParseException, ValueError, IndexError, KeyError) as error:
        hint = "correct the line; the columns of CoNLL-U are separated by tabs"
        raise source.error("unknown-shape", f"is not CoNLL-U: {' '.join(str(error).split())[:200]}", hint) from None
    if any(word.get("id") is None for sentence in sentences for word in sentence if "id" in word):
        hint = "correct the line; the first column of CoNLL-U has the number of the word"
        raise source.error("unknown-shape", "has a word without a number", hint)
    known = {key for sentence in sentences for word in sentence for key in word}
    if source.columns and not {"id", "form"} <= known:
        hint = "name the columns as CoNLL-U does, such as --columns id,token,_,ner"
        raise source.error("unknown-shape", "has no columns for numbers and words", hint)
    number = 0
    part: list[Any] = []
    for sentence in sentences:
        if _starts(sentence) and part:
            number += 1
            yield _document(source, number, part)
            part = []
        part.append(sentence)
    if part:
        yield _document(source, number + 1, part)


def _fields(source: Source) -> list[str] | None:
    """Return the names that the user gives to the columns, in the form of the library; None means those of the file."""
    named = ("form" if name == TOKEN else name for name in source.columns)
    fields = [f"_{at}" if name == IGNORED else name for at, name in enumerate(named)]
    return fields or None


def _starts(sentence: Any) -> bool:
    return any(key.startswith("newdoc") for key in sentence.metadata)


def _document(source: Source, number: int, sentences: list[Any]) -> Document:
    words = [[(word, _misc(word)) for word in sentence] for sentence in sentences]
    markup = Markup()
    layers = _layers(words)
    tags = {key: Tags(key if len(layers) > 1 or key != "NER" else LAYER, markup) for key in layers}
    pieces: list[str] = []
    length = 0
    for sentence in words:
        ranged: set[str] = set()  # keys with a tag of the word range, which then is that of its words
        inside, place = 0, (0, 0)
        shown = [(word, misc) for word, misc in sentence if not _is_empty(word)]
        for word, _ in sentence:
            if _is_empty(word):
                message = "an empty node of the enhanced graph is not read"
                markup.refused.append(Refused("unread-column", message, "".join(map(str, word["id"]))))
        for word, misc in shown:
            name = word["id"]
            if isinstance(name, tuple):
                inside = name[2]
            covered = isinstance(name, int) and name <= inside
            if not covered:
                inside = inside if isinstance(name, tuple) else 0
                before = _unescaped(misc.get("SpacesBefore", ""))
                place = length + len(before), length + len(before) + len(word["form"])
                after = _after(misc, last=max(inside, name if isinstance(name, int) else 0) >= _last(shown))
                pieces += [before, word["form"], after]
                length = place[1] + len(after)
            for key, reader in tags.items():
                own = misc.get(key) or word.get(key) not in (None, "_")
                if isinstance(name, tuple):
                    ranged = {*ranged, key} if own else ranged - {key}
                if own if isinstance(name, tuple) else not (covered and key in ranged):
                    reader.take(_tag(word, misc, key), *place)
        for reader in tags.values():
            reader.end()
    unread = sorted({key for sentence in words for word, misc in sentence for key in _unread(word, misc, layers)})
    if unread:
        markup.refused.append(Refused("unread-column", f"these columns are not read: {', '.join(unread)}", unread))
    text = "".join(pieces)
    exact = any("SpacesAfter" in misc for sentence in words for _, misc in sentence)
    return Document(_name(source, number, sentences[0]), text if exact else text.rstrip("\n"), [markup])


def _is_empty(word: Any) -> bool:
    return isinstance(word["id"], tuple) and word["id"][1] == "."


def _last(words: list[tuple[Any, dict[str, str]]]) -> int:
    """Return the number of the last word of a sentence."""
    name = words[-1][0]["id"]
    return int(name if isinstance(name, int) else name[2])


def _name(source: Source, number: int, sentence: Any) -> str:
    named = next((value for key, value in sentence.metadata.items() if key.startswith("newdoc id")), None)
    return str(named) if named else f"{source.stem}-{number}"


def _misc(word: Any) -> dict[str, str]:
    text = word.get("misc")
    parts = text.split("|") if isinstance(text, str) and text != "_" else []
    return dict(part.partition("=")[::2] for part in parts)


def _layers(words: list[list[tuple[Any, dict[str, str]]]]) -> list[str]:
    """Return the keys of MISC, and the columns beyond CoNLL-U, in which every value is a tag."""
    seen: dict[str, list[str]] = {}
    for word, misc in itertools.chain.from_iterable(words):
        for key, value in [*misc.items(), *((key, word[key]) for key in word if key not in _COLUMNS)]:
            if key not in _SPACING:
                seen.setdefault(key, []).append(str(value))
    return [
        key
        for key, values in seen.items()
        if all(value == "_" or TAG.fullmatch(value) for value in values) and any(value != "_" for value in values)
    ]


def _tag(word: Any, misc: dict[str, str], key: str) -> str:
    return misc.get(key) or str(word.get(key) or "O")


def _unread(word: Any, misc: dict[str, str], layers: list[str]) -> Iterator[str]:
    for key, value in word.items():
        if key not in ("id", "form", "misc", *layers) and not key.startswith("_") and value not in (None, "_", ""):
            yield key.upper() if key in _COLUMNS else key
    yield from (f"MISC {key}" for key in misc if key and key not in (*layers, *_SPACING))


def _after(misc: dict[str, str], *, last: bool) -> str:
    if "SpacesAfter" in misc:
        return _unescaped(misc["SpacesAfter"])
    if misc.get("SpaceAfter") == "No":
        return ""
    return "\n" if last else " "


def _unescaped(text: str) -> str:
    return _ESCAPE.sub(lambda match: _PLAIN.get(match[0]) or chr(int(match[0][2:], 16)), text)


def _escaped(text: str) -> str:
    r"""Return white space in the escapes of UDPipe; other characters, which have none there, as \\u and four digits."""
    return "".join(_ESCAPED.get(character) or f"\\u{ord(character):04x}" for character in text)


def write(documents: Iterable[Document], folder: Path, losses: Counter[str]) -> None:
    """Write `all.conllu`: the tags are `NER` in the column MISC, and the spacing gives back the exact text."""
    names = LabelNames(r"[\s|=]", losses)
    with (folder / "all.conllu").open("w", encoding="utf-8", newline="\n") as sink:
        for document in documents:
            sink.writelines(_lines(document, names, losses))


def _lines(document: Document, names: LabelNames, losses: Counter[str]) -> Iterator[str]:
    text = document.text or ""
    tokens = flat(document, names, losses)
    losses["document without words"] += not tokens
    sentences: list[list[int]] = []
    for at, (start, _, tag) in enumerate(tokens):
        gap = text[tokens[at - 1][1] : start] if at else ""
        if not sentences or (re.search(r"[\r\n]", gap) and not tag.startswith("I-")):
            sentences.append([])
        sentences[-1].append(at)
    for number, sentence in enumerate(sentences):
        yield "" if number else f"# newdoc id = {document.id}\n"
        shown = " ".join(text[tokens[sentence[0]][0] : tokens[sentence[-1]][1]].split())
        yield f"# sent_id = {document.id}-{number + 1}\n# text = {shown}\n"
        for place, at in enumerate(sentence, 1):
            start, end, tag = tokens[at]
            misc = [f"NER={tag}", *_spacing(text, tokens, at)]
            yield "\t".join([str(place), text[start:end], *"_" * 7, "|".join(misc)]) + "\n"
        yield "\n"


def _spacing(text: str, tokens: list[tuple[int, int, str]], at: int) -> Iterator[str]:
    if at == 0 and tokens[0][0] > 0:
        yield f"SpacesBefore={_escaped(text[: tokens[0][0]])}"
    after = text[tokens[at][1] : tokens[at + 1][0] if at + 1 < len(tokens) else len(text)]
    yield "SpaceAfter=No" if not after else f"SpacesAfter={_escaped(after)}"
