"""The card of a build: the corpus's own card with its blocks filled, and the YAML by which `datasets` loads it."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import yaml

from ..core import schema
from ..core.changelog import FILE as CHANGELOG
from ..core.changelog import data_changes
from ..core.codebook import Codebook
from ..core.context import Context
from ..core.errors import CorpusError
from ..core.render.card import block_names, fill_blocks, render_blocks
from ..core.render.markdown import parted
from .folder import CorpusFolder

CARD = "dataset_card.md"
BLOCKS = (
    "version",
    "annotators",
    "agreement",
    "counts",
    "configs",
    "layers",
    "splits",
    "articles",
    "citation",
    "changes",
    "texts",
)
SIZES = ((1_000, "n<1K"), (10_000, "1K<n<10K"), (100_000, "10K<n<100K"), (1_000_000, "100K<n<1M"))


def write_card(folder: CorpusFolder, draft: Path, manifest: dict[str, Any], figures: dict[str, Any]) -> None:
    """Write README.md: front matter of the corpus's card with what the build adds, then the prose, filled.

    `figures` are those of agreement.
    """
    front, prose = read_card(folder)
    front = {**_defaults(folder.context), **front, **loading(folder.context.codebook, manifest)}
    body = fill_blocks(prose, render_blocks(folder.context, manifest, figures, changes_of(folder)))
    (draft / "README.md").write_text(f"---\n{front_matter(front)}---\n{body}", encoding="utf-8")


def front_matter(front: dict[str, Any]) -> str:
    """The YAML at the head of a card, which reads back as what it was made from."""
    text = yaml.safe_dump(front, sort_keys=False, allow_unicode=True, width=1000)
    if yaml.safe_load(text) != front:  # line ends of Unicode, such as U+0085 in a label, come back as spaces
        text = yaml.safe_dump(front, sort_keys=False, width=1000)
    return text


def read_card(folder: CorpusFolder) -> tuple[dict[str, Any], str]:
    """Front matter and prose of dataset_card.md; a plain card where the corpus has none."""
    path = folder.root / CARD
    if not path.is_file():
        return {}, _plain_card(folder.context)
    head, prose = parted(card_text(folder))
    try:
        front: Any = yaml.safe_load(head) or {}
    except yaml.YAMLError as error:
        raise CorpusError(f"the front matter is not YAML: {error}", file=CARD) from None
    if not isinstance(front, dict):
        raise CorpusError("the front matter is not a table of keys", file=CARD)
    for name in block_names(prose):
        if name not in BLOCKS:
            raise CorpusError(
                f"expected one of {', '.join(BLOCKS)}, found {name!r}", file=CARD, place="begin generated"
            )
    return front, prose


def changes_of(folder: CorpusFolder) -> str:
    """What CHANGELOG.md says that this version changed in the data; "" where it says nothing."""
    path = folder.root / CHANGELOG
    text = path.read_bytes().decode("utf-8", "replace") if path.is_file() else ""
    return data_changes(text, folder.context.corpus.version)


def card_text(folder: CorpusFolder) -> str:
    """The whole text of dataset_card.md."""
    try:
        return (folder.root / CARD).read_bytes().decode("utf-8")
    except UnicodeDecodeError as error:
        hint = "save the file as UTF-8"
        raise CorpusError("is not UTF-8", file=CARD, place=f"byte {error.start}", hint=hint) from None


def _plain_card(context: Context) -> str:
    title = context.corpus.title or context.corpus.name
    blocks = "\n\n".join(f"<!-- begin generated: {name} -->\n<!-- end generated: {name} -->" for name in BLOCKS)
    return f"\n# {title}\n\n{blocks}\n"


def _defaults(context: Context) -> dict[str, Any]:
    corpus = context.corpus
    found: dict[str, Any] = {"pretty_name": corpus.title or corpus.name}
    if corpus.license:
        found["license"] = corpus.license
    if corpus.languages:
        found["language"] = corpus.languages
    return found


def loading(codebook: Codebook, manifest: dict[str, Any]) -> dict[str, Any]:
    """`configs` and `dataset_info`: explicit files and features, so that nothing is inferred from names or data."""
    os.environ.setdefault("HF_HUB_OFFLINE", "1")
    from datasets import Features

    rows_of = [
        path for path in manifest["files"] if path.endswith(".parquet") and path.split("/")[0] != schema.STANDOFF
    ]
    splits = sorted({path.split("/")[1].rsplit("-", 1)[0] for path in rows_of})
    configs, infos = [], []
    for name, struct in schema.configs(codebook).items():
        # `datasets` (5.2) refuses a config of which one split has no rows; one without any can only be streamed.
        filled = [split for split in splits if manifest["rows"][name].get(split)] or splits
        files = [{"split": split, "path": f"{name}/{split}-*.parquet"} for split in filled]
        configs.append(
            {"config_name": name, "data_files": files} | ({"default": True} if name == schema.ARTICLES else {})
        )
        rows = manifest["rows"][name]
        sizes = {split: sum(file["bytes"] for path, file in manifest["files"].items() if path.startswith(f"{name}/{split}-")) for split in splits}  # fmt: skip  # noqa: E501
        infos.append(
            {
                "config_name": name,
                "features": Features.from_dict(schema.features(struct))._to_yaml_list(),
                "splits": [{"name": s, "num_bytes": sizes[s], "num_examples": rows.get(s, 0)} for s in filled],
                "download_size": sum(sizes.values()),
                "dataset_size": sum(sizes.values()),
            }
        )
    articles = manifest["counts"]["articles"]
    size = next((name for limit, name in SIZES if articles < limit), "n>1M")
    return {"size_categories": [size], "configs": configs, "dataset_info": infos}
