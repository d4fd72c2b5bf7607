"""Growing a plan of one zone from its seeds, wave by wave.

Wave 0 empties the seeds into whatever has room; from then on instances move only onto hosts that are maintained, so
each moves once, and every wave frees the room for a larger one. A wave takes the lightest hosts whose load fits into
the free room, packs all their instances at once, and drops the hosts of those that found no place.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from fenix_grpc.core.planner.room import Placing, Room
from fenix_grpc.core.planner.zones import Vector, Zone

#: Hosts that are tried in vain before a wave counts as full.
MISSES = 6


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One wave in numbers: hosts, and instance, source, target, host that keeps room for it (-1: none)."""

    hosts: tuple[int, ...]
    moves: tuple[tuple[int, int, int, int], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Build:
    """A plan of one zone."""

    steps: tuple[Step, ...]
    moves: int
    #: Hosts that had to be emptied into hosts that are not yet maintained.
    seeds: int
    #: Hosts that could not be emptied.
    stuck: tuple[int, ...]

    @property
    def rounds(self) -> int:
        """Waves in which hosts are worked on."""
        return sum(1 for step in self.steps if step.hosts)


class Growth:
    """A build under way."""

    def __init__(self, zone: Zone, *, at_once: int = 0) -> None:
        self.zone = zone
        self.room = Room(zone)
        self._at_once = at_once or len(zone.hosts)
        self._on = [list(instances) for instances in zone.on]
        self._at = list(zone.at)
        self._left = dict.fromkeys(zone.todo)
        self._clean = list(zone.clean)
        self._steps: list[Step] = []
        self._seeds = 0
        #: The hosts that are left in their order; anew when instances were parked on some of them.
        self._order: list[int] = []
        self._least = tuple(min((size[d] for size in zone.sizes), default=0) for d in range(3))
        #: Host -> the host that keeps room for its instances during the wave, and how much.
        self._kept: dict[int, tuple[int, Vector]] = {}

    def run(
        self, seeds: Sequence[int], *, order: Sequence[int] = (), most: int = 0
    ) -> Build | None:
        """The whole build, or nothing when it would need more than `most` rounds. `order` ranks hosts, the first first;
        without it the lightest come first."""
        rank = {host: position for position, host in enumerate(order)}
        ready = [h for h in self._ranked(rank) if h not in self.zone.arriving]
        taken, moves = self._empty(ready, self._at_once)
        chosen = [h for h in seeds if h in ready and h not in taken]
        more, parked = self._park(chosen[: self._at_once - len(taken)], taken)
        self._close([*taken, *more], moves + parked, wait=bool(self.zone.arriving))
        while self._left and not (most and len(self._steps) > most):
            taken, moves = self._empty(self._ranked(rank), self._at_once)
            if not taken:
                taken, moves = self._reseed()
            if not taken:
                break
            self._close(taken, moves)
        if most and (self._left or len(self._steps) > most):
            return None
        return Build(
            steps=tuple(self._steps),
            moves=sum(len(step.moves) for step in self._steps),
            seeds=self._seeds,
            stuck=tuple(self._left),
        )

    def _ranked(self, rank: dict[int, int]) -> list[int]:
        """The hosts that are left, in the order in which they should go."""
        if self._order:
            self._order = [h for h in self._order if h in self._left]
            return self._order
        scarce = self.zone.scarce
        free, limit, on = self.room.free[scarce], self.zone.limit, self._on
        last = len(rank)

        def weight(host: int) -> tuple[int, float, int, int]:
            whole = limit[host][scarce]
            share = (whole - free[host]) / whole if whole else 0.0
            return rank.get(host, last), share, len(on[host]), host

        self._order = sorted(self._left, key=weight)
        return self._order

    def _empty(self, ranked: Sequence[int], at_most: int) -> tuple[list[int], list[Placing]]:
        """Empties as many hosts as it can into clean ones; hosts without instances need no room."""
        idle = [h for h in ranked if not self._on[h]][:at_most]
        busy = [h for h in ranked if self._on[h]]
        chosen, rest = self._prefix(busy, at_most - len(idle))
        taken, moves = self._pack(chosen, [self._clean])
        misses, kept = 0, set(taken)
        for host in (h for h in [*chosen, *rest] if h not in kept):
            if misses == MISSES or len(taken) + len(idle) >= at_most:
                break
            if any(load > room for load, room in zip(self._load(host), self._spare(), strict=True)):
                continue
            one, placed = self._pack([host], [self._clean])
            misses += not one
            taken += one
            moves += placed
        return idle + taken, moves

    def _prefix(self, ranked: Sequence[int], at_most: int) -> tuple[list[int], list[int]]:
        """The first hosts whose load together fits the free room in every dimension, and the few after them."""
        rooms = self._spare()
        chosen: list[int] = []
        rest: list[int] = []
        for position, host in enumerate(ranked):
            if len(chosen) >= at_most or len(rest) >= 2 * MISSES:
                rest.extend(ranked[position : position + MISSES])
                break
            load = self._load(host)
            if all(load[d] <= rooms[d] for d in range(3)):
                rooms = [rooms[d] - load[d] for d in range(3)]
                chosen.append(host)
            else:
                rest.append(host)
        return chosen, rest

    def _spare(self) -> list[int]:
        """What is free on clean hosts together."""
        return [sum([free[h] for h in self._clean if free[h] > 0]) for free in self.room.free]

    def _load(self, host: int) -> list[int]:
        limit = self.zone.limit[host]
        return [limit[d] - self.room.free[d][host] for d in range(3)]

    def _pack(
        self, hosts: Sequence[int], tiers: Sequence[Sequence[int]]
    ) -> tuple[list[int], list[Placing]]:
        """Places all instances of the hosts, first tier first; hosts that cannot be emptied whole are left alone."""
        missing = [i for h in hosts for i in self._on[h]]
        placed: list[Placing] = []
        for tier in tiers:
            if missing:
                some, missing = self.room.pack(missing, tier)
                placed += some
        emptied = list(hosts)
        if missing:
            emptied, placed = self._drop(hosts, tiers, placed, missing)
        if self.zone.mitigated:
            emptied, placed = self._mitigate(emptied, tiers, placed)
        return emptied, placed

    def _mitigate(
        self, hosts: Sequence[int], tiers: Sequence[Sequence[int]], placed: Iterable[Placing]
    ) -> tuple[list[int], list[Placing]]:
        """Keeps room for one instance of each host at a time; gives the host up where there is none."""
        places: dict[int, list[Placing]] = {h: [] for h in hosts}
        for i, target in placed:
            places[self._at[i]].append((i, target))
        for host in hosts:
            asking = [self.zone.size(i) for i in self._on[host] if i in self.zone.mitigated]
            if not asking:
                continue
            size = (max(s[0] for s in asking), max(s[1] for s in asking), max(s[2] for s in asking))
            keeper = self.room.first(size, (h for tier in tiers for h in tier))
            if keeper >= 0:
                self.room.book(size, keeper)
                self._kept[host] = (keeper, size)
            else:
                for i, target in places.pop(host):
                    self.room.give(i, target)
        return list(places), [placing for found in places.values() for placing in found]

    def _drop(
        self,
        hosts: Sequence[int],
        tiers: Sequence[Sequence[int]],
        placed: Iterable[Placing],
        missing: Iterable[int],
    ) -> tuple[list[int], list[Placing]]:
        """Gives hosts up, the last first, until what is missing of the others fits into the room that this frees."""
        at = self._at
        lacking: dict[int, list[int]] = {}
        for i in missing:
            lacking.setdefault(at[i], []).append(i)
        places: dict[int, list[Placing]] = {h: [] for h in lacking}
        settled: list[Placing] = []
        for placing in placed:
            places.get(at[placing[0]], settled).append(placing)
        for host in [h for h in reversed(hosts) if h in lacking]:
            if host not in lacking:
                continue
            del lacking[host]
            freed = list(dict.fromkeys(target for _, target in places[host]))
            for i, target in places.pop(host):
                self.room.give(i, target)
            for other in [h for h in hosts if h in lacking] if freed else ():
                some, still = self.room.pack(lacking[other], freed)
                places[other] += some
                if still:
                    lacking[other] = still
                else:
                    del lacking[other]
        short = {at[i] for i in missing}
        for found in places.values():
            settled += found
        return [h for h in hosts if h not in short or h in places], settled

    def _park(self, seeds: Sequence[int], taken: Iterable[int]) -> tuple[list[int], list[Placing]]:
        """Empties the seeds into clean hosts and hosts that still have to be worked on."""
        if not seeds:
            return [], []
        out = set(seeds) | set(taken)
        parks = [h for h in self._left if h in self.zone.parks and h not in out]
        emptied, moves = self._pack(seeds, [self._clean, parks])
        self._seeds += len(emptied)
        return emptied, moves

    def _reseed(self) -> tuple[list[int], list[Placing]]:
        """The waves have come to a halt: one more host emptied into hosts that still have to be worked on."""
        for host in sorted(self._left, key=lambda h: (len(self._on[h]), h))[: 2 * MISSES]:
            taken, moves = self._park([host], ())
            if taken:
                return taken, moves
        return [], []

    def lacking(self) -> list[int]:
        """Of the host that comes nearest to being emptied: the instances that find no room; to be asked after `run`."""
        best: list[int] = []
        for host in sorted(self._left, key=lambda h: (len(self._on[h]), h))[: 4 * MISSES]:
            parks = [h for h in self._left if h in self.zone.parks and h != host]
            placed, missing = [], self._on[host]
            for tier in (self._clean, parks):
                some, missing = self.room.pack(missing, tier)
                placed += some
            for i, target in placed:
                self.room.give(i, target)
            missing = missing or [i for i in self._on[host] if i in self.zone.mitigated]
            if missing and (not best or len(missing) < len(best)):
                best = missing
        return best

    def _keeper(self, i: int) -> int:
        """The host that keeps room for the instance while it moves; -1 for none."""
        return self._kept[self._at[i]][0] if i in self.zone.mitigated else -1

    def _close(
        self, hosts: Sequence[int], placed: Iterable[Placing], *, wait: bool = False
    ) -> None:
        """Ends the wave: its moves are made, its hosts are clean. One without hosts only waits for moves under way."""
        if not hosts and not wait:
            return
        at, on = self._at, self._on
        if self._kept:
            moves = [(i, at[i], target, self._keeper(i)) for i, target in placed]
        else:
            moves = [(i, at[i], target, -1) for i, target in placed]
        for keeper, size in self._kept.values():
            self.room.book(size, keeper, -1)
        self._kept.clear()
        for host in hosts:
            self.room.leave(on[host], host)
            on[host] = []
            del self._left[host]
        for i, _, target, _ in moves:
            at[i] = target
            if target in self._left:
                on[target].append(i)
                self._order = []
        for host in hosts:
            self.room.vacate(host)
        fv, fm, fd = self.room.free
        vcpus, memory, disk = self._least
        self._clean = [
            h
            for h in sorted([*self._clean, *hosts])
            if fv[h] >= vcpus and fm[h] >= memory and fd[h] >= disk
        ]
        self._steps.append(Step(hosts=tuple(hosts), moves=tuple(moves)))
