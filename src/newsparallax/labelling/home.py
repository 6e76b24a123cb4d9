"""Folder of a corpus that holds the state of its local Label Studio server.

.label-studio/
  .gitignore      excludes everything in this folder from git
  account.toml    the maintainer's account: address, e-mail, password, API token (mode 0600)
  data/           Label Studio's own data: database, uploads
  version         the version of Label Studio that last worked on the data
  lock            held by a running server; the system releases it when the server ends
  state.toml      the running server: process id, address
  people.toml     maps accounts of servers to annotators of the corpus (mode 0600)
  pulled.json     what was pulled, so that the next pull asks only for changes
  exchange.lock   held by a running push, pull or review; work/ holds the files it is writing
  server.log      output of the server since its start; server.log.1 is the output of the previous run
"""

from __future__ import annotations

import re
import secrets
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from shutil import rmtree

import msgspec
import tomlkit

from .._util import hold, write_whole
from ..corpus import read_toml
from ..errors import CorpusError, UsageError

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
    """The running server: process id and address."""

    pid: int
    url: str


def home_of(corpus_root: Path) -> Path:
    """Return the server folder of a corpus."""
    return corpus_root / ".label-studio"


def database(home: Path) -> Path:
    """Return the path of Label Studio's SQLite file."""
    return home / "data" / "label_studio.sqlite3"


def make_home(home: Path) -> None:
    """Create the folder. Git ignores it, whatever the ignore rules of the corpus folder are."""
    (home / "data").mkdir(mode=0o700, parents=True, exist_ok=True)
    write_whole(home / ".gitignore", b"*\n", home)


@contextmanager
def exchanging(home: Path) -> Iterator[Path]:
    """Hold the lock for push, pull and review of the corpus, and yield a work folder for files that are being written.

    Raises UsageError where another push, pull or review is running.
    """
    make_home(home)
    lock = hold(home / "exchange.lock")
    if lock is None:
        hint = "wait until it ends"
        raise UsageError("another push, pull or review of this corpus is running", hint=hint)
    try:
        work = home / "work"
        rmtree(work, ignore_errors=True)  # left over from a run that was killed
        work.mkdir()
        yield work
        work.rmdir()
    finally:
        lock.release()


def saved_account(home: Path) -> Account | None:
    """Return the account that a previous start saved; None before the first start. Raises CorpusError."""
    path = home / "account.toml"
    if not path.exists():
        return None
    account = read_toml(path, Account, name=str(path))
    if not re.fullmatch("[0-9a-f]{40}", account.token):
        raise CorpusError("expected 40 hexadecimal digits", file=str(path), place="token")
    return account


def keep_account(home: Path, url: str) -> Account:
    """Return the account for a start at `url`: created at the first start, kept for later ones. Raises CorpusError."""
    account = saved_account(home)
    if account is None and database(home).exists():
        hint = f"restore it from a copy; or move {home / 'data'} away to start with an empty server"
        raise CorpusError("does not exist, but the server's data do", file=str(home / "account.toml"), hint=hint)
    if account is None:
        account = Account(url, EMAIL, secrets.token_urlsafe(12), secrets.token_hex(20))
    account = msgspec.structs.replace(account, url=url)
    _write(home, "account.toml", account)
    return account


def restore_token(home: Path, account: Account) -> None:
    """Make the saved API token valid again after somebody renewed it or disabled legacy tokens.

    A click in Label Studio's pages does either, and push, pull and `serve` could then no longer sign in. Call this only
    while no server runs.
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
        hint = f"restore it from a copy, or move {home / 'data'} away to start with an empty server"
        raise CorpusError(f"is not a readable SQLite database: {error}", file=str(path), hint=hint) from None


def update_version(home: Path, pinned: str, say: Callable[[str], None]) -> None:
    """Store the version that works on the data from now on. Raises UsageError if a later version made the data.

    Label Studio upgrades the database of an earlier version but never downgrades it. So a copy is kept beside it.
    """
    path, data = home / "version", database(home)
    made = path.read_text(encoding="utf-8", errors="replace").strip() if path.exists() else pinned
    if not re.fullmatch(r"\d+(\.\d+)*", made):
        hint = "write the version of Label Studio that made the data, such as 1.23.2"
        raise CorpusError(f"expected a version, found {made!r}", file=str(path), hint=hint)
    if _order(made) > _order(pinned):
        hint = "update newsparallax, or serve the corpus with the version that you used before"
        raise UsageError(f"{home / 'data'} was made by Label Studio {made}; {pinned} cannot read it", hint=hint)
    if made != pinned and data.exists():
        copy = data.with_name(f"{data.name}.{made}")
        with closing(sqlite3.connect(data)) as source, closing(sqlite3.connect(copy)) as target:
            source.backup(target)
        say(f"Label Studio {pinned} upgrades the data of {made}; a copy of the old database is in {copy}")
    write_whole(path, f"{pinned}\n".encode(), home)


def _order(version: str) -> list[int]:
    return [int(part) for part in version.split(".")]


def write_state(home: Path, state: State) -> None:
    """Store which server runs."""
    _write(home, "state.toml", state)


def read_state(home: Path) -> State | None:
    """Return which server runs or ran last; None if nothing is stored."""
    path = home / "state.toml"
    return read_toml(path, State, name=str(path)) if path.exists() else None


def clear_state(home: Path) -> None:
    """Remove the record of the running server."""
    (home / "state.toml").unlink(missing_ok=True)


def _write(home: Path, name: str, record: Account | State) -> None:
    write_whole(home / name, tomlkit.dumps(msgspec.structs.asdict(record)).encode(), home, mode=0o600)
