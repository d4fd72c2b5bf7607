"""How others empty hosts, for the planner's benchmark: one at a time, in fixed batches, in groups without conflicts.

They are given every advantage: no reply times, no group budgets, no failures; a batch takes as long as its slowest host
needs to be emptied and its longest work.
"""

from __future__ import annotations

from bisect import bisect_left, insort
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from fenix_grpc.core.model import Resources
from fenix_grpc.core.planner import PlannedInstance, Problem


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What a rival's session came to."""

    rounds: int
    moves: int
    makespan_s: float
    #: Moves for which there was no legal target.
    lost: int


class Cloud:
    """Hosts by zone in the order of their free memory."""

    def __init__(self, problem: Problem) -> None:
        self.problem = problem
        self.zone = {h.name: h.zone for h in problem.hosts}
        self.work = {h.name: h.work_s for h in problem.hosts}
        self.free = {h.name: h.capacity for h in problem.hosts}
        self.on: dict[str, dict[str, PlannedInstance]] = defaultdict(dict)
        self.members: dict[tuple[str, str], int] = defaultdict(int)
        self.done: set[str] = set()
        for instance in problem.instances:
            self._book(instance, instance.host)
        self.order: dict[tuple[str, bool], list[tuple[int, str]]] = defaultdict(list)
        for name, free in self.free.items():
            insort(self.order[self.zone[name], False], (free.memory_mb, name))

    def _book(self, instance: PlannedInstance, host: str, sign: int = 1) -> None:
        free, size = self.free[host], instance.size
        self.free[host] = Resources(
            vcpus=free.vcpus - sign * size.vcpus,
            memory_mb=free.memory_mb - sign * size.memory_mb,
            disk_gb=free.disk_gb - sign * size.disk_gb,
        )
        if sign > 0:
            self.on[host][instance.instance_id] = instance
        else:
            del self.on[host][instance.instance_id]
        for group_id in instance.groups:
            self.members[group_id, host] += sign

    def _list(self, host: str) -> list[tuple[int, str]]:
        return self.order[self.zone[host], host in self.done]

    def take_out(self, host: str) -> None:
        """No instance is sent there."""
        mine = self._list(host)
        del mine[bisect_left(mine, (self.free[host].memory_mb, host))]

    def put_back(self, host: str) -> None:
        """Instances may be sent there again."""
        insort(self._list(host), (self.free[host].memory_mb, host))

    def move(self, instance: PlannedInstance, source: str, *, done_first: bool) -> bool:
        """To the host with the most room; among those that are done, when there is one, if so wanted."""
        kinds = (True, False) if done_first else (None,)
        for done in kinds:
            target = self._target(instance, source, done)
            if target:
                self.take_out(target)
                self._book(instance, source, -1)
                self._book(instance, target)
                self.put_back(target)
                return True
        return False

    def _target(self, instance: PlannedInstance, source: str, done: bool | None) -> str:
        zone = self.zone[source]
        lists = [self.order[zone, kind] for kind in (True, False) if done in (None, kind)]
        found = [self._first(instance, mine) for mine in lists]
        return max(found, key=lambda name: (bool(name), self.free[name].memory_mb if name else 0))

    def _first(self, instance: PlannedInstance, mine: Sequence[tuple[int, str]]) -> str:
        groups, limits = instance.groups, self.problem.groups
        for memory, name in reversed(mine):
            if memory < instance.size.memory_mb:
                break
            if instance.size.fits(self.free[name]) and not any(
                0 < limits[g].max_per_host <= self.members[g, name] for g in groups
            ):
                return name
        return ""


def one_by_one(problem: Problem) -> Outcome:
    """One host after the other, the emptiest first, one move after the other, onto hosts that are done if possible."""
    cloud = Cloud(problem)
    order = sorted(cloud.work, key=lambda h: (len(cloud.on[h]), h))
    return _play(cloud, ([h] for h in order), done_first=True, serial=True)


def fixed_batches(problem: Problem, share: float) -> Outcome:
    """A fixed share of the hosts at a time; the scheduler sends each instance to the host with the most room."""
    names = [h.name for h in problem.hosts]
    number = max(1, round(len(names) * share))
    batches = (names[n : n + number] for n in range(0, len(names), number))
    return _play(Cloud(problem), batches, done_first=False, serial=False)


def conflict_free_groups(problem: Problem, most: int = 10) -> Outcome:
    """First-fit groups of hosts that share no anti-affine group (in the manner of StarlingX)."""
    cloud = Cloud(problem)
    limited = {g for g, group in problem.groups.items() if group.max_per_host}
    batches: list[list[str]] = []
    taken: list[set[str]] = []
    open_from = 0
    for host in sorted(cloud.work, key=lambda h: (len(cloud.on[h]) > 0, h)):
        mine = {g for i in cloud.on[host].values() for g in i.groups if g in limited}
        for n in range(open_from, len(batches)):
            if len(batches[n]) < most and not mine & taken[n]:
                break
        else:
            n = len(batches)
            batches.append([])
            taken.append(set())
        batches[n].append(host)
        taken[n] |= mine
        while open_from < len(batches) and len(batches[open_from]) == most:
            open_from += 1
    return _play(cloud, iter(batches), done_first=False, serial=False)


def _play(cloud: Cloud, batches: Iterator[list[str]], *, done_first: bool, serial: bool) -> Outcome:
    """Batch after batch; hosts that could not be emptied are tried once more, one by one, at the end."""
    rounds = moves = lost = 0
    makespan = 0.0
    again: list[str] = []

    def play(batch: Sequence[str]) -> list[str]:
        nonlocal rounds, moves, makespan
        for host in batch:
            cloud.take_out(host)
        leave, left = 0.0, []
        for host in batch:
            largest_first = sorted(cloud.on[host].values(), key=lambda i: -i.size.memory_mb)
            times = [i.move_s for i in largest_first if cloud.move(i, host, done_first=done_first)]
            moves += len(times)
            if cloud.on[host]:
                left.append(host)
            spread = sum(times) if serial else sum(times) / 2
            leave = max(leave, spread, *times, 0.0)
        emptied = [h for h in batch if h not in set(left)]
        rounds += bool(emptied)
        makespan += leave + max((cloud.work[h] for h in emptied), default=0.0)
        cloud.done.update(emptied)
        for host in batch:
            cloud.put_back(host)
        return left

    for batch in batches:
        again += play(batch)
    for host in again:
        lost += len(cloud.on[host]) if play([host]) else 0
    return Outcome(rounds=rounds, moves=moves, makespan_s=makespan, lost=lost)
