"""Agreement of the annotators of a corpus: per layer and pair, with n and intervals, and where they differ."""

from _run import run

if __name__ == "__main__":
    run("agreement")
