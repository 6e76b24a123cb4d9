"""The folder of a corpus in which its Label Studio server lives.

.label-studio/
  .gitignore      nothing in here is committed
  account.toml    the maintainer's account: address, e-mail, password, API token (mode 0600)
  data/           what Label Studio keeps: database, uploads
  version         the version of Label Studio that the data are of
  lock            held by a running server, and let go by the system when it ends
  state.toml      the running server: process, address
  people.toml     who is who: accounts of servers and annotators of the corpus (mode 0600)
  pulled.json     what was pulled, so that the next pull asks for what changed
  exchange.lock   held by a running push, pull or review; work/ holds what it is writing
  server.log      what the server has printed since its start; server.log.1 is that of the start before
"""

from __future__ import annotations

import os
import re
import secrets
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from shutil import rmtree

import msgspec
import tomlkit

from ...core.errors import CorpusError, UsageError
from ...core.toml import read_toml
from ..locks import hold
from ..whole_file import write_whole

EMAIL = "maintainer@example.org"


class Account(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The maintainer's account on the local server; `token` is the legacy API token, 40 hexadecimal digits."""

    url: str
    email: str
    password: str
    token: str

    def __repr__(self) -> str:
        return f"Account({self.email} at {self.url})"


class State(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The running server: the number of its process, its address."""

    pid: int
    url: str


def home_of(corpus_root: Path) -> Path:
    """The folder of the server of a corpus."""
    return corpus_root / ".label-studio"


def database(home: Path) -> Path:
    """Label Studio's SQLite file."""
    return home / "data" / "label_studio.sqlite3"


def make_home(home: Path) -> None:
    """Make the folder, ignored by git whatever the corpus folder's own rules are."""
    (home / "data").mkdir(mode=0o700, parents=True, exist_ok=True)
    write_whole(home / ".gitignore", b"*\n", home)


@contextmanager
def exchanging(home: Path) -> Iterator[Path]:
    """Be the only push, pull or review of the corpus; a folder for files that are being written. Raises UsageError."""
    make_home(home)
    lock = hold(home / "exchange.lock")
    if lock is None:
        hint = "wait until it has ended"
        raise UsageError("another push, pull or review of this corpus is running", hint=hint)
    try:
        work = home / "work"
        rmtree(work, ignore_errors=True)  # of a run that was killed
        work.mkdir()
        yield work
        work.rmdir()
    finally:
        os.close(lock)


def saved_account(home: Path) -> Account | None:
    """The account that a start of the server wrote; None before the first. Raises CorpusError."""
    path = home / "account.toml"
    if not path.exists():
        return None
    account = read_toml(path, Account, name=str(path))
    if not re.fullmatch("[0-9a-f]{40}", account.token):
        raise CorpusError("expected 40 hexadecimal digits", file=str(path), place="token")
    return account


def keep_account(home: Path, url: str) -> Account:
    """The account for a start at `url`: made at the first start, kept for later ones. Raises CorpusError."""
    account = saved_account(home)
    if account is None and database(home).exists():
        hint = f"put it back from a copy; or move {home / 'data'} away, and a new server begins without any project"
        raise CorpusError("is not there, but the server's data are", file=str(home / "account.toml"), hint=hint)
    if account is None:
        account = Account(url, EMAIL, secrets.token_urlsafe(12), secrets.token_hex(20))
    account = msgspec.structs.replace(account, url=url)
    _write(home, "account.toml", account)
    return account


def restore_token(home: Path, account: Account) -> None:
    """Let the saved API token be good again after somebody has renewed it, or switched such tokens off.

    A click in Label Studio's pages does either, and would lock push, pull and `serve` out. Only while no server runs.
    """
    path = database(home)
    if not path.exists():
        return
    try:
        # A first start that was interrupted has no such tables yet.
        with suppress(sqlite3.OperationalError), closing(sqlite3.connect(path)) as data, data:
            user = "SELECT id FROM htx_user WHERE email = ?"
            data.execute(f"UPDATE authtoken_token SET key = ? WHERE user_id = ({user})", (account.token, account.email))
            data.execute("UPDATE jwt_auth_jwtsettings SET legacy_api_tokens_enabled = 1")
    except sqlite3.DatabaseError as error:
        hint = f"put it back from a copy, or move {home / 'data'} away to begin without any project"
        raise CorpusError(f"is no readable SQLite database: {error}", file=str(path), hint=hint) from None


def update_version(home: Path, pinned: str, say: Callable[[str], None]) -> None:
    """Note the version that works on the data from now on. Raises UsageError if the data are of a later one.

    Label Studio brings the database of an earlier version up to date, and never back: a copy is kept beside it.
    """
    path, data = home / "version", database(home)
    made = path.read_text(encoding="utf-8", errors="replace").strip() if path.exists() else pinned
    if not re.fullmatch(r"\d+(\.\d+)*", made):
        hint = "write the version of Label Studio that made the data, such as 1.23.2"
        raise CorpusError(f"expected a version, found {made!r}", file=str(path), hint=hint)
    if _order(made) > _order(pinned):
        hint = "update this repository, or serve the corpus with the version of it that you used before"
        raise UsageError(f"{home / 'data'} is of Label Studio {made}; {pinned} cannot read it", hint=hint)
    if made != pinned and data.exists():
        copy = data.with_name(f"{data.name}.{made}")
        with closing(sqlite3.connect(data)) as source, closing(sqlite3.connect(copy)) as target:
            source.backup(target)
        say(f"Label Studio {pinned} brings the data of {made} up to date; a copy of the database is in {copy}")
    write_whole(path, f"{pinned}\n".encode(), home)


def _order(version: str) -> list[int]:
    return [int(part) for part in version.split(".")]


def write_state(home: Path, state: State) -> None:
    """Note which server runs."""
    _write(home, "state.toml", state)


def read_state(home: Path) -> State | None:
    """Which server runs, or ran last; None where nothing is noted."""
    path = home / "state.toml"
    return read_toml(path, State, name=str(path)) if path.exists() else None


def clear_state(home: Path) -> None:
    """Note that no server runs."""
    (home / "state.toml").unlink(missing_ok=True)


def _write(home: Path, name: str, record: Account | State) -> None:
    write_whole(home / name, tomlkit.dumps(msgspec.structs.asdict(record)).encode(), home, mode=0o600)
