"""The courier: at least once, in order, nobody waits for anybody else, nothing is dropped without a word."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Sequence
from contextlib import aclosing, asynccontextmanager
from datetime import timedelta

import pytest

from fenix_grpc.clock import VirtualClock
from fenix_grpc.core.errors import NotDelivered
from fenix_grpc.core.events import HostsSelected, ProjectAsked, SessionCreated, WorldObserved
from fenix_grpc.core.model import HostView, InstanceView, NoticeKind
from fenix_grpc.notify.courier import Courier
from fenix_grpc.notify.v1 import project_letter, project_payload
from fenix_grpc.ports import Letter, Told
from fenix_grpc.store import SqlCursors, SqlJournal

SCALE_IN, PLANNED = NoticeKind.SCALE_IN, NoticeKind.PLANNED_MAINTENANCE
LEASE_S = 15.0


class Box:
    """A sink in memory. What is in `refused` by lane does not arrive; what `holds` is open is under way until then."""

    name = "box"

    def __init__(self) -> None:
        self.arrived: list[tuple[str, str]] = []
        self.tried: list[str] = []
        self.refused: dict[str, NotDelivered] = {}
        self.hold: asyncio.Event | None = None
        self.changed = asyncio.Condition()

    async def letters(self, told: Told) -> Sequence[Letter]:
        return [
            project_letter(
                notice,
                told.entry,
                project_payload(notice, public_url="http://f", per_instance=False),
                lane=f"{notice.session_id}/{notice.project_id}",
                address="box",
                patience=timedelta(hours=1),
            )
            for notice in told.notices
        ]

    async def deliver(self, letter: Letter) -> None:
        self.tried.append(letter.title)
        if self.hold:
            await self.hold.wait()
        if letter.lane in self.refused:
            raise self.refused[letter.lane]
        async with self.changed:
            self.arrived.append((letter.lane, letter.title))
            self.changed.notify_all()

    async def until(self, count: int) -> None:
        async with self.changed:
            await self.changed.wait_for(lambda: len(self.arrived) >= count)

    async def aclose(self) -> None:
        pass


class Desk:
    """A journal in which projects are asked, and couriers that come and go."""

    def __init__(self, journal: SqlJournal) -> None:
        self.journal = journal
        self.cursors = SqlCursors(journal)
        self.clock = VirtualClock()
        self.box = Box()

    async def begin(self, session_id: str, *projects: str) -> None:
        now = self.clock.now()
        seen = WorldObserved(
            hosts=(HostView(host="h1"),),
            instances=tuple(
                InstanceView(instance_id=f"{p}-1", project_id=p, host="h1") for p in projects
            ),
        )
        events = [SessionCreated(maintenance_at=now), seen, HostsSelected(hosts=("h1",))]
        await self.journal.append(session_id, events, at=now, expected_seq=0)

    async def ask(
        self, session_id: str, project_id: str, kind: NoticeKind, reply_s: float = 40
    ) -> None:
        now = self.clock.now()
        asked = ProjectAsked(
            notice_id=f"n{now}{kind}",
            project_id=project_id,
            kind=kind,
            instance_ids=(f"{project_id}-1",),
            reply_at=now + timedelta(seconds=reply_s),
        )
        await self.journal.append(session_id, [asked], at=now)

    @asynccontextmanager
    async def courier(self, owner: str = "a") -> AsyncIterator[Courier]:
        """Runs with the block, and is stopped in good order."""
        courier = Courier(
            self.box,
            journal=self.journal,
            cursors=self.cursors,
            clock=self.clock,
            owner=owner,
            lease_s=LEASE_S,
        )
        stop = asyncio.Event()
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(courier.run(stop))
            try:
                yield courier
            finally:
                stop.set()

    async def claimed(self, owner: str = "a") -> None:
        """A courier has begun: what is told from now on is its business."""
        now = self.clock.now()
        assert await self.cursors.claim("box", owner, now=now, until=now)

    async def passed(self, seconds: float) -> None:
        await self.clock.sleep_until(self.clock.now() + timedelta(seconds=seconds))


@pytest.fixture
async def desk() -> AsyncIterator[Desk]:
    async with aclosing(await SqlJournal.open("sqlite://")) as journal:
        desk = Desk(journal)
        await desk.claimed()
        yield desk


async def test_everything_told_arrives_once_and_in_order(desk: Desk) -> None:
    await desk.begin("s1", "red")
    async with desk.courier():
        for kind in (NoticeKind.MAINTENANCE, SCALE_IN, PLANNED):
            await desk.ask("s1", "red", kind)
        await desk.box.until(3)
        await desk.passed(60)
    assert [title for _, title in desk.box.arrived] == [
        "MAINTENANCE",
        "SCALE_IN",
        "PLANNED_MAINTENANCE",
    ]
    async with desk.courier():
        await desk.passed(60)
    assert len(desk.box.arrived) == 3
    assert not (await desk.cursors.load("box")).lanes


async def test_what_came_before_a_sink_is_none_of_its_business() -> None:
    async with aclosing(await SqlJournal.open("sqlite://")) as journal:
        desk = Desk(journal)
        await desk.begin("s1", "red")
        await desk.ask("s1", "red", SCALE_IN)
        async with desk.courier():
            await desk.passed(5)
            await desk.ask("s1", "red", PLANNED)
            await desk.box.until(1)
        assert [title for _, title in desk.box.arrived] == ["PLANNED_MAINTENANCE"]


async def test_an_outage_loses_nothing_and_keeps_the_order(desk: Desk) -> None:
    await desk.begin("s1", "red")
    desk.box.refused["s1/red"] = NotDelivered("the bus is away")
    async with desk.courier() as courier:
        await desk.ask("s1", "red", NoticeKind.MAINTENANCE, reply_s=600)
        await desk.ask("s1", "red", PLANNED, reply_s=600)
        await desk.passed(30)
        (wrong,) = await desk.cursors.undelivered("s1")
        assert (wrong.subject, wrong.problem) == (
            "project:red",
            "MAINTENANCE: the bus is away",
        )
        assert wrong.deadline is not None
        desk.box.refused.clear()
        await desk.box.until(2)
        await desk.passed(1)
        assert courier.counts.delivered == 2
        assert 3 <= courier.counts.failed <= 12
    assert [title for _, title in desk.box.arrived] == ["MAINTENANCE", "PLANNED_MAINTENANCE"]
    assert not await desk.cursors.undelivered("s1")


async def test_nobody_waits_for_anybody_else(desk: Desk) -> None:
    """Neither another session nor another project's manager; and a restart sends nobody the same again."""
    await desk.begin("s1", "red", "blue")
    await desk.begin("s2", "red")
    desk.box.refused["s1/red"] = NotDelivered("refused")
    async with desk.courier():
        for session_id, project_id in (("s1", "red"), ("s1", "blue"), ("s2", "red")):
            await desk.ask(session_id, project_id, PLANNED, reply_s=600)
        await desk.box.until(2)
    assert sorted(desk.box.arrived) == [(f"{lane}", PLANNED) for lane in ("s1/blue", "s2/red")]
    desk.box.refused.clear()
    async with desk.courier():
        await desk.box.until(3)
        await desk.passed(60)
    assert [lane for lane, _ in desk.box.arrived][2:] == ["s1/red"]


