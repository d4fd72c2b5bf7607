"""Plays what is left of a session through with given durations, by the rules that its workflow keeps.

The planner's own schedule is the best that a plan allows. A workflow keeps more rules than a plan: hosts are closed
strictly in order, no more of them than allowed at once from their closing to the end of their work, their managers are
told only then. So the expected end comes from here. Played often with durations drawn anew, it tells how likely an
end is. Pure: chance comes from a seed.
"""

from __future__ import annotations

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from heapq import heappop, heappush
from math import exp, log, sqrt
from statistics import NormalDist, median
from typing import Any

from fenix_grpc.core.pace import POINTS, Spread

#: Moves that all rehearsals of one session may have together, and how many rehearsals there are at least and at most.
_EFFORT, _FEWEST, _MOST = 60_000, 3, 40
_GOLDEN = (sqrt(5) - 1) / 2
#: What has lasted longer than expected lasts this share of its time more.
_MORE = 0.1


@dataclass(frozen=True, slots=True, kw_only=True)
class Departure:
    """An instance that is to leave a host."""

    instance_id: str
    source: str
    #: Empty where it is not known yet.
    target: str
    groups: tuple[str, ...] = ()
    lasts: Spread
    #: Seconds that it moves already; None when it does not.
    since_s: float | None = None
    #: Seconds from the closing of its host to the start of its move, for notice and answer.
    notice_s: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Visit:
    """A host that is to be emptied and worked on."""

    host: str
    #: Number of its wave, from 0.
    wave: int
    departures: tuple[Departure, ...] = ()
    work: Spread
    #: Seconds that it is worked on already; None when it is not.
    since_s: float | None = None
    #: It is closed already.
    begun: bool = False
    #: It is begun while no more than this many hosts are in hand, itself included.
    at_once: int = 1


@dataclass(frozen=True, kw_only=True)
class Script:
    """What is left to do."""

    #: In the order in which they are begun.
    visits: tuple[Visit, ...] = ()
    #: Hosts without instances: one after the other, before the work on the others and once the first of these is empty.
    before: tuple[Visit, ...] = ()
    #: They need not wait for that.
    before_at_once: bool = False
    #: Moves at once in all, from one host and to one host; 0 for any number.
    in_all: int = 0
    per_source: int = 0
    per_target: int = 0
    #: Group to the members that may be out at once, and the seconds that each then needs.
    groups: Mapping[str, tuple[int, float]] = field(default_factory=dict)

    @cached_property
    def departures(self) -> tuple[Departure, ...]:
        """All of them, visit by visit."""
        return tuple(departure for visit in self.visits for departure in visit.departures)


