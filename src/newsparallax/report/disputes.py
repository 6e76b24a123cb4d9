"""The places of an event where annotators differ, and those where the gold differs from annotators who agree."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator
from typing import Any

from ..agreement import match_spans
from ..convert import Span
from ..read import Dataset
from .passages import block_id

Facts = dict[str, Any]
GOLD = ""  # in the place of an annotator's name
NOT_MARKED = "not marked"


def disputes(part: Dataset) -> tuple[list[Facts], list[Facts]]:
    """Return the disputed and the overruled places, in order of the articles and of their texts.

    Annotators count with their last annotation that is neither cancelled nor the adjudicated one. A place is disputed
    if they differ in whether and where it is marked, its labels, its values (texts do not count) or its relations. It
    is overruled if two or more annotators agree on it, and the adjudicated annotation differs from them.
    """
    votes: dict[str, list[Facts]] = defaultdict(list)
    for row in part.rows("votes"):
        votes[row["article_id"]].append(row)
    overruled = {row["span_id"] for layer in part.codebook.layers for row in part.rows(layer) if row.get("overruled")}
    disputed, against = [], []
    for id_, article in part.articles.items():
        for place in _Article(part, article, votes[id_]).places():
            if place["differs"]:
                disputed.append(place)
            if (place["gold_differs"] and not place["differs"]) or place["span_id"] in overruled:
                against.append(place)
    return disputed, against


class _Article:
    """The votes of an article, matched into places."""

    def __init__(self, part: Dataset, article: Facts, votes: list[Facts]) -> None:
        self._codebook, self._article = part.codebook, article
        made = [each for each in article["annotations"] if not each["cancelled"]]
        starred = {each["annotation_id"] for each in made if each["ground_truth"]}
        people = {each["annotator"] or each["annotation_id"]: each for each in made if not each["ground_truth"]}
        self._people = sorted(people)
        self._kinds = {name: each["annotator_kind"] for name, each in people.items()}
        self._names = {each["annotation_id"]: name for name, each in people.items()}
        self._adjudicated = article["annotation_id"] in starred
        if self._adjudicated:
            self._names[article["annotation_id"]] = GOLD
        self._votes = [row for row in votes if row["annotation_id"] in self._names]
        self._shown = {row["span_id"]: row for layer in part.codebook.layers for row in article.get(layer) or ()}

    def places(self) -> Iterator[Facts]:
        """Yield every place that someone marked, with who said what."""
        if len(self._people) < 2:
            return
        clusters = list(self._clusters())
        number = {row["span_id"]: at for at, cluster in enumerate(clusters) for row in cluster.values()}
        for cluster in sorted(clusters, key=_order):
            said = {name: self._said(cluster.get(name), number) for name in self._people}
            differs = _differing(list(said.values()))
            place = self._place(cluster) | {"differs": differs, "gold": None, "gold_differs": []}
            if self._adjudicated:
                gold = self._said(cluster.get(GOLD), number)
                place["gold_differs"] = _differing([gold, said[self._people[0]]])
                place["gold"] = self._words(cluster.get(GOLD), differs or place["gold_differs"])
            shown = differs or place["gold_differs"]
            place["said"] = [
                {"who": name, "kind": self._kinds[name], "words": self._words(cluster.get(name), shown)}
                for name in self._people
            ]
            yield place

    def _clusters(self) -> Iterator[dict[str, Facts]]:
        """Yield the votes about one place, by annotator; spans are matched as for the measures of agreement."""
        layers = dict.fromkeys(row["layer"] for row in self._votes)
        for layer in layers:
            rows = [row for row in self._votes if row["layer"] == layer]
            whole = [row for row in rows if row["start"] is None]  # values about the article
            if whole:
                yield {self._names[row["annotation_id"]]: row for row in whole}
            clusters: list[dict[str, Facts]] = []
            for name in [*self._people, GOLD]:
                own = [row for row in rows if row["start"] is not None and self._names[row["annotation_id"]] == name]
                _join(clusters, name, own)
            yield from clusters

    def _said(self, row: Facts | None, number: dict[str, int]) -> Facts:
        """Return what an annotator said of a place, in a form that can be compared."""
        if row is None:
            return {"marked": False}
        said: Facts = {"marked": True, "labels": sorted(row["labels"])}
        if row["start"] is not None:
            said["span"] = (row["start"], row["end"])
        for name, value in self._values(row):
            said.setdefault(name, []).append(value)
        for link in row["relations"]:
            said.setdefault(link["name"], []).append(number.get(link["span_id"], -1))
        return {key: sorted(value) if isinstance(value, list) else value for key, value in said.items()}

    def _values(self, row: Facts) -> Iterator[tuple[str, str]]:
        layer = self._codebook.layers.get(row["layer"])
        for each in row["attributes"]:
            field = layer.attributes.get(each["name"]) if layer else None
            if field is None or field.kind != "text":
                yield each["name"], each["value"]

    def _words(self, row: Facts | None, differs: list[str]) -> str:
        """Return the labels of a vote, and what differs of it."""
        if row is None:
            return NOT_MARKED
        parts = ["+".join(row["labels"])]
        if "span" in differs or "marked" in differs:
            parts += [f"{row['start']}–{row['end']}" + (f" “{_short(row['quote'])}”" if row["quote"] else "")]
        parts += [f"{name}: {value}" for name, value in self._values(row) if name in differs or not row["labels"]]
        for link in row["relations"]:
            if link["name"] in differs:
                words = f"“{_short(link['quote'])}”" if link["quote"] else f"{link['start']}–{link['end']}"
                parts.append(f"{link['name']} → {words}")
        return "; ".join(filter(None, parts))

    def _place(self, cluster: dict[str, Facts]) -> Facts:
        """Return where a place is: the span of the gold there if the page shows one, else the offsets alone."""
        row = cluster.get(GOLD) or next(iter(cluster.values()))
        shown = next((each["span_id"] for each in cluster.values() if each["span_id"] in self._shown), None)
        if shown is None:
            at = ((id_, each) for id_, each in self._shown.items() if _extent(each) == _extent(row))
            shown = next((id_ for id_, each in at if each.get("label") in row["labels"]), None)
        article = self._article
        blocks = (block for block in article["blocks"] if row["start"] is not None)
        starts = (block["start"] for block in blocks if block["start"] <= row["start"] < block["end"])
        within = next((block_id(article["article_id"], start) for start in starts), None)
        return {
            "article_id": article["article_id"], "outlet": article["outlet"], "layer": row["layer"],
            "start": row["start"], "end": row["end"], "quote": row["quote"], "span_id": shown, "href": shown or within,
        }  # fmt: skip


def _join(clusters: list[dict[str, Facts]], name: str, own: list[Facts]) -> None:
    """Add the spans of one more annotator to the places, each to the one that it matches, else to a new one."""
    rows = {row["span_id"]: row for row in own}
    at = {next(iter(cluster.values()))["span_id"]: cluster for cluster in clusters}
    first = _by_extent(next(iter(cluster.values())) for cluster in clusters)
    for known, new in match_spans(first, _by_extent(own)):
        if new is not None and known is not None:
            at[known.span_id][name] = rows[new.span_id]
        elif new is not None:
            clusters.append({name: rows[new.span_id]})


def _by_extent(rows: Iterable[Facts]) -> dict[tuple[int, int], list[Span]]:
    made: dict[tuple[int, int], list[Span]] = defaultdict(list)
    for row in rows:
        values = {each["name"]: each["value"] for each in row["attributes"]}
        start, end = row["start"], row["end"]
        labels = tuple(row["labels"])
        made[start, end].append(
            Span(row["span_id"], row["layer"], None, "", start, end, labels, None, (None, None), {}, [], values)
        )
    return dict(made)


def _differing(said: list[Facts]) -> list[str]:
    """Return the aspects in which some differ; those that did not mark the place differ in that alone."""
    marked = [each for each in said if each["marked"]]
    differs = [] if len(marked) in (0, len(said)) else ["marked"]
    keys = dict.fromkeys(key for each in marked for key in each)
    return differs + [key for key in keys if any(each.get(key) != marked[0].get(key) for each in marked)]


def _extent(row: Facts) -> tuple[int | None, int | None]:
    return row["start"], row["end"]


def _order(cluster: dict[str, Facts]) -> tuple[int, int, str, str]:
    row = next(iter(cluster.values()))
    return -1 if row["start"] is None else row["start"], row["end"] or 0, row["layer"], row["span_id"]


def _short(words: str) -> str:
    line = " ".join(words.split())
    return line if len(line) <= 60 else line[:59] + "…"
