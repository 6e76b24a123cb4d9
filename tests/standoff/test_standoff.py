"""A stand-off release has every row of the full build and no words of the articles that may not be passed on."""

from __future__ import annotations

import itertools
import json
import re
import tomllib
from pathlib import Path
from typing import Any
from unittest.mock import patch

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from helpers import CORPORA, Dataset, build_case, span, task
from newsparallax.building import build
from newsparallax.corpus import open_corpus, schema
from newsparallax.dataset import digest_of
from newsparallax.errors import UsageError
from newsparallax.standoff import kept_words, stage, withheld_texts
from newsparallax.standoff.columns import restore, withhold

RUN = 8  # words in a row by which a text is known again
TEXTS = {
    "a": "Ann met Bob in the harbour, and then both of them went to see the minister about the boats. " * 3,
    "b": "The minister said that no boat would leave before the spring, whatever the captains had heard. " * 2,
    "c": "Nothing of this has ever been said in the town hall, the mayor told us on Monday evening.\r\n",
}
SEEDS = {f"{key}.txt": text for key, text in TEXTS.items()}


def corpus(folder: Path, name: str) -> Path | None:
    """The folder of a corpus by its name; None for this repository's."""
    if name == "mixed":
        mixed(folder)
        return folder / "corpus"
    return None if name == "news" else CORPORA / name


def mixed(folder: Path) -> Dataset:
    """Three articles of which `b` may be passed on; `x` is in no list."""
    build_case(folder / "first", {"seeds": SEEDS})
    listed = tomllib.loads((folder / "first/corpus/seeds/articles.toml").read_text(encoding="utf-8"))
    listed["b"]["redistribute"] = True
    exports = [
        task(TEXTS["a"], [span(0, 3, "Ann"), span(8, 11, "Bob") | {"id": "r2"}, span(12, 14, "zz") | {"id": "r3"}])
        | {"id": 1, "data": {"text": TEXTS["a"], "article_id": "a"}},
        task(TEXTS["b"], [span(4, 12, "minister"), span(0, 3, "zz") | {"id": "r2"}])
        | {"id": 2, "data": {"text": TEXTS["b"], "article_id": "b"}},
        task("Who is x?", [span(0, 3, "Who")]) | {"id": 3, "data": {"text": "Who is x?", "article_id": "x"}},
    ]
    return build_case(folder, {"seeds": SEEDS, "articles": listed, "exports": {"a.json": exports}})


@pytest.fixture(scope="module", params=["news", "zeitung", "from_tasks", "mixed"])
def made(request, tmp_path_factory):
    """(full build, staged release, manifest of it, the mode) of a corpus."""
    folder = tmp_path_factory.mktemp(request.param)
    opened = open_corpus(corpus(folder, request.param))
    full = build(opened, folder / "full", verify=False).place
    mode = "omit" if request.param == "from_tasks" else "auto"
    return full, folder / "staged", stage(full, folder / "staged", opened.context, mode=mode).as_json(), mode


def words(text: str) -> list[str]:
    return re.findall(r"\w+", text.lower())


def runs(text: str) -> set[tuple[str, ...]]:
    found = words(text)
    return {tuple(found[at : at + RUN]) for at in range(len(found) - RUN + 1)}


def strings(value: Any) -> list[str]:
    """Every text in a value at any depth; a list of texts also as one, as tokens are words in a row."""
    if isinstance(value, str):
        return [value]
    if isinstance(value, dict):
        return [text for part in value.values() for text in strings(part)]
    if isinstance(value, list):
        joined = [" ".join(value)] if value and all(isinstance(part, str) for part in value) else []
        return joined + [text for part in value for text in strings(part)]
    return []


def withheld(full: Path, mode: str) -> set[str]:
    """Ids of the articles whose words must not be there."""
    return {row["article_id"] for row in Dataset(full).rows("articles") if mode == "omit" or not row["redistribute"]}


