"""The questions that a dataset answers, as frames. `Dataset` says what each of them is."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from itertools import combinations
from typing import Any

import pandas as pd

from ..corpus import Layer
from .opened import Opened
from .rows import Row

PLACE = ("span_id", "article_id", "event_id", "start", "end", "support", "overruled", "annotator_kind")
CONTEXT = 60  # code points on each side of a term
KINDS = ("softer", "harsher", "plain")
UNNAMED = "unnamed"
OWN, QUOTED = "own", "quoted"


def voice_of(row: Row) -> str | None:
    """Return whose voice a span is in: own, quoted, or None in a corpus without a layer of quotations."""
    if "quote_id" not in row:
        return None
    return OWN if row["quote_id"] is None else QUOTED


def meant(layer: Layer, row: Row, *, resolve: bool = True) -> list[str]:
    """Return the ids of the entities that a span means; without `resolve`, of those that its words name."""
    if resolve and "referent_ids" in row:
        ids: list[str] = row["referent_ids"]
        return ids
    value = row.get(layer.referent[-1]) if layer.referent else None
    return [value] if isinstance(value, str) else value or []


def _on_a_line(words: str | None) -> str | None:
    return None if words is None else " ".join(words.split())


def _choices(layer: Layer) -> list[str]:
    return [key for key, field in layer.attributes.items() if field.kind == "choice"]


def naming(dataset: Opened, *, resolve: bool) -> pd.DataFrame:
    """Return names by entity and outlet."""
    name = dataset.codebook.roles.mentions
    choices = _choices(dataset.codebook.layers[name]) if name else []
    groups: dict[tuple[str, str, str], Row] = {}
    seen: set[tuple[str, str]] = set()
    for id_, row in _mentions(dataset, resolve=resolve):
        outlet, called = row["outlet"], _on_a_line(row["quote"])
        found = groups.setdefault(
            (id_, outlet, called or row["span_id"]),
            {"entity_id": id_, "entity": dataset.entity(id_), "type": _type(dataset, id_), "outlet": outlet}
            | {"name": called}
            | {key: row[key] for key in choices}
            | {"count": 0, OWN: 0, QUOTED: 0, "first": (id_, outlet) not in seen, "articles": [], "span_ids": []},
        )
        seen.add((id_, outlet))
        found["count"] += 1
        if voice := voice_of(row):
            found[voice] += 1
        found["span_ids"].append(row["span_id"])
        if row["article_id"] not in found["articles"]:
            found["articles"].append(row["article_id"])
    columns = ["entity_id", "entity", "type", "outlet", "name", *choices]
    columns += ["count", OWN, QUOTED, "first", "articles", "span_ids"]
    return pd.DataFrame(list(groups.values()), columns=columns)


def _type(dataset: Opened, id_: str) -> str | None:
    known = dataset.entities.get(id_)
    return known.type if known else None


def _mentions(dataset: Opened, *, resolve: bool) -> Iterator[tuple[str, Row]]:
    """Yield (entity id, row) of all mentions, in the order of the articles and of their texts."""
    name = dataset.codebook.roles.mentions
    if name is None:
        return
    for row in sorted(dataset.rows(name), key=lambda row: (row["article_id"], row["start"], row["end"])):
        for id_ in meant(dataset.codebook.layers[name], row, resolve=resolve):
            yield id_, row


def stances(dataset: Opened, *, resolve: bool) -> pd.DataFrame:
    """Return stances by holder and target; a row a pair of them."""
    roles = dataset.codebook.roles.stances
    head = ["holder_id", "holder", "newsroom", "target_id", "target", "label", "polarity", "voice", "voice_ids"]
    if roles is None:
        return pd.DataFrame(columns=[*head, "outlet", "quote", *PLACE])
    layer = dataset.codebook.layers[roles.layer]
    scale = {label: 2 * number / max(len(layer.ordered) - 1, 1) - 1 for number, label in enumerate(layer.ordered)}
    ends = _Ends(dataset, resolve=resolve)
    made: list[Row] = []
    for row in dataset.rows(roles.layer):
        newsroom = roles.newsroom is not None and row[roles.newsroom.attribute] in roles.newsroom.values
        holders = [(None, row["outlet"])] if newsroom else ends.of(row, roles.holder)
        shared = {key: row[key] for key in ("outlet", "quote", *PLACE, *layer.attributes)}
        shared |= {"label": row["label"], "polarity": scale[row["label"]], "newsroom": newsroom}
        shared |= {"voice": voice_of(row), "voice_ids": row.get("voice_ids")}
        for holder_id, holder in holders or [(None, None)]:
            for target_id, target in ends.of(row, roles.target) or [(None, None)]:
                made.append(
                    shared | {"holder_id": holder_id, "holder": holder, "target_id": target_id, "target": target}
                )
    return pd.DataFrame(made, columns=[*head, *layer.attributes, "outlet", "quote", *PLACE])


class _Ends:
    """The ends of relations: ids and names of the entities, or the words of a mention without one."""

    def __init__(self, dataset: Opened, *, resolve: bool = True) -> None:
        self._dataset = dataset
        name = dataset.codebook.roles.mentions
        rows = dataset.rows(name) if name else []
        layer = dataset.codebook.layers[name] if name else Layer(labels={})
        self._ids = {row["span_id"]: meant(layer, row, resolve=resolve) for row in rows}

    def of(self, row: Row, relation: str | None) -> list[tuple[str | None, str | None]]:
        """Return the (id, name) at the ends of a relation, each once."""
        made: dict[tuple[str | None, str | None], None] = {}
        for link in row[relation] if relation else ():
            ids = self._ids.get(link["span_id"])
            named: list[tuple[str | None, str | None]] = [(id_, self._dataset.entity(id_)) for id_ in ids or ()]
            made |= dict.fromkeys(named or [(None, _on_a_line(link["quote"]))])
        return list(made)


def terms(dataset: Opened) -> pd.DataFrame:
    """Return terms in their contexts."""
    roles = dataset.codebook.roles.terms
    head = ["kind", "label", "left", "wording", "right", "meaning", "referent_ids", "referents", "users"]
    head += ["voice", "voice_ids", "flagged"]
    if roles is None:
        return pd.DataFrame(columns=[*head, "outlet", *PLACE])
    layer = dataset.codebook.layers[roles.layer]
    kinds = {label: kind for kind in KINDS for label in getattr(roles, kind)}
    ends = _Ends(dataset)
    made = []
    for row in dataset.rows(roles.layer):
        text = dataset.articles[row["article_id"]].get("text")
        ids = meant(layer, row)
        flag = roles.flagged
        values = {
            "kind": kinds.get(row["label"], row["label"]),
            "left": _on_a_line(text[max(0, row["start"] - CONTEXT) : row["start"]]) if text else None,
            "wording": _on_a_line(row["quote"]),
            "right": _on_a_line(text[row["end"] : row["end"] + CONTEXT]) if text else None,
            "meaning": row[roles.meaning] if roles.meaning else None,
            "referent_ids": ids,
            "referents": [dataset.entity(id_) for id_ in ids],
            "users": [name for _, name in ends.of(row, roles.user)],
            "voice": voice_of(row),
            "flagged": row[flag.attribute] in flag.values if flag else None,
        }
        used = flag.attribute if flag else None
        shared = {key: row.get(key) for key in ("label", "voice_ids", "outlet", *PLACE)}
        made.append({key: row[key] for key in layer.attributes if key not in (used, *values)} | shared | values)
    extra = [key for key in layer.attributes if key not in head and key not in (roles.meaning,)]
    return pd.DataFrame(made, columns=[*head, *extra, "outlet", *PLACE])


def pairs(dataset: Opened) -> pd.DataFrame:
    """Return wordings of one referent in two articles of an event."""
    wordings: dict[str, dict[str, dict[str, dict[tuple[str, str | None], None]]]] = defaultdict(
        lambda: defaultdict(lambda: defaultdict(dict))
    )  # event -> referent -> article -> (kind, wording)
    outlets: dict[str, dict[str, str | None]] = defaultdict(dict)
    for id_, article in dataset.articles.items():
        outlets[article["event_id"]][id_] = article["outlet"]
    for term in terms(dataset).to_dict("records"):
        for referent in term["referents"] or filter(None, [term["meaning"]]):
            wordings[term["event_id"]][referent][term["article_id"]][term["kind"], term["wording"]] = None
    made = [
        {"event_id": event, "referent": referent}
        | {"outlet_a": outlets[event][a], "kind_a": kind_a, "wording_a": wording_a}
        | {"outlet_b": outlets[event][b], "kind_b": kind_b, "wording_b": wording_b, "article_a": a, "article_b": b}
        for event, referents in wordings.items()
        for referent, said in sorted(referents.items())
        for a, b in combinations(sorted(outlets[event]), 2)
        if a in said or b in said
        for kind_a, wording_a in said.get(a, {(UNNAMED, None): None})
        for kind_b, wording_b in said.get(b, {(UNNAMED, None): None})
    ]
    columns = ["event_id", "referent", "outlet_a", "kind_a", "wording_a", "outlet_b", "kind_b", "wording_b"]
    return pd.DataFrame(made, columns=[*columns, "article_a", "article_b"])


def quotes(dataset: Opened) -> pd.DataFrame:
    """Return quotations and their speakers."""
    made: list[dict[str, Any]] = []
    keys: dict[str, None] = {}
    ends = _Ends(dataset)
    for name, speaker in dataset.codebook.speakers.items():
        attributes = dataset.codebook.layers[name].attributes
        keys |= dict.fromkeys(attributes)
        for row in dataset.rows(name):
            said = ends.of(row, speaker)
            made.append(
                {key: row[key] for key in ("outlet", "quote", *PLACE, *attributes)}
                | {"speaker_ids": [id_ for id_, _ in said if id_], "speakers": [who for _, who in said]}
                | {"within": row["quote_id"]}
            )
    return pd.DataFrame(made, columns=["speakers", "speaker_ids", *keys, "quote", "outlet", "within", *PLACE])
