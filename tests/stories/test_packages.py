"""Packages come before everything else, are fetched once, and go with their session."""

import asyncio
from dataclasses import replace

from fenix_grpc.core.events import ProjectAsked, SessionContinued, StepStarted
from fenix_grpc.core.model import Package, StepOutcome, StepVerb
from fenix_grpc.core.model import SessionState as S
from fenix_grpc.ports import ActionRequest, ActionResult
from tests.stories.judge import check_everything
from tests.stories.test_operator_stories import BUSY, delete
from tests.stories.world import Manager, Shelf, World, a_world

TWO = (Package(url="https://a/SW1.tgz"), Package(url="https://a/SW2.tgz"))


class Reader:
    """Keeps where it was told that the packages are."""

    idempotent = True

    def __init__(self, world: World) -> None:
        self._world = world
        self.told: set[str] = set()

    async def run(self, request: ActionRequest) -> ActionResult:
        assert self._world.shelf is not None
        assert len(self._world.shelf.here) == 2
        self.told.add(request.packages)
        return ActionResult(ok=True)


async def test_nobody_is_told_before_the_packages_are_there_and_they_go_with_the_session():
    async with a_world(BUSY) as world:
        world.manage(Manager("red"))
        world.packages, world.shelf = TWO, (shelf := Shelf())
        world.actions["dummy"] = reader = Reader(world)
        await world.create()
        session = await world.run()
        assert session.state is S.MAINTENANCE_DONE
        assert session.fetched == {0: "12", 1: "12"}
        assert shelf.fetched == [package.url for package in TWO]
        assert reader.told == {"/shelf/s1"}
        entries = await world.journal.read("s1")
        fetched = max(e.seq for e in entries if _fetches(e.event))
        assert fetched < min(e.seq for e in entries if isinstance(e.event, ProjectAsked))
        async with world.engine():  # any server that reads of the end removes what it has
            await asyncio.wait_for(shelf.removed.wait(), 30)
        assert not shelf.here
        await check_everything(world)


def _fetches(event: object) -> bool:
    return isinstance(event, StepStarted) and event.verb is StepVerb.FETCH_PACKAGE


async def test_a_server_that_has_them_not_fetches_them_before_an_action():
    async with a_world(BUSY) as world:
        world.packages, world.shelf = TWO, Shelf()
        world.actions["dummy"] = Reader(world)
        await world.create()
        async with world.managing():
            async with world.engine("one"):
                await world.reach(lambda s: len(s.fetched) == 2)
            world.shelf = other = Shelf()
            async with world.engine("other"):
                session = await world.reach(lambda s: s.settled)
        assert session.state is S.MAINTENANCE_DONE, session.reason
        assert sorted(other.fetched) == [package.url for package in TWO]
        fetches = [s for s in session.steps.values() if s.verb is StepVerb.FETCH_PACKAGE]
        assert len(fetches) == 2, "it is no step of its own any more"


async def test_a_server_of_packages_that_stays_away_stops_the_session_in_time():
    async with a_world(BUSY) as world:
        world.policy = replace(world.policy, cloud_away_s=100.0)
        world.packages, world.shelf = TWO[:1], Shelf(away=1000)
        await world.create()
        failed = await world.run()
        assert failed.state is S.MAINTENANCE_FAILED
        assert failed.reason.startswith("fetching https://a/SW1.tgz has had no answer for 100 s")
        world.shelf.away = 0
        event = SessionContinued(state=S.MAINTENANCE)
        await world.journal.append(
            "s1", [event], at=world.clock.now(), expected_seq=failed.seq, active=True
        )
        assert (await world.run()).state is S.MAINTENANCE_DONE
        await check_everything(world)


class Endless:
    """Runs until it is cancelled."""

    idempotent = True

    def __init__(self, world: World) -> None:
        self._world = world
        self.ended: list[str] = []

    async def run(self, request: ActionRequest) -> ActionResult:
        try:
            await self._world.clock.sleep_until(self._world.clock.now().replace(year=2999))
        finally:
            self.ended.append(request.host)
        return ActionResult(ok=True)


async def test_deleting_a_session_cancels_its_actions_and_keeps_their_hosts_out_of_service():
    async with a_world(BUSY) as world:
        world.policy = replace(world.policy, action_s=1e8)
        world.actions["dummy"] = endless = Endless(world)
        await world.create()
        async with world.engine(), world.managing():
            await world.reach(lambda s: any(x.verb is StepVerb.RUN_ACTION for x in s.open()))
            await delete(world)
            session = await world.reach(lambda s: s.closed, limit_s=3600)
        (host,) = endless.ended
        (run,) = [s for s in session.steps.values() if s.verb is StepVerb.RUN_ACTION]
        assert run.outcome is StepOutcome.FAILED
        assert run.detail == "cancelled, because the session was deleted"
        assert session.owed_hosts == (host,)
        await check_everything(world)
