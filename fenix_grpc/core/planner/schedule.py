"""When everything in a plan would happen: event-driven list scheduling without barriers.

A move starts as soon as its target is clean and slots and groups let it; a host's work starts the moment it is empty.
Among moves that wait for the same thing the earlier wave goes first, then the host with the most left to do, then the
longest move. The executor follows the same rules with real durations, so this is the plan's expected time.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
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


def schedule(problem: Problem, plan: Plan, move_s: Mapping[str, float] | None = None) -> Timeline:
    """The expected times; `move_s` replaces the durations of single instances, for what-if and measured ones."""
    return _Schedule(problem, plan, move_s or {}).run()


class _Schedule:
    """The clockwork. Tokens stand for slots, places in group budgets and hosts at once."""

    def __init__(self, problem: Problem, plan: Plan, move_s: Mapping[str, float]) -> None:
        self._problem = problem
        self._wave_of = plan.wave_of()
        self._work = {h.name: max(0.0, h.work_s) for h in problem.hosts}
        instances = {i.instance_id: i for i in problem.instances}
        under_way = [m for m in plan.kept if m.instance_id in instances]
        under_way = [m for m in under_way if instances[m.instance_id].host == m.source != m.target]
        self._moves = [(0, m) for m in under_way]
        self._moves += [(wave.number, move) for wave in plan.waves for move in wave.moves]
        ids = [move.instance_id for _, move in self._moves]
        self._lasts = [max(0.0, move_s.get(i, instances[i].move_s)) for i in ids]
        self._lead = [0.0 if n < len(under_way) else instances[i].lead_s for n, i in enumerate(ids)]
        self._pending: dict[str, int] = defaultdict(int)
        urgency: dict[str, float] = defaultdict(float)
        for (wave, move), lasts in zip(self._moves, self._lasts, strict=True):
            self._pending[move.source] += wave <= self._wave_of.get(move.source, wave)
            urgency[move.source] += lasts
        self._rank = [
            (wave, -urgency[move.source] - self._work.get(move.source, 0.0), -lasts, number)
            for number, ((wave, move), lasts) in enumerate(
                zip(self._moves, self._lasts, strict=True)
            )
        ]
        self._tokens: list[int] = []
        self._waiting: list[list[tuple[int, float, float, int]]] = []
        self._needs: list[tuple[int, ...]] = []
        self._recovery: list[tuple[tuple[int, float], ...]] = []
        self._book_tokens({i: instances[i].groups for i in ids})
        self._await: list[int] = [0] * len(self._moves)
        self._after_move: dict[int, list[int]] = defaultdict(list)
        self._after_work: dict[str, list[int]] = defaultdict(list)
        self._find_order()
        self._at_once = max(0, problem.options.max_hosts_at_once) or len(self._wave_of) + 1
        self._idle: list[tuple[int, float, str]] = []
        self._events: list[tuple[float, int, int, str]] = []
        self._count = 0
        self._now = 0.0
        self._timed: list[TimedMove] = []
        self._works: list[TimedWork] = []

    def _book_tokens(self, groups: Mapping[str, tuple[str, ...]]) -> None:
        slots, known = self._problem.slots, dict[tuple[str, str], int]()

        def token(kind: str, name: str, number: int) -> int:
            index = known.setdefault((kind, name), len(known))
            if index == len(self._tokens):
                self._tokens.append(number)
                self._waiting.append([])
            return index

        for _, move in self._moves:
            needs, recovery = [], []
            if slots.per_source > 0:
                needs.append(token("source", move.source, slots.per_source))
            if slots.per_destination > 0:
                needs.append(token("destination", move.target, slots.per_destination))
            if slots.in_all > 0:
                needs.append(token("all", "", slots.in_all))
            for group_id in dict.fromkeys(groups[move.instance_id]):
                group = self._problem.groups.get(group_id)
                if group is not None and group.budget > 0:
                    needs.append(token("group", group_id, group.budget))
                    recovery.append((needs[-1], max(0.0, group.recovery_s)))
            self._needs.append(tuple(needs))
            self._recovery.append(tuple(recovery))

    def _find_order(self) -> None:
        """What each move waits for: its target's work, its instance's move before, and whoever had the room before."""
        latest: dict[str, int] = {}
        #: Moves away from a host before its work, and those from one that is not worked on after them.
        leaving: dict[str, list[int]] = defaultdict(list)
        leaving_late: dict[str, list[int]] = defaultdict(list)
        keeping: dict[str, list[int]] = defaultdict(list)
        shared: dict[tuple[int, str, str], int] = {}
        for number, (wave, move) in enumerate(self._moves):
            before: set[int] = set()
            for host in {move.target, move.compensation}:
                before.update(n for n in leaving_late[host] if self._moves[n][0] < wave)
                if self._wave_of.get(host, wave) < wave:
                    self._after_work[host].append(number)
                    self._await[number] += 1
                else:
                    before.update(n for n in leaving[host] if self._moves[n][0] < wave)
            if move.instance_id in latest:
                before.add(latest[move.instance_id])
            before.update(n for n in keeping[move.target] if self._moves[n][0] < wave)
            if move.compensation:
                key = (wave, move.compensation, move.source)
                before.update([shared[key]] if key in shared else [])
                shared[key] = number
                keeping[move.compensation].append(number)
            latest[move.instance_id] = number
            late = wave > self._wave_of.get(move.source, -1)
            (leaving_late if late else leaving)[move.source].append(number)
            for n in before:
                self._after_move[n].append(number)
            self._await[number] += len(before)

    def run(self) -> Timeline:
        """Plays it through."""
        for host in self._wave_of:
            if not self._pending.get(host):
                self._empty(host)
        for number in sorted(range(len(self._moves)), key=self._rank.__getitem__):
            if not self._await[number]:
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
            moves=tuple(sorted(self._timed, key=lambda m: (m.start_s, m.wave, m.move))),
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
        for need in self._needs[number]:
            tokens[need] -= 1
        wave, move = self._moves[number]
        end = self._now + self._lasts[number]
        self._timed.append(TimedMove(move=move, wave=wave, start_s=self._now, end_s=end))
        heappush(self._events, (end, 0, number, ""))

    def _give(self, token: int) -> None:
        """One more of something; whoever waits for it may have it."""
        self._tokens[token] += 1
        waiting = self._waiting[token]
        while waiting and self._tokens[token] > 0:
            self._try(heappop(waiting)[3])

    def _end_move(self, number: int) -> None:
        recovering = dict(self._recovery[number])
        for need in self._needs[number]:
            rest = recovering.get(need, 0.0)
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
