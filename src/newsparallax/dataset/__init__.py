"""Read and write built datasets.

The package covers the manifest, the content digest, Parquet files, verification by reading back (`verify`), the card,
Croissant metadata, the output folder that is replaced in one step (`output_folder`), and dataset repositories on a hub
(`hub`).
"""

from .card import (
    BASE,
    CARD,
    README,
    card_figures,
    card_text,
    changes_of,
    guidelines_agreement,
    read_card,
    write_card,
)
from .card_blocks import block_contents, fill_blocks, render_blocks
from .croissant import make_croissant
from .croissant_verify import check_croissant, read_croissant
from .digest import digest_of, features_of, split_digests, table_digest, whole_articles
from .export import Exported, export_dataset
from .hub import Hub, Seen
from .hub_client import HubError, MovedError, saved_tokens
from .manifest import (
    MARK,
    BuildCounts,
    FileFacts,
    Manifest,
    Texts,
    decode_manifest,
    files_listed,
    make_manifest,
    require_adjudication,
)
from .manifest_files import MADE_LAST, file_facts, files_of, write_facts, write_json
from .output_folder import new_folder, point, refuse_foreign, refuse_real, refuse_unwritable, work_folder
from .parquet import ConfigWriter, DatasetWriter, ParquetFile
from .sources import PREFIX, Source, opened, read_manifest
from .verify import get_ready_meanwhile, load_first, loaded_digest, read_back

__all__ = [
    "BASE",
    "CARD",
    "MADE_LAST",
    "MARK",
    "PREFIX",
    "README",
    "BuildCounts",
    "ConfigWriter",
    "DatasetWriter",
    "Exported",
    "FileFacts",
    "Hub",
    "HubError",
    "Manifest",
    "MovedError",
    "ParquetFile",
    "Seen",
    "Source",
    "Texts",
    "block_contents",
    "card_figures",
    "card_text",
    "changes_of",
    "check_croissant",
    "decode_manifest",
    "digest_of",
    "export_dataset",
    "features_of",
    "file_facts",
    "files_listed",
    "files_of",
    "fill_blocks",
    "get_ready_meanwhile",
    "guidelines_agreement",
    "load_first",
    "loaded_digest",
    "make_croissant",
    "make_manifest",
    "new_folder",
    "opened",
    "point",
    "read_back",
    "read_card",
    "read_croissant",
    "read_manifest",
    "refuse_foreign",
    "refuse_real",
    "refuse_unwritable",
    "render_blocks",
    "require_adjudication",
    "saved_tokens",
    "split_digests",
    "table_digest",
    "whole_articles",
    "work_folder",
    "write_card",
    "write_facts",
    "write_json",
]
