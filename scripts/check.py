"""Check a corpus folder without building: seeds, exports, registries, waivers, generated files."""

from _run import run

if __name__ == "__main__":
    run("check")
