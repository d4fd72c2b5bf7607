"""Databases that are away, hang, are cut off in the middle of a transaction or at its commit, and come back."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, aclosing, asynccontextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from time import perf_counter

import pytest
from sqlalchemy import create_engine, text
from sqlalchemy.exc import DBAPIError

from fenix_grpc.core.errors import StoreUnavailable
from fenix_grpc.core.events import HostChanged, SessionCreated
from fenix_grpc.core.model import HostProgress
from fenix_grpc.ports import Appended, Journal, Once
from fenix_grpc.store import SqlJournal
from fenix_grpc.store import statements as sql
from fenix_grpc.store.database import Database
from tests.databases import SHARED, new_database, running
from tests.databases.cable import Cable, cable_to

NOW = datetime(2030, 1, 1, tzinfo=UTC)
CREATED = SessionCreated(maintenance_at=NOW)
CHANGED = HostChanged(host="h", progress=HostProgress.IN_MAINTENANCE)
TIMEOUT_S = 2.0
#: A wait that is bounded has ended by then, also on a machine that is busy.
SOON_S = 5 * TIMEOUT_S


@asynccontextmanager
async def journal_by_cable(kind: str, tmp_path: Path) -> AsyncIterator[tuple[SqlJournal, Cable]]:
    """A journal with one session, and the cable over which it reaches its database."""
    async with cable_to(new_database(kind, tmp_path)) as (url, cable):
        journal = await SqlJournal.open(url, timeout_s=TIMEOUT_S, poll_s=0.05)
        async with aclosing(journal):
            await journal.append("s1", [CREATED], at=NOW, expected_seq=0)
            yield journal, cable


async def until_appended(journal: Journal, once: Once | None = None) -> Appended:
    """As all who append do: again, until the database takes it."""
    async with asyncio.timeout(10 * TIMEOUT_S):
        while True:
            try:
                return await journal.append("s1", [CHANGED], at=NOW, once=once)
            except StoreUnavailable:
                continue


@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("kind", SHARED)
async def test_a_commit_whose_answer_is_lost_is_kept_or_not_and_never_twice(
    kind: str, when: str, tmp_path: Path
) -> None:
    once = Once(key="admin/1", reply="first")
    async with journal_by_cable(kind, tmp_path) as (journal, cable):
        cable.cut_at_commit(when)
        with pytest.raises(StoreUnavailable, match="does not answer"):
            await journal.append("s1", [CHANGED, CHANGED], at=NOW, once=once)
        assert cable.was_cut.is_set()
        assert len(await journal.read("s1")) == (3 if when == "after" else 1)
        assert await journal.replied(once.key) == ("first" if when == "after" else None)
        again = await journal.append(
            "s1", [CHANGED, CHANGED], at=NOW, once=Once(key=once.key, reply="second")
        )
        assert again.repeated == ("first" if when == "after" else None)
        assert len(await journal.read("s1")) == 3


@pytest.mark.parametrize("kind", SHARED)
async def test_cut_connections_are_made_anew(kind: str, tmp_path: Path) -> None:
    """Those of readers, of the writer and of whoever listens; news of other servers come all the while."""
    async with journal_by_cable(kind, tmp_path) as (journal, cable):
        other = await SqlJournal.open(new_url(journal, kind), poll_s=0.05)
        async with aclosing(other), asyncio.timeout(10 * TIMEOUT_S):
            for _ in range(3):
                news = asyncio.ensure_future(journal.wait(await journal.head()))
                await cable.cut()
                appended = await other.append("s1", [CHANGED], at=NOW)
                assert await news == appended.position
                assert (await until_appended(journal)).seq == appended.seq + 1


def new_url(journal: SqlJournal, kind: str) -> str:
    """The same database, reached directly."""
    return running(kind).url(journal._database.url.database or "")


@pytest.mark.parametrize("kind", SHARED)
async def test_a_database_that_hangs_is_noticed_in_time(kind: str, tmp_path: Path) -> None:
    async with journal_by_cable(kind, tmp_path) as (journal, cable):
        cable.hold()
        began = perf_counter()
        outcomes = await asyncio.gather(
            journal.append("s1", [CHANGED], at=NOW), journal.read("s1"), return_exceptions=True
        )
        assert perf_counter() - began < SOON_S
        assert [type(each) for each in outcomes] == [StoreUnavailable] * 2, outcomes
        cable.let_go()
        before = (await until_appended(journal)).seq
        assert len(await journal.read("s1")) == before


@pytest.mark.parametrize("kind", SHARED)
async def test_a_frozen_server_is_noticed_in_time(kind: str, tmp_path: Path) -> None:
    """Its kernel still takes in every byte: only waiting with a limit helps."""
    journal = await SqlJournal.open(new_database(kind, tmp_path), timeout_s=TIMEOUT_S)
    async with aclosing(journal):
        await journal.append("s1", [CREATED], at=NOW, expected_seq=0)
        server = running(kind)
        server.freeze()
        try:
            began = perf_counter()
            with pytest.raises(StoreUnavailable):
                await journal.append("s1", [CHANGED], at=NOW)
            with pytest.raises(StoreUnavailable):
                await journal.read("s1")
            assert perf_counter() - began < 2 * SOON_S
        finally:
            server.thaw()
        seq = (await until_appended(journal)).seq
        assert seq in (2, 3), "the append that nobody heard of is there or not"


@pytest.mark.parametrize("kind", SHARED)
async def test_a_killed_server_has_kept_everything(kind: str, tmp_path: Path) -> None:
    journal = await SqlJournal.open(new_database(kind, tmp_path), timeout_s=TIMEOUT_S)
    async with aclosing(journal):
        await journal.append("s1", [CREATED], at=NOW, expected_seq=0)
        kept = [await journal.append("s1", [CHANGED], at=NOW) for _ in range(20)]
        server = running(kind)
        await asyncio.to_thread(server.kill)
        try:
            with pytest.raises(StoreUnavailable):
                await journal.append("s1", [CHANGED], at=NOW)
        finally:
            await asyncio.to_thread(server.start)
        after = await until_appended(journal)
        assert after.seq == kept[-1].seq + 1
        assert [entry.seq for entry in await journal.read("s1")] == list(range(1, after.seq + 1))


@pytest.mark.parametrize("kind", SHARED)
async def test_a_transaction_left_open_holds_nobody_up_for_long(kind: str, tmp_path: Path) -> None:
    """Its process was stopped while it held the journal's lock; when it comes back, it can commit nothing."""
    url = new_database(kind, tmp_path)
    journal = await SqlJournal.open(url, timeout_s=2 * TIMEOUT_S)
    stopped = Database(url, TIMEOUT_S)
    async with aclosing(journal):
        async with asyncio.timeout(SOON_S), AsyncExitStack() as stack:
            stack.enter_context(suppress(StoreUnavailable))
            connection = stack.enter_context(stopped.transaction())
            connection.execute(sql.HEAD_LOCKED)
            connection.execute(sql.MOVE_HEAD, {"new_head": 99})
            await journal.append("s1", [CREATED], at=NOW, expected_seq=0)
            with pytest.raises(DBAPIError):
                connection.commit()
        assert await journal.head() == 1
    stopped.close()


