"""Difficult migrations: what they begin with, and what must come of them. `both` workflows end in the same way."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import Any

from fenix_grpc.core.model import (
    ActionType,
    Answer,
    FailedLive,
    HostDown,
    InstanceAction,
    SlowLive,
)
from fenix_grpc.core.model import SessionState as S
from fenix_grpc.core.notices import ProjectNotice
from fenix_grpc.ports import ActionRequest, ActionResult
from tests.stories.scenarios import DONE, HOSTS, NEXT, TO_FIRST, Scenario, hosts, project
from tests.stories.world import Manager, World

LIVE, COLD, OWN = InstanceAction.LIVE_MIGRATE, InstanceAction.MIGRATE, InstanceAction.OWN_ACTION
#: Live migrations of red-2 never end by themselves.
STUCK = '[[faults]]\neffect = "stuck"\ninstance = "red-2"\n'
#: They always fail.
FAILING = '[[faults]]\neffect = "fail"\noperation = "live_migrate"\ninstance = "red-2"\n'
COLD_FAILS = '[[faults]]\neffect = "fail"\noperation = "cold_migrate"\ninstance = "red-2"\n'
BUSY = HOSTS + hosts(4) + project("red", 3, ("c1", "c2", "c3")) + project("blue", 2, ("c1", "c2"))


class TwoMinds(Manager):
    """Wants one thing first, and another one for an instance about which it is asked again."""

    def __init__(self, project_id: str, then: InstanceAction, answer: Answer | None) -> None:
        super().__init__(project_id, LIVE)
        self.then, self.then_answer = then, answer

    def answer(self, notice: ProjectNotice) -> Answer | None:
        return self.then_answer if again(notice) else super().answer(notice)

    def chosen(self, notice: ProjectNotice) -> InstanceAction | None:
        return self.then if again(notice) else super().chosen(notice)


def again(notice: ProjectNotice) -> bool:
    """It is a question about an instance that could not be migrated live."""
    return bool(notice.allowed_actions) and LIVE not in notice.allowed_actions


def policy(world: World, *failed: FailedLive, slow: SlowLive = SlowLive.WAIT, **more: Any) -> None:
    said = {"live_s": 10.0, "move_attempts": 2, **more}
    world.policy = replace(world.policy, failed_live=failed, slow_live=slow, **said)


async def begin(world: World, red: Manager | None = None, action: str = "dummy") -> None:
    world.manage(red or Manager("red", LIVE))
    world.manage(Manager("blue", LIVE))
    actions = ((ActionType.HOST, action, True),)
    await world.create(hosts=("c1", "c2", "c3"), actions=actions)


async def stuck_and_cold(world: World) -> None:
    policy(world, FailedLive.COLD, slow=SlowLive.ABORT)
    await begin(world)


async def asked_again(world: World) -> None:
    policy(world, FailedLive.ASK)
    await begin(world, TwoMinds("red", COLD, Answer.ACK))


async def given_back(world: World) -> None:
    policy(world, FailedLive.COLD, FailedLive.GIVE_BACK)
    await begin(world)


async def a_host_dies(world: World) -> None:
    """c2 dies as soon as it is emptied, and is up again when it was worked on."""
    policy(world, host_down=HostDown.EVACUATE, host_down_s=30.0, move_s=20.0, live_s=0.0)
    world.actions["revive"] = Revival(world)
    await begin(world, Undertaker(world), action="revive")


class Undertaker(Manager):
    """Agrees that red-2 moves live, and at that moment its host dies."""

    def __init__(self, world: World) -> None:
        super().__init__("red", LIVE)
        self._world = world
        self.deaths: list[asyncio.Future[None]] = []

    def answer(self, notice: ProjectNotice) -> Answer | None:
        named = {instance.instance_name for instance in notice.instances}
        if notice.allowed_actions and "red-2" in named and not self.deaths:
            self.deaths.append(asyncio.ensure_future(self._world.cloud.set_up("c2", False)))
        return super().answer(notice)


class Revival:
    """An action that repairs a host."""

    idempotent = True

    def __init__(self, world: World) -> None:
        self._world = world

    async def run(self, request: ActionRequest) -> ActionResult:
        """Its services report again."""
        await self._world.cloud.set_up(request.host, True)
        return ActionResult(ok=True)


DIFFICULT: dict[str, Scenario] = {
    "a stuck live migration goes cold": Scenario(
        cloud=BUSY + STUCK,
        prepare=stuck_and_cold,
        states=(S.MAINTENANCE, *TO_FIRST, *NEXT, *NEXT, *DONE),
    ),
    "a project is asked again": Scenario(
        cloud=BUSY + FAILING,
        prepare=asked_again,
        states=(S.MAINTENANCE, *TO_FIRST, *NEXT, *NEXT, *DONE),
    ),
    "a host is given back": Scenario(
        cloud=BUSY + FAILING + COLD_FAILS,
        prepare=given_back,
        states=(S.MAINTENANCE, *TO_FIRST, *NEXT, S.PLANNED_MAINTENANCE, S.MAINTENANCE_FAILED),
        reason="all other hosts are done, these were set aside: c2 (LIVE_MIGRATE of instance",
    ),
    "a host dies and is evacuated": Scenario(
        cloud=BUSY + STUCK,
        prepare=a_host_dies,
        states=(S.MAINTENANCE, *TO_FIRST, *NEXT, *NEXT, *DONE),
    ),
}
