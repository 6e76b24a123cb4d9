"""What the manifest says of a dataset's files, and the manifest itself."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import yaml

from ..core.codebook import Codebook
from ..core.croissant import renewed
from ..core.errors import NewsParallaxError
from ..core.render.card import block_contents, fill_blocks, texts_block
from ..core.render.markdown import parted
from .card import front_matter, loading
from .publish import MARK

_SAFE = getattr(yaml, "CSafeLoader", yaml.SafeLoader)  # the same in C, where PyYAML was built with it
MADE_LAST = ("README.md", "croissant.json")  # they tell of the other files


def files_of(folder: Path) -> dict[str, dict[str, Any]]:
    """Path -> facts of every file in a folder."""
    return {
        path.relative_to(folder).as_posix(): file_facts(path) for path in sorted(folder.rglob("*")) if path.is_file()
    }


def file_facts(path: Path) -> dict[str, Any]:
    """SHA-256 (hexadecimal), size in bytes and, of a Parquet file, the number of its rows."""
    rows = pq.read_metadata(path).num_rows if path.suffix == ".parquet" else None
    return {"sha256": file_digest(path), "bytes": path.stat().st_size, "rows": rows}


def file_digest(path: Path) -> str:
    """The SHA-256 of a file, hexadecimal."""
    with path.open("rb") as handle:
        return hashlib.file_digest(handle, "sha256").hexdigest()


def write_json(path: Path, value: Any) -> None:
    """Write a JSON file as the dataset's own are written."""
    path.write_text(json.dumps(value, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


def write_facts(draft: Path, source: Path, manifest: dict[str, Any], codebook: Codebook) -> dict[str, Any]:
    """Write card, Croissant and manifest of a dataset that was made from the finished one in `source`.

    `draft` holds all other files already; `manifest` is as it shall be but for `files`. What the card and Croissant of
    `source` say stays, apart from sizes, digests and where the texts are. Returns the whole manifest. Raises
    NewsParallaxError for a file of `source` that cannot be read.
    """
    made = manifest | {"files": {}}
    made["files"] = files_of(draft)
    for name, renew in (("README.md", _card), ("croissant.json", _croissant)):
        try:
            text = (source / name).read_bytes().decode("utf-8")
            (draft / name).write_text(renew(text, made, codebook), encoding="utf-8", newline="")
        except FileNotFoundError:
            continue
        except (ValueError, KeyError, TypeError, AttributeError, yaml.YAMLError):
            raise NewsParallaxError("is not what a build writes", file=f"{source}/{name}", hint="build again") from None
    made["files"] |= {name: file_facts(draft / name) for name in MADE_LAST if (draft / name).is_file()}
    made["files"] = dict(sorted(made["files"].items()))
    write_json(draft / MARK, made)
    return made


def _card(text: str, manifest: dict[str, Any], codebook: Codebook) -> str:
    head, body = parted(text)
    front = yaml.load(head, _SAFE) | loading(codebook, manifest)
    blocks = block_contents(body) | {"texts": texts_block(manifest)}
    return f"---\n{front_matter(front)}---\n{fill_blocks(body, blocks)}"


def _croissant(text: str, manifest: dict[str, Any], _: Codebook) -> str:
    """With sizes and digests of the files that are there now, and whether words are left out."""
    return json.dumps(renewed(json.loads(text), manifest), indent=1, ensure_ascii=False) + "\n"
