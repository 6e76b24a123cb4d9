"""What a conversion is compared with: `python benchmarks/others.py WHAT EXPORT [OUT]`, each in a process of its own.

floor: reads the bytes, splits them into tasks and decodes each into the typed records of this project, nothing else.
hugging-face: what users write in thirty lines: `json.load`, `Dataset.from_generator`, Parquet; flat rows of spans with
their values, and the articles. It proves no offsets, drops arrows, knows no gold.
conll, json-min: label-studio-sdk's converter.
"""

from __future__ import annotations

import json
import mmap
import sys
from pathlib import Path

CONFIG = Path(__file__).parents[1] / "annotations/label_config.xml"


def floor(export):
    import msgspec

    from newsparallax.exports.model import Task

    split, decode = msgspec.json.Decoder(list[msgspec.Raw]).decode, msgspec.json.Decoder(Task).decode
    tasks = items = 0
    with export.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:
        for raw in split(content):
            task = decode(raw)
            tasks += 1
            items += sum(len(annotation.result or ()) for annotation in task.annotations or ())
            del raw
    return f"{tasks} tasks, {items} items"


def hugging_face(export, out):
    import datasets

    with export.open() as file:
        tasks = json.load(file)

    def articles():
        for task in tasks:
            yield {"task_id": task["id"], **task["data"], "annotations": len(task["annotations"])}

    def spans():
        for task in tasks:
            for annotation in task["annotations"]:
                values = {}
                for item in annotation["result"]:
                    if item["type"] in ("choices", "textarea"):
                        given = item["value"].get("choices") or item["value"].get("text")
                        values.setdefault(item["id"], []).append({"name": item["from_name"], "value": str(given)})
                for item in annotation["result"]:
                    if item["type"] == "labels":
                        value = item["value"]
                        yield {
                            "task_id": task["id"],
                            "article_id": task["data"]["article_id"],
                            "annotator": annotation["completed_by"],
                            "ground_truth": annotation["ground_truth"],
                            "region_id": item["id"],
                            "layer": item["from_name"],
                            "start": value["start"],
                            "end": value["end"],
                            "text": value["text"],
                            "label": value["labels"][0],
                            "attributes": values.get(item["id"], []),
                        }

    for name, rows in (("articles", articles), ("spans", spans)):
        # Without a fingerprint, `datasets` would pickle all tasks to make one, which takes longer than everything else.
        made = datasets.Dataset.from_generator(rows, cache_dir=str(out / "cache"), fingerprint=name)
        made.to_parquet(out / f"{name}.parquet")
    return f"{len(tasks)} tasks"


def label_studio(export, out, name):
    from label_studio_sdk.converter import Converter

    converter = Converter(str(CONFIG), project_dir=str(out), download_resources=False)
    convert = converter.convert_to_conll2003 if name == "conll" else converter.convert_to_json_min
    convert(str(export), str(out), is_dir=False)
    return ", ".join(f"{path.stat().st_size} bytes" for path in sorted(out.iterdir()))


def main(what, export, out=None):
    export, out = Path(export), Path(out or ".")
    if what == "floor":
        return floor(export)
    out.mkdir(parents=True, exist_ok=True)
    return hugging_face(export, out) if what == "hugging-face" else label_studio(export, out, what)


if __name__ == "__main__":
    print(main(*sys.argv[1:]))
