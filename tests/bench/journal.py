"""Durable events per second of the journal, beside plain flushes to the same disk.

The journal runs in this process as it does in a server: SQLite in WAL mode, synchronous FULL, one writer thread. Every
appender waits for its event to be kept before it appends the next. The yardstick is a file that grows by one page at a
time and is flushed after each: what the disk gives to somebody who keeps one thing at a time.
"""

from __future__ import annotations

import asyncio
import os
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter

from fenix_grpc.clock import SystemClock
from fenix_grpc.core.events import SessionCreated, StepEnded
from fenix_grpc.core.model import StepOutcome
from fenix_grpc.store.journal import SqlJournal
from tests.bench.report import Figure, figure

TITLE = "durable events on SQLite, synchronous FULL; each appender waits for its event"
ROUNDS = 3
SECONDS = 1.5
_APPENDERS = (1, 10, 1000)
_PAGE = b"x" * 4096


@dataclass(frozen=True, slots=True, kw_only=True)
class _Window:
    per_s: float
    p50_ms: float
    p99_ms: float


async def run(directory: Path) -> list[Figure]:
    """Rates beside the flushes of the same round, and how long an appender waits."""
    journal = await SqlJournal.open(f"sqlite:///{directory}/journal.sqlite")
    try:
        await _create_sessions(journal)
        flushes: list[_Window] = []
        windows: dict[int, list[_Window]] = {appenders: [] for appenders in _APPENDERS}
        for _ in range(ROUNDS):
            flushes.append(await asyncio.to_thread(_flush, directory / "flushed"))
            for appenders, found in windows.items():
                found.append(await _append(journal, appenders))
    finally:
        await journal.aclose()
    yardstick = [window.per_s for window in flushes]
    rates = [
        figure(
            f"{n:,} appender{'s' if n > 1 else ''}",
            [window.per_s for window in found],
            "events/s",
            yardstick=yardstick,
            beside="flushes/s of a plain file",
        )
        for n, found in windows.items()
    ]
    waits = [
        figure(f"{n:,} appender{'s' if n > 1 else ''}, {name}", rounds, "ms")
        for n, found in windows.items()
        for name, rounds in (
            ("half wait", [window.p50_ms for window in found]),
            ("99 of 100 wait", [window.p99_ms for window in found]),
        )
    ]
    return [*rates, figure("plain file", yardstick, "flushes/s"), *waits]


async def _create_sessions(journal: SqlJournal) -> None:
    """One for each appender."""
    now = SystemClock().now()
    async with asyncio.TaskGroup() as group:
        for number in range(max(_APPENDERS)):
            event = SessionCreated(maintenance_at=now)
            group.create_task(journal.append(f"session-{number}", [event], at=now, expected_seq=0))


async def _append(journal: SqlJournal, appenders: int) -> _Window:
    clock = SystemClock()
    event = StepEnded(step_id="move_instance/i/1", outcome=StepOutcome.DONE, host="c2")
    waits: list[float] = []

    async def appender(number: int) -> None:
        began = perf_counter()
        while began < end:
            await journal.append(f"session-{number}", [event], at=clock.now())
            now = perf_counter()
            waits.append(now - began)
            began = now

    start = perf_counter()
    end = start + SECONDS
    async with asyncio.TaskGroup() as group:
        for number in range(appenders):
            group.create_task(appender(number))
    return _window(waits, perf_counter() - start)


def _flush(file: Path) -> _Window:
    waits: list[float] = []
    descriptor = os.open(file, os.O_CREAT | os.O_WRONLY | os.O_APPEND, 0o600)
    try:
        start = began = perf_counter()
        while began < start + SECONDS:
            os.write(descriptor, _PAGE)
            os.fdatasync(descriptor)
            now = perf_counter()
            waits.append(now - began)
            began = now
    finally:
        os.close(descriptor)
    return _window(waits, began - start)


def _window(waits: list[float], elapsed_s: float) -> _Window:
    waits.sort()
    return _Window(
        per_s=len(waits) / elapsed_s,
        p50_ms=waits[len(waits) // 2] * 1e3,
        p99_ms=waits[len(waits) * 99 // 100] * 1e3,
    )