def test_the_leaves_that_hold_words_are_these():
    codebook = open_corpus(None).context.codebook

    def leaves(place: str, type_: schema.Type) -> list[str]:
        if isinstance(type_, schema.Scalar):
            return [place] if type_.role == "words" else []
        if isinstance(type_, schema.ListOf):
            return leaves(place, type_.item)
        parts = type_.fields.items() if isinstance(type_, schema.Struct) else ()
        return [leaf for key, part in parts for leaf in leaves(f"{place}.{key}", part)]

    found = [leaf for name, struct in schema.configs(codebook).items() for leaf in leaves(name, struct)]
    assert {leaf.rpartition(".")[2] for leaf in found} == {"text", "quote", "tokens"}
    assert [leaf for leaf in found if not leaf.endswith(".quote")] == ["articles.text", "tokens.tokens"]
    nested = {leaf for leaf in found if leaf.startswith(("articles.stances", "stances.", "votes."))}
    assert nested == {
        *("articles.stances.quote", "articles.stances.holder.quote", "articles.stances.target.quote"),
        *("stances.quote", "stances.holder.quote", "stances.target.quote", "votes.quote", "votes.relations.quote"),
    }


def test_no_run_of_words_of_a_withheld_text_is_anywhere(made):
    full, staged, manifest, mode = made
    ids = withheld(full, mode)
    texts = [row["text"] for row in Dataset(full).rows("articles") if row["article_id"] in ids and row["text"]]
    assert len(texts) == manifest["texts"]["withheld"] > 0
    assert sorted(withheld_texts(full, staged)) == sorted(texts)
    forbidden = set().union(*map(runs, texts))
    assert forbidden
    for path in sorted(path for path in staged.rglob("*") if path.is_file()):
        content = path.read_bytes()
        found = [content.decode("utf-8", "ignore")]
        if path.suffix == ".parquet":
            table = pq.read_table(path)
            found += [str(table.schema.metadata), *itertools.chain(*(strings(row) for row in table.to_pylist()))]
        for text in found:
            assert not runs(text) & forbidden, path


def test_no_quote_of_a_withheld_text_is_in_the_rows(made):
    full, staged, _, mode = made
    ids = withheld(full, mode)
    quotes = {row["quote"] for row in Dataset(full).rows("votes") if row["article_id"] in ids and row["quote"]}
    configs = [path.name for path in full.iterdir() if path.is_dir()]
    known = {text for row in Dataset(full).rows("articles") for text in strings(row["metadata"])}
    for config in configs:
        for row in Dataset(staged).rows(config):
            if row.get("article_id") in ids:  # an entity belongs to no article
                written = {key: value for key, value in row.items() if key not in ("metadata", "region_meta")}
                long = {quote for quote in quotes if len(words(quote)) > 2}
                assert not [text for text in strings(written) if text in long and text not in known]
                assert all(value is None for key, value in walk(row) if key in ("text", "quote", "tokens"))


def walk(value: Any, name: str = "") -> list[tuple[str, Any]]:
    """Every (column, value) at any depth, apart from what corpora name themselves."""
    if isinstance(value, dict):
        return [found for key, part in value.items() for found in [(key, part), *walk(part, key)]]
    return [found for part in value for found in walk(part, name)] if isinstance(value, list) else []


def bare(value: Any) -> Any:
    """A row without its words."""
    if isinstance(value, dict):
        return {key: bare(part) for key, part in value.items() if key not in ("text", "quote", "tokens")}
    return [bare(part) for part in value] if isinstance(value, list) else value


def test_everything_else_is_the_same(made):
    full, staged, manifest, mode = made
    ids = withheld(full, mode)
    for path in sorted(full.rglob("*.parquet")):
        name = path.relative_to(full)
        one, other = pq.ParquetFile(path), pq.ParquetFile(staged / name)
        assert one.schema_arrow.equals(other.schema_arrow, check_metadata=True)
        groups = [[file.metadata.row_group(n).num_rows for n in range(file.num_row_groups)] for file in (one, other)]
        assert groups[0] == groups[1]
        for before, after in zip(one.read().to_pylist(), other.read().to_pylist(), strict=True):
            assert (bare(before), bare(after)) == (bare(after), bare(before))
            assert before.get("article_id") in ids or before == after
    before = json.loads((full / "manifest.json").read_bytes())
    differ = {key for key in before if before[key] != manifest[key]}
    assert differ == {"content_digest", "texts", "files"}
    assert manifest["texts"]["full_content_digest"] == before["content_digest"] == digest_of(full)
    assert manifest["content_digest"] == digest_of(staged) != before["content_digest"]
    assert json.loads((staged / "manifest.json").read_bytes()) == manifest


