"""Make a corpus folder from existing Label Studio exports; the folder is written completely or not at all."""

from __future__ import annotations

import shutil
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Any
from xml.etree.ElementTree import Element, ParseError

import tomlkit
from defusedxml import DefusedXmlException
from defusedxml.ElementTree import fromstring

from ..building import generate
from ..corpus import SCHEMAS, Offsets, open_corpus
from ..dataset import refuse_unwritable, work_folder
from ..errors import ExportError, UsageError
from ..exports import (
    GIVEN,
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
    split_export,
    without_names,
    write,
)
from ..formats import FORMATS, FormatName, Reading, companions, declared, is_of_format, recognised_file
from ..text import plural
from .label_config_reader import read_config
from .propose import ID_FIELDS, Proposal, propose
from .scan import Scan, numbers_of, unsupported_in
from .write_toml import write_registries


@dataclass
class Export:
    """An export file: its path, its unpacked file, the name of its copy, its tasks, and the numbers of its people.

    `format` is the name of a format of another tool, and `beside` are the files that belong to such a file.
    """

    source: Path
    plain: Path
    name: str
    tasks: list[memoryview]
    format: FormatName | None = None
    beside: list[Path] = field(default_factory=list)
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


def adopt(sources: list[Path], place: Path, config: Path | None = None, given: Reading | None = None) -> Adopted:
    """Make the corpus folder `place`, which must be missing or empty, from export files or folders of them.

    `config` is a labelling configuration. `given` is the format of all files; None means that their content decides.
    Raises UsageError and ExportError before anything is written.
    """
    _refuse_taken(place)
    named, place = place, place.absolute()
    configuration = read_config(_read_xml(config)) if config else None
    unpack = Unpacker()
    exports = _read_exports(sources, unpack, given)
    people = People()
    for export in exports:
        if export.format is not None:  # has no names: the reader gives numbers
            continue
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
    proposal = propose(place.name or "corpus", scan, configuration, _declared(exports))
    if all(export.format for export in exports):  # the readers give code points, and the edges are the annotator's
        proposal.corpus.offsets = Offsets(edge_spaces="keep", unit="code points")
    source = f"the labelling configuration {config.name}" if config else f"the content of {plural(scan.tasks, 'task')}"
    place.parent.mkdir(parents=True, exist_ok=True)
    with work_folder(place) as aside:
        draft = aside / place.name
        _write_exports(exports, draft / "annotations" / "exports", given)
        write_registries(draft / "annotations", proposal, source)
        (draft / SCHEMAS).mkdir()
        generate(open_corpus(draft))
        _put(draft, place)
    read = {path for export in exports for path in (export.source, *export.beside)}
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
    for name in dict.fromkeys(export.format for export in adopted.exports if export.format):
        files = plural(sum(export.format == name for export in adopted.exports), "file")
        yield f"  format: {FORMATS[name].title} ({files}); the copies are exact, with any names of annotators in them"
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


def _read_exports(sources: list[Path], unpack: Unpacker, given: Reading | None = None) -> list[Export]:
    """Return all exports with their tasks, in the given order; the names of the copies are unique."""
    exports: list[Export] = []
    taken: set[str] = set()
    single = [source for source in sources if not source.is_dir()]
    format_ = given.format if given else None
    known = {source: format_ or recognised_file(source) for source in single} if len(single) > 1 or format_ else {}
    beside = {file for source, its in known.items() if its for file in companions(its, source)}
    for source in sources:
        if source in beside:
            continue
        files = _exports_in(source, given) if source.is_dir() else [source]
        if not files:
            others = _some([path.name for path in ignored_files(source)], 3)
            found_there = f"; it contains {others}" if others else ""
            raise UsageError(f"{source} contains no export ({NAMES_READ}{_LOOKED_FOR}){found_there}")
        for path in files:
            content, plain = read_mapped(path, str(path)), path
            if is_packed(bytes(content[:4])):
                plain = unpack(path, str(path))
                content = read_mapped(plain, str(path))
            tasks, its = split_export(content, str(path), plain, given)
            name = path.relative_to(source).as_posix() if source.is_dir() else path.name
            near = companions(its, plain) if its else []
            exports.append(Export(path, plain, _free_name(name, taken, foreign=its is not None), tasks, its, near))
    return exports


