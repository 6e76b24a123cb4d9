"""How long push and pull take, and how much memory: `python benchmarks/label_studio.py --tasks 2000`.

Starts a Label Studio server with an empty database on loopback, pushes a generated corpus into it, lets two accounts
annotate every task (through the API), pulls, pulls again, and pulls everything again. Beside them stands what the
server itself takes to hand out the same tasks as one export, which no client can beat: the ratio is what counts, since
machines differ.
"""

from __future__ import annotations

import argparse
import os
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import httpx
from rich.console import Console
from rich.table import Table

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT / "tests"))

from generate_corpus import make_tasks, write_corpus  # noqa: E402
from newsparallax.convert.grouping import unit_tasks  # noqa: E402
from newsparallax.corpus.folder import open_corpus  # noqa: E402
from newsparallax.labelling.home import home_of  # noqa: E402
from newsparallax.labelling.pushing import chosen_units, task_of  # noqa: E402
from newsparallax.labelling.server import HOST, VENV, start  # noqa: E402

EMAILS = {1: "first@example.org", 2: "second@example.org"}


def free_port():
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        return probe.getsockname()[1]


# A process begins with the peak of the one that starts it, so a small one starts it and tells.
LAUNCH = """
import resource, subprocess, sys
code = subprocess.run(sys.argv[1:], stdout=subprocess.DEVNULL).returncode
print(code, resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)
"""


def measured(account, *arguments):
    """Run the script; seconds, and peak resident memory in MB."""
    env = {**os.environ, "LABEL_STUDIO_URL": account.url, "LABEL_STUDIO_API_KEY": account.token}
    command = [sys.executable, str(ROOT / "scripts/label_studio.py"), *map(str, arguments)]
    begun = time.perf_counter()
    told = subprocess.run(
        [sys.executable, "-c", LAUNCH, *command], env=env, stdout=subprocess.PIPE, text=True, check=True
    )
    code, peak = map(int, told.stdout.split())
    if code:
        sys.exit(f"{' '.join(map(str, arguments))} failed")
    return time.perf_counter() - begun, peak / 1024


def annotate(api, folder, project):
    """Put the generated annotations into the project's tasks, each by one of two accounts."""
    for email in EMAILS.values():
        api.post("/api/users", json={"email": email, "username": email}).raise_for_status()
    api.delete(f"/api/projects/{project}/tasks").raise_for_status()
    tasks = []
    for unit in chosen_units(folder, [])[0]:
        raw = unit_tasks(folder.exports, unit)
        task = task_of(folder, unit, raw).task()
        made = httpx.Response(200, content=bytes(raw[0].content)).json()["annotations"]
        task["annotations"] = [
            {"completed_by": {"email": EMAILS[1 + number % 2]}, "ground_truth": False, "result": one["result"]}
            for number, one in enumerate(made)
        ]
        tasks.append(task)
    for at in range(0, len(tasks), 100):
        api.post(f"/api/projects/{project}/import", json=tasks[at : at + 100]).raise_for_status()


def floor(api, project):
    """Seconds and MB of the server's own export of everything, read to its end and thrown away."""
    begun, size = time.perf_counter(), 0
    parameters = {"exportType": "JSON", "download_all_tasks": "true"}
    with api.stream("GET", f"/api/projects/{project}/export", params=parameters) as answer:
        answer.raise_for_status()
        for part in answer.iter_bytes():
            size += len(part)
    return time.perf_counter() - begun, size / 1e6


def run(tasks, work):
    corpus = write_corpus(work / "corpus", make_tasks(tasks, seed=1, regions=30, hard=False, annotators=2))
    folder = open_corpus(corpus)
    server = start(home_of(work / "server"), port=free_port(), venv=VENV, say=lambda _: None)
    try:
        account = server.account
        headers = {"Authorization": f"Token {account.token}"}
        with httpx.Client(base_url=account.url, headers=headers, timeout=1800, follow_redirects=True) as api:
            rows = [("push", *measured(account, "push", "--corpus", corpus))]
            rows.append(("push again", *measured(account, "push", "--corpus", corpus)))
            project = api.get("/api/projects", params={"title": folder.context.corpus.name}).json()["results"][0]["id"]
            annotate(api, folder, project)
            seconds, size = floor(api, project)
            rows.append(("pull --split", *measured(account, "pull", "--corpus", corpus, "--split")))
            rows.append(("pull again", *measured(account, "pull", "--corpus", corpus)))
            rows.append(("pull --full", *measured(account, "pull", "--corpus", corpus, "--full")))
    finally:
        server.stop()
    return rows, seconds, size


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tasks", type=int, default=2000)
    tasks = parser.parse_args().tasks
    with tempfile.TemporaryDirectory() as work:
        rows, seconds, size = run(tasks, Path(work))
    table = Table(title=f"{tasks:,} tasks, {size:,.0f} MB of export")
    for column in ("", "s", "tasks/s", "peak MB", "times the server's own export"):
        table.add_column(column, justify="right" if column else "left")
    table.add_row("the server's own export", f"{seconds:.1f}", f"{tasks / seconds:,.0f}", "", "1.0")
    for name, took, peak in rows:
        table.add_row(name, f"{took:.1f}", f"{tasks / took:,.0f}", f"{peak:.0f}", f"{took / seconds:.1f}")
    Console().print(table)


if __name__ == "__main__":
    main()
