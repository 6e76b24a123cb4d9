"""Commands `release`: compare two versions of a dataset, check a version before publication, publish it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated

import typer
from rich.text import Text

from .._util import require
from ..building import build
from ..corpus import open_corpus, parse
from ..dataset import PREFIX, Hub, Texts, opened, read_manifest
from ..errors import UsageError
from ..release import Finding, Outcome, RefusedError, Release, publish
from ..release.diff import Comparison, compare, lines, section
from ..standoff import Mode
from ..text import plural
from . import console

LISTED = 40  # maximum number of files to list


def run_diff(old: str, new: str, *, as_json: bool, changelog: bool, limit: int) -> int:
    """Print what changed between two datasets, and the smallest version number that reflects it."""
    if old.startswith(PREFIX) or new.startswith(PREFIX):
        require("huggingface-hub")
    with opened(old) as before, opened(new) as after:
        comparison = compare(before, after, limit)
    if as_json:
        text = json.dumps(comparison.to_json(), ensure_ascii=False, indent=1)
    else:
        text = "\n".join(
            section(_version(comparison), comparison.changes, comparison.counts) if changelog else _table(comparison)
        )
    console.write([text.encode("utf-8", "backslashreplace"), b"\n"])
    return console.DONE


def _version(comparison: Comparison) -> str:
    """Return the version for the changes: the new one if it is later and high enough, else the smallest possible."""
    own = comparison.enough and parse(comparison.new_version) > parse(comparison.old_version)
    return comparison.new_version if own else comparison.smallest_version


def _table(comparison: Comparison) -> list[str]:
    head = [f"{comparison.name} {comparison.old_version} -> {comparison.new_version}"]
    if comparison.bump is None:
        return [*head, "nothing changed; no new version is needed"]
    zero = comparison.bump == "major" and comparison.old_version.startswith("0.")
    place = " (below 1.0.0, a major change increases the minor number)" if zero else ""
    judged = "is enough" if comparison.enough else "is too small"
    end = f"smallest sufficient version bump: {comparison.bump}, {comparison.old_version} -> {comparison.smallest_version}{place}; version {comparison.new_version} {judged}"  # noqa: E501
    return [
        *head,
        *lines(comparison.changes, comparison.counts),
        "",
        end,
        *(f"  {reason}" for reason in comparison.reasons),
    ]


def run_check(corpus: Path | None, *, against: str | None, repo: str | None, mode: Mode) -> int:
    """Build the corpus's version, and list everything that blocks its publication."""
    require("release")
    folder = open_corpus(corpus)
    if against and repo:
        raise UsageError("--against and --repo cannot be combined", hint="keep one of them")
    if against and against.startswith(PREFIX):
        Hub.from_environment(needs_token=False)  # checked before the build, so that errors show at once
    seen = Hub.from_environment(needs_token=False).look(repo) if repo else None
    last = against or (f"hub:{repo}@v{seen.newest}" if seen and seen.newest else None)
    with console.interruptible("the built dataset is complete or unchanged"):
        with console.progress("articles") as progress:
            release = Release(folder, build(folder, progress=progress), mode)
        release.finish()
        findings = release.check(last)
    title = f"{folder.context.corpus.name} {release.version}"
    if findings:
        list_findings(findings)
        console.err.print(f"{title}: cannot be published: {plural(len(findings), 'blocker')}")
        return console.PROBLEMS
    if repo and last is None:
        console.out.print(f"{repo} has no release yet; not compared")
    elif last is None:
        console.out.print("not compared with the last release; name it with --repo ORG/NAME or --against DATASET")
    console.out.print("\n".join([*_summary(release, last), f"{title}: no blockers; {release.place} can be published"]))
    return console.DONE


def run_publish(corpus: Path | None, repo: str, *, mode: Mode, dry_run: bool, private: bool | None) -> int:
    """Publish the corpus's version to the repository `repo`.

    `private` is the final visibility of the repository (None: unchanged).
    """
    require("release")
    folder = open_corpus(corpus)
    left = "the repository on the hub is consistent"
    try:
        with (
            console.interruptible(left, hint="run the same command again to continue"),
            console.progress("articles") as progress,
        ):
            outcome = publish(
                folder, repo, mode=mode, dry_run=dry_run, say=console.err.print, private=private, progress=progress
            )
    except RefusedError as error:
        list_findings(error.findings)
        raise
    console.out.print("\n".join(_plan(outcome, repo)))
    return console.DONE


def list_findings(findings: list[Finding]) -> None:
    """Print every finding on stderr, with its place and what to do."""
    for finding in findings:
        words = f"{finding.file}: {finding.message}" if finding.file else finding.message
        console.err.print(Text.assemble((finding.code, "bold"), console.on_a_line(f" {words}")))
        console.err.print(f"  {finding.hint}")


