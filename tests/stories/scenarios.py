"""Scenarios of the default workflow: a cloud, how its managers behave, and what must come of it.

The crash and race tests run each of them again and again; the ends must be the same.
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from dataclasses import dataclass, replace
from typing import Any

from fenix_grpc.core.model import ActionType, Answer, InstanceAction, NoticeKind, Package
from fenix_grpc.core.model import SessionState as S
from fenix_grpc.ports import ActionRequest, ActionResult
from tests.stories.world import Manager, Shelf, World

HOSTS = """
flavors.m = {vcpus = 2, memory_mb = 4096, disk_gb = 20}
flavors.l = {vcpus = 4, memory_mb = 8192, disk_gb = 40}
durations = {cold_migrate = 5, live_migrate = 3}
"""


def hosts(
    count: int, name: str = "c{n}", kind: str = "COMPUTE", vcpus: int = 8, more: str = ""
) -> str:
    """Some alike hosts in the words of a cloud's file."""
    return f"""
[[hosts]]
name = "{name}"
count = {count}
kind = "{kind}"
vcpus = {vcpus}
memory_mb = {4096 * vcpus}
disk_gb = {25 * vcpus}
{more}
"""


def project(
    name: str, count: int, on: tuple[str, ...] = (), flavor: str = "m", group: str = ""
) -> str:
    """A project with some alike instances."""
    where = f"hosts = {list(on)}" if on else ""
    groups = f'[[projects.groups]]\nname = "{group}"\n' if group else ""
    return f"""
[[projects]]
id = "{name}"
{groups}
[[projects.instances]]
name = "{name}-{{n}}"
count = {count}
flavor = "{flavor}"
group = "{group}"
{where}
"""


@dataclass(frozen=True, kw_only=True)
class Scenario:
    """What is there, what is done, and how it ends."""

    cloud: str
    prepare: Callable[[World], Coroutine[Any, Any, None]]
    states: tuple[S, ...]
    #: What the reason of a failed session says.
    reason: str = ""


async def everybody_agrees(world: World) -> None:
    world.manage(Manager("red"))
    world.manage(Manager("blue", InstanceAction.LIVE_MIGRATE))
    await world.create(
        actions=(
            (ActionType.PRE, "dummy", True),
            (ActionType.HOST, "dummy", True),
            (ActionType.COMPUTE, "dummy", True),
            (ActionType.CONTROLLER, "dummy", True),
            (ActionType.POST, "dummy", True),
        )
    )


async def nobody_is_there(world: World) -> None:
    await world.create()


async def red_scales_in(world: World) -> None:
    world.manage(Manager("red", scale_in=2))
    await world.create()


async def red_scales_in_slowly(world: World) -> None:
    world.manage(Manager("red", scale_in=1))
    await world.create(hosts=("c1",))


async def red_never_scales(world: World) -> None:
    world.manage(Manager("red"))
    await world.create()


async def red_refuses_planned(world: World) -> None:
    world.manage(Manager("red", answers={NoticeKind.PLANNED_MAINTENANCE: Answer.NACK}))
    world.manage(Manager("blue"))
    await world.create()


async def blue_refuses_while_red_thinks(world: World) -> None:
    world.manage(Manager("red", thinks_s=30.0))
    world.manage(Manager("blue", answers={NoticeKind.MAINTENANCE: Answer.NACK}))
    await world.create()


async def red_is_silent(world: World) -> None:
    world.manage(Manager("red", answers={NoticeKind.PREPARE_MAINTENANCE: None}))
    world.manage(Manager("blue"))
    await world.create()


async def red_replaces_its_own(world: World) -> None:
    world.manage(Manager("red", InstanceAction.OWN_ACTION))
    world.manage(Manager("blue"))
    await world.create()


async def later(world: World) -> None:
    world.manage(Manager("red"))
    await world.create(in_s=3600)


async def two_of_four_hosts(world: World) -> None:
    world.manage(Manager("red"))
    await world.create(hosts=("c1", "c2"))


