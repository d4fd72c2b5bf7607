"""The SQL journal against the suite of its port, on every kind of database, and what the port does not speak of."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import aclosing
from datetime import UTC, datetime
from pathlib import Path

import pytest
from sqlalchemy import create_engine

from fenix_grpc.core.errors import Conflict, StoreUnavailable
from fenix_grpc.core.events import HostChanged, SessionCreated
from fenix_grpc.core.model import HostProgress
from fenix_grpc.store import SqlJournal
from fenix_grpc.testing_journal import JOURNAL_CHECKS, SHARED_JOURNAL_CHECKS, JournalCheck
from tests.databases import KINDS, new_database

NOW = datetime(2030, 1, 1, tzinfo=UTC)
CREATED = SessionCreated(maintenance_at=NOW)

OpenSql = Callable[[], Awaitable[SqlJournal]]


def opener(kind: str, tmp_path: Path) -> OpenSql:
    """Opens an empty database of a kind again and again; `sqlite://` is one in memory."""
    url = kind if kind == "sqlite://" else new_database(kind, tmp_path)

    async def open_journal() -> SqlJournal:
        return await SqlJournal.open(url, poll_s=0.01)

    return open_journal


@pytest.mark.parametrize("check", JOURNAL_CHECKS, ids=lambda check: check.__name__[6:])
@pytest.mark.parametrize("kind", ["sqlite://", *KINDS])
async def test_keeps_the_promises_of_the_port(
    check: JournalCheck, kind: str, tmp_path: Path
) -> None:
    await check(opener(kind, tmp_path))


@pytest.mark.parametrize("check", SHARED_JOURNAL_CHECKS, ids=lambda check: check.__name__[6:])
@pytest.mark.parametrize("kind", KINDS)
async def test_keeps_the_promises_among_several(
    check: JournalCheck, kind: str, tmp_path: Path
) -> None:
    await check(opener(kind, tmp_path))


@pytest.mark.parametrize("kind", ["sqlite://", *KINDS])
async def test_large_events_and_large_batches_fit(kind: str, tmp_path: Path) -> None:
    journal = await opener(kind, tmp_path)()
    async with aclosing(journal):
        large = SessionCreated(maintenance_at=NOW, metadata={"text": "é" * 1_000_000})
        await journal.append("s0", [large], at=NOW, expected_seq=0)
        await asyncio.gather(
            *(journal.append(f"s{n}", [CREATED], at=NOW, expected_seq=0) for n in range(1, 1201))
        )
        assert [recorded.event for recorded in await journal.read("s0")] == [large]
        assert await journal.head() == 1201


@pytest.mark.parametrize("kind", KINDS)
async def test_what_the_database_refuses_concerns_only_its_own_append(
    kind: str, tmp_path: Path
) -> None:
    """A kind of event too long for its column, among others in one batch."""
    too_long = type("K" * 70, (HostChanged,), {"__slots__": ()})
    journal = await opener(kind, tmp_path)()
    async with aclosing(journal):
        outcomes = await asyncio.gather(
            journal.append("s1", [CREATED], at=NOW, expected_seq=0),
            journal.append("s1", [CREATED], at=NOW, expected_seq=0),
            journal.append("s2", [CREATED], at=NOW, expected_seq=0),
            journal.append(
                "s2", [too_long(host="h", progress=HostProgress.IN_MAINTENANCE)], at=NOW
            ),
            return_exceptions=True,
        )
    assert isinstance(outcomes[1], Conflict)
    assert (outcomes[0].seq, outcomes[2].seq) == (1, 1)


@pytest.mark.parametrize(
    "url",
    [
        "sqlite:////no/such/folder/fenix.sqlite",
        "no url",
        "postgresql+psycopg://fenix@127.0.0.1:port/fenix",
        "nosuchdb://host/name",
    ],
)
async def test_a_database_that_cannot_be_opened_is_named(url: str) -> None:
    with pytest.raises(StoreUnavailable, match=r"database .*"):
        await SqlJournal.open(url)


async def test_a_database_that_fails_for_a_while_is_used_again(tmp_path: Path) -> None:
    """The writer outlives the failure; what it could not write is told to those who asked."""
    journal = await opener("sqlite", tmp_path)()
    async with aclosing(journal):
        await journal.append("s1", [CREATED], at=NOW, expected_seq=0)
        engine = create_engine(f"sqlite:///{tmp_path}/fenix.sqlite")
        with engine.begin() as connection:
            connection.exec_driver_sql("ALTER TABLE events RENAME TO hidden")
        with pytest.raises(StoreUnavailable, match="no such table"):
            await journal.append("s1", [CREATED], at=NOW)
        with pytest.raises(StoreUnavailable, match="no such table"):
            await journal.read("s1")
        with engine.begin() as connection:
            connection.exec_driver_sql("ALTER TABLE hidden RENAME TO events")
        engine.dispose()
        assert (await journal.append("s1", [CREATED], at=NOW)).seq == 2


async def test_a_closed_journal_says_so(tmp_path: Path) -> None:
    journal = await opener("sqlite", tmp_path)()
    waiter = asyncio.ensure_future(journal.wait(0))
    reads = await journal.head()
    await journal.aclose()
    await journal.aclose()
    with pytest.raises(StoreUnavailable, match="closed"):
        await waiter
    with pytest.raises(StoreUnavailable, match="closed"):
        await journal.append("s1", [CREATED], at=NOW, expected_seq=0)
    with pytest.raises(StoreUnavailable, match="closed"):
        await journal.read("s1")
    assert reads == 0


@pytest.mark.parametrize(
    ("session_id", "at"), [("", NOW), ("x" * 65, NOW), ("s1", NOW.replace(tzinfo=None))]
)
async def test_what_cannot_be_kept_exactly_is_refused(session_id: str, at: datetime) -> None:
    journal = await SqlJournal.open("sqlite://")
    async with aclosing(journal):
        with pytest.raises(ValueError, match=r"characters|time zone"):
            await journal.append(session_id, [CREATED], at=at, expected_seq=0)
        with pytest.raises(ValueError, match="needs the expected_seq"):
            await journal.append("s1", [], at=NOW, expected_seq=0)
