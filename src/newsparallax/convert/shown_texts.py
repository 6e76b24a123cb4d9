"""Read the texts that a task shows, and compare them with the texts of the article."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

from ..corpus import CorpusSpec, as_text, is_reference
from ..exports import DecodedTask, Item, kind_of
from ..ids import text_id
from ..problems import Problem, Rejection
from ..text import RenderedHtml, TextIndex, render_html, shown_apart
from .model import ArticleText, SourceRef


def shown_texts(
    context: CorpusSpec,
    article_id: str,
    texts: dict[str, ArticleText],
    task: DecodedTask,
    where: SourceRef,
    read: Callable[[str], bytes | None],
) -> tuple[dict[str, RenderedHtml | str], list[Problem]]:
    """Return the texts that a task shows, and a Problem for each missing text; with seeds, only for a non-text value.

    Without seeds, the article takes each text from the first task that shows it; the function adds it to `texts`.
    """
    if context.from_tasks and not task.data and _needs_text(context, task):
        return {}, [where.problem("no-text", "the task has no `data`, so its text is unknown")]
    problems: list[Problem] = []
    shown: dict[str, RenderedHtml | str] = {}
    for name, source in context.codebook.texts.items():
        value = task.data.get(source.field)
        text, refusal = _shown_text(context, value, source.field, read)
        if text is None:
            if context.from_tasks or not isinstance(value, str | None):
                problems.append(
                    where.problem(*(refusal or ("no-text", f"the task's data have no field {source.field!r}")))
                )
            continue
        shown[name] = render_html(text) if source.kind == "html" else text
        if context.from_tasks and name not in texts:
            identity = article_id if name == context.codebook.main_text else text_id(article_id, name)
            texts[name] = ArticleText(name, identity, _index(shown[name]))
    return shown, problems


def _needs_text(context: CorpusSpec, task: DecodedTask) -> bool:
    """Whether the codebook names a text, or the task has a region, which needs a text."""
    layers = context.layer_of_control
    items = (item for made in task.annotations for item in made.items)
    return bool(context.codebook.texts) or any(isinstance(item, Item) and item.from_name in layers for item in items)


def differing(
    context: CorpusSpec, known: dict[str, ArticleText], mine: dict[str, RenderedHtml | str]
) -> Iterator[Rejection]:
    """Yield a Rejection for each seed whose text differs from the task's text in `mine`."""
    for name, shown in known.items() if not context.from_tasks else ():
        text = _plain_text(mine[name]) if name in mine else shown.index.text
        if text != shown.index.text:
            yield Rejection("text-differs", _difference(shown.index.text, text))


def texts_to_judge_by(
    context: CorpusSpec,
    article_id: str,
    known: dict[str, ArticleText] | None,
    mine: dict[str, RenderedHtml | str],
    clash: str | None,
    read: Callable[[str], bytes | None],
) -> tuple[dict[str, ArticleText], Rejection | None]:
    """Return the article's texts for the regions of a task that shows `mine`, or a Rejection if the task is refused.

    `known` are the article's texts, None where there is no such article; `clash` is as in RawTask.
    """
    if clash is not None:
        message = f"a text of article {clash!r} and a text of article {article_id!r} get the same id"
        return {}, Rejection("article-id-taken", message)
    if known is None:
        return {}, _unknown_article(context, article_id, mine.get(context.codebook.main_text or ""), read)
    texts: dict[str, ArticleText] = {}
    for name, shown in known.items():
        rendered = mine.get(name)
        differs = rendered is not None and _plain_text(rendered) != shown.index.text
        if differs and context.from_tasks:
            message = f"another task of article {article_id} shows a different text {name!r}"
            return {}, Rejection("article-conflict", message)
        resolve = rendered.resolve if isinstance(rendered, RenderedHtml) else None
        differs |= rendered is None and context.from_tasks  # another task has the text, this task did not show it
        index = shown.index if differs or isinstance(rendered, str | None) else _index(rendered)
        texts[name] = replace(shown, index=index, differs=differs, resolve=resolve) if differs or resolve else shown
    return texts, None


def _index(shown: RenderedHtml | str) -> TextIndex:
    return TextIndex(shown) if isinstance(shown, str) else TextIndex(shown.text, shown.seams)


def _unknown_article(
    context: CorpusSpec, article_id: str, main: RenderedHtml | str | None, read: Callable[[str], bytes | None]
) -> Rejection:
    """Return the Rejection of a task without an article; it names the seed that equals or resembles the `main` text."""
    message = f"article {article_id!r} is not in seeds/articles.toml"
    text = _plain_text(main or "")
    resembled = context.seed_index.resembled(text, read)
    if resembled is None:
        return Rejection("unknown-article", message)
    key, seed = resembled
    if text == seed:
        return Rejection("unknown-article", f"{message}; the task shows the text of article {key!r}")
    return Rejection("text-differs", f"{message}; the text resembles article {key!r}: {_difference(seed, text)}")


def _plain_text(shown: RenderedHtml | str) -> str:
    return shown.text if isinstance(shown, RenderedHtml) else shown


def _shown_text(
    context: CorpusSpec, value: Any, name: str, read: Callable[[str], bytes | None]
) -> tuple[str | None, Rejection | None]:
    """Return the text in a task's data, resolved with the corpus's references, and None; else None and a Rejection."""
    if value is None:
        return None, Rejection("no-text", f"the task's data have no field {name!r}")
    if not isinstance(value, str):
        return None, Rejection(
            "no-text", f"field {name!r} of the task's data contains {kind_of(value)}; expected a text"
        )
    path = context.corpus.articles.references.get(value.strip())
    if path is not None:
        text = as_text(read(path))
        missing = f"the file {path}, to which {value!r} refers, does not exist"
        return text, None if text is not None else Rejection("no-text", missing)
    if is_reference(value):
        return None, Rejection(
            "text-is-reference", f"field {name!r} contains the reference {value.strip()[:200]!r}; expected a text"
        )
    return value, None


def _difference(seed: str, shown: str) -> str:
    at = next((n for n, (a, b) in enumerate(zip(seed, shown, strict=False)) if a != b), min(len(seed), len(shown)))
    pieces = shown_apart(shown[at : at + 20], seed[at : at + 20])
    return (
        f"from offset {at} on, the task's text ({len(shown)} code points) is {pieces[0]}, "
        f"but the seed ({len(seed)} code points) is {pieces[1]}"
    )
