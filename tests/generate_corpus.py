"""A corpus made by a seeded generator: any size, two texts an article, layers with everything, some hard cases.

`python tests/generate_corpus.py DIR --articles 300` writes one to look at.
"""

from __future__ import annotations

import argparse
import json
import random
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

CORPUS = """\
name = "generated"
version = "0.3.0"
title = "A generated corpus"
languages = ["en"]

[splits]
train = 3
validation = 1
test = 1

[articles]
from_tasks = true
id_field = "key"
event_field = "event"
language = "en"
redistribute = true
"""

CODEBOOK = """\
[codebook]
version = "0.3.0"
title = "Generated"

[texts.body]
field = "text"
[texts.head]
field = "title"

[layers.names]
text = "body"
[layers.names.labels.PER]
[layers.names.labels.ORG]
[layers.names.labels.PLACE]
[layers.names.attributes.sort]
kind = "choice"
[layers.names.attributes.sort.values.full]
[layers.names.attributes.sort.values.short]
[layers.names.attributes.who]
kind = "ref"
many = true
[layers.names.attributes.remark]
kind = "text"

[layers.frames]
text = "body"
multiple = true
[layers.frames.labels.blame]
[layers.frames.labels.praise]
[layers.frames.labels.fear]
[layers.frames.attributes.strength]
kind = "rating"
[layers.frames.relations.actor]
to = ["names"]
[layers.frames.relations.answers]
to = ["frames"]

[layers.loaded]
text = "head"
[layers.loaded.labels.WORD]

[document.tone]
kind = "choice"
many = true
text = "body"
[document.tone.values.calm]
[document.tone.values.shrill]
[document.score]
kind = "number"
text = "head"
"""

ANNOTATORS = """\
[ann]
kind = "human"
ids = [1]
[ben]
kind = "human"
ids = [2]
[eve]
kind = "human"
role = "adjudicator"
ids = [3]
"""

ENTITIES = """\
[aster]
type = "PER"
qid = "Q1"
names = { Aster = "short" }
[borealis]
type = "ORG"
names = { Borealis = "short" }
"""

WORDS = (
    *("Aster", "Borealis", "Côte", "d’Ivoire", "said", "that", "the", "talks", "in", "Île-de-France", "🇫🇷", "were"),
    *("'frank'", "and", "useful", "👩‍👩‍👧‍👦", "naïve", "e\u0301te\u0301", "zero\u200bwidth", "北京", "went", "on,"),
    *("while", "𝒜𝓈𝓉𝑒𝓇", "denied", '"everything";', "tab\there", "\\n", "back"),
)
LABELS = {"names": ("PER", "ORG", "PLACE"), "frames": ("blame", "praise", "fear"), "loaded": ("WORD",)}


def write_corpus(
    root: Path,
    tasks: Iterable[dict[str, Any]],
    *,
    name: str = "export.json",
    corpus: str = CORPUS,
    codebook: str = CODEBOOK,
) -> Path:
    """Write a corpus folder with all `tasks` in one export file; `.jsonl` gives JSON Lines."""
    annotations = root / "annotations"
    (annotations / "exports").mkdir(parents=True, exist_ok=True)
    registries = {"corpus": corpus, "codebook": codebook, "annotators": ANNOTATORS, "entities": ENTITIES}
    for key, text in registries.items():
        (annotations / f"{key}.toml").write_text(text, encoding="utf-8")
    write_export(annotations / "exports" / name, tasks)
    return root


def write_export(
    path: Path, tasks: Iterable[dict[str, Any]], *, indent: int | None = None, ascii_only: bool = False
) -> None:
    """Write an export task by task, as its name says: a list, or JSON Lines."""
    lines = path.suffix == ".jsonl"
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", encoding="utf-8") as sink:
        sink.write("" if lines else "[")
        for number, task in enumerate(tasks):
            sink.write(("" if lines else ",\n") * bool(number))
            sink.write(json.dumps(task, ensure_ascii=ascii_only, indent=None if lines else indent) + "\n" * lines)
        sink.write("" if lines else "]\n")


