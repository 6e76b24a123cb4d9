"""A Label Studio server of our own: started for one corpus, on this machine only, and ended with its command.

It runs in a session of its own, so that Ctrl-C reaches this program alone, which then ends it. Should this program be
killed, the server lives on; it holds the lock of its folder, by which the next start finds it.
"""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from types import FrameType
from typing import NoReturn

import msgspec

from ...core.errors import NewsParallaxError, UsageError
from ..folder import HERE
from ..locks import hold
from .home import (
    Account,
    State,
    clear_state,
    home_of,
    keep_account,
    make_home,
    read_state,
    restore_token,
    saved_account,
    update_version,
    write_state,
)
from .install import PATIENCE, TAIL, install, pinned_version

__all__ = ["VENV", "Account", "RunningError", "Server", "home_of", "saved_account", "serve", "start"]

VENV = HERE / ".label-studio" / "venv"
HOST = "127.0.0.1"
START_SECONDS = 180
STOP_SECONDS = 15
SCARCE = 200_000_000  # bytes of free disk below which a server that ended is told to have run out of it
ENDING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)  # SIGHUP: the terminal was closed

# Label Studio reads any variable also without its prefix, and PORT, HOST, DEBUG or USERNAME are often set: so the
# server gets these of the user's environment and no others.
INHERITED = ("PATH", "LANG", "LC_ALL", "LC_CTYPE", "TZ", "TMPDIR")
SETTINGS = {
    "LABEL_STUDIO_ENABLE_LEGACY_API_TOKEN": "true",
    "LABEL_STUDIO_DISABLE_SIGNUP_WITHOUT_LINK": "false",
    "LABEL_STUDIO_LOCAL_FILES_SERVING_ENABLED": "false",
    # Nothing leaves the machine: no telemetry, no look for a newer version, no reports of errors, and, as its pages'
    # tips are fetched whatever is set, no way out for the server's own requests: port 9 is closed.
    "LABEL_STUDIO_COLLECT_ANALYTICS": "false",
    "LABEL_STUDIO_LATEST_VERSION_CHECK": "false",
    "LABEL_STUDIO_SENTRY_DSN": "",
    "LABEL_STUDIO_FRONTEND_SENTRY_DSN": "",
    "https_proxy": f"http://{HOST}:9",
    "PYTHONUNBUFFERED": "1",  # the log is as far as the server
    "PYTHONUTF8": "1",
}


class RunningError(UsageError):
    """The server of this corpus runs already; `account` is good for it."""

    def __init__(self, account: Account, pid: int):
        self.account, self.pid = account, pid
        message = f"the Label Studio of this corpus runs already, at {account.url}"
        super().__init__(message, hint=f"use that one, or stop it: kill {pid}")


class Server:
    """A running server that this process started."""

    def __init__(self, home: Path, account: Account, process: subprocess.Popen[bytes]):
        self.home, self.account, self._process = home, account, process

    @property
    def pid(self) -> int:
        """The number of its process, which is also that of its process group."""
        return self._process.pid

    def ended(self) -> bool:
        """Whether it has ended."""
        return self._process.poll() is not None

    def wait(self) -> int:
        """Wait until it ends; its exit code, negative for the signal that ended it."""
        return self._process.wait()

    def stop(self) -> None:
        """End it and whatever it started. SQLite keeps what was answered; a request on its way is lost."""
        with _undisturbed():
            for number in (signal.SIGTERM, signal.SIGKILL):
                with suppress(ProcessLookupError, PermissionError):  # nothing left
                    os.killpg(self.pid, number)
                with suppress(subprocess.TimeoutExpired):
                    self._process.wait(STOP_SECONDS)
            clear_state(self.home)


