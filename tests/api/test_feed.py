"""What the feed keeps is bounded, in number and in bytes, and what it no longer keeps is still told."""

from __future__ import annotations

import asyncio
from contextlib import aclosing
from datetime import UTC, datetime

import pytest

from fenix_grpc.api.feed import Feed
from fenix_grpc.clock import SystemClock
from fenix_grpc.core.events import SessionCreated
from fenix_grpc.core.model import Policy
from fenix_grpc.store import SqlJournal

AT = datetime(2030, 1, 1, tzinfo=UTC)
EVENTS = 60


@pytest.mark.parametrize(
    ("kept", "kept_bytes", "most"), [(5, 1 << 20, 10), (1000, 5000, 10), (1000, 10, 0)]
)
async def test_no_more_is_kept_than_may_be(kept: int, kept_bytes: int, most: int) -> None:
    """An event here has a little over 1000 bytes."""
    created = SessionCreated(hosts=("h" * 1000,), maintenance_at=AT, policy=Policy())
    async with aclosing(await SqlJournal.open("sqlite://")) as journal:
        feed = Feed(journal, wall=SystemClock(), tick_s=60, kept=kept, kept_bytes=kept_bytes)
        stop = asyncio.Event()
        async with asyncio.timeout(30), asyncio.TaskGroup() as tasks:
            tasks.create_task(feed.run(stop))
            for number in range(EVENTS):
                bell = feed.bell("")
                await journal.append(f"s{number}", [created], at=AT, expected_seq=0)
                while feed.head <= number:
                    await bell.wait()
                    bell = feed.bell("")
            stop.set()
        assert len(feed._told) <= most
        page = await feed.events(0)
        assert [event.session_id for event in page.messages] == [f"s{n}" for n in range(EVENTS)]
