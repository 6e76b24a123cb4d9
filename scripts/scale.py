"""Build the dataset from many export shards: on all cores of a machine, on a Ray cluster, or on Slurm."""

from _run import run

if __name__ == "__main__":
    run("scale")