def start(home: Path, *, port: int, venv: Path, say: Callable[[str], None]) -> Server:
    """Start the server that keeps its data in `home` on `port` of this machine, and wait until it answers.

    Installs it into `venv` first if it is not there. Raises RunningError if it runs already; UsageError, CorpusError
    or NewsParallaxError if it cannot run.
    """
    make_home(home)
    lock = hold(home / "lock")
    if lock is None:
        _refuse(home)
    try:
        clear_state(home)
        _require_free(port)
        python = install(venv, say)
        update_version(home, pinned_version(), say)
        account = keep_account(home, f"http://{HOST}:{port}")
        restore_token(home, account)
        _require_free(port)  # an installation takes minutes
        server = Server(home, account, _launch(home, account, port, python, lock))
    finally:
        os.close(lock)  # the server has inherited it
    try:
        write_state(home, State(server.pid, account.url))
        _wait_until_up(server, say)
    except BaseException:
        server.stop()
        raise
    return server


def _refuse(home: Path) -> NoReturn:
    """Say who holds the lock."""
    state, account = read_state(home), saved_account(home)
    if state is None or account is None:
        raise UsageError(f"another command is just starting a Label Studio in {home}", hint="wait until it is up")
    account = msgspec.structs.replace(account, url=state.url)
    if _takes(account):
        raise RunningError(account, state.pid)
    message = f"the Label Studio of this corpus runs already (process {state.pid}), but does not answer at {state.url}"
    raise UsageError(message, hint=f"if it was started just now, wait a minute; else stop it: kill {state.pid}")


def _require_free(port: int) -> None:
    """Raise UsageError unless the port is free; Label Studio would take the next one without a word."""
    if not _is_free(port):
        free = next(other for other in range(port + 1, port + 1000) if other > 65535 or _is_free(other))
        hint = "name another one with --port" + (f", such as --port {free}" if free <= 65535 else "")
        raise UsageError(f"port {port} is taken by another program", hint=hint)


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # a server that has just ended is no hindrance
        try:
            probe.bind((HOST, port))
        except PermissionError:
            raise UsageError(f"port {port} is the system's", hint="name one above 1023 with --port") from None
        except OSError:
            return False
    with socket.socket() as probe:  # some systems let two programs bind one port
        return probe.connect_ex((HOST, port)) != 0


def _launch(home: Path, account: Account, port: int, python: Path, lock: int) -> subprocess.Popen[bytes]:
    data, log = home.absolute() / "data", home / "server.log"
    if log.exists():
        log.replace(log.with_suffix(".log.1"))
    env = {name: os.environ[name] for name in INHERITED if name in os.environ} | SETTINGS
    env |= {
        "HOME": str(data),  # it writes into the user's configuration folder otherwise
        "LABEL_STUDIO_BASE_DATA_DIR": str(data),
        "LABEL_STUDIO_USERNAME": account.email,
        "LABEL_STUDIO_PASSWORD": account.password,
        "LABEL_STUDIO_USER_TOKEN": account.token,
    }
    # -P -m, not bin/label-studio: that names its Python by a path, which is wrong once the repository was moved.
    command = [str(python.absolute()), "-P", "-m", "label_studio.server", "start", "--no-browser"]
    with log.open("wb") as output:
        return subprocess.Popen(
            [*command, "--internal-host", HOST, "--port", str(port)],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            cwd=data,
            env=env,
            pass_fds=(lock,),
            start_new_session=True,
            umask=0o077,
        )


def _wait_until_up(server: Server, say: Callable[[str], None]) -> None:
    url = server.account.url
    say(f"starting Label Studio at {url} (half a minute the first time, then seconds) ...")
    began = told = time.monotonic()
    while (now := time.monotonic()) - began < START_SECONDS:
        if server.ended():
            raise _ended(server, "Label Studio ended before it was up")
        takes = _takes(server.account)
        if takes:
            return
        if takes is False:
            hint = "if another server has just taken the port, name another one with --port"
            raise UsageError(f"what answers at {url} does not take the account of {server.home}", hint=hint)
        if now - told > PATIENCE:
            told = now
            say(f"still starting ({now - began:.0f} s) ...")
        time.sleep(0.2)
    raise _ended(server, f"Label Studio did not answer at {url} within {START_SECONDS} seconds and was stopped")


