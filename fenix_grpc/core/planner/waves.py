"""Growing a plan of one zone from its seeds, wave by wave.

Wave 0 empties the seeds into whatever has room; from then on instances move only onto hosts that are maintained, so
each moves once, and every wave frees the room for a larger one. A wave takes the lightest hosts whose load fits into
the free room, packs all their instances at once, and drops the hosts of those that found no place. Hosts that are
retired give no room back, so they go when no other host wants it any more.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from fenix_grpc.core.planner.room import Room
from fenix_grpc.core.planner.zones import Vector, Zone, total

#: Hosts that are tried in vain before a wave counts as full.
MISSES = 6


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One wave in numbers: its hosts; instances in the order of their moves, and the target of each."""

    hosts: Sequence[int]
    moves: Sequence[int] = ()
    targets: Sequence[int] = ()
    #: Instance -> host that keeps room for it while it moves.
    keepers: Mapping[int, int] = field(default_factory=dict)


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
        #: Hosts still to be emptied, what is on each host, hosts that take instances.
        self.left = dict.fromkeys(zone.todo)
        self.on = [list(instances) for instances in zone.on]
        self.clean = list(zone.clean)
        self._at_once = at_once or len(zone.hosts)
        self._at = list(zone.at)
        #: What each host that is left carries.
        self._load = list(zone.used)
        self._steps: list[Step] = []
        self._seeds = 0
        #: Of each host: its place in the order that is wanted.
        self._rank: dict[int, int] = {}
        self._late_first: list[Sequence[int]] = []
        #: The hosts that are left in their order; anew when instances were parked on some of them.
        self._order: list[int] = []
        self._least = zone.least(range(len(zone.instances)))
        #: Host -> the host that keeps room for its instances during the wave, and how much.
        self._kept: dict[int, tuple[int, Vector]] = {}

    def run(self, seeds: Sequence[int], number: int, waves: Sequence[Sequence[int]] = ()) -> Build:
        """The whole build, from so many of the seeds, the first that can be emptied. Hosts go in the order of `waves`
        as far as there is room; without it the lightest go first."""
        self._rank = {host: n for n, host in enumerate(host for wave in waves for host in wave)}
        self._late_first = [*reversed(waves)]
        ready = [h for h in self._ranked() if h not in self.zone.arriving]
        taken, moves = self._empty(ready, self._at_once)
        free = set(ready).difference(taken)
        chosen = [h for h in seeds if h in free]
        more, parked = self._seed(chosen, min(number, self._at_once - len(taken)), taken)
        self._close([*taken, *more], moves, parked, wait=bool(self.zone.arriving))
        while self.left:
            taken, moves = self._empty(self._ranked(), self._at_once)
            taken, parked = (taken, []) if taken else self._reseed()
            if not taken:
                break
            self._close(taken, moves, parked)
        return Build(
            steps=tuple(self._steps),
            moves=sum(len(step.moves) for step in self._steps),
            seeds=self._seeds,
            stuck=tuple(self.left),
        )

    def _ranked(self) -> list[int]:
        """The hosts that are left, in the order in which they should go."""
        if self._order:
            self._order = [h for h in self._order if h in self.left]
            return self._order
        scarce = self.zone.scarce
        load, limit, on = self._load, self.zone.limit, self.on
        rank, last = self._rank, len(self._rank)

        retired = self.zone.retired

        def weight(host: int) -> tuple[bool, int, float, int, int]:
            whole = limit[host][scarce]
            share = load[host][scarce] / whole if whole else 0.0
            return host in retired, rank.get(host, last), share, len(on[host]), host

        self._order = sorted(self.left, key=weight)
        return self._order

    def _empty(self, ranked: Sequence[int], at_most: int) -> tuple[list[int], list[int]]:
        """Empties as many hosts as it can into clean ones; hosts without instances need no room."""
        idle, retired = [h for h in ranked if not self.on[h]][:at_most], self.zone.retired
        busy = [h for h in ranked if self.on[h] and h not in retired]
        taken, moves = self._into_clean(busy, at_most - len(idle))
        if retired and len(taken) == len(busy):
            leaving = [h for h in ranked if self.on[h] and h in retired]
            more, placed = self._into_clean(leaving, at_most - len(idle) - len(taken))
            taken, moves = [*taken, *more], [*moves, *placed]
        return idle + taken, moves

    def _into_clean(self, busy: Sequence[int], at_most: int) -> tuple[list[int], list[int]]:
        """Empties as many of these as it can into clean ones."""
        chosen, rest = self._prefix(busy, at_most)
        taken, moves = self._pack(chosen, [self.clean])
        misses, kept = 0, set(taken)
        spare = self._spare()
        for host in (h for h in [*chosen, *rest] if h not in kept):
            if misses == MISSES or len(taken) >= at_most:
                break
            if not _fits(self._load[host], spare):
                continue
            one, placed = self._pack([host], [self.clean])
            if one:
                taken += one
                moves += placed
                spare = self._spare()
            else:
                misses += 1
        return taken, moves

    def _prefix(self, ranked: Sequence[int], at_most: int) -> tuple[list[int], list[int]]:
        """The first hosts whose load together fits the free room in every dimension, and the few after them."""
        vcpus, memory, disk = self._spare()
        load = self._load
        chosen: list[int] = []
        rest: list[int] = []
        for position, host in enumerate(ranked):
            if len(chosen) >= at_most or len(rest) >= 2 * MISSES:
                rest.extend(ranked[position : position + MISSES])
                break
            one, two, three = load[host]
            if one <= vcpus and two <= memory and three <= disk:
                vcpus, memory, disk = vcpus - one, memory - two, disk - three
                chosen.append(host)
            else:
                rest.append(host)
        return chosen, rest

    def _spare(self) -> Vector:
        """What is free on clean hosts together."""
        vcpus, memory, disk = (
            sum([free[h] for h in self.clean if free[h] > 0]) for free in self.room.free
        )
        return vcpus, memory, disk

    def _pack(
        self, hosts: Sequence[int], tiers: Sequence[Sequence[int]]
    ) -> tuple[list[int], list[int]]:
        """Places all instances of the hosts, first tier first; hosts that cannot be emptied whole are left alone."""
        missing = [i for h in hosts for i in self.on[h]]
        placed: list[int] = []
        for tier in tiers:
            if missing:
                some, missing = self.room.pack(missing, tier)
                placed += some
        emptied = list(hosts)
        if missing:
            emptied, placed = self._drop(hosts, placed, missing)
        if self.zone.mitigated:
            emptied, placed = self._mitigate(emptied, tiers, placed)
        return emptied, placed

    def _mitigate(
        self, hosts: Sequence[int], tiers: Sequence[Sequence[int]], placed: Iterable[int]
    ) -> tuple[list[int], list[int]]:
        """Keeps room for one instance of each host at a time; gives the host up where there is none."""
        places: dict[int, list[int]] = {h: [] for h in hosts}
        for i in placed:
            places[self._at[i]].append(i)
        for host in hosts:
            asking = [i for i in self.on[host] if i in self.zone.mitigated]
            if not asking:
                continue
            size = self.zone.most(asking)
            keeper = self.room.first(size, (h for tier in tiers for h in tier))
            if keeper >= 0:
                self.room.book(size, keeper)
                self._kept[host] = (keeper, size)
            else:
                for i in places.pop(host):
                    self.room.give(i)
        return list(places), [i for found in places.values() for i in found]

    def _drop(
        self, hosts: Sequence[int], placed: Iterable[int], missing: Iterable[int]
    ) -> tuple[list[int], list[int]]:
        """Gives hosts up, the last first, until what is missing of the others fits into the room that this frees."""
        at, to = self._at, self.room.to
        lacking: dict[int, list[int]] = defaultdict(list)
        for i in missing:
            lacking[at[i]].append(i)
        places: dict[int, list[int]] = {h: [] for h in lacking}
        settled: list[int] = []
        for i in placed:
            places.get(at[i], settled).append(i)
        for host in [h for h in reversed(hosts) if h in lacking]:
            if host not in lacking:
                continue
            del lacking[host]
            given = places.pop(host)
            freed = list(dict.fromkeys(to[i] for i in given))
            for i in given:
                self.room.give(i)
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

    def _seed(
        self, hosts: Sequence[int], number: int, taken: Sequence[int]
    ) -> tuple[list[int], list[int]]:
        """Empties so many of the hosts; the next ones in place of those whose instances find no room."""
        emptied, moves = self._park(hosts[:number], taken)
        for host in hosts[number : number + 4 * MISSES]:
            if len(emptied) == number:
                break
            if host not in {self.room.to[i] for i in moves}:
                one, more = self._park([host], [*taken, *emptied])
                emptied += one
                moves += more
        return emptied, moves

    def parks(self, without: Collection[int]) -> list[int]:
        """Hosts still to be worked on that may take instances all the same."""
        return [h for h in self.left if h in self.zone.parks and h not in without]

    def _park(self, seeds: Sequence[int], taken: Iterable[int]) -> tuple[list[int], list[int]]:
        """Empties the seeds into clean hosts and hosts that still have to be worked on."""
        if not seeds:
            return [], []
        parks = self.parks({*seeds, *taken})
        # What is parked stays longest where the work comes last: there it takes room from nobody.
        tiers = [[h for h in wave if h in set(parks)] for wave in self._late_first]
        emptied, moves = self._pack(seeds, [self.clean, *tiers, parks])
        self._seeds += len(emptied)
        return emptied, moves

    def _reseed(self) -> tuple[list[int], list[int]]:
        """The waves have come to a halt: one more host emptied into hosts that still have to be worked on."""
        retired = self.zone.retired
        order = sorted(self.left, key=lambda h: (h in retired, len(self.on[h]), h))
        for host in order[: 4 * MISSES]:
            taken, moves = self._park([host], ())
            if taken:
                return taken, moves
        return [], []

    def _close(
        self,
        hosts: Sequence[int],
        moves: Sequence[int],
        parked: Sequence[int],
        *,
        wait: bool = False,
    ) -> None:
        """Ends the wave: its moves are made, its hosts are clean. One without hosts only waits for moves under way."""
        if not hosts and not wait:
            return
        self._note(hosts, [*moves, *parked])
        on, to, left, load = self.on, self.room.to, self.left, self._load
        for host in hosts:
            on[host] = []
            del left[host]
        for i in parked:
            target = self._at[i] = to[i]
            if target in left:
                on[target].append(i)
                load[target] = total((load[target], self.zone.size(i)))
                self._order = []
        for host in hosts:
            self.room.vacate(host)
        self.clean = self.room.usable(sorted([*self.clean, *hosts]), self._least)

    def _note(self, hosts: Sequence[int], moves: Sequence[int]) -> None:
        """Notes the wave, and releases the room that was kept for its moves."""
        to, at, keepers = self.room.to, self._at, dict[int, int]()
        if self._kept:
            keepers = {i: self._kept[at[i]][0] for i in moves if i in self.zone.mitigated}
        for keeper, size in self._kept.values():
            self.room.book(size, keeper, -1)
        self._kept.clear()
        targets = [to[i] for i in moves]
        self._steps.append(Step(hosts=hosts, moves=moves, targets=targets, keepers=keepers))


def _fits(load: Vector, room: Vector) -> bool:
    return load[0] <= room[0] and load[1] <= room[1] and load[2] <= room[2]