async def a_host_nobody_knows(world: World) -> None:
    await world.create(hosts=("c1", "nowhere"))


async def brings_packages(world: World) -> None:
    """Two of them, whose server is away at first."""
    world.shelf = Shelf(away=3)
    world.packages = (Package(url="https://a/SW1.tgz"), Package(url="https://a/SW2.tgz"))
    await world.create()


async def brings_a_bad_package(world: World) -> None:
    await brings_packages(world)
    world.shelf = Shelf(refused=["https://a/SW2.tgz"])


class Stop:
    """Stops the services of some hosts, as the last action on those that are retired."""

    idempotent = True

    def __init__(self, world: World, *names: str) -> None:
        self._world, self._names = world, names

    async def run(self, request: ActionRequest) -> ActionResult:
        if request.host in self._names:
            await self.strike(request.host)
        return ActionResult(ok=True)

    async def strike(self, host: str) -> None:
        await self._world.cloud.set_up(host, False)


async def one_host_is_retired(world: World) -> None:
    world.manage(Manager("red"))
    world.actions["stop"] = Stop(world, "c2")
    await world.create(actions=((ActionType.HOST, "stop", True),), retire=("c2",))


async def hosts_are_checked(world: World) -> None:
    """One of them is not well before its work."""
    world.policy = replace(world.policy, check_s=20.0)
    await one_host_fails(world, ActionType.CHECK)


async def one_host_fails(world: World, kind: ActionType = ActionType.HOST) -> None:
    """Its action fails on c2, and the session may lose a host."""
    world.policy = replace(world.policy, failure_budget=1)
    world.metadata = {"fail_on": "c2"}
    world.manage(Manager("red"))
    world.manage(Manager("blue"))
    await world.create(actions=((kind, "dummy", True),))


THREE = HOSTS + hosts(3)
FULL = HOSTS + hosts(3) + project("red", 12, ("c1", "c2", "c3"))
DONE = S.MAINTENANCE_COMPLETE, S.MAINTENANCE_DONE
TO_FIRST = S.PREPARE_MAINTENANCE, S.START_MAINTENANCE
NEXT = S.PLANNED_MAINTENANCE, S.START_MAINTENANCE

