"""A finished dataset, opened for reading: its rows with names, and the questions that it answers."""

from __future__ import annotations

import weakref
from collections.abc import Collection, Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pandas as pd

from ..corpus import Codebook, Entity, read_toml
from ..dataset import opened
from ..errors import UsageError
from . import questions
from .annotators import agreement_table
from .opened import Opened
from .rows import Row
from .show import Shown
from .tokens import Tokenizer, conll_lines, doc_bin, pieces_of_blocks

CODEBOOK, ENTITIES = "codebook.toml", "entities.toml"


def open_dataset(name: str | Path) -> Dataset:
    """Open the dataset `name`: the folder of a build or release, or `hub:ORG/NAME@REVISION`.

    Files from a hub are removed when the dataset is no longer used. The address of the hub is in
    `HF_ENDPOINT`, a token in `HF_TOKEN`. Raises UsageError for a name that means no dataset, and NewsParallaxError for
    files that cannot be read.
    """
    stack = ExitStack()
    with stack:
        source = stack.enter_context(opened(str(name)))
        path = source.folder / CODEBOOK
        if not path.is_file():
            raise UsageError(f"{source.name} has no {CODEBOOK}", hint="build or download the complete dataset")
        codebook = read_toml(path, Codebook)
        registry = source.folder / ENTITIES
        entities = read_toml(registry, dict[str, Entity]) if registry.is_file() else {}
        dataset = Dataset(source.name, source.folder, source.manifest, codebook, entities)
        weakref.finalize(dataset.holder, stack.pop_all().close)
    return dataset


