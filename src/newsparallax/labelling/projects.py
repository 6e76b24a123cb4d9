"""Projects of a Label Studio server: find them by title and configure them from the codebook without losing work."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

from defusedxml.ElementTree import fromstring

from ..convert import article_of
from ..corpus import CorpusFolder
from ..errors import UsageError
from ..ids import short_hash
from .client import Studio
from .exchange import data_digest, sent_mark

SETTINGS = {
    "show_instruction": True,
    "sampling": "Sequential sampling",
    "enable_empty_annotation": True,
    "show_collab_predictions": True,
}
SHORTEST, LONGEST = 3, 50  # length limits of a title in characters
REVIEW = ": adjudication"


def project_title(name: str) -> str:
    """Return the title of the project of the corpus `name`; the server accepts 3 to 50 characters."""
    return _cut(name if len(name.strip()) >= SHORTEST else f"corpus {name}", "")


def review_title(name: str) -> str:
    """Return the title of the project in which the disputes of the corpus `name` are adjudicated."""
    return _cut(name, REVIEW)


def _cut(name: str, end: str) -> str:
    """Return a title; a long name is cut, and a hash distinguishes it from names with the same start."""
    name = name.strip()  # the server strips titles, too
    if len(name) + len(end) <= LONGEST:
        return f"{name}{end}"
    return f"{name[: LONGEST - len(end) - 9]} {short_hash(name)[:8]}{end}"


def find_project(studio: Studio, title: str) -> dict[str, Any] | None:
    """Return the project with this title; None if there is none. Raises UsageError where several projects have it."""
    projects: list[dict[str, Any]] = []
    page = 1
    while True:
        answer = studio.read("api/projects", title=title, page=page, page_size=100)  # returns all titles containing it
        projects += [project for project in answer["results"] if project["title"] == title]
        if not answer.get("next"):
            break
        page += 1
    if len(projects) > 1:
        ids = ", ".join(str(project["id"]) for project in projects)
        hint = "rename or delete all but one in Label Studio"
        raise UsageError(f"{studio.url} has {len(projects)} projects called {title!r} ({ids})", hint=hint)
    return projects[0] if projects else None


class Listed(NamedTuple):
    """A task of a project: its article, the requested fields, the digest of its data, and whether we sent it."""

    article: str
    task: dict[str, Any]
    sha256: str
    ours: bool


def tasks_by_article(folder: CorpusFolder, studio: Studio, project: int, include: tuple[str, ...]) -> Iterator[Listed]:
    """Yield the tasks of a project with the fields `include`.

    For tasks that we did not send, the data determine the article.
    """
    foreign: dict[int, dict[str, Any]] = {}
    for task in studio.tasks(project, ("meta", *include)):
        mark = sent_mark(task.get("meta"))
        if mark:
            yield Listed(mark.article, task, mark.sha256, ours=True)
        else:
            foreign[task["id"]] = task
    for task in studio.tasks_with(project, ("data",), list(foreign)):
        article = article_of(folder.context, task, folder.text_ids)
        yield Listed(article, foreign[task["id"]], data_digest(task["data"]), ours=False)


def set_up(
    studio: Studio, title: str, config: str, instructions: str, say: Callable[[str], None], *, overlap: int, force: bool
) -> tuple[int, str]:
    """Create the project, or update its configuration and instructions.

    Return the project's id and what was done: "created", "updated" or "unchanged". Raises UsageError with counts where
    the new configuration lacks labels that annotations on the server use, unless `force`.
    """
    project = find_project(studio, title)
    settings = {"label_config": config, "expert_instruction": instructions}
    if project is None:
        content = {"title": title, "maximum_annotations": overlap, **SETTINGS, **settings}
        made = studio.once("POST", "api/projects", content)
        return made["id"], "created"
    identity: int = project["id"]
    changes = {key: value for key, value in settings.items() if (project.get(key) or "").strip() != value.strip()}
    if "label_config" in changes:
        lost = _options(project["label_config"]) - _options(config)
        used = _uses(studio, identity, lost) if lost else Counter()
        listed = ", ".join(f"{control} {label} ({n})" for (control, label), n in sorted(used.items()))
        if used and not force:
            hint = (
                "keep them in the codebook; if you renamed one, list its old name as `former`, pull, then push --force"
            )
            raise UsageError(f"annotations on the server use labels that would be removed: {listed}", hint=hint)
        if used:
            say(f"removed labels that annotations on the server still use: {listed}")
    if changes:
        studio.write("PATCH", f"api/projects/{identity}", changes)
    return identity, "updated" if changes else "unchanged"


def _options(config: str) -> set[tuple[str, str]]:
    """Return every (control, label or value) of a labelling configuration, and (control, "") for the control itself."""
    named = set()
    for control in fromstring(config).iter():
        name = control.get("name")
        if name and control.get("toName"):
            named.add((name, ""))
            options = (option.get("alias") or option.get("value") for option in control.iter() if option is not control)
            named.update((name, option) for option in options if option)
    return named


def _uses(studio: Studio, project: int, options: set[tuple[str, str]]) -> Counter[tuple[str, str]]:
    """Count how often annotations and drafts of a project use each of the options."""
    used: Counter[tuple[str, str]] = Counter()
    ids = [task["id"] for task in studio.tasks(project, ())]
    for task in studio.tasks_with(project, ("annotations", "drafts", "result"), ids):
        for made in (*(task.get("annotations") or []), *(task.get("drafts") or [])):
            used.update(use for item in made.get("result") or [] for use in _said(item) if use in options)
    return used


def _said(item: dict[str, Any]) -> Iterator[tuple[str, str]]:
    name, value = item.get("from_name", ""), item.get("value")
    labels = [_flat(part) for key, part in value.items() if key != "text"] if isinstance(value, dict) else []
    named = [label for part in labels for label in part]
    yield from ((name, label) for label in named)
    yield (name, "")


def _flat(value: Any) -> list[str]:
    """Return all strings in a value: labels, choices, the steps of taxonomy paths."""
    if isinstance(value, list):
        return [text for part in value for text in _flat(part)]
    return [value] if isinstance(value, str) else []
