"""The local server: accounts, how it starts and ends, what it refuses. With the real one."""

from __future__ import annotations

import os
import re
import select
import shutil
import signal
import socket
import sqlite3
import subprocess
import sys
import time
from contextlib import closing
from typing import NamedTuple

import httpx
import msgspec
import pytest
from label_studio_sdk import LabelStudio
from playwright.sync_api import sync_playwright

from conftest import free_port
from helpers import ROOT
from newsparallax._util import hold_for_child
from newsparallax.errors import CorpusError, NewsParallaxError, UsageError
from newsparallax.labelling import home_of
from newsparallax.labelling import server as install
from newsparallax.labelling.home import (
    State,
    database,
    keep_account,
    read_state,
    restore_token,
    update_version,
    write_state,
)
from newsparallax.labelling.server import (
    HOST,
    SETTINGS,
    VENV,
    RunningError,
    Server,
    _wait_until_up,
    saved_account,
    start,
)

BROWSER = (
    *("--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking"),
    *("--disable-component-update", "--disable-sync"),
)
CONFIG = '<View><Labels name="l" toName="t"><Label value="PER"/></Labels><Text name="t" value="$text"/></View>'


def client(account):
    return LabelStudio(base_url=account.url, api_key=account.token)


def make_project(account, title):
    return client(account).projects.create(title=title, label_config=CONFIG).id


def titles(account):
    return {project.title for project in client(account).projects.list()}


def alive(pid):
    """Whether a process of the group that `pid` leads is left."""
    try:
        os.killpg(pid, 0)
    except ProcessLookupError:
        return False
    return True


def wait_for(what, seconds=20):
    end = time.monotonic() + seconds
    while not what():
        assert time.monotonic() < end
        time.sleep(0.05)


def answers(port):
    with socket.socket() as probe:
        return probe.connect_ex((HOST, port)) == 0


# The account


def test_both_ways_to_use_the_token(server):
    account = server.account
    assert client(account).users.whoami().email == account.email == "maintainer@example.org"
    address = f"{account.url}/api/current-user/whoami"
    assert httpx.get(address, headers={"Authorization": f"Token {account.token}"}).json()["email"] == account.email
    assert httpx.get(address, headers={"Authorization": f"Token {'0' * 40}"}).status_code == 401


def test_what_the_start_keeps(server):
    assert saved_account(server.home) == server.account
    assert (server.home / "account.toml").stat().st_mode & 0o777 == 0o600
    assert database(server.home).stat().st_mode & 0o777 == 0o600
    assert (server.home / ".gitignore").read_text() == "*\n"
    assert (server.home / "version").read_text() == f"{install.pinned_version()}\n"
    for secret in (server.account.token, server.account.password):
        assert secret not in repr(server.account)
        assert secret not in (server.home / "server.log").read_text()


def test_there_is_no_account_before_the_first_start(tmp_path):
    assert saved_account(home_of(tmp_path)) is None


def sign_up(url, email):
    """A browser's session after the form at /user/signup was sent."""
    session = httpx.Client(base_url=url, follow_redirects=True)
    session.get("/user/signup")
    form = {"email": email, "password": "a long password", "csrfmiddlewaretoken": session.cookies["csrftoken"]}
    assert session.post("/user/signup", data=form, headers={"Referer": url}).status_code == 200
    return session


def test_annotators_sign_up_and_their_marks_are_told_apart(server):
    ls = client(server.account)
    project = make_project(server.account, "seen by all")
    (task,) = ls.projects.import_tasks(id=project, request=[{"text": "Ann met Bob."}], return_task_ids=True).task_ids
    sessions = [sign_up(server.account.url, f"{name}@example.org") for name in ("ann", "bob")]
    for session in sessions:
        found = session.get("/api/projects").json()["results"]
        assert "seen by all" in {project["title"] for project in found}
        token = {"X-CSRFToken": session.cookies["csrftoken"], "Referer": server.account.url}
        made = session.post(f"/api/tasks/{task}/annotations/", json={"result": []}, headers=token)
        assert made.status_code == 201
    ids = [session.get("/api/current-user/whoami").json()["id"] for session in sessions]
    assert sorted(annotation.completed_by for annotation in ls.annotations.list(task)) == sorted(ids)
    assert len({*ids, ls.users.whoami().id}) == 3


