"""Write a dataset in the format of another tool."""

from _run import run

if __name__ == "__main__":
    run("export")