def test_the_manifest_lists_the_files_and_the_card_no_config_of_digests(made):
    _, staged, manifest, _ = made
    files = {path.relative_to(staged).as_posix() for path in staged.rglob("*") if path.is_file()}
    assert files == {*manifest["files"], "manifest.json"}
    card = (staged / "README.md").read_text(encoding="utf-8")
    front = yaml.safe_load(card.split("\n---\n", 1)[0].removeprefix("---\n"))
    assert {config["config_name"] for config in front["configs"]} == set(manifest["rows"])
    assert {split["split"] for config in front["configs"] for split in config["data_files"]} <= {"train", "test", "dev"}
    total, left = manifest["texts"]["total"], manifest["texts"]["withheld"]
    assert f"**Stand-off: {left} of {total} text" in card
    assert "Do not upload" not in card
    for config in front["dataset_info"]:
        listed = tuple(f"{config['config_name']}/{split['name']}-" for split in config["splits"])
        sizes = [f["bytes"] for path, f in manifest["files"].items() if path.startswith(listed)]
        assert config["download_size"] == sum(sizes)
    described = json.loads((staged / "croissant.json").read_bytes())
    digests = {entry["contentUrl"]: entry["sha256"] for entry in described["distribution"] if "sha256" in entry}
    assert digests
    assert digests == {path: manifest["files"][path]["sha256"] for path in digests}