def test_it_answers_on_this_machine_only(server):
    port = int(server.account.url.rpartition(":")[2])
    assert answers(port)
    with socket.socket() as probe:  # another address of the loopback network stands for those of other networks
        assert probe.connect_ex(("127.0.0.2", port)) != 0


def test_nothing_is_asked_of_the_internet(server, chromium):
    url, asked = server.account.url, set()
    with sync_playwright() as playwright, playwright.chromium.launch(executable_path=chromium, args=BROWSER) as browser:
        page = browser.new_page()
        page.on("request", lambda request: asked.add(request.url))
        page.goto(f"{url}/user/login/")
        page.fill("input[name=email]", server.account.email)
        page.fill("input[name=password]", server.account.password)
        page.click("button[type=submit]")
        page.get_by_text("Create Project").first.wait_for()  # signed in
        page.goto(f"{url}/projects/{make_project(server.account, 'in the browser')}/data")
        page.get_by_text("in the browser").first.wait_for()
        page.wait_for_load_state("networkidle")
    assert {address for address in asked if not address.startswith((url, "data:", "blob:"))} == set()


@pytest.mark.parametrize(("settings", "arrives"), [({}, True), (SETTINGS, False)])
def test_the_servers_own_requests_have_no_way_out(server, settings, arrives):
    """Label Studio asks by `requests`; that it refuses addresses of this machine is why it is not asked itself."""
    with socket.create_server((HOST, 0)) as listener:
        code = f"import requests; requests.get('https://{HOST}:{listener.getsockname()[1]}', timeout=0.5)"
        asked = subprocess.run([VENV / "bin/python", "-c", code], env=settings, capture_output=True, text=True)
        assert "requests.exceptions" in asked.stderr
        assert bool(select.select([listener], [], [], 0.2)[0]) == arrives


# One after another on one corpus: the script is started, ended in all ways, and started again


def script(corpus, port, **popen):
    command = [sys.executable, str(ROOT / "scripts/label_studio.py"), "serve", "--corpus", str(corpus)]
    # What a user's environment may hold, and Label Studio would take for its own settings.
    env = os.environ | {"USERNAME": "somebody", "DEBUG": "release", "HOST": "elsewhere", "PORT": "1"}
    return subprocess.Popen(
        [*command, "--port", str(port)], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=env, **popen
    )


def outcome(process):
    """Exit code, stdout, stderr of a script that ends by itself."""
    out, err = process.communicate(timeout=60)
    return process.returncode, out, err


class Up(NamedTuple):
    process: subprocess.Popen[str]
    said: str
    port: int
    pid: int


def up(corpus, port=None):
    """Start the script and read what it says until it waits."""
    port = port or free_port()
    process = script(corpus, port)
    said = ""
    for line in process.stdout:
        said += line
        if line.startswith("Ctrl-C"):
            break
    else:
        pytest.fail(f"{said}{process.stderr.read()}")
    pid = int(re.search(r"pid = (\d+)", (home_of(corpus) / "state.toml").read_text())[1])
    return Up(process, said, port, pid)


def down(running, number):
    """End the script with a signal: nothing is left of the server, and nothing more is said."""
    running.process.send_signal(number)
    assert outcome(running.process) == (0, "", "")
    assert not alive(running.pid)
    assert not answers(running.port)


@pytest.fixture(scope="module")
def corpus(tmp_path_factory, server):
    """A corpus whose server has run before; making a database takes half a minute, so it is a copy of the other one."""
    place = tmp_path_factory.mktemp("corpus") / "corpus"
    shutil.copytree(ROOT / "tests/corpora/from_tasks", place)
    home = home_of(place)
    (home / "data").mkdir(parents=True)
    shutil.copy(server.home / "account.toml", home)
    make_project(server.account, "from before")
    with closing(sqlite3.connect(database(server.home))) as source, closing(sqlite3.connect(database(home))) as copy:
        source.backup(copy)
    yield place
    if left := read_state(home):  # by a test that failed
        os.killpg(left.pid, signal.SIGKILL)


