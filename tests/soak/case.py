"""What one random session is made of. One seed, one case: whatever happens in it is decided here, before it begins."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from random import Random

from fenix_grpc.clouds.simulated.definition import (
    Call,
    Definition,
    Durations,
    Fault,
    Flavor,
    Group,
    Hosts,
    Instances,
    Project,
)
from fenix_grpc.core.model import (
    Answer,
    FailedLive,
    Fallback,
    HostDown,
    HostKind,
    InstanceAction,
    NoticeKind,
    Policy,
    Resources,
    SlowLive,
)

FLAVORS = {
    "s": Flavor(vcpus=1, memory_mb=2048, disk_gb=10),
    "m": Flavor(vcpus=2, memory_mb=4096, disk_gb=20),
    "l": Flavor(vcpus=4, memory_mb=16384, disk_gb=20),
    "d": Flavor(vcpus=1, memory_mb=1024, disk_gb=120),
}
WAYS = tuple(InstanceAction)
#: Seconds of the story in which things go wrong; what goes wrong for a while is over soon after.
STORY_S = 900.0
#: The longest time for which anything goes wrong that ends by itself.
LONGEST_S = 1200.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Owner:
    """How a project and its manager behave."""

    project_id: str
    #: Without a manager nobody answers, nor is anybody asked.
    managed: bool
    action: InstanceAction
    thinks_s: float
    #: Answers other than ACK, None for silence; taken back by a repair.
    answers: dict[NoticeKind, Answer | None]
    #: Seconds after its reply that an own action is done; None: never, until a repair.
    acts_after_s: float | None
    #: Instances that it releases when asked for room.
    releases: int
    #: Demands per instance, empty for none: group constraint fields and instance constraint fields.
    group: dict[str, object] = field(default_factory=dict)
    each: dict[str, object] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Happening:
    """Something that is done to the cloud from outside."""

    at_s: float
    #: boot, vanish, stop, down, up, disable or enable
    kind: str
    #: A host or a project.
    subject: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """A whole session before it happens."""

    seed: int
    workflow: str
    definition: Definition
    policy: Policy
    owners: tuple[Owner, ...]
    happenings: tuple[Happening, ...]
    #: Hosts of the session; empty for all.
    hosts: tuple[str, ...]
    #: Host to how often work on it fails, and hosts on which it never ends the first time.
    spoilt: dict[str, int]
    endless: frozenset[str]
    #: Appends after which an engine stops dead, each of another one, and whether that append was made.
    crashes: tuple[tuple[int, bool], ...]
    #: The action may be run again after an unknown outcome.
    idempotent: bool
    #: How often the operator repairs and continues, whether the end of that is a delete, and when one comes anyway.
    continues: int
    deletes: bool
    deletes_at_s: float | None


def case(seed: int) -> Case:
    """The case of a seed."""
    chance = Random(seed)
    hosts = _hosts(chance)
    names = [name for host in hosts for name in host.named() if host.kind is HostKind.COMPUTE]
    owners = tuple(_owner(chance, f"p{n}") for n in range(chance.randint(1, 4)))
    chosen = tuple(sorted(chance.sample(names, chance.randint(1, len(names)))))
    return Case(
        seed=seed,
        workflow=chance.choice(("default", "vnf", "vnf")),
        definition=Definition(
            seed=seed,
            hosts=hosts,
            flavors=FLAVORS,
            projects=tuple(_projects(chance, hosts, owners)),
            durations=Durations(
                live_migrate=8.0, cold_migrate=15.0, disable=1.0, enable=1.0, boot=5.0, jitter=0.6
            ),
            faults=tuple(_faults(chance, names)),
        ),
        policy=_policy(chance),
        owners=owners,
        happenings=tuple(sorted(_happenings(chance, names, owners), key=lambda h: h.at_s)),
        hosts=chosen if chance.random() < 0.3 else (),
        spoilt={n: chance.randint(1, 2) for n in names if chance.random() < 0.04},
        endless=frozenset(n for n in names if chance.random() < 0.01),
        crashes=tuple(_crashes(chance)),
        idempotent=chance.random() < 0.7,
        continues=chance.choice((0, 2, 4, 4)),
        deletes=chance.random() < 0.5,
        deletes_at_s=chance.uniform(0, STORY_S) if chance.random() < 0.08 else None,
    )


def _hosts(chance: Random) -> tuple[Hosts, ...]:
    made = [
        Hosts(
            name=f"c{number}",
            vcpus=vcpus,
            memory_mb=4096 * vcpus,
            disk_gb=chance.choice((20, 40)) * vcpus,
            disabled_reason="broken fan" if chance.random() < 0.03 else "",
            up=chance.random() > 0.02,
        )
        for number in range(1, chance.randint(3, 12) + 1)
        for vcpus in [chance.choice((8, 12, 16))]
    ]
    for number in range(chance.choice((0, 0, 0, 1, 2))):
        kind = chance.choice((HostKind.CONTROLLER, HostKind.OTHER))
        made.append(Hosts(name=f"x{number}", kind=kind, vcpus=8, memory_mb=8192, disk_gb=100))
    return tuple(made)


def _owner(chance: Random, project_id: str) -> Owner:
    kinds = [k for k in NoticeKind if chance.random() < 0.02]
    constrained = chance.random() < 0.6
    return Owner(
        project_id=project_id,
        managed=chance.random() < 0.8,
        action=chance.choice((*WAYS[:2], *WAYS)),
        thinks_s=chance.choice((0.0, 0.0, 3.0, 20.0)),
        answers={kind: chance.choice((None, Answer.NACK)) for kind in kinds},
        acts_after_s=chance.choice((0.0, 1.0, 10.0, 60.0, 60.0, 400.0, None)),
        releases=chance.randint(0, 3),
        group=_group_demand(chance) if constrained else {},
        each=_demand(chance) if constrained else {},
    )


def _group_demand(chance: Random) -> dict[str, object]:
    return {
        "max_impacted_members": chance.choice((1, 1, 2, 3, 3, 5)) if chance.random() > 0.02 else 0,
        "recovery_time": chance.choice((0, 0, 10, 60)),
        "anti_affinity_group": chance.random() < 0.3,
        "max_instances_per_host": chance.choice((1, 2, 3)),
        "resource_mitigation": chance.random() < 0.1,
    }


def _demand(chance: Random) -> dict[str, object]:
    ways = tuple(chance.sample(WAYS, chance.randint(0, 3)))
    return {
        "migration_types": ways,
        "lead_time": chance.choice((0, 0, 5, 30, 90)),
        "max_interruption_time": chance.choice((0, 5)),
        "resource_mitigation": chance.random() < 0.1,
    }


def _projects(chance: Random, hosts: Sequence[Hosts], owners: Sequence[Owner]) -> Iterator[Project]:
    """Instances up to some share of the cloud, on hosts that have room for them and as groups demand."""
    free = {h.name: _size(h) for h in hosts if h.kind is HostKind.COMPUTE}
    load = chance.uniform(0.2, 0.75)
    budget = load * sum(size.vcpus for size in free.values())
    counts: dict[tuple[str, str], int] = {}
    made: dict[str, list[Instances]] = {owner.project_id: [] for owner in owners}
    groups = {
        owner.project_id: Group(name=f"g-{owner.project_id}", max_per_host=chance.randint(1, 3))
        for owner in owners
        if chance.random() < 0.4
    }
    for number in range(60):
        owner, flavor = chance.choice(owners), chance.choice("ssmmmld")
        name, group = owner.project_id, groups.get(owner.project_id)
        if group is not None and chance.random() < 0.5:
            group = None
        size = FLAVORS[flavor].size
        fitting = [
            host
            for host, room in free.items()
            if size.fits(room)
            and (group is None or counts.get((group.name, host), 0) < group.max_per_host)
        ]
        if not fitting or budget < size.vcpus:
            continue
        host = chance.choice(fitting)
        free[host], budget = free[host] - size, budget - size.vcpus
        if group is not None:
            counts[group.name, host] = counts.get((group.name, host), 0) + 1
        made[name].append(
            Instances(
                name=f"{name}-{number}",
                flavor=flavor,
                group=group.name if group else "",
                hosts=(host,),
                status=chance.choices(("ACTIVE", "SHUTOFF", "ERROR"), (96, 3, 1))[0],
            )
        )
    for project_id, instances in made.items():
        mine = (groups[project_id],) if project_id in groups else ()
        yield Project(id=project_id, groups=mine, instances=tuple(instances))


def _size(host: Hosts) -> Resources:
    return Resources(vcpus=host.vcpus, memory_mb=host.memory_mb, disk_gb=host.disk_gb)


def _faults(chance: Random, names: Sequence[str]) -> Iterator[Fault]:
    moves: tuple[Call, ...] = ("live_migrate", "cold_migrate")
    for _ in range(chance.choice((0, 0, 1, 2, 4))):
        operation = chance.choice(moves)
        effect = chance.choice(("fail", "fail", "refuse", "unavailable"))
        if chance.random() < 0.5:
            yield Fault(effect=effect, operation=operation, nth=chance.randint(1, 12))
        else:
            where = {chance.choice(("host", "target")): chance.choice(names)}
            yield Fault(
                effect=effect, operation=operation, **where, after_s=0.0, for_s=STORY_S, nth=0
            )
    if chance.random() < 0.3:
        where = {"host": chance.choice(names)} if chance.random() < 0.5 else {}
        nth = 0 if where else chance.randint(1, 6)
        yield Fault(effect="stuck", operation="live_migrate", **where, for_s=STORY_S, nth=nth)
    if chance.random() < 0.15:
        yield Fault(effect="unavailable", operation="inventory", nth=chance.randint(1, 20))
    if chance.random() < 0.15:
        operation = chance.choice(("disable", "enable"))
        effect = chance.choice(("refuse", "unavailable"))
        yield Fault(effect=effect, operation=operation, nth=chance.randint(1, 5))
    if chance.random() < 0.15:
        yield Fault(
            effect="unavailable",
            after_s=chance.uniform(0, STORY_S),
            for_s=chance.choice((5.0, 60.0, LONGEST_S)),
            reason="the cloud is away",
        )


def _policy(chance: Random) -> Policy:
    return Policy(
        poll_s=chance.choice((1.0, 5.0)),
        retry_wait_s=chance.choice((1.0, 10.0)),
        reply_s=40.0,
        move_s=chance.choice((600.0, 600.0, 10.0)),
        action_s=300.0,
        own_action_s=240.0,
        parallel_hosts=chance.randint(1, 6),
        parallel_moves=chance.randint(1, 8),
        moves_per_source=chance.randint(1, 3),
        moves_per_target=chance.randint(1, 3),
        no_manager=chance.choice((Fallback.MIGRATE, Fallback.MIGRATE, Fallback.FAIL)),
        silence=chance.choice((Fallback.MIGRATE, Fallback.FAIL)),
        live_s=chance.choice((0.0, 3.0, 15.0)),
        slow_live=chance.choice(tuple(SlowLive)),
        failed_live=tuple(chance.sample(tuple(FailedLive), chance.randint(0, 3))),
        move_attempts=chance.randint(1, 3),
        host_down=chance.choice(tuple(HostDown)),
        host_down_s=chance.choice((5.0, 60.0)),
        failure_budget=chance.choice((0, 0, 1)),
    )


def _happenings(
    chance: Random, names: Sequence[str], owners: Sequence[Owner]
) -> Iterator[Happening]:
    for _ in range(chance.choice((0, 0, 1, 3))):
        kind = chance.choice(("boot", "vanish", "vanish", "stop"))
        subject = chance.choice(owners).project_id
        yield Happening(at_s=chance.uniform(0, STORY_S), kind=kind, subject=subject)
    for down, up, share in (("down", "up", 0.35), ("disable", "enable", 0.12)):
        if chance.random() < share:
            host, at_s = chance.choice(names), chance.uniform(0, STORY_S)
            yield Happening(at_s=at_s, kind=down, subject=host)
            if chance.random() < 0.7:
                again_s = at_s + chance.uniform(1, 300)
                yield Happening(at_s=again_s, kind=up, subject=host)


def _crashes(chance: Random) -> Iterator[tuple[int, bool]]:
    while chance.random() < 0.35:
        yield chance.randint(1, 80), chance.random() < 0.5
