"""What no plan can beat: proven lower bounds for rounds, moves and time, printed beside each plan.

All of them relax: instances become fluid, dimensions are taken one at a time, the lightest loads meet the largest
capacities. So a plan at its bound is optimal, and one above it may be.
"""

from __future__ import annotations

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Collection, Iterable, Sequence
from itertools import accumulate

from fenix_grpc.core.planner.plan import Bounds
from fenix_grpc.core.planner.problem import Problem
from fenix_grpc.core.planner.zones import Zone

#: Prices of load that are tried when the cheapest seeds of a given load are bounded, as shares of the mean price.
PRICES = (0.0, 0.25, 0.5, 0.7, 0.8, 0.9, 1.0, 1.1, 1.25, 1.5, 2.0, 3.0)


class Fluid:
    """One dimension of a zone with its instances melted: which waves could exist at all."""

    def __init__(self, zone: Zone, todo: Sequence[int], d: int, at_once: int) -> None:
        loads = sorted(zone.used[h][d] for h in todo)
        caps = sorted((max(zone.limit[h][d], zone.used[h][d]) for h in todo), reverse=True)
        rest = [*zone.clean, *set(zone.todo).difference(todo)]
        self.clean = sum(max(0, zone.limit[h][d] - zone.used[h][d]) for h in rest)
        self.loads = list(accumulate(loads, initial=0))
        self.caps = list(accumulate(caps, initial=0))
        self.count = len(todo)
        spare = self.caps[-1] + self.clean - self.loads[-1]
        out = bisect_right(list(accumulate(reversed(caps), initial=0)), spare) - 1
        self.out = min(out, at_once) if at_once else out

    def rounds(self, seeds: int, load: float) -> int:
        """Fewest waves when wave 0 has `seeds` hosts that carry `load`; 0 when there are none."""
        done, waves = seeds, 1
        while done < self.count:
            room = self.clean + self.caps[done]
            light = bisect_right(self.loads, room) - 1 + seeds
            some = bisect_right(self.loads, room + load) - 1
            most = min(done + self.out, light, some, self.count)
            if most <= done:
                return 0
            done, waves = most, waves + 1
        return waves

    def least_load(self, seeds: int, rounds: int) -> float:
        """The least that `seeds` hosts must carry for the waves to end within `rounds`; infinite when none will do."""
        high = self.loads[-1] - self.loads[self.count - seeds]
        low = 0

        def enough(load: int) -> bool:
            return 0 < self.rounds(seeds, load) <= rounds

        if not enough(high):
            return float("inf")
        while low < high:
            middle = (low + high) // 2
            if enough(middle):
                high = middle
            else:
                low = middle + 1
        return low


def fluids(zone: Zone, todo: Sequence[int], at_once: int) -> list[Fluid]:
    """The dimensions in which the zone has any capacity, the scarcest first."""
    order = sorted(range(3), key=lambda d: d != zone.scarce)
    return [Fluid(zone, todo, d, at_once) for d in order if any(zone.used[h][d] for h in todo)]


def hosts_out(zone: Zone, todo: Sequence[int], at_once: int = 0) -> int:
    """How many hosts may be out at the same time at most."""
    return min((f.out for f in fluids(zone, todo, at_once)), default=at_once or len(todo))


