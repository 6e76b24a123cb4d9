"""What CHANGELOG.md says of a version."""

from newsparallax.corpus import data_changes, is_dated, section

TEXT = """# Changelog

## [Unreleased]

## [0.2.0] - 2026-02-03

### Data

#### Added

- One.

### Code

- Two.

## 0.1.0

- Plain.
"""


def test_a_section_ends_where_the_next_begins():
    assert section(TEXT, "0.1.0") == "- Plain."
    assert section(TEXT, "0.2.0").startswith("### Data")
    assert section(TEXT, "0.2.0").endswith("- Two.")
    assert section(TEXT, "0.3.0") is None
    assert section("", "0.1.0") is None


def test_what_changed_in_the_data_is_told_apart_where_it_is_told_apart():
    assert data_changes(TEXT, "0.2.0") == "### Added\n\n- One."
    assert data_changes(TEXT, "0.1.0") == "- Plain."
    assert data_changes(TEXT, "0.3.0") == data_changes("", "0.1.0") == ""


def test_a_version_that_is_out_has_a_date():
    assert is_dated(TEXT, "0.2.0")
    assert not is_dated(TEXT, "0.1.0")
