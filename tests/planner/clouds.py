"""Generated clouds: one seed, one cloud. The same generator serves properties and benchmark."""

from __future__ import annotations

import random
from dataclasses import replace

from fenix_grpc.core.model import Resources
from fenix_grpc.core.planner.problem import (
    Options,
    PlannedGroup,
    PlannedHost,
    PlannedInstance,
    Problem,
    Slots,
)

#: vCPU, GiB of memory, GiB of disk, weight
FLAVORS = (
    (1, 2, 10, 20),
    (2, 4, 20, 30),
    (4, 8, 40, 25),
    (4, 16, 40, 10),
    (8, 16, 80, 10),
    (8, 32, 80, 5),
)
CAPACITY = Resources(vcpus=128, memory_mb=256 * 1024, disk_gb=2000)


def move_seconds(memory_gb: int) -> float:
    """10 s and the memory at 5 Gbit/s, a third of it twice."""
    return 10.0 + memory_gb * 8 / 5 * 1.3


def cloud(
    hosts: int,
    instances: int,
    *,
    load: float = 0.7,
    zones: int = 1,
    seed: int = 1,
    options: Options = Options(),
    slots: Slots = Slots(),
) -> Problem:
    """Uneven loads, 30 % of the instances in anti-affine groups of 2 to 8 with a budget of one, 50 % in groups of 10 to
    40 with a budget of an eighth; work takes 20 to 40 minutes."""
    chance = random.Random(seed)
    sizes = chance.choices(FLAVORS, [f[3] for f in FLAVORS], k=instances)
    memory = sum(f[1] for f in sizes) * 1024
    vcpus = sum(f[0] for f in sizes)
    each = max(memory / hosts / load / 1024, vcpus / hosts / load * 2)
    capacity = Resources(
        vcpus=max(8, round(each / 2 * 1.1)),
        memory_mb=max(32, round(each)) * 1024,
        disk_gb=20 * round(each),
    )
    names = [f"host-{n:05d}" for n in range(hosts)]
    where = {name: f"az{n % zones}" for n, name in enumerate(names)}
    made = tuple(
        PlannedHost(
            name=name, capacity=capacity, zone=where[name], work_s=chance.uniform(1200.0, 2400.0)
        )
        for name in names
    )
    groups: dict[str, PlannedGroup] = {}
    member_of = _groups(chance, instances, zones, hosts // zones, groups)
    placed = _place(chance, names, zones, capacity, sizes, member_of, groups)
    built = tuple(
        PlannedInstance(
            instance_id=f"vm-{n:06d}",
            project_id=f"p{n % 7}",
            host=host,
            size=_size(sizes[n]),
            groups=(member_of[n],) if n in member_of else (),
            move_s=move_seconds(sizes[n][1]),
        )
        for n, host in placed
    )
    return Problem(hosts=made, instances=built, groups=groups, options=options, slots=slots)


def crammed(problem: Problem) -> Problem:
    """The same hosts, each filled with more instances, large ones first, until none fits any more."""
    free = {h.name: h.capacity for h in problem.hosts}
    for instance in problem.instances:
        free[instance.host] -= instance.size
    more = []
    for flavor in reversed(FLAVORS):
        size = _size(flavor)
        for name in free:
            while size.fits(free[name]):
                free[name] -= size
                more.append(PlannedInstance(instance_id=f"more-{len(more)}", host=name, size=size))
    return replace(problem, instances=(*problem.instances, *more))


def _size(flavor: tuple[int, int, int, int]) -> Resources:
    return Resources(vcpus=flavor[0], memory_mb=flavor[1] * 1024, disk_gb=flavor[2])


def _groups(
    chance: random.Random,
    instances: int,
    zones: int,
    width: int,
    groups: dict[str, PlannedGroup],
) -> dict[int, str]:
    """Instance to group; members of one group sit in one zone."""
    member_of: dict[int, str] = {}
    for zone in range(zones):
        mine = list(range(zone, instances, zones))
        chance.shuffle(mine)
        exclusive = mine[: int(len(mine) * 0.3)]
        shared = mine[int(len(mine) * 0.3) : int(len(mine) * 0.8)]
        for pool, least, most, limit in ((exclusive, 2, 8, 1), (shared, 10, 40, 0)):
            while pool:
                number = min(len(pool), chance.randint(least, most), max(1, width // 2))
                name = f"g{len(groups)}"
                budget = 1 if limit else max(1, number // 8)
                groups[name] = PlannedGroup(max_per_host=limit, budget=budget, recovery_s=60.0)
                for n in pool[:number]:
                    member_of[n] = name
                del pool[:number]
    return member_of


def _place(
    chance: random.Random,
    names: list[str],
    zones: int,
    capacity: Resources,
    sizes: list[tuple[int, int, int, int]],
    member_of: dict[int, str],
    groups: dict[str, PlannedGroup],
) -> list[tuple[int, str]]:
    """Random hosts, twice tried, with uneven wishes; what fits nowhere is left out."""
    free = dict.fromkeys(names, capacity)
    there: set[tuple[str, str]] = set()
    wish = {name: chance.uniform(0.7, 1.0) for name in names}
    placed = []
    for n, flavor in sorted(enumerate(sizes), key=lambda item: -item[1][1]):
        mine, size = names[n % zones :: zones], _size(flavor)
        group = member_of.get(n, "")
        for _ in range(60):
            name = max(
                chance.sample(mine, min(2, len(mine))), key=lambda h: free[h].memory_mb * wish[h]
            )
            limited = bool(group) and groups[group].max_per_host == 1
            if size.fits(free[name]) and not (limited and (group, name) in there):
                free[name] -= size
                there.add((group, name))
                placed.append((n, name))
                break
    return sorted(placed)
