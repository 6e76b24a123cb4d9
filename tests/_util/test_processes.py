"""How many processors a process may use, and Ctrl-C."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from newsparallax._util import processes, usable_processors


@pytest.fixture
def limits(tmp_path, monkeypatch):
    """A folder that stands for /sys/fs/cgroup, and eight processors."""
    monkeypatch.setattr(processes, "CGROUP", tmp_path)
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(8)), raising=False)
    return tmp_path


@pytest.mark.parametrize(
    ("quota", "number"),
    [("max 100000", 8), ("200000 100000", 2), ("150000 100000", 2), ("5000 100000", 1), ("1600000 100000", 8), ("", 8)],
)
def test_a_quota_of_version_2_limits_the_number(limits, quota, number):
    (limits / "cpu.max").write_text(f"{quota}\n")
    assert usable_processors() == number


@pytest.mark.parametrize(("quota", "number"), [("-1", 8), ("300000", 3), ("50000", 1)])
def test_a_quota_of_version_1_limits_the_number(limits, quota, number):
    (limits / "cpu").mkdir()
    (limits / "cpu/cpu.cfs_quota_us").write_text(quota)
    (limits / "cpu/cpu.cfs_period_us").write_text("100000")
    assert usable_processors() == number


def test_without_a_quota_the_affinity_counts(limits):
    assert usable_processors() == 8


def test_without_affinity_all_processors_count(limits, monkeypatch):
    monkeypatch.delattr(os, "sched_getaffinity")
    monkeypatch.setattr(os, "cpu_count", lambda: None)
    assert usable_processors() == 1


@pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="this system has no affinity")
def test_a_real_affinity_mask_counts():
    code = "import os; os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})"
    code += "; from newsparallax._util import usable_processors as n; print(n())"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "1\n"


DURING = {
    "an import": """
sys.path.insert(0, sys.argv[1])
try:
    import slow
finally:
    assert "slow" in sys.modules, "the import was cut short"
""",
    "a callback of the import system": """
def at_its_first_line(frame, *_):
    if frame.f_code.co_filename == "<frozen importlib._bootstrap>" and frame.f_code.co_name == "cb":
        sys.setprofile(None)
        os.kill(os.getpid(), signal.SIGINT)

sys.setprofile(at_its_first_line)
import colorsys
""",
    "a callback of the garbage collector": """
class Mortal: ...
mortal = Mortal()
reference = weakref.ref(mortal, lambda _: os.kill(os.getpid(), signal.SIGINT) or time.sleep(0))
del mortal
""",
    "a finalizer": """
class Mortal:
    def __del__(self): os.kill(os.getpid(), signal.SIGINT) or time.sleep(0)
mortal = Mortal()
del mortal
""",
    "other code": "os.kill(os.getpid(), signal.SIGINT)",
}


@pytest.mark.parametrize("code", DURING.values(), ids=DURING)
def test_ctrl_c_reaches_the_program_wherever_it_comes(code, tmp_path):
    """And other threads can import after it."""
    (tmp_path / "slow.py").write_text("import os, signal\nos.kill(os.getpid(), signal.SIGINT)\nimport wave\n")
    program = f"""
import os, signal, sys, threading, time, weakref
from newsparallax._util import make_interrupts_safe
make_interrupts_safe()
try:
    {code.strip().replace(chr(10), chr(10) + "    ")}
    time.sleep(10)
except KeyboardInterrupt:
    print("interrupted")
other = threading.Thread(target=__import__, args=["netrc"], daemon=True)
other.start()
other.join(10)
print("netrc" in sys.modules)
sys.stdout.flush()
os._exit(0)  # a thread that waits for a lock would hold up the end
"""
    ran = subprocess.run([sys.executable, "-W", "ignore", "-c", program, tmp_path], capture_output=True, text=True)
    assert (ran.stdout, ran.stderr) == ("interrupted\nTrue\n", "")


def test_an_interrupt_that_is_to_come_again_neither_kills_nor_changes_a_command_that_has_ended(tmp_path):
    (tmp_path / "slow.py").write_text("import os, signal\nos.kill(os.getpid(), signal.SIGINT)\n")
    program = f"""
import sys
sys.path.insert(0, {str(tmp_path)!r})
from newsparallax.cli import console

class Command:
    def main(self, *_, **__):
        import slow
        return 1

console.run(Command(), [], "command")
"""
    ran = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert (ran.returncode, ran.stderr) == (1, "")


def test_two_interrupts_at_nearly_the_same_time_are_one(tmp_path):
    """The second would come while the program removes what it has begun."""
    (tmp_path / "slow.py").write_text("import os, signal\nos.kill(os.getpid(), signal.SIGINT)\n")
    program = f"""
import os, signal, sys, time
sys.path.insert(0, {str(tmp_path)!r})
from newsparallax._util import make_interrupts_safe
make_interrupts_safe()
try:
    import slow
    os.kill(os.getpid(), signal.SIGINT)
    time.sleep(10)
except KeyboardInterrupt:
    time.sleep(0.1)
    print("removed")
"""
    ran = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert (ran.stdout, ran.stderr, ran.returncode) == ("removed\n", "", 0)
