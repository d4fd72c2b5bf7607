"""Small and nasty clouds for properties."""

from __future__ import annotations

import os

from hypothesis import strategies as st

from fenix_grpc.core.model import Resources
from fenix_grpc.core.planner import (
    Options,
    PlannedGroup,
    PlannedHost,
    PlannedInstance,
    PlannedMove,
    Preference,
    Problem,
    Slots,
)

#: Cases of each property: many in CI, fewer where somebody waits.
EXAMPLES = 60 if os.environ.get("CI") else 20


def size(vcpus: int, memory_gb: int | None = None) -> Resources:
    memory = vcpus if memory_gb is None else memory_gb
    return Resources(vcpus=vcpus, memory_mb=1024 * memory, disk_gb=10)


@st.composite
def problems(draw: st.DrawFn, *, hosts: int = 10, instances: int = 30, odd: bool = True) -> Problem:
    """A cloud that keeps its own rules at the start; `odd` adds refusals, held hosts, moves under way and the like."""
    number = draw(st.integers(2, hosts))
    zones = draw(st.integers(1, 2)) if odd else 1
    made = [_host(draw, n, zones, odd) for n in range(number)]
    groups = {
        f"g{n}": PlannedGroup(
            max_per_host=draw(st.integers(0, 2)),
            budget=draw(st.integers(0 if odd and draw(st.integers(0, 5)) == 0 else 1, 3)),
            recovery_s=float(draw(st.integers(0, 20))),
        )
        for n in range(draw(st.integers(0, 3)))
    }
    built = _instances(draw, made, groups, draw(st.integers(0, instances)), odd)
    names = [h.name for h in made]
    options = Options(
        max_hosts_at_once=draw(st.integers(0, 3)),
        fill_limit=draw(st.sampled_from([1.0, 1.0, 0.9])),
        preference=draw(st.sampled_from(list(Preference))),
    )
    slots = Slots(
        per_source=draw(st.integers(0, 2)),
        per_destination=draw(st.integers(0, 2)),
        in_all=draw(st.integers(0, 4)),
    )
    refused = {}
    held: frozenset[str] = frozenset()
    if odd and built:
        held = draw(st.frozensets(st.sampled_from(names), max_size=1))
        some = draw(st.lists(st.sampled_from([i.instance_id for i in built]), max_size=3))
        refused = {i: draw(st.frozensets(st.sampled_from(names), max_size=2)) for i in some}
    return Problem(
        hosts=tuple(made),
        instances=tuple(built),
        groups=groups,
        slots=slots,
        options=options,
        held=held,
        refused=refused,
        kept=_under_way(draw, made, built, groups) if odd else (),
    )


@st.composite
def full_clouds(draw: st.DrawFn, *, hosts: int = 3, instances: int = 8) -> Problem:
    """Hosts with hardly any room left, some of whose instances nobody can be asked to release."""
    names = [f"h{n}" for n in range(draw(st.integers(2, hosts)))]
    built: list[PlannedInstance] = []
    for name in names:
        left = 8 - draw(st.integers(0, 2))
        while left > 0 and len(built) < instances:
            number = draw(st.integers(1, min(4, left)))
            left -= number
            built.append(
                PlannedInstance(instance_id=f"i{len(built)}", host=name, size=size(number))
            )
    ids = [i.instance_id for i in built]
    whole = Resources(vcpus=8, memory_mb=8192, disk_gb=100)
    return Problem(
        hosts=tuple(PlannedHost(name=name, capacity=whole) for name in names),
        instances=tuple(built),
        not_to_scale_in=draw(st.frozensets(st.sampled_from(ids), max_size=3)),
    )


def _host(draw: st.DrawFn, n: int, zones: int, odd: bool) -> PlannedHost:
    return PlannedHost(
        name=f"h{n}",
        capacity=Resources(
            vcpus=draw(st.integers(4, 12)), memory_mb=1024 * draw(st.integers(4, 12)), disk_gb=200
        ),
        zone=f"z{n % zones}",
        work_s=float(draw(st.integers(1, 50))),
        in_session=draw(st.integers(0, 5)) > 0,
        usable=draw(st.integers(0, 7)) > 0,
        maintained=odd and draw(st.integers(0, 9)) == 0,
        retired=draw(st.integers(0, 6)) == 0,
    )


def _instances(
    draw: st.DrawFn,
    hosts: list[PlannedHost],
    groups: dict[str, PlannedGroup],
    number: int,
    odd: bool,
) -> list[PlannedInstance]:
    free = {h.name: h.capacity for h in hosts}
    members: dict[tuple[str, str], int] = {}
    built = []
    for n in range(number):
        host = draw(st.sampled_from(hosts)).name
        wanted = size(draw(st.integers(1, 4)), draw(st.integers(1, 4)))
        mine = draw(st.sets(st.sampled_from(sorted(groups)), max_size=2)) if groups else set()
        full = [
            g
            for g in mine
            if groups[g].max_per_host and members.get((g, host), 0) >= groups[g].max_per_host
        ]
        if not wanted.fits(free[host]) or full:
            continue
        free[host] -= wanted
        for g in mine:
            members[g, host] = members.get((g, host), 0) + 1
        built.append(
            PlannedInstance(
                instance_id=f"i{n}",
                project_id="p",
                host=host,
                size=wanted,
                groups=tuple(sorted(mine)),
                move_s=float(draw(st.integers(1, 30))),
                movable=not odd or draw(st.integers(0, 20)) > 0,
                own_action=draw(st.booleans()),
                lead_s=float(draw(st.sampled_from([0, 0, 25]))),
                mitigation=draw(st.integers(0, 6)) == 0,
            )
        )
    return built


def _under_way(
    draw: st.DrawFn,
    hosts: list[PlannedHost],
    instances: list[PlannedInstance],
    groups: dict[str, PlannedGroup],
) -> tuple[PlannedMove, ...]:
    """At most one move that has been started, of a free instance to a host with room."""
    free = {h.name: h.capacity for h in hosts}
    for i in instances:
        free[i.host] -= i.size
    zone = {h.name: h.zone for h in hosts}
    found = [
        PlannedMove(instance_id=i.instance_id, source=i.host, target=h.name)
        for i in instances
        for h in hosts
        if not i.groups
        and h.name != i.host
        and zone[h.name] == zone[i.host]
        and i.size.fits(free[h.name])
    ]
    return (draw(st.sampled_from(found)),) if found and draw(st.integers(0, 3)) == 0 else ()
