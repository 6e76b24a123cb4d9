"""Files of other tools become tasks: every part is a span, a value, a relation or a problem by name."""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path
from typing import Any

import pytest

from helpers import Dataset
from newsparallax.adopt import adopt
from newsparallax.adopt.corpus_folder import Adopted
from newsparallax.building import build, problems_of
from newsparallax.cli.adopt import adopt_command
from newsparallax.corpus import open_corpus
from newsparallax.errors import ExportError, UsageError
from newsparallax.formats import Reading

ANN = "http://www.w3.org/ns/anno.jsonld"


def written(folder: Path, files: dict[str, str | bytes]) -> Path:
    for name, content in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(content if isinstance(content, bytes) else content.encode())
    return folder


def adopted(tmp_path: Path, files: dict[str, str | bytes]) -> tuple[Adopted, list[str]]:
    """What `adopt` made of a folder with these files, and the codes of all problems of the new corpus."""
    made = adopt([written(tmp_path / "in", files)], tmp_path / "corpus")
    for export in made.exports:
        for file in (export.source, *export.beside):
            copy = tmp_path / "corpus/annotations/exports" / file.relative_to(tmp_path / "in")
            assert copy.read_bytes() == file.read_bytes()
    return made, sorted(problem.code for problem in problems_of(open_corpus(tmp_path / "corpus")))


def lines(*values: Any) -> str:
    return "".join(json.dumps(value) + "\n" for value in values)


BRAT = """T1\tPER 0 3\tAnn
T2\tPER 10 13\tBob
T3\tMeet 6 9\tmet
T9\tPER 0 3;10 13\tAnn Bob
E1\tMeet:T3 Agent:T1 Other:T2
R1\tKnows Arg1:T1 Arg2:T2\t
A1\tNegation E1
A2\tConfidence T1 high
N1\tReference T2 Wikidata:Q1\tBob
#1\tAnnotatorNotes T1\ta note
*\tEquiv T1 T2
"""


def test_brat(tmp_path):
    conf = "[entities]\nPER\n!ORG\n[relations]\nKnows\tArg1:PER\n[events]\nMeet\n[attributes]\n"
    files: dict[str, str | bytes] = {
        "d.txt": "Ann 😀 met Bob.",
        "d.ann": BRAT,
        "annotation.conf": conf,
        "e.txt": "x",
        "e.ann": "",
    }
    made, codes = adopted(tmp_path, files)
    layer = made.proposal.codebook.layers["spans"]
    assert list(layer.labels) == ["PER", "ORG", "Meet"]
    assert set(layer.attributes) == {"negation", "confidence", "normalization", "annotatornotes"}
    assert set(layer.relations) == {"agent", "other", "knows", "equiv"}
    assert codes == ["discontinuous-span"]
    assert (made.scan.tasks, made.scan.items) == (2, 3 + 4 + 4 + 1)


EVENTS = """T1\tProtein 0 3\tIL2
T2\tProtein 8 11\tp65
T3\tGene_expression 12 22\texpression
T4\tRegulation 23 33;34 38\tdown words late
E1\tGene_expression:T3 Theme:T1
E2\tGene_expression:T3 Theme:T2
E3\tBinding:T3 Theme:T1 Theme2:T2 Site2:T1
E4\tRegulation:T4 Theme:E1 Cause:E2
E5\tRegulation:T4 Theme:E2 Cause:E1
E6\tRegulation:T9 Theme:E1
A1\tPolarity E2 neg
A2\tPolarity E2 unsure
A3\tPolarity T3 pos
N1\tReference Annotation:T1 Referent:DB:7\tx
#1\tAnnotatorNotes E5\thm
#2\tAnnotatorNotes E9\tno such event"""


def test_events_that_share_a_trigger_are_spans_of_their_own(tmp_path):
    text = "IL2 and p65 expression down words\nlate 😀"
    made, codes = adopted(tmp_path, {"d.txt": text, "d.ann": EVENTS})
    assert codes == ["event-trigger", "orphan-attribute"]  # the text ends without a line break, and so does the file
    layer = made.proposal.codebook.layers["spans"]
    assert set(layer.relations) == {"theme", "cause", "site"}
    result = build(open_corpus(tmp_path / "corpus"), tmp_path / "out", verify=False)
    rows = {row["span_id"].rpartition("/")[2]: row for row in Dataset(result.place).rows("votes")}
    assert len(rows) == 7
    places = [(row["quote"], len(row["relations"]), len(row["attributes"])) for row in rows.values()]
    assert sorted(places) == [
        ("IL2", 0, 1), ("down words\nlate", 2, 0), ("down words\nlate", 2, 1),
        ("expression", 1, 1), ("expression", 1, 2), ("expression", 3, 2), ("p65", 0, 0),
    ]  # fmt: skip


