"""Build the dataset from many export shards: on all cores of a machine, on a Ray cluster, or on Slurm."""

from pathlib import Path
from typing import Annotated

import typer

from newsparallax.edges import cli
from newsparallax.edges.folder import open_corpus
from newsparallax.edges.scale import run

Input = Annotated[list[str], typer.Option("--input", metavar="GLOB", help="Export shards (JSON or JSON Lines; plain, gzip or zstd) by a path or URL with wildcards; may be repeated.")]  # fmt: skip  # noqa: E501
Out = Annotated[str, typer.Option(metavar="DIR", help="The finished dataset folder, by a path or URL.")]
Corpus = Annotated[Path | None, typer.Option(help="The corpus folder, whose exports are not read (default: this repository).")]  # fmt: skip  # noqa: E501
Executor = Annotated[run.Executor, typer.Option(help="Where to run. RAY_ADDRESS names a cluster of Ray; SBATCH_PARTITION, SBATCH_TIMELIMIT and the like are read by Slurm.")]  # fmt: skip  # noqa: E501
Tasks = Annotated[int | None, typer.Option(min=1, help="In how many tasks to divide the work (default: by its size).")]
Workers = Annotated[int, typer.Option(min=1, help="How many tasks run side by side.")]


def main(
    shards: Input,
    out: Out,
    corpus: Corpus = None,
    executor: Executor = "local",
    tasks: Tasks = None,
    workers: Workers = 1,
) -> int:
    """Build the dataset of a corpus folder from export shards; the result is that of build.py on the same tasks.

    Paths and URLs are any that fsspec knows, such as s3://. The same command goes on where an interrupted one has
    stopped. Exit code 0: done; 1: done, but problems remain that no waiver covers; 2: could not go on.
    """
    folder = open_corpus(corpus)
    with cli.progress("tasks") as progress:
        made = run.scale(folder, shards, out, executor, tasks, workers, progress)
    cli.show_dataset(made.manifest, out)
    if not made.open_total:
        return cli.DONE
    cli.list_problems(made.open_problems, made.open_total)
    return cli.PROBLEMS


if __name__ == "__main__":
    cli.run(main)
