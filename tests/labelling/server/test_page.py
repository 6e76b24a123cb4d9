"""The labelling page in a real browser: what an annotator can do there, and what the server keeps of it."""

from __future__ import annotations

import json
import shutil

import pytest
from page import FLAGS, SIZE, LabellingPage, open_row, open_task, sign_in
from playwright.sync_api import sync_playwright
from studio import FIRST, ROOT, SECOND, ask

from newsparallax.building import build
from newsparallax.corpus import Codebook, attribute_applies, attribute_control, layer_control, open_corpus, read_toml

CODEBOOK = read_toml(ROOT / "annotations/codebook.toml", Codebook)
LABELS = [
    (layer_control(name, layer), label, layer.labels[label].hotkey)
    for name, layer in CODEBOOK.layers.items()
    for label in layer.labels
]
CORPORA = {"own": ROOT, **{name: ROOT / "tests/corpora" / name for name in ("zeitung", "from_tasks")}}
SHORT = (
    "Lima calls it a special military operation, a euphemism for the invasion. Oslo praised Rome. He was in , today.\n"
)
WORDS = " ".join(f"word{number:02}" for number in range(len(LABELS)))
STARTS = range(0, len(WORDS), 7)
PARTS = "Oslo's mayor left the Lima-based firm."
SPACES = "one  two\n\n   three\tfour\n"
# Emoji of several code points, flags, combining marks, CRLF, doubled spaces, a tab, letters beyond 16 bits.
NASTY = "🇺🇦🇷🇺 Kyiv\r\n\r\nZu\u0308rich  and  cafe\u0301,\tsaid 👩‍👩‍👧 𝔘𝔫𝔦 Rome's\u00a0mayor\r\n  — naïve \n🌉Oslo🌉"
PLACES = (
    "🇷🇺",
    "Kyiv",
    "Zu\u0308rich",
    "Zu\u0308rich  and",
    "cafe\u0301",
    "cafe\u0301,\tsaid",
    "👩‍👩‍👧",
    "𝔘𝔫𝔦",
    "Rome",
    "naïve",
    "Oslo",
)


@pytest.fixture(scope="module")
def tab(server, chromium):
    """A tab of a browser, in which the maintainer is signed in."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=list(FLAGS))
        page = browser.new_page(viewport=SIZE)
        sign_in(page, server.account.url, server.account.email, server.account.password)
        yield page
        browser.close()


def make_project(server, title, tasks, corpus=ROOT):
    """A project with a corpus' labelling configuration and these tasks; its id and theirs."""
    config = (corpus / "annotations/label_config.xml").read_text(encoding="utf-8")
    made = ask(server, "POST", "projects", {"title": title[:50], "label_config": config})
    ids = ask(server, "POST", f"projects/{made['id']}/import", tasks, return_task_ids=True)["task_ids"]
    return made["id"], ids


class Shelf:
    """A project with a task for each name; from one to the next by a click, without loading all of the page anew."""

    def __init__(self, server, tab, title, tasks):
        self._url, self._tab = server.account.url, tab
        self._project, ids = make_project(server, title, list(tasks.values()))
        self._tasks = dict(zip(tasks, enumerate(ids), strict=True))

    def __call__(self, name):
        row, task = self._tasks[name]
        if f"/projects/{self._project}/" in self._tab.url:
            return open_row(self._tab, row, task)
        return open_task(self._tab, self._url, self._project, task)


def annotated(data, result):
    return {"data": data, "annotations": [{"result": result}]}


def starred(name):
    """The data of an article's task, and its annotation that is starred."""
    (task,) = json.loads((ROOT / f"annotations/exports/{name}.json").read_text(encoding="utf-8"))
    (one,) = (annotation for annotation in task["annotations"] if annotation["ground_truth"])
    return task["data"], one["result"]


def every_label():
    """A mark with each label."""
    return [
        {
            "id": label,
            "from_name": control,
            "to_name": "text",
            "type": "labels",
            "value": {"start": start, "end": start + 4, "text": "word", "labels": [label]},
        }
        for (control, label, _), start in zip(LABELS, STARTS, strict=True)
    ]


@pytest.fixture(scope="module")
def opened(server, tab):
    plain = {"labels": WORDS, "parts": PARTS, "nasty": NASTY, "spaces": SPACES}
    tasks = {name: {"data": {"article_id": name, "text": text}} for name, text in plain.items()}
    tasks["fields"] = annotated({"article_id": "fields", "text": WORDS}, every_label())
    tasks |= {name: annotated(*starred(name)) for name in (FIRST, SECOND)}
    return Shelf(server, tab, "texts", tasks)


