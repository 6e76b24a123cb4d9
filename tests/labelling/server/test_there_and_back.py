"""An annotator signs up, marks an article in the page and submits; the maintainer pulls and builds: there it is."""

from __future__ import annotations

import json

import pyarrow.parquet as pq
import pytest
from page import FLAGS, SIZE, open_task
from playwright.sync_api import sync_playwright
from studio import SECOND, ask, corpus_copy, done, exports_of, know, project_of

from helpers import CODEBOOK, write_corpus
from newsparallax.building import build
from newsparallax.corpus import Annotator, Codebook, open_corpus, read_toml

EMAIL = "reader@example.org"
NASTY = "🇺🇦🇷🇺 «Путин»\r\nsaid:  𝔘𝔫𝔦 cafe\u0301,\twent to Zu\u0308rich\r\n\r\nwith  👩‍👩‍👧  Ann.\u200b\n"


@pytest.fixture
def annotator(server, chromium):
    """A tab in which somebody new has signed up, by the form to which `serve` sends annotators."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=list(FLAGS))
        page = browser.new_page(viewport=SIZE)
        page.goto(f"{server.account.url}/user/signup")
        if EMAIL in [user["email"] for user in ask(server, "GET", "users")]:
            page.goto(f"{server.account.url}/user/login")
        page.fill("input[name=email]", EMAIL)
        page.fill("input[name=password]", "a long password")
        page.click("button[type=submit]")
        page.wait_for_url(lambda at: "/user/" not in at, wait_until="commit")
        yield page
        browser.close()


def task_of(server, project, article):
    tasks = ask(server, "GET", "tasks", project=project, include="id,data", fields="all", page_size=100)["tasks"]
    return next(task["id"] for task in tasks if task["data"]["article_id"] == article)


def rows(folder, config):
    return pq.read_table(folder / config).to_pylist()


def test_the_special_military_operation(server, annotator, tmp_path):
    corpus = corpus_copy(tmp_path / "corpus", "the special military operation", exports=False)
    codebook = read_toml(corpus / "annotations/codebook.toml", Codebook)
    keys = {label: found.hotkey for layer in codebook.layers.values() for label, found in layer.labels.items()}
    text = (corpus / "seeds" / f"{SECOND}.txt").read_bytes().decode()
    phrase, flag = "special military operation", "a euphemism with which it refers to"
    operation = (text.index(phrase), text.index(phrase) + len(phrase), "EUPHEMISM")
    moscow = (text.rindex("Moscow", 0, operation[0]), text.rindex("Moscow", 0, operation[0]) + 6, "GPE")
    cue = (text.index(flag), text.index(flag) + len(flag), "FLAG")

    project = project_of(done(server, "push", "--corpus", corpus))
    page = open_task(annotator, server.account.url, project, task_of(server, project, SECOND))
    page.mark(*moscow[:2], keys["GPE"])
    page.select_region(*moscow)
    page.choose("entities_form", "short")
    page.choose("entities_register", "official")
    page.choose("entities_function", "metonym")
    page.find("entities_entity", "mosc", "moscow")
    page.find("entities_stands_for", "russ", "russia")
    page.mark(*cue[:2], keys["FLAG"])
    page.mark(*operation[:2], keys["EUPHEMISM"])
    page.select_region(*operation)
    page.write_note("euphemisms_plain_meaning", "invasion")
    page.find("euphemisms_referent", "ukraine-w", "ukraine-war")
    page.choose("euphemisms_topic", "war")
    page.choose("euphemisms_flagged", "metalinguistic")
    page.draw_relation(operation, moscow, "user")
    page.draw_relation(operation, cue, "cue")
    page.submit()

    assert "1 annotation" in done(server, "pull", "--corpus", corpus)
    assert list(exports_of(corpus)) == [SECOND]
    known = read_toml(corpus / "annotations/annotators.toml", dict[str, Annotator])["a1"]
    assert (known.kind, known.given) == ("human", "guidelines.md and the text, in Label Studio")
    built = tmp_path / "built"
    counts = build(open_corpus(corpus), built).manifest.counts
    assert (counts.results_in, counts.results_accepted, counts.problems) == (14, 14, {})
    (euphemism,) = rows(built, "euphemisms")
    names = {"label": "EUPHEMISM", "topic": "war", "flagged": "metalinguistic"}
    layer = codebook.layers["euphemisms"]
    fields = {"label": layer.labels, **{name: layer.attributes[name].values for name in ("topic", "flagged")}}
    assert {name: list(fields[name])[euphemism[name]] for name in names} == names
    assert (euphemism["start"], euphemism["end"], euphemism["quote"]) == (*operation[:2], phrase)
    assert (euphemism["plain_meaning"], euphemism["referent"]) == ("invasion", "ukraine-war")
    (user,), (shown,) = euphemism["user"], euphemism["cue"]
    assert (user["start"], user["end"], user["quote"], user["label"]) == (*moscow[:2], "Moscow", "GPE")
    assert (shown["start"], shown["end"], shown["quote"], shown["label"]) == (*cue[:2], flag, "FLAG")
    assert (euphemism["annotator"], euphemism["adjudicated"]) == ("a1", False)
    (entity,) = rows(built, "entities")
    assert (entity["quote"], entity["entity"], entity["stands_for"]) == ("Moscow", ["moscow"], "russia")
    assert len(rows(built, "votes")) == 3


def test_a_text_with_emoji_crlf_combining_marks_and_doubled_spaces(server, annotator, tmp_path):
    layer = {
        "labels": {"PER": {"hotkey": "1"}, "LOC": {"hotkey": "2"}},
        "attributes": {
            "sort": {"kind": "choice", "values": {"name": {}, "title": {}}},
            "note": {"kind": "text"},
        },
        "relations": {"near": {"to": ["spans"]}},
    }
    case = {
        "codebook": CODEBOOK | {"layers": {"spans": layer}},
        "corpus": {"name": "nasty text"},
        "seeds": {"nasty.txt": NASTY},
        "annotators": {"m": {"kind": "model", "ids": [1]}},
    }
    corpus = write_corpus(tmp_path / "corpus", case)
    assert (corpus / "seeds/nasty.txt").read_bytes() == NASTY.encode()
    project = project_of(done(server, "push", "--corpus", corpus))
    page = open_task(annotator, server.account.url, project, task_of(server, project, "nasty"))
    words = {"🇷🇺": "2", "Путин": "1", "cafe\u0301": "2", "Zu\u0308rich": "2", "👩‍👩‍👧": "1", "Ann": "1"}
    places = {word: (NASTY.index(word), NASTY.index(word) + len(word)) for word in words}
    for word, key in words.items():
        page.mark(*places[word], key)
        if word == "Путин":
            page.select_region(*places[word], "PER")
            page.choose("spans_sort", "name")
            page.write_note("spans_note", "the “president” — 🇷🇺")
    page.draw_relation((*places["Путин"], "PER"), (*places["Zu\u0308rich"], "LOC"), "near")
    page.submit()

    know(corpus, {EMAIL: "ann"})
    done(server, "pull", "--corpus", corpus)
    built = tmp_path / "built"
    counts = build(open_corpus(corpus), built).manifest.counts
    assert (counts.results_repaired, counts.results_quarantined, counts.problems) == (0, 0, {})
    found = {row["quote"]: row for row in rows(built, "spans")}
    assert {quote: (row["start"], row["end"]) for quote, row in found.items()} == places
    assert {quote: row["label"] for quote, row in found.items()} == {word: int(key) - 1 for word, key in words.items()}
    assert all(NASTY[row["start"] : row["end"]] == quote for quote, row in found.items())
    putin = found["Путин"]
    assert (putin["sort"], putin["note"]) == (0, "the “president” — 🇷🇺")
    (near,) = putin["near"]
    assert (near["quote"], near["start"]) == ("Zu\u0308rich", places["Zu\u0308rich"][0])
    assert {row["annotator"] for row in found.values()} == {"ann"}
    assert EMAIL not in json.dumps(exports_of(corpus))