def make_tasks(
    count: int, *, seed: int = 0, regions: int = 6, hard: bool = True, annotators: int = 3
) -> Iterator[dict[str, Any]]:
    """`count` tasks, one at a time. With `hard`, about one in three has something wrong or unusual."""
    for number in range(count):
        made = _Task(random.Random(f"{seed}-{number}"), number, regions)
        task = made.task(annotators)
        extra = _make_hard(task, number // 3, made) if hard and number % 3 == 0 else None
        yield task
        if extra:
            yield extra


class _Task:
    def __init__(self, chance: random.Random, number: int, regions: int):
        self.chance, self.number, self.regions = chance, number, regions
        paragraphs = [" ".join(chance.choices(WORDS, k=chance.randint(8, 30))) for _ in range(chance.randint(1, 5))]
        self.text = chance.choice(("\n", "\n\n", "\r\n")).join(paragraphs)
        self.title = " ".join(chance.choices(WORDS, k=5))

    def task(self, annotators: int) -> dict[str, Any]:
        people = range(1, annotators + 1)
        return {
            "id": self.number + 1,
            "data": {
                "key": f"art-{self.number:05d}",
                "event": f"event-{self.number // 4}",
                "text": self.text,
                "title": self.title,
                "outlet": self.chance.choice(("Dawn", "Dusk")),
            },
            "annotations": [self.annotation(person, star=person == 3 or annotators == 1) for person in people],
            "predictions": [{"result": []}] if self.number % 7 == 0 else [],
            "drafts": [],
        }

    def annotation(self, person: int, *, star: bool) -> dict[str, Any]:
        items: list[dict[str, Any]] = []
        ids: dict[str, list[str]] = {layer: [] for layer in LABELS}
        for place in range(self.regions):
            layer = self.chance.choice(tuple(LABELS))
            name = f"r{person}-{place}"
            item = self.region(layer, name)
            if item is None:
                continue
            items.append(item)
            items.extend(self.values(layer, item))
            ids[layer].append(name)
        for source in ids["frames"]:
            for target, label in ((ids["names"], "actor"), (ids["frames"], "answers")):
                if target and self.chance.random() < 0.5:
                    arrow = {"from_id": source, "to_id": self.chance.choice(target), "direction": "right"}
                    items.append({**arrow, "type": "relation", "labels": [label]})
        if self.chance.random() < 0.5:
            value = {"choices": self.chance.sample(("calm", "shrill"), self.chance.randint(1, 2))}
            items.append({"from_name": "tone", "to_name": "body", "type": "choices", "value": value})
        if self.chance.random() < 0.3:
            value = {"number": self.chance.choice((1, 2.5, -0.1))}
            items.append({"from_name": "score", "to_name": "head", "type": "number", "value": value})
        return {"id": self.number * 10 + person, "completed_by": person, "ground_truth": star, "result": items}

    def region(self, layer: str, name: str) -> dict[str, Any] | None:
        text = self.title if layer == "loaded" else self.text
        start = self.chance.randrange(len(text))
        end = min(len(text), start + self.chance.randint(1, 25))
        piece = text[start:end]
        if not piece.strip():
            return None
        start, end = start + len(piece) - len(piece.lstrip()), end - len(piece) + len(piece.rstrip())
        count = self.chance.randint(1, 2) if layer == "frames" else 1
        labels = self.chance.sample(LABELS[layer], count)
        return {
            "id": name,
            "from_name": layer,
            "to_name": "head" if layer == "loaded" else "body",
            "type": "labels",
            "value": {"start": start, "end": end, "text": text[start:end], "labels": labels},
        }

    def values(self, layer: str, item: dict[str, Any]) -> Iterator[dict[str, Any]]:
        given: list[tuple[str, str, dict[str, Any]]] = []
        if layer == "names":
            given.append(("names_sort", "choices", {"choices": [self.chance.choice(("full", "short"))]}))
            given.append(("names_who", "choices", {"choices": self.chance.sample(("aster", "borealis"), 2)}))
            given.append(("names_remark", "textarea", {"text": ['a note — "so"\nand so']}))
        if layer == "frames":
            given.append(("frames_strength", "rating", {"rating": self.chance.randint(1, 5)}))
        for control, kind, value in given:
            if self.chance.random() < 0.4:
                place = {key: item["value"][key] for key in ("start", "end", "text")}
                yield {**item, "from_name": control, "type": kind, "value": {**place, **value}}


def _make_hard(task: dict[str, Any], kind: int, made: _Task) -> dict[str, Any] | None:
    """Change a task into a hard case; for some, another task is added."""
    annotations = task["annotations"]
    regions = [item for item in annotations[-1]["result"] if item["type"] == "labels"]
    kind %= 12
    if kind == 0:
        annotations.clear()
    elif kind == 1:
        for annotation in annotations:
            annotation["result"] = []
    elif kind == 2:
        for annotation in annotations:
            annotation["was_cancelled"] = True
    elif kind == 3:  # the same article in a second task, with another annotation
        again = {**task, "id": 100_000 + made.number, "annotations": [made.annotation(2, star=False)]}
        again["annotations"][0]["id"] += 500_000
        again["data"] = {**task["data"], "outlet": "Noon"}
        return again
    elif kind == 4:  # the same task exported twice
        return json.loads(json.dumps(task))
    elif kind == 5:  # offsets counted in UTF-16 units
        for item in regions:
            text = made.title if item["to_name"] == "head" else made.text
            for edge in ("start", "end"):
                item["value"][edge] = len(text[: item["value"][edge]].encode("utf-16-le")) // 2
    elif kind == 6:
        for annotation in annotations:
            annotation["ground_truth"] = False
    elif kind == 7:
        for item in regions[:2]:
            item["value"]["labels"] = ["NOBODY"]
    elif kind == 8:
        annotations[-1]["result"] += [
            {"type": "relation", "from_id": "gone", "to_id": "lost", "direction": "right", "labels": ["actor"]},
            {
                "id": "gone",
                "from_name": "names_sort",
                "to_name": "body",
                "type": "choices",
                "value": {"choices": ["full"]},
            },
            {"id": "x", "from_name": "boxes", "to_name": "body", "type": "rectanglelabels", "value": {"x": 1}},
            None,
        ]
    elif kind == 9:  # regions without ids, and one twice
        for item in regions:
            item.pop("id")
        annotations[-1]["result"] += regions[:1]
    elif kind == 10:
        return {**json.loads(json.dumps(task)), "data": {**task["data"], "text": "Another text under the same key."}}
    else:
        task["data"]["text"] = None
    return None


def main() -> None:
    """Write a corpus folder from the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--articles", type=int, default=300)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--regions", type=int, default=6)
    parser.add_argument("--name", default="export.json")
    options = parser.parse_args()
    tasks = make_tasks(options.articles, seed=options.seed, regions=options.regions)
    write_corpus(options.folder, tasks, name=options.name)


if __name__ == "__main__":
    main()
