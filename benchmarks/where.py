"""Where the time of one worker goes: `python benchmarks/where.py CORPUS [--tokens]`, or `convert.py --profile`.

Three readings of the same build: stages with a stopwatch around coarse functions, which hardly distorts; functions by
own time from cProfile, which makes many small calls look dearer than they are; and these by module. The last two leave
reading back out, which is the first line of the stages: it takes the same time for any small corpus.
"""

from __future__ import annotations

import argparse
import cProfile
import functools
import os
import pstats
import sys
import tempfile
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from newsparallax.building import batch, pipeline, run, workers
from newsparallax.convert import annotation, article, article_rows, span_tables, token_rows
from newsparallax.corpus import Codebook, open_corpus, schema
from newsparallax.dataset import parquet
from newsparallax.exports import decode

TOP = 40


class Stopwatch:
    """Time in some functions, without that of others among them which they call."""

    def __init__(self, clock: Callable[[], float] = time.perf_counter) -> None:
        self.seconds: defaultdict[str, float] = defaultdict(float)
        self.calls: Counter[str] = Counter()
        self._inner = [0.0]
        self._clock = clock

    def around(self, where: Any, name: str, title: str) -> None:
        """Watch the function that the module or class `where` calls `name`."""
        setattr(where, name, self.watched(title, getattr(where, name)))

    def watched(self, title: str, function: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(function)
        def timed(*given: Any, **named: Any) -> Any:
            self._inner.append(0.0)
            begun = self._clock()
            try:
                return function(*given, **named)
            finally:
                took = self._clock() - begun
                self.seconds[title] += took - self._inner.pop()
                self._inner[-1] += took
                self.calls[title] += 1

        return timed

    def report(self, tasks: int, total: float) -> None:
        print("| stage (own time) | ms | share | µs/task | calls/task |\n|---|---:|---:|---:|---:|")
        for title, seconds in sorted(self.seconds.items(), key=lambda entry: -entry[1]):
            each, calls = seconds / tasks * 1e6, self.calls[title] / tasks
            print(f"| {title} | {seconds * 1e3:.0f} | {seconds / total:.1%} | {each:.0f} | {calls:.2f} |")
        rest = total - sum(self.seconds.values())
        print(f"| everything else | {rest * 1e3:.0f} | {rest / total:.1%} | {rest / tasks * 1e6:.0f} | |\n")


STAGES: dict[str, tuple[tuple[Any, str], ...]] = {
    "reading the export": ((workers, "index_tasks"), (workers, "unit_tasks")),
    "decoding tasks": (
        (decode, "_holds_every_key"),
        (article, "decode_task"),
        (article, "_order"),
        (article, "_copies"),
    ),
    "spans": ((annotation, "find_spans"),),
    "values and relations": (
        (annotation, "_attach"),
        (annotation, "draw_links"),
        (annotation, "_without_duplicates"),
        (article, "convert_annotation"),
    ),
    "checks of annotations": ((article, "check_annotation"),),
    "articles and gold": ((article, "choose_gold"), (batch, "convert_article")),
    "agreement": ((batch, "compare_article"), (batch, "count_article")),
    "tokens": ((token_rows.TokenRows, "add"), (token_rows.TokenRows, "table")),
    "tables": (
        (article_rows, "text_digest"),
        (article_rows, "blocks_of"),
        (article_rows.Rows, "add"),
        (article_rows.Rows, "tables"),
        (span_tables.TableMaker, "make"),
        (schema, "arrow_schema"),
        (batch, "_tables"),
    ),
    "digests of rows": ((batch, "split_digests"),),
    "Parquet": ((parquet.DatasetWriter, "add"), (parquet.DatasetWriter, "close")),  # waits for the threads that write
    "manifest, card, Croissant": (
        (run, "files_of"),
        (run, "make_manifest"),
        (run, "write_card"),
        (run, "card_figures"),
        (run, "make_croissant"),
        (pipeline, "stale_files"),
    ),
    "reading back": ((run, "read_back"),),
}


@contextmanager
def watching(watch: Stopwatch, *, functions: bool = False) -> Iterator[None]:
    """Watch the functions of all stages, under the names of the stages or their own."""
    watched = [(stage, where, name, getattr(where, name)) for stage, those in STAGES.items() for where, name in those]
    checked = article.check_annotation
    article.check_annotation = lambda *given: list(checked(*given))  # a generator, of which only making it would count
    for stage, where, name, _ in watched:
        own = f"{where.__name__}.{name}".removeprefix("newsparallax.")
        watch.around(where, name, own if functions else stage)
    try:
        yield
    finally:
        for _, where, name, function in watched:
            setattr(where, name, function)


def convert(corpus: Path, *, verify: bool = True) -> tuple[int, int]:
    """Build a corpus; its tasks and result items."""
    with tempfile.TemporaryDirectory() as out:
        counts = run.build(open_corpus(corpus), Path(out) / "dataset", verify=verify).manifest.counts
    return counts.tasks, counts.results_in


def stages(corpus: Path) -> None:
    watch = Stopwatch()
    with watching(watch, functions=True):
        begun = time.perf_counter()
        tasks, items = convert(corpus)
        total = time.perf_counter() - begun
    print(f"{tasks:,} tasks, {items:,} result items, {total:.2f} s without starting and importing\n")
    watch.report(tasks, total)


def functions(corpus: Path) -> None:
    profile = cProfile.Profile()
    _, items = profile.runcall(convert, corpus, verify=False)
    stats = pstats.Stats(profile).stats  # (file, line, name) -> calls, all calls, own time, time with calls, callers
    total = sum(own for _, _, own, _, _ in stats.values())
    print("| function | own ms | share | with calls ms | calls/item | calls |\n|---|---:|---:|---:|---:|---:|")
    by_module: Counter[str] = Counter()
    for (file, line, name), (_, calls, own, cumulated, _) in sorted(stats.items(), key=lambda entry: -entry[1][2])[
        :TOP
    ]:
        print(
            f"| {_module(file)} {name}{f':{line}' if line else ''} | {own * 1e3:.0f} | {own / total:.1%} |"
            f" {cumulated * 1e3:.0f} | {calls / items:.2f} | {calls:,} |"
        )
    for (file, _, name), (_, _, own, _, _) in stats.items():
        by_module[_module(file) or name] += own
    print("\n| module, or built-in | own ms | share |\n|---|---:|---:|")
    for module, own in by_module.most_common(30):
        print(f"| {module} | {own * 1e3:.0f} | {own / total:.1%} |")


def _module(file: str) -> str:
    path = Path(file)
    return "" if file == "~" else f"{path.parent.name}.{path.stem}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("corpus", type=Path)
    parser.add_argument("--tokens", action="store_true", help="with the tokens config")
    options = parser.parse_args()
    if not options.tokens:
        Codebook.token_layer = property(lambda _: None)
    os.environ.setdefault("HF_HUB_OFFLINE", "1")
    convert(options.corpus)  # so that what is imported or cached once does not count
    stages(options.corpus)
    functions(options.corpus)


if __name__ == "__main__":
    sys.exit(main())
