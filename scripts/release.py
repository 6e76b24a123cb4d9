"""Versions of a dataset: what changed between two of them, what must hold before one is published, publishing it."""

from _run import run

if __name__ == "__main__":
    run("release")
