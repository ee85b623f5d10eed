"""Memory left, from files as Linux writes them."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from napari_cryorestore import host_memory
from napari_cryorestore.host_memory import available_memory, give_back_memory, keep_freed_memory, size_words

if TYPE_CHECKING:
    from pathlib import Path

MIB = 1 << 20


@pytest.fixture
def system(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(host_memory, "PROC", tmp_path / "proc")
    monkeypatch.setattr(host_memory, "CGROUPS", tmp_path / "cgroup")
    write(tmp_path / "proc/meminfo", f"MemTotal: {9 * 1024} kB\nMemAvailable: {8 * 1024} kB\n")
    return tmp_path


def write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")


def test_here_there_is_some() -> None:
    assert available_memory() > MIB


def test_what_the_computer_has(system: Path) -> None:
    assert available_memory() == 8 * MIB


def test_a_job_is_bounded_by_the_tightest_group_above_it(system: Path) -> None:
    write(system / "proc/self/cgroup", "0::/slurm/job_7/step_0\n")
    for group, limit in (("slurm", "max"), ("slurm/job_7", str(5 * MIB)), ("slurm/job_7/step_0", "max")):
        write(system / "cgroup" / group / "memory.max", limit + "\n")
        write(system / "cgroup" / group / "memory.current", str(3 * MIB))
        write(system / "cgroup" / group / "memory.stat", f"anon {MIB}\ninactive_file {MIB}\n")
    assert available_memory() == 3 * MIB
    write(system / "cgroup/slurm/job_7/memory.current", str(9 * MIB))
    assert available_memory() == 0


def test_older_control_groups(system: Path) -> None:
    write(system / "proc/self/cgroup", "4:cpu,cpuacct:/job\n2:memory:/job\n1:name=systemd:/job\n")
    write(system / "cgroup/memory/job/memory.limit_in_bytes", str(6 * MIB))
    write(system / "cgroup/memory/job/memory.usage_in_bytes", str(2 * MIB))
    write(system / "cgroup/memory/job/memory.stat", "total_inactive_file 0\n")
    assert available_memory() == 4 * MIB


def test_other_systems(system: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (system / "proc/meminfo").unlink()
    assert available_memory() > MIB
    monkeypatch.setattr("os.sysconf_names", {})
    assert available_memory() == 4 << 30


def faults_of_a_block(*, keep: str) -> int:
    """Return the page faults of taking and leaving 64 MB ten times, in a process of its own."""
    program = f"""
import resource
from napari_cryorestore.host_memory import give_back_memory, keep_freed_memory
{keep}
bytearray(64 << 20)
before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
for _ in range(10):
    bytearray(64 << 20)
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""
    printed = subprocess.run([sys.executable, "-c", program], check=True, capture_output=True, text=True)
    return int(printed.stdout)


@pytest.mark.skipif(
    host_memory._c_library() is None or sys.platform != "linux", reason="other C libraries cannot be told"
)
def test_kept_memory_is_not_taken_again() -> None:
    assert faults_of_a_block(keep="assert keep_freed_memory()") < 100
    assert faults_of_a_block(keep="keep_freed_memory(); give_back_memory()") < 100
    assert faults_of_a_block(keep="") > 1000


def test_other_systems_keep_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(host_memory.sys, "platform", "win32")
    assert not keep_freed_memory()
    give_back_memory()


@pytest.mark.parametrize(
    ("size", "words"),
    [
        (0, "0 bytes"),
        (999, "999 bytes"),
        (999.6, "1.0 kB"),
        (1504, "1.5 kB"),
        (57_600, "57.6 kB"),
        (99_960, "100 kB"),
        (3_145_728, "3.1 MB"),
        (2.5e9, "2.5 GB"),
        (7e15, "7000 TB"),
    ],
)
def test_words(size: float, words: str) -> None:
    assert size_words(size) == words