@pytest.fixture(scope="module")
def shorts(server, tab):
    names = [f"short-{number}" for number in range(12)]
    tasks = {name: {"data": {"article_id": name, "text": SHORT}} for name in names}
    return Shelf(server, tab, "short texts", tasks), iter(names)


@pytest.fixture
def short(shorts):
    """The short text, unmarked."""
    shelf, names = shorts
    return shelf(next(names))


@pytest.fixture
def opened_elsewhere(server, tab):
    """Make a project with another corpus' configuration and one task, and open it."""

    def make(data, corpus):
        number, (task,) = make_project(server, "elsewhere", [{"data": data}], corpus)
        return open_task(tab, server.account.url, number, task)

    return make


def place(words, text=SHORT):
    """Where the words stand, in code points."""
    assert text.count(words) == 1, words
    return text.index(words), text.index(words) + len(words)


def marks(annotation):
    """The stored marks as (start, end, label)."""
    return {
        (item["value"]["start"], item["value"]["end"], *item["value"]["labels"])
        for item in annotation["result"]
        if item["type"] == "labels"
    }


def values(annotation, region):
    """The stored fields of a region: name of the control -> values."""
    return {
        item["from_name"]: item["value"][item["type"] if item["type"] != "textarea" else "text"]
        for item in annotation["result"]
        if item.get("id") == region and item["type"] != "labels"
    }


def describe_entity(page, words, *keys):
    region = page.select_region(*place(words), "GPE")
    for key in keys:
        page.page.keyboard.press(key)
    page.unselect()
    return region


# ---------------------------------------------------------------------------------------------------- the configuration


@pytest.mark.parametrize("name", CORPORA)
def test_the_server_and_the_page_take_the_configuration(name, opened_elsewhere, tab):
    path = min((CORPORA[name] / "annotations/exports").glob("*.json"))
    opened_elsewhere(json.loads(path.read_text(encoding="utf-8"))[0]["data"], CORPORA[name])
    assert tab.evaluate("() => Htx.annotationStore.validation") is None
    assert tab.locator(".lsf-main-view .lsf-label:visible").count() == len(
        [label for layer in open_corpus(CORPORA[name]).context.codebook.layers.values() for label in layer.labels]
    )


# ---------------------------------------------------------------------------------------------------------------- marks


def test_a_key_and_a_drag_mark_each_label(opened):
    page = opened("labels")
    made = {}
    for (control, label, hotkey), start in zip(LABELS, STARTS, strict=True):
        made[page.mark(start, start + 4, hotkey)] = (control, start, start + 4, [label])
    assert page.marks() == made


def test_part_of_a_word_can_be_marked(opened):
    page = opened("parts")
    for words in ("Oslo", "Lima"):
        page.mark(*place(words, PARTS), "3")
    assert [mark[1:3] for mark in page.marks().values()] == [place("Oslo", PARTS), place("Lima", PARTS)]


def test_offsets_of_a_nasty_text_are_code_points(opened):
    page = opened("nasty")
    for words in PLACES:
        page.mark(*place(words, NASTY), "8")
    assert marks(page.submit()) == {(*place(words, NASTY), "TIME") for words in PLACES}


def test_marks_in_html_and_beside_it(opened_elsewhere):
    """In HTML, offsets count the text as it is shown: tags nothing, a line break one."""
    data = {"ref": "1", "titre": "Un pont 🌉", "corps_html": "<p>Le <b>pont</b> 🌉 ouvre<br>demain</p>"}
    title = opened_elsewhere(data, CORPORA["from_tasks"])
    title.text = "titre"
    body = LabellingPage(title.page, "corps")
    title.mark(3, 9, "1")
    body.mark(3, 9, "3")
    body.mark(16, 22, "4")
    items = [item for item in title.submit()["result"] if item["type"].endswith("labels")]
    offsets = [item["value"].get("globalOffsets") or item["value"] for item in items]
    assert [(item["to_name"], each["start"], each["end"]) for item, each in zip(items, offsets, strict=True)] == [
        ("titre", 3, 9),
        ("corps", 3, 9),
        ("corps", 16, 22),
    ]
    assert [item["value"]["text"] for item in items] == ["pont 🌉", "pont 🌉", "demain"]


# ----------------------------------------------------------------------------------------------------- what is in sight


