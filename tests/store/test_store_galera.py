"""The journal on a real Galera cluster of two nodes, written on both: what one node has committed the other's
transactions must not contradict, whoever notices it and when."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, datetime

import pytest
from sqlalchemy import create_engine, text
from sqlalchemy.exc import OperationalError

from fenix_grpc.core.events import HostChanged, SessionCreated
from fenix_grpc.core.model import HostProgress
from fenix_grpc.store import SqlJournal
from fenix_grpc.testing_journal import SHARED_JOURNAL_CHECKS, JournalCheck
from tests.databases import own_server
from tests.databases.servers import GaleraNode

NOW = datetime(2030, 1, 1, tzinfo=UTC)
CREATED = SessionCreated(maintenance_at=NOW)
CHANGED = HostChanged(host="h", progress=HostProgress.IN_MAINTENANCE)


@pytest.fixture(scope="module")
def nodes() -> Iterator[tuple[GaleraNode, GaleraNode]]:
    """Two nodes of one cluster."""
    first = own_server(GaleraNode)
    try:
        first.start()
        second = GaleraNode(first)
        try:
            second.start()
            yield first, second
        finally:
            second.remove()
    finally:
        first.remove()


def urls(nodes: tuple[GaleraNode, GaleraNode]) -> tuple[str, str]:
    """One empty database, by way of each node."""
    first, second = nodes
    url = first.new_database()
    name = url.rpartition("/")[2]
    return url, second.url(name)


def lost(node: GaleraNode) -> int:
    """How many transactions on the node lost against the other's."""
    engine = node.engine()
    names = "('wsrep_local_cert_failures', 'wsrep_local_bf_aborts')"
    with engine.connect() as connection:
        rows = connection.execute(text(f"SHOW STATUS WHERE Variable_name IN {names}"))
        return sum(int(value) for _, value in rows)


@pytest.mark.parametrize("check", SHARED_JOURNAL_CHECKS, ids=lambda check: check.__name__[6:])
async def test_keeps_the_promises_among_several(
    check: JournalCheck, nodes: tuple[GaleraNode, GaleraNode]
) -> None:
    """Every opening is at the other node."""
    turns = iter(urls(nodes) * 10)
    await check(lambda: SqlJournal.open(next(turns), poll_s=0.05))


async def test_many_writers_on_both_nodes_all_succeed(
    nodes: tuple[GaleraNode, GaleraNode],
) -> None:
    """Transactions that lose at their certification are done anew."""
    journals = [await SqlJournal.open(url) for url in urls(nodes)]
    try:
        for number, journal in enumerate(journals):
            await journal.append(f"s{number}", [CREATED], at=NOW, expected_seq=0)

        async def write(journal: SqlJournal, session_id: str) -> None:
            for _ in range(25):
                await journal.append(session_id, [CHANGED], at=NOW)

        async with asyncio.timeout(120), asyncio.TaskGroup() as tasks:
            for journal in journals:
                for number in (0, 1, 0, 1):
                    tasks.create_task(write(journal, f"s{number}"))
        entries = await journals[0].read_all(0, 1000)
        assert [entry.position for entry in entries] == list(range(1, 203))
        assert entries == await journals[1].read_all(0, 1000)
        assert sum(map(lost, nodes)) > 0, "no transaction lost: this has shown nothing"
    finally:
        for journal in journals:
            await journal.aclose()


async def test_a_writer_that_mostly_loses_has_patience(
    nodes: tuple[GaleraNode, GaleraNode],
) -> None:
    """Others commit on the other node without a pause, so that many transactions here lose before one gets through:
    none is given up, and none is kept twice."""
    here, there = urls(nodes)
    over = threading.Event()

    def disturb() -> None:
        engine = create_engine(there, isolation_level="AUTOCOMMIT")
        with engine.connect() as connection:
            while not over.is_set():
                with suppress(OperationalError):
                    connection.execute(text("UPDATE journal SET head = head + 1"))
        engine.dispose()

    journal = await SqlJournal.open(here)
    await journal.append("s", [CREATED], at=NOW, expected_seq=0)
    appended, before = 1, lost(nodes[0])
    disturbers = [threading.Thread(target=disturb) for _ in range(4)]
    try:
        for thread in disturbers:
            thread.start()
        async with asyncio.timeout(120):
            while lost(nodes[0]) - before < 300:
                await journal.append("s", [CHANGED], at=NOW)
                appended += 1
        entries = await journal.read("s")
        assert [entry.seq for entry in entries] == list(range(1, appended + 1))
    finally:
        over.set()
        for thread in disturbers:
            await asyncio.to_thread(thread.join)
        await journal.aclose()
