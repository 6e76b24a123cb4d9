"""Collect the facts about a dataset's files for the manifest, and write the files that depend on them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import yaml
from msgspec.structs import replace

from .._util import file_digest, parsed_yaml, parted
from ..corpus import Codebook
from ..errors import NewsParallaxError
from .card import front_matter, loading
from .card_blocks import block_contents, fill_blocks, texts_block
from .croissant import renewed
from .manifest import MARK, FileFacts, Manifest
from .parquet import ARROW_BYTES, arrow_size

MADE_LAST = ("README.md", "croissant.json")  # they describe the other files


def files_of(folder: Path) -> dict[str, FileFacts]:
    """Return the facts of every file in a folder, by relative path."""
    return {
        path.relative_to(folder).as_posix(): file_facts(path) for path in sorted(folder.rglob("*")) if path.is_file()
    }


def file_facts(path: Path) -> FileFacts:
    """Return SHA-256 and size in bytes; for a Parquet file also the number of rows and the size as Arrow data."""
    facts = FileFacts(file_digest(path), path.stat().st_size)
    if path.suffix == ".parquet":
        with pq.ParquetFile(path) as file:
            noted = file.metadata.metadata or {}  # older releases have no ARROW_BYTES
            size = int(noted[ARROW_BYTES]) if ARROW_BYTES in noted else _arrow_size(file)
            facts.rows, facts.arrow_bytes = file.metadata.num_rows, size
    return facts


def _arrow_size(file: pq.ParquetFile) -> int:
    groups = range(file.num_row_groups)
    first = file.metadata.row_group(0).num_rows if groups else 0
    return sum(arrow_size(file.read_row_group(number), first) for number in groups)


def write_json(path: Path, value: Any) -> None:
    """Write a JSON file in the format of a dataset's JSON files."""
    path.write_text(json.dumps(value, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


def write_facts(draft: Path, source: Path, manifest: Manifest, codebook: Codebook) -> Manifest:
    """Write card, Croissant and manifest of a dataset that was derived from the finished dataset in `source`.

    `draft` already holds all other files; `manifest` is final except for `files`. Card and Croissant are copied from
    `source`; only sizes, digests and the statements about withheld texts change. Returns the complete manifest. Raises
    NewsParallaxError for a file of `source` that is not in the form that a build writes.
    """
    made = replace(manifest, files=files_of(draft))
    for name, renew in (("README.md", _card), ("croissant.json", _croissant)):
        try:
            text = (source / name).read_bytes().decode("utf-8")
            (draft / name).write_text(renew(text, made, codebook), encoding="utf-8", newline="")
        except FileNotFoundError:
            continue
        except (ValueError, KeyError, TypeError, AttributeError, yaml.YAMLError):
            raise NewsParallaxError(
                "differs from what a build writes", file=f"{source}/{name}", hint="build again"
            ) from None
    made.files |= {name: file_facts(draft / name) for name in MADE_LAST if (draft / name).is_file()}
    write_json(draft / MARK, made.as_json())
    return made


def _card(text: str, manifest: Manifest, codebook: Codebook) -> str:
    head, body = parted(text)
    front = parsed_yaml(head) | loading(codebook, manifest)
    blocks = block_contents(body) | {"texts": texts_block(manifest)}
    return f"---\n{front_matter(front)}---\n{fill_blocks(body, blocks)}"


def _croissant(text: str, manifest: Manifest, _: Codebook) -> str:
    """Update the sizes and digests of files and the note about withheld texts."""
    return json.dumps(renewed(json.loads(text), manifest), indent=1, ensure_ascii=False) + "\n"
