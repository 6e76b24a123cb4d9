"""Local Label Studio server: installed, started for one corpus on this machine only, and stopped with its command.

The server has a virtual environment that is installed on first use from pinned versions. Its pins conflict with those
of the project, so it shares nothing with the environment that runs this code.

The server runs in a separate session, so Ctrl-C reaches only this program, which then stops the server. If this program
is killed, the server continues to run. It holds the lock of its folder, by which the next start finds it.
"""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from types import FrameType
from typing import NoReturn

import msgspec
from filelock import FileLock

from .._util import hold_for_child, write_whole
from ..corpus import HERE
from ..errors import NewsParallaxError, UsageError
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

__all__ = ["VENV", "Account", "RunningError", "Server", "home_of", "saved_account", "serve", "start"]

VENV = (HERE / ".label-studio" if HERE else Path("~/.cache/newsparallax/label-studio").expanduser()) / "venv"
HOST = "127.0.0.1"
START_SECONDS = 180
STOP_SECONDS = 15
SCARCE = 200_000_000  # bytes of free disk; below, the error of an ended server mentions it
ENDING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)  # SIGHUP: the terminal was closed

# Label Studio also reads its variables without their prefix, and PORT, HOST, DEBUG or USERNAME are often set. So the
# server gets only these variables of the user's environment.
INHERITED = ("PATH", "LANG", "LC_ALL", "LC_CTYPE", "TZ", "TMPDIR")
SETTINGS = {
    "LABEL_STUDIO_ENABLE_LEGACY_API_TOKEN": "true",
    "LABEL_STUDIO_DISABLE_SIGNUP_WITHOUT_LINK": "false",
    "LABEL_STUDIO_LOCAL_FILES_SERVING_ENABLED": "false",
    # Nothing leaves the machine: no telemetry, no version check, no error reports. No setting stops the server from
    # fetching tips for its pages, so its own requests go to a closed port (9).
    "LABEL_STUDIO_COLLECT_ANALYTICS": "false",
    "LABEL_STUDIO_LATEST_VERSION_CHECK": "false",
    "LABEL_STUDIO_SENTRY_DSN": "",
    "LABEL_STUDIO_FRONTEND_SENTRY_DSN": "",
    "https_proxy": f"http://{HOST}:9",
    "PYTHONUNBUFFERED": "1",  # the log is never behind the server
    "PYTHONUTF8": "1",
}


class RunningError(UsageError):
    """Raised where the server of this corpus runs already; `account` is valid for it."""

    def __init__(self, account: Account, pid: int):
        self.account, self.pid = account, pid
        message = f"the Label Studio server of this corpus is already running at {account.url}"
        super().__init__(message, hint=f"use that server, or stop it with: kill {pid}")


class Server:
    """A running server that this process started."""

    def __init__(self, home: Path, account: Account, process: subprocess.Popen[bytes]):
        self.home, self.account, self._process = home, account, process

    @property
    def pid(self) -> int:
        """Return the server's process id, which is also its process group id."""
        return self._process.pid

    def ended(self) -> bool:
        """Return whether the server has ended."""
        return self._process.poll() is not None

    def wait(self) -> int:
        """Wait until the server ends; return its exit code, negative for the signal that ended it."""
        return self._process.wait()

    def stop(self) -> None:
        """Stop the server and all processes it started.

        SQLite keeps all answered requests; a pending request is lost.
        """
        with _undisturbed():
            for number in (signal.SIGTERM, signal.SIGKILL):
                with suppress(ProcessLookupError, PermissionError):  # no process left
                    os.killpg(self.pid, number)
                with suppress(subprocess.TimeoutExpired):
                    self._process.wait(STOP_SECONDS)
            clear_state(self.home)


def start(home: Path, *, port: int, venv: Path, say: Callable[[str], None]) -> Server:
    """Start the server with its data in `home` on `port` of this machine, and wait until it answers.

    Installs it into `venv` first if necessary. Raises RunningError if it runs already; UsageError, CorpusError or
    NewsParallaxError if it cannot run.
    """
    make_home(home)
    lock = hold_for_child(home / "lock")
    if lock is None:
        _refuse(home)
    try:
        clear_state(home)
        _require_free(port)
        python = install(venv, say)
        update_version(home, pinned_version(), say)
        account = keep_account(home, f"http://{HOST}:{port}")
        restore_token(home, account)
        _require_free(port)  # check again: an installation takes minutes
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
    """Raise an error that names the holder of the lock."""
    state, account = read_state(home), saved_account(home)
    if state is None or account is None:
        raise UsageError(f"another command is starting Label Studio in {home}", hint="wait until it has started")
    account = msgspec.structs.replace(account, url=state.url)
    if _takes(account):
        raise RunningError(account, state.pid)
    message = f"the Label Studio server of this corpus (process {state.pid}) does not answer at {state.url}"
    raise UsageError(message, hint=f"if it has just started, wait a minute; otherwise stop it with: kill {state.pid}")