def test_the_files_of_a_shared_task_are_one(tmp_path):
    files = {"d.txt": "Ann met Bob", "d.a1": "T1\tPER 0 3\tAnn", "d.a2": "T2\tMeet 4 7\tmet\nE1\tMeet:T2 A:T1\n?\n"}
    made, codes = adopted(tmp_path, files)
    assert (made.scan.tasks, made.scan.items, codes) == (1, 4, ["bad-record"])


def test_offsets_in_another_unit_are_judged_by_the_words_of_the_file(tmp_path):
    _, codes = adopted(tmp_path, {"d.txt": "😀 Ann met Bob.", "d.ann": "T1\tPER 3 6\tAnn\nT2\tPER 11 14\tBob\n"})
    assert codes == []


def test_what_is_wrong_in_a_brat_file_is_refused_line_by_line(tmp_path):
    bad = ["T2", "T3\tPER a b\tx", "R1\tX Arg1:T1", "E1\tFoo", "A1\tB", "N1\tReference T1", "#1\tNote", "*\tEquiv T1", "X1 y", "T1\tPER 0 3\tAnn"]  # fmt: skip  # noqa: E501
    _, codes = adopted(tmp_path, {"d.txt": "Ann met", "d.ann": "\n".join(["T1\tPER 0 3\tAnn", *bad])})
    assert codes == ["bad-record"] * len(bad)


@pytest.mark.parametrize(
    ("files", "says"),
    [
        ({"d.ann": "T1\tPER 0 3\tAnn\n"}, "d.txt is not beside it"),
        ({"d.ann": "T1\tPER 0 3\tAnn\n", "d.txt": b"\xe4nn"}, "is not UTF-8"),
        ({"d.jsonl": lines({"text": "Ann", "label": [[0, 3, "PER"]]}) + "{x\n"}, "line 2: this line is not a JSON value"),  # noqa: E501
        ({"d.jsonl": lines({"text": "Ann", "label": [[0, 3, "PER"]]}, {"label": []})}, "line 2: has no text"),
        ({"p.jsonl": lines({"text": "x", "_input_hash": 1, "answer": "accept"}, {"image": "a"})}, "line 2: has no text"),  # noqa: E501
        ({"x.conll": "EU B-ORG\nrejects O\nfoo\n"}, "line 3: number of columns: 1; at least 2"),
        ({"x.conllu": f"1\tAnn{chr(9)}_{'	_' * 7}\nfoo bar\n"}, "is not CoNLL-U"),
        ({"x.spacy": __import__("zlib").compress(b"attrs tokens")}, "is not a DocBin that spaCy can read"),
        ({"x.xmi": '<xmi:XMI xmlns:xmi="http://www.omg.org/XMI"/>'}, "without its type system"),
        ({"x.json": '{"%TYPES": {}, "%FEATURE_STRUCTURES": [{"%ID": 1, "%TYPE": "a.B"}]}'}, "is not a CAS"),
        ({"x.xml": "<GateDocument><a></GateDocument>"}, "is not XML of GATE"),
        ({"x.xml": "<GateDocument/>"}, "has no TextWithNodes"),
        ({"x.json": json.dumps({"@context": ANN, "target": {"source": "../t", "selector": {}}})}, "has no text for"),
    ],
)  # fmt: skip
def test_a_file_that_cannot_be_read_is_named_and_nothing_is_written(tmp_path, files, says):
    with pytest.raises(ExportError) as caught:
        adopt([written(tmp_path / "in", files)], tmp_path / "corpus")
    assert says in str(caught.value)
    assert caught.value.file.startswith(str(tmp_path / "in")) or "d.txt" in caught.value.file
    assert caught.value.hint
    assert not (tmp_path / "corpus").exists()


