"""Seeded Label Studio exports of any size, as real ones look: `python benchmarks/exports.py FOLDER --tasks 1000`.

Articles of about 3,000 characters; two annotators a task with about 60 result items each: spans in the layers of this
repository's codebook, choices and notes on each, arrows between them. One annotation is starred as ground truth in
most tasks. In every thousand tasks there is one of each hard case in HARD. A task depends on the seed and its number
alone, and is written as soon as it is made.
"""

from __future__ import annotations

import argparse
import json
import random
import shutil
import uuid
from bisect import bisect_right
from collections.abc import Callable, Iterator
from itertools import accumulate
from pathlib import Path
from typing import Any

from newsparallax.corpus import (
    Attribute,
    Codebook,
    Entity,
    Field,
    Relation,
    attribute_applies,
    attribute_control,
    exported,
    layer_control,
    read_toml,
    relation_label,
)

ROOT = Path(__file__).parents[1]
EVERY = 1000  # tasks among which each hard case occurs once
CORPUS = """\
name = "benchmark"
version = "0.1.0"
title = "A generated corpus"
languages = ["en"]

[splits]
train = 8
validation = 1
test = 1

[articles]
from_tasks = true
id_field = "article_id"
event_field = "event"
language = "en"
redistribute = true
"""
ANNOTATORS = """\
[first]
kind = "human"
ids = [1]
[second]
kind = "human"
ids = [2]
"""

PLACES = 17  # regions that an annotator may mark in a text; an annotation has about 60 items then
SHARES = {"entities": 20, "quotes": 4, "stances": 3, "cues": 3, "euphemisms": 1, "defects": 1}  # as in the annotations
SYLLABLES = ("ba", "ce", "dor", "el", "fin", "gra", "hel", "in", "jor", "ka", "lo", "men", "nor", "os", "pre", "qui",
             "ra", "sta", "ter", "un", "va", "wes", "yo", "zen")  # fmt: skip
SPECIAL = ("naïve", "Côte", "d’Ivoire", "Île-de-France", "“the", "talks”", "Győr", "Łódź", "—", "北京", '"so-called"')
EMOJI = ("🇫🇷", "👩‍👩‍👧‍👦", "🎉", "𝒜𝓈𝓉𝑒𝓇")

Item = dict[str, Any]
Task = dict[str, Any]


def vocabulary(chance: random.Random, size: int = 4000) -> tuple[list[str], list[float]]:
    """Words and their cumulative weights: few are frequent, and one in fifty is not ASCII."""
    words = ["".join(chance.choices(SYLLABLES, k=1 + chance.randrange(3))) for _ in range(size)]
    words = [word.capitalize() if number % 7 == 0 else word for number, word in enumerate(words)]
    words[::50] = [SPECIAL[number % len(SPECIAL)] for number in range(len(words[::50]))]
    return words, list(accumulate(1 / (rank + 20) for rank in range(size)))