def _require_free(port: int) -> None:
    """Raise UsageError unless the port is free; Label Studio would silently use the next port."""
    if not _is_free(port):
        free = next(candidate for candidate in range(port + 1, port + 1000) if candidate > 65535 or _is_free(candidate))
        hint = "choose another port with --port" + (f", such as --port {free}" if free <= 65535 else "")
        raise UsageError(f"another program uses port {port}", hint=hint)


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # ports of servers that just ended count as free
        try:
            probe.bind((HOST, port))
        except PermissionError:
            raise UsageError(
                f"port {port} is reserved for the system", hint="choose a port above 1023 with --port"
            ) from None
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
        "HOME": str(data),  # otherwise it writes into the user's configuration folder
        "LABEL_STUDIO_BASE_DATA_DIR": str(data),
        "LABEL_STUDIO_USERNAME": account.email,
        "LABEL_STUDIO_PASSWORD": account.password,
        "LABEL_STUDIO_USER_TOKEN": account.token,
    }
    # -P -m, not bin/label-studio: that script has its Python's path, which is wrong after the repository moves.
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
    say(f"starting Label Studio at {url} (the first start takes about half a minute) ...")
    began = reported = time.monotonic()
    while (now := time.monotonic()) - began < START_SECONDS:
        if server.ended():
            raise _ended(server, "Label Studio ended before it was ready")
        takes = _takes(server.account)
        if takes:
            return
        if takes is False:
            hint = "if another server uses the port, choose another port with --port"
            raise UsageError(f"the server at {url} rejects the account of {server.home}", hint=hint)
        if now - reported > PATIENCE:
            reported = now
            say(f"still starting ({now - began:.0f} s) ...")
        time.sleep(0.2)
    raise _ended(server, f"Label Studio did not answer at {url} within {START_SECONDS} seconds and was stopped")


def _takes(account: Account) -> bool | None:
    """Return whether the server at the account's address accepts its token; None while there is no answer."""
    connection = HTTPConnection(account.url.removeprefix("http://"), timeout=5)  # uses no proxy
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
    """Return an error that shows the end of the log."""
    log = server.home / "server.log"
    lines = log.read_text(encoding="utf-8", errors="replace").splitlines()[-TAIL:] or ["(nothing)"]
    output = "\n".join(f"    {line}" for line in lines)
    free = shutil.disk_usage(server.home).free
    hint = f"the complete log is {log}" + (f"; the disk has only {free // 10**6} MB free" if free < SCARCE else "")
    return NewsParallaxError(f"{message}; the last lines of its log:\n{output}", hint=hint)


def serve(
    home: Path,
    *,
    port: int,
    venv: Path,
    say: Callable[[str], None],
    ready: Callable[[Account], None],
    tell: Callable[[str], None],
) -> None:
    """Run the server of `home` until Ctrl-C, SIGTERM or a closed terminal ends it.

    Once the server is up, calls `ready`, and then `tell` with each line for the user. If the server runs already, only
    calls `ready` and `tell` and leaves it running. Raises the same errors as `start`, and NewsParallaxError if the
    server ends by itself.
    """
    with _signals_interrupt():
        try:
            server = start(home, port=port, venv=venv, say=say)
        except RunningError as found:
            ready(found.account)
            _introduce(found.account, home, tell)
            tell(f"It was already running. To stop it: kill {found.pid}")
            return
        except KeyboardInterrupt:
            hint = "run the command again; completed installation steps are kept"
            raise NewsParallaxError(
                "interrupted before Label Studio was ready; no server is running", hint=hint
            ) from None
        try:
            ready(server.account)
            code = _attend(server, tell)
            if code not in (None, 0, -signal.SIGTERM, -signal.SIGINT):
                raise _ended(server, f"Label Studio ended by itself (code {code})")
        finally:
            server.stop()
        say("Label Studio has stopped; all annotations are kept")


def _attend(server: Server, tell: Callable[[str], None]) -> int | None:
    """Tell the user how to use the server and wait; return its exit code, or None if this program must end first."""
    try:
        _introduce(server.account, server.home, tell)
        tell("Ctrl-C stops it.")
        return server.wait()
    except KeyboardInterrupt:
        return None


