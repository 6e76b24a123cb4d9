"""Functions on text and on positions in text.

`offsets` converts offset units, `html` renders HTML to text, `tokenize` splits text into tokens, `folding` normalises
text for comparison, `word_runs` yields runs of words, `privacy` finds e-mail addresses and access tokens, `wording`
helps to word messages. No module accesses files, the network, the clock or the environment.
"""

from .folding import Folded, fold
from .html import RenderedHtml, render_html
from .offsets import CODE_POINTS, CRLF, CRLF_UTF16, INVISIBLE, UTF16, TextIndex, is_blank, unseen_in
from .privacy import ADDRESS, Private, address_messages, addresses_in, private_parts, strings_in
from .tokenize import HAN_AND_KANA, UNSPACED, Offsets, token_edges
from .word_runs import word_runs
from .wording import did_you_mean, plural, shown_apart

__all__ = [
    "ADDRESS",
    "CODE_POINTS",
    "CRLF",
    "CRLF_UTF16",
    "HAN_AND_KANA",
    "INVISIBLE",
    "UNSPACED",
    "UTF16",
    "Folded",
    "Offsets",
    "Private",
    "RenderedHtml",
    "TextIndex",
    "address_messages",
    "addresses_in",
    "did_you_mean",
    "fold",
    "is_blank",
    "plural",
    "private_parts",
    "render_html",
    "shown_apart",
    "strings_in",
    "token_edges",
    "unseen_in",
    "word_runs",
]
