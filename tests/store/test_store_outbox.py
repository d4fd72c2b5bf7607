"""The SQL cursors and webhooks against the promises of their ports, on every database at hand."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import aclosing, asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from fenix_grpc.core.errors import Conflict
from fenix_grpc.core.events import SessionCreated
from fenix_grpc.ports import Progress, Undelivered, Webhook
from fenix_grpc.store import SqlCursors, SqlJournal, SqlWebhooks
from tests.databases import KINDS, new_database

NOW = datetime(2030, 1, 1, tzinfo=UTC)
UNTIL = NOW + timedelta(seconds=15)
LATER = UNTIL + timedelta(seconds=15)
WRONG = Undelivered(
    session_id="s1",
    sink="bus",
    lane="s1",
    subject="project:red",
    problem="SCALE_IN: the bus is away ✓",
    since=NOW,
    deadline=LATER,
)


@asynccontextmanager
async def a_journal(kind: str, tmp_path: Path) -> AsyncIterator[SqlJournal]:
    """With one event."""
    url = new_database(kind, tmp_path)
    async with aclosing(await SqlJournal.open(url)) as journal:
        await journal.append("s1", [SessionCreated(maintenance_at=NOW)], at=NOW, expected_seq=0)
        yield journal


@pytest.mark.parametrize("kind", KINDS)
async def test_a_lease_is_one_servers_until_it_ends(kind: str, tmp_path: Path) -> None:
    async with a_journal(kind, tmp_path) as journal:
        cursors = SqlCursors(journal)
        assert await cursors.claim("bus", "a", now=NOW, until=UNTIL)
        assert not await cursors.claim("bus", "b", now=NOW, until=UNTIL)
        assert await cursors.claim("webhook", "b", now=NOW, until=UNTIL)
        assert await cursors.claim("bus", "a", now=NOW, until=UNTIL)
        assert await cursors.claim("bus", "b", now=UNTIL, until=LATER)
        with pytest.raises(Conflict, match="another server"):
            await cursors.save("bus", "a", position=7)
        await cursors.release("bus", "a")
        assert not await cursors.claim("bus", "a", now=UNTIL, until=LATER)
        await cursors.release("bus", "b")
        assert await cursors.claim("bus", "a", now=UNTIL, until=LATER)


@pytest.mark.parametrize("kind", KINDS)
async def test_a_sink_begins_at_the_head_and_keeps_lanes_that_are_ahead(
    kind: str, tmp_path: Path
) -> None:
    async with a_journal(kind, tmp_path) as journal:
        cursors = SqlCursors(journal)
        await cursors.claim("bus", "a", now=NOW, until=UNTIL)
        assert await cursors.load("bus") == Progress(position=1)
        for lane, upto in (("s2", 5), ("s3", 9)):
            await cursors.save(
                "bus", "a", position=2, session_id=lane, lane=lane, lane_position=upto
            )
        assert await cursors.load("bus") == Progress(position=2, lanes={"s2": 5, "s3": 9})
        await cursors.save("bus", "a", position=6)
        assert await cursors.load("bus") == Progress(position=6, lanes={"s3": 9})


@pytest.mark.parametrize("kind", KINDS)
async def test_what_is_wrong_stays_until_its_lane_gets_on(kind: str, tmp_path: Path) -> None:
    async with a_journal(kind, tmp_path) as journal:
        cursors = SqlCursors(journal)
        await cursors.claim("bus", "a", now=NOW, until=UNTIL)
        lane = {"session_id": "s1", "lane": "s1"}
        await cursors.save("bus", "a", position=1, **lane, lane_position=1, undelivered=WRONG)
        assert list(await cursors.undelivered("s1")) == [WRONG]
        assert not await cursors.undelivered("s2")
        await cursors.save("bus", "a", position=9)
        assert list(await cursors.undelivered("s1")) == [WRONG]
        await cursors.save("bus", "a", position=9, **lane, lane_position=9)
        assert not await cursors.undelivered("s1")


@pytest.mark.parametrize("kind", KINDS)
async def test_webhooks_are_kept_by_project_from_the_head_on(kind: str, tmp_path: Path) -> None:
    async with a_journal(kind, tmp_path) as journal:
        webhooks = SqlWebhooks(journal)
        hook = Webhook(
            webhook_id="w1", project_id="red", url="http://x/ü", secret="s", created_at=NOW
        )
        added = await webhooks.add(hook)
        assert (added.position, added.url, added.secret) == (1, "http://x/ü", "s")
        again = Webhook(webhook_id="w1", project_id="red", url="y", secret="t", created_at=UNTIL)
        assert await webhooks.add(again) == added
        assert list(await webhooks.of("red")) == [added] == [await webhooks.get("w1")]
        assert not await webhooks.of("blue")
        assert await webhooks.projects() == {"red"}
        assert not await webhooks.remove("blue", "w1")
        assert await webhooks.remove("red", "w1")
        assert not await webhooks.remove("red", "w1")
        assert await webhooks.get("w1") is None
        assert not await webhooks.projects()
