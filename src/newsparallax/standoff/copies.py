"""Find the user's copies of articles in a folder of texts, by digest or by name.

A database file in the work folder holds all data, so that memory use does not grow with the number of articles or
files. Only a few texts are in memory at a time. Differences between a copy and its text that come only from programs
that saved the copy are normalized.
"""

from __future__ import annotations

import os
import re
import sqlite3
import unicodedata
from collections import OrderedDict
from collections.abc import Iterable, Iterator
from itertools import product
from pathlib import Path
from typing import Literal

import msgspec

from .._util import file_digest
from ..errors import NewsParallaxError
from ..ids import text_digest
from .columns import articles_in

BOM = "\ufeff"
TAILS = 16  # maximum length of the copy's own trailing white space whose prefixes are tried as an end

_LINE_END = re.compile("\r\n|\r|\n")

Form = Literal["", "NFC", "NFD"]


class Normalization(msgspec.Struct, frozen=True, omit_defaults=True):
    """A normalization of a copy; a part that is "", False or None changes nothing."""

    bom: bool = False  # remove a byte order mark, or add one
    ends: str = ""
    form: Form = ""
    tail: str | None = None  # the white space at the end

    def __bool__(self) -> bool:
        return self != Normalization()

    def apply(self, copy: str) -> str:
        """Return the normalized copy."""
        text = copy
        if self.bom:
            text = text[1:] if text.startswith(BOM) else BOM + text
        if self.ends:
            text = _LINE_END.sub(self.ends, text)
        if self.form:
            text = unicodedata.normalize(self.form, text)
        return text if self.tail is None else text.rstrip() + self.tail

    def summary(self) -> str:
        """Describe the normalization in words."""
        parts = {
            "byte order mark": self.bom,
            "line ends": bool(self.ends),
            f"Unicode form ({self.form})": bool(self.form),
            "white space at the end": self.tail is not None,
        }
        return ", ".join(name for name, is_ in parts.items() if is_)


def normalized(copy: str, *, tails: bool = True) -> Iterator[tuple[Normalization, str]]:
    """Yield (normalization, resulting text): first the unchanged copy, then every other, smallest changes first."""
    ends = ("", "\n", "\r\n", "\r") if _LINE_END.search(copy) else ("",)
    forms: tuple[Form, ...] = ("",) if copy.isascii() else ("", "NFC", "NFD")
    ways = [Normalization(*way) for way in product((False, True), ends, forms)]
    ways.sort(key=lambda way: (way.bom + bool(way.ends) + bool(way.form), way.bom))
    done = set()
    for way in ways:
        text = way.apply(copy)
        if text not in done:  # most normalizations give the same text
            done.add(text)
            yield way, text
    if tails:
        for way, text in [(way, way.apply(copy)) for way in ways]:
            bare = text.rstrip()
            for tail in _tails(text[len(bare) :], way.ends or _first_end(copy)):
                if bare + tail not in done:
                    done.add(bare + tail)
                    yield msgspec.structs.replace(way, tail=tail), bare + tail


def _tails(own: str, end: str) -> Iterator[str]:
    yield from dict.fromkeys(("", end, 2 * end, " ", *(own[:size] for size in range(min(len(own), TAILS)))))


def _first_end(copy: str) -> str:
    match = _LINE_END.search(copy.rstrip()) or _LINE_END.search(copy)
    return match[0] if match else "\n"


HELD = 8_000_000  # code points of cached texts
LARGEST = 64 << 20  # maximum bytes of a file that is tried as a copy with differences; no article is larger

_TABLES = """
create table articles (
    article_id text primary key, text_name text, sha256 text, withheld integer, path blob, normalization text
);
create index by_sha256 on articles (sha256) where withheld;
create table spans (span_id text primary key, article_id text);
create table files (path blob primary key, sha256 text, name text, stem text);
create index by_digest on files (sha256);
create index by_name on files (name);
create index by_stem on files (stem);
"""


