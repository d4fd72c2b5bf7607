"""The last resort for tiny zones: every sequence of moves, until one empties all hosts or none is left.

The waves never move an instance just to make room for another. On a zone of a few hosts that can be the only way, and
here it is either found or proven not to exist. The search is bounded; when it reaches its bound it proves nothing.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from heapq import heappop, heappush

from fenix_grpc.core.planner.waves import Build, Step
from fenix_grpc.core.planner.zones import Vector, Zone

#: Zones up to this size are searched, up to this number of situations.
HOSTS, INSTANCES, SITUATIONS = 6, 12, 5_000

#: Where each instance is, and the hosts whose work is done.
State = tuple[tuple[int, ...], frozenset[int]]
Move = tuple[int, int, int, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """The best build found. `complete`: it is the best there is."""

    build: Build
    complete: bool
    #: Situations that were looked at.
    situations: int


def tiny(zone: Zone) -> bool:
    """Small enough to be searched."""
    return len(zone.hosts) <= HOSTS and len(zone.instances) <= INSTANCES


def search(zone: Zone, most: int = SITUATIONS) -> Answer:
    """The build with the fewest stuck hosts, found with as few moves as it goes, in so many situations at most."""
    start = _settle(zone, tuple(zone.at), frozenset())
    came: dict[State, tuple[State, Move] | None] = {start: None}
    seen = {_key(zone, start)}
    queue = [(-len(start[1]), 0, 0, start)]
    best, count = start, 0
    while queue and len(best[1]) < len(zone.todo) and count < most:
        _, moves, _, state = heappop(queue)
        for move in _moves(zone, state):
            after = _settle(zone, _moved(state[0], move), state[1])
            key = _key(zone, after)
            if key not in seen:
                seen.add(key)
                count += 1
                came[after] = (state, move)
                if len(after[1]) > len(best[1]):
                    best = after
                heappush(queue, (-len(after[1]), moves + 1, count, after))
    path: list[Move] = []
    state = best
    while (step := came[state]) is not None:
        state, move = step
        path.append(move)
    complete = len(best[1]) == len(zone.todo) or not queue
    build = _build(zone, path[::-1], best[1])
    return Answer(build=build, complete=complete, situations=count)


def _settle(zone: Zone, at: tuple[int, ...], done: frozenset[int]) -> State:
    """An empty host is worked on at once: that can only help."""
    return at, done | {h for h in zone.todo if h not in at}


def _moved(at: tuple[int, ...], move: Move) -> tuple[int, ...]:
    return (*at[: move[0]], move[2], *at[move[0] + 1 :])


def _key(zone: Zone, state: State) -> object:
    """Situations that differ only in which of several like instances is where count as one."""
    at, done = state
    return done, tuple(sorted((_kind(zone, i), h) for i, h in enumerate(at)))


def _kind(zone: Zone, i: int) -> tuple[int, int]:
    plain = zone.kind[i] & 1 and i not in zone.mitigated
    return zone.kind[i], -1 if plain else i


def _occupied(zone: Zone, at: tuple[int, ...]) -> tuple[list[Vector], list[dict[int, int]]]:
    """Load and members of each host."""
    used, members = list(zone.used), [dict(here) for here in zone.members]
    for i, host in enumerate(at):
        if host != zone.at[i]:
            used[zone.at[i]] = _plus(used[zone.at[i]], zone.size(i), -1)
            used[host] = _plus(used[host], zone.size(i), 1)
            for group in zone.groups[i]:
                members[zone.at[i]][group] -= 1
                members[host][group] = members[host].get(group, 0) + 1
    return used, members


def _plus(one: Vector, two: Vector, sign: int) -> Vector:
    return one[0] + sign * two[0], one[1] + sign * two[1], one[2] + sign * two[2]


def _fits(load: Vector, limit: Vector) -> bool:
    return load[0] <= limit[0] and load[1] <= limit[1] and load[2] <= limit[2]


def _accepting(zone: Zone, done: frozenset[int]) -> list[int]:
    return [*zone.clean, *sorted(done), *sorted(zone.parks - done)]


def _moves(zone: Zone, state: State) -> Iterator[Move]:
    """Every single move that is allowed."""
    at, done = state
    used, members = _occupied(zone, at)
    hosts = _accepting(zone, done)
    for i, source in enumerate(at):
        if source < 0:
            continue
        size = zone.size(i)
        for target in hosts:
            if target == source or target in zone.refused.get(i, ()):
                continue
            if not _fits(_plus(used[target], size, 1), zone.limit[target]):
                continue
            if any(members[target].get(g, 0) >= zone.group_limit[g] for g in zone.groups[i]):
                continue
            keeper = -1
            if i in zone.mitigated:
                room = {h: used[h] for h in hosts if h != source}
                room[target] = _plus(room[target], size, 1)
                fitting = [h for h, u in room.items() if _fits(_plus(u, size, 1), zone.limit[h])]
                if not fitting:
                    continue
                keeper = fitting[0]
            yield i, source, target, keeper


def _build(zone: Zone, path: list[Move], done: frozenset[int]) -> Build:
    """One wave for each move: what the next needs, this one has done."""
    steps: list[Step] = []
    at, worked = _settle(zone, tuple(zone.at), frozenset())
    if worked or zone.arriving:
        steps.append(Step(hosts=sorted(worked)))
    for move in path:
        at, after = _settle(zone, _moved(at, move), worked)
        i, _, target, keeper = move
        keepers = {i: keeper} if keeper >= 0 else {}
        hosts = sorted(after - worked)
        steps.append(Step(hosts=hosts, moves=[i], targets=[target], keepers=keepers))
        worked = after
    return Build(
        steps=tuple(steps),
        moves=len(path),
        seeds=0,
        stuck=tuple(h for h in zone.todo if h not in done),
    )
