"""The table of scripts without spaces, against the scripts of Unicode."""

from __future__ import annotations

import sys
import unicodedata

import regex

from newsparallax.text import HAN_AND_KANA, UNSPACED
from newsparallax.text.tokenize import SOUTH_EAST_ASIAN

SCRIPTS = {
    HAN_AND_KANA: ("Han", "Hiragana", "Katakana"),
    SOUTH_EAST_ASIAN: ("Thai", "Lao", "Khmer", "Myanmar"),
}
POINTS = "".join(chr(point) for point in range(sys.maxunicode + 1) if not 0xD800 <= point < 0xE000)


def test_every_character_of_the_scripts_is_in_the_table():
    for table, scripts in SCRIPTS.items():
        for script in scripts:
            outside = regex.findall(rf"[\p{{{script}}}--[{table}]]", POINTS, regex.VERSION1)
            assert [point for point in outside if regex.fullmatch(r"\w", point)] == []


def test_no_letter_of_another_script_is_in_the_table():
    for table, scripts in SCRIPTS.items():
        own = "".join(rf"\p{{{script}}}\p{{Script_Extensions={script}}}" for script in scripts)
        others = regex.findall(rf"[[{table}]--[{own}]]", POINTS, regex.VERSION1)
        assert [point for point in others if unicodedata.category(point)[0] in "LMN"] == []


def test_marks_that_only_these_scripts_have_are_in_the_table():
    for mark in "ー々〆〇ゝヽｰﾞ\u3099\u309a":
        assert regex.fullmatch(f"[{UNSPACED}]", mark), mark
    for other in "aé한я1１Ａ、。・「 ：ˮ":
        assert not regex.fullmatch(f"[{UNSPACED}]", other), other
