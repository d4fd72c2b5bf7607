"""What a process holds, read from /proc (Linux), and whether that grew."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median

#: What is looked at, in the words of a chart.
WHAT: Mapping[str, str] = {
    "memory_mb": "memory, MB",
    "threads": "threads",
    "files": "open files",
    "connections": "connections",
}
#: More than this share, and more than so many, is growth: the load itself goes up and down.
_SHARE, _FEW = 1.1, 4
#: The first part of a run fills what is kept on purpose: the last 8192 events, some hundred sessions.
_WARM = 0.4
_LAST = 0.8


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """One look."""

    at_s: float
    memory_mb: float
    threads: int
    files: int
    connections: int


def look(pid: int, at_s: float) -> Sample:
    """At a process that runs."""
    status = dict(
        line.split(":", 1) for line in Path(f"/proc/{pid}/status").read_text().splitlines()
    )
    held = list(_held(Path(f"/proc/{pid}/fd")))
    sockets = sum(name.startswith("socket:") for name in held)
    return Sample(
        at_s=at_s,
        memory_mb=int(status["VmRSS"].split()[0]) / 1024,
        threads=int(status["Threads"]),
        files=len(held) - sockets,
        connections=sockets,
    )


def _held(directory: Path) -> Iterator[str]:
    for entry in directory.iterdir():
        try:
            yield os.readlink(entry)
        except FileNotFoundError:  # closed since
            continue


def grown(samples: Sequence[Sample]) -> Iterator[str]:
    """A line for each that is larger in the last fifth of the time than in the middle, medians of both."""
    end_s = samples[-1].at_s
    middle = [s for s in samples if _WARM * end_s <= s.at_s < (_WARM + 1 - _LAST) * end_s]
    last = [s for s in samples if s.at_s >= _LAST * end_s]
    for field, words in WHAT.items():
        before, after = (median(getattr(s, field) for s in part) for part in (middle, last))
        if after > max(before * _SHARE, before + _FEW):
            yield f"{words}: {before:,.0f} in the middle of the run, {after:,.0f} at its end"
