"""What a server has read stays, though the database dies right after: InnoDB shows others what is not on disk yet.

Several servers append at once and flushes are slow, so that commits wait for each other's; then the database is killed
just when one of them has been read, again and again.
"""

from __future__ import annotations

import asyncio
import signal
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, aclosing, asynccontextmanager, suppress
from datetime import timedelta

import pytest

from fenix_grpc.clock import SystemClock
from fenix_grpc.core.errors import StoreUnavailable
from fenix_grpc.ports import Recorded
from fenix_grpc.store import SqlConstraints, SqlJournal
from tests.databases import MADE, SHARED, own_server
from tests.databases.disk import slow_disk
from tests.databases.servers import DatabaseServer

WRITERS, DEATHS, BUSY = 4, 3, timedelta(seconds=0.5)
PATIENCE_S = 300.0

#: Half of its writes are events, half are constraints.
WRITER = """
import asyncio, sys
from contextlib import suppress
from datetime import UTC, datetime
from fenix_grpc.core.constraints import InstanceConstraint
from fenix_grpc.core.errors import StoreUnavailable
from fenix_grpc.core.events import HostChanged, SessionCreated
from fenix_grpc.core.model import HostProgress
from fenix_grpc.store import SqlConstraints, SqlJournal

at = datetime(2030, 1, 1, tzinfo=UTC)
work = HostChanged(host="h" * 250, progress=HostProgress.IN_MAINTENANCE)

async def main():
    url, name = sys.argv[1:]
    journal = await SqlJournal.open(url)
    constraints = SqlConstraints(journal)
    await journal.append(name, [SessionCreated(maintenance_at=at)], at=at, expected_seq=0)
    constraint = InstanceConstraint(instance_id=name, project_id="p")
    print("ready", flush=True)
    while True:
        with suppress(StoreUnavailable):
            await journal.append(name, [work], at=at)
            await constraints.put_instance(constraint, at=at)

asyncio.run(main())
"""


Look = Callable[["Seen", SqlJournal], Awaitable[None]]


@asynccontextmanager
async def a_slow_server(kind: str) -> AsyncIterator[tuple[DatabaseServer, str]]:
    """A database server on a slow disk that may be killed, and the url of a database."""
    server = own_server(MADE[kind])
    async with AsyncExitStack() as stack:
        stack.callback(server.remove)
        await asyncio.to_thread(server.start)
        url = server.new_database()
        async with aclosing(await SqlJournal.open(url)):  # there is one to make the tables
            pass
        await asyncio.to_thread(server.stop)
        server.environ = slow_disk(server.directory)
        await asyncio.to_thread(server.start)
        yield server, url


@asynccontextmanager
async def a_writer(url: str, name: str) -> AsyncIterator[None]:
    """It writes until the database dies, and is killed before that lives again."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", WRITER, url, name),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    assert process.stdout
    try:
        assert await process.stdout.readline() == b"ready\n"
        yield
    finally:
        with suppress(ProcessLookupError):
            process.kill()
        _, told = await process.communicate()
    assert process.returncode == -signal.SIGKILL, told.decode()


class Seen:
    """What a server was told before the database died, which it does just when there are news, not the first ones."""

    def __init__(self, server: DatabaseServer) -> None:
        self._server, self._clock = server, SystemClock()
        self._dies_at = self._clock.now() + BUSY
        self.events: list[Recorded] = []
        self.head = self.version = self.news = 0

    def told(self) -> None:
        """Of something new."""
        self.news += 1
        if self.news > 1 and self._clock.now() >= self._dies_at:
            self._server.kill()

    async def read(self, journal: SqlJournal) -> None:
        """Events, as they come."""
        after = await journal.head()
        while True:
            if news := await journal.read_all(after):
                self.told()
                self.events += news
                after = news[-1].position

    async def follow(self, journal: SqlJournal) -> None:
        """That there are news; who waits is not told that the database is away."""
        head = await journal.head()
        while True:
            try:
                async with asyncio.timeout(0.5):
                    self.head = head = await journal.wait(head)
            except TimeoutError:
                await journal.head()
            else:
                self.told()

    async def ask(self, journal: SqlJournal) -> None:
        """Whether constraints have changed."""
        constraints = SqlConstraints(journal)
        while True:
            version = await constraints.version()
            if version > self.version:
                self.told()
                self.version = version


async def seen_until_it_dies(server: DatabaseServer, url: str, look: Look) -> Seen:
    seen = Seen(server)
    async with aclosing(await SqlJournal.open(url, poll_s=0.001)) as journal:
        with pytest.raises(StoreUnavailable):
            await look(seen, journal)
    return seen


@pytest.mark.parametrize("look", [Seen.read, Seen.follow, Seen.ask])
@pytest.mark.parametrize("kind", SHARED)
async def test_what_was_read_stays(kind: str, look: Look) -> None:
    async with asyncio.timeout(PATIENCE_S), a_slow_server(kind) as (server, url):
        for death in range(DEATHS):
            async with AsyncExitStack() as stack:
                for n in range(WRITERS):
                    await stack.enter_async_context(a_writer(url, f"s{death}-{n}"))
                seen = await seen_until_it_dies(server, url, look)
            await asyncio.to_thread(server.start)
            async with aclosing(await SqlJournal.open(url)) as journal:
                there = {each.position: each for each in await journal.read_all(0, 1_000_000)}
                assert [each for each in seen.events if there.get(each.position) != each] == []
                assert seen.head <= max(there)
                assert seen.version <= await SqlConstraints(journal).version()
