"""Durable events per second of the journal, beside plain flushes to the same disk.

The journal runs in this process as it does in a server, with its one writer thread: on SQLite in WAL mode, synchronous
FULL, and on PostgreSQL and MariaDB servers that are started for it on the same machine and flush every commit. Every
appender waits for its event to be kept before it appends the next. The yardstick is a file that grows by one page at a
time and is flushed after each: what the disk gives to somebody who keeps one thing at a time.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from time import perf_counter

from fenix_grpc.clock import SystemClock
from fenix_grpc.core.events import SessionCreated, StepEnded
from fenix_grpc.core.model import StepOutcome
from fenix_grpc.store.journal import SqlJournal
from tests.bench.report import Figure, figure
from tests.databases.servers import ON_DISK, DatabaseServer, MariadbServer, PostgresServer

TITLE = "durable events on SQLite, PostgreSQL and MariaDB; each appender waits for its event"
ROUNDS = 3
SECONDS = 1.5
_APPENDERS = (1, 10, 1000)
_SERVERS: Mapping[str, type[DatabaseServer]] = {
    "postgresql": PostgresServer,
    "mariadb": MariadbServer,
}
_PAGE = b"x" * 4096


@dataclass(frozen=True, slots=True, kw_only=True)
class _Window:
    per_s: float
    p50_ms: float
    p99_ms: float


async def run(directory: Path) -> list[Figure]:
    """Rates of every kind of database beside the flushes of the same round, and how long an appender waits."""
    flushes: list[_Window] = []
    found: dict[tuple[str, int], list[_Window]] = {}
    async with AsyncExitStack() as stack:
        journals = {kind: await _open(kind, directory, stack) for kind in ("sqlite", *_SERVERS)}
        for _ in range(ROUNDS):
            flushes.append(await asyncio.to_thread(_flush, directory / "flushed"))
            for (kind, journal), appenders in product(journals.items(), _APPENDERS):
                window = await _append(journal, appenders)
                found.setdefault((kind, appenders), []).append(window)
    yardstick = [window.per_s for window in flushes]
    rates = [
        figure(
            _named(kind, appenders),
            [window.per_s for window in windows],
            "events/s",
            yardstick=yardstick,
            beside="flushes/s of a plain file",
        )
        for (kind, appenders), windows in found.items()
    ]
    waits = [
        figure(f"{_named(kind, appenders)}, {name}", rounds, "ms")
        for (kind, appenders), windows in found.items()
        for name, rounds in (
            ("half wait", [window.p50_ms for window in windows]),
            ("99 of 100 wait", [window.p99_ms for window in windows]),
        )
    ]
    return [*rates, figure("plain file", yardstick, "flushes/s"), *waits]


def _named(kind: str, appenders: int) -> str:
    return f"{kind}, {appenders:,} appender{'s' if appenders > 1 else ''}"


async def _open(kind: str, directory: Path, stack: AsyncExitStack) -> SqlJournal:
    """On a database of its own, with a session for each appender."""
    url = f"sqlite:///{directory}/journal.sqlite"
    if kind in _SERVERS:
        server = await asyncio.to_thread(_SERVERS[kind], ON_DISK)
        stack.callback(server.remove)
        await asyncio.to_thread(server.start)
        url = server.new_database()
    journal = await SqlJournal.open(url)
    stack.push_async_callback(journal.aclose)
    await _create_sessions(journal)
    return journal


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
