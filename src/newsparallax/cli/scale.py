"""Command `scale`: build the dataset from many export shards, on all cores of a machine, a Ray cluster, or Slurm."""

from __future__ import annotations

from typing import Annotated, Literal

import typer

from .._util import usable_processors
from ..corpus import open_corpus
from . import console

Input = Annotated[list[str], typer.Option("--input", metavar="GLOB", help="Export shards (JSON or JSON Lines; plain, gzip or zstd) as a path or URL with wildcards; may be repeated.")]  # fmt: skip  # noqa: E501
Out = Annotated[str, typer.Option(metavar="DIR", help="The dataset folder to write: a path or URL.")]
Executor = Annotated[Literal["local", "ray", "slurm"], typer.Option(help="Where to run. Ray uses the cluster in RAY_ADDRESS; Slurm reads SBATCH_PARTITION, SBATCH_TIMELIMIT and so on.")]  # fmt: skip  # noqa: E501
Parts = Annotated[
    int | None,
    typer.Option(
        "--tasks", min=1, help="Number of parts into which the work is divided. Default: depends on the input's size."
    ),
]
Workers = Annotated[int | None, typer.Option(min=1, help="Number of parts that are processed at the same time. Default: the processors that the program may use; 1 with Ray and Slurm.")]  # fmt: skip  # noqa: E501


def scale_command(
    shards: Input,
    out: Out,
    corpus: console.Corpus = None,
    executor: Executor = "local",
    parts: Parts = None,
    workers: Workers = None,
) -> int:
    """Build a dataset from many export shards.

    The dataset is the same as that of `build` on the same exports. A shard is one export file. The work is divided into
    parts, which are processed independently of each other.

    Paths can be URLs that fsspec supports, such as s3://. If the command was interrupted, run it again to continue.
    Exit code 0: done; 1: done, with problems that no waiver covers; 2: stopped by an error.
    """
    from ..scale import run  # it imports fsspec, which the other commands do not need

    folder = open_corpus(corpus)
    workers = workers or (usable_processors() if executor == "local" else 1)
    left = f"completed parts are kept next to {out}" + "; submitted Slurm jobs continue" * (executor == "slurm")
    with (
        console.interruptible(left, hint="run the same command again to continue"),
        console.progress("parts") as progress,
    ):
        made = run.scale(folder, shards, out, executor, parts, workers, progress)
    console.show_dataset(made.manifest, out)
    if not made.open.total:
        return console.DONE
    console.list_problems(made.open)
    return console.PROBLEMS
