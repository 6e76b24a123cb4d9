"""A folder of texts that somebody has -> which of them is the copy of which article, found by digest or by name.

All is kept in a database file beside the work, so that neither the number of articles nor that of files matters; of the
texts themselves a few are held at a time.
"""

from __future__ import annotations

import os
import sqlite3
import unicodedata
from collections import OrderedDict
from collections.abc import Iterable, Iterator
from pathlib import Path

import msgspec

from ..core.errors import NewsParallaxError
from ..core.ids import text_digest
from ..core.mending import Mend, mended
from .facts import file_digest
from .standoff import articles_in

HELD = 8_000_000  # code points of the texts that are held
LARGEST = 64 << 20  # bytes of a file that is tried as a copy with differences; more is no article

_TABLES = """
create table articles (
    article_id text primary key, text_name text, sha256 text, withheld integer, path blob, mend text
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
        self._mend()
        self._base.execute("commit")

    def close(self) -> None:
        """Give the database file up."""
        self._base.close()

    def text(self, article_id: str) -> str | None:
        """The text of an article that was withheld and is found; None for any other. Raises NewsParallaxError."""
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
        """The name of an article's text; None where the dataset says none."""
        row = self._base.execute("select text_name from articles where article_id = ?", (article_id,)).fetchone()
        return None if row is None or row[0] is None else str(row[0])

    def count(self, *, found: bool) -> int:
        """How many of the withheld texts are found, or not."""
        query = f"select count(*) from articles where withheld and path is {'not' if found else ''} null"
        return int(self._base.execute(query).fetchone()[0])

    def mended(self) -> Iterator[tuple[str, str, str]]:
        """(article id, path, what was mended) of every copy that was not the text as it stood."""
        query = "select article_id, path, mend from articles where mend is not null order by article_id"
        for article_id, path, mend in self._base.execute(query):
            yield article_id, os.fsdecode(path), _mend(mend).told()

    def not_found(self) -> Iterator[str]:
        """Every article whose text is withheld and not found."""
        query = "select article_id from articles where withheld and path is null order by article_id"
        yield from (article_id for (article_id,) in self._base.execute(query))

    def is_found(self, article_id: str) -> bool:
        """Whether the article's text was withheld and is found."""
        query = "select 1 from articles where article_id = ? and path is not null"
        return self._base.execute(query, (article_id,)).fetchone() is not None

    def called(self, article_id: str) -> list[str]:
        """The files that have the article's id for their name, with or without a suffix."""
        query = "select path from files where name = ?1 or stem = ?1 order by path"
        return [os.fsdecode(path) for (path,) in self._base.execute(query, (_name(article_id),))]

    def note_spans(self, spans: Iterable[tuple[str, str]]) -> None:
        """Remember (span id, article id) of spans whose layer does not say in which text they lie."""
        self._base.executemany("insert or ignore into spans values (?, ?)", spans)

    def article_of_span(self, span_id: str) -> str | None:
        """The article in whose text a span lies that `note_spans` was told of."""
        row = self._base.execute("select article_id from spans where span_id = ?", (span_id,)).fetchone()
        return None if row is None else str(row[0])

    def read(self, path: str) -> str | None:
        """A file as text; None if it is too large or not UTF-8."""
        return _decoded(self._seeds / path)

    def _read(self, article_id: str) -> str | None:
        query = "select path, mend, sha256 from articles where article_id = ? and path is not null"
        row = self._base.execute(query, (article_id,)).fetchone()
        if row is None:
            return None
        path, mend, digest = row
        try:
            text = _mend(mend).apply((self._seeds / os.fsdecode(path)).read_bytes().decode("utf-8"))
        except (OSError, UnicodeDecodeError):
            text = None
        if text is None or text_digest(text) != digest:
            raise NewsParallaxError(
                "was changed while it was read", file=str(self._seeds / os.fsdecode(path)), hint="run it again"
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
                place = os.fsencode(path.relative_to(self._seeds))
                values = (place, file_digest(path), _name(path.name), _name(path.stem))
                self._base.execute("insert into files values (?, ?, ?, ?)", values)

    def _match(self) -> None:
        """Copies that are the text, byte for byte."""
        copy = "select min(path) from files where files.sha256 = articles.sha256"
        self._base.execute(f"update articles set path = ({copy}) where withheld")

    def _mend(self) -> None:
        """Copies that come to be the text when what programs do to texts is taken back: by name, then any."""
        for article_id in list(self.not_found()):
            (digest,) = self._base.execute("select sha256 from articles where article_id = ?", (article_id,)).fetchone()
            for path in self.called(article_id):
                self._try(path, digest)
        strange = "select path from files where not exists (select 1 from articles where articles.path = files.path)"
        for (path,) in self._base.execute(f"{strange} order by path").fetchall() if self.count(found=False) else ():
            self._try(os.fsdecode(path), None)

    def _try(self, path: str, only: str | None) -> None:
        """Take the file as the copy of every article whose text it comes to be when mended."""
        copy = self.read(path)
        for way, text in mended(copy) if copy else ():
            digest = text_digest(text)
            if only is None or digest == only:
                done = self._base.execute(
                    "update articles set path = ?, mend = ? where withheld and path is null and sha256 = ?",
                    (os.fsencode(path), msgspec.json.encode(way).decode() if way else None, digest),
                )
                if done.rowcount:
                    return


def _name(name: str) -> str:
    """A file's name as it is compared: file systems spell it in a Unicode form of their own, or in bytes."""
    return unicodedata.normalize("NFC", os.fsencode(name).decode("utf-8", "replace"))


def _mend(content: str | None) -> Mend:
    return msgspec.json.decode(content, type=Mend) if content else Mend()


def _decoded(path: Path) -> str | None:
    try:
        if path.stat().st_size > LARGEST:
            return None
        return path.read_bytes().decode("utf-8")
    except (OSError, UnicodeDecodeError):
        return None
