"""Existing Label Studio exports -> a corpus folder to start from, whole or not at all."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from xml.etree.ElementTree import Element, ParseError

from defusedxml import DefusedXmlException
from defusedxml.ElementTree import fromstring

from ..core.decode import decode_task
from ..core.errors import ExportError, UsageError
from ..core.exports import SUFFIXES, export_files, read_mapped, split_tasks
from ..core.propose import ID_FIELDS, Proposal, propose
from ..core.pseudonyms import People, may_name, parse, without_names, write
from ..core.read_config import read_config
from ..core.scan import Scan, completer, unsupported_in
from .cli import plural
from .corpus_toml import write_registries
from .folder import open_corpus
from .generate import generate


@dataclass
class Export:
    """An export file: where it is, how its copy is called, its tasks, and whether it names anyone."""

    source: Path
    name: str
    tasks: list[memoryview]
    names_people: bool = False


@dataclass
class Adopted:
    """A corpus folder that was made: where, from what, and what it proposes."""

    place: Path
    scan: Scan
    proposal: Proposal
    exports: list[Export] = field(default_factory=list)


def adopt(sources: list[Path], place: Path, config: Path | None = None) -> Adopted:
    """Make the corpus folder `place`, which must not exist or be empty, from export files or folders of them.

    Raises UsageError and ExportError before anything is written.
    """
    place = place.absolute()
    _refuse_taken(place)
    configuration = read_config(_read_xml(config)) if config else None
    exports = _read_exports(sources)
    people = People()
    for export in exports:
        for number, raw in enumerate(export.tasks, 1):
            if may_name(raw):
                with _refused(export.source, number):
                    task = parse(bytes(raw))
                    export.names_people |= people.add(task)
                    write(without_names(task, {}))  # whether it can be done
    numbers, scan = _number(people, exports), Scan()
    for export in exports:
        for raw in export.tasks:
            scan.add(decode_task(_clean(raw, numbers) if export.names_people else raw), ID_FIELDS)
    proposal = propose(place.name or "corpus", scan, configuration)
    source = (
        f"the labelling configuration {config.name}" if config else f"what was found in {plural(scan.tasks, 'task')}"
    )
    place.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=f".{place.name}.partial-", dir=place.parent) as aside:
        draft = Path(aside) / place.name
        _write_exports(exports, draft / "annotations" / "exports", numbers)
        write_registries(draft / "annotations", proposal, source)
        generate(open_corpus(draft))
        _put(draft, place)
    return Adopted(place, scan, proposal, exports)


def report(found: Adopted) -> Iterator[str]:
    """What was found and proposed, what cannot be converted, and what to run next, line by line."""
    scan, codebook = found.scan, found.proposal.codebook
    yield f"{found.place}: a corpus from {_some([export.name for export in found.exports], 3)}"
    made = f"{plural(scan.annotations, 'annotation')} with {plural(scan.items, 'item')}, {scan.cancelled:,} cancelled"
    yield f"  {plural(scan.tasks, 'task')}; {made}"
    for name, text in codebook.texts.items():
        yield f"  text {name}: field {text.field} ({text.kind}); {found.proposal.why[f'texts.{name}']}"
    if not codebook.texts:
        yield f"  {found.proposal.why['texts']}"
    for name, layer in codebook.layers.items():
        yield f"  layer {name}: {_some(layer.labels)}"
        for kind, keys in (("attributes", layer.attributes), ("arrows", layer.relations)):
            if keys:
                yield f"    {kind}: {_some(keys)}"
    for name, document in codebook.document.items():
        yield f"  about the article: {name} ({document.kind}{': ' * bool(document.values)}{_some(document.values)})"
    yield f"  annotators: {_some(found.proposal.annotators) or 'none'} (annotators.toml: say who is human, who a model)"
    for export in found.exports:
        if export.names_people:
            yield f"  {export.name}: annotators' names and addresses were replaced by numbers in the copy"
    lost = [*found.proposal.left_out, *unsupported_in(scan)]
    if lost:
        yield "cannot be converted (a build keeps every such item in problems.jsonl):"
        yield from (f"  {line}" for line in lost)
    yield f"next: scripts/build.py --corpus {found.place}"


def _some(names: Iterable[str], limit: int = 12) -> str:
    listed = list(names)
    return ", ".join(listed[:limit]) + (f", ... ({len(listed):,} in all)" if len(listed) > limit else "")


def _refuse_taken(place: Path) -> None:
    hint = "name a folder that does not exist yet, or an empty one"
    if place.is_symlink() or (place.exists() and not place.is_dir()):
        raise UsageError(f"{place} is not a folder; left as it is", hint=hint)
    if place.is_dir() and any(place.iterdir()):
        raise UsageError(f"{place} is not empty; left as it is", hint=hint)


def _read_xml(path: Path) -> Element:
    try:
        root: Element = fromstring(path.read_bytes())
    except OSError as error:
        raise UsageError(f"{path} cannot be read: {error.strerror}") from None
    except (ParseError, DefusedXmlException, ValueError, LookupError) as error:
        hint = "expected the labelling configuration as XML, as the project's settings show it"
        raise UsageError(f"{path} is not XML: {error}", hint=hint) from None
    return root


def _read_exports(sources: list[Path]) -> list[Export]:
    """All exports with their tasks, in the order given; the names of the copies are all different."""
    found: list[Export] = []
    taken: set[str] = set()
    for source in sources:
        files = sorted(export_files(source), key=Path.as_posix) if source.is_dir() else [source]
        if not files:
            raise UsageError(f"{source} holds no export ({', '.join(SUFFIXES)})")
        for path in files:
            tasks = split_tasks(read_mapped(path, str(path)), str(path))
            name = path.relative_to(source).as_posix() if source.is_dir() else path.name
            found.append(Export(path, _free_name(name, taken), tasks))
    return found


@contextmanager
def _refused(source: Path, number: int) -> Iterator[None]:
    """A task that cannot be searched for names is not copied."""
    try:
        yield
    except (RecursionError, ValueError):
        message = "is nested too deeply, or not JSON, so that names cannot be taken out of it"
        hint = "remove the task, or the names in the file"
        raise ExportError("unknown-shape", message, file=str(source), place=f"task {number}", hint=hint) from None


def _free_name(name: str, taken: set[str]) -> str:
    """The name, made visible to a build and different from all before."""
    name = name.lstrip(".") if name.lower().endswith(SUFFIXES) else f"{name.lstrip('.')}.json"
    stem, _, suffix = name.rpartition(".")
    free, number = name, 1
    while free.casefold() in taken:
        number += 1
        free = f"{stem}-{number}.{suffix}"
    taken.add(free.casefold())
    return free


def _number(people: People, exports: list[Export]) -> dict[str, int]:
    """Numbers for everyone given by name, different from those by which the exports know others."""
    if not any(export.names_people for export in exports):
        return {}
    for export in exports:
        for raw in export.tasks:
            people.add_numbers(filter(None, map(completer, decode_task(raw).annotations)))
    return people.numbers()


def _clean(raw: memoryview, numbers: dict[str, int]) -> bytes | memoryview:
    return write(without_names(parse(bytes(raw)), numbers)) if may_name(raw) else raw


def _write_exports(exports: list[Export], folder: Path, numbers: dict[str, int]) -> None:
    """Copy byte for byte what names nobody; the others become lists (or lines) of tasks without names."""
    for export in exports:
        target = folder / export.name
        target.parent.mkdir(parents=True, exist_ok=True)
        if not export.names_people:
            shutil.copyfile(export.source, target)
            continue
        lines = target.suffix.lower() != ".json"
        with target.open("wb") as sink:
            sink.write(b"" if lines else b"[\n")
            for number, raw in enumerate(export.tasks):
                sink.write(b"" if number == 0 else b"\n" if lines else b",\n")
                sink.write(bytes(_clean(raw, numbers)).replace(b"\r", b" ").replace(b"\n", b" "))
            sink.write(b"\n" if lines else b"\n]\n")


def _put(draft: Path, place: Path) -> None:
    """Give the folder its place in one step; an empty folder that is there stays the same one."""
    if place.is_dir():
        (draft / "annotations").rename(place / "annotations")
    else:
        draft.rename(place)
