"""What the commands of scripts/release.py do and print."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

from rich.text import Text

from ...core.errors import NewsParallaxError, UsageError
from ...core.render.changes import lines, section
from ...core.versions import parse
from .. import cli
from ..build import build
from ..folder import open_corpus
from ..standoff import Mode
from .check import Finding
from .diff import Comparison, compare
from .hub import Hub
from .prepare import Release
from .publish import Outcome, RefusedError, publish
from .sources import PREFIX, opened, read_manifest

LISTED = 40  # files that are named one by one


def run_diff(old: str, new: str, *, as_json: bool, changelog: bool, limit: int) -> int:
    """Print what changed between two datasets, and the smallest version that says so."""
    with opened(old) as before, opened(new) as after:
        found = compare(before, after, limit)
    if as_json:
        text = json.dumps(found.to_json(), ensure_ascii=False, indent=1)
    else:
        text = "\n".join(section(_version(found), found.changes, found.counts) if changelog else _table(found))
    cli.write([text.encode("utf-8", "backslashreplace"), b"\n"])
    return cli.DONE


def _version(found: Comparison) -> str:
    """The version that the changes are those of: the new dataset's own where it is a later one and high enough."""
    own = found.enough and parse(found.new_version) > parse(found.old_version)
    return found.new_version if own else found.smallest_version


def _table(found: Comparison) -> list[str]:
    head = [f"{found.name} {found.old_version} -> {found.new_version}"]
    if found.bump is None:
        return [*head, "nothing changed: no new version is needed"]
    zero = found.bump == "major" and found.old_version.startswith("0.")
    place = " (below 1.0.0 a major change takes the minor place)" if zero else ""
    judged = "is enough" if found.enough else "is too small"
    end = f"smallest honest bump: {found.bump}, {found.old_version} -> {found.smallest_version}{place}; {found.new_version} {judged}"  # noqa: E501
    return [*head, *lines(found.changes, found.counts), "", end, *(f"  {reason}" for reason in found.reasons)]


def run_check(corpus: Path | None, *, against: str | None, repo: str | None, mode: Mode) -> int:
    """Build the corpus's version, and list everything that forbids to publish it."""
    folder = open_corpus(corpus)
    if against and repo:
        raise UsageError("--against and --repo name two releases to compare with", hint="keep one of them")
    if against and against.startswith(PREFIX):
        Hub.from_environment(needs_token=False)  # before the build, which takes the client offline
    seen = Hub.from_environment(needs_token=False).look(repo) if repo else None
    last = against or (f"hub:{repo}@v{seen.newest}" if seen and seen.newest else None)
    with cli.progress("articles") as progress:
        release = Release(folder, build(folder, progress=progress), mode)
    release.finish()
    findings = release.check(last)
    title = f"{folder.context.corpus.name} {release.version}"
    if findings:
        list_findings(findings)
        cli.err.print(f"{title}: {cli.plural(len(findings), 'finding')}, so it must not be published")
        return cli.PROBLEMS
    if repo and last is None:
        cli.out.print(f"{repo} has no release yet, so there is nothing to compare with")
    elif last is None:
        cli.out.print("not compared with the last release: --repo ORG/NAME or --against DATASET names it")
    cli.out.print("\n".join([*_told(release, last), f"{title}: nothing forbids to publish {cli.shown(release.place)}"]))
    return cli.DONE


def run_publish(corpus: Path | None, repo: str, *, mode: Mode, dry_run: bool) -> int:
    """Publish the corpus's version to the repository `repo`."""
    folder = open_corpus(corpus)
    try:
        with cli.progress("articles") as progress:
            outcome = publish(folder, repo, mode=mode, dry_run=dry_run, say=cli.err.print, progress=progress)
    except RefusedError as error:
        list_findings(error.findings)
        raise
    except KeyboardInterrupt:
        message = "interrupted; what the hub has is whole"
        raise NewsParallaxError(message, hint="publish again: it goes on from there") from None
    cli.out.print("\n".join(_plan(outcome, repo)))
    return cli.DONE


def list_findings(findings: list[Finding]) -> None:
    """Every finding with its place and what to do, on stderr."""
    for found in findings:
        words = f"{found.file}: {found.message}" if found.file else found.message
        cli.err.print(Text.assemble((found.code, "bold"), cli.on_a_line(f" {words}")))
        cli.err.print(f"  {found.hint}")


def _plan(outcome: Outcome, repo: str) -> Iterator[str]:
    release, plan = outcome.release, outcome.plan
    tag = f"v{release.version}"
    yield f"{release.folder.context.corpus.name} {release.version} -> {repo}"
    yield from _told(release, outcome.last)
    if outcome.was_there:
        yield f"  {tag} holds it already, and gives back what was built"
        return
    yield from (f"  card: {note}" for note in plan.notes)
    yield from (f"  removed: {name}" for name in plan.deletes)
    if outcome.commit is None:
        yield from _listed([f"  {name}  {path.stat().st_size:,} bytes" for name, path in sorted(plan.adds.items())])
    what = "to send" if outcome.commit is None else "sent"
    adds, deletes = cli.plural(len(plan.adds), "file"), len(plan.deletes)
    yield f"  {adds} {what}, {deletes:,} removed, {plan.unchanged:,} as they are there"
    if outcome.commit is None:
        parent = (
            f"on top of {plan.parent[:12]}"
            if plan.parent
            else f"in {repo}, which is not there (or not to be seen) and would be made"
        )
        yield f"  {tag} would be a commit {parent}; nothing was sent (--dry-run)"
    else:
        yield f"  {tag} is commit {outcome.commit[:12]}, and gives back what was built"


def _listed(lines: list[str]) -> Iterator[str]:
    yield from lines[:LISTED]
    if len(lines) > LISTED:
        yield f"  ... and {len(lines) - LISTED:,} more"


def _told(release: Release, last: str | None) -> Iterator[str]:
    """How much of the texts is in it, and what changed."""
    texts = read_manifest(release.place)["texts"]
    yield f"  texts: {texts['withheld']:,} of {texts['total']:,} left out"
    changes = release.changes(last)
    if changes is not None:
        why = f"{changes.bump}: {'; '.join(changes.reasons)}" if changes.bump else "nothing changed"
        yield f"  since {changes.old_version}: {why}"
