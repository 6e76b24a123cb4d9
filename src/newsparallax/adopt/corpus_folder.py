"""Make a corpus folder from existing Label Studio exports; the folder is written completely or not at all."""

from __future__ import annotations

import shutil
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from xml.etree.ElementTree import Element, ParseError

from defusedxml import DefusedXmlException
from defusedxml.ElementTree import fromstring

from ..building import generate
from ..corpus import SCHEMAS, open_corpus
from ..dataset import refuse_unwritable, work_folder
from ..errors import ExportError, UsageError
from ..exports import (
    NAMES_READ,
    PACKED,
    SUFFIXES,
    Numbers,
    People,
    Unpacker,
    decode_task,
    export_files,
    ignored_files,
    is_packed,
    may_name,
    parse,
    read_mapped,
    split_tasks,
    without_names,
    write,
)
from ..text import plural
from .label_config_reader import read_config
from .propose import ID_FIELDS, Proposal, propose
from .scan import Scan, numbers_of, unsupported_in
from .write_toml import write_registries


@dataclass
class Export:
    """An export file: its path, its unpacked file, the name of its copy, its tasks, and the numbers of its people."""

    source: Path
    plain: Path
    name: str
    tasks: list[memoryview]
    names_people: bool = False
    numbers: Numbers = field(default_factory=lambda: Numbers({}, {}))


@dataclass
class Adopted:
    """A corpus folder that `adopt` made: its path, the scan of the exports, and the proposal.

    `shared` maps each number that stands for several people with different addresses to how many they are.
    """

    place: Path
    scan: Scan
    proposal: Proposal
    exports: list[Export] = field(default_factory=list)
    shared: dict[int, int] = field(default_factory=dict)
    unread: list[Path] = field(default_factory=list)  # files in the given folders that are not exports


def adopt(sources: list[Path], place: Path, config: Path | None = None) -> Adopted:
    """Make the corpus folder `place`, which must be missing or empty, from export files or folders of them.

    `config` is a labelling configuration. Raises UsageError and ExportError before anything is written.
    """
    _refuse_taken(place)
    named, place = place, place.absolute()
    configuration = read_config(_read_xml(config)) if config else None
    unpack = Unpacker()
    exports = _read_exports(sources, unpack)
    people = People()
    for export in exports:
        for number, raw in enumerate(export.tasks, 1):
            if may_name(raw):
                with _refused(export.source, number):
                    task = parse(bytes(raw))
                    export.names_people |= people.add(task, export.name)
                    write(without_names(task, export.numbers))  # raises where the names cannot be removed
    _number(people, exports)
    scan = Scan()
    for export in exports:
        for raw in export.tasks:
            scan.add(decode_task(_clean(raw, export.numbers) if export.names_people else raw), ID_FIELDS)
    proposal = propose(place.name or "corpus", scan, configuration)
    source = f"the labelling configuration {config.name}" if config else f"the content of {plural(scan.tasks, 'task')}"
    place.parent.mkdir(parents=True, exist_ok=True)
    with work_folder(place) as aside:
        draft = aside / place.name
        _write_exports(exports, draft / "annotations" / "exports")
        write_registries(draft / "annotations", proposal, source)
        (draft / SCHEMAS).mkdir()
        generate(open_corpus(draft))
        _put(draft, place)
    read = {export.source for export in exports}
    unread = [path for source in sources if source.is_dir() for path in ignored_files(source) if path not in read]
    return Adopted(named, scan, proposal, exports, people.shared(), unread)


def report(adopted: Adopted) -> Iterator[str]:
    """Yield, line by line, what was found and proposed, what cannot be converted, and the next command."""
    scan, codebook = adopted.scan, adopted.proposal.codebook
    yield f"{adopted.place}: a corpus from {_some([export.name for export in adopted.exports], 3)}"
    made = f"{plural(scan.annotations, 'annotation')} with {plural(scan.items, 'item')}, {scan.cancelled:,} cancelled"
    yield f"  {plural(scan.tasks, 'task')}; {made}"
    for name, text in codebook.texts.items():
        yield f"  text {name}: field {text.field} ({text.kind}); {adopted.proposal.why[f'texts.{name}']}"
    if not codebook.texts:
        yield f"  {adopted.proposal.why['texts']}"
    for name, layer in codebook.layers.items():
        yield f"  layer {name}: {_some(layer.labels)}"
        for kind, keys in (("attributes", layer.attributes), ("relations", layer.relations)):
            if keys:
                yield f"    {kind}: {_some(keys)}"
    for name, document in codebook.document.items():
        yield f"  about the article: {name} ({document.kind}{': ' * bool(document.values)}{_some(document.values)})"
    yield f"  annotators: {_some(adopted.proposal.annotators) or 'none'} (set the kind of each in annotators.toml)"
    for export in adopted.exports:
        if export.names_people:
            yield f"  {export.name}: the copy has numbers instead of the annotators' names and addresses"
    for number, many in adopted.shared.items():
        yield f"  {many} people with different addresses have the number {number}: each gets a new number in the copies"
    if adopted.unread:
        yield f"  not read (only {NAMES_READ} are read): {_some([path.name for path in adopted.unread], 3)}"
    for key, tasks in sorted(scan.addresses.items()):
        hint = "remove them, or list them in `public_addresses` under [release] in corpus.toml"
        yield f"  e-mail addresses in {key} of {plural(tasks, 'task')}, such as {scan.address[key]}: {hint}"
    lost = [*adopted.proposal.left_out, *unsupported_in(scan)]
    if lost:
        yield "cannot be converted (a build lists every such item in problems.jsonl):"
        yield from (f"  {line}" for line in lost)
    if adopted.proposal.conditions:
        yield "conditions that the codebook cannot express (the generated configuration always shows these controls):"
        yield from (f"  {line}" for line in adopted.proposal.conditions)
    yield f"next: newsparallax build --corpus {adopted.place}"


