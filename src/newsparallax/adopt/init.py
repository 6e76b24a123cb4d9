"""Make a new corpus folder, from nothing or from a folder with texts in seeds/."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

from tomlkit import TOMLDocument, comment, document, dumps, item, nl, table

from .._util import is_inside
from ..building import generate
from ..corpus import SCHEMAS, open_corpus
from ..dataset import refuse_unwritable, work_folder
from ..errors import UsageError
from ..ids import text_digest

TEMPLATE = Path(__file__).with_name("new_corpus")
FILES = {name: name.replace("gitignore", ".gitignore") for name in ("gitignore", "CHANGELOG.md", "dataset_card.md")}


def init_corpus(folder: Path) -> list[str]:
    """Make a corpus in `folder`: registries, a codebook with two layers, dataset card and changelog.

    Every .txt file in its seeds/ becomes an article. Returns the names of the texts. Raises UsageError before anything
    is written where the folder already holds a corpus or cannot be written to, where a text is not UTF-8, and where a
    name is not UTF-8 or a link leads outside of the folder.
    """
    name = folder.absolute().name or "corpus"
    _refuse_taken(folder)
    refuse_unwritable(folder)
    _refuse_name(folder)
    texts = {path.relative_to(folder / "seeds").as_posix(): _text_of(path) for path in _texts(folder)}
    folder.parent.mkdir(parents=True, exist_ok=True)
    with work_folder(folder.absolute()) as draft:
        for path in filter(Path.is_file, TEMPLATE.rglob("*")):
            content = path.read_text(encoding="utf-8").replace('"$name"', item(name).as_string())
            target = draft / path.relative_to(TEMPLATE)
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_text(content.replace("$name", " ".join(name.split())), encoding="utf-8")
        (draft / "annotations/exports").mkdir()
        (draft / SCHEMAS).mkdir()
        _write_articles(draft / "seeds/articles.toml", texts)
        for text in texts:
            (draft / "seeds" / text).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(folder / "seeds" / text, draft / "seeds" / text)
        generate(open_corpus(draft))
        _put(draft, folder)
    return [*texts]


def _refuse_taken(folder: Path) -> None:
    if folder.exists() and not folder.is_dir():
        raise UsageError(f"{folder} is not a folder", hint="name a folder that does not exist yet, or one with seeds/")
    if (folder / "seeds").exists() and not (folder / "seeds").is_dir():
        raise UsageError(
            f"{folder}/seeds is not a folder", hint="seeds/ must be the folder with the texts of the articles"
        )
    for taken in ("annotations", SCHEMAS, "seeds/articles.toml", *FILES.values()):
        if (folder / taken).exists():
            hint = "name another folder; to check an existing corpus, run `newsparallax check --corpus DIR`"
            raise UsageError(f"{folder} already contains {taken}; nothing was changed", hint=hint)


def _refuse_name(path: Path) -> None:
    """Raise UsageError for a name that no UTF-8 file can hold."""
    try:
        path.name.encode()
    except UnicodeEncodeError:
        raise UsageError(f"the name {path.name!a} is not UTF-8", hint="rename the file") from None


def _texts(folder: Path) -> list[Path]:
    texts = sorted((path for path in (folder / "seeds").rglob("*.txt") if not path.is_dir()), key=Path.as_posix)
    for path in texts:
        _refuse_name(path)
        if not is_inside(path, folder):
            raise UsageError(f"{path} is a link to a place outside of {folder}", hint="copy the text into seeds/")
        if path.exists() and not path.is_file():
            raise UsageError(f"{path} is a pipe or device; expected a file", hint="write its content to a file")
    return texts


def _text_of(path: Path) -> str:
    try:
        return path.read_bytes().decode("utf-8")
    except UnicodeDecodeError as error:
        raise UsageError(f"{path}: byte {error.start} is not UTF-8", hint="save the file as UTF-8") from None
    except OSError as error:
        raise UsageError(f"{path} cannot be read: {error.strerror}") from None


def _write_articles(path: Path, texts: dict[str, str]) -> None:
    listed = document()
    for name, text in texts.items():
        article = table()
        article.update({"file": name, "sha256": text_digest(text), "redistribute": False})
        listed.add(nl())
        listed.add(_free_id(name, listed), article)
    if not texts:
        listed.add(comment("seeds/ had no texts when this file was written. For each text, add:"))
        for line in ("[article-1]", 'file = "article-1.txt"', 'sha256 = "..."'):
            listed.add(comment(line))
    with path.open("a", encoding="utf-8") as sink:
        sink.write(dumps(listed))


def _free_id(name: str, taken: TOMLDocument) -> str:
    """Return the name of a file without its suffix as an article id that is not taken."""
    stem = re.sub(r"[^\w.-]+", "-", name.removesuffix(".txt")).strip("-.") or "article"
    free, number = stem, 1
    while free in taken:
        number += 1
        free = f"{stem}-{number}"
    return free


def _put(draft: Path, folder: Path) -> None:
    """Move the files into place; annotations/ comes last, because this folder marks a corpus."""
    (folder / "seeds").mkdir(parents=True, exist_ok=True)
    (draft / "seeds/articles.toml").replace(folder / "seeds/articles.toml")
    for name, target in FILES.items():
        (draft / name).replace(folder / target)
    (draft / SCHEMAS).replace(folder / SCHEMAS)
    (draft / "annotations").replace(folder / "annotations")
