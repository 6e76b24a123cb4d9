"""The report of a large corpus: seconds and memory to write it, and to open its index in a browser and search there.

`python benchmarks/report.py --articles 10000`. The corpus is one of exports.py: events of three articles of about 3,000
characters, two annotations each. Needs Chromium or Chrome; `CHROMIUM` names one that is not on the path.
"""

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from playwright.sync_api import sync_playwright

import exports

ROOT = Path(__file__).parents[1]
MB = 1 << 20


def measured(folder, *command):
    """What a script took; see measured.py."""
    result = folder / "measured.json"
    subprocess.run(
        [sys.executable, ROOT / "benchmarks/measured.py", result, "7200", sys.executable, *command], check=True
    )
    made = json.loads(result.read_text())
    if made["code"]:
        raise SystemExit(made["stderr"])
    return made


def in_browser(index):
    """Seconds until the index is shown, and until a search has an answer; and how many rows and events there are."""
    browser = shutil.which(os.environ.get("CHROMIUM", "chromium")) or shutil.which("google-chrome")
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=browser, args=["--no-sandbox"])
        page = chromium.new_page()
        begun = time.perf_counter()
        page.goto(index.as_uri())
        opened = time.perf_counter() - begun
        first = page.locator("#index tbody td").nth(2).inner_text().partition(",")[0]
        begun = time.perf_counter()
        page.fill("#search", first)
        searched = time.perf_counter() - begun
        found = page.locator("#found").inner_text()
        chromium.close()
    return opened, searched, found


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--articles", type=int, default=10_000)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        exports.write_corpus(folder / "corpus", options.articles)
        dataset, out = folder / "dataset", folder / "report.html"
        scripts = ROOT / "scripts"
        measured(folder, scripts / "build.py", "--corpus", folder / "corpus", "--out", dataset, "--lenient")
        page = measured(folder, scripts / "report.py", dataset, "--out", out)
        text = measured(folder, scripts / "report.py", dataset, "--text")
        files = list((folder / "report-events").iterdir())
        opened, searched, found = in_browser(out)
        size = sum(file.stat().st_size for file in files)
        print(f"| {options.articles:,} articles, {len(files):,} events | s | peak MB |\n|---|---:|---:|")
        print(f"| report | {page['wall']:.0f} | {page['peak']:.0f} |")
        print(f"| report --text | {text['wall']:.0f} | {text['peak']:.0f} |")
        print(
            f"| opening the index ({out.stat().st_size / MB:.1f} MB; the pages: {size / MB:.0f} MB) | {opened:.2f} | |"
        )
        print(f"| searching it: {found} | {searched:.2f} | |")


if __name__ == "__main__":
    main()
