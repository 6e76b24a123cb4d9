"""Annotate in Label Studio: a local server, articles out, annotations back, disputes to an adjudicator."""

from _run import run

if __name__ == "__main__":
    run("label-studio")