@pytest.mark.parametrize("kind", SHARED)
async def test_tables_that_are_away_are_a_database_that_is_away(kind: str, tmp_path: Path) -> None:
    url = new_database(kind, tmp_path)
    journal = await SqlJournal.open(url, timeout_s=TIMEOUT_S)
    engine = create_engine(url, isolation_level="AUTOCOMMIT")
    async with aclosing(journal):
        await journal.append("s1", [CREATED], at=NOW, expected_seq=0)
        with engine.connect() as connection:
            connection.execute(text("ALTER TABLE events RENAME TO hidden"))
            with pytest.raises(StoreUnavailable):
                await journal.append("s1", [CHANGED], at=NOW)
            with pytest.raises(StoreUnavailable):
                await journal.read("s1")
            connection.execute(text("ALTER TABLE hidden RENAME TO events"))
        assert (await journal.append("s1", [CHANGED], at=NOW)).seq == 2
    engine.dispose()


async def test_news_come_without_being_asked_for(tmp_path: Path) -> None:
    """PostgreSQL: long before anybody would look."""
    url = new_database("postgresql", tmp_path)
    one, other = [await SqlJournal.open(url, poll_s=600) for _ in range(2)]
    async with aclosing(one), aclosing(other):
        position = (await one.append("s1", [CREATED], at=NOW, expected_seq=0)).position
        async with asyncio.timeout(SOON_S):
            await other.wait(position - 1)
        began = perf_counter()
        for _ in range(20):
            news = asyncio.ensure_future(other.wait(position))
            position = (await one.append("s1", [CHANGED], at=NOW)).position
            async with asyncio.timeout(SOON_S):
                assert await news == position
        assert perf_counter() - began < 20, (
            "each time, the head is looked at after 5 s at the latest"
        )


async def test_news_are_polled_while_nobody_can_listen(tmp_path: Path) -> None:
    """PostgreSQL: everybody is thrown out again and again; then it hears again."""
    url = new_database("postgresql", tmp_path)
    one, other = [await SqlJournal.open(url, poll_s=0.05) for _ in range(2)]
    engine = create_engine(url, isolation_level="AUTOCOMMIT")
    out = text(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
        "WHERE datname = current_database() AND pid <> pg_backend_pid()"
    )
    async with aclosing(one), aclosing(other), asyncio.timeout(SOON_S * 2):
        position = (await one.append("s1", [CREATED], at=NOW, expected_seq=0)).position
        for _ in range(5):
            with engine.connect() as connection:
                connection.execute(out)
            news = asyncio.ensure_future(other.wait(position))
            position = (await until_appended(one)).position
            assert await news >= position
    engine.dispose()
