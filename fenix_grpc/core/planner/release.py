"""The fewest instances whose release lets a zone be planned: greedy, and by trial of all sets where the zone is tiny.

Host after host is made fit to be emptied, with the instances on it or with those that take the room elsewhere,
whichever brings it further; then whatever turns out not to be needed is left in place.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import replace
from itertools import combinations

from fenix_grpc.core.model import Resources
from fenix_grpc.core.planner.bounds import hosts_out
from fenix_grpc.core.planner.exact import search, tiny
from fenix_grpc.core.planner.plan import ScaleIn
from fenix_grpc.core.planner.waves import Growth
from fenix_grpc.core.planner.zones import Zone, total

#: What the search in one zone may cost, in placed instances and hosts looked at.
EFFORT = 50_000
#: Hosts of which the one that needs the fewest releases is taken.
HOSTS = 2
#: Situations that trying all sets of a tiny zone may cost.
SITUATIONS = 4_000


def smallest(zone: Zone, spared: Collection[str]) -> list[int] | None:
    """Instances whose release lets all hosts of the zone be planned; nothing when no release was found that helps."""
    if not Growth(zone).run((), 0).stuck or (tiny(zone) and not search(zone).build.stuck):
        return []
    free = [i for i, instance in enumerate(zone.instances) if instance.instance_id not in spared]
    found = _greedy(zone, frozenset(free))
    if tiny(zone):
        return _exact(zone, free, len(found) if found else len(free) + 1) or found
    return found


def scale_in_of(released: Iterable[tuple[Zone, Sequence[int]]]) -> ScaleIn:
    """Releases by their names."""
    amount, ids, names = Resources(), list[str](), list[str]()
    for zone, instances in released:
        names.append(zone.name)
        for i in instances:
            ids.append(zone.instances[i].instance_id)
            amount += zone.instances[i].size
    return ScaleIn(instance_ids=tuple(sorted(ids)), amount=amount, zones=tuple(sorted(names)))


def without(zone: Zone, released: Collection[int]) -> Zone:
    """The zone after these instances are gone."""
    used, members = list(zone.used), [dict(here) for here in zone.members]
    at, gone = list(zone.at), frozenset(released)
    for i in gone:
        host, size = zone.at[i], zone.size(i)
        used[host] = (used[host][0] - size[0], used[host][1] - size[1], used[host][2] - size[2])
        at[i] = -1
        for group in zone.groups[i]:
            members[host][group] -= 1
    on = [[i for i in instances if i not in gone] for instances in zone.on]
    return replace(zone, used=used, members=members, at=at, on=on)


def _exact(zone: Zone, free: Sequence[int], below: int) -> list[int] | None:
    """The smallest set with fewer than so many instances, as far as all smaller ones can be tried."""
    left = SITUATIONS
    for number in range(1, below):
        for released in sorted(combinations(free, number), key=lambda s: _amount(zone, s)):
            answer = search(without(zone, released), left)
            if not answer.build.stuck:
                return list(released)
            left -= answer.situations + 1
            if left <= 0:
                return None
    return None


def _amount(zone: Zone, released: Iterable[int]) -> tuple[int, ...]:
    whole = total(zone.size(i) for i in released)
    return whole[zone.scarce], *whole


def _greedy(zone: Zone, free: frozenset[int]) -> list[int] | None:
    effort = EFFORT
    released: list[int] = []
    while True:
        growth = Growth(without(zone, released))
        build = growth.run((), 0)
        if not build.stuck:
            break
        effort -= len(zone.hosts) + build.moves
        evacuation = _Evacuation(growth, free.difference(released), effort)
        more = evacuation.fewest() if effort > 0 else []
        effort = evacuation.effort
        if not more:
            return None
        released += more
    for i in sorted(released, key=lambda i: _amount(zone, [i]), reverse=True):
        less = without(zone, [other for other in released if other != i])
        if effort > 0 and hosts_out(less, less.todo):
            build = Growth(less).run((), 0)
            effort -= len(zone.hosts) + build.moves
            if not build.stuck:
                released.remove(i)
    return released


class _Evacuation:
    """What must be released so that one more host can be emptied, where the waves have come to a halt."""

    def __init__(self, growth: Growth, free: frozenset[int], effort: int) -> None:
        self._growth = growth
        self._zone = growth.zone
        self._free = free
        #: What is left of it.
        self.effort = effort
        worked = [h for h in growth.zone.todo if h not in growth.left]
        self._clean = [*growth.zone.clean, *worked]
        self._where = list(growth.room.to)
        for host in growth.left:
            for i in growth.on[host]:
                self._where[i] = host
        self._sort_gaps()

    def _sort_gaps(self) -> None:
        """By size and by group: what can be released where instances may go, the largest gap that it leaves first."""
        zone, scarce = self._zone, self._zone.scarce
        free = self._growth.room.free[scarce]
        open_hosts = {*self._clean, *self._growth.parks(())}
        self._gap: dict[int, int] = {}
        self._of_size: dict[int, list[int]] = defaultdict(list)
        self._of_group: dict[int, list[int]] = defaultdict(list)
        for i in self._free:
            host = self._where[i]
            if host in open_hosts:
                self._gap[i] = free[host] + zone.sizes[zone.kind[i] >> 1][scarce]
                self._of_size[zone.kind[i] >> 1].append(i)
                for group in zone.groups[i]:
                    self._of_group[group].append(i)
        for some in (*self._of_size.values(), *self._of_group.values()):
            some.sort(key=lambda i: (-self._gap[i], i))

    def fewest(self) -> list[int]:
        """The releases for the host that needs the fewest."""
        growth, found = self._growth, list[int]()
        near = sorted(growth.left, key=lambda h: (len(growth.on[h]), h))[: 4 * HOSTS]
        lacking = {h: self._lacking(h, []) for h in near}
        for host in sorted(near, key=lambda h: (len(lacking[h]), h))[:HOSTS]:
            needed = self._for(host, lacking[host], len(found))
            if needed and (not found or len(needed) < len(found)):
                found = needed
        return found

    def _for(self, host: int, missing: Sequence[int], below: int) -> list[int]:
        """What to release for this host, one by one; nothing when it is not found or no better."""
        released: list[int] = []
        while missing and not (below and len(released) + 1 >= below):
            choices = [c for c in self._choices(host, missing, released) if c not in released]
            if self.effort <= 0 or not choices:
                rest = [i for i in missing if i in self._free]
                return released + rest if len(rest) == len(missing) else []
            outcomes = [(self._lacking(host, [*released, c]), c) for c in dict.fromkeys(choices)]
            missing, chosen = min(
                outcomes, key=lambda o: (_amount(self._zone, o[0]), _amount(self._zone, [o[1]]))
            )
            released.append(chosen)
        return [] if missing else released

    def _lacking(self, host: int, released: Collection[int]) -> list[int]:
        """What of the host finds no room after these releases."""
        self.effort -= len(self._zone.hosts) // 2 + len(self._growth.on[host])
        room, zone = self._growth.room, self._zone
        for i in released:
            room.to[i] = self._where[i]
            room.give(i)
        leaving = missing = [i for i in self._growth.on[host] if i not in released]
        least = zone.least(leaving)
        tiers = [room.usable(tier, least) for tier in (self._clean, self._growth.parks({host}))]
        placed: list[int] = []
        for tier in tiers:
            some, missing = room.pack(missing, tier)
            placed += some
        asking = [i for i in leaving if i in zone.mitigated]
        if asking and not missing:
            keepers = (h for tier in tiers for h in tier)
            missing = asking if room.first(zone.most(asking), keepers) < 0 else []
        for i in placed:
            room.give(i)
        for i in released:
            room.take(i, self._where[i])
        return missing

    def _choices(self, host: int, missing: Sequence[int], released: Sequence[int]) -> Iterator[int]:
        """Single releases that may help: the largest that finds no room, the largest on the host, and elsewhere the one
        that leaves the largest gap, the smallest that leaves a gap large enough, and one of the same group."""
        zone, free = self._zone, self._free
        for own in (missing, [i for i in self._growth.on[host] if i not in released]):
            yield from sorted((i for i in own if i in free), key=lambda i: zone.kind[i])[:1]
        out = {*released, *self._growth.on[host]}
        widest = [next((i for i in some if i not in out), -1) for some in self._of_size.values()]
        widest = [i for i in widest if i >= 0]
        if widest:
            yield max(widest, key=lambda i: (self._gap[i], -i))
        wanted = max(zone.size(i)[zone.scarce] for i in missing)
        enough = [i for i in widest if self._gap[i] >= wanted]
        if enough:
            yield max(enough, key=lambda i: (zone.kind[i], -i))
        for group in {group for i in missing for group in zone.groups[i]}:
            yield from [i for i in self._of_group[group] if i not in out][:2]
