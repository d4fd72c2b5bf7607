"""Two real servers on one database: whoever owns a session is killed, frozen or restarted, the other goes on, and a
client at the other notices nothing but a stream that it resumes."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from time import perf_counter

import pytest
from fenix_client import watch_session
from sqlalchemy import create_engine, select

from fenix_grpc.cli.proof import broken_promises
from fenix_grpc.clock import SystemClock
from fenix_grpc.clouds.simulated import SimulatedCloud
from fenix_grpc.core.model import Inventory
from fenix_grpc.store import schema
from fenix_grpc.v1.events_pb2 import SessionEvent
from fenix_grpc.v1.types_pb2 import SessionState
from tests.databases import SHARED, new_database
from tests.processes.maintenance import CLOUD, MORE, a_request, check_steps, managed
from tests.processes.servers import ServerProcess
from tests.processes.sessions import PATIENT, create, read, state_of, until

LEASE_S = 3.0
#: The owner's lease, the turn in which its end is found, and what a busy machine adds.
TAKEN_OVER_S = 2 * LEASE_S + 5
SEVERAL = f"""
{MORE}
[projects]
managed = ["red"]
[engine]
lease_s = {LEASE_S}
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Site:
    """Server `a` owns the session; client and manager are at `b`."""

    a: ServerProcess
    b: ServerProcess
    url: str
    cloud: SimulatedCloud
    session_id: str
    #: What the watch at `b` has seen so far; its task ends with the session.
    seen: list[SessionEvent]
    watching: asyncio.Task[None]

    def owner(self) -> str:
        """The port of the server that holds the session."""
        engine = create_engine(self.url)
        with engine.connect() as connection:
            owner = connection.execute(select(schema.sessions.c.owner)).scalar_one()
        engine.dispose()
        return str(owner).rpartition(":")[2]

    async def until_owned_by(self, server: ServerProcess) -> None:
        port = server.grpc.rpartition(":")[2]
        await eventually(lambda: self.owner() == port)

    async def until_step(self) -> None:
        """Returns when another step was begun, seen at `b`."""
        async with self.b.client() as client:
            await until(client, self.session_id, lambda event: event.HasField("step_started"))


async def eventually(holds: Callable[[], bool]) -> None:
    """Looks again and again; fails after a while."""
    clock = SystemClock()
    async with asyncio.timeout(60):
        while not await asyncio.to_thread(holds):
            await clock.sleep_until(clock.now() + timedelta(seconds=0.05))


@asynccontextmanager
async def site(kind: str, directory: Path, work_s: float = 0.1) -> AsyncIterator[Site]:
    """A session owned by the first server, just begun, watched and managed through the second."""
    url = new_database(kind, directory)
    a, b = [
        ServerProcess.simulated(directory, CLOUD, SEVERAL, database=url, timeout_s=2.0, name=name)
        for name in ("a", "b")
    ]
    await a.start()
    cloud = a.open_cloud()
    seen: list[SessionEvent] = []
    try:
        async with a.client() as client:
            session_id = await create(client, a_request("several", work_s))
        await b.start()
        async with b.client() as client, managed(client, cloud, "red"):

            async def watch() -> None:
                async for response in watch_session(client, session_id, backoff=PATIENT):
                    seen.extend(response.events)

            watching = asyncio.ensure_future(watch())
            found = Site(
                a=a,
                b=b,
                url=url,
                cloud=cloud,
                session_id=session_id,
                seen=seen,
                watching=watching,
            )
            await found.until_owned_by(a)
            try:
                yield found
            finally:
                watching.cancel()
                await asyncio.gather(watching, return_exceptions=True)
    finally:
        await a.kill()
        await b.kill()
        await cloud.aclose()


async def ends_well(site: Site, before: Inventory) -> None:
    """The session ends DONE, seen whole at `b`; nothing was done twice and no host forgotten."""
    async with asyncio.timeout(180):
        await site.watching
    async with site.b.client() as client:
        journal = await read(client, site.session_id)
        assert (
            await state_of(client, site.session_id) == SessionState.SESSION_STATE_MAINTENANCE_DONE
        )
    assert site.seen == journal, "the watch has seen each event once, in order"
    check_steps(journal)
    operations = site.cloud.operations()
    promises = broken_promises(before, await site.cloud.inventory(), operations, journal)
    assert not any(promises.values()), promises


@pytest.mark.parametrize("kind", SHARED)
async def test_a_killed_owner_is_taken_over_within_its_lease(kind: str, tmp_path: Path) -> None:
    async with site(kind, tmp_path) as here:
        before = await here.cloud.inventory()
        await here.until_step()
        step = asyncio.ensure_future(here.until_step())
        await here.a.kill()
        began = perf_counter()
        await here.until_owned_by(here.b)
        assert perf_counter() - began < TAKEN_OVER_S
        await step
        await ends_well(here, before)


@pytest.mark.parametrize("kind", SHARED)
async def test_an_owner_that_was_frozen_comes_back_and_cannot_write(
    kind: str, tmp_path: Path
) -> None:
    async with site(kind, tmp_path) as here:
        before = await here.cloud.inventory()
        await here.until_step()
        await freeze(here.a, tmp_path / "cloud.sqlite")
        await here.until_owned_by(here.b)
        await here.until_step()
        here.a.thaw()
        await ends_well(here, before)
        assert here.owner() == here.b.grpc.rpartition(":")[2], "it was never taken back"
        async with here.a.client() as client:
            assert await read(client, here.session_id) == here.seen, "it serves what others did"


async def freeze(server: ServerProcess, cloud: Path) -> None:
    """While it does not hold the lock of the simulated cloud's file, which no real cloud has."""

    def frozen() -> bool:
        server.freeze()
        connection = sqlite3.connect(cloud, timeout=0.5, isolation_level=None)
        try:
            connection.execute("BEGIN IMMEDIATE")
            connection.execute("ROLLBACK")
        except sqlite3.OperationalError:
            server.thaw()
            return False
        finally:
            connection.close()
        return True

    await eventually(frozen)


@pytest.mark.parametrize("kind", SHARED)
async def test_all_servers_are_restarted_during_a_session(kind: str, tmp_path: Path) -> None:
    async with site(kind, tmp_path, work_s=3.0) as here:
        before = await here.cloud.inventory()
        await here.until_step()
        for server in (here.a, here.b):
            assert await server.stop() == 0
            await server.start()
        assert not here.watching.done(), "the session was over too soon to show anything"
        await ends_well(here, before)