def test_the_windows_tell_of_withheld_texts_alone(made):
    full, staged, _, mode = made
    texts = {row["article_id"]: row for row in Dataset(full).rows("articles") if row["text"]}
    rows = Dataset(staged).rows("standoff")
    assert {row["article_id"] for row in rows} == withheld(full, mode) & texts.keys()
    for row in rows:
        text = texts[row["article_id"]]
        assert (row["text_sha256"], row["length"]) == (text["text_sha256"], len(text["text"]))
        assert len(row["digests"]) == max(row["length"] // row["window"], 1 if row["length"] else 0)


def test_what_is_left_is_told(made):
    full, staged, _, mode = made
    assert list(kept_words(staged)) == []
    columns = {(file.partition("/")[0], column) for file, column, _ in kept_words(full)}
    assert (("articles", "text") in columns) == (mode == "auto")


def test_problems_quote_only_what_may_be_passed_on(tmp_path):
    full = mixed(tmp_path)
    assert {problem["article_id"] for problem in full.problems} == {"a", "b", "x"}
    context = open_corpus(tmp_path / "corpus").context
    with patch("newsparallax.standoff.withhold.read_back"):
        stage(full.place, tmp_path / "staged", context)
    staged = Dataset(tmp_path / "staged")
    for before, after in zip(full.problems, staged.problems, strict=True):
        if before["article_id"] == "b":
            assert before == after
            assert after["raw"]
        else:
            assert after == before | {"raw": None, "message": after["message"]}
            assert after["message"] == "withheld: it may quote the article"


def test_include_is_refused_while_a_text_may_not_be_passed_on(tmp_path):
    full = mixed(tmp_path)
    context = open_corpus(tmp_path / "corpus").context
    with pytest.raises(UsageError, match=r"^2 texts may not be redistributed: a, c\n"):
        stage(full.place, tmp_path / "staged", context, mode="include")
    assert not (tmp_path / "staged").exists()


def test_a_corpus_that_is_free_is_published_whole(tmp_path):
    articles = {"from_tasks": True, "redistribute": True}
    exports = {"a.json": [task("Ann met Bob.", [span(0, 3, "Ann")])]}
    full = build_case(tmp_path, {"corpus": {"articles": articles}, "exports": exports})
    context = open_corpus(tmp_path / "corpus").context
    with patch("newsparallax.standoff.withhold.read_back"):
        for mode in ("auto", "include"):
            manifest = stage(full.place, tmp_path / mode, context, mode=mode)
            assert manifest.texts.withheld == 0
            assert manifest.content_digest == full.manifest.content_digest
            assert not (tmp_path / mode / "standoff").exists()
            assert "This copy contains 1 text; all may be redistributed." in (tmp_path / mode / "README.md").read_text(
                "utf-8"
            )
        assert stage(full.place, tmp_path / "omit", context, mode="omit").texts.withheld == 1
    with pytest.raises(UsageError, match="is already a stand-off release"):
        stage(tmp_path / "omit", tmp_path / "again", context)
    with pytest.raises(UsageError, match="was built with a different codebook"):
        stage(full.place, tmp_path / "again", open_corpus(None).context)
    with pytest.raises(UsageError, match="is not a build of this version"):
        stage(tmp_path / "corpus", tmp_path / "again", context)


def test_a_card_of_a_full_build_warns(tmp_path):
    card = (mixed(tmp_path).place / "README.md").read_text(encoding="utf-8")
    assert "This copy contains 3 texts; 2 may not be redistributed. **Do not upload this folder.**" in card


SHAPE = schema.Struct(
    {
        "article_id": schema.STRING,
        "text": schema.WORDS,
        "note": schema.STRING,
        "spans": schema.ListOf(schema.Struct({**schema.PLACE, "to": schema.ListOf(schema.LINK)})),
        "link": schema.LINK,
        "tokens": schema.TOKEN["tokens"],
        "starts": schema.OFFSETS,
        "ends": schema.OFFSETS,
    }
)


@st.composite
def tables(draw):
    """Rows of SHAPE whose words are slices of the texts `texts`, with nulls and empty lists wherever they may be."""
    texts = draw(st.dictionaries(st.sampled_from("abc"), st.text("xyé𝒜\n ", min_size=4, max_size=9), min_size=1))

    def place(article: str) -> dict[str, Any]:
        start = draw(st.integers(0, 3))
        end = draw(st.integers(start, len(texts[article])))
        return {"start": start, "end": end, "quote": texts[article][start:end]}

    def link() -> dict[str, Any]:
        to = draw(st.sampled_from(sorted(texts)))
        return {"span_id": to, "layer": to, "label": "L", **place(to), "direction": 0}

    def row(article: str) -> dict[str, Any]:
        to = draw(st.sampled_from([None, [link()], [], [link(), link()]]))
        return {"span_id": "s", "article_id": article, "event_id": None, **place(article), "to": to}

    rows = []
    for article in draw(st.lists(st.sampled_from(sorted(texts)), max_size=6)):
        ranges = [place(article) for _ in range(draw(st.integers(0, 3)))]
        listed = [row(article) for _ in range(draw(st.integers(0, 3)))]
        parts = (("tokens", "quote"), ("starts", "start"), ("ends", "end"))
        columns = {key: [one[name] for one in ranges] for key, name in parts}
        rows.append(
            {
                "article_id": article,
                "text": texts[article],
                "note": texts[article],
                "spans": draw(st.sampled_from([None, listed])),
                "link": draw(st.sampled_from([None, link()])),
                **(columns if draw(st.booleans()) else dict.fromkeys(columns)),
            }
        )
    return rows, texts


@settings(max_examples=150, deadline=None)
@given(tables(), st.sets(st.sampled_from("abc")), st.integers(0, 3))
def test_what_is_withheld_is_restored_in_any_table(made_rows, closed, cut):
    rows, texts = made_rows
    table = pa.Table.from_pylist(rows, schema.arrow_schema(SHAPE)).slice(min(cut, len(rows)))
    mask = pa.array([row["article_id"] in closed for row in table.to_pylist()], pa.bool_())
    without = withhold(table, SHAPE, mask)
    assert without.schema.equals(table.schema, check_metadata=True)
    for before, after in zip(table.to_pylist(), without.to_pylist(), strict=True):
        assert bare(before) == bare(after)
        out = before["article_id"] in closed
        assert (
            after == before if not out else all(v is None for k, v in walk(after) if k in ("text", "quote", "tokens"))
        )
    assert restore(without, SHAPE, texts.get, lambda _, layer, span_id: layer).equals(table)
    assert restore(without, SHAPE, lambda _: None, lambda _, layer, span_id: layer).equals(without)