def _some(names: Iterable[str], limit: int = 12) -> str:
    listed = list(names)
    return ", ".join(listed[:limit]) + (f", ... ({len(listed):,} in all)" if len(listed) > limit else "")


def _refuse_taken(folder: Path) -> None:
    hint = "name a folder that does not exist yet, or an empty one"
    if folder.is_symlink() or (folder.exists() and not folder.is_dir()):
        raise UsageError(f"{folder} is not a folder; nothing was changed", hint=hint)
    if folder.is_dir() and any(folder.iterdir()):
        raise UsageError(f"{folder} is not empty; nothing was changed", hint=hint)
    refuse_unwritable(folder)


def _read_xml(path: Path) -> Element:
    try:
        root: Element = fromstring(path.read_bytes())
    except OSError as error:
        raise UsageError(f"{path} cannot be read: {error.strerror}") from None
    except (ParseError, DefusedXmlException, ValueError, LookupError) as error:
        hint = "save the labelling configuration as XML, as the project's settings show it"
        raise UsageError(f"{path} is not XML: {error}", hint=hint) from None
    return root


def _read_exports(sources: list[Path], unpack: Unpacker) -> list[Export]:
    """Return all exports with their tasks, in the given order; the names of the copies are unique."""
    exports: list[Export] = []
    taken: set[str] = set()
    for source in sources:
        files = _exports_in(source) if source.is_dir() else [source]
        if not files:
            others = _some([path.name for path in ignored_files(source)], 3)
            found_there = f"; it contains {others}" if others else ""
            raise UsageError(f"{source} contains no export ({NAMES_READ}){found_there}")
        for path in files:
            content, plain = read_mapped(path, str(path)), path
            if is_packed(bytes(content[:4])):
                plain = unpack(path, str(path))
                content = read_mapped(plain, str(path))
            tasks = split_tasks(content, str(path))
            name = path.relative_to(source).as_posix() if source.is_dir() else path.name
            exports.append(Export(path, plain, _free_name(name, taken), tasks))
    return exports


def _exports_in(folder: Path) -> list[Path]:
    """Return the exports in a folder, including those without a suffix, which Label Studio's storage targets write."""
    bare = [path for path in ignored_files(folder) if not path.suffix and _begins_as_json(path)]
    return sorted([*export_files(folder), *bare], key=Path.as_posix)


def _begins_as_json(path: Path) -> bool:
    if not path.is_file():  # to open a pipe could wait for ever
        return False
    try:
        with path.open("rb") as content:
            head = content.read(64)
    except OSError:
        return False
    return head.removeprefix(b"\xef\xbb\xbf").lstrip()[:1] in (b"[", b"{") or is_packed(head)


@contextmanager
def _refused(source: Path, number: int) -> Iterator[None]:
    """Turn errors of a task that cannot be searched for names into ExportError, so that it is not copied."""
    try:
        yield
    except (RecursionError, ValueError):
        message = "is nested too deeply or is not JSON, so that annotators' names cannot be removed"
        hint = "remove the task, or remove the names from the file"
        raise ExportError("unknown-shape", message, file=str(source), place=f"task {number}", hint=hint) from None


def _free_name(name: str, taken: set[str]) -> str:
    """Return a unique name for the copy: visible to a build, and without the suffix of a compressed file."""
    stem, dot, suffix = name.rpartition(".")
    name = stem if dot and stem and f".{suffix.lower()}" in (*PACKED, ".zip") else name
    name = name.lstrip(".") if name.lower().endswith(SUFFIXES) else f"{name.lstrip('.')}.json"
    stem, _, suffix = name.rpartition(".")
    free, number = name, 1
    while free.casefold() in taken:
        number += 1
        free = f"{stem}-{number}.{suffix}"
    taken.add(free.casefold())
    return free


def _number(people: People, exports: list[Export]) -> None:
    """Assign a number to everyone who is named; it differs from the numbers that the exports use for others."""
    if not any(export.names_people for export in exports):
        return
    for export in exports:
        for raw in export.tasks:
            people.add_numbers(numbers_of(decode_task(raw)))
    names = people.numbers()
    for export in exports:
        export.numbers = people.numbers_in(export.name, names)
        for number, raw in enumerate(export.tasks if export.numbers.changed else (), 1):
            with _refused(export.source, number):
                _clean(raw, export.numbers)


def _clean(raw: memoryview, numbers: Numbers) -> bytes | memoryview:
    return write(without_names(parse(bytes(raw)), numbers)) if numbers.changed or may_name(raw) else raw


def _write_exports(exports: list[Export], folder: Path) -> None:
    """Copy exports without names byte for byte; rewrite the others as lists (or lines) of tasks without names."""
    for export in exports:
        target = folder / export.name
        target.parent.mkdir(parents=True, exist_ok=True)
        if not export.names_people:
            shutil.copyfile(export.plain, target)
            continue
        lines = target.suffix.lower() != ".json"
        with target.open("wb") as sink:
            sink.write(b"" if lines else b"[\n")
            for number, raw in enumerate(export.tasks):
                sink.write(b"" if number == 0 else b"\n" if lines else b",\n")
                sink.write(bytes(_clean(raw, export.numbers)).replace(b"\r", b" ").replace(b"\n", b" "))
            sink.write(b"\n" if lines else b"\n]\n")


def _put(draft: Path, folder: Path) -> None:
    """Move the folder into place in one step; an existing empty folder is kept and filled."""
    if folder.is_dir():
        (draft / SCHEMAS).rename(folder / SCHEMAS)
        (draft / "annotations").rename(folder / "annotations")
    else:
        draft.rename(folder)