async def test_one_manager_hears_at_once_among_hundreds_that_are_dead(desk: Desk) -> None:
    dead = [f"dead-{number}" for number in range(300)]
    await desk.begin("s1", *dead, "red")
    for project_id in dead:
        desk.box.refused[f"s1/{project_id}"] = NotDelivered("connection refused")
    async with desk.courier() as courier:
        for project_id in dead:
            await desk.ask("s1", project_id, PLANNED, reply_s=600)
        await desk.passed(60)
        assert courier.counts.waiting == len(dead)
        tried = len(desk.box.tried)
        asked_at = desk.clock.now()
        await desk.ask("s1", "red", PLANNED, reply_s=600)
        await desk.box.until(1)
        assert (desk.clock.now() - asked_at).total_seconds() < 1
        assert desk.box.arrived == [("s1/red", "PLANNED_MAINTENANCE")]
    # ever more seldom: the dead take nobody's time
    assert tried <= 12 * len(dead)
    assert len(await desk.cursors.undelivered("s1")) == len(dead)


async def test_what_is_too_late_is_given_up_and_said(
    desk: Desk, caplog: pytest.LogCaptureFixture
) -> None:
    await desk.begin("s1", "red")
    desk.box.refused["s1/red"] = NotDelivered("refused")
    with caplog.at_level(logging.WARNING):
        async with desk.courier() as courier:
            await desk.ask("s1", "red", SCALE_IN, reply_s=40)
            await desk.passed(45)
            assert courier.counts.given_up == 1
            desk.box.refused.clear()
            await desk.ask("s1", "red", PLANNED)
            await desk.box.until(1)
            await desk.passed(1)
    assert [title for _, title in desk.box.arrived] == ["PLANNED_MAINTENANCE"]
    assert "SCALE_IN of session s1 to project:red is given up: refused" in caplog.text
    (lost,) = await desk.cursors.undelivered("s1")
    assert lost.problem == "SCALE_IN: given up: refused"
    assert lost.deadline is None