def test_doccano_of_all_generations_in_one_file(tmp_path):
    new = {"id": 2, "text": "Bob met", "Comments": ["hm"]}
    new |= {"entities": [{"id": 7, "label": "PER", "start_offset": 0, "end_offset": 3}, {"id": 8, "label": "V", "start_offset": 4, "end_offset": 7}]}  # fmt: skip  # noqa: E501
    new |= {"relations": [{"id": 1, "from_id": 8, "to_id": 7, "type": "agent"}]}
    users = [{"label": 3, "start_offset": 0, "end_offset": 3, "user": user} for user in (1, 2)]
    old = (
        {"id": 1, "data": "😀 Ann", "label": [[2, 5, "PER"]], "text": "of the metadata"},
        {"id": 4, "text": "good", "labels": ["pos"]},
    )
    made, codes = adopted(
        tmp_path, {"d.jsonl": lines(*old, new, {"id": 3, "text": "Cem", "annotations": users, "meta": {}})}
    )
    assert list(made.proposal.annotators) == ["a1", "a2", "anonymous"]
    assert set(made.proposal.codebook.document) == {"comments", "label"}
    assert codes == ["gold-undecided"]
    assert made.scan.items == 1 + 1 + 4 + 2


def test_a_relation_of_prodigy_may_name_the_last_tokens_of_its_spans(tmp_path):
    tokens = [
        {"text": word, "start": at, "end": at + 3, "id": at // 4} for at, word in ((0, "Ann"), (4, "Lee"), (8, "Bob"))
    ]
    spans = [
        {"start": 0, "end": 7, "token_start": 0, "token_end": 1, "label": "PER"},
        {"start": 8, "end": 11, "token_start": 2, "token_end": 2, "label": "PER"},
    ]
    row = {"text": "Ann Lee Bob", "_input_hash": 1, "tokens": tokens, "spans": spans, "answer": "accept"}
    made, codes = adopted(tmp_path, {"p": lines(row | {"relations": [{"head": 1, "child": 2, "label": "knows"}]})})
    assert (set(made.proposal.codebook.layers["spans"].relations), codes) == ({"knows"}, [])


def test_labels_of_texts_that_are_written_by_hand_are_no_choices(tmp_path):
    rows = [{"id": at, "text": f"long text {at}", "label": [f"summary no. {at}"]} for at in range(5)]
    made, codes = adopted(tmp_path, {"d.jsonl": lines(*rows, {"id": 9, "text": "x", "label": []})})
    assert {name: part.kind for name, part in made.proposal.codebook.document.items()} == {"text_label": "text"}
    assert codes == []


def test_prodigy_keeps_annotators_apart_and_counts_what_they_rejected(tmp_path):
    spans = [{"start": 0, "end": 3, "label": "PER"}, {"start": 8, "end": 11, "label": "PER"}]
    relation = {"head": 0, "child": 2, "label": "met", "head_span": spans[0], "child_span": spans[1]}
    first = {"text": "Ann met Bob", "_input_hash": 1, "spans": spans, "relations": [relation], "answer": "accept"}
    rows = [
        first | {"_annotator_id": "db-ann"},
        first | {"_session_id": "db-bob", "relations": [{"head": 9, "child": 0}]},
    ]
    rows += [first | {"text": "Bob", "answer": answer} for answer in ("reject", "ignore")]
    made, codes = adopted(tmp_path, {"p.jsonl": lines(*rows)})
    assert codes == ["dangling-relation", "gold-undecided"]
    assert (made.scan.annotations, made.scan.cancelled) == (2, 2)
    assert len(made.proposal.annotators) == 3
    assert not any("ann" in name or "bob" in name for name in made.proposal.annotators.keys() - {"anonymous"})


def test_a_long_first_line_is_recognised(tmp_path):
    tokens = [{"text": "x", "start": at, "end": at + 1, "id": at} for at in range(5000)]
    row = {"tokens": tokens, "text": "x" * 5000, "_input_hash": 1, "spans": [{"start": 3, "end": 5, "label": "PER"}]}
    made, codes = adopted(tmp_path, {"p": lines(row)})
    assert ([export.format for export in made.exports], made.scan.items, codes) == (["prodigy"], 1, [])


def test_conll_has_a_layer_for_each_column_of_tags(tmp_path):
    text = (
        "-DOCSTART- -X- -X- O\n\nEU NNP B-NP B-ORG\nhas VBZ B-VP O\n# # O O\n\nPeter NNP B-NP I-PER\nB NNP I-NP I-PER\n"
    )
    made, codes = adopted(tmp_path, {"any": text})
    assert {name: list(layer.labels) for name, layer in made.proposal.codebook.layers.items()} == {
        "column_3": ["NP", "VP"], "entities": ["ORG", "PER"],
    }  # fmt: skip
    assert codes == ["unread-column"]
    assert made.scan.items == 3 + 2 + 1


CHUNKS = "EU\tNNP\tB-NP\tS-ORG\nhas\tVBZ\tB-VP\tO\n\nAnn\tNNP\tB-NP\tB-PER\nB\tNNP\tI-NP\tE-PER\n"


@pytest.mark.parametrize(
    ("columns", "layers", "items"),
    [("token,_,_,ner", {"ner": 2}, 2), ("token,_,np,_", {"np": 2}, 3), ("_,token,np,ner", {"np": 2, "ner": 2}, 5)],
)
def test_the_user_names_columns(tmp_path, capsys, columns, layers, items):
    written(tmp_path / "in", {"x.tsv": CHUNKS})
    assert adopt_command([tmp_path / "in", tmp_path / "corpus"], columns=columns) == 0
    corpus = open_corpus(tmp_path / "corpus")
    assert {name: len(layer.labels) for name, layer in corpus.context.codebook.layers.items()} == layers
    assert f"{items} items" in capsys.readouterr().out
    assert list(problems_of(corpus)) == []  # a build knows the columns from formats.toml


def test_the_user_names_columns_of_conllu(tmp_path):
    text = "1\tAnn\tPROPN\tB-PER\n2\tmet\tVERB\tO\n\n"
    source = written(tmp_path / "in", {"x": text})
    made = adopt([source], tmp_path / "corpus", None, Reading("conllu", ("id", "token", "_", "ner")))
    assert (list(made.proposal.codebook.layers), made.scan.items) == (["ner"], 1)
    assert list(problems_of(open_corpus(tmp_path / "corpus"))) == []


@pytest.mark.parametrize(
    ("columns", "says"),
    [
        ("token,ner", "has 4 columns; 2 are named"),
        ("token,pos,_,_", "column 2 (pos) has 'NNP', which is no tag"),
        ("a,b,c,d", "--columns needs `token` once"),
        ("token,_,_,_", "needs a name for each column of tags"),
    ],
)
def test_columns_that_do_not_fit_are_refused(tmp_path, columns, says):
    file = written(tmp_path / "in", {"x.tsv": CHUNKS}) / "x.tsv"
    with pytest.raises((ExportError, UsageError), match=re.escape(says)):
        adopt_command([file, tmp_path / "corpus"], columns=columns)


@pytest.mark.parametrize("line", ["met", "met\tO\textra"])
def test_a_line_with_another_number_of_columns_than_named_is_refused(tmp_path, line):
    """Nothing of such a line is left out silently."""
    file = written(tmp_path / "in", {"x.conll": f"Ann\tB-PER\n{line}\n"}) / "x.conll"
    number = len(line.split("\t"))
    with pytest.raises(ExportError, match=rf"line 2: number of columns: {number}; 2 are named"):
        adopt_command([file, tmp_path / "corpus"], columns="token,ner")


def test_columns_belong_to_some_formats(tmp_path):
    with pytest.raises(UsageError, match="files of brat have no columns to name"):
        adopt_command([tmp_path, tmp_path / "corpus"], format_="brat", columns="token,x")


def test_conllu_reads_word_ranges_and_named_columns(tmp_path):
    def word(name: str, form: str, misc: str) -> str:
        return "\t".join([name, form, *"_" * 7, misc]) + "\n"

    text = (
        "# newdoc id = d1\n" + word("1-2", "Ann's", "NER=B-PER") + word("1", "Ann", "NER=B-PER") + word("2", "'s", "_")
    )
    made, codes = adopted(
        tmp_path, {"x.conllu": text + word("3", "dog", "SpaceAfter=No|NER=O") + word("4", ".", "_") + "\n"}
    )
    assert made.scan.fields["text"].length == len("Ann's dog.")
    assert (codes, made.scan.items) == ([], 1)


def test_conllu_plus(tmp_path):
    made, codes = adopted(tmp_path, {"x": "# global.columns = ID FORM NE\n1\tAnn\tB-PER\n2\tmet\tO\n\n"})
    assert (codes, made.scan.items) == ([], 1)


def test_an_empty_node_at_the_end_of_a_sentence_does_not_hide_the_end(tmp_path):
    def word(name: str, form: str, misc: str = "_") -> str:
        return "\t".join([name, form, *"_" * 7, misc]) + "\n"

    first = word("1-2", "Ann's") + word("1", "Ann") + word("2", "'s") + word("2.1", "hat") + "\n"
    made, codes = adopted(tmp_path, {"x": first + word("1", "Bob", "NER=B-PER") + word("2", "met", "NER=O") + "\n"})
    assert (made.scan.fields["text"].length, codes) == (len("Ann's\nBob met"), ["unread-column"])


def test_web_annotations_with_their_text_beside_them(tmp_path):
    def target(selector: Any) -> Any:
        return {"source": "t.txt", "selector": selector}

    bodies = [{"purpose": "tagging", "value": "PER"}, {"purpose": "commenting", "value": "hm"}]
    quote = {"type": "TextQuoteSelector", "exact": "Ann", "suffix": " left"}
    place = {"type": "TextPositionSelector", "start": 2, "end": 5}
    items = [
        {"id": "a1", "body": bodies, "target": target([quote]), "creator": "x"},
        {"id": "a2", "body": "PER", "target": target(place), "creator": {"id": "y"}},
        {"id": "a3", "motivation": "linking", "target": "a1", "body": ["a2"], "creator": "x"},
        {"id": "a4", "body": "PER", "target": target({"type": "XPathSelector", "value": "/p"}), "creator": "x"},
        {"id": "a5", "target": 5, "creator": "x"},
    ]
    page = {"@context": ANN, "type": "AnnotationPage", "items": items}
    made, codes = adopted(tmp_path, {"x.json": json.dumps(page, indent=1), "t.txt": "😀 Ann met. Ann left"})
    assert codes == ["bad-record", "bad-record", "dangling-relation", "gold-undecided"]
    assert len(made.proposal.annotators) == 2
    assert list(made.proposal.codebook.layers["spans"].attributes) == ["commenting"]


def cas_of(text: str) -> Any:
    cassis = pytest.importorskip("cassis")
    types = cassis.TypeSystem()
    span = types.create_type("webanno.custom.Span", "uima.tcas.Annotation")
    types.create_feature(span, "value", "uima.cas.String")
    types.create_feature(span, "sure", "uima.cas.Boolean")
    types.create_feature(span, "head", span)
    relation = types.create_type("webanno.custom.Rel", "uima.tcas.Annotation")
    for key, kind in (("Governor", span), ("Dependent", span), ("label", "uima.cas.String")):
        types.create_feature(relation, key, kind)
    cas = cassis.Cas(types)
    cas.sofa_string, cas.sofa_mime = text, "text/plain"
    one, two = span(begin=2, end=5, value="PER", sure=True), span(begin=10, end=13, value="LOC")
    two.head = one
    about = types.create_type("webanno.custom.About", "uima.cas.AnnotationBase")
    for key, kind in (("topic", "uima.cas.String"), ("done", "uima.cas.Boolean"), ("of", span)):
        types.create_feature(about, key, kind)
    cas.add_all([about(topic="a, b", done=True), about(of=one)])
    cas.add_all([one, two, relation(begin=10, end=13, Governor=one, Dependent=two, label="in")])
    return cas


def test_a_missing_library_is_named_with_how_to_install_it(tmp_path, monkeypatch):
    file = written(tmp_path / "in", {"d.json": cas_of("😀 Ann met Bob").to_json()}) / "d.json"
    monkeypatch.setitem(sys.modules, "cassis", None)
    with pytest.raises(UsageError, match=r"^dkpro-cassis is not installed\n  `make \.venv/formats` installs it$"):
        adopt([file], tmp_path / "corpus")


def test_gate_json_counts_utf16_units(tmp_path):
    entities = {"Person": [{"indices": [3, 6], "gender": "f"}, {"indices": [3]}], "Odd": 1}
    tweet = {"text": "😀 Ann met", "entities": entities, "id_str": "7"}
    sets = {"": {"annotations": [{"type": "Verb", "start": 7, "end": 10, "id": 1, "features": {"n": 1}}, {}]}}
    _, codes = adopted(tmp_path, {"x": lines(tweet, {"text": "😀 Ann met", "annotation_sets": sets})})
    assert codes == ["bad-record"] * 3
    result = build(open_corpus(tmp_path / "corpus"), tmp_path / "out", verify=False)
    assert [row["quote"] for row in Dataset(result.place).rows("votes")] == ["Ann", "met"]


def test_gate_xml(tmp_path):
    feature = "<Feature><Name>gender</Name><Value>f</Value></Feature>"
    spans = f'<Annotation Id="1" Type="Person" StartNode="3" EndNode="6">{feature}</Annotation>'
    spans += '<Annotation Id="2" Type="Person" StartNode="3" EndNode="99"/>'
    text = '😀 <Node id="3"/>Ann<Node id="6"/> &amp; Bob'
    xml = f'<?xml version="1.0"?><GateDocument><TextWithNodes>{text}</TextWithNodes><AnnotationSet Name="Key">{spans}'
    made, codes = adopted(tmp_path, {"x.xml": f"{xml}</AnnotationSet></GateDocument>"})
    assert codes == ["bad-record"]
    assert list(made.proposal.codebook.layers) == ["key"]
    result = build(open_corpus(tmp_path / "corpus"), tmp_path / "out", verify=False)
    assert [row["quote"] for row in Dataset(result.place).rows("votes")] == ["Ann"]


def test_columns_may_number_the_words(tmp_path):
    text = "#\tn-tv.de\t[2009]\n1\tSchartau\tB-PER\tO\n2\tin\tO\tO\n3\tGera\tB-LOC\tB-LOC\n\n1\tAnn\tB-PER\tO\n"
    made, codes = adopted(tmp_path, {"x.tsv": text})
    assert (codes, made.scan.items) == ([], 4)
    assert made.scan.fields["text"].length == len("Schartau in Gera\nAnn")


@pytest.mark.parametrize("form", ["xmi", "json"])
def test_cas(tmp_path, form):
    cas = cas_of("😀 Ann met Bob")
    files = {"d.json": cas.to_json()}
    if form == "xmi":
        files = {"d": cas.to_xmi(), "TypeSystem.xml": cas.typesystem.to_xml()}
    made, codes = adopted(tmp_path, files)
    layer = made.proposal.codebook.layers["span"]
    assert (list(layer.labels), list(layer.attributes), set(layer.relations)) == (
        ["LOC", "PER"],
        ["sure"],
        {"head", "in"},
    )
    assert set(made.proposal.codebook.document) == {"about_topic", "about_done"}  # a document metadata layer
    assert (codes, made.scan.items) == (["unread-column"], 8)


def test_the_format_can_be_given_and_stays_given(tmp_path):
    files = {"a.x": "Ann B-PER\nmet O\n"}
    adopt([written(tmp_path / "in", files) / "a.x"], tmp_path / "corpus", None, Reading("conll"))
    folder = open_corpus(tmp_path / "corpus")
    assert (tmp_path / "corpus/annotations/exports/formats.toml").read_text(encoding="utf-8") == '"a.x" = "conll"\n'
    assert list(problems_of(folder)) == []
    (tmp_path / "corpus/annotations/exports/formats.toml").write_text('"a.x" = "conl"\n')
    with pytest.raises(ExportError, match="'conl' is not a format"):
        list(problems_of(open_corpus(tmp_path / "corpus")))


def test_two_texts_are_never_copied_over_one_another(tmp_path):
    parts = [
        written(tmp_path / name, {"d.txt": name, "d.ann": f"T1\tX 0 1\t{name}\n", "annotation.conf": name})
        for name in "ab"
    ]
    with pytest.raises(UsageError, match=r"two different files would be copied to annotation\.conf"):
        adopt(parts, tmp_path / "corpus")
    (tmp_path / "b/annotation.conf").write_text("a")
    adopt(parts, tmp_path / "corpus")
    exports = tmp_path / "corpus/annotations/exports"
    assert [(exports / name).read_text() for name in ("d.txt", "d-2.txt")] == ["a", "b"]
    assert list(problems_of(open_corpus(tmp_path / "corpus"))) == []


def test_files_of_several_tools_and_their_texts_may_be_given_one_by_one(tmp_path):
    exported = [{"id": 1, "data": {"text": "Ann"}, "annotations": [{"id": 1, "completed_by": 1, "result": []}]}]
    files = {"d.txt": "Ann", "d.ann": "T1\tPER 0 3\tAnn\n", "l.json": json.dumps(exported)}
    made = adopt([written(tmp_path / "in", files) / name for name in files], tmp_path / "corpus")
    assert [export.format for export in made.exports] == ["brat", None]
    assert made.proposal.corpus.offsets.unit == "proved"