class Copies:
    """The articles of a dataset, and the copies of those whose texts are withheld."""

    def __init__(self, dataset: Path, seeds: Path, work: Path) -> None:
        self._seeds = seeds
        self._base = sqlite3.connect(work / "copies.sqlite", isolation_level=None)
        self._base.executescript(f"pragma journal_mode = off; pragma synchronous = off; {_TABLES}")
        self._texts: OrderedDict[str, str | None] = OrderedDict()
        self._held = 0
        self._base.execute("begin")
        self._note_articles(dataset)
        self._note_files()
        self._match()
        self._match_normalized()
        self._base.execute("commit")

    def close(self) -> None:
        """Close the database."""
        self._base.close()

    def text(self, article_id: str) -> str | None:
        """Return the text of a withheld article whose copy was found; None for other articles.

        Raises NewsParallaxError where the file was changed since it was found.
        """
        if article_id in self._texts:
            self._texts.move_to_end(article_id)
            return self._texts[article_id]
        text = self._read(article_id)
        self._texts[article_id] = text
        self._held += len(text or "") + 100
        while self._held > HELD and len(self._texts) > 1:
            _, old = self._texts.popitem(last=False)
            self._held -= len(old or "") + 100
        return text

    def text_name(self, article_id: str) -> str | None:
        """Return the name of an article's text; None where the dataset has none."""
        row = self._base.execute("select text_name from articles where article_id = ?", (article_id,)).fetchone()
        return None if row is None or row[0] is None else str(row[0])

    def count(self, *, found: bool) -> int:
        """Return the number of withheld texts that are found, or of those that are not found."""
        query = f"select count(*) from articles where withheld and path is {'not' if found else ''} null"
        return int(self._base.execute(query).fetchone()[0])

    def normalized(self) -> Iterator[tuple[str, str, str]]:
        """Yield (article id, path, normalization in words) of every copy that matches only after a normalization."""
        matched = "select article_id, path, normalization from articles where normalization is not null"
        for article_id, path, normalization in self._base.execute(f"{matched} order by article_id"):
            yield article_id, os.fsdecode(path), _normalization(normalization).summary()

    def not_found(self) -> Iterator[str]:
        """Yield the id of every article whose text is withheld and not found."""
        query = "select article_id from articles where withheld and path is null order by article_id"
        yield from (article_id for (article_id,) in self._base.execute(query))

    def is_found(self, article_id: str) -> bool:
        """Return whether the article's text is withheld and found."""
        query = "select 1 from articles where article_id = ? and path is not null"
        return self._base.execute(query, (article_id,)).fetchone() is not None

    def called(self, article_id: str) -> list[str]:
        """Return the files whose name, with or without suffix, is the article's id."""
        query = "select path from files where name = ?1 or stem = ?1 order by path"
        return [os.fsdecode(path) for (path,) in self._base.execute(query, (_name(article_id),))]

    def note_spans(self, spans: Iterable[tuple[str, str]]) -> None:
        """Store (span id, article id) of spans whose layer does not fix the text that contains them."""
        self._base.executemany("insert or ignore into spans values (?, ?)", spans)

    def article_of_span(self, span_id: str) -> str | None:
        """Return the article whose text contains a span stored by `note_spans`; None for other spans."""
        row = self._base.execute("select article_id from spans where span_id = ?", (span_id,)).fetchone()
        return None if row is None else str(row[0])

    def read(self, path: str) -> str | None:
        """Return a file as text; None if it is too large, unreadable or not UTF-8."""
        return _decoded(self._seeds / path)

    def _read(self, article_id: str) -> str | None:
        query = "select path, normalization, sha256 from articles where article_id = ? and path is not null"
        row = self._base.execute(query, (article_id,)).fetchone()
        if row is None:
            return None
        path, normalization, digest = row
        try:
            text = _normalization(normalization).apply((self._seeds / os.fsdecode(path)).read_bytes().decode("utf-8"))
        except (OSError, UnicodeDecodeError):
            text = None
        if text is None or text_digest(text) != digest:
            raise NewsParallaxError(
                "changed while it was read", file=str(self._seeds / os.fsdecode(path)), hint="run the command again"
            )
        return text

    def _note_articles(self, dataset: Path) -> None:
        for rows in articles_in(dataset, "article_id", "text_name", "text_sha256", "text"):
            known = zip(rows["article_id"], rows["text_name"], rows["text_sha256"], rows["text"], strict=True)
            values = ((id_, name, digest, text is None and digest is not None) for id_, name, digest, text in known)
            self._base.executemany("insert or ignore into articles values (?, ?, ?, ?, null, null)", values)

    def _note_files(self) -> None:
        for path in sorted(self._seeds.rglob("*")):
            if path.is_file():
                name = os.fsencode(path.relative_to(self._seeds))
                values = (name, file_digest(path), _name(path.name), _name(path.stem))
                self._base.execute("insert into files values (?, ?, ?, ?)", values)

    def _match(self) -> None:
        """Match copies that equal the text byte for byte."""
        copy = "select min(path) from files where files.sha256 = articles.sha256"
        self._base.execute(f"update articles set path = ({copy}) where withheld")

    def _match_normalized(self) -> None:
        """Match copies that equal the text after a normalization: first the files with the article's name, then all."""
        for article_id in list(self.not_found()):
            (digest,) = self._base.execute("select sha256 from articles where article_id = ?", (article_id,)).fetchone()
            for path in self.called(article_id):
                self._try(path, digest)
        strange = "select path from files where not exists (select 1 from articles where articles.path = files.path)"
        for (path,) in self._base.execute(f"{strange} order by path").fetchall() if self.count(found=False) else ():
            self._try(os.fsdecode(path), None)

    def _try(self, path: str, only: str | None) -> None:
        """Record a file as the copy of the articles whose text it equals after a normalization.

        With the digest `only`, just the text with this digest is tried.
        """
        copy = self.read(path)
        for way, text in normalized(copy) if copy else ():
            digest = text_digest(text)
            if only is None or digest == only:
                done = self._base.execute(
                    "update articles set path = ?, normalization = ? where withheld and path is null and sha256 = ?",
                    (os.fsencode(path), msgspec.json.encode(way).decode() if way else None, digest),
                )
                if done.rowcount:
                    return


def _name(name: str) -> str:
    """Normalize a file name for comparison: file systems use different Unicode forms, or plain bytes."""
    return unicodedata.normalize("NFC", os.fsencode(name).decode("utf-8", "replace"))


def _normalization(content: str | None) -> Normalization:
    return msgspec.json.decode(content, type=Normalization) if content else Normalization()


def _decoded(path: Path) -> str | None:
    try:
        if path.stat().st_size > LARGEST:
            return None
        return path.read_bytes().decode("utf-8")
    except (OSError, UnicodeDecodeError):
        return None
