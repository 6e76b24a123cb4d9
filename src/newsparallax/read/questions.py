"""The questions that a dataset answers, as frames. `Dataset` says what each of them is."""

from __future__ import annotations

import warnings
from collections import defaultdict
from collections.abc import Collection, Iterator
from itertools import combinations, product
from typing import Any

import pandas as pd

from ..corpus import Layer, RequiredWhen
from .opened import Opened
from .rows import ANY, WORDS, Row, framed

PLACE: dict[str, Any] = {"span_id": WORDS, "article_id": WORDS, "event_id": WORDS, "start": "int64", "end": "int64"}
PLACE |= {"support": "Int64", "overruled": "boolean", "annotator_kind": WORDS}
CONTEXT = 60  # code points on each side of a term
KINDS = ("softer", "harsher", "plain")
UNNAMED = "unnamed"
OWN, QUOTED = "own", "quoted"

Dtypes = dict[str, Any]
End = tuple[str | None, str | None]  # id and name of an entity at an end of a relation


class MissingRole(UserWarning):
    """The codebook of a dataset gives no layer the role that a question needs, so the answer has no rows."""


# A report leaves out what has no role, and says nothing of it.
warnings.filterwarnings("ignore", category=MissingRole, module=r"newsparallax\.")


def _warn(dataset: Opened, question: str, what: str, key: str) -> None:
    message = f"{question}() has no rows: the codebook of {dataset.name} names no layer of {what} ({key})"
    warnings.warn(message, MissingRole, stacklevel=4)  # the line that asked the Dataset


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


def _holds(row: Row, when: RequiredWhen | None) -> bool:
    """Return whether the attribute of `when` has one of its values; it may have several."""
    value = row[when.attribute] if when else None
    return when is not None and any(one in when.values for one in (value if isinstance(value, list) else [value]))


def _on_a_line(words: str | None) -> str | None:
    return None if words is None else " ".join(words.split())


def _attributes(name: str, layer: Layer, taken: Collection[str], keys: Collection[str] | None = None) -> dict[str, str]:
    """Map the attributes of a layer to their columns: their own names, or LAYER.NAME where a column has the name."""
    wanted = layer.attributes if keys is None else [key for key in layer.attributes if key in keys]
    return {key: f"{name}.{key}" if key in taken else key for key in wanted}


def _dtypes(layer: Layer, columns: dict[str, str]) -> Dtypes:
    """Return the dtypes of attributes; choices have their names as text."""
    made = {}
    for key, column in columns.items():
        field = layer.attributes[key]
        kinds = {"rating": "Int64", "number": "Float64"}
        made[column] = ANY if field.listed or field.kind == "taxonomy" else kinds.get(field.kind, WORDS)
    return made


_NAMING: Dtypes = {"entity_id": WORDS, "entity": WORDS, "type": WORDS, "outlet": WORDS, "name": WORDS}
_COUNTS: Dtypes = {"count": "int64", OWN: "int64", QUOTED: "int64", "first": "bool", "articles": ANY, "span_ids": ANY}


def naming(dataset: Opened, *, resolve: bool) -> pd.DataFrame:
    """Return names by entity and outlet."""
    name = dataset.codebook.roles.mentions
    if name is None:
        _warn(dataset, "naming", "mentions", "`mentions` under `[roles]`")
        return framed([], _NAMING | _COUNTS)
    layer = dataset.codebook.layers[name]
    choices = {key for key, field in layer.attributes.items() if field.kind == "choice"}
    columns = _attributes(name, layer, _NAMING | _COUNTS, choices)
    groups: dict[tuple[str, str, str], Row] = {}
    seen: set[tuple[str, str]] = set()
    for id_, row in _mentions(dataset, name, resolve=resolve):
        outlet, called = row["outlet"], _on_a_line(row["quote"])
        found = groups.setdefault(
            (id_, outlet, called or row["span_id"]),
            {column: row[key] for key, column in columns.items()}
            | {"entity_id": id_, "entity": dataset.entity(id_), "type": _type(dataset, id_), "outlet": outlet}
            | {"name": called, "first": (id_, outlet) not in seen}
            | {"count": 0, OWN: 0, QUOTED: 0, "articles": [], "span_ids": []},
        )
        seen.add((id_, outlet))
        found["count"] += 1
        if voice := voice_of(row):
            found[voice] += 1
        found["span_ids"].append(row["span_id"])
        if row["article_id"] not in found["articles"]:
            found["articles"].append(row["article_id"])
    return framed(list(groups.values()), _NAMING | _dtypes(layer, columns) | _COUNTS)


def _type(dataset: Opened, id_: str) -> str | None:
    known = dataset.entities.get(id_)
    return known.type if known else None


