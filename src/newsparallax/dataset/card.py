"""Write the dataset card of a build: the corpus's card with filled blocks, and the YAML that `datasets` needs."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
import yaml

from .._util import parsed_yaml, parted
from ..agreement import MAX_LISTED, AgreementReport, Metrics, figures
from ..corpus import FILE as CHANGELOG
from ..corpus import Codebook, CorpusFolder, CorpusSpec, data_changes, schema
from ..errors import CorpusError
from .card_blocks import block_names, fill_blocks, render_blocks
from .manifest import BuildCounts, Manifest

README, BASE = "README.md", ".card.md"


CARD = "dataset_card.md"
GUIDELINES_AGREEMENT = "guidelines_agreement.json"  # in annotations/; optional
BLOCKS = (
    "version",
    "annotators",
    "agreement",
    "guidelines",
    "counts",
    "configs",
    "layers",
    "splits",
    "articles",
    "citation",
    "changes",
    "texts",
)
SIZES = ("1K", "10K", "100K", "1M", "10M", "100M", "1B", "10B", "100B", "1T")  # 10**3, 10**4 and so on


def write_card(folder: CorpusFolder, draft: Path, manifest: Manifest, figures: dict[str, Any]) -> None:
    """Write README.md: the front matter of the corpus's card with the build's additions, then the prose, blocks filled.

    `figures` are the agreement figures. Raises CorpusError as `read_card` and `guidelines_agreement`.
    """
    front, prose = read_card(folder)
    front = {**_defaults(folder.context), **front, **loading(folder.context.codebook, manifest)}
    blocks = render_blocks(folder.context, manifest, figures, changes_of(folder), guidelines_agreement(folder))
    body = fill_blocks(prose, blocks)
    (draft / "README.md").write_text(f"---\n{front_matter(front)}---\n{body}", encoding="utf-8")


def front_matter(front: dict[str, Any]) -> str:
    """Return the YAML front matter of a card; parsing it gives `front` again."""
    text = yaml.safe_dump(front, sort_keys=False, allow_unicode=True, width=1000)
    # YAML reads Unicode line ends, such as U+0085 in a label, as spaces. ASCII has none, so it is not parsed.
    if not text.isascii() and parsed_yaml(text) != front:
        text = yaml.safe_dump(front, sort_keys=False, width=1000)
    return text


def read_card(folder: CorpusFolder) -> tuple[dict[str, Any], str]:
    """Return front matter and prose of dataset_card.md, or of a plain card where the corpus has none.

    Raises CorpusError where the front matter is not a YAML mapping, or a block marker is unknown or unpaired.
    """
    path = folder.root / CARD
    if not path.is_file():
        return {}, _plain_card(folder.context)
    head, prose = parted(card_text(folder))
    try:
        front: Any = parsed_yaml(head) or {}
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
    """Return what CHANGELOG.md says about this version's changes in the data; "" where it says nothing."""
    path = folder.root / CHANGELOG
    text = path.read_bytes().decode("utf-8", "replace") if path.is_file() else ""
    return data_changes(text, folder.context.corpus.version)


def guidelines_agreement(folder: CorpusFolder) -> Metrics | None:
    """Return the agreement on texts that are unknown to the authors of the guidelines, None if it is not recorded.

    It is the JSON object of `newsparallax agreement --json` for a corpus of such texts. Raises CorpusError for another
    content.
    """
    path = folder.annotations / GUIDELINES_AGREEMENT
    try:
        content = path.read_bytes()
        msgspec.json.decode(content, type=AgreementReport)
        report: Metrics = msgspec.json.decode(content)
    except FileNotFoundError:
        return None
    except (OSError, msgspec.DecodeError) as error:
        message = f"expected the output of `newsparallax agreement --json`: {error}"
        hint = f"write it again: newsparallax agreement --corpus DIR --json > annotations/{GUIDELINES_AGREEMENT}"
        raise CorpusError(message, file=f"annotations/{GUIDELINES_AGREEMENT}", hint=hint) from None
    return report


