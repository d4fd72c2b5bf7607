"""Old sessions are deleted with everything that belongs to them, and nothing else is, on every kind of database."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import bindparam, func, literal, null, select

from fenix_grpc.core.events import Event, HostChanged, SessionClosed, SessionCreated, StateEntered
from fenix_grpc.core.model import HostProgress, SessionState
from fenix_grpc.ports import Once
from fenix_grpc.store import Purged, Retention, SqlCursors, SqlJournal, schema
from fenix_grpc.store import statements as sql
from fenix_grpc.store.batch import Work
from tests.databases import KINDS, new_database

NOW = datetime(2030, 6, 1, tzinfo=UTC)
OLD = NOW - timedelta(days=100)
BEFORE = NOW - timedelta(days=90)
CREATED = SessionCreated(maintenance_at=NOW)
CHANGED = HostChanged(host="h", progress=HostProgress.IN_MAINTENANCE)
DONE = StateEntered(state=SessionState.MAINTENANCE_DONE)
FAILED = StateEntered(state=SessionState.MAINTENANCE_FAILED, reason="why")


@asynccontextmanager
async def opened(kind: str, tmp_path: Path) -> AsyncIterator[SqlJournal]:
    journal = await SqlJournal.open(
        kind if kind == "sqlite://" else new_database(kind, tmp_path), shared=False
    )
    try:
        yield journal
    finally:
        await journal.aclose()


async def add(
    journal: SqlJournal, name: str, *events: Event, at: datetime = OLD, active: bool = False
) -> None:
    """A session, with a request that created it."""
    await journal.append(
        name,
        [CREATED, *events],
        at=at,
        expected_seq=0,
        active=active,
        once=Once(key=f"admin/{name}", reply=name),
    )


async def rows(journal: SqlJournal, table: str) -> int:
    counted = select(func.count()).select_from(schema.metadata.tables[table])
    (number,) = await journal.read_rows(counted, {}, lambda row: int(row[0]))
    return number


@pytest.mark.parametrize("kind", ["sqlite://", *KINDS])
async def test_what_ended_long_ago_goes_and_all_else_stays(kind: str, tmp_path: Path) -> None:
    async with opened(kind, tmp_path) as journal:
        await add(journal, "done", CHANGED, DONE)
        await add(journal, "closed", SessionClosed())
        kept = {
            "failed": ([FAILED], OLD, False),
            "runs": ([CHANGED], OLD, True),
            "deleted but not closed": ([CHANGED], OLD, False),
            "ended lately": ([DONE], NOW, False),
            "goes on": ([DONE], OLD, True),
        }
        for name, (events, at, active) in kept.items():
            await add(journal, name, *events, at=at, active=active)
        await journal.heard(["gone"], OLD)
        await journal.heard(["here"], NOW)
        before = await journal.read_all(0)
        told = await Retention(journal).purge(BEFORE, dry_run=True)
        assert told == Purged(sessions=2, events=5)
        assert await journal.read_all(0) == before
        assert await journal.forgotten() == 0

        purged = await Retention(journal).purge(BEFORE)
        assert purged == Purged(sessions=2, events=5, requests=2)
        assert {row.session_id for row in await journal.sessions()} == kept.keys()
        assert list(await journal.read_all(0)) == [e for e in before if e.session_id in kept]
        for name in ("done", "closed"):
            assert await journal.find(name) is None
            assert await journal.replied(f"admin/{name}") is None
        assert await journal.replied("admin/failed") == "failed"
        assert await journal.listeners(datetime(2000, 1, 1, tzinfo=UTC)) == {"here"}
        assert await journal.forgotten() == 5
        assert await Retention(journal).purge(BEFORE) == Purged()
        assert await journal.head() == before[-1].position


@pytest.mark.parametrize("kind", KINDS)
async def test_many_and_large_sessions_go_in_small_transactions(kind: str, tmp_path: Path) -> None:
    """While others append: nobody waits for the whole."""
    async with opened(kind, tmp_path) as journal:
        await asyncio.gather(*(add(journal, f"s{number}", DONE) for number in range(120)))
        await add(journal, "large", *[CHANGED] * 2500, DONE)
        await add(journal, "alive", active=True)
        head = await journal.head()
        purging = asyncio.ensure_future(Retention(journal).purge(BEFORE))
        appended = 0
        while not purging.done():
            await journal.append("alive", [CHANGED], at=NOW)
            appended += 1
        assert purging.result() == Purged(sessions=121, events=120 * 2 + 2502, requests=121)
        assert appended > 5
        assert [e.session_id for e in await journal.read_all(0, 10_000)] == ["alive"] * (
            appended + 1
        )
        assert await journal.head() == head + appended


@pytest.mark.parametrize("kind", KINDS)
async def test_a_purge_that_was_broken_off_is_brought_to_its_end(kind: str, tmp_path: Path) -> None:
    """Its server died after it had deleted rows of sessions and some of their last events."""
    async with opened(kind, tmp_path) as journal:
        await add(journal, "done", *[CHANGED] * 5, DONE)
        await add(journal, "alive", active=True)
        retention = Retention(journal)
        await retention._take(BEFORE, 0, False)
        values = {"session_id": "done", "above": 4}
        await journal.write(Work(do=lambda connection: connection.execute(sql.DROP_EVENTS, values)))
        assert [entry.seq for entry in await journal.read("done")] == [1, 2, 3, 4]
        assert await retention.purge(BEFORE) == Purged(events=4, requests=1)
        assert await rows(journal, "events") == 1


@pytest.mark.parametrize("kind", KINDS)
async def test_what_a_known_reader_still_needs_stays(kind: str, tmp_path: Path) -> None:
    async with opened(kind, tmp_path) as journal:
        for number in range(4):
            await add(journal, f"s{number}", DONE)
        position = select(literal(5))
        unused = select(bindparam("nothing", None, schema.events.c.position.type))
        retention = Retention(journal, [position, select(null())])
        assert (await retention.purge(BEFORE)).sessions == 2, "the third ends at position 6"
        assert (await Retention(journal, [unused]).purge(BEFORE)).sessions == 2


@pytest.mark.parametrize("kind", KINDS)
async def test_one_of_all_servers_purges_at_a_time(kind: str, tmp_path: Path) -> None:
    hour = timedelta(hours=1)
    async with opened(kind, tmp_path) as journal:
        servers = [Retention(journal) for _ in range(3)]
        for at in (NOW, NOW + hour):
            turns = await asyncio.gather(*(server.in_turn(at, hour) for server in servers))
            assert sorted(turns) == [False, False, True]
        assert not await servers[0].in_turn(NOW + 1.5 * hour, hour)


@pytest.mark.parametrize("kind", ["sqlite://", *KINDS])
async def test_what_a_sink_has_not_sent_yet_stays(kind: str, tmp_path: Path) -> None:
    async with opened(kind, tmp_path) as journal:
        cursors, retention = SqlCursors(journal), Retention(journal)
        await cursors.claim("bus", "a", now=OLD, until=NOW)  # from here on
        await add(journal, "done", CHANGED, DONE)
        assert (await retention.purge(BEFORE)).sessions == 0
        await cursors.release("bus", "a")
        assert (await retention.purge(BEFORE)).sessions == 1