def test_a_field_is_there_for_the_labels_that_have_it(opened):
    page = opened("fields")
    assert page.visible_fields() == set()
    seen = {}
    for (_, label, _), start in zip(LABELS, STARTS, strict=True):
        page.select_region(start, start + 4, label)
        seen[label] = page.visible_fields()
    assert seen == {
        label: {
            attribute_control(name, key, attribute)
            for key, attribute in layer.attributes.items()
            if attribute_applies(attribute, (label,))
        }
        for name, layer in CODEBOOK.layers.items()
        for label in layer.labels
    }


@pytest.mark.parametrize("name", [FIRST, SECOND])
def test_labels_and_fields_are_in_sight_at_the_end_of_an_article(name, opened):
    page = opened(name)
    last = max((item for item in starred(name)[1] if item["type"] == "labels"), key=lambda item: item["value"]["start"])
    (label,) = last["value"]["labels"]
    page.select_region(last["value"]["start"], last["value"]["end"], label)
    page.page.evaluate("document.querySelector('.lsf-main-content').scrollTo(0, 1e6)")
    box = {
        part: page.page.locator(selector).bounding_box()
        for part, selector in {
            "window": ".lsf-main-content",
            "bottom": ".lsf-bottombar",
            "labels": ".np-head",
            "fields": ".np-fields",
            "text": ".np-text .lsf-richtext__container",
        }.items()
    }
    height = box["bottom"]["y"] - box["window"]["y"]
    assert box["labels"]["y"] == box["window"]["y"]
    assert box["labels"]["height"] <= 0.25 * height
    assert box["fields"]["y"] >= box["labels"]["y"] + box["labels"]["height"] - 1
    assert box["fields"]["y"] + box["fields"]["height"] <= box["bottom"]["y"]
    assert box["fields"]["x"] >= box["text"]["x"] + box["text"]["width"]
    assert box["text"]["y"] + box["text"]["height"] <= box["bottom"]["y"]
    assert box["text"]["width"] >= 400


def test_a_text_is_wrapped_as_its_source_is(opened):
    page = opened("spaces")
    style = "e => [e, ...e.querySelectorAll('*')].map(part => getComputedStyle(part).whiteSpace)"
    container = page.page.locator(".np-text .lsf-richtext__container")
    assert set(container.evaluate(style)) == {"pre-wrap"}
    assert container.evaluate("e => e.innerText").rstrip("\n") == SPACES.rstrip("\n")


# ------------------------------------------------------------------------------------------------------ keys and fields


def test_the_keys_of_a_closed_layer_still_mark(short):
    panel = short.page.locator(".ant-collapse-item", has_text="Entities")
    panel.get_by_role("button").click()
    panel.locator(".lsf-label").first.wait_for(state="hidden")
    short.mark(*place("Oslo"), "3")
    assert [mark[3] for mark in short.marks().values()] == [["GPE"]]


def test_a_label_has_its_key_to_itself_and_no_field_an_unseen_one(short):
    region = short.mark(*place("Oslo"), "3")
    short.select_region(*place("Oslo"), "GPE")
    given = {value.hotkey for _, inventory in CODEBOOK.label_sets() for value in inventory.values()}
    finders = {
        finder.get_attribute("placeholder")[6] for finder in short.page.locator("input[placeholder^=Find]").all()
    }
    for key in sorted(set("abcdefghijklmnopqrstvwxyz0123456789") - given - finders):  # u lets go of the mark
        short.page.keyboard.press(key)
    assert short.selected() == region
    assert short.values(region) == {}


def test_values_show_their_keys_if_they_have_any(short):
    short.mark(*place("Oslo"), "3")
    short.select_region(*place("Oslo"), "GPE")
    shown = {hint.inner_text() for hint in short.page.locator(".np-field .lsf-hint:visible").all()}
    fields = CODEBOOK.layers["entities"].attributes.values()
    assert shown == {f"[{value.hotkey}]" for field in fields for value in field.values.values() if value.hotkey}


def test_keys_give_values_to_the_marks_of_their_layer_only(short):
    oslo, operation = short.mark(*place("Oslo"), "3"), short.mark(*place("special military operation"), "e")
    describe_entity(short, "Oslo", "c", "l", "s", "o")
    short.select_region(*place("special military operation"), "EUPHEMISM")
    short.page.keyboard.press("l")
    for field, value in (("topic", "war"), ("flagged", "none")):
        short.choose(f"euphemisms_{field}", value)
    stored = short.submit()
    assert values(stored, oslo) == {"entities_form": ["short"], "entities_register": ["official"]}
    assert values(stored, operation) == {"euphemisms_topic": ["war"], "euphemisms_flagged": ["none"]}


