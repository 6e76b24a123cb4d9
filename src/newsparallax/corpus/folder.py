"""Open a corpus folder: read and check its registries, seeds and exports, and apply its waivers."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from difflib import get_close_matches
from functools import cached_property
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

import msgspec

from .._util import is_inside
from ..errors import CorpusError, UsageError
from ..exports import NAMES_READ, ExportFolder, Unpacker, ignored_files
from ..ids import text_digest
from ..problems import CODES, Problem, problem
from .codebook import Codebook
from .copied_examples import copied_examples
from .lexicon import Lexicon, validate_lexicon
from .lookup import CorpusSpec
from .registries import Annotator, Article, Corpus, Entity, Waiver, Waivers
from .seeds import as_text
from .toml import read_toml
from .validate import validate_annotators, validate_codebook, validate_corpus

STALE = "stale-waiver"


def validate_waivers(waivers: list[Waiver]) -> None:
    """Check the codes of waivers. Raises CorpusError for an unknown code, and for a waiver of stale waivers.

    A waiver of stale waivers would hide other stale waivers.
    """
    for number, waiver in enumerate(waivers, 1):
        if waiver.code in CODES and waiver.code != STALE:
            continue
        close = get_close_matches(waiver.code, CODES, 1)
        wrong = "cannot be waived" if waiver.code == STALE else "is not a problem code"
        hint = "remove the stale waiver" if waiver.code == STALE else f"did you mean {close[0]}?" if close else None
        place = f"waivers.{number}.code"
        raise CorpusError(f'"{waiver.code}" {wrong}', file="waivers.toml", place=place, hint=hint)


class Waiving:
    """Marks problems as waived and records which waivers were used."""

    def __init__(self, waivers: list[Waiver]) -> None:
        self._waivers = waivers
        self._used: set[int] = set()

    def apply(self, found: Problem) -> Problem:
        """Return the problem, with the reason of the first waiver that covers it (unchanged without such a waiver)."""
        for number, waiver in enumerate(self._waivers):
            if _covers(waiver, found):
                self._used.add(number)
                return msgspec.structs.replace(found, waived=waiver.reason)
        return found

    def stale(self) -> Iterator[Problem]:
        """Yield a Problem for each waiver that covered no problem."""
        for number, waiver in enumerate(self._waivers):
            if number not in self._used:
                parts = {name: getattr(waiver, name) for name in (*_PLACES, "code")}
                what = ", ".join(f"{name} {value}" for name, value in parts.items() if value is not None)
                yield problem(STALE, f"waiver {number + 1} ({what}) covers no problem", file="waivers.toml")


_PLACES = ("file", "article_id", "task_id", "annotation_id", "region_id")


def _covers(waiver: Waiver, found: Problem) -> bool:
    if waiver.code != found.code:
        return False
    return all(getattr(waiver, name) in (None, getattr(found, name)) for name in _PLACES)


_ROOT = Path(__file__).resolve().parents[3]
HERE = _ROOT if (_ROOT / "src/newsparallax").is_dir() else None  # the checkout; None where the program is installed
SEED_FILES = (".txt",)

T = TypeVar("T")


@dataclass(frozen=True)
class CorpusFolder:
    """The folder of a corpus. `context` has everything except texts and annotations."""

    root: Path
    context: CorpusSpec
    waivers: list[Waiver]
    lexicon: Lexicon | None = None

    @property
    def annotations(self) -> Path:
        """The folder of codebook, registries and exports."""
        return self.root / "annotations"

    @cached_property
    def exports(self) -> ExportFolder:
        """The export files."""
        return ExportFolder(self.annotations / "exports", Unpacker())

    @cached_property
    def text_ids(self) -> dict[str, str]:
        """Map from SHA-256 of a text to the article's id: of the seed, and of the annotated text (articles.toml)."""
        annotated = {article.sha256: key for key, article in self.context.articles.items()}
        texts = ((key, self.read_text(f"seeds/{article.file}")) for key, article in self.context.articles.items())
        return annotated | {text_digest(text): key for key, text in texts if text is not None}

    def read_text(self, name: str) -> str | None:
        """Return the verbatim text of a file, or None if it is missing or not UTF-8. Conversion reports these files."""
        return as_text(self.read_bytes(name))

    def read_bytes(self, name: str) -> bytes | None:
        """Return the content of a file, or None if it is missing or outside of the folder."""
        path = self.root / name
        return path.read_bytes() if is_inside(path, self.root) and path.is_file() else None

    def with_context(self, **more: Any) -> CorpusFolder:
        """Return a copy with changed fields of the context. The copy keeps files that were already read."""
        other = replace(self, context=replace(self.context, **more))
        vars(other).update({name: vars(self)[name] for name in ("exports", "text_ids") if name in vars(self)})
        return other

    def check(self) -> Iterator[Problem]:
        """Yield the problems of the folder, except those of its articles."""
        yield from check_registries(self.context)
        for path in ignored_files(self.annotations / "exports"):
            name = path.relative_to(self.annotations / "exports").as_posix()
            message = f"only {NAMES_READ} files are read"
            yield problem("export-ignored", message, file=name)
        seeds = self.root / "seeds"
        listed = {article.file for article in self.context.articles.values()}
        for path in sorted(seeds.rglob("*")) if seeds.is_dir() else ():
            name = path.relative_to(seeds).as_posix()
            if path.suffix in SEED_FILES and name not in listed:
                yield problem("seed-unlisted", "is not in articles.toml", file=f"seeds/{name}")
        yield from self._copied_examples()

    def _copied_examples(self) -> Iterator[Problem]:
        names = [name for entity in self.context.entities.values() for name in entity.names]
        texts = ((key, self.read_text(f"seeds/{article.file}")) for key, article in self.context.articles.items())
        seeds = ((key, text) for key, text in texts if text is not None)
        for place, words, article_id in copied_examples(self.context.codebook, names, seeds):
            message = f"{place} repeats words of the article: {words!r}"
            yield problem("example-from-corpus", message, file="codebook.toml", article_id=article_id)


