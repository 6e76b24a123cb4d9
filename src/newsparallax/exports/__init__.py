"""Reader of Label Studio exports: from files to typed tasks.

`files` finds export files and splits them into tasks, `compressed` unpacks them, `formats` recognises foreign formats,
`decode` makes typed tasks (`model`), `lenient_json` reads JSON that strict parsers reject. `pseudonyms` replaces
personal data of annotators, and separates people who share a user number.
"""

from .compressed import NAMES_READ, PACKED, SUFFIXES, Unpacker, is_export, is_packed, pieces
from .decode import DecodedAnnotation, DecodedTask, continues, decode_task, kind_of
from .files import (
    GIVEN,
    OPEN,
    ExportFolder,
    OpenFile,
    Slices,
    Version,
    export_files,
    files_beside,
    ignored_files,
    read_mapped,
    split_export,
    split_tasks,
)
from .lenient_json import RawRecord
from .model import Completer, Item, RegionValue, address_of, as_read
from .pseudonyms import (
    Numbers,
    People,
    SharedNumbers,
    Use,
    may_name,
    parse,
    shared_numbers,
    uses_in,
    without_names,
    write,
)

__all__ = [
    "GIVEN",
    "NAMES_READ",
    "OPEN",
    "PACKED",
    "SUFFIXES",
    "Completer",
    "DecodedAnnotation",
    "DecodedTask",
    "ExportFolder",
    "Item",
    "Numbers",
    "OpenFile",
    "People",
    "RawRecord",
    "RegionValue",
    "SharedNumbers",
    "Slices",
    "Unpacker",
    "Use",
    "Version",
    "address_of",
    "as_read",
    "continues",
    "decode_task",
    "export_files",
    "files_beside",
    "ignored_files",
    "is_export",
    "is_packed",
    "kind_of",
    "may_name",
    "parse",
    "pieces",
    "read_mapped",
    "shared_numbers",
    "split_export",
    "split_tasks",
    "uses_in",
    "without_names",
    "write",
]