def _mentions(dataset: Opened, name: str, *, resolve: bool) -> Iterator[tuple[str, Row]]:
    """Yield (entity id, row) of all mentions, in the order of the articles and of their texts."""
    for row in sorted(dataset.rows(name), key=lambda row: (row["article_id"], row["start"], row["end"])):
        for id_ in meant(dataset.codebook.layers[name], row, resolve=resolve):
            yield id_, row


_STANCE: Dtypes = {"holder_id": WORDS, "holder": WORDS, "newsroom": "bool", "target_id": WORDS, "target": WORDS}
_STANCE |= {"label": WORDS, "polarity": "float64", "voice": WORDS, "voice_ids": ANY}
_QUOTE: Dtypes = {"outlet": WORDS, "quote": WORDS, **PLACE}


def stances(dataset: Opened, *, resolve: bool) -> pd.DataFrame:
    """Return stances by holder and target; a row a pair of them."""
    roles = dataset.codebook.roles.stances
    if roles is None:
        _warn(dataset, "stances", "stances", "`layer` under `[roles.stances]`")
        return framed([], _STANCE | _QUOTE)
    layer = dataset.codebook.layers[roles.layer]
    columns = _attributes(roles.layer, layer, _STANCE | _QUOTE)
    scale = {label: 2 * number / max(len(layer.ordered) - 1, 1) - 1 for number, label in enumerate(layer.ordered)}
    ends = _Ends(dataset, resolve=resolve)
    made: list[Row] = []
    for row in dataset.rows(roles.layer):
        newsroom = _holds(row, roles.newsroom)
        holders: list[End] = [(None, row["outlet"])] if newsroom else ends.of(row, roles.holder)
        shared = {column: row[key] for key, column in columns.items()} | {key: row[key] for key in _QUOTE}
        shared |= {"label": row["label"], "polarity": scale[row["label"]], "newsroom": newsroom}
        shared |= {"voice": voice_of(row), "voice_ids": row.get("voice_ids")}
        made += [
            shared | {"holder_id": holder[0], "holder": holder[1], "target_id": target[0], "target": target[1]}
            for holder, target in _each_other(holders or [_NOBODY], ends.of(row, roles.target) or [_NOBODY])
        ]
    return framed(made, _STANCE | _dtypes(layer, columns) | _QUOTE)


_NOBODY: End = (None, None)


def _each_other(holders: list[End], targets: list[End]) -> list[tuple[End, End]]:
    """Pair holders and targets. Where several of each hold a stance on one another, nobody is paired with itself."""
    mutual = len(holders) > 1 and len(targets) > 1
    return [(holder, target) for holder, target in product(holders, targets) if not (mutual and holder == target)]


class _Ends:
    """The ends of relations: ids and names of the entities, or the words of a mention without one."""

    def __init__(self, dataset: Opened, *, resolve: bool = True) -> None:
        self._dataset = dataset
        name = dataset.codebook.roles.mentions
        rows = dataset.rows(name) if name else []
        layer = dataset.codebook.layers[name] if name else Layer(labels={})
        self._ids = {row["span_id"]: meant(layer, row, resolve=resolve) for row in rows}

    def of(self, row: Row, relation: str | None) -> list[End]:
        """Return the (id, name) at the ends of a relation, each once."""
        made: dict[End, None] = {}
        for link in row[relation] if relation else ():
            ids = self._ids.get(link["span_id"])
            named: list[End] = [(id_, self._dataset.entity(id_)) for id_ in ids or ()]
            made |= dict.fromkeys(named or [(None, _on_a_line(link["quote"]))])
        return list(made)


_TERM: Dtypes = {"kind": WORDS, "label": WORDS, "left": WORDS, "wording": WORDS, "right": WORDS, "meaning": WORDS}
_TERM |= {"referent_ids": ANY, "referents": ANY, "users": ANY, "voice": WORDS, "voice_ids": ANY, "flagged": "boolean"}
_WHERE: Dtypes = {"outlet": WORDS, **PLACE}


def terms(dataset: Opened) -> pd.DataFrame:
    """Return terms in their contexts."""
    roles = dataset.codebook.roles.terms
    if roles is None:
        _warn(dataset, "terms", "terms", "`layer` under `[roles.terms]`")
        return framed([], _TERM | _WHERE)
    layer = dataset.codebook.layers[roles.layer]
    columns = _term_attributes(dataset)
    return framed(_terms(dataset), _TERM | _dtypes(layer, columns) | _WHERE)


