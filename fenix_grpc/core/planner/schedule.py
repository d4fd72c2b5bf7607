"""When everything in a plan would happen: event-driven list scheduling without barriers.

A move starts as soon as its target is clean and slots and groups let it; a host's work starts the moment it is empty.
Among moves that wait for the same thing the earlier wave goes first, then the host with the most left to do, then the
longest move. The executor follows the same rules with real durations, so this is the plan's expected time.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from heapq import heappop, heappush

from fenix_grpc.core.planner.plan import Plan
from fenix_grpc.core.planner.problem import PlannedMove, Problem


@dataclass(frozen=True, slots=True, kw_only=True)
class TimedMove:
    """A move with its expected times in seconds from now."""

    move: PlannedMove
    wave: int
    start_s: float
    end_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class TimedWork:
    """The work on a host with its expected times in seconds from now."""

    host: str
    wave: int
    start_s: float
    end_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Timeline:
    """Moves and works by their start."""

    moves: tuple[TimedMove, ...]
    works: tuple[TimedWork, ...]

    @property
    def makespan_s(self) -> float:
        """When the last of all ends."""
        last_move = max((m.end_s for m in self.moves), default=0.0)
        return max(last_move, max((w.end_s for w in self.works), default=0.0))


def schedule(
    problem: Problem,
    plan: Plan,
    move_s: Mapping[str, float] | None = None,
    running_s: Mapping[str, float] | None = None,
) -> Timeline:
    """The expected times. `move_s` replaces the durations of single instances, for what-if and measured ones;
    `running_s` tells for how long moves under way have been running: they started before now and end the sooner."""
    return _Schedule(problem, plan, move_s or {}, running_s or {}).run()


class _Schedule:
    """The clockwork. Tokens stand for slots, places in group budgets and hosts at once."""

    def __init__(
        self,
        problem: Problem,
        plan: Plan,
        move_s: Mapping[str, float],
        running_s: Mapping[str, float],
    ) -> None:
        self._problem = problem
        self._wave_of = plan.wave_of()
        self._work = {h.name: max(0.0, h.work_s) for h in problem.hosts}
        instances = {i.instance_id: i for i in problem.instances}
        under_way = [m for m in plan.kept if m.instance_id in instances]
        under_way = [m for m in under_way if instances[m.instance_id].host == m.source != m.target]
        #: The first of the moves, that run already.
        self._running = [max(0.0, running_s.get(m.instance_id, 0.0)) for m in under_way]
        self._moves = [(0, m) for m in under_way]
        self._moves += [(wave.number, move) for wave in plan.waves for move in wave.moves]
        mine = [instances[move.instance_id] for _, move in self._moves]
        self._lasts = [max(0.0, move_s.get(i.instance_id, i.move_s)) for i in mine]
        self._lead = [i.lead_s for i in mine]
        self._pending: dict[str, int] = defaultdict(int)
        self._rank = self._urgency()
        self._tokens: list[int] = []
        self._waiting: list[list[tuple[int, float, float, int]]] = []
        self._needs: list[tuple[int, ...]] = []
        self._recovery: list[dict[int, float]] = []
        self._book_tokens([i.groups for i in mine])
        self._await: list[int] = [0] * len(self._moves)
        self._after_move: dict[int, list[int]] = defaultdict(list)
        self._after_work: dict[str, list[int]] = defaultdict(list)
        self._find_order()
        self._at_once = max(0, problem.options.max_hosts_at_once) or len(self._wave_of) + 1
        self._idle: list[tuple[int, float, str]] = []
        self._events: list[tuple[float, int, int, str]] = []
        self._now = 0.0
        self._timed: list[TimedMove] = []
        self._works: list[TimedWork] = []

    def _urgency(self) -> list[tuple[int, float, float, int]]:
        """How moves rank that wait for the same thing; counts on the way what each host is to give away."""
        wave_of, pending, todo = self._wave_of, self._pending, dict[str, float]()
        for (wave, move), lasts in zip(self._moves, self._lasts, strict=True):
            source = move.source
            pending[source] += wave <= wave_of.get(source, wave)
            todo[source] = todo.get(source, self._work.get(source, 0.0)) + lasts
        return [
            (wave, -todo[move.source], -self._lasts[number], number)
            for number, (wave, move) in enumerate(self._moves)
        ]

    def _book_tokens(self, groups_of: Sequence[tuple[str, ...]]) -> None:
        slots, groups = self._problem.slots, self._problem.groups
        sources: dict[str, int] = {}
        destinations: dict[str, int] = {}
        budgets: dict[str, int] = {}

        def new(number: int) -> int:
            self._tokens.append(number)
            self._waiting.append([])
            return len(self._tokens) - 1

        every = new(slots.in_all) if slots.in_all > 0 else -1
        for (_, move), mine in zip(self._moves, groups_of, strict=True):
            needs, recovery = [every] if every >= 0 else [], dict[int, float]()
            for name, known, number in (
                (move.source, sources, slots.per_source),
                (move.target, destinations, slots.per_destination),
            ):
                if number > 0:
                    if name not in known:
                        known[name] = new(number)
                    needs.append(known[name])
            for group_id in mine if len(mine) < 2 else dict.fromkeys(mine):
                group = groups.get(group_id)
                if group is not None and group.budget > 0:
                    if group_id not in budgets:
                        budgets[group_id] = new(group.budget)
                    needs.append(budgets[group_id])
                    recovery[budgets[group_id]] = max(0.0, group.recovery_s)
            self._needs.append(tuple(needs))
            self._recovery.append(recovery)

    def _find_order(self) -> None:
        """What each move waits for: its target's work, its instance's move before, and whoever had the room before."""
        latest: dict[str, int] = {}
        #: Moves away from a host before its work, and those from one that is not worked on after them.
        leaving: dict[str, list[int]] = defaultdict(list)
        leaving_late: dict[str, list[int]] = {}
        keeping: dict[str, list[int]] = {}
        shared: dict[tuple[int, str, str], int] = {}
        moves, wave_of = self._moves, self._wave_of
        for number, (wave, move) in enumerate(moves):
            before: set[int] = set()
            hosts = {move.target, move.compensation} if move.compensation else (move.target,)
            for host in hosts:
                gone = leaving_late.get(host, [])
                if wave_of.get(host, wave) < wave:
                    self._after_work[host].append(number)
                    self._await[number] += 1
                else:
                    gone = gone + leaving.get(host, [])
                if gone:
                    before.update(n for n in gone if moves[n][0] < wave)
            if move.instance_id in latest:
                before.add(latest[move.instance_id])
            if move.target in keeping:
                before.update(n for n in keeping[move.target] if moves[n][0] < wave)
            if move.compensation:
                key = (wave, move.compensation, move.source)
                before.update([shared[key]] if key in shared else [])
                shared[key] = number
                keeping.setdefault(move.compensation, []).append(number)
            latest[move.instance_id] = number
            if wave > wave_of.get(move.source, -1):
                leaving_late.setdefault(move.source, []).append(number)
            else:
                leaving[move.source].append(number)
            for n in before:
                self._after_move[n].append(number)
            self._await[number] += len(before)

    def run(self) -> Timeline:
        """Plays it through."""
        for host in self._wave_of:
            if not self._pending.get(host):
                self._empty(host)
        for number, seconds in enumerate(self._running):
            self._start(number, -seconds)
        for _, _, _, number in sorted(self._rank):
            if number >= len(self._running) and not self._await[number]:
                self._release(number)
        while self._events:
            self._now, kind, number, host = heappop(self._events)
            if kind == 0:
                self._end_move(number)
            elif kind == 1:
                self._give(number)
            elif kind == 2:
                self._end_work(host)
            else:
                self._try(number)
        return Timeline(
            moves=tuple(sorted(self._timed, key=_by_start)),
            works=tuple(sorted(self._works, key=lambda w: (w.start_s, w.host))),
        )

    def _release(self, number: int) -> None:
        if self._lead[number] > self._now:
            heappush(self._events, (self._lead[number], 3, number, ""))
        else:
            self._try(number)

    def _try(self, number: int) -> None:
        """Starts the move, or lets it wait for the first thing that it lacks."""
        tokens = self._tokens
        for need in self._needs[number]:
            if tokens[need] <= 0:
                heappush(self._waiting[need], self._rank[number])
                return
        self._start(number, self._now)

    def _start(self, number: int, start: float) -> None:
        """Whatever it needs is taken, even if a running move takes more than there is."""
        for need in self._needs[number]:
            self._tokens[need] -= 1
        wave, move = self._moves[number]
        end = max(self._now, start + self._lasts[number])
        self._timed.append(TimedMove(move=move, wave=wave, start_s=start, end_s=end))
        heappush(self._events, (end, 0, number, ""))

    def _give(self, token: int) -> None:
        """One more of something; whoever waits for it may have it."""
        self._tokens[token] += 1
        waiting = self._waiting[token]
        while waiting and self._tokens[token] > 0:
            self._try(heappop(waiting)[3])

    def _end_move(self, number: int) -> None:
        recovering = self._recovery[number]
        for need in self._needs[number]:
            rest = recovering.get(need, 0.0) if recovering else 0.0
            if rest > 0:
                heappush(self._events, (self._now + rest, 1, need, ""))
            else:
                self._give(need)
        self._free(self._after_move.get(number, ()))
        wave, move = self._moves[number]
        if wave <= self._wave_of.get(move.source, -1):
            self._pending[move.source] -= 1
            if not self._pending[move.source]:
                self._empty(move.source)

    def _free(self, numbers: Iterable[int]) -> None:
        for number in numbers:
            self._await[number] -= 1
            if not self._await[number]:
                self._release(number)

    def _empty(self, host: str) -> None:
        heappush(self._idle, (self._wave_of[host], -self._work[host], host))
        self._start_works()

    def _start_works(self) -> None:
        while self._idle and self._at_once > 0:
            self._at_once -= 1
            wave, _, host = heappop(self._idle)
            end = self._now + self._work[host]
            self._works.append(TimedWork(host=host, wave=wave, start_s=self._now, end_s=end))
            heappush(self._events, (end, 2, 0, host))

    def _end_work(self, host: str) -> None:
        self._at_once += 1
        self._free(self._after_work.get(host, ()))
        self._start_works()


def _by_start(timed: TimedMove) -> tuple[float, int, str, str]:
    return timed.start_s, timed.wave, timed.move.instance_id, timed.move.source
