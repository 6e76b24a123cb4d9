"""What each problem code means, with an example of its message; shown by `check --explain` and in docs/reference/.

A test provokes each problem and compares its message with the example.
"""

from __future__ import annotations

from typing import NamedTuple


class Explanation(NamedTuple):
    """What a problem code means, and the message for the smallest corpus that has the problem."""

    meaning: str
    example: str


EXPLANATIONS: dict[str, Explanation] = {
    "unreadable-file": Explanation(
        "An export cannot be opened or read, for example because permissions are missing or a link leads nowhere.",
        "a.json: cannot be read: Input/output error",
    ),
    "empty-file": Explanation(
        "An export contains nothing but white space.",
        "a.json: is empty",
    ),
    "not-utf8": Explanation(
        "An export contains bytes that are not UTF-8, for example because a program saved it as Latin-1 or UTF-16.",
        "a.json: line 2, byte 32: is not UTF-8",
    ),
    "not-json": Explanation(
        "An export is not JSON, for example because a table or another format was exported.",
        "a.json: expected JSON, which begins with [ or {, found 'id,text,label\\n1,Ann '; this looks like CSV,"
        " which loses regions",
    ),
    "truncated-json": Explanation(
        "An export ends in the middle of a JSON value, for example because a download broke off.",
        "a.json: line 1, column 29: ends in the middle of a value",
    ),
    "unknown-shape": Explanation(
        "An export is JSON, but has no tasks in the full format of Label Studio.",
        "a.json: expected tasks with `data` and `annotations`, found objects with annotation_id, annotator, "
        "id, spans, text; this looks like Label Studio's JSON_MIN, which loses regions",
    ),
    "not-a-task": Explanation(
        "An entry of an export is not a task. The other entries are converted.",
        "a.json: the entry has neither `data` nor `annotations`",
    ),
    "duplicate-key": Explanation(
        "An object in an export has the same key twice. Two lists are joined; of other values, the last one is read.",
        "a.json: data: an object has the key 'desk' twice",
    ),
    "lone-surrogate": Explanation(
        "A text contains half of a character, for example because a program that counts UTF-16 units cut an "
        "emoji in two.",
        "a.json: data.lead: 'cut \\ud83d' contains half of a UTF-16 surrogate pair",
    ),
    "nan-value": Explanation(
        "A number in an export is NaN or Infinity, which Python writes but JSON does not have.",
        "a.json: data.rank: a number is nan",
    ),
    "bad-field": Explanation(
        "A field of a task or annotation has a value of the wrong type. The field is ignored, the others are read.",
        "a.json: `id` is an object; expected a whole number or a string",
    ),
    "duplicate-task": Explanation(
        "Several tasks show the same article, for example because it was imported twice. Their annotations are merged.",
        "a.json: article 1 is in 2 tasks: task 1 in a.json, task 2 in a.json",
    ),
    "article-conflict": Explanation(
        "Tasks give the same article id to different texts. Offsets in one text are wrong in the other one, "
        "so the items of the later tasks are not converted.",
        "a.json: another task of article k shows a different text 'text' (1 other problem follows from it)",
    ),
    "article-id-taken": Explanation(
        "The second text of a task gets the id ARTICLE_ID.TEXT_NAME, but another article already has this id."
        " That article is not converted.",
        "a.json: a text of article '1' and a text of article '1.second' get the same id (1 other problem "
        "follows from it)",
    ),
    "unknown-article": Explanation(
        "A task names an article that is not in seeds/articles.toml. The task is not converted.",
        "a.json: article 'other' is not in seeds/articles.toml (1 other problem follows from it)",
    ),
    "no-text": Explanation(
        "The data of a task do not have the field in which codebook.toml expects the text.",
        "a.json: the task's data have no field 'text' (1 other problem follows from it)",
    ),
    "text-is-reference": Explanation(
        "The data of a task have a path or an address in place of the text, and the text behind it is not known.",
        "a.json: field 'text' contains the reference '/data/upload/1/a.txt'; expected a text (1 other problem"
        " follows from it)",
    ),
    "text-differs": Explanation(
        "The text that was annotated differs from the seed. Only spans whose quotes occur in the seed are kept.",
        "a.json: from offset 0 on, the task's text (20 code points) is 'Ann met Bob in Oslo.', but the seed "
        "(30 code points) is 'Yesterday Ann met Bo' (1 other problem follows from it)",
    ),
    "e-mail-address": Explanation(
        "A text contains an e-mail address that is not listed as public. The message shows a part of it only.",
        "a.json: the task's field 'text' contains the e-mail address a...@example.org",
    ),
    "bad-annotation": Explanation(
        "An annotation is not an object, or its `result` is missing or not a list.",
        "a.json: annotation 1 is a number; expected an object",
    ),
    "duplicate-annotation": Explanation(
        "The same annotation occurs more than once. One copy is kept, and the items of the others are quarantined.",
        "a.json: annotation 11 occurs twice (1 other problem follows from it)",
    ),
    "duplicate-annotation-id": Explanation(
        "Different annotations of an article have the same id.",
        "a.json: two different annotations have the id 11",
    ),
    "unknown-annotator": Explanation(
        "An annotation was made by a person who is not in annotators.toml. The annotation is kept, under a "
        "name made from the person's number.",
        "a.json: the annotation names annotator 'user-7'; expected an id that is in annotators.toml",
    ),
    "shared-number": Explanation(
        "Different people have the same user number, for example on two Label Studio servers. None of them "
        "gets the pseudonym that annotators.toml has for the number.",
        "annotations/exports/: Label Studio's user number 1 belongs to 2 people, by their e-mail addresses; "
        "annotators.toml gives it to 'a' only",
    ),
    "annotator-twice": Explanation(
        "A person has several different annotations of an article. The newest one counts, unless one is starred.",
        "a.json: a has 2 different annotations of the article (11, 12); the newest is 12",
    ),
    "gold-undecided": Explanation(
        "Several people annotated an article, and no annotation is starred as ground truth. The article has "
        "no gold annotation; all annotations are in `votes`.",
        "a.json: none of the 2 annotations (a, b) is starred as ground truth",
    ),
    "gold-conflict": Explanation(
        "Several annotations of an article are starred as ground truth, so the article has no gold "
        "annotation. Stars on annotations by models do not count if exactly one annotation by a human is "
        "starred.",
        "a.json: 2 annotations are starred as ground truth (a, b)",
    ),
    "bad-item": Explanation(
        "A result item is not an object, or one of its values has the wrong type.",
        "a.json: the result item is a string; expected an object",
    ),
    "unknown-control": Explanation(
        "A result item belongs to a control that codebook.toml does not have, for example because the "
        "labelling configuration was changed later.",
        "a.json: control 'ner_old' belongs to no layer or attribute",
    ),
    "unsupported-control": Explanation(
        "A result item is of a type that is not converted, such as a region of an image.",
        "a.json: items of control 'box' have the unsupported type 'rectanglelabels'",
    ),
    "bad-record": Explanation(
        "A line or entry of another tool's file is not complete, or is of a kind that its format does not have.",
        "a.ann: line 2 is not complete: 'T2\\tPER\\tBob'",
    ),
    "discontinuous-span": Explanation(
        "A span has several fragments, as brat allows. A row of a dataset has one start and one end, so the span is "
        "kept in problems.jsonl only.",
        "a.ann: PER 8 11;15 19 has 2 fragments; a span has one start and one end",
    ),
    "event-trigger": Explanation(
        "The trigger of an event is no span: it is missing, or was refused itself. The arguments of an event become "
        "relations from its trigger.",
        "a.ann: event E2 (PER): its trigger T9 is no span",
    ),
    "unread-column": Explanation(
        "A file says more about its words than spans can hold, such as parts of speech or syntax. These columns are "
        "not read. The problem is reported once for each document.",
        "a.conll: column 2 is not read: its values are not tags of spans",
    ),
    "wrong-text": Explanation(
        "A region marks another text than the one that its layer is about, for example the headline instead "
        "of the body.",
        "a.json: the region refers to text 'head'; expected 'text'",
    ),
    "unknown-label": Explanation(
        "A region has a label that its layer does not have, for example because the label was renamed later.",
        "a.json: label 'HUMAN' is not in layer spans; expected one of: PER",
    ),
    "no-label": Explanation(
        "A region has no label.",
        "a.json: the region has no label",
    ),
    "several-labels": Explanation(
        "A region has several labels, but its layer allows one.",
        "a.json: the region has the labels PER, LOC; layer spans allows one",
    ),
    "no-offsets": Explanation(
        "A region does not say where it is in the text.",
        "a.json: the region has no offsets",
    ),
    "bad-offsets": Explanation(
        "Offsets of a region are not whole numbers. A whole number in quotation marks is accepted if the "
        "quote confirms it.",
        "a.json: `value.start` is true or false; expected a number or a string",
    ),
    "offsets-out-of-range": Explanation(
        "Offsets of a region lie outside of the text, and the quote does not occur exactly once near them.",
        "a.json: the offsets 15..99 are outside of the text, which has 20 code points",
    ),
    "reversed-offsets": Explanation(
        "A region ends before it begins, and its quote does not occur exactly once near it.",
        "a.json: the offsets 11..8 end before they begin",
    ),
    "empty-span": Explanation(
        "A region contains nothing, or only white space and invisible characters.",
        "a.json: the offsets 3..3 contain no text",
    ),
    "quote-mismatch": Explanation(
        "The text at the offsets of a region differs from its quote (`text`), and the quote does not occur "
        "exactly once near them.",
        "a.json: the offsets 0..3 contain 'Ann'; expected the quote 'met'",
    ),
    "ambiguous-offsets": Explanation(
        "The offsets of a region lead to different places, depending on the unit in which they count, and "
        "nothing shows which unit is right.",
        "a.json: the region can be at 9..12 (code points, 'Ann') or 5..8 (utf16, 'Ann'): its quote fits each "
        "place, and other regions do not decide",
    ),
    "unproven-offsets": Explanation(
        "A region of an HTML text leads to another text than its quote, or has no quote and nothing else "
        "confirms its place.",
        "a.json: the region's path leads to no text, and the region has no quote",
    ),
    "duplicate-region-id": Explanation(
        "Different regions have the same id. Relations and values that name the id are not converted, because"
        " they may belong to either region.",
        "a.json: 2 different regions of layer spans have the id 'r1' (1 other problem follows from it)",
    ),
    "duplicate-region": Explanation(
        "The same text is marked twice with the same label.",
        "a.json: PER 0..3 occurs twice in layer spans",
    ),
    "orphan-attribute": Explanation(
        "A value belongs to a region that does not exist, was not converted, or shares its id with another region.",
        "a.json: value of 'spans_note': region 'r2' is missing, was not converted, or has the same id as "
        "another region",
    ),
    "inapplicable-attribute": Explanation(
        "A span has a value for an attribute that codebook.toml does not allow for its label.",
        "a.json: attribute country does not apply to label PER",
    ),
    "unknown-value": Explanation(
        "A choice is not among the values of its attribute in codebook.toml. Former names of values are accepted.",
        "a.json: naming: 'nickname' is not one of 'full', 'short'",
    ),
    "bad-value": Explanation(
        "A value does not have the kind of its attribute in codebook.toml, for example text in place of a number.",
        "a.json: naming: the item has no `choices`",
    ),
    "several-values": Explanation(
        "An attribute has several values, but codebook.toml allows one.",
        "a.json: note: allows one value; found 'a', 'b'",
    ),
    "duplicate-value": Explanation(
        "Two result items give different values to the same attribute. The first one is kept.",
        "a.json: attribute note has two different values",
    ),
    "unknown-reference": Explanation(
        "A value names an id that is not in its registry, such as entities.toml.",
        "a.json: entity: 'anne' is not in entities.toml; did you mean 'ann'?",
    ),
    "dangling-relation": Explanation(
        "A relation begins or ends at a region that does not exist or was not converted.",
        "a.json: region 'gone' is missing, was not converted, or has the same id as another region",
    ),
    "unknown-relation": Explanation(
        "A relation has a label, a direction or ends that codebook.toml does not allow.",
        "a.json: relation 'hates' (direction right) between spans and spans; the codebook allows knows -> spans",
    ),
    "duplicate-relation": Explanation(
        "The same relation occurs twice between the same regions.",
        "a.json: relation knows occurs twice between the same regions",
    ),
    "invisible-characters": Explanation(
        "A span contains characters that cannot be seen, such as a soft hyphen.",
        "a.json: PER 0..5 of layer spans contains invisible characters: U+00AD SOFT HYPHEN",
    ),
    "overlap": Explanation(
        "Two spans of a layer overlap in a way that codebook.toml does not allow.",
        "a.json: 0..14 and 8..11 of layer spans overlap",
    ),
    "missing-attribute": Explanation(
        "A span has no value for an attribute that codebook.toml requires.",
        "a.json: PER 0..3 of layer spans has no value for naming",
    ),
    "missing-value": Explanation(
        "An annotation has no value for a field about the article that codebook.toml requires.",
        "a.json: the annotation has no value for topic",
    ),
    "missing-relation": Explanation(
        "A span has fewer relations than codebook.toml requires.",
        "a.json: PER 8..11 of layer spans has 0 relations knows; expected at least 1",
    ),
    "too-many-relations": Explanation(
        "A span has more relations than codebook.toml allows.",
        "a.json: PER 0..3 of layer spans has 2 relations knows; expected at most 1",
    ),
    "reference-type": Explanation(
        "A span names an entity whose type in entities.toml differs from the label of the span.",
        "a.json: the type of ann is LOC, but the label of span 0..3 is PER",
    ),
    "pattern-mismatch": Explanation(
        "A text does not match the `pattern` of its attribute in codebook.toml, for example a date that is written in "
        "another form. The value stays in the dataset.",
        r"a.json: TIME 12..17 of layer spans has the iso '3 May', which does not match \d{4}-\d{2}(-\d{2})?",
    ),
    "no-articles": Explanation(
        "The corpus has neither tasks nor seeds, so the dataset would be empty.",
        "annotations/exports/: the exports contain no task, and there are no seeds",
    ),
    "export-ignored": Explanation(
        "annotations/exports/ contains a file with a name that is not read.",
        "b.csv: only .json, .jsonl, .ndjson (also with .gz or .zst) and .zip files are read",
    ),
    "seed-missing": Explanation(
        "articles.toml lists a file that does not exist.",
        "seeds/y.txt: does not exist, but articles.toml lists it",
    ),
    "seed-unlisted": Explanation(
        "seeds/ contains a text that articles.toml does not list.",
        "seeds/y.txt: is not in articles.toml",
    ),
    "seed-digest": Explanation(
        "A seed was changed: its SHA-256 differs from the one in articles.toml, so the offsets of annotations"
        " may be wrong.",
        "seeds/x.txt: has the SHA-256 2a7a4e4aae516d7ab9bdbab697e5c4d3a595acaaa6b4a6e3e3d7e965aa56dfb2; "
        "articles.toml has 0000000000000000000000000000000000000000000000000000000000000000",
    ),
    "seed-not-utf8": Explanation(
        "A seed contains bytes that are not UTF-8.",
        "seeds/x.txt: byte 2 is not UTF-8",
    ),
    "example-from-corpus": Explanation(
        "An example in codebook.toml repeats words of an article of the corpus, so annotators would see a "
        "part of the answer.",
        "codebook.toml: codebook.rules[1].answer repeats words of the article: 'ann met bob'",
    ),
    "bad-block": Explanation(
        "A block in articles.toml lies outside of the text, overlaps another block, or has other words than "
        "its `head` and `tail`.",
        "seeds/x.txt: body 2..11 begins before the previous block ends",
    ),
    "duplicate-qid": Explanation(
        "Several entities have the same Wikidata item.",
        "entities.toml: several entities have the item Q585: oslo, kristiania",
    ),
    "bad-qid": Explanation(
        "The `qid` of an entity is not a number of a Wikidata item.",
        "entities.toml: oslo: 'Q' is not a Wikidata item",
    ),
    "name-ambiguous": Explanation(
        "Several entities of the same type have the same name.",
        "entities.toml: several entities of type PER have the name 'Ann': ann-a, ann-b",
    ),
    "stale-generated": Explanation(
        "A generated file was edited, or the codebook was changed after the file was generated.",
        "annotations/guidelines.md: differs from the file that the codebook generates",
    ),
    "stale-waiver": Explanation(
        "A waiver in waivers.toml covers no problem.",
        "waivers.toml: waiver 2 (code overlap) covers no problem",
    ),
}