async def test_a_scale_in_that_may_have_arrived_is_not_sent_again(desk: Desk) -> None:
    await desk.begin("s1", "red", "blue")
    desk.box.refused = {
        "s1/red": NotDelivered("no answer", perhaps=True),
        "s1/blue": NotDelivered("no answer", perhaps=True),
    }
    async with desk.courier():
        await desk.ask("s1", "red", SCALE_IN, reply_s=600)
        await desk.ask("s1", "blue", NoticeKind.MAINTENANCE, reply_s=600)
        await desk.passed(120)
    assert desk.box.tried.count("SCALE_IN") == 1
    assert desk.box.tried.count("MAINTENANCE") > 3


async def test_nor_is_one_that_a_stopping_server_was_sending(desk: Desk) -> None:
    """The manager may take minutes, within its handler; the server that sent goes away meanwhile."""
    await desk.begin("s1", "red")
    desk.box.hold = asyncio.Event()
    async with desk.courier():
        await desk.ask("s1", "red", SCALE_IN, reply_s=600)
        await desk.passed(30)
        await desk.ask("s1", "red", PLANNED, reply_s=600)
        await desk.passed(30)
    desk.box.hold = None
    async with desk.courier("b"):
        await desk.box.until(1)
        await desk.passed(60)
    assert desk.box.tried == ["SCALE_IN", "PLANNED_MAINTENANCE"]


async def test_one_that_was_refused_for_sure_is_sent_by_the_next_server(desk: Desk) -> None:
    await desk.begin("s1", "red")
    desk.box.refused["s1/red"] = NotDelivered("no connection")
    async with desk.courier():
        await desk.ask("s1", "red", SCALE_IN, reply_s=600)
        await desk.passed(30)
    desk.box.refused.clear()
    async with desk.courier("b"):
        await desk.box.until(1)
    assert desk.box.arrived == [("s1/red", "SCALE_IN")]


async def test_one_server_sends_at_a_time_and_another_takes_over(desk: Desk) -> None:
    await desk.begin("s1", "red")
    async with desk.courier("b"):
        async with desk.courier("a"):
            await desk.ask("s1", "red", NoticeKind.MAINTENANCE)
            await desk.box.until(1)
            await desk.passed(10 * LEASE_S)
        await desk.ask("s1", "red", PLANNED)
        await desk.box.until(2)
        await desk.passed(LEASE_S)
    assert [title for _, title in desk.box.arrived] == ["MAINTENANCE", "PLANNED_MAINTENANCE"]


async def test_a_defect_is_the_outage_of_one_sink_and_is_logged(
    desk: Desk, caplog: pytest.LogCaptureFixture
) -> None:
    class Broken(Box):
        async def letters(self, told: Told) -> Sequence[Letter]:
            if not self.tried:
                self.tried.append("letters")
                raise KeyError("a defect")
            return await super().letters(told)

    desk.box = Broken()
    await desk.begin("s1", "red")
    async with desk.courier():
        await desk.ask("s1", "red", PLANNED)
        await desk.box.until(1)
    assert "unexpected error" in caplog.text