_LOOKED_FOR = f", or a file of {', '.join(FORMATS)}"


def _declared(exports: list[Export]) -> dict[str, list[str]]:
    """Return the labels by layer that the files beside the exports declare."""
    labels: dict[str, list[str]] = {}
    for name in dict.fromkeys(export.format for export in exports if export.format):
        files = sorted({file for export in exports if export.format == name for file in export.beside})
        for layer, own in declared(name, files).items():
            labels[layer] = list(dict.fromkeys([*labels.get(layer, []), *own]))
    return labels


def _exports_in(folder: Path, given: Reading | None = None) -> list[Path]:
    """Return the exports in a folder, including those without a suffix, which Label Studio's storage targets write.

    With `given`, return the files of that format.
    """
    if given is not None:
        files = [*export_files(folder), *ignored_files(folder)]
        return sorted((file for file in files if is_of_format(file, given)), key=Path.as_posix)
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


def _free_name(name: str, taken: set[str], *, foreign: bool = False) -> str:
    """Return a unique name for the copy: visible to a build, and without the suffix of a compressed file.

    A file of another tool is recognised by its content, so its name may have any suffix.
    """
    stem, dot, suffix = name.rpartition(".")
    name = stem if dot and stem and f".{suffix.lower()}" in (*PACKED, ".zip") else name
    name = name.lstrip(".") if foreign or name.lower().endswith(SUFFIXES) else f"{name.lstrip('.')}.json"
    path = PurePosixPath(name)
    free, number = name, 1
    while free.casefold() in taken:
        number += 1
        free = path.with_name(f"{path.stem}-{number}{path.suffix}").as_posix()
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


def _write_exports(exports: list[Export], folder: Path, given: Reading | None) -> None:
    """Copy exports without names byte for byte; rewrite the others as lists (or lines) of tasks without names.

    Files of other tools are always copied, with the files beside them. With `given`, formats.toml keeps their format.
    """
    for export in exports:
        target = folder / export.name
        target.parent.mkdir(parents=True, exist_ok=True)
        if not export.names_people:
            shutil.copyfile(export.plain, target)
            for file in export.beside:
                _copy_beside(export, file, target, folder)
            continue
        lines = target.suffix.lower() != ".json"
        with target.open("wb") as sink:
            sink.write(b"" if lines else b"[\n")
            for number, raw in enumerate(export.tasks):
                sink.write(b"" if number == 0 else b"\n" if lines else b",\n")
                sink.write(bytes(_clean(raw, export.numbers)).replace(b"\r", b" ").replace(b"\n", b" "))
            sink.write(b"\n" if lines else b"\n]\n")
    if given:
        value: Any = given.format
        if given.columns:
            value = tomlkit.inline_table()
            value.update({"format": given.format, "columns": list(given.columns)})
        formats = {export.name: value for export in exports}
        (folder / GIVEN).write_text(tomlkit.dumps(formats), encoding="utf-8")


def _copy_beside(export: Export, file: Path, target: Path, folder: Path) -> None:
    """Copy a file that belongs to an export to the same place beside its copy, or into its folder."""
    name = f"{target.stem}{file.suffix}" if file.stem == export.plain.stem else file.name
    above = file.parent == export.plain.parent.parent and target.parent != folder
    within = file.parent.relative_to(export.plain.parent) if file.is_relative_to(export.plain.parent) else Path()
    copy = (target.parent.parent if above else target.parent / within) / name
    if copy.exists() and copy.read_bytes() != file.read_bytes():
        message = f"two different files would be copied to {copy.relative_to(folder).as_posix()}, one of them {file}"
        raise UsageError(message, hint="adopt the folders into corpora of their own, or name the folder above both")
    copy.parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(file, copy)


def _put(draft: Path, folder: Path) -> None:
    """Move the folder into place in one step; an existing empty folder is kept and filled."""
    if folder.is_dir():
        (draft / SCHEMAS).rename(folder / SCHEMAS)
        (draft / "annotations").rename(folder / "annotations")
    else:
        draft.rename(folder)