def _takes(account: Account) -> bool | None:
    """Whether the server at the account's address knows its token; None while there is no answer."""
    connection = HTTPConnection(account.url.removeprefix("http://"), timeout=5)  # goes by no proxy
    try:
        headers = {"Authorization": f"Token {account.token}"}
        connection.request("GET", "/api/current-user/whoami", headers=headers)
        answer = connection.getresponse()
        if answer.status >= 500:  # busy
            return None
        return answer.status == 200 and account.email.encode() in answer.read()
    except (OSError, HTTPException):
        return None
    finally:
        connection.close()


def _ended(server: Server, message: str) -> NewsParallaxError:
    """An error with the end of the log."""
    log = server.home / "server.log"
    lines = log.read_text(encoding="utf-8", errors="replace").splitlines()[-TAIL:] or ["(nothing)"]
    told = "\n".join(f"    {line}" for line in lines)
    free = shutil.disk_usage(server.home).free
    hint = f"the whole log is {log}" + (f"; only {free // 10**6} MB are free on the disk" if free < SCARCE else "")
    return NewsParallaxError(f"{message}; the last lines of its log:\n{told}", hint=hint)


def serve(
    home: Path,
    *,
    port: int,
    venv: Path,
    say: Callable[[str], None],
    ready: Callable[[Account], None],
    tell: Callable[[str], None],
) -> None:
    """Run the server of `home` until it is ended by Ctrl-C, SIGTERM or a closed terminal.

    Once it is up, `ready` is called, and then `tell` with each line that a user needs. A server that runs already is
    left to who started it: `ready`, `tell`, and that is all. Raises as `start`, and if the server ends by itself.
    """
    with _signals_interrupt():
        try:
            server = start(home, port=port, venv=venv, say=say)
        except RunningError as found:
            ready(found.account)
            _introduce(found.account, home, tell)
            tell(f"It was running already; to stop it: kill {found.pid}")
            return
        except KeyboardInterrupt:
            hint = "run it again; what is installed already is kept"
            raise NewsParallaxError("interrupted before Label Studio was up; none runs", hint=hint) from None
        try:
            ready(server.account)
            code = _attend(server, tell)
            if code not in (None, 0, -signal.SIGTERM, -signal.SIGINT):
                raise _ended(server, f"Label Studio ended by itself (code {code})")
        finally:
            server.stop()
        say("Label Studio has stopped; what was annotated is kept")


def _attend(server: Server, tell: Callable[[str], None]) -> int | None:
    """Say how to use the server and wait; its exit code, or None if this program is asked to end first."""
    try:
        _introduce(server.account, server.home, tell)
        tell("Ctrl-C stops it.")
        return server.wait()
    except KeyboardInterrupt:
        return None


def _introduce(account: Account, home: Path, tell: Callable[[str], None]) -> None:
    tell(f"Label Studio is at {account.url} (on this machine only)")
    tell(f"  annotators: make your own account at {account.url}/user/signup, so that your marks are told apart")
    tell(f"  maintainer: sign in with {account.email} and the password {account.password}")
    tell("  scripts/label_studio.py push and pull find it by themselves, unless LABEL_STUDIO_URL is set")
    tell(f"  data and log: {home}")


@contextmanager
def _signals_interrupt() -> Iterator[None]:
    """Let SIGTERM and SIGHUP do what Ctrl-C does; one that was to be ignored (nohup) stays so."""

    def interrupt(_number: int, _frame: FrameType | None) -> NoReturn:
        raise KeyboardInterrupt

    before = {number: signal.getsignal(number) for number in ENDING}
    try:
        for number, handler in before.items():
            if handler != signal.SIG_IGN:
                signal.signal(number, interrupt)
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


@contextmanager
def _undisturbed() -> Iterator[None]:
    """Let nobody interrupt the block: a second Ctrl-C would leave a server behind."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = {number: signal.signal(number, signal.SIG_IGN) for number in ENDING}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