def test_a_start_says_all_that_is_needed_and_ctrl_c_ends_it(corpus):
    running = up(corpus)
    account = saved_account(home_of(corpus))
    assert account.url == f"http://{HOST}:{running.port}"
    for told in (account.url, f"{account.url}/user/signup", account.email, account.password, "label-studio push"):
        assert told in running.said
    assert account.token not in running.said
    down(running, signal.SIGINT)


def test_data_of_an_earlier_label_studio_are_kept_as_they_were(corpus):
    home = home_of(corpus)
    before = saved_account(home)
    (home / "version").write_text("1.0.0\n")
    running = up(corpus)
    account = saved_account(home)
    assert (account.password, account.token) == (before.password, before.token)
    assert "from before" in titles(account)
    assert (home / "version").read_text() == f"{install.pinned_version()}\n"
    with closing(sqlite3.connect(f"{database(home)}.1.0.0")) as copy:
        assert ("from before",) in copy.execute("SELECT title FROM project").fetchall()
    down(running, signal.SIGTERM)


def test_the_token_is_good_again_after_it_was_renewed_and_switched_off(corpus):
    running = up(corpus)
    account = saved_account(home_of(corpus))
    renewed = {"Authorization": f"Token {client(account).users.reset_token().token}"}
    switched = httpx.post(f"{account.url}/api/jwt/settings", json={"legacy_api_tokens_enabled": False}, headers=renewed)
    assert switched.is_success
    assert httpx.get(f"{account.url}/api/projects", headers=renewed).status_code == 401
    down(running, signal.SIGTERM)
    running = up(corpus)
    assert "from before" in titles(saved_account(home_of(corpus)))
    down(running, signal.SIGTERM)


def test_a_running_server_is_told_even_if_the_command_that_started_it_was_killed(corpus):
    running = up(corpus)
    account = saved_account(home_of(corpus))
    code, out, err = outcome(script(corpus, free_port()))
    assert (code, err) == (0, "")
    assert account.url in out
    running.process.kill()
    running.process.wait()
    assert answers(running.port)
    code, out, err = outcome(script(corpus, running.port))
    assert (code, err, account.url in out) == (0, "", True)
    assert out.endswith(f"It was already running. To stop it: kill {running.pid}\n")
    os.kill(running.pid, signal.SIGTERM)
    wait_for(lambda: not alive(running.pid))


def test_the_end_of_the_server_ends_the_command(corpus):
    running = up(corpus)
    os.kill(running.pid, signal.SIGKILL)
    code, out, err = outcome(running.process)
    assert (code, out, "Traceback" in err) == (2, "", False)
    assert "error: Label Studio ended by itself (code -9); the last lines of its log:" in err
    assert str(home_of(corpus) / "server.log") in err


# What is refused


def test_a_taken_port_is_told_and_no_other_one_taken(corpus):
    with socket.create_server((HOST, 0)) as other:
        port = other.getsockname()[1]
        code, out, err = outcome(script(corpus, port))
    assert (code, out) == (2, "")
    assert re.fullmatch(rf"error: another program uses port {port}\n  choose another port .* --port \d+\n", err)


def test_one_folder_has_one_server(server):
    words = re.escape(f"at {server.account.url}\n  use that server, or stop it with")
    with pytest.raises(RunningError, match=words) as caught:
        start(server.home, port=free_port(), venv=VENV, say=print)
    assert (caught.value.account, caught.value.pid) == (server.account, server.pid)


def test_a_folder_whose_server_does_not_answer(tmp_path, server):
    lock = hold_for_child(tmp_path / "lock")
    with pytest.raises(UsageError, match="another command is starting Label Studio in"):
        start(tmp_path, port=free_port(), venv=VENV, say=print)
    keep_account(tmp_path, server.account.url)
    write_state(tmp_path, State(12345, server.account.url))  # whose token is another one
    with pytest.raises(UsageError, match=r"does not answer at (.|\n)*stop it with: kill 12345"):
        start(tmp_path, port=free_port(), venv=VENV, say=print)
    os.close(lock)