def _term_attributes(dataset: Opened) -> dict[str, str]:
    """Map the attributes of terms to their columns, without those that `meaning` and `flagged` show."""
    roles = dataset.codebook.roles.terms
    if roles is None:
        return {}
    layer = dataset.codebook.layers[roles.layer]
    shown = {roles.meaning, roles.flagged.attribute if roles.flagged else None}
    return _attributes(roles.layer, layer, _TERM | _WHERE, set(layer.attributes) - shown)


def _terms(dataset: Opened) -> list[Row]:
    roles = dataset.codebook.roles.terms
    if roles is None:
        return []
    layer, columns = dataset.codebook.layers[roles.layer], _term_attributes(dataset)
    kinds = {label: kind for kind in KINDS for label in getattr(roles, kind)}
    ends = _Ends(dataset)
    made = []
    for row in dataset.rows(roles.layer):
        text = dataset.articles[row["article_id"]].get("text")
        ids = meant(layer, row)
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
            "flagged": _holds(row, roles.flagged) if roles.flagged else None,
        }
        shared = {key: row.get(key) for key in ("label", "voice_ids", *_WHERE)}
        made.append({column: row[key] for key, column in columns.items()} | shared | values)
    return made


_PAIR: Dtypes = dict.fromkeys(
    ["event_id", "referent", "outlet_a", "kind_a", "wording_a", "outlet_b", "kind_b", "wording_b"], WORDS
)
_PAIR |= dict.fromkeys(["article_a", "article_b", "referent_id"], WORDS)
Wording = tuple[str, str | None]  # kind and words


def pairs(dataset: Opened) -> pd.DataFrame:
    """Return wordings of one referent in two articles of an event."""
    if dataset.codebook.roles.terms is None:
        _warn(dataset, "pairs", "terms", "`layer` under `[roles.terms]`")
    wordings: dict[str, dict[End, dict[str, dict[Wording, None]]]] = defaultdict(
        lambda: defaultdict(lambda: defaultdict(dict))
    )  # event -> referent -> article -> wordings
    outlets: dict[str, dict[str, str | None]] = defaultdict(dict)
    for id_, article in dataset.articles.items():
        outlets[article["event_id"]].setdefault(_telling(dataset, id_), article["outlet"])
    for term in _terms(dataset):
        named: list[End] = list(zip(term["referent_ids"], term["referents"], strict=True))
        if not named and term["meaning"]:
            named = [(None, term["meaning"])]
        for referent in named:
            telling = _telling(dataset, term["article_id"])
            wordings[term["event_id"]][referent][telling][term["kind"], term["wording"]] = None
    made = [
        {"event_id": event, "referent": referent[1], "referent_id": referent[0], "article_a": a, "article_b": b}
        | {"outlet_a": outlets[event][a], "kind_a": kind_a, "wording_a": wording_a}
        | {"outlet_b": outlets[event][b], "kind_b": kind_b, "wording_b": wording_b}
        for event, referents in wordings.items()
        for referent, said in sorted(referents.items(), key=lambda item: (item[0][1] or "", item[0][0] or ""))
        for a, b in combinations(sorted(outlets[event]), 2)
        if a in said or b in said
        for kind_a, wording_a in said.get(a, {(UNNAMED, None): None})
        for kind_b, wording_b in said.get(b, {(UNNAMED, None): None})
    ]
    return framed(made, _PAIR)


def _telling(dataset: Opened, id_: str) -> str:
    """Return the id of the article: its other texts, such as a headline, are rows with ids of their own."""
    name: str | None = dataset.articles[id_].get("text_name")
    return id_ if name is None or name == dataset.codebook.main_text else id_.removesuffix(f".{name}")


_SPOKEN: Dtypes = {"speakers": ANY, "speaker_ids": ANY}
_SAID: Dtypes = {"quote": WORDS, "outlet": WORDS, "within": WORDS, **PLACE}


def quotes(dataset: Opened) -> pd.DataFrame:
    """Return quotations and their speakers."""
    made: list[Row] = []
    extra: Dtypes = {}
    ends = _Ends(dataset)
    if not dataset.codebook.speakers:
        _warn(dataset, quotes.__name__, "quotations", "`speaker` of a layer")
    for name, speaker in dataset.codebook.speakers.items():
        layer = dataset.codebook.layers[name]
        columns = _attributes(name, layer, _SPOKEN | _SAID)
        extra |= _dtypes(layer, columns)
        for row in dataset.rows(name):
            said = ends.of(row, speaker)
            made.append(
                {column: row[key] for key, column in columns.items()}
                | {key: row[key] for key in ("outlet", "quote", *PLACE)}
                | {"speaker_ids": [id_ for id_, _ in said if id_], "speakers": [who for _, who in said]}
                | {"within": row["quote_id"]}
            )
    return framed([dict.fromkeys(extra) | row for row in made], _SPOKEN | extra | _SAID)
