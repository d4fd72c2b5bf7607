"""Trading moves for rounds: builds of one zone over the number of seeds, and the Pareto front over all zones.

More seeds mean fewer rounds and more instances that move twice. For each number of rounds the planner wants the fewest
seeds that reach it; a fluid estimate says where to look, and a few builds around it settle it.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from itertools import accumulate

from fenix_grpc.core.planner.bounds import hosts_out, least_rounds
from fenix_grpc.core.planner.problem import Hint, Options
from fenix_grpc.core.planner.waves import Build, Growth
from fenix_grpc.core.planner.zones import Zone

#: Instance placements that the builds of one zone may cost together, and the builds that any zone gets.
EFFORT = 40_000
FEWEST_BUILDS = 6
MOST_BUILDS = 40


class Sweep:
    """The builds of one zone, each number of seeds once."""

    def __init__(self, zone: Zone, *, at_once: int = 0) -> None:
        self.zone = zone
        self._at_once = at_once
        self.builds: dict[int, Build] = {}
        self.more: list[Build] = []
        busy = [h for h in zone.todo if zone.on[h] and h not in zone.retired]
        self._order = sorted(busy, key=lambda h: (len(zone.on[h]), -zone.used[h][zone.scarce], h))
        self._most = min(len(busy), max(1, hosts_out(zone, zone.todo, at_once)))
        affordable = EFFORT // max(1, len(zone.instances))
        self._left = max(FEWEST_BUILDS, min(MOST_BUILDS, affordable))

    def run(self, options: Options, hints: Iterable[Hint] = ()) -> list[Build]:
        """The front: by falling rounds and rising moves, all of them with as few stuck hosts as any."""
        if options.seed_shares:
            for share in options.seed_shares:
                self._build(min(self._most, max(0, round(share * len(self.zone.todo)))))
        else:
            self._search()
        for hint in hints:
            self.more.append(self.follow(hint.waves))
        return front([*self.builds.values(), *self.more])

    def _build(self, seeds: int) -> Build:
        known = self.builds.get(seeds)
        if known is None:
            self._left -= 1
            known = Growth(self.zone, at_once=self._at_once).run(self._order, seeds)
            self.builds[seeds] = known
        return known

    def _search(self) -> None:
        """The ends first; then, from the fewest rounds on, the fewest seeds for each number of rounds."""
        fewest = self._build(self._first())
        if self._most <= 1 or not fewest.rounds or fewest.stuck:
            return
        estimate = _Estimate(self.zone, self._order)
        least = least_rounds(self.zone, self.zone.todo, self._at_once)
        quickest = self._build(estimate.seeds(least, self._most))
        if quickest.rounds > least:
            quickest = min(quickest, self._build(self._most), key=lambda b: b.rounds)
        wanted = range(quickest.rounds, fewest.rounds)
        for rounds in wanted:
            if self._left > 0:
                self._build(estimate.seeds(rounds, self._most))
        for rounds in wanted:
            self._settle(rounds)

    def _first(self) -> int:
        """No seeds where something is free from the start."""
        return 0 if self.zone.clean or len(self._order) < len(self.zone.todo) else 1

    def _settle(self, rounds: int) -> None:
        """Narrows down the fewest seeds for these rounds."""
        step = max(1, self._most // 50)
        low = max((s for s, b in self.builds.items() if b.rounds > rounds), default=0)
        high = min((s for s, b in self.builds.items() if b.rounds <= rounds), default=low)
        while high - low > step and self._left > 0:
            near = high - step if high - low > 4 * step else (low + high) // 2
            if self._build(near).rounds <= rounds:
                high = near
            else:
                low = near

    def follow(self, waves: Mapping[str, int]) -> Build:
        """A build in a given order, that of `waves` within a wave; hosts of wave 0 are its seeds."""
        place = {self.zone.hosts[h].name: h for h in self.zone.todo}
        by_wave: dict[int, list[int]] = defaultdict(list)
        for name, wave in waves.items():
            if name in place:
                by_wave[wave].append(place[name])
        order = [by_wave[wave] for wave in sorted(by_wave)]
        seeds = by_wave.get(0, [])
        return Growth(self.zone, at_once=self._at_once).run(seeds, len(seeds), order)


class _Estimate:
    """Rounds by the number of seeds with the scarcest dimension alone and fluid instances; microseconds each."""

    def __init__(self, zone: Zone, busy: Iterable[int]) -> None:
        d = zone.scarce
        order = sorted(busy, key=lambda h: (zone.used[h][d], h))
        self._loads = list(accumulate((zone.used[h][d] for h in order), initial=0))
        self._limits = list(accumulate((zone.limit[h][d] for h in order), initial=0))
        self._clean = sum(max(0, zone.limit[h][d] - zone.used[h][d]) for h in zone.clean)
        self._count = len(order)

    def seeds(self, rounds: int, most: int) -> int:
        """The fewest seeds that are likely to do."""
        return min(
            most, 1 + bisect_left(range(1, most), True, key=lambda s: self.rounds(s) <= rounds)
        )

    def rounds(self, seeds: int) -> int:
        """The lightest hosts are the seeds; their load fills up the heaviest, which go last."""
        loads, limits, count = self._loads, self._limits, self._count
        parked = loads[seeds]
        spare = [limits[count] - loads[count] - limits[t] + loads[t] for t in range(count + 1)]
        tail = bisect_right(spare, -parked, key=lambda s: -s) - 1
        done, waves = seeds, 1
        while done < count:
            room = self._clean + limits[done]
            most = bisect_right(loads, room + loads[seeds]) - 1
            if most >= tail:
                most = max(tail, bisect_right(limits, room - loads[count] + limits[count]) - 1)
            if most <= done:
                return count
            done, waves = min(most, count), waves + 1
        return waves


def front(builds: Sequence[Build]) -> list[Build]:
    """Those that no other beats in rounds and moves; only those with the fewest stuck hosts."""
    least = min((len(b.stuck) for b in builds), default=0)
    kept: list[Build] = []
    for build in sorted(builds, key=lambda b: (b.rounds, b.moves)):
        if len(build.stuck) == least and (not kept or build.moves < kept[-1].moves):
            kept.append(build)
    return kept[::-1]


def combine(fronts: Sequence[Sequence[Build]]) -> list[list[Build]]:
    """One build of each zone for every number of rounds: the fewest moves that are possible within them."""
    found: dict[tuple[int, int], list[Build]] = {}
    for rounds in sorted({build.rounds for builds in fronts for build in builds}):
        chosen = [
            next((b for b in builds if b.rounds <= rounds), builds[-1])
            for builds in fronts
            if builds
        ]
        found[max(b.rounds for b in chosen), sum(b.moves for b in chosen)] = chosen
    kept: list[list[Build]] = []
    least = None
    for (_, moves), chosen in sorted(found.items(), key=lambda item: item[0]):
        if least is None or moves < least:
            kept.append(chosen)
            least = moves
    return kept[::-1]