def test_a_value_of_a_long_list_is_found_by_typing(short):
    region = short.mark(*place("Lima"), "3")
    describe_entity(short, "Lima", "s", "o")
    short.select_region(*place("Lima"), "GPE")
    short.find("entities_entity", "slov", "slovakia")
    short.find("entities_stands_for", "esto", "estonia")
    stored = values(short.submit(), region)
    assert (stored["entities_entity"], stored["entities_stands_for"]) == (["slovakia"], ["estonia"])


def test_a_note_that_is_not_entered_is_kept(short):
    noted, last = short.mark(*place("in ,"), "m"), short.mark(*place("today"), "t")
    for words, label, note in (("in ,", "MISSING_TEXT", "Vienna"), ("today", "MT_ERROR", "yesterday")):
        short.select_region(*place(words), label)
        short.page.locator("input[name=defects_suggestion]:visible").click()
        short.page.keyboard.type(note)
    stored = short.submit()
    assert values(stored, noted) == {"defects_suggestion": ["Vienna"]}
    assert values(stored, last) == {"defects_suggestion": ["yesterday"]}


# ----------------------------------------------------------------------------------------------------------- submitting


def test_an_article_with_entities_only_can_be_submitted(short):
    short.mark(*place("today"), "8")
    assert marks(short.submit()) == {(*place("today"), "TIME")}


def test_a_required_value_is_asked_for_at_the_mark_that_lacks_it(short):
    short.mark(*place("today"), "8")
    oslo = short.mark(*place("Oslo"), "3")
    assert "Form is required" in short.submit_is_refused()
    assert short.selected() == oslo
    short.page.keyboard.press("s")
    assert marks(short.submit()) == {(*place("today"), "TIME"), (*place("Oslo"), "GPE")}


def test_an_article_without_marks_can_be_submitted(short):
    assert short.submit()["result"] == []


@pytest.fixture
def everything(short):
    """The short text with a mark of every layer, their fields and arrows, as the server has stored it."""
    operation, invasion, praised = "special military operation", "the invasion", "praised"
    for words, key in (("Lima", "3"), ("Oslo", "3"), ("Rome", "3"), ("today", "8")):
        short.mark(*place(words), key)
    for words in ("Lima", "Oslo", "Rome"):
        describe_entity(short, words, "s", "o")
    short.select_region(*place("Lima"), "GPE")
    short.choose("entities_entity", "russia")
    for words, key in ((operation, "e"), ("euphemism", "f"), (invasion, "g"), (praised, "v"), ("in ,", "m")):
        short.mark(*place(words), key)
    short.select_region(*place(operation), "EUPHEMISM")
    short.write_note("euphemisms_plain_meaning", "invasion")
    for field, value in (("referent", "ukraine-war"), ("topic", "war"), ("flagged", "none")):
        short.choose(f"euphemisms_{field}", value)
    short.select_region(*place(praised), "FAVOR")
    for field, value in (("intensity", "average"), ("explicitness", "explicit")):
        short.choose(f"stances_{field}", value)
    short.choose("stances_holder_kind", "entity")
    short.write_note("stances_proposition", "Oslo is for Rome.")
    for source, target, label in (
        ((praised, "FAVOR"), ("Oslo", "GPE"), "holder"),
        ((praised, "FAVOR"), ("Rome", "GPE"), "target"),
        ((operation, "EUPHEMISM"), ("Lima", "GPE"), "user"),
        ((operation, "EUPHEMISM"), (invasion, "GLOSS"), "cue"),
    ):
        short.draw_relation((*place(source[0]), source[1]), (*place(target[0]), target[1]), label)
    return short.submit()


def test_what_is_submitted_is_read_whole(everything, tmp_path):
    """Nothing in it is a problem for the reader: each item is accepted, none had to be repaired."""
    corpus = tmp_path / "corpus"
    shutil.copytree(
        ROOT / "annotations", corpus / "annotations", ignore=shutil.ignore_patterns("exports", "waivers.toml")
    )
    toml = (corpus / "annotations/corpus.toml").read_text("utf-8")
    (corpus / "annotations/corpus.toml").write_text(toml + "\n[articles]\nfrom_tasks = true\n", encoding="utf-8")
    task = {"id": 1, "data": {"article_id": "short", "text": SHORT}, "annotations": [everything]}
    (corpus / "annotations/exports").mkdir()
    (corpus / "annotations/exports/short.json").write_text(json.dumps([task]), encoding="utf-8")
    made = build(open_corpus(corpus), tmp_path / "out").manifest
    counts = made.counts
    assert counts.results_in == counts.results_accepted == len(everything["result"])
    assert made.labels["stances"]["FAVOR"] == 1
