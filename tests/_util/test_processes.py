"""How many processors a process may use."""

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
