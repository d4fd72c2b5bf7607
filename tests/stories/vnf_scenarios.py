"""Scenarios of the vnf workflow: constraints are registered, and many hosts are in hand at once."""

from __future__ import annotations

from dataclasses import replace

from fenix_grpc.core.constraints import GroupConstraint
from fenix_grpc.core.model import ActionType, Answer, InstanceAction, NoticeKind
from fenix_grpc.core.model import SessionState as S
from tests.stories.scenarios import HOSTS, Scenario, hosts, project
from tests.stories.world import Manager, World

MIGRATE = (InstanceAction.MIGRATE,)
LIVE = (InstanceAction.LIVE_MIGRATE,)
OWN = (InstanceAction.OWN_ACTION,)
SIX = tuple(f"c{n}" for n in range(1, 7))
ROOMY = HOSTS + hosts(6) + project("red", 6, SIX) + project("blue", 6, SIX)
ROLLING = (
    S.MAINTENANCE,
    S.PREPARE_MAINTENANCE,
    S.START_MAINTENANCE,
    S.PLANNED_MAINTENANCE,
    S.MAINTENANCE_COMPLETE,
    S.MAINTENANCE_DONE,
)
HALF_WAY = ROLLING[:4]


async def begin(
    world: World,
    *managers: Manager,
    budget: int = 1,
    workflow: str = "vnf",
    actions: tuple[tuple[ActionType, str, bool], ...] = ((ActionType.HOST, "dummy", True),),
    **more: object,
) -> None:
    """A session: red registers constraints, each of its instances in group `ha`; blue has none."""
    world.workflow = workflow
    for manager in managers:
        world.manage(manager)
    recovery_s = int(str(more.pop("recovery_time", 0)))
    world.constrain(
        GroupConstraint(
            group_id="ha",
            project_id="red",
            max_impacted_members=budget,
            recovery_time=recovery_s,
            anti_affinity_group=bool(more.pop("apart", False)),
            max_instances_per_host=1,
        )
    )
    chosen = more.pop("hosts", ())
    await world.constrain_instances("red", "ha", **more)
    await world.create(hosts=chosen, actions=actions)


async def budget_of_one(world: World) -> None:
    await begin(world, Manager("red"), Manager("blue"), migration_types=MIGRATE)


async def recovery(world: World) -> None:
    await begin(
        world, Manager("red"), Manager("blue"), recovery_time=60, migration_types=LIVE, lead_time=10
    )


async def silent_and_registered(world: World) -> None:
    silent = {NoticeKind.PREPARE_MAINTENANCE: None, NoticeKind.PLANNED_MAINTENANCE: None}
    await begin(
        world,
        Manager("red", answers=silent),
        Manager("blue"),
        budget=2,
        migration_types=LIVE,
        lead_time=120,
    )


async def nobody_listens(world: World) -> None:
    await begin(world, budget=2, migration_types=MIGRATE, lead_time=30)


async def nobody_listens_but_a_move_is_named(world: World) -> None:
    await begin(world, budget=2, migration_types=OWN + LIVE)


async def nobody_listens_and_no_move_is_named(world: World) -> None:
    await begin(world, budget=2, migration_types=OWN)


async def silent_owner(world: World) -> None:
    silent = {NoticeKind.PREPARE_MAINTENANCE: None, NoticeKind.PLANNED_MAINTENANCE: None}
    await begin(world, Manager("red", answers=silent), Manager("blue"), migration_types=OWN)


async def replaces_its_own(world: World) -> None:
    red = Manager("red", InstanceAction.OWN_ACTION)
    await begin(world, red, Manager("blue"), migration_types=OWN, recovery_time=5)


async def says_no(world: World) -> None:
    no = {NoticeKind.PLANNED_MAINTENANCE: Answer.NACK}
    await begin(world, Manager("red", answers=no), Manager("blue"), migration_types=MIGRATE)


async def apart(world: World) -> None:
    await begin(world, Manager("red"), Manager("blue"), apart=True, migration_types=MIGRATE)


async def no_budget(world: World) -> None:
    await begin(world, Manager("red"), Manager("blue"), budget=0, migration_types=MIGRATE)


async def mitigated(world: World) -> None:
    await begin(
        world, Manager("red"), Manager("blue"), migration_types=MIGRATE, resource_mitigation=True
    )


async def one_is_down(world: World) -> None:
    servers = await world.cloud.servers("red")
    await world.cloud.stop("red", servers[0].instance_id)
    world.policy = replace(world.policy, own_action_s=60.0)
    await begin(world, Manager("red"), Manager("blue"), migration_types=MIGRATE)


async def full_and_scales_in(world: World) -> None:
    await begin(world, Manager("red", scale_in=2), budget=4, migration_types=MIGRATE)


async def one_host_fails(world: World) -> None:
    world.policy = replace(world.policy, failure_budget=1)
    world.metadata = {"fail_on": "c2"}
    await begin(world, Manager("red"), Manager("blue"), migration_types=MIGRATE)


