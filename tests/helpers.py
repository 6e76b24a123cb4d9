"""Corpus folders out of plain values: what the tests of cases, exports and known failures share."""

from __future__ import annotations

import base64
import hashlib
import json
import os
import re
import resource
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pyarrow.parquet as pq
import tomlkit

from newsparallax.building import build
from newsparallax.corpus import open_corpus
from newsparallax.dataset import decode_manifest

ROOT = Path(__file__).parents[1]
CASES = ROOT / "tests/cases"
CORPORA = ROOT / "tests/corpora"
CODEBOOK = {
    "codebook": {"version": "1"},
    "texts": {"text": {"field": "text"}},
    "layers": {"spans": {"labels": {"PER": {}, "LOC": {}}}},
}
ANNOTATORS = {"a": {"kind": "human", "ids": [1]}, "b": {"kind": "human", "ids": [2]}}


def span(start: Any, end: Any, text: str | None = None, label: str = "PER", **rest: Any) -> dict[str, Any]:
    """A result item that marks a region, as Label Studio writes it; `rest` are more keys of the item."""
    value = {"start": start, "end": end, "labels": [label]} | ({} if text is None else {"text": text})
    return {"id": "r1", "from_name": "spans", "to_name": "text", "type": "labels", "value": value} | rest


def item(region: str, control: str, kind: str, value: dict[str, Any]) -> dict[str, Any]:
    """A result item that gives a value to a region, or to the article."""
    return {"id": region, "from_name": control, "to_name": "text", "type": kind, "value": value}


def task(text: Any, *annotations: Any, **rest: Any) -> dict[str, Any]:
    """A task; an annotation given as a list is the `result` of one that annotator 1 made."""
    made = [
        {"id": number, "completed_by": 1, "result": found} if isinstance(found, list) else found
        for number, found in enumerate(annotations, 11)
    ]
    return {"id": 1, "data": {"text": text}, "annotations": made} | rest


def write_corpus(folder: Path, case: dict[str, Any]) -> Path:
    """Write the corpus folder that a case describes; every part has a default.

    Keys of a case: codebook, corpus, annotators, entities (tables, as in the TOML files), waivers (a list), seeds and
    exports (file name -> content), articles (the table, or {} for none; by default every seed is listed), generated
    (path -> text). A content is text for a seed and a JSON value for an export, or {"raw": text}, {"base64": bytes},
    {"link": target}.
    """
    seeds = case.get("seeds", {})
    corpus = {"name": "case", "version": "0.1.0"} | ({} if seeds else {"articles": {"from_tasks": True}})
    _toml(folder / "annotations/corpus.toml", corpus | case.get("corpus", {}))
    _toml(folder / "annotations/codebook.toml", CODEBOOK | case.get("codebook", {}))
    _toml(folder / "annotations/annotators.toml", case.get("annotators", ANNOTATORS))
    _toml(folder / "annotations/entities.toml", case.get("entities", {}))
    _toml(folder / "annotations/waivers.toml", {"waivers": case.get("waivers", [])})
    for name, content in seeds.items():
        _write(folder / "seeds" / name, content)
    listed = {
        name.rpartition(".")[0]: {
            "file": name,
            "sha256": hashlib.sha256((folder / "seeds" / name).read_bytes()).hexdigest(),
        }
        for name in seeds
    }
    if seeds:
        _toml(folder / "seeds/articles.toml", case.get("articles", listed))
    for name, content in case.get("exports", {}).items():
        special = isinstance(content, dict) and content.keys() & {"raw", "base64", "link"}
        _write(folder / "annotations/exports" / name, content if special else json.dumps(content))
    for name, content in case.get("generated", {}).items():
        _write(folder / name, content)
    return folder


def _toml(path: Path, table: dict[str, Any]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(tomlkit.dumps(table), encoding="utf-8")


def _write(path: Path, content: Any) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    if isinstance(content, dict) and "link" in content:
        path.symlink_to(content["link"])
    elif isinstance(content, dict) and "base64" in content:
        path.write_bytes(base64.b64decode(content["base64"]))
    else:
        path.write_bytes((content["raw"] if isinstance(content, dict) else content).encode("utf-8", "surrogatepass"))


def limit_file_size(limit: int) -> Callable[[], None]:
    """Return a function for `preexec_fn` after which the process cannot write files of more than `limit` bytes.

    Python caches a module's code in a file and does not notice that it is cut off, so the cache is switched off (where
    the process inherits the environment).
    """

    def limit_now() -> None:
        os.environ["PYTHONDONTWRITEBYTECODE"] = "1"
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))

    return limit_now


class Dataset:
    """A built dataset: its folder, manifest, problems, and rows by config."""

    def __init__(self, place: Path):
        self.place = place
        self.manifest = decode_manifest((place / "manifest.json").read_bytes())
        self.counts: dict[str, Any] = msgspec.to_builtins(self.manifest.counts)
        self.problems = [json.loads(line) for line in (place / "problems.jsonl").read_bytes().splitlines()]

    @property
    def codes(self) -> dict[str, int]:
        return self.counts["problems"]

    @property
    def results(self) -> tuple[int, int, int]:
        """Result items accepted, repaired, quarantined; together they are those that came in."""
        found = tuple(self.counts[f"results_{end}"] for end in ("accepted", "repaired", "quarantined"))
        assert self.counts["results_in"] == sum(found)
        return found

    def problem(self, code: str) -> dict[str, Any]:
        """The only problem with this code."""
        (found,) = [problem for problem in self.problems if problem["code"] == code]
        return found

    def rows(self, config: str) -> list[dict[str, Any]]:
        files = sorted((self.place / config).glob("*.parquet"))
        return [row for path in files for row in pq.read_table(path).to_pylist()]

    def spans(self, config: str = "spans") -> list[tuple[int, int, str]]:
        """Start, end and quote of every gold span; each is what its article's text holds there."""
        texts = {row["article_id"]: row["text"] for row in self.rows("articles")}
        found = self.rows(config)
        assert all(texts[row["article_id"]][row["start"] : row["end"]] == row["quote"] for row in found)
        return [(row["start"], row["end"], row["quote"]) for row in found]


def build_case(folder: Path, case: dict[str, Any], *, read_back: bool = False) -> Dataset:
    """Build the corpus of a case. Reading back with `datasets` takes most of the time, so it is done where asked."""
    write_corpus(folder / "corpus", case)
    return Dataset(build(open_corpus(folder / "corpus"), folder / "built", verify=read_back).place)


def build_tasks(folder: Path, *tasks: Any, **case: Any) -> Dataset:
    """Build a corpus of one export with these tasks."""
    return build_case(folder, case | {"exports": {"a.json": list(tasks)}})


def build_raw(folder: Path, content: str | bytes, name: str = "a.json", **case: Any) -> Dataset:
    """Build a corpus of one export with exactly this content."""
    data = content.encode() if isinstance(content, str) else content
    return build_case(folder, case | {"exports": {name: {"base64": base64.b64encode(data).decode()}}})


def without_files(problem: dict[str, Any]) -> dict[str, Any]:
    """A problem without the names of files, which differ where the same tasks lie in other files."""
    message = re.sub(r"(task \S+) in .*?(?=, task |, and |$)", r"\1", problem["message"])
    return {**problem, "file": None, "message": message}
