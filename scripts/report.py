"""A finished dataset as HTML: articles side by side, names, stances and terms by outlet."""

from _run import run

if __name__ == "__main__":
    run("report")