class Dataset(Opened):
    """A finished dataset. `open_dataset` makes it.

    Frames are pandas frames with the same columns and dtypes whether they have rows or not. Class labels have their
    names. Offsets are in code points of the article's text. In a stand-off release, columns with words of withheld
    texts are empty. An attribute that is called like a column of an answer is in the column LAYER.ATTRIBUTE.

    Where the codebook gives no layer the role that a question needs, the answer has no rows, and the warning
    MissingRole names the role.
    """

    def of_events(self, events: Collection[str]) -> Dataset:
        """Return the part of the dataset about some events; the same files are read, but fewer rows are kept.

        Raises UsageError for an event that the dataset does not have.
        """
        if unknown := sorted({*events} - self.events):
            hint = f"it has {', '.join(sorted(self.events)[:5])}"
            raise UsageError(f"{self.name} has no event {unknown[0]!r}", hint=hint)
        part = Dataset(self.name, self.folder, self.manifest, self.codebook, self.entities, events)
        part.holder = self.holder
        return part

    def by_event(self) -> dict[str, Dataset]:
        """Return the part of each event, by its id; all rows are read once and shared between the parts."""
        return {id_: _Part(self, id_) for id_ in sorted({row["event_id"] for row in self.articles.values()})}

    def naming(self, *, resolve: bool = True) -> pd.DataFrame:
        """Say what each outlet calls each entity, how often, and in whose voice.

        A row is a name of an entity in an outlet: `entity_id`, `entity`, `type`, `outlet`, `name`, the choices of the
        mention layer (of its first use), `count`, `own` (uses in the newsroom's own voice), `quoted` (uses inside
        quotations), `first` (whether the outlet mentions the entity first by this name), `articles`, `span_ids`.

        With `resolve`, a metonym counts for what it stands for (*Brussels* for the union); without, for what its
        words name (*Brussels* for the city). Mentions without an entity in the registry are left out; `frame` has
        them.
        """
        return questions.naming(self, resolve=resolve)

    def stances(self, *, resolve: bool = True) -> pd.DataFrame:
        """Say who is for or against whom, in which words, and who says so.

        A row is a holder and a target of a stance: `holder`, `target` and their ids, `label`, `polarity` (from -1 to 1
        along the ordered labels), `newsroom` (whether the newsroom itself holds it; `holder` is the outlet then),
        `voice` (own or quoted), `voice_ids`, the attributes, and the place. A span with one holder and two targets has
        two rows, and one of two parties on each other has two rows too: nobody is paired with itself there. Count
        `span_id` to count spans. `resolve` is that of `naming`.
        """
        return questions.stances(self, resolve=resolve)

    def terms(self) -> pd.DataFrame:
        """Say which softer, harsher and plain words occur, for what, by whom, and whether the article flags them.

        A row is a term in its context: `kind` (softer, harsher or plain), `left`, `wording`, `right`, `meaning`,
        `referent_ids`, `referents`, `users` (empty: the newsroom), `voice`, `voice_ids`, `flagged`, the attributes, and
        the place.
        """
        return questions.terms(self)

    def pairs(self) -> pd.DataFrame:
        """Say how two articles word the same thing of their event: softer, harsher, plainly, or not at all.

        A row is a referent and a wording of it in each of two articles of one event: `referent`, `referent_id`,
        `kind_a`, `wording_a`, `outlet_a`, `article_a`, and the same with `_b`. Where an article has no term for the
        referent, its `kind` is `unnamed` and its `wording` None; no term is marked there, and a mention of the entity
        may still be.
        """
        return questions.pairs(self)

    def quotes(self) -> pd.DataFrame:
        """Say who is quoted, how, and in which words.

        A row is a quotation: `speakers` and `speaker_ids` (empty: the annotation names nobody), the attributes,
        `quote`, `within` (the id of the quotation around it), and the place.
        """
        return questions.quotes(self)

    def agreement(self) -> pd.DataFrame:
        """Return the agreement of annotators as the dataset's card states it.

        A row is a figure that the build computed: `group` (which annotators), `what` (the layer or value), `measure`,
        `value` (a text with the interval, such as "0.910 [0.870, 0.950]"), and its parts as numbers: `number`, `low`
        and `high`. The card is the only place of a dataset with these figures.
        """
        return agreement_table(self.folder)

    def show(self, article_id: str, layers: Sequence[str] | None = None) -> Shown:
        """Return an article with its gold spans for a notebook; overlapping spans have lines below one another."""
        return Shown(self, self._article(article_id), self._layers(layers))

    def to_spacy(self, layers: Sequence[str] | None = None) -> Any:
        """Return a spaCy `DocBin`, with a document an article and a span group a layer; it needs the package spacy.

        Documents are cut at tokens and at the edges of spans, so that every span fits exactly; `doc.text` is the text.
        `span.id_` is the id of the span, and `doc.user_data` has `article_id`, `event_id` and `outlet`. Raises
        UsageError where an article's text is withheld, or spacy is not installed.
        """
        return doc_bin(self, self._layers(layers))

    def to_conll(self) -> Iterator[str]:
        """Yield lines of CoNLL: token, start, end and BIO tag, with tabs between; an empty line ends a block.

        The tags are those of the config `tokens`. Raises UsageError where tokens are withheld.
        """
        return conll_lines(self)

    def tokens_for(self, tokenizer: Tokenizer) -> pd.DataFrame:
        """Return word pieces with tags for training: a row a block, with `input_ids`, `offsets` and `labels`.

        `tokenizer` is one of the packages tokenizers or transformers (a fast one). `labels` has the number of the
        BIO tag at the first piece of each token, and -100 at other pieces and special ones; `frame.attrs["tags"]`
        has the names of the numbers. A piece that covers several tokens (*'s*) has the tag of the first one;
        `frame.attrs["lost_starts"]` counts the spans whose first token has no piece of its own for that reason, so that
        a model does not see where they begin. Offsets are pairs in code points of the article's text.

        Raises UsageError for a tokenizer without offsets, such as a slow one of transformers, where it truncates a
        block, and where texts are withheld.
        """
        return pieces_of_blocks(self, tokenizer)

    def _article(self, article_id: str) -> Row:
        try:
            return self.articles[article_id]
        except KeyError:
            some = ", ".join(list(self.articles)[:5])
            raise UsageError(f"{self.name} has no article {article_id!r}", hint=f"it has {some}") from None

    def _layers(self, layers: Sequence[str] | None) -> list[str]:
        known = list(self.codebook.layers)
        for layer in layers or ():
            if layer not in known:
                raise UsageError(f"{self.name} has no layer {layer!r}", hint=f"it has {', '.join(known)}")
        return known if layers is None else list(layers)


class _Part(Dataset):
    """One event of a dataset whose rows are in memory."""

    def __init__(self, whole: Dataset, event_id: str) -> None:
        super().__init__(whole.name, whole.folder, whole.manifest, whole.codebook, whole.entities, [event_id])
        self.holder, self._whole, self._id = whole.holder, whole, event_id

    def _read(self, config: str, columns: Sequence[str] | None) -> tuple[list[Row], dict[str, Any]]:
        rows, features = self._whole.grouped(config)
        return rows.get(self._id, []), features
