"""Why hosts cannot be planned, found beforehand and for each host that the waves left over, and what would help."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import replace

from fenix_grpc.core.planner.plan import Blocker, BlockerKind
from fenix_grpc.core.planner.problem import PlannedHost, PlannedInstance, Problem
from fenix_grpc.core.planner.release import scale_in_of, smallest
from fenix_grpc.core.planner.waves import Build, Growth
from fenix_grpc.core.planner.zones import Zone


def certain(problem: Problem, on: Mapping[str, Sequence[PlannedInstance]]) -> list[Blocker]:
    """What no plan can get around: held hosts, instances that cannot move, groups that can give no member away.

    `on` tells what is on each host, with instances that are under way at their target.
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
    rigid = {group_id for group_id, group in problem.groups.items() if group.budget < 1}
    never: dict[str, set[str]] = defaultdict(set)
    for name, host in waiting.items():
        for instance in on.get(name, ()):
            if instance.zone or not instance.movable:
                found += _instance_blockers(instance, name, host.zone)
            for group_id in rigid.intersection(instance.groups) if rigid else ():
                never[group_id].add(name)
    for group_id, hosts in sorted(never.items()):
        reason = (
            f"Group {group_id} allows no member out of service, so its members can never be moved; let its manager "
            "allow one, or take its hosts out of the session."
        )
        found.append(_blocker(BlockerKind.BUDGET_NEVER_MET, f"group:{group_id}", reason, hosts))
    return found + _too_large(problem, waiting, on)


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
            f"Instance {instance.instance_id} asks for zone {instance.zone} but sits in zone {zone or '(none)'}; no "
            "host of its own zone may take it. Move it by hand, or correct the zone that it asks for."
        )
        found.append(_blocker(BlockerKind.WRONG_ZONE, subject, reason, [host]))
    return found


def _too_large(
    problem: Problem,
    waiting: Mapping[str, PlannedHost],
    on: Mapping[str, Sequence[PlannedInstance]],
) -> list[Blocker]:
    """Groups whose other hosts have fewer places than the members on one host need."""
    limits = {
        g: group.max_per_host for g, group in problem.groups.items() if group.max_per_host > 0
    }
    if not limits:
        return []
    members: dict[tuple[str, str], dict[str, int]] = defaultdict(dict)
    zone_of = {host.name: host.zone for host in problem.hosts}
    for name, zone in zone_of.items():
        for instance in on.get(name, ()):
            for group_id in instance.groups:
                if group_id in limits:
                    there = members[group_id, zone]
                    there[name] = there.get(name, 0) + 1
    destinations: dict[str, set[str]] = defaultdict(set)
    for host in problem.hosts:
        stays = host.name not in problem.held and not host.retired
        if stays and (host.usable or host.name in waiting):
            destinations[host.zone].add(host.name)
    found = []
    for (group_id, zone), there in sorted(members.items()):
        limit, others = limits[group_id], destinations[zone]
        spare = limit * len(others) - sum(min(limit, n) for h, n in there.items() if h in others)
        stuck = []
        for name, number in there.items():
            here = limit - min(limit, number) if name in others else 0
            if name in waiting and number > spare - here:
                stuck.append(name)
        if stuck:
            reason = (
                f"Group {group_id} has {sum(there.values())} members in zone {zone or '(none)'} and allows {limit} on "
                f"a host; its {len(others)} hosts leave no place for a member when one of them is out. Scale the "
                "group in, or add a host."
            )
            found.append(_blocker(BlockerKind.GROUP_TOO_LARGE, f"group:{group_id}", reason, stuck))
    return found


def _blocker(kind: BlockerKind, subject: str, reason: str, hosts: Iterable[str]) -> Blocker:
    return Blocker(
        kind=kind, subject=subject, reason=reason, hosts=tuple(sorted(hosts)), proven=True
    )


def no_room(zone: Zone, build: Build, *, proven: bool, spared: Collection[str] = ()) -> Blocker:
    """The blocker for the hosts that the waves left over, with the smallest scale-in and the hosts to add."""
    hosts = tuple(sorted(zone.hosts[h].name for h in build.stuck))
    released, add = smallest(zone, spared), _hosts_to_add(zone)
    scale_in = scale_in_of([(zone, released)]) if released else None
    help_text = []
    if scale_in is not None:
        help_text.append(f"release {len(scale_in.instance_ids)} instances ({scale_in.amount})")
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
        members=zone.members + [{} for _ in range(number)],
    )


def _hosts_to_add(zone: Zone) -> int:
    number = 1
    while number <= len(zone.hosts):
        if not Growth(_with_hosts(zone, number)).run((), 0).stuck:
            return number
        number *= 2
    return 0
