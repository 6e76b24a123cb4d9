"""Codebook -> the files made from it, and which of them are stale."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from ..core.errors import CorpusError
from ..core.manifest import make_manifest
from ..core.problems import Problem, problem
from ..core.render.card import fill_blocks, render_blocks
from ..core.render.guidelines import render_guidelines
from ..core.render.label_config import render_label_config
from ..core.tally import Tally
from .agreement import card_figures
from .card import CARD, card_text, changes_of, read_card
from .engine import convert_corpus
from .folder import CorpusFolder


def generated_files(folder: CorpusFolder, tally: Tally) -> dict[Path, str]:
    """What every generated file should hold, by its path relative to the corpus folder.

    The card is among them where the corpus has one with generated blocks; its counts are those of `tally`.
    """
    context = folder.context
    files = {
        Path("annotations/label_config.xml"): render_label_config(context.codebook, context.entities),
        Path("annotations/guidelines.md"): render_guidelines(context.codebook, context.entities),
    }
    if (folder.root / CARD).is_file():
        read_card(folder)
        blocks = render_blocks(
            context, make_manifest(context, tally, {}, {}), card_figures(context, tally), changes_of(folder)
        )
        files[Path(CARD)] = fill_blocks(card_text(folder), blocks)
    return files


def generate(folder: CorpusFolder, *, write: bool = True) -> list[Path]:
    """The generated files that are not as they should be; written unless told otherwise.

    Raises CorpusError for a card that cannot be filled and, where there is a card to count for, ExportError for an
    export that cannot be read; then nothing is written.
    """
    tally = Tally()
    if (folder.root / CARD).is_file():  # only the card shows counts
        for part in convert_corpus(folder):
            tally.add(part.tally)
    files = generated_files(folder, tally).items()
    changed = {path: text for path, text in files if not _fresh(folder.root / path, text)}
    for path, text in changed.items() if write else ():
        target = folder.root / path
        draft = target.with_name(f".{target.name}.new")
        try:
            draft.write_bytes(text.encode())
            draft.replace(target)
        except OSError as error:
            raise CorpusError(f"cannot be written: {error.strerror}", file=path.as_posix()) from None
        finally:
            draft.unlink(missing_ok=True)
    return list(changed)


def stale_files(folder: CorpusFolder, tally: Tally) -> Iterator[Problem]:
    """A Problem for every generated file that is there and does not hold what it should."""
    for path, text in generated_files(folder, tally).items():
        if (folder.root / path).is_file() and not _fresh(folder.root / path, text):
            yield problem("stale-generated", f"{path} is not what the codebook makes", file=path.as_posix())


def _fresh(path: Path, text: str) -> bool:
    try:
        return path.read_bytes() == text.encode()
    except OSError:
        return False
