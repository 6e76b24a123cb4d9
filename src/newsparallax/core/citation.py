"""How to cite the corpus, as BibTeX: one text for the card, Croissant and whoever asks."""

from __future__ import annotations

import re

from .registry import Corpus


def bibtex(corpus: Corpus) -> str:
    """The BibTeX entry of this version of the corpus, "" where the corpus does not say whom to cite."""
    cited = corpus.citation
    if cited is None:
        return ""
    title = corpus.title or corpus.name
    fields = {"title": f"{{{title}}}", "author": f"{{{{{cited.author}}}}}", "year": f"{{{cited.year}}}"}
    fields |= {"version": f"{{{corpus.version}}}"}
    if cited.url:
        fields["url"] = f"{{{cited.url}}}"
    width = max(map(len, fields))
    lines = [f"  {name:<{width}} = {value}" for name, value in fields.items()]
    key = re.sub(r"[^a-z0-9]", "", corpus.name.lower()) or "corpus"
    return f"@misc{{{key},\n" + ",\n".join(lines) + "\n}"
