"""The card on the hub: a release renews what is generated, and keeps what was written there by hand."""

from __future__ import annotations

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from newsparallax._util import parted
from newsparallax.errors import NewsParallaxError
from newsparallax.release.card_merge import merge_cards


def card(version="1", front=(), prose=("First.", "Second.", "Third."), configs="old"):
    keys = ["license: cc-by-4.0", "tags:", "- news", *front, "configs:", f"- config_name: {configs}"]
    block = f"<!-- begin generated: version -->\n\nVersion {version}\n\n<!-- end generated: version -->"
    return "---\n" + "\n".join(keys) + "\n---\n\n# Title\n\n" + "\n\n".join((block, *prose)) + "\n"


OLD, NEW = card(), card("2", configs="new")


def front(text):
    return yaml.load(text.split("---\n")[1], yaml.BaseLoader)


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("---\na: 1\nb: 2\n---\nProse.\n\n---\n\nMore.\n", ("a: 1\nb: 2\n", "Prose.\n\n---\n\nMore.\n")),
        ("--- \na: 1\n---\t\nProse.", ("a: 1\n", "Prose.")),
        ("---\na: 1\n---", ("a: 1\n", "")),
        ("---\n---\nProse.\n---\n", ("", "Prose.\n---\n")),
        *((whole, ("", whole)) for whole in ("", "Prose.\n---\na: 1\n---\n", "---\na: 1\n", "----\na: 1\n---\n")),
    ],
)
def test_front_matter_and_prose(text, parts):
    assert parted(text) == parts


def test_a_card_that_nobody_touched_is_the_new_one():
    for theirs in (OLD, None, NEW):
        assert merge_cards(NEW, theirs, OLD) == (NEW, [])


def test_what_was_added_by_hand_stays_and_what_is_generated_is_new():
    theirs = OLD.replace("Second.", "Second.\n\nBy hand.").replace("tags:", "viewer: no\nx: 1.10  # ten\ntags:")
    merged = merge_cards(NEW, theirs, OLD)
    assert "Version 2" in merged.text
    assert "Version 1" not in merged.text
    assert "Second.\n\nBy hand.\n\nThird." in merged.text
    assert "viewer: no\n" in merged.text
    assert "x: 1.10  # ten\n" in merged.text
    assert front(merged.text)["configs"] == [{"config_name": "new"}]
    assert merged.notes == [
        "kept `viewer` of the front matter",
        "kept `x` of the front matter",
        "kept 1 line of prose",
    ]


@pytest.mark.parametrize("made", [lambda card: f"\ufeff{card}", lambda card: card.replace("---\n", "--- \n"), lambda card: card.replace("\n", "\r\n")])  # fmt: skip  # noqa: E501
def test_fences_and_line_ends_as_the_hub_takes_them(made):
    theirs = made(OLD.replace("tags:", "viewer: false\ntags:").replace("Third.", "Third.\n\nBy hand."))
    merged = merge_cards(NEW, theirs, OLD)
    assert merged.text == NEW.replace("tags:", "tags:").replace("Third.", "Third.\n\nBy hand.").replace(
        "\n---\n\n", "\nviewer: false\n---\n\n", 1
    )


def test_what_was_added_by_hand_stays_release_after_release():
    theirs = merge_cards(NEW, OLD.replace("Third.", "Third.\n\nBy hand."), OLD).text
    third = card("3", prose=("First, better.", "Second.", "Third."))
    merged = merge_cards(third, theirs, NEW)
    assert merged.text == third.replace("Third.", "Third.\n\nBy hand.")
    assert merge_cards(third, merged.text, third).text == merged.text


def test_what_was_changed_by_hand_stays_unless_the_release_changes_it_too():
    theirs = OLD.replace("Second.", "Second, by hand.").replace("cc-by-4.0", "cc0-1.0")
    merged = merge_cards(NEW, theirs, OLD)
    assert "Second, by hand." in merged.text
    assert "Second.\n" not in merged.text
    assert front(merged.text)["license"] == "cc0-1.0"
    ours = NEW.replace("Second.", "Second, better.").replace("cc-by-4.0", "mit")
    merged = merge_cards(ours, theirs, OLD)
    assert "Second, better.\nSecond, by hand.\n" in merged.text
    assert front(merged.text)["license"] == "mit"
    assert merged.notes[0] == "did not keep `license` of the front matter: this release has another value for it"


def test_lists_get_what_either_side_added():
    ours, theirs = NEW.replace("- news", "- news\n- stance"), OLD.replace("- news", "- news\n- framing")
    merged = merge_cards(ours, theirs, OLD)
    assert front(merged.text)["tags"] == ["news", "stance", "framing"]


def test_prose_removed_by_hand_stays_removed_but_no_generated_block():
    theirs = OLD.replace("Second.\n\n", "").replace("<!-- begin generated: version -->\n\nVersion 1\n\n", "")
    theirs = theirs.replace("<!-- end generated: version -->\n\n", "")
    merged = merge_cards(NEW, theirs, OLD)
    assert "Second." not in merged.text
    assert merged.text.count("begin generated: version") == 1
    assert "\nVersion 2\n" in merged.text


def test_a_card_of_which_no_release_is_known_loses_nothing():
    theirs = "---\npretty_name: Theirs\n---\n# Their title\n\nTheir words.\n"
    merged = merge_cards(NEW, theirs, None)
    assert merged.text.startswith("---\nlicense: cc-by-4.0\n")
    assert "pretty_name: Theirs\n" in merged.text
    assert merged.text.endswith("Third.\n\n# Their title\n\nTheir words.\n")
    again = merge_cards(NEW, OLD.replace("Second.", "Second.\n\nBy hand."), None)
    assert again.text == NEW.replace("Second.", "Second.\n\nBy hand.")


def test_a_front_matter_that_is_no_yaml_is_told():
    with pytest.raises(NewsParallaxError, match=r"README\.md: the front matter is not YAML"):
        merge_cards(NEW, OLD.replace("license:", "license: [: "), OLD)


LINE = st.text("abc", min_size=1, max_size=3)
LINES = st.lists(LINE, max_size=6)


@given(LINES, LINES, LINES)
def test_every_line_that_was_added_is_there(base, ours, theirs):
    def made(lines):
        return card(prose=[f"{line}." for line in lines])

    merged = merge_cards(made(ours), made(theirs), made(base)).text.splitlines()
    for added in (set(ours) - set(base), set(theirs) - set(base)):
        assert {f"{line}." for line in added} <= set(merged)
    assert sum("begin generated" in line for line in merged) == 1