def least_rounds(zone: Zone, todo: Sequence[int], at_once: int) -> int:
    """Fewest waves in which the zone can be done."""
    if not todo:
        return 0
    found = [-(-len(todo) // at_once)] if at_once else [1]
    every = fluids(zone, todo, at_once)
    return max(found + [f.rounds(min(f.out, f.count), f.loads[-1]) for f in every])


def least_extra_moves(zone: Zone, todo: Sequence[int], at_once: int, rounds: int = 0) -> int:
    """Instances that must move twice at least, for a plan of waves with `rounds` (0: any plan)."""
    if zone.clean or len(todo) < len(zone.todo) or not todo:
        return 0
    counts = sorted(len(zone.on[h]) for h in todo)
    if not rounds or len(fluids(zone, todo, at_once)) == 0:
        return counts[0]
    fluid = fluids(zone, todo, at_once)[0]
    tables = _price_tables(zone, todo)
    cheapest = list(accumulate(counts, initial=0))
    best = float("inf")
    for seeds in range(1, fluid.out + 1):
        if cheapest[seeds] >= best:
            break
        load = fluid.least_load(seeds, rounds)
        if load != float("inf"):
            best = min(best, max(prices[seeds] + price * load for price, prices in tables))
    return max(counts[0], int(best + 0.999)) if best != float("inf") else counts[0]


def _price_tables(zone: Zone, todo: Sequence[int]) -> list[tuple[float, list[float]]]:
    """For each price: the least that n hosts can cost when each costs its instances less the price of its load."""
    d = zone.scarce
    pairs = [(len(zone.on[h]), zone.used[h][d]) for h in todo]
    mean = sum(n for n, _ in pairs) / max(1, sum(load for _, load in pairs))
    found = []
    for share in PRICES:
        price = share * mean
        costs = sorted(n - price * load for n, load in pairs)
        found.append((price, list(accumulate(costs, initial=0.0))))
    return found


def bounds(
    problem: Problem, zones: Iterable[Zone], stuck: Iterable[frozenset[int]], rounds: int
) -> Bounds:
    """All bounds for the hosts that are planned; `stuck` are those of each zone that are not."""
    at_once = max(0, problem.options.max_hosts_at_once)
    every = [
        (z, [h for h in z.todo if h not in left]) for z, left in zip(zones, stuck, strict=True)
    ]
    every = [(zone, todo) for zone, todo in every if todo]
    must = sum(len(zone.on[h]) for zone, todo in every for h in todo)
    count = sum(len(todo) for _, todo in every)
    least = max([least_rounds(zone, todo, at_once) for zone, todo in every], default=0)
    if at_once:
        least = max(least, -(-count // at_once))
    at_rounds = must
    for zone, todo in every:
        hinted = [
            h.moves_bound for h in problem.hints if h.zone == zone.name and h.rounds == rounds
        ]
        extra = least_extra_moves(zone, todo, at_once, rounds)
        at_rounds += max([extra, *(bound - sum(len(zone.on[h]) for h in todo) for bound in hinted)])
    work = sum(zone.hosts[h].work_s for zone, todo in every for h in todo) if at_once else 0.0
    return Bounds(
        rounds=least,
        moves=must + sum(least_extra_moves(zone, todo, at_once) for zone, todo in every),
        moves_at_rounds=at_rounds,
        capacity_s=max([_capacity_s(zone, todo) for zone, todo in every], default=0.0),
        parallel_s=work / at_once if at_once else 0.0,
        group_s=_group_s(problem, every),
        network_s=_network_s(problem, every),
        chain_s=_chain_s(every, at_once),
    )


def _capacity_s(zone: Zone, todo: Sequence[int]) -> float:
    """Host hours of capacity that are out, against what is free at any moment."""
    found = [0.0]
    for d in range(3):
        free = sum(max(0, zone.limit[h][d] - zone.used[h][d]) for h in [*zone.todo, *zone.clean])
        out = sum(
            max(0.0, zone.hosts[h].work_s) * max(zone.limit[h][d], zone.used[h][d]) for h in todo
        )
        if free and any(zone.used[h][d] for h in todo):
            found.append(out / free)
    return max(found)


def _group_s(problem: Problem, every: Iterable[tuple[Zone, list[int]]]) -> float:
    """Members that must move one after the other; the last ones recover while their hosts are worked on."""
    recovery = {
        group_id: max(0.0, group.recovery_s)
        for group_id, group in problem.groups.items()
        if group.budget > 0
    }
    spent: dict[str, float] = defaultdict(float)
    last: dict[str, float] = {}
    for zone, todo in every:
        for h in todo:
            work = max(0.0, zone.hosts[h].work_s)
            for i in zone.on[h]:
                groups: Collection[str] = zone.instances[i].groups
                for group_id in groups if len(groups) < 2 else set(groups):
                    if group_id in recovery:
                        spent[group_id] += zone.move_s[i] + recovery[group_id]
                        if last.get(group_id, work) >= work:
                            last[group_id] = work
    found = [0.0]
    for group_id, seconds in spent.items():
        budget = problem.groups[group_id].budget
        found.append(seconds / budget - recovery[group_id] + last[group_id])
    return max(found)


def _network_s(problem: Problem, every: Iterable[tuple[Zone, list[int]]]) -> float:
    """The slowest host to be emptied and worked on, and all moves against the slots in all."""
    slots, total, slowest = problem.slots, 0.0, 0.0
    for zone, todo in every:
        for h in todo:
            times = [zone.move_s[i] for i in zone.on[h]]
            total += sum(times)
            spread = sum(times) / slots.per_source if slots.per_source > 0 else 0.0
            slowest = max(slowest, max(spread, *times, 0.0) + max(0.0, zone.hosts[h].work_s))
    return max(slowest, total / slots.in_all if slots.in_all > 0 else 0.0)


def _chain_s(every: Iterable[tuple[Zone, list[int]]], at_once: int) -> float:
    """The shortest works, as many as there must be one after the other."""
    found = [0.0]
    for zone, todo in every:
        shortest = sorted(max(0.0, zone.hosts[h].work_s) for h in todo)
        found.append(sum(shortest[: least_rounds(zone, todo, 0)]))
    return max(found)
