"""A config of another kind is a row of a table and a collector of its rows: everything else reads the table."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pyarrow.parquet as pq
import pytest

TESTS = Path(__file__).parents[1]
TOY = """
import json, sys
from pathlib import Path

from newsparallax.corpus import schema
from newsparallax.convert import article_rows

COLUMNS = {"block_id": schema.ID, **{name: schema.PLACE[name] for name in schema.PLACE if name != "span_id"}}
COLUMNS |= {"size": schema.INT}
schema.CONFIGS["parts"] = schema.Config(
    noun="part",
    key=("block_id",),
    one_row="a part of an article",
    shape=lambda codebook: schema.Struct(COLUMNS),
    fixed=(COLUMNS,),
    known={},
    meanings={"size": "how many code points the part has"},
)
LARGER = 0


class Parts:
    def __init__(self, codebook):
        self.rows, self.maker = [], article_rows.table_makers(codebook)["parts"]

    @property
    def size(self):
        return len(self.rows)

    def add(self, found, shown, blocks, spans):
        for number, block in enumerate(blocks):
            place = block.start, block.end, shown.index.text[block.start : block.end]
            size = block.end - block.start + LARGER
            self.rows.append((f"{shown.article_id}#{number}", shown.article_id, found.event_id, *place, size))

    def table(self):
        return self.maker.make(self.rows)


article_rows.COLLECTORS["parts"] = Parts

from helpers import build_case, span, task
from newsparallax.corpus import open_corpus
from newsparallax.dataset import Source, check_croissant, read_croissant
from newsparallax.release.diff import compare, lines
from newsparallax.standoff import stage

folder = Path(sys.argv[1])
CARD = "---\\nlicense: other\\n---\\n\\n<!-- begin generated: configs -->\\n<!-- end generated: configs -->\\n"
case = {"exports": {"a.json": [task("Ann met Bob.", [span(0, 3, "Ann")])]}, "generated": {"dataset_card.md": CARD}}
old = build_case(folder / "old", case, read_back=True)
LARGER = 1
new = build_case(folder / "new", case, read_back=True)
found = compare(*(Source(one.place.parent.name, one.place, one.manifest) for one in (old, new)))
stage(new.place, folder / "staged", open_corpus(folder / "new/corpus").context, mode="omit")
print(json.dumps({
    "rows": new.rows("parts"),
    "card": (new.place / "README.md").read_text("utf-8"),
    "croissant": [*check_croissant(new.place), *read_croissant(new.place)],
    "diff": list(lines(found.changes, found.counts)),
}))
"""


@pytest.mark.slow
def test_a_config_is_one_row_of_a_table(tmp_path):
    """In a process of its own, because most modules read the table when they are imported."""
    command = [sys.executable, "-c", TOY, str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, env={"PYTHONPATH": str(TESTS), "PATH": ""})
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    row = {"block_id": "1#0", "article_id": "1", "event_id": "1", "start": 0, "end": 12, "quote": "Ann met Bob."}
    assert found["rows"] == [row | {"size": 13}]
    assert "| `parts` | 1 | a part of an article |" in found["card"]
    assert "| `size` | int64 | how many code points the part has |" in found["card"]
    assert found["croissant"] == []
    assert "patch  part corrected  parts 1#0 in 1: size 12 -> 13" in [
        " ".join(line.split(" ")) for line in found["diff"]
    ]
    (staged,) = (tmp_path / "staged/parts").glob("*.parquet")
    assert pq.read_table(staged).to_pylist() == [row | {"size": 13, "quote": None}]
