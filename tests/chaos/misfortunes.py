"""What can go wrong around the servers. Each misfortune is a coroutine that returns when it is over, mended as an
operator or a service manager would; which comes when is decided by a seed."""

from __future__ import annotations

import asyncio
import sqlite3
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import ExitStack, closing, suppress
from dataclasses import dataclass, field
from random import Random

from fenix_grpc.clouds.simulated import Fault
from tests.chaos.site import LEASE_S, TIMEOUT_S, Site, pause
from tests.databases import KINDS, SHARED
from tests.e2e.test_stopping import a_full_disk

#: What fenix asks of the cloud; projects reach their own instances all the while.
OF_FENIX = ("inventory", "disable", "enable", "live_migrate", "cold_migrate")


@dataclass(slots=True, kw_only=True)
class Fate:
    """One schedule."""

    site: Site
    chance: Random
    #: How long databases and clouds are away.
    away_s: float
    #: Longest quiet time between two misfortunes.
    quiet_s: float
    struck: Counter[str] = field(default_factory=Counter)

    async def run(self, names: tuple[str, ...] = ()) -> None:
        """One misfortune after the other, each kind equally often, until cancelled; an interrupted one is mended.

        `names` are all that strike; none for all that can."""
        able = [name for name in names or MISFORTUNES if self.site.kind in MISFORTUNES[name].kinds]
        if self.site.wire is None and "network apart" in able:
            able.remove("network apart")
        while True:
            for name in self.chance.sample(able, len(able)):
                await pause(self.chance.uniform(0, self.quiet_s))
                self.struck[name] += 1
                await MISFORTUNES[name].strike(self)

    def victim(self) -> int:
        """The number of a server."""
        return self.chance.randrange(len(self.site.servers))


@dataclass(frozen=True, slots=True, kw_only=True)
class Misfortune:
    """One kind of it."""

    strike: Callable[[Fate], Awaitable[None]]
    kinds: tuple[str, ...] = KINDS


async def kill(fate: Fate) -> None:
    """Away for less than a lease, or for more, so that another server takes over."""
    server = fate.site.servers[fate.victim()]
    await server.kill()
    try:
        await pause(fate.chance.uniform(0, 2 * LEASE_S))
    finally:
        await server.start()


async def freeze(fate: Fate) -> None:
    """Longer than its lease, and it does not know. Not while it holds the cloud's file, as no real cloud has one."""
    server = fate.site.servers[fate.victim()]
    server.freeze()
    try:
        while not fate.site.is_cloud_free():
            server.thaw()
            await pause(0.01)
            server.freeze()
        await pause(LEASE_S * fate.chance.uniform(1.2, 2))
    finally:
        server.thaw()


async def restart_all(fate: Fate) -> None:
    """One after the other, as for an upgrade."""
    for server in fate.site.servers:
        try:
            await server.stop()
        finally:
            await server.start()


async def restart_database(fate: Fate) -> None:
    """Stopped by its operator, or by a power cut."""
    await _without_database(fate, 0.0)


async def stop_database(fate: Fate) -> None:
    """For a while."""
    await _without_database(fate, fate.away_s)


async def _without_database(fate: Fate, away_s: float) -> None:
    database = fate.site.database
    assert database is not None
    await asyncio.to_thread(fate.chance.choice((database.stop, database.kill)))
    try:
        await pause(away_s)
    finally:
        await asyncio.to_thread(database.start)


async def cut(fate: Fate) -> None:
    """All connections of all servers."""
    await asyncio.gather(*(cable.cut() for cable in fate.site.cables))


async def cut_at_commit(fate: Fate) -> None:
    """Nobody knows whether it was committed."""
    cable = fate.chance.choice(fate.site.cables)
    cable.cut_at_commit(fate.chance.choice(("before", "after")))
    with suppress(TimeoutError):  # that server has nothing to do
        async with asyncio.timeout(10):
            await cable.was_cut.wait()
    cable.cut_at_commit("")


async def hang(fate: Fate) -> None:
    """Between one server and the database nothing gets through, and nothing is closed."""
    cable = fate.chance.choice(fate.site.cables)
    cable.hold()
    try:
        await pause(fate.chance.uniform(TIMEOUT_S, 2 * LEASE_S))
    finally:
        cable.let_go()


async def pull_wire(fate: Fate) -> None:
    """Between the database's network and that of the servers, one of which is connected without any cable between:
    packets are lost, nothing is refused."""
    wire = fate.site.wire
    assert wire is not None
    await asyncio.to_thread(wire.pull)
    try:
        await pause(fate.away_s)
    finally:
        await asyncio.to_thread(wire.join)


async def fill_disk(fate: Fate) -> None:
    """No server can write to any file."""
    with ExitStack() as full:
        for server in fate.site.servers:
            full.enter_context(a_full_disk(server))
        await pause(min(fate.away_s, 2 * LEASE_S))


async def lock_file(fate: Fate) -> None:
    """A stranger, such as a backup, keeps the lock of SQLite's file."""
    with closing(sqlite3.connect(fate.site.directory / "fenix.sqlite", timeout=30)) as stranger:
        stranger.execute("BEGIN IMMEDIATE")
        await pause(min(fate.away_s, 2 * LEASE_S))
        stranger.rollback()


def _cloud(effect: str, of: tuple[str, ...], *, delay_s: float = 0.0) -> Misfortune:
    async def strike(fate: Fate) -> None:
        for operation in of:
            fault = Fault(
                effect=effect,  # type: ignore[arg-type]
                operation=operation,  # type: ignore[arg-type]
                for_s=fate.away_s,
                delay_s=delay_s,
                reason=f"chaos: {effect}",
            )
            await fate.site.cloud.disturb(fault)
        await pause(fate.away_s)

    return Misfortune(strike=strike)


def _all() -> Iterator[tuple[str, Misfortune]]:
    yield "server killed", Misfortune(strike=kill)
    yield "server frozen past its lease", Misfortune(strike=freeze)
    yield "all servers restarted in turn", Misfortune(strike=restart_all)
    yield "database restarted", Misfortune(strike=restart_database, kinds=SHARED)
    yield "database stopped for a while", Misfortune(strike=stop_database, kinds=SHARED)
    yield "connections to the database cut", Misfortune(strike=cut, kinds=SHARED)
    yield "connection cut at a commit", Misfortune(strike=cut_at_commit, kinds=SHARED)
    yield "network to the database hangs", Misfortune(strike=hang, kinds=SHARED)
    yield "network apart", Misfortune(strike=pull_wire, kinds=SHARED)
    yield "disk full", Misfortune(strike=fill_disk, kinds=("sqlite",))
    yield "file locked by a stranger", Misfortune(strike=lock_file, kinds=("sqlite",))
    yield "cloud away or answering 500", _cloud("unavailable", OF_FENIX)
    yield "cloud slow", _cloud("slow", OF_FENIX, delay_s=1.0)
    yield "answers of the cloud lost", _cloud("lose", OF_FENIX[1:])
    yield "cloud refuses moves", _cloud("refuse", OF_FENIX[3:])
    yield "moves fail", _cloud("fail", OF_FENIX[3:])


MISFORTUNES: Mapping[str, Misfortune] = dict(_all())