def _introduce(account: Account, home: Path, tell: Callable[[str], None]) -> None:
    tell(f"Label Studio runs at {account.url} (reachable from this machine only)")
    tell(f"  annotators: each person needs an own account: {account.url}/user/signup")
    tell(f"  maintainer: sign in with {account.email} and the password {account.password}")
    tell("  `newsparallax label-studio push` and `pull` use this server, unless LABEL_STUDIO_URL is set")
    tell(f"  data and log: {home}")


@contextmanager
def _signals_interrupt() -> Iterator[None]:
    """Make SIGTERM and SIGHUP act like Ctrl-C; a signal that was ignored (nohup) stays ignored."""

    def interrupt(_number: int, _frame: FrameType | None) -> NoReturn:
        raise KeyboardInterrupt

    before = {number: signal.getsignal(number) for number in ENDING}
    ctrl_c = before[signal.SIGINT]
    act = ctrl_c if callable(ctrl_c) else interrupt  # the command line's own handler spares imports
    try:
        for number, handler in before.items():
            if handler != signal.SIG_IGN:
                signal.signal(number, act)
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


@contextmanager
def _undisturbed() -> Iterator[None]:
    """Ignore the ending signals in the block: a second Ctrl-C would leave a server running."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = {number: signal.signal(number, signal.SIG_IGN) for number in ENDING}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


CONSTRAINTS = Path(__file__).with_name("server-constraints.txt")
PATIENCE = 20  # seconds between two progress messages
TAIL = 12  # lines of a log that a message shows


def pinned_version() -> str:
    """Return the pinned version of Label Studio."""
    pins: dict[str, str] = dict(re.findall(r"(?m)^([\w.-]+)==(\S+)$", CONSTRAINTS.read_text(encoding="utf-8")))
    return pins["label-studio"]


def is_installed(venv: Path) -> bool:
    """Return whether exactly the pinned versions are completely installed, for a Python that still exists."""
    stamp = venv / "installed"
    return stamp.is_file() and stamp.read_text(encoding="utf-8") == _stamp(venv)


def install(venv: Path, say: Callable[[str], None]) -> Path:
    """Install the server into the virtual environment `venv` if necessary; return the path of the environment's Python.

    Raises NewsParallaxError with the end of the installer's output.
    """
    python = venv / "bin" / "python"
    if is_installed(venv):
        return python
    venv.parent.mkdir(parents=True, exist_ok=True)
    with FileLock(venv.with_name(f"{venv.name}.lock"), mode=0o600):  # another corpus may be installing it
        if not is_installed(venv):
            _install(venv, python, say)
    return python


def _install(venv: Path, python: Path, say: Callable[[str], None]) -> None:
    version = pinned_version()
    say(f"installing Label Studio {version} into {venv} (about 1 GB, once) ...")
    (venv / "installed").unlink(missing_ok=True)
    if not _works(python):
        _run([sys.executable, "-m", "venv", "--clear", str(venv)], say)
    options = ["--quiet", "--no-input", "--disable-pip-version-check", "--no-deps", "--requirement", str(CONSTRAINTS)]
    _run([str(python), "-m", "pip", "install", *options], say)
    write_whole(venv / "installed", _stamp(venv).encode(), venv)


def _works(python: Path) -> bool:
    """Return whether the environment has its Python and pip; false if it is incomplete or its Python was removed."""
    try:
        return subprocess.run([python, "-m", "pip", "--version"], capture_output=True, check=False).returncode == 0
    except OSError:
        return False


def _stamp(venv: Path) -> str:
    return f"{hashlib.sha256(CONSTRAINTS.read_bytes()).hexdigest()} {(venv / 'bin' / 'python').resolve()}\n"


def _run(command: list[str], say: Callable[[str], None]) -> None:
    began = time.monotonic()
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace"
    ) as process:
        try:
            while True:
                try:
                    output, _ = process.communicate(timeout=PATIENCE)
                    break
                except subprocess.TimeoutExpired:
                    say(f"still installing ({time.monotonic() - began:.0f} s) ...")
        except BaseException:
            process.kill()
            raise
    if process.returncode:
        last_lines = "\n".join(f"    {line}" for line in output.splitlines()[-TAIL:])
        message = f"Label Studio could not be installed; the end of the output:\n{last_lines}"
        hint = "the installation needs the network and 1.5 GB on the disk; run the command again to continue"
        raise NewsParallaxError(message, hint=hint)