def open_corpus(root: Path | None = None) -> CorpusFolder:
    """Read the corpus folder `root` (default: the nearest corpus at or above the current folder).

    Raises UsageError where there is no corpus, and CorpusError where a registry cannot be read or is invalid.
    """
    folder = root or _nearest(Path.cwd())
    annotations = folder / "annotations"
    if not annotations.is_dir():
        hint = "name a corpus folder; `newsparallax init` and `newsparallax adopt` make one"
        raise UsageError(f"{folder} is not a corpus: it has no annotations/", hint=hint)
    corpus = read_toml(annotations / "corpus.toml", Corpus)
    validate_corpus(corpus)
    codebook = read_toml(annotations / "codebook.toml", Codebook)
    validate_codebook(codebook)
    entities = _optional(annotations / "entities.toml", dict[str, Entity])
    annotators = _optional(annotations / "annotators.toml", dict[str, Annotator])
    validate_annotators(annotators)
    articles = _articles(folder, corpus)
    path = annotations / "waivers.toml"
    waivers = read_toml(path, Waivers).waivers if path.is_file() else []
    validate_waivers(waivers)
    lexicon = _lexicon(annotations / "lexicon.toml", codebook, entities)
    return CorpusFolder(folder, CorpusSpec(corpus, codebook, entities, annotators, articles), waivers, lexicon)


def _nearest(start: Path) -> Path:
    """Return the nearest corpus folder at or above `start`, else the checkout of this program, else `start`."""
    marked = (
        folder for folder in (start, *start.parents, HERE) if folder and (folder / "annotations/corpus.toml").is_file()
    )
    return next(marked, start)


def _lexicon(path: Path, codebook: Codebook, entities: dict[str, Entity]) -> Lexicon | None:
    """Return the lexicon, or None if the corpus has none."""
    if not path.is_file():
        return None
    lexicon = read_toml(path, Lexicon)
    validate_lexicon(lexicon, codebook, entities)
    return lexicon


def _articles(folder: Path, corpus: Corpus) -> dict[str, Article]:
    path = folder / "seeds" / "articles.toml"
    if corpus.articles.from_tasks:
        if path.is_file():
            message = "from_tasks takes the articles from the tasks, but seeds/articles.toml exists"
            raise CorpusError(message, file="corpus.toml", place="articles.from_tasks", hint="remove one of the two")
        return {}
    if not path.is_file():
        hint = "write seeds/articles.toml, or set `from_tasks = true` under [articles] in annotations/corpus.toml"
        raise CorpusError("does not exist", file="seeds/articles.toml", hint=hint)
    return read_toml(path, dict[str, Article])


def _optional(path: Path, type_: type[dict[str, T]]) -> dict[str, T]:
    """Read an optional registry; a missing file is empty."""
    return read_toml(path, type_) if path.is_file() else {}


def _bad_qids(context: CorpusSpec) -> Iterator[tuple[str, str]]:
    for name, entity in context.entities.items():
        if entity.qid is not None and not re.fullmatch(r"Q[1-9][0-9]*", entity.qid):
            yield f"{name}: {entity.qid!r} is not a Wikidata item", "entities.toml"


def _duplicate_qids(context: CorpusSpec) -> Iterator[tuple[str, str]]:
    holders: dict[str, list[str]] = defaultdict(list)
    for name, entity in context.entities.items():
        if entity.qid:
            holders[entity.qid].append(name)
    for qid, names in holders.items():
        if len(names) > 1:
            yield f"several entities have the item {qid}: {', '.join(names)}", "entities.toml"


def _ambiguous_names(context: CorpusSpec) -> Iterator[tuple[str, str]]:
    holders: dict[tuple[str, str], list[str]] = defaultdict(list)
    for key, entity in context.entities.items():
        for name in entity.names:
            holders[name, entity.type].append(key)
    for (name, kind), keys in holders.items():
        if len(keys) > 1:
            yield f"several entities of type {kind} have the name {name!r}: {', '.join(keys)}", "entities.toml"


class CorpusCheck(NamedTuple):
    """A check of the registries: problem code, file that it reads, and function."""

    code: str
    reads: str
    function: Callable[[CorpusSpec], Iterator[tuple[str, str]]]


CORPUS_CHECKS = (
    CorpusCheck("bad-qid", "entities.toml", _bad_qids),
    CorpusCheck("duplicate-qid", "entities.toml", _duplicate_qids),
    CorpusCheck("name-ambiguous", "entities.toml", _ambiguous_names),
)


def check_registries(context: CorpusSpec) -> Iterator[Problem]:
    """Run all CORPUS_CHECKS on the registries and yield the problems."""
    for code, _, function in CORPUS_CHECKS:
        for message, file in function(context):
            yield problem(code, message, file=file)
