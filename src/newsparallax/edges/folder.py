"""A corpus is a folder: its registries, seeds and exports, read and checked."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TypeVar

from ..core.blocks import bad_blocks
from ..core.checks import check_registries
from ..core.codebook import Codebook
from ..core.context import Context
from ..core.errors import CorpusError, UsageError
from ..core.exports import SUFFIXES, ExportFolder, ignored_files
from ..core.ids import text_digest
from ..core.lexicon import Lexicon, validate_lexicon
from ..core.problems import Problem, problem
from ..core.registry import Annotator, Article, Corpus, Entity, Waiver, Waivers
from ..core.toml import read_toml
from ..core.validate import validate_annotators, validate_codebook, validate_corpus
from ..core.waive import validate_waivers
from .paths import is_inside

HERE = Path(__file__).resolve().parents[3]
SEED_FILES = (".txt",)

T = TypeVar("T")


@dataclass(frozen=True)
class CorpusFolder:
    """The folder of a corpus; `context` is everything but texts and annotations."""

    root: Path
    context: Context
    waivers: list[Waiver]
    lexicon: Lexicon | None = None

    @property
    def annotations(self) -> Path:
        """Where codebook, registries and exports are."""
        return self.root / "annotations"

    @cached_property
    def exports(self) -> ExportFolder:
        """The export files."""
        return ExportFolder(self.annotations / "exports")

    @cached_property
    def text_ids(self) -> dict[str, str]:
        """SHA-256 of a seed's text -> the article's id."""
        texts = ((key, self.read_text(f"seeds/{article.file}")) for key, article in self.context.articles.items())
        return {text_digest(text): key for key, text in texts if text is not None}

    def read_text(self, name: str) -> str | None:
        """A text file of the folder, verbatim; None if it is not there or not UTF-8 (which `check_seeds` reports)."""
        path = self.root / name
        if not is_inside(path, self.root) or not path.is_file():
            return None
        try:
            return path.read_bytes().decode("utf-8")
        except UnicodeDecodeError:
            return None

    def check(self) -> Iterator[Problem]:
        """Everything that can be wrong with the folder apart from its exports."""
        yield from check_registries(self.context)
        for path in ignored_files(self.annotations / "exports"):
            name = path.relative_to(self.annotations / "exports").as_posix()
            message = f"only {', '.join(SUFFIXES)} files are read"
            yield problem("export-ignored", message, file=name)
        yield from self._check_seeds()

    def _check_seeds(self) -> Iterator[Problem]:
        seeds = self.root / "seeds"
        listed = {article.file for article in self.context.articles.values()}
        for key, article in self.context.articles.items():
            yield from self._check_seed(key, article, seeds / article.file)
        for path in sorted(seeds.rglob("*")) if seeds.is_dir() else ():
            name = path.relative_to(seeds).as_posix()
            if path.suffix in SEED_FILES and name not in listed:
                yield problem("seed-unlisted", f"{name} is not in articles.toml", file=f"seeds/{name}")

    def _check_seed(self, key: str, article: Article, path: Path) -> Iterator[Problem]:
        file = f"seeds/{article.file}"
        if not path.is_file():
            yield problem("seed-missing", f"{article.file} is not there", file=file, article_id=key)
            return
        content = path.read_bytes()
        digest = hashlib.sha256(content).hexdigest()
        if digest != article.sha256:
            message = f"SHA-256 is {digest}, articles.toml says {article.sha256}"
            yield problem("seed-digest", message, file=file, article_id=key)
        try:
            text = content.decode("utf-8")
        except UnicodeDecodeError as error:
            message = f"byte {error.start} is not UTF-8"
            yield problem("seed-not-utf8", message, file=file, article_id=key)
            return
        for message in bad_blocks(article.blocks, text):
            yield problem("bad-block", message, file=file, article_id=key)


def open_corpus(root: Path | None) -> CorpusFolder:
    """Read the corpus folder `root` (default: this repository). Raises UsageError and CorpusError."""
    folder = root or HERE
    annotations = folder / "annotations"
    if not annotations.is_dir():
        hint = "a corpus is a folder with annotations/ (and seeds/); scripts/adopt.py makes one from an export"
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
    return CorpusFolder(folder, Context(corpus, codebook, entities, annotators, articles), waivers, lexicon)


def _lexicon(path: Path, codebook: Codebook, entities: dict[str, Entity]) -> Lexicon | None:
    """The lexicon, if the corpus has one."""
    if not path.is_file():
        return None
    lexicon = read_toml(path, Lexicon)
    validate_lexicon(lexicon, codebook, entities)
    return lexicon


def _articles(folder: Path, corpus: Corpus) -> dict[str, Article]:
    path = folder / "seeds" / "articles.toml"
    if corpus.articles.from_tasks:
        if path.is_file():
            message = "from_tasks takes articles from the tasks, but there is seeds/articles.toml"
            raise CorpusError(message, file="corpus.toml", place="articles.from_tasks", hint="keep one of the two")
        return {}
    if not path.is_file():
        hint = "write seeds/articles.toml, or say `[articles] from_tasks = true` in annotations/corpus.toml"
        raise CorpusError("is not there", file="seeds/articles.toml", hint=hint)
    return read_toml(path, dict[str, Article])


def _optional(path: Path, type_: type[dict[str, T]]) -> dict[str, T]:
    """A registry that a corpus may do without."""
    return read_toml(path, type_) if path.is_file() else {}
