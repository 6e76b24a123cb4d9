"""The content digest of a finished dataset, from its Parquet files alone."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
import pyarrow as pa
import pyarrow.parquet as pq

from ..core.digest import table_digest, whole_articles
from ..core.errors import NewsParallaxError
from ..core.ids import DIGEST_MODULUS
from ..core.manifest import content_digest
from ..core.schema import STANDOFF

BATCH = 256  # rows held at a time; an article's row has all its spans


def digest_of(folder: Path) -> str:
    """The content digest of the dataset in `folder`, as its manifest states it if the files are what was built.

    Read are the rows of every `<config>/<split>-*.parquet`, a batch at a time, and the features in the files' own
    metadata; how articles are ordered and divided among files does not matter. Raises NewsParallaxError
    naming the file when one cannot be read or states no features, or when there is none.
    """
    shapes: dict[str, Any] = {}
    total = 0
    for path in sorted(folder.glob("*/*.parquet")):
        if path.parent.name == STANDOFF:  # digests of texts, no rows
            continue
        config, split = path.parent.name, path.stem.rpartition("-")[0]
        name = path.relative_to(folder).as_posix()
        try:
            with pq.ParquetFile(path) as file:
                features = features_of(file.schema_arrow, name)
                if shapes.setdefault(config, features) != features:
                    raise NewsParallaxError(f"other features than in the other files of {config}", file=name)
                for table in whole_articles(file.iter_batches(BATCH)):
                    total += table_digest(config, [(split, table.num_rows)], table)
        except pa.ArrowInvalid as error:
            raise NewsParallaxError(f"is not a Parquet file: {error}", file=name) from None
    if not shapes:
        raise NewsParallaxError("holds no Parquet files", file=str(folder), hint="name the folder of a built dataset")
    return content_digest(shapes, total % DIGEST_MODULUS)


def features_of(schema: pa.Schema, name: str) -> Any:
    """The features that the build wrote into the metadata of a file's schema."""
    try:
        return msgspec.json.decode((schema.metadata or {})[b"huggingface"])["info"]["features"]
    except (KeyError, TypeError, msgspec.DecodeError):
        raise NewsParallaxError("its schema states no features", file=name, hint="build the dataset again") from None
