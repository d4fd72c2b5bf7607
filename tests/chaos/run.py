"""One run on one kind of database, from empty to its verdict."""

from __future__ import annotations

import asyncio
import traceback
from collections import Counter
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from random import Random

from sqlalchemy import Engine, create_engine, select
from sqlalchemy.exc import DBAPIError
from sqlalchemy.pool import NullPool

from fenix_grpc.core.errors import CloudUnavailable
from fenix_grpc.core.model import Inventory
from fenix_grpc.ports import Cloud
from fenix_grpc.store import schema
from tests.chaos.histories import History
from tests.chaos.lanes import Lanes, managers
from tests.chaos.misfortunes import Fate
from tests.chaos.site import Site, a_site, pause
from tests.chaos.verdict import Evidence, Verdict, judge

#: All events have reached all watches by then, once everything is mended.
COMPLETE_S = 60.0
LOOK_S = 0.25


@dataclass(frozen=True, slots=True, kw_only=True)
class Size:
    """How much of it."""

    sessions: int
    together: int = 3
    servers: int = 3
    away_s: float = 25.0
    quiet_s: float = 3.0
    session_s: float = 600.0
    #: Misfortunes that strike; none for all.
    names: tuple[str, ...] = ()

    @property
    def run_s(self) -> float:
        """The longest that all may take together."""
        return self.session_s + 30.0 * self.sessions


async def play(kind: str, directory: Path, seed: int, size: Size) -> Verdict:
    """The whole story. A seed gives the same sessions and the same misfortunes in the same order."""
    chance = Random(f"{seed}/{kind}")
    async with a_site(kind, directory, size.servers) as site:
        before = await site.cloud.inventory()
        lanes = Lanes(
            site=site,
            chance=Random(chance.random()),
            sessions=size.sessions,
            together=size.together,
            session_s=size.session_s,
        )
        fate = Fate(
            site=site, chance=Random(chance.random()), away_s=size.away_s, quiet_s=size.quiet_s
        )
        owners = Owners(engine=create_engine(site.url, poolclass=NullPool))
        broken = ""
        async with recorded(site, Random(chance.random())) as histories:
            try:
                async with managers(site), background(fate.run(size.names), owners.follow()):
                    async with asyncio.timeout(size.run_s):
                        await lanes.run()
            except Exception as err:
                broken = "".join(traceback.format_exception(err))
            await complete(histories, lanes)
        for server in site.servers:
            await server.stop()
        return judge(
            Evidence(
                carried=lanes.carried,
                struck=fate.struck,
                histories=histories,
                before=before,
                after=await at_last(site.cloud, size.away_s),
                operations=site.cloud.operations(),
                performed=Counter(
                    (session_id, host)
                    for session_id, host, _ in (
                        file.name.split(".") for file in site.performed.iterdir()
                    )
                ),
                logs=logs(site),
                takeovers=owners.takeovers,
                broken=broken,
            )
        )


def logs(site: Site) -> Mapping[str, str]:
    return {server.log.name: server.log.read_text(errors="replace") for server in site.servers}


@asynccontextmanager
async def background(*works: object) -> AsyncIterator[None]:
    """Goes on beside the body and is cancelled with its end; a failure of it ends the body."""
    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(work) for work in works]  # type: ignore[arg-type, var-annotated]
        yield
        for task in tasks:
            task.cancel()


@asynccontextmanager
async def recorded(site: Site, chance: Random) -> AsyncIterator[list[History]]:
    """A reader at each server, and one that goes from server to server."""
    async with AsyncExitStack() as ends:
        clients = [
            await ends.enter_async_context(site.client(number))
            for number in range(len(site.servers))
        ]
        readers = [History(name=f"at {server.log.stem}") for server in site.servers]
        hopper = History(name="that changes servers")
        works = [reader.record([client]) for reader, client in zip(readers, clients, strict=True)]
        async with background(*works, hopper.record(clients, chance)):
            yield [*readers, hopper]


async def complete(histories: list[History], lanes: Lanes) -> None:
    """Returns when all have seen everything, or will not: the verdict finds out what is missing."""
    journals = {one.session_id: one.journal for one in lanes.carried}
    try:
        async with asyncio.timeout(COMPLETE_S):
            for history in histories:
                await history.until_complete(journals)
    except TimeoutError:
        return


async def at_last(cloud: Cloud, away_s: float) -> Inventory:
    """What the cloud shows; it may still be away by the last misfortune, for no longer than `away_s`."""
    async with asyncio.timeout(away_s + COMPLETE_S):
        while True:
            try:
                return await cloud.inventory()
            except CloudUnavailable:
                await pause(LOOK_S)


@dataclass(slots=True, kw_only=True)
class Owners:
    """Who holds which session, looked at again and again: a change from one server to another is a takeover."""

    engine: Engine
    takeovers: int = 0
    _last: dict[str, str] = field(default_factory=dict)

    async def follow(self) -> None:
        """Until cancelled."""
        while True:
            for session_id, owner in await asyncio.to_thread(self._look):
                self.takeovers += self._last.get(session_id, owner) != owner
                self._last[session_id] = owner
            await pause(LOOK_S)

    def _look(self) -> list[tuple[str, str]]:
        columns = schema.sessions.c
        try:
            with self.engine.connect() as connection:
                rows = connection.execute(select(columns.session_id, columns.owner))
                return [(session_id, owner) for session_id, owner in rows if owner]
        except DBAPIError:  # it is away: nobody takes anything over either
            return []
