"""What the tests of push, pull and review share: copies of the corpus, accounts, requests to the server."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path
from typing import Any, NamedTuple

import httpx

from helpers import ROOT
from newsparallax.labelling import home_of
from newsparallax.labelling.exchange import MARK, data_digest
from newsparallax.labelling.home import make_home
from programs import run_program

SCRIPT = ROOT / "scripts" / "label_studio.py"
FIRST, SECOND = "000_17c0edab667c03c9", "001_8eac77890c2c81c7"


class Ran(NamedTuple):
    """What a script did."""

    code: int
    out: str
    err: str


def corpus_copy(folder: Path, name: str, *, exports: bool) -> Path:
    """A copy of this corpus with a name of its own, which is the title of its project."""
    shutil.copytree(ROOT / "seeds", folder / "seeds")
    shutil.copytree(ROOT / "annotations", folder / "annotations")
    if not exports:
        shutil.rmtree(folder / "annotations/exports")
    edit(folder / "annotations/corpus.toml", 'name = "news-parallax"', f'name = "{name}"')
    return folder


def edit(path: Path, old: str, new: str) -> None:
    """Replace something that is in a file."""
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new), encoding="utf-8")


def environment(server: Any, **more: str) -> dict[str, str]:
    """The environment of a script that is to find the server."""
    address = {"LABEL_STUDIO_URL": server.account.url, "LABEL_STUDIO_API_KEY": server.account.token}
    return {**os.environ, **address, **more}


def run(server: Any, *arguments: str, env: dict[str, str] | None = None) -> Ran:
    """Run scripts/label_studio.py as a user does."""
    done = run_program(SCRIPT, *arguments, env=env or environment(server))
    assert "Traceback" not in done.stderr, done.stderr
    return Ran(done.returncode, done.stdout, done.stderr)


def done(server: Any, *arguments: str) -> str:
    """The output of a run that must succeed."""
    ran = run(server, *arguments)
    assert ran.code == 0, ran
    return ran.out


def ask(server: Any, method: str, path: str, content: Any = None, **params: Any) -> Any:
    """One request to the server's API, as its maintainer."""
    answer = httpx.request(
        method,
        f"{server.account.url}/api/{path}",
        headers={"Authorization": f"Token {server.account.token}"},
        json=content,
        params=params,
        timeout=120,
    )
    assert answer.status_code < 400, (answer.status_code, answer.text[:2000])
    return answer.json() if answer.content else None


def project_of(out: str) -> int:
    """The number of the project whose address a push printed."""
    return int(out.split("/projects/")[1].split()[0])


def account(server: Any, email: str) -> int:
    """The id of a user with this address, made if there is none."""
    for user in ask(server, "GET", "users"):
        if user["email"] == email:
            return int(user["id"])
    return int(
        ask(server, "POST", "users", {"email": email, "username": email, "first_name": "", "last_name": ""})["id"]
    )


def know(corpus: Path, people: dict[str, str]) -> None:
    """Write who is who, as a maintainer does who knows the accounts."""
    make_home(home_of(corpus))
    lines = "".join(f'"{email}" = "{name}"\n' for email, name in people.items())
    (home_of(corpus) / "people.toml").write_text(lines, encoding="utf-8")


def exports_of(corpus: Path) -> dict[str, Any]:
    """Article -> the tasks of its export file."""
    files = sorted((corpus / "annotations/exports").glob("*.json"))
    return {path.stem: json.loads(path.read_text(encoding="utf-8")) for path in files}


def import_annotated(server: Any, project: int, tasks: list[Any], emails: dict[int, str]) -> None:
    """Import tasks with annotations, as another server's: `emails` are the accounts of those who completed them."""
    content = [
        {
            "data": task["data"],
            "meta": {
                MARK: {"article": task["data"]["article_id"], "sha256": data_digest(task["data"]), "task": task["id"]}
            },
            "annotations": [
                {**one, "completed_by": {"email": emails[one["completed_by"]]}} for one in task["annotations"]
            ],
        }
        for task in tasks
    ]
    ask(server, "POST", f"projects/{project}/import", content)