async def one_host_is_not_well(world: World) -> None:
    """Its check does not pass on c2, and the session may lose a host."""
    world.policy = replace(world.policy, failure_budget=1, check_s=20.0)
    world.metadata = {"fail_on": "c2"}
    actions = ((ActionType.HOST, "dummy", True), (ActionType.CHECK, "dummy", True))
    await begin(world, Manager("red"), Manager("blue"), actions=actions, migration_types=MIGRATE)


async def with_controllers(world: World) -> None:
    world.workflow = "vnf"
    world.manage(Manager("red"))
    world.manage(Manager("blue"))
    await world.create(
        actions=tuple((kind, "dummy", True) for kind in ActionType)  # one of each
    )


REFUSED = '[[faults]]\neffect = "refuse"\noperation = "cold_migrate"\ntarget = "c6"\nnth = 1\n'
BROKEN = '[[faults]]\neffect = "break"\noperation = "cold_migrate"\ninstance = "red-2"\n'

VNF_SCENARIOS: dict[str, Scenario] = {
    "budget of one": Scenario(cloud=ROOMY, prepare=budget_of_one, states=ROLLING),
    "recovery and lead time": Scenario(cloud=ROOMY, prepare=recovery, states=ROLLING),
    "silence of one that registered": Scenario(
        cloud=ROOMY, prepare=silent_and_registered, states=ROLLING
    ),
    "nobody listens": Scenario(cloud=ROOMY, prepare=nobody_listens, states=ROLLING),
    "nobody listens, but a move is among what was registered": Scenario(
        cloud=ROOMY, prepare=nobody_listens_but_a_move_is_named, states=ROLLING
    ),
    "nobody listens, and its own action is all that was registered": Scenario(
        cloud=ROOMY,
        prepare=nobody_listens_and_no_move_is_named,
        states=(S.MAINTENANCE, S.PREPARE_MAINTENANCE, S.MAINTENANCE_FAILED),
        reason="project red has no manager that listens (PREPARE_MAINTENANCE of instance",
    ),
    "silence of one that acts itself": Scenario(
        cloud=ROOMY,
        prepare=silent_owner,
        states=(S.MAINTENANCE, S.PREPARE_MAINTENANCE, S.MAINTENANCE_FAILED),
        reason="project red did not reply in time (PREPARE_MAINTENANCE of instance",
    ),
    "own action": Scenario(cloud=ROOMY, prepare=replaces_its_own, states=ROLLING),
    "a project refuses": Scenario(
        cloud=ROOMY,
        prepare=says_no,
        states=(*HALF_WAY, S.MAINTENANCE_FAILED),
        reason="project red refused PLANNED_MAINTENANCE of instance",
    ),
    "apart by constraint": Scenario(
        cloud=ROOMY + hosts(1, "spare"),
        prepare=apart,
        states=(S.MAINTENANCE, *ROLLING[2:]),
    ),
    "as many apart as there are hosts": Scenario(
        cloud=ROOMY,
        prepare=apart,
        states=(S.MAINTENANCE, *[S.SCALE_IN] * 3, S.MAINTENANCE_FAILED),
        reason="3 requests to scale in had no effect",
    ),
    "no budget at all": Scenario(
        cloud=ROOMY,
        prepare=no_budget,
        states=(S.MAINTENANCE, S.MAINTENANCE_FAILED),
        reason="group ha allows none of its 6 members to be out of service",
    ),
    "substitutes have room": Scenario(cloud=ROOMY, prepare=mitigated, states=ROLLING),
    "a member is down": Scenario(
        cloud=ROOMY,
        prepare=one_is_down,
        states=(*HALF_WAY, S.MAINTENANCE_FAILED),
        reason="nothing has moved for 60 s",
    ),
    "full cloud scales in": Scenario(
        cloud=HOSTS + hosts(3) + project("red", 12, ("c1", "c2", "c3")),
        prepare=full_and_scales_in,
        states=(S.MAINTENANCE, S.SCALE_IN, S.SCALE_IN, *ROLLING[1:]),
    ),
    "a refused destination": Scenario(cloud=ROOMY + REFUSED, prepare=budget_of_one, states=ROLLING),
    "a move breaks its instance": Scenario(
        cloud=ROOMY + BROKEN,
        prepare=budget_of_one,
        states=(*HALF_WAY, S.MAINTENANCE_FAILED),
        reason="is in ERROR on",
    ),
    "one host fails within the budget": Scenario(
        cloud=ROOMY,
        prepare=one_host_fails,
        states=(*HALF_WAY, S.MAINTENANCE_FAILED),
        reason="set aside: c2 (action dummy on c2 failed: fails on c2, as its metadata says)",
    ),
    "one host does not pass its check": Scenario(
        cloud=ROOMY,
        prepare=one_host_is_not_well,
        states=(*HALF_WAY, S.MAINTENANCE_FAILED),
        reason="set aside: c2 (check dummy has not passed on c2: fails on c2, as its metadata says",
    ),
    "controllers": Scenario(
        cloud=ROOMY + hosts(2, "ctl{n}", "CONTROLLER"), prepare=with_controllers, states=ROLLING
    ),
}