def _plan(outcome: Outcome, repo: str) -> Iterator[str]:
    release, plan = outcome.release, outcome.plan
    tag = f"v{release.version}"
    yield f"{release.folder.context.corpus.name} {release.version} -> {repo}"
    yield from _summary(release, outcome.last)
    yield f"  visibility: {outcome.visibility}"
    if outcome.was_there:
        yield f"  tag {tag} already contains this version; its files equal the build"
        return
    yield from (f"  card: {note}" for note in plan.notes)
    yield from (f"  removed: {name}" for name in plan.deletes)
    if outcome.commit is None:
        yield from _listed([f"  {name}  {path.stat().st_size:,} bytes" for name, path in sorted(plan.adds.items())])
    what = "to send" if outcome.commit is None else "sent"
    adds, deletes = plural(len(plan.adds), "file"), len(plan.deletes)
    yield f"  {adds} {what}, {deletes:,} removed, {plan.unchanged:,} unchanged"
    if outcome.commit is None:
        parent = (
            f"on top of {plan.parent[:12]}"
            if plan.parent
            else f"in {repo}, which does not exist (or is not visible) and would be created"
        )
        yield f"  tag {tag} would be a commit {parent}; nothing was sent (--dry-run)"
    else:
        yield f"  tag {tag} is commit {outcome.commit[:12]}; its files equal the build"


def _listed(lines: list[str]) -> Iterator[str]:
    yield from lines[:LISTED]
    if len(lines) > LISTED:
        yield f"  ... and {len(lines) - LISTED:,} more"


def _summary(release: Release, last: str | None) -> Iterator[str]:
    """Yield how many texts are left out, and what changed."""
    texts = read_manifest(release.place).texts or Texts()
    yield f"  texts: {texts.withheld:,} of {texts.total:,} withheld"
    changes = release.changes(last)
    if changes is not None:
        why = f"{changes.bump}: {'; '.join(changes.reasons)}" if changes.bump else "nothing changed"
        yield f"  since {changes.old_version}: {why}"


app = typer.Typer(add_completion=False, pretty_exceptions_enable=False, rich_markup_mode=None)

Old = Annotated[str, typer.Argument(metavar="OLD", help="The earlier version: a folder, or hub:ORG/NAME@REVISION.")]
New = Annotated[str, typer.Argument(metavar="NEW", help="The later version: a folder, or hub:ORG/NAME@REVISION.")]
Json = Annotated[bool, typer.Option("--json", help="Print all changes as JSON.")]
Changelog = Annotated[
    bool, typer.Option("--changelog", help="Print a section for CHANGELOG.md, without words of articles.")
]
Limit = Annotated[int, typer.Option(min=0, help="Number of changes to list of each kind; all are counted.")]
Repo = Annotated[
    str, typer.Option(metavar="ORG/NAME", help="The repository on the hub. It is created if it does not exist.")
]
Last = Annotated[
    str | None, typer.Option("--repo", metavar="ORG/NAME", help="Compare with the newest release in this repository.")
]
Against = Annotated[str | None, typer.Option(metavar="DATASET", help="Compare with this version: a folder, or hub:ORG/NAME@REVISION.")]  # fmt: skip  # noqa: E501
TextMode = Annotated[Mode, typer.Option(help="Texts to withhold. auto: those that may not be redistributed; omit: all; include: none, which requires that all may be redistributed.")]  # fmt: skip  # noqa: E501
Private = Annotated[bool | None, typer.Option("--private/--public", help="Final visibility of the repository. Default: unchanged; a new one is private.")]  # fmt: skip  # noqa: E501
Dry = Annotated[bool, typer.Option("--dry-run", help="Show what would be sent; send nothing.")]


@app.callback()
def release_group() -> None:
    """Compare, check and publish versions of a dataset.

    HF_ENDPOINT is the address of the hub (default: the public hub). The token is taken from HF_TOKEN, else from
    a trusted publisher (HF_OIDC_RESOURCE), else from `hf auth login`.

    Exit code 0: done; 1: check found blockers; 2: stopped by an error.
    """


@app.command("diff")
def diff_command(old: Old, new: New, json: Json = False, changelog: Changelog = False, limit: Limit = 1000) -> int:
    """Compare two versions of a dataset.

    Lists the changed rows, and whether they require a major, minor or patch version.
    """
    return run_diff(old, new, as_json=json, changelog=changelog, limit=limit)


@app.command("check")
def check_command(
    corpus: console.Corpus = None, repo: Last = None, against: Against = None, text: TextMode = "auto"
) -> int:
    """Check whether the version can be published. Builds it and lists all blockers; sends nothing."""
    return run_check(corpus, against=against, repo=repo, mode=text)


@app.command("publish")
def publish_command(repo: Repo, corpus: console.Corpus = None, text: TextMode = "auto", private: Private = None, dry_run: Dry = False) -> int:  # fmt: skip  # noqa: E501
    """Publish the version on a hub.

    Builds and checks the version, sends it in one commit, tags it, and verifies the tag. A second run changes nothing.

    A new repository is private. With --public, it becomes public after the data at the tag were loaded and compared
    with the build. The token is taken from HF_TOKEN, else from a trusted publisher (HF_OIDC_RESOURCE), else from `hf
    auth login`.
    """
    return run_publish(corpus, repo, mode=text, dry_run=dry_run, private=private)