def test_a_stranger_at_the_port_is_not_taken_for_the_server(server):
    account = msgspec.structs.replace(server.account, token="0" * 40)
    with pytest.raises(UsageError, match="rejects the account of"):
        _wait_until_up(Server(server.home, account, server._process), print)


def test_a_server_that_ends_early_shows_its_log(corpus):
    home = home_of(corpus)
    uploads, away = home / "data/media", home / "data/away"
    uploads.rename(away)
    uploads.write_text("no folder")
    code, out, err = outcome(script(corpus, free_port()))
    uploads.unlink()
    away.rename(uploads)
    assert (code, out) == (2, "")
    assert "error: Label Studio ended before it was ready; the last lines of its log:" in err
    assert f"FileExistsError: [Errno 17] File exists: '{uploads}'" in err
    assert str(home / "server.log") in err


def test_data_without_their_account(tmp_path):
    database(tmp_path).parent.mkdir()
    database(tmp_path).touch()
    with pytest.raises(CorpusError, match=r"account\.toml: does not exist, but the server's data do"):
        start(tmp_path, port=free_port(), venv=VENV, say=print)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("password = ", "is not TOML"),
        ('url = "http://127.0.0.1:8080"\nemail = "a@example.org"\npassword = "p"\n', "the key token is missing"),
        ('url = ""\nemail = ""\npassword = ""\ntoken = "no"\n', "token: expected 40 hexadecimal digits"),
    ],
)
def test_an_account_that_cannot_be_read(tmp_path, content, message):
    (tmp_path / "account.toml").write_text(content)
    with pytest.raises(CorpusError, match=rf"account\.toml: .*{message}|account\.toml: {message}"):
        start(tmp_path, port=free_port(), venv=VENV, say=print)


def test_a_database_that_is_none(tmp_path, server):
    database(tmp_path).parent.mkdir()
    database(tmp_path).write_text("no database, but long enough to be looked at as one" * 20)
    with pytest.raises(CorpusError, match="is not a readable SQLite database"):
        restore_token(tmp_path, server.account)


def test_data_of_a_later_label_studio(tmp_path):
    (tmp_path / "version").write_text("99.1\n")
    with pytest.raises(UsageError, match=rf"was made by Label Studio 99\.1; {install.pinned_version()} cannot read it"):
        start(tmp_path, port=free_port(), venv=VENV, say=print)
    (tmp_path / "version").write_text("latest\n")
    with pytest.raises(CorpusError, match="expected a version, found 'latest'"):
        update_version(tmp_path, "1.23.2", print)


# The environment


def test_changed_pins_are_not_installed_yet(tmp_path, monkeypatch, server):
    assert install.is_installed(VENV)
    pins = tmp_path / "server-constraints.txt"
    pins.write_text(install.CONSTRAINTS.read_text() + "six==0.0.1\n")
    monkeypatch.setattr(install, "CONSTRAINTS", pins)
    assert not install.is_installed(VENV)


def test_the_pins_are_all_that_is_installed_and_fit_together(server):
    def pip(*options):
        command = [VENV / "bin/python", "-m", "pip", "--disable-pip-version-check", *options]
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout

    pins = [line for line in install.CONSTRAINTS.read_text().splitlines() if not line.startswith("#")]
    assert [line for line in pip("freeze", "--all").splitlines() if not line.startswith("pip==")] == pins
    assert pip("check") == "No broken requirements found.\n"


def test_an_install_that_fails_is_not_taken_for_a_finished_one(tmp_path, monkeypatch):
    for name, value in (("CONFIG_FILE", os.devnull), ("NO_INDEX", "1"), ("FIND_LINKS", str(tmp_path))):
        monkeypatch.setenv(f"PIP_{name}", value)
    venv, said = tmp_path / "venv", []
    for _ in range(2):
        with pytest.raises(NewsParallaxError, match=r"could not be installed(.|\n)*No matching distribution found"):
            install.install(venv, said.append)
        assert not install.is_installed(venv)
    assert said == [f"installing Label Studio {install.pinned_version()} into {venv} (about 1 GB, once) ..."] * 2
