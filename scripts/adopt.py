"""Start a corpus folder from an existing Label Studio export."""

from _run import run

if __name__ == "__main__":
    run("adopt")