@dataclass(frozen=True, slots=True, kw_only=True)
class Times:
    """When everything would happen, in seconds from now."""

    #: Host to when it is closed, worked on, and done.
    hosts: Mapping[str, tuple[float, float, float]]
    #: Begin and end of each departure, in order.
    moves: Sequence[tuple[float, float]]

    @property
    def end_s(self) -> float:
        """When the last host is done."""
        return max((end for _, _, end in self.hosts.values()), default=0.0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Expected:
    """What many rehearsals say."""

    #: With every duration as long as it is in half of the cases.
    times: Times
    #: When the last host is done: in half of the cases at most, and in nine of ten.
    p50_s: float
    p90_s: float


def expect(script: Script, seed: str) -> Expected:
    """When the script ends, and how sure that is.

    A sum of many moves is not as late as the latest of ten of each. So the script is rehearsed with durations drawn
    from their spreads, each for itself, and all of one kind longer or shorter together by what is not known of them (a
    lot before anything was measured, little afterwards): that error does not average out. The middle of the ends is
    P50. P90 is read from the spread of their logarithms, as from a handful of rehearsals of a large session the ninth
    of ten could not be counted; such a session needs no more, as most of its chance averages out within it.
    """
    count = max(_FEWEST, min(_MOST, _EFFORT // max(1, len(script.departures))))
    order = _Order(script)
    middle = _Stage(script, order, _Draw(None, 0, 1)).play()
    ends = [_Stage(script, order, _Draw(seed, n, count)).play().end_s for n in range(count)]
    if not middle.end_s or not min(ends):
        return Expected(times=middle, p50_s=middle.end_s, p90_s=max(ends))
    logs = [log(end) for end in ends]
    mean = sum(logs) / count
    sigma = sqrt(sum((each - mean) ** 2 for each in logs) / (count - 1))
    p50_s = median(ends)
    return Expected(times=middle, p50_s=p50_s, p90_s=p50_s * exp(NormalDist().inv_cdf(0.9) * sigma))


class _Draw:
    """The durations of rehearsal `number` of `count`. Without a seed all of them are medians."""

    def __init__(self, seed: str | None, number: int, count: int) -> None:
        self._state = 0
        for letter in f"{seed}/{number}":
            self._state = (self._state * 1_000_003 ^ ord(letter)) & (2**64 - 1)
        self._chance = seed is not None
        # the errors in common are spread evenly over the rehearsals, those of works independent of those of moves
        self._moves = NormalDist().inv_cdf((number + 0.5) / count)
        self._works = NormalDist().inv_cdf(((number + 0.5) * _GOLDEN) % 1)

    def move(self, spread: Spread, since_s: float | None) -> float:
        """What is left of a move."""
        return self._left(spread, self._moves, since_s)

    def work(self, spread: Spread, since_s: float | None) -> float:
        """What is left of the work on a host."""
        return self._left(spread, self._works, since_s)

    def _left(self, spread: Spread, together: float, since_s: float | None) -> float:
        """Of what goes on already it is known that it was none of the shorter ones."""
        longer = exp(together * spread.doubt) if self._chance else 1.0
        if since_s is None:
            return self._one(spread, 0) * longer
        shorter = bisect_right(spread.quantiles, since_s / longer)
        if shorter >= POINTS:
            return _MORE * since_s
        return self._one(spread, shorter) * longer - since_s

    def _one(self, spread: Spread, shorter: int) -> float:
        """One of the quantiles past so many shorter ones; without chance the middle of them."""
        count = POINTS - shorter
        if not self._chance:
            return (
                spread.quantiles[shorter + (count - 1) // 2]
                + spread.quantiles[shorter + count // 2]
            ) / 2
        # a linear congruential generator; its upper bits are good enough to choose one of a few quantiles
        self._state = (self._state * 6_364_136_223_846_793_005 + 1_442_695_040_888_963_407) % 2**64
        return spread.quantiles[shorter + (self._state >> 40) % count]


#: A slot, or a place in the budget of a group.
_Token = tuple[str, str]


class _Order:
    """What waits for what, the same in every rehearsal."""

    def __init__(self, script: Script) -> None:
        self.moves = script.departures
        self.visit = {v.host: v for v in script.visits}
        self.of: dict[str, list[int]] = defaultdict(list)
        #: Moves that are still to come to a host before its own work.
        self.filling: dict[str, int] = defaultdict(int)
        #: Of each move, how much it waits for; its host's closing is one.
        self.awaits = [1] * len(self.moves)
        self.after_move: dict[int, int] = {}
        self.after_work: dict[str, list[int]] = defaultdict(list)
        self.tokens: dict[_Token, int] = {}
        self.needs = [self._needs(script, move) for move in self.moves]
        latest: dict[str, int] = {}
        for n, move in enumerate(self.moves):
            self.of[move.source].append(n)
            target = self.visit.get(move.target)
            if target is not None and target.wave < self.visit[move.source].wave:
                self.after_work[move.target].append(n)
                self.awaits[n] += 1
            else:
                self.filling[move.target] += 1
            if move.instance_id in latest:
                self.after_move[latest[move.instance_id]] = n
                self.awaits[n] += 1
            latest[move.instance_id] = n

    def _needs(self, script: Script, move: Departure) -> tuple[_Token, ...]:
        wanted = [("all", ""), ("source", move.source)]
        wanted += [("target", move.target)] if move.target else []
        numbers = {"all": script.in_all, "source": script.per_source, "target": script.per_target}
        needs = {token: numbers[token[0]] for token in wanted}
        needs |= {("group", g): script.groups[g][0] for g in move.groups if g in script.groups}
        needs = {token: number for token, number in needs.items() if number > 0}
        self.tokens |= needs
        return tuple(needs)


class _Stage:
    """The clockwork. A move waits for the first token that it lacks, until somebody gives it back."""

    def __init__(self, script: Script, order: _Order, draw: _Draw) -> None:
        self._script, self._order, self._moves = script, order, order.moves
        self._lasts = [draw.move(d.lasts, d.since_s) for d in self._moves]
        every = (*script.visits, *script.before)
        self._work = {v.host: draw.work(v.work, v.since_s) for v in every}
        self._queue = list(reversed(script.visits))
        self._before = list(reversed(script.before))
        #: Empty hosts that may not be worked on before others are; None once they may.
        self._held: list[str] | None = [] if script.before else None
        self._begin: dict[str, float] = {}
        self._work_at: dict[str, float] = {}
        self._end: dict[str, float] = {}
        self._times: list[tuple[float, float]] = [(0.0, 0.0)] * len(self._moves)
        self._started = [False] * len(self._moves)
        self._pending = {host: len(numbers) for host, numbers in order.of.items()}
        self._filling = defaultdict(int, order.filling)
        self._awaits = list(order.awaits)
        self._tokens = dict(order.tokens)
        self._waiting: dict[_Token, list[int]] = defaultdict(list)
        #: (time, order, what is over, of which).
        self._events: list[tuple[float, int, Callable[[Any], None], Any]] = []
        self._count, self._now, self._in_hand = 0, 0.0, 0

    def play(self) -> Times:
        """To the end; where a rule would keep it from going on for ever, that rule is broken."""
        if self._before and (self._script.before_at_once or not self._queue):
            self._next_before()
        self._begin_hosts()
        while len(self._end) < len(self._work):
            if not self._events:
                self._force()
                continue
            self._now, _, over, which = heappop(self._events)
            over(which)
        return Times(
            hosts={h: (self._begin[h], self._work_at[h], end) for h, end in self._end.items()},
            moves=self._times,
        )

    def _later(self, seconds: float, over: Callable[[Any], None], which: Any) -> None:
        self._count += 1
        heappush(self._events, (self._now + seconds, self._count, over, which))

    def _begin_hosts(self) -> None:
        """Strictly in order."""
        while self._queue:
            visit = self._queue[-1]
            full = self._in_hand >= visit.at_once or self._filling[visit.host] > 0
            if full and not visit.begun:
                return
            self._begin_host()

    def _begin_host(self) -> None:
        visit = self._queue.pop()
        self._in_hand += 1
        self._begin[visit.host] = self._now
        for n in self._order.of.get(visit.host, ()):
            self._release(n)
        if not self._pending.get(visit.host):
            self._emptied(visit.host)

    def _release(self, n: int) -> None:
        """One thing less that a move waits for."""
        self._awaits[n] -= 1
        if self._awaits[n] > 0:
            return
        move = self._moves[n]
        told = self._begin.get(move.source, 0.0) + move.notice_s
        if move.since_s is None and told > self._now:
            self._later(told - self._now, self._try, n)
        else:
            self._try(n)

    def _try(self, n: int) -> None:
        """Starts the move, or lets it wait for the first token that it lacks."""
        if self._started[n]:
            return
        tokens, needs = self._tokens, self._order.needs[n]
        if self._moves[n].since_s is None:
            for need in needs:
                if tokens[need] <= 0:
                    heappush(self._waiting[need], n)
                    return
        for need in needs:
            tokens[need] -= 1
        self._started[n] = True
        self._times[n] = (self._now, self._now + self._lasts[n])
        self._later(self._lasts[n], self._moved, n)

    def _give(self, need: _Token) -> None:
        self._tokens[need] += 1
        waiting = self._waiting[need]
        while waiting and self._tokens[need] > 0:
            self._try(heappop(waiting))

    def _moved(self, n: int) -> None:
        move = self._moves[n]
        for need in self._order.needs[n]:
            rest = self._script.groups[need[1]][1] if need[0] == "group" else 0.0
            if rest > 0:
                self._later(rest, self._give, need)
            else:
                self._give(need)
        self._pending[move.source] -= 1
        self._filling[move.target] -= 1
        if n in self._order.after_move:
            self._release(self._order.after_move[n])
        if not self._pending[move.source]:
            self._emptied(move.source)
        self._begin_hosts()

    def _emptied(self, host: str) -> None:
        if self._before and self._before[-1].host not in self._begin:
            self._next_before()
        if self._held is None or self._order.visit[host].since_s is not None:
            self._start_work(host)
        else:
            self._held.append(host)

    def _start_work(self, host: str) -> None:
        self._work_at[host] = self._now
        self._later(self._work[host], self._worked, host)

    def _next_before(self) -> None:
        host = self._before[-1].host
        self._begin[host] = self._work_at[host] = self._now
        self._later(self._work[host], self._prepared, host)

    def _prepared(self, host: str) -> None:
        self._end[host] = self._now
        self._before.pop()
        if self._before:
            self._next_before()
            return
        held, self._held = self._held or [], None
        for waiting in held:
            self._start_work(waiting)

    def _worked(self, host: str) -> None:
        self._end[host] = self._now
        self._in_hand -= 1
        for n in self._order.after_work.get(host, ()):
            if not self._started[n]:
                self._release(n)
        self._begin_hosts()

    def _force(self) -> None:
        """Nothing goes on: a plan that does not fit the world any more, which the workflow would make anew."""
        for n, move in enumerate(self._moves):
            if not self._started[n] and move.source in self._begin:
                self._awaits[n] = 1
                self._release(n)
                return
        self._begin_host()