def card_text(folder: CorpusFolder) -> str:
    """Return the complete text of dataset_card.md. Raises CorpusError where it is not UTF-8."""
    try:
        return (folder.root / CARD).read_bytes().decode("utf-8")
    except UnicodeDecodeError as error:
        hint = "save the file as UTF-8"
        raise CorpusError("is not UTF-8", file=CARD, place=f"byte {error.start}", hint=hint) from None


def _plain_card(context: CorpusSpec) -> str:
    title = context.corpus.title or context.corpus.name
    blocks = "\n\n".join(f"<!-- begin generated: {name} -->\n<!-- end generated: {name} -->" for name in BLOCKS)
    return f"\n# {title}\n\n{blocks}\n"


def _defaults(context: CorpusSpec) -> dict[str, Any]:
    corpus = context.corpus
    metadata: dict[str, Any] = {"pretty_name": corpus.title or corpus.name}
    if corpus.license:
        metadata["license"] = corpus.license
    if corpus.languages:
        metadata["language"] = corpus.languages
    return metadata


def loading(codebook: Codebook, manifest: Manifest) -> dict[str, Any]:
    """Return the front matter keys that `datasets` reads: `size_categories`, `configs` and `dataset_info`.

    Files and features are explicit, so that `datasets` infers nothing from names or data. The sizes equal those that
    `load_dataset` computes, in bytes: `num_bytes` and `dataset_size` of the rows as Arrow data, `download_size` of the
    Parquet files.
    """
    rows_of = [path for path in manifest.files if path.endswith(".parquet") and path.split("/")[0] != schema.STANDOFF]
    splits = sorted({path.split("/")[1].rsplit("-", 1)[0] for path in rows_of})
    configs, infos = [], []
    for name, struct in schema.configs(codebook).items():
        # `datasets` (5.2) rejects a config with an empty split. A config without any rows can only be streamed.
        filled = [split for split in splits if manifest.rows[name].get(split)] or splits
        files = [{"split": split, "path": f"{name}/{split}-*.parquet"} for split in filled]
        configs.append(
            {"config_name": name, "data_files": files} | ({"default": True} if name == schema.ARTICLES else {})
        )
        rows = manifest.rows[name]
        of = {split: [file for path, file in manifest.files.items() if path.startswith(f"{name}/{split}-")] for split in filled}  # fmt: skip  # noqa: E501
        sizes = {split: sum(file.arrow_bytes or 0 for file in files) for split, files in of.items()}
        infos.append(
            {
                "config_name": name,
                "features": _features(struct),
                "splits": [{"name": s, "num_bytes": sizes[s], "num_examples": rows.get(s, 0)} for s in filled],
                "download_size": sum(file.bytes for files in of.values() for file in files),
                "dataset_size": sum(sizes.values()),
            }
        )
    articles = manifest.counts.articles
    return {"size_categories": [size_category(articles)], "configs": configs, "dataset_info": infos}


def _features(struct: schema.Struct) -> list[dict[str, Any]]:
    """Return the features of a config as `datasets` (5.2) writes them in a card."""
    return [{"name": name, **_feature(type_)} for name, type_ in struct.fields.items()]


def _feature(type_: schema.Type) -> dict[str, Any]:
    if isinstance(type_, schema.Scalar):
        return {"dtype": type_.dtype}
    if isinstance(type_, schema.ClassLabel):
        return {"dtype": {"class_label": {"names": {str(number): name for number, name in enumerate(type_.names)}}}}
    if isinstance(type_, schema.ListOf):
        item = _feature(type_.item)
        return {"list": item if "list" in item else next(iter(item.values()))}
    return {"struct": _features(type_)}


def size_category(articles: int) -> str:
    """Return the hub's size category, from `n<1K` to `n>1T` (`size_categories` of its dataset card metadata)."""
    power = max(len(str(articles)) - 3, 0)  # number of limits reached
    if power == 0:
        return f"n<{SIZES[0]}"
    return f"{SIZES[power - 1]}<n<{SIZES[power]}" if power < len(SIZES) else f"n>{SIZES[-1]}"


def card_figures(context: CorpusSpec, tally: BuildCounts) -> Metrics:
    """Return the agreement figures that the card shows; they are computed once and cached in the tally."""
    if tally.figures is None:
        tally.figures = figures(context, tally.agreement, most=MAX_LISTED)
    return tally.figures
