"""Why hosts cannot be planned, found beforehand and for each host that the waves left over, and what would help."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

from fenix_grpc.core.model import Resources
from fenix_grpc.core.planner.plan import Blocker, BlockerKind, ScaleIn
from fenix_grpc.core.planner.problem import PlannedHost, PlannedInstance, Problem
from fenix_grpc.core.planner.waves import Build, Growth
from fenix_grpc.core.planner.zones import Zone

#: Builds that the search for the smallest scale-in may cost, in placed instances.
EFFORT = 100_000


def certain(problem: Problem, at: Mapping[str, str]) -> list[Blocker]:
    """What no plan can get around: held hosts, instances that cannot move, groups that can give no member away.

    `at` tells where the instances are that are under way: at their target.
    """
    waiting = {host.name: host for host in problem.hosts if host.in_session and not host.maintained}
    found = [
        _blocker(
            BlockerKind.HOST_HELD,
            f"host:{name}",
            f"Another session works on host {name}; it can be planned when that session is over.",
            [name],
        )
        for name in sorted(waiting.keys() & problem.held)
    ]
    zone_of = {name: host.zone for name, host in waiting.items()}
    never: dict[str, set[str]] = defaultdict(set)
    where = [(i, at.get(i.instance_id, i.host)) for i in problem.instances]
    for instance, host in where:
        if host not in waiting:
            continue
        found += _instance_blockers(instance, host, zone_of[host])
        for group_id in instance.groups:
            group = problem.groups.get(group_id)
            if group is not None and group.budget < 1:
                never[group_id].add(host)
    for group_id, hosts in sorted(never.items()):
        reason = (
            f"Group {group_id} allows no member out of service, so its members can never be moved; let its manager "
            "allow one, or take its hosts out of the session."
        )
        found.append(_blocker(BlockerKind.BUDGET_NEVER_MET, f"group:{group_id}", reason, hosts))
    return found + _too_large(problem, waiting, where)


def _instance_blockers(instance: PlannedInstance, host: str, zone: str) -> list[Blocker]:
    subject, found = f"instance:{instance.instance_id}", []
    if not instance.movable and not instance.own_action:
        reason = (
            f"Instance {instance.instance_id} cannot be moved by the cloud and its manager has no action of its "
            "own for it; stop it, or let its manager handle it."
        )
        found.append(_blocker(BlockerKind.INSTANCE_CANNOT_MOVE, subject, reason, [host]))
    if instance.zone not in ("", zone):
        reason = (
            f"Instance {instance.instance_id} asks for zone {instance.zone} but sits in zone {zone}; no host of its "
            "own zone may take it."
        )
        found.append(_blocker(BlockerKind.WRONG_ZONE, subject, reason, [host]))
    return found


def _too_large(
    problem: Problem, waiting: dict[str, PlannedHost], where: Sequence[tuple[PlannedInstance, str]]
) -> list[Blocker]:
    """Groups whose other hosts have fewer places than the members on one host need."""
    limits = {
        g: group.max_per_host for g, group in problem.groups.items() if group.max_per_host > 0
    }
    needing = {g for i, host in where if host in waiting for g in i.groups if g in limits}
    if not needing:
        return []
    zone_of = {host.name: host.zone for host in problem.hosts}
    members: dict[tuple[str, str], dict[str, int]] = defaultdict(lambda: defaultdict(int))
    for instance, at in where:
        for group_id in needing.intersection(instance.groups):
            if at in zone_of:
                members[group_id, zone_of[at]][at] += 1
    destinations: dict[str, set[str]] = defaultdict(set)
    for host in problem.hosts:
        if host.name not in problem.held and (host.usable or host.name in waiting):
            destinations[host.zone].add(host.name)
    found = []
    for (group_id, zone), on in sorted(members.items()):
        limit, others = limits[group_id], destinations[zone]
        spare = limit * len(others) - sum(min(limit, n) for h, n in on.items() if h in others)
        stuck = []
        for name, number in on.items():
            here = limit - min(limit, number) if name in others else 0
            if name in waiting and number > spare - here:
                stuck.append(name)
        if stuck:
            reason = (
                f"Group {group_id} has {sum(on.values())} members in zone {zone or '(none)'} and allows {limit} on a "
                f"host; its {len(others)} hosts leave no place for a member when one of them is out. Scale the group "
                "in, or add a host."
            )
            found.append(_blocker(BlockerKind.GROUP_TOO_LARGE, f"group:{group_id}", reason, stuck))
    return found


def _blocker(kind: BlockerKind, subject: str, reason: str, hosts: Iterable[str]) -> Blocker:
    return Blocker(
        kind=kind, subject=subject, reason=reason, hosts=tuple(sorted(hosts)), proven=True
    )


def no_room(zone: Zone, build: Build, *, proven: bool) -> Blocker:
    """The blocker for the hosts that the waves left over, with the smallest scale-in and the hosts to add."""
    hosts = tuple(sorted(zone.hosts[h].name for h in build.stuck))
    released = _smallest_scale_in(zone)
    add = _hosts_to_add(zone)
    help_text = []
    scale_in = None
    if released:
        amount = Resources()
        for i in released:
            amount += zone.instances[i].size
        scale_in = ScaleIn(
            instance_ids=tuple(sorted(zone.instances[i].instance_id for i in released)),
            amount=amount,
        )
        help_text.append(f"release {len(released)} instances ({amount})")
    if add:
        help_text.append(f"add {add} empty hosts")
    return Blocker(
        kind=BlockerKind.NO_ROOM,
        subject=f"zone:{zone.name}",
        reason=(
            f"What is on {len(hosts)} hosts of zone {zone.name or '(none)'} finds no room elsewhere; "
            f"{' or '.join(help_text) or 'no release of instances was found that helps'}."
        ),
        hosts=hosts,
        proven=proven,
        scale_in=scale_in,
        add_hosts=add,
    )


def without(zone: Zone, released: frozenset[int]) -> Zone:
    """The zone after these instances are gone."""
    used, members, width = list(zone.used), dict(zone.members), len(zone.hosts)
    for i in released:
        host, size = zone.at[i], zone.size(i)
        used[host] = (used[host][0] - size[0], used[host][1] - size[1], used[host][2] - size[2])
        for group in zone.groups[i]:
            members[group * width + host] -= 1
    on = [[i for i in instances if i not in released] for instances in zone.on]
    return replace(zone, used=used, members=members, on=on)


def _with_hosts(zone: Zone, number: int) -> Zone:
    """The zone with empty hosts of its largest kind."""
    best = max(range(len(zone.hosts)), key=lambda h: (zone.limit[h][zone.scarce], zone.limit[h]))
    width, wider = len(zone.hosts), len(zone.hosts) + number
    return replace(
        zone,
        hosts=zone.hosts + [zone.hosts[best]] * number,
        limit=zone.limit + [zone.limit[best]] * number,
        used=zone.used + [(0, 0, 0)] * number,
        on=zone.on + [[] for _ in range(number)],
        clean=[*zone.clean, *range(width, wider)],
        members={k // width * wider + k % width: n for k, n in zone.members.items()},
    )


def _grow(zone: Zone) -> Build:
    build = Growth(zone).run(())
    assert build is not None
    return build


def _hosts_to_add(zone: Zone) -> int:
    number = 1
    while number <= len(zone.hosts):
        if not _grow(_with_hosts(zone, number)).stuck:
            return number
        number *= 2
    return 0


def _smallest_scale_in(zone: Zone) -> list[int]:
    """Instances whose release lets all be planned: host by host what lacks room, then whatever of it is not needed."""
    effort = max(8, EFFORT // max(1, len(zone.instances)))
    released: list[int] = []
    while True:
        growth = Growth(without(zone, frozenset(released)))
        build = growth.run(())
        assert build is not None
        if not build.stuck:
            break
        more = growth.lacking()
        if not more or effort <= 0:
            return []
        released += more
        effort -= 1
    for i in list(released):
        rest = frozenset(released) - {i}
        if effort > 0 and not _grow(without(zone, rest)).stuck:
            released.remove(i)
        effort -= 1
    return released