class Exporter:
    """Makes tasks of a codebook; `every` is the number of tasks among which each hard case occurs once."""

    def __init__(self, codebook: Codebook, entities: dict[str, Entity], seed: int = 0, every: int = EVERY) -> None:
        self.codebook, self.seed, self.every = codebook, seed, every
        self.words, self.weights = vocabulary(random.Random(f"words-{seed}"))
        self.ids = list(entities)
        self.by_type: dict[str, list[str]] = {}
        for name, entity in entities.items():
            self.by_type.setdefault(entity.type, []).append(name)
        self.layers = [name for name in codebook.layers for _ in range(SHARES.get(name, 1))]
        self.hard = {(2 * place + 1) * every // (2 * len(HARD)): case for place, case in enumerate(HARD.values())}

    def task(self, number: int) -> Task:
        """The task with this number."""
        chance = random.Random(f"{self.seed}-{number}")
        case = self.hard.get(number % self.every)
        text, words = self._text(chance, "\r\n\r\n" if case is _crlf else "\n\n", astral=case is _utf16)
        places = self._places(chance, words)
        star = None if case is _undecided else chance.randrange(2)
        annotations = [
            _annotation(chance, number, who, self._result(chance, text, places), star=who == star) for who in (0, 1)
        ]
        task = {
            "id": number + 1,
            "annotations": annotations,
            "file_upload": f"{chance.getrandbits(32):08x}-articles.json",
            "drafts": [_draft(chance, number)] if number % 40 == 0 else [],
            "predictions": [_prediction(annotations[0])] if number % 20 == 0 else [],
            "data": {
                "article_id": f"{chance.getrandbits(48):012x}-{number:07d}",
                "event": f"event-{number // 3:07d}",
                "outlet": chance.choice(("Dawn", "Dusk", "Noon")),
                "published": f"2026-{1 + number % 12:02d}-{1 + number % 28:02d}",
                "text": text,
            },
            "meta": {},
            "created_at": _time(number),
            "updated_at": _time(number + 7),
            "allow_skip": True,
            "inner_id": number + 1,
            "total_annotations": 2,
            "cancelled_annotations": 0,
            "total_predictions": int(number % 20 == 0),
            "comment_count": 0,
            "unresolved_comment_count": 0,
            "last_comment_updated_at": None,
            "project": 1,
            "updated_by": 1,
            "comment_authors": [],
        }
        if case:
            case(task)
        return task

    def tasks(self, numbers: range) -> Iterator[Task]:
        """The tasks with these numbers, one at a time."""
        return map(self.task, numbers)

    def _text(self, chance: random.Random, between: str, *, astral: bool) -> tuple[str, list[tuple[int, int]]]:
        """A text, and where its words are."""
        words = chance.choices(self.words, cum_weights=self.weights, k=chance.randint(420, 560))
        if astral:
            words[0] = EMOJI[0]
        elif chance.randrange(8) == 0:
            words[chance.randrange(len(words))] = chance.choice(EMOJI)
        parts: list[str] = []
        found: list[tuple[int, int]] = []
        at = 0
        for number, word in enumerate(words):
            gap = (between if number % 60 == 0 else ". " if number % 14 == 0 else " ") if number else ""
            parts += (gap, word)
            at += len(gap)
            found.append((at, at + len(word)))
            at += len(word)
        return "".join(parts), found

    def _places(self, chance: random.Random, words: list[tuple[int, int]]) -> list[tuple[str, int, int]]:
        """Layer and offsets of what both may mark. No two places overlap; the first is in the first layer."""
        count = min(PLACES + chance.randint(-3, 3), len(words) // 4)
        firsts = chance.sample(range(1, len(words) - 3, 3), count)
        ends = [words[first + chance.choice((0, 0, 0, 1, 1, 2))][1] for first in firsts]
        layers = [self.layers[0], *chance.choices(self.layers, k=count - 1)]
        return [(layer, words[first][0], end) for layer, first, end in zip(layers, firsts, ends, strict=True)]

    def _result(self, chance: random.Random, text: str, places: list[tuple[str, int, int]]) -> list[Item]:
        """What one annotator marked: most of the places, with values and arrows."""
        items: list[Item] = []
        regions: dict[str, list[str]] = {}
        marked: list[tuple[str, str, dict[str, Any]]] = []
        for number, (name, start, end) in enumerate(places):
            if number and chance.random() < 0.08:
                continue
            layer = self.codebook.layers[name]
            label = chance.choice(list(layer.labels))
            region = _short_id(chance)
            place = {"start": start, "end": end, "text": text[start:end]}
            value = place | {"labels": [exported(label, layer.labels[label])]}
            items.append(_item(region, layer_control(name, layer), "labels", value))
            values: dict[str, Any] = {}
            for key, attribute in layer.attributes.items():
                given = self._value(chance, attribute, label, values)
                if given is not None:
                    values[key], kind, spelled = given
                    control = attribute_control(name, key, attribute)
                    items.append(_item(region, control, kind, place | spelled))
            regions.setdefault(name, []).append(region)
            marked.append((name, region, values))
        for name, region, values in marked:
            items += self._arrows(chance, name, region, values, regions)
        return items

    def _value(
        self, chance: random.Random, attribute: Attribute, label: str, values: dict[str, Any]
    ) -> tuple[Any, str, dict[str, Any]] | None:
        """A value that goes with the label: what it is, its type, and how an export spells it; None for none."""
        when = attribute.required_when
        needed = attribute.required or label in attribute.required_for
        if when:
            needed |= values.get(when.attribute) in when.values
        if not attribute_applies(attribute, (label,)) or (not needed and (when or chance.random() < 0.2)):
            return None
        return self._given(chance, attribute, self.by_type.get(label) if attribute.types_match_label else self.ids)

    def _given(
        self, chance: random.Random, field: Field, ids: list[str] | None
    ) -> tuple[Any, str, dict[str, Any]] | None:
        if field.kind == "choice":
            key = chance.choice(list(field.values))
            return key, "choices", {"choices": [exported(key, field.values[key])]}
        if field.kind == "ref":
            many = chance.sample(ids, min(len(ids), 1 + (field.many and chance.random() < 0.1))) if ids else []
            return (many, "choices", {"choices": many}) if many else None
        if field.kind == "text" and not field.pattern:
            note = " ".join(chance.choices(self.words, cum_weights=self.weights, k=6))
            return note, "textarea", {"text": [note]}
        number = chance.randint(1, 5)
        return (number, field.kind, {field.kind: number}) if field.kind in ("rating", "number") else None

    def _arrows(
        self, chance: random.Random, name: str, region: str, values: dict[str, Any], regions: dict[str, list[str]]
    ) -> Iterator[Item]:
        for key, relation in self.codebook.layers[name].relations.items():
            ends = [other for layer in relation.to for other in regions.get(layer, ()) if other != region]
            for end in chance.sample(ends, min(len(ends), _wanted(chance, relation, values))):
                arrow = {"from_id": region, "to_id": end, "type": "relation", "direction": "right"}
                yield arrow | {"labels": [relation_label(key, relation)]}


def _wanted(chance: random.Random, relation: Relation, values: dict[str, Any]) -> int:
    """How many arrows a span gets: as many as it needs, and often one more."""
    when = relation.required_when
    need = max(relation.min, 1 if when and values.get(when.attribute) in when.values else 0)
    more = need + (chance.random() < 0.6)
    return more if relation.max is None else min(more, relation.max)


def _item(region: str, control: str, kind: str, value: dict[str, Any]) -> Item:
    return {
        "id": region,
        "from_name": control,
        "to_name": "text",
        "type": kind,
        "origin": "manual",
        "value": value,
    }


def _annotation(chance: random.Random, number: int, who: int, result: list[Item], *, star: bool) -> dict[str, Any]:
    return {
        "id": 2 * number + who + 1,
        "completed_by": who + 1,
        "result": result,
        "was_cancelled": False,
        "ground_truth": star,
        "created_at": _time(number + who),
        "updated_at": _time(number + who + 3),
        "draft_created_at": _time(number + who),
        "lead_time": round(chance.uniform(60, 2000), 3),
        "prediction": {},
        "result_count": len(result),
        "unique_id": str(uuid.UUID(int=chance.getrandbits(128), version=4)),
        "import_id": None,
        "last_action": None,
        "bulk_created": False,
        "task": number + 1,
        "project": 1,
        "updated_by": who + 1,
        "parent_prediction": None,
        "parent_annotation": None,
        "last_created_by": None,
    }


def _draft(chance: random.Random, number: int) -> dict[str, Any]:
    return {"id": number + 1, "user": "first@example.org", "result": [], "lead_time": round(chance.uniform(1, 60), 3)}


def _prediction(annotation: dict[str, Any]) -> dict[str, Any]:
    """What a model marked before: some of what the first annotator did."""
    result = [item | {"origin": "prediction"} for item in annotation["result"][:10]]
    return {"id": annotation["id"], "task": annotation["task"], "model_version": "m", "score": 0.5, "result": result}


def _short_id(chance: random.Random) -> str:
    """Ten characters, as the labelling page makes them."""
    return f"{chance.getrandbits(60):015x}"[-10:]


def _time(number: int) -> str:
    minutes = number % (28 * 24 * 60)
    return f"2026-03-{1 + minutes // 1440:02d}T{minutes // 60 % 24:02d}:{minutes % 60:02d}:00.000000Z"


def _regions(task: Task) -> Iterator[Item]:
    """The result items that mark a region."""
    for annotation in task["annotations"]:
        yield from (item for item in annotation["result"] if item["type"] == "labels")


def _move(task: Task, foreign: Callable[[int], int]) -> None:
    """Write all offsets of a task as another program counts them."""
    for annotation in task["annotations"]:
        for item in annotation["result"]:
            if "value" in item:
                item["value"] |= {edge: foreign(item["value"][edge]) for edge in ("start", "end")}


def _utf16(task: Task) -> None:
    text = task["data"]["text"]
    units = [0, *accumulate(1 + (ord(character) > 0xFFFF) for character in text)]
    _move(task, units.__getitem__)


def _crlf(task: Task) -> None:
    text = task["data"]["text"]
    ends = [at for at in range(len(text)) if text.startswith("\r\n", at)]
    _move(task, lambda at: at - bisect_right(ends, at - 1))


def _cancelled(task: Task) -> None:
    annotation = next(found for found in task["annotations"] if not found["ground_truth"])
    annotation["was_cancelled"] = True


def _all_cancelled(task: Task) -> None:
    for annotation in task["annotations"]:
        annotation["was_cancelled"] = True


def _same_id_twice(task: Task) -> None:
    result = task["annotations"][0]["result"]
    result.append(result[0] | {"value": dict(result[0]["value"])})


def _unknown_label(task: Task) -> None:
    described = {item["id"] for item in task["annotations"][0]["result"] if item["type"] == "choices"}
    next(item for item in _regions(task) if item["id"] in described)["value"]["labels"] = ["NO_SUCH_LABEL"]


def _unknown_control(task: Task) -> None:
    last = list(_regions(task))[-1]
    last_result = task["annotations"][-1]["result"]
    last_result.append(_item(last["id"], "no_such_control", "choices", {"choices": ["yes"]}))


def _dangling(task: Task) -> None:
    result = task["annotations"][0]["result"]
    arrow = {"from_id": result[0]["id"], "to_id": "gone", "type": "relation", "direction": "right"}
    result.append(arrow | {"labels": ["target"]})


def _empty(task: Task) -> None:
    for annotation in task["annotations"]:
        annotation["result"] = []
        annotation["result_count"] = 0


def _unannotated(task: Task) -> None:
    task["annotations"] = []
    task["total_annotations"] = 0


def _loose_quotes(task: Task) -> None:
    """Quotes as the page shows them: without line breaks, with other spaces. The offsets are right."""
    for item in _regions(task):
        item["value"]["text"] = item["value"]["text"].replace("\n", "\\n").replace(" ", "  ")


def _undecided(_: Task) -> None:
    """No annotation is starred."""


HARD: dict[str, Callable[[Task], None]] = {
    "utf16": _utf16,
    "crlf": _crlf,
    "cancelled": _cancelled,
    "all-cancelled": _all_cancelled,
    "duplicate-region": _same_id_twice,
    "unknown-label": _unknown_label,
    "unknown-control": _unknown_control,
    "dangling-relation": _dangling,
    "empty": _empty,
    "unannotated": _unannotated,
    "loose-quotes": _loose_quotes,
    "undecided": _undecided,
}


def exporter(seed: int = 0, every: int = EVERY) -> Exporter:
    """One that makes tasks of this repository's codebook."""
    annotations = ROOT / "annotations"
    codebook = read_toml(annotations / "codebook.toml", Codebook)
    return Exporter(codebook, read_toml(annotations / "entities.toml", dict[str, Entity]), seed, every)


def write_corpus(folder: Path, tasks: int, *, seed: int = 0, shards: int = 1, every: int = EVERY) -> list[Path]:
    """Write a corpus folder with `tasks` tasks in `shards` files, one task at a time; the files."""
    annotations = folder / "annotations"
    (annotations / "exports").mkdir(parents=True)
    for name in ("codebook.toml", "entities.toml"):
        shutil.copyfile(ROOT / "annotations" / name, annotations / name)
    (annotations / "corpus.toml").write_text(CORPUS, encoding="utf-8")
    (annotations / "annotators.toml").write_text(ANNOTATORS, encoding="utf-8")
    maker = exporter(seed, every)
    files = []
    for shard in range(shards):
        numbers = range(tasks * shard // shards, tasks * (shard + 1) // shards)
        files.append(annotations / "exports" / f"part-{shard:05d}.json")
        write_export(files[-1], maker.tasks(numbers))
    return files


def write_export(path: Path, tasks: Iterator[Task]) -> None:
    """Write a list of tasks, each as soon as it is there, as Label Studio spells it."""
    with path.open("w", encoding="utf-8") as sink:
        sink.write("[")
        for number, task in enumerate(tasks):
            sink.write((", " if number else "") + json.dumps(task, ensure_ascii=False))
        sink.write("]")


def main() -> None:
    """Write a corpus folder from the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--tasks", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--shards", type=int, default=1)
    options = parser.parse_args()
    write_corpus(options.folder, options.tasks, seed=options.seed, shards=options.shards)


if __name__ == "__main__":
    main()