SCENARIOS: dict[str, Scenario] = {
    "everybody agrees": Scenario(
        cloud=THREE
        + hosts(1, "ctl", "CONTROLLER")
        + project("red", 3, ("c1", "c2", "c3"))
        + project("blue", 3, ("c1", "c2", "c3")),
        prepare=everybody_agrees,
        states=(S.MAINTENANCE, *TO_FIRST, *NEXT, *NEXT, *DONE),
    ),
    "no instances": Scenario(
        cloud=THREE, prepare=nobody_is_there, states=(S.MAINTENANCE, S.START_MAINTENANCE, *DONE)
    ),
    "unmanaged projects are migrated": Scenario(
        cloud=THREE + project("red", 4),
        prepare=nobody_is_there,
        states=(S.MAINTENANCE, *TO_FIRST, *NEXT, *NEXT, *DONE),
    ),
    "full cloud scales in": Scenario(
        cloud=FULL,
        prepare=red_scales_in,
        states=(S.MAINTENANCE, S.SCALE_IN, S.SCALE_IN, *TO_FIRST, *NEXT, *NEXT, *DONE),
    ),
    "room is made elsewhere": Scenario(
        cloud=HOSTS
        + hosts(2)
        + project("blue", 3, ("c1",))
        + project("red", 5, ("c2", "c2", "c2", "c2", "c1")),
        prepare=red_scales_in_slowly,
        states=(S.MAINTENANCE, *[S.SCALE_IN] * 4, *TO_FIRST, *DONE),
    ),
    "full cloud and nobody scales in": Scenario(
        cloud=FULL,
        prepare=red_never_scales,
        states=(S.MAINTENANCE, S.SCALE_IN, S.SCALE_IN, S.SCALE_IN, S.MAINTENANCE_FAILED),
        reason="3 requests to scale in had no effect",
    ),
    "full cloud and nobody to ask": Scenario(
        cloud=FULL,
        prepare=nobody_is_there,
        states=(S.MAINTENANCE, S.MAINTENANCE_FAILED),
        reason="no project has a manager to ask",
    ),
    "a project refuses": Scenario(
        cloud=THREE + project("red", 3, ("c1", "c2", "c3")) + project("blue", 2, ("c1", "c2")),
        prepare=red_refuses_planned,
        states=(S.MAINTENANCE, *TO_FIRST, S.PLANNED_MAINTENANCE, S.MAINTENANCE_FAILED),
        reason="project red refused PLANNED_MAINTENANCE",
    ),
    "a refusal counts at once": Scenario(
        cloud=THREE + project("red", 3) + project("blue", 3),
        prepare=blue_refuses_while_red_thinks,
        states=(S.MAINTENANCE, S.MAINTENANCE_FAILED),
        reason="project blue refused MAINTENANCE",
    ),
    "a project is silent": Scenario(
        cloud=THREE
        + project("red", 3, ("c1", "c2", "c3"))
        + project("blue", 3, ("c1", "c2", "c3")),
        prepare=red_is_silent,
        states=(S.MAINTENANCE, S.PREPARE_MAINTENANCE, S.MAINTENANCE_FAILED),
        reason="project red did not reply in time (PREPARE_MAINTENANCE)",
    ),
    "own action": Scenario(
        cloud=THREE
        + project("red", 3, ("c1", "c2", "c3"))
        + project("blue", 3, ("c1", "c2", "c3")),
        prepare=red_replaces_its_own,
        states=(S.MAINTENANCE, *TO_FIRST, *NEXT, *NEXT, *DONE),
    ),
    "starts later": Scenario(
        cloud=THREE + project("red", 2, ("c1", "c2")),
        prepare=later,
        states=(S.MAINTENANCE, S.START_MAINTENANCE, *NEXT, *NEXT, *DONE),
    ),
    "two of four hosts, two sizes": Scenario(
        cloud=HOSTS
        + hosts(2)
        + hosts(2, "big{n}", vcpus=16)
        + project("red", 6, ("c1", "c2", "big1"), flavor="m"),
        prepare=two_of_four_hosts,
        states=(S.MAINTENANCE, *TO_FIRST, *NEXT, *DONE),
    ),
    "anti-affinity": Scenario(
        cloud=HOSTS + hosts(4) + project("red", 3, ("c1", "c2", "c3"), group="ha"),
        prepare=later,
        states=(S.MAINTENANCE, S.START_MAINTENANCE, *NEXT, *NEXT, *NEXT, *DONE),
    ),
    "a host disabled by somebody else": Scenario(
        cloud=HOSTS
        + hosts(2)
        + hosts(1, "held", more='disabled_reason = "disk"')
        + project("red", 2, ("c1", "c2")),
        prepare=later,
        states=(S.MAINTENANCE, *TO_FIRST, *NEXT, *DONE),
    ),
    "an unknown host": Scenario(
        cloud=THREE,
        prepare=a_host_nobody_knows,
        states=(S.MAINTENANCE, S.MAINTENANCE_FAILED),
        reason="hosts that the cloud does not know: nowhere",
    ),
    "a move fails once": Scenario(
        cloud=THREE
        + project("red", 3, ("c1", "c2", "c3"))
        + '[[faults]]\neffect = "fail"\noperation = "cold_migrate"\nnth = 1\n',
        prepare=red_never_scales,
        states=(S.MAINTENANCE, *TO_FIRST, *NEXT, *NEXT, *DONE),
    ),
    "a host refuses what is moved to it": Scenario(
        cloud=THREE
        + project("red", 3, ("c1", "c2", "c3"))
        + '[[faults]]\neffect = "refuse"\noperation = "cold_migrate"\ntarget = "c2"\nnth = 1\n',
        prepare=red_never_scales,
        states=(S.MAINTENANCE, *TO_FIRST, *NEXT, *NEXT, *DONE),
    ),
    "an instance never moves": Scenario(
        cloud=THREE
        + project("red", 3, ("c1", "c2", "c3"))
        + '[[faults]]\neffect = "fail"\noperation = "cold_migrate"\ninstance = "red-2"\n',
        prepare=red_never_scales,
        states=(S.MAINTENANCE, *TO_FIRST, *NEXT, S.PLANNED_MAINTENANCE, S.MAINTENANCE_FAILED),
        reason="failed (3 times)",
    ),
    "packages are fetched first": Scenario(
        cloud=THREE, prepare=brings_packages, states=(S.MAINTENANCE, S.START_MAINTENANCE, *DONE)
    ),
    "a package is not what it should be": Scenario(
        cloud=THREE,
        prepare=brings_a_bad_package,
        states=(S.MAINTENANCE, S.MAINTENANCE_FAILED),
        reason="fetching https://a/SW2.tgz failed: its SHA-256 is 12, not 34",
    ),
    "one host fails within the budget": Scenario(
        cloud=THREE
        + project("red", 3, ("c1", "c2", "c3"))
        + project("blue", 3, ("c1", "c2", "c3")),
        prepare=one_host_fails,
        states=(S.MAINTENANCE, *TO_FIRST, *NEXT, *NEXT, S.MAINTENANCE_FAILED),
        reason="set aside: c2 (action dummy on c2 failed: fails on c2, as its metadata says)",
    ),
    "a host is retired": Scenario(
        cloud=HOSTS + hosts(4) + project("red", 4, ("c1", "c2", "c3", "c4")),
        prepare=one_host_is_retired,
        states=(S.MAINTENANCE, *TO_FIRST, *NEXT, *NEXT, *NEXT, *DONE),
    ),
    "a host does not pass its check": Scenario(
        cloud=THREE
        + project("red", 3, ("c1", "c2", "c3"))
        + project("blue", 3, ("c1", "c2", "c3")),
        prepare=hosts_are_checked,
        states=(S.MAINTENANCE, *TO_FIRST, *NEXT, S.PLANNED_MAINTENANCE, S.MAINTENANCE_FAILED),
        reason="set aside: c2 (check dummy has not passed on c2: fails on c2, as its metadata says",
    ),
    "an instance never moves and its host is set aside": Scenario(
        cloud=THREE
        + project("red", 3, ("c1", "c2", "c3"))
        + '[[faults]]\neffect = "fail"\noperation = "cold_migrate"\ninstance = "red-2"\n',
        prepare=one_host_fails,
        states=(S.MAINTENANCE, *TO_FIRST, *NEXT, S.PLANNED_MAINTENANCE, S.MAINTENANCE_FAILED),
        reason="failed (3 times)",
    ),
    "a move breaks its instance": Scenario(
        cloud=THREE
        + project("red", 3, ("c1", "c2", "c3"))
        + '[[faults]]\neffect = "break"\noperation = "cold_migrate"\ninstance = "red-2"\n',
        prepare=red_never_scales,
        states=(S.MAINTENANCE, *TO_FIRST, *NEXT, S.PLANNED_MAINTENANCE, S.MAINTENANCE_FAILED),
        reason="is in ERROR on",
    ),
    "the cloud is away for a while": Scenario(
        cloud=THREE
        + project("red", 3, ("c1", "c2", "c3"))
        + '[[faults]]\neffect = "unavailable"\nafter_s = 4\nfor_s = 60\n',
        prepare=red_never_scales,
        states=(S.MAINTENANCE, *TO_FIRST, *NEXT, *NEXT, *DONE),
    ),
    "the cloud stays away": Scenario(
        cloud=THREE
        + project("red", 3, ("c1", "c2", "c3"))
        + '[[faults]]\neffect = "unavailable"\noperation = "inventory"\nafter_s = 4\nfor_s = 1800\n',
        prepare=red_never_scales,
        states=(S.MAINTENANCE, S.PREPARE_MAINTENANCE, S.MAINTENANCE_FAILED),
        reason="the cloud has not answered for 900 s",
    ),
}
