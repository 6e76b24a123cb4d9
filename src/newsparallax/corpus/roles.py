"""Records that say which parts of a codebook have which role."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta

from .toml import Record


class RequiredWhen(Record):
    """A condition: the attribute `attribute` of the same span has one of `values`."""

    attribute: Annotated[str, Meta(description="The name of an attribute of the same layer.")]
    values: Annotated[list[str], Meta(description="The values of that attribute for which the condition holds.")]


class StanceRoles(Record):
    """What a layer of stances calls its parts. The layer's `ordered` says which end of the scale is positive."""

    layer: Annotated[str, Meta(description="The layer of the stances.")]
    holder: Annotated[str | None, Meta(description="The relation that leads to whoever holds the stance.")] = None
    target: Annotated[str | None, Meta(description="The relation that leads to what the stance is about.")] = None
    newsroom: Annotated[
        RequiredWhen | None,
        Meta(description="The values of an attribute that say that the newsroom itself holds the stance."),
    ] = None


class TermRoles(Record):
    """What a layer of softer, harsher and plain words calls its parts."""

    layer: Annotated[str, Meta(description="The layer of the terms.")]
    softer: Annotated[list[str], Meta(description="The labels of words that are softer than the plain one.")] = []
    harsher: Annotated[list[str], Meta(description="The labels of words that are harsher than the plain one.")] = []
    plain: Annotated[list[str], Meta(description="The labels of plain words.")] = []
    meaning: Annotated[str | None, Meta(description="The attribute with the plain meaning.")] = None
    user: Annotated[str | None, Meta(description="The relation that leads to whoever uses the word.")] = None
    flagged: Annotated[
        RequiredWhen | None,
        Meta(description="The values of an attribute that say that the article flags the word."),
    ] = None


class Roles(Record):
    """Which parts of the codebook `newsparallax.read` and `newsparallax report` read as what.

    Quotations need no role here: the key `speaker` of a layer names them. What has no role is left out.
    """

    mentions: Annotated[
        str | None,
        Meta(
            description="The layer of the mentions of entities; it has the key `referent`. The first attribute of "
            "`referent` is what the words mean, the last one what they name."
        ),
    ] = None
    stances: Annotated[StanceRoles | None, Meta(description="The layer of stances and its parts.")] = None
    terms: Annotated[TermRoles | None, Meta(description="The layer of softer and harsher words and its parts.")] = None
