"""What the machine does while something is measured: processor time of one process, and who else is busy.

Linux only: it reads /proc.
"""

from __future__ import annotations

import os
import platform
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter
from typing import Any

_TICKS_PER_S = os.sysconf("SC_CLK_TCK")
_ALL = Path("/proc/stat")


def describe() -> Mapping[str, Any]:
    """The machine, without anything that names it."""
    return {
        "cores": os.cpu_count(),
        "python": platform.python_version(),
        "system": f"{platform.system()} {platform.machine()}",
        "load average": f"{os.getloadavg()[0]:.1f}",
    }


def cpu_s(pid: int) -> float:
    """Processor seconds that a process has used, all of its threads, in user and kernel mode."""
    after_name = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    user, system = after_name[11:13]
    return (int(user) + int(system)) / _TICKS_PER_S


@dataclass(slots=True)
class Others:
    """How much of the machine went to processes that are not ours."""

    cores: float = 0.0

    def __str__(self) -> str:
        return f"others used {self.cores:.1f} of {os.cpu_count()} cores"


@contextmanager
def observed() -> Iterator[Others]:
    """Fills in what others used meanwhile. Processes that we started count as ours once they have ended."""
    others = Others()
    began, busy_s, own_s = perf_counter(), _busy_s(), _own_s()
    yield others
    elapsed_s = perf_counter() - began
    others.cores = max(0.0, (_busy_s() - busy_s) - (_own_s() - own_s)) / elapsed_s


def _busy_s() -> float:
    """Of all cores together; the columns are those of proc(5), idle and iowait left out."""
    user, nice, system, _idle, _iowait, irq, softirq, *_ = (
        int(ticks) for ticks in _ALL.read_text().split("\n", 1)[0].split()[1:]
    )
    return (user + nice + system + irq + softirq) / _TICKS_PER_S


def _own_s() -> float:
    times = os.times()
    return times.user + times.system + times.children_user + times.children_system
