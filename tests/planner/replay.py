"""A naive replay of plans and timelines. It shares only the values with the planner, and says what was broken."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import replace

from fenix_grpc.core.model import Resources
from fenix_grpc.core.planner import Plan, PlannedMove, Problem, Timeline, Wave


class Replay:
    """The cloud as a plan changes it."""

    def __init__(self, problem: Problem) -> None:
        self.problem = problem
        self.host = {h.name: h for h in problem.hosts}
        self.instance = {i.instance_id: i for i in problem.instances}
        self.at = {i.instance_id: i.host for i in problem.instances}
        #: Moves that run: instance to target.
        self.moving: dict[str, str] = {}
        self.done = {h.name for h in problem.hosts if h.maintained}
        self.working: set[str] = set()
        self.broken: list[str] = []

    def on(self, host: str) -> list[str]:
        """Whatever is booked there, coming and going included."""
        here = [i for i, h in self.at.items() if h == host]
        return here + [i for i, h in self.moving.items() if h == host and self.at[i] != host]

    def start(self, move: PlannedMove) -> None:
        i, target = self.instance[move.instance_id], self.host[move.target]
        if self.at[i.instance_id] != move.source:
            self.broken.append(f"{move}: is on {self.at[i.instance_id]}")
        if i.instance_id in self.moving or move.source == move.target:
            self.broken.append(f"{move}: moves already")
        worked = target.name in self.done and target.in_session and not target.maintained
        worked = worked and not target.retired
        if not (target.usable or worked) or target.retired or target.name in self.problem.held:
            self.broken.append(f"{move}: target does not accept")
        if target.name in self.working:
            self.broken.append(f"{move}: target is being worked on")
        if self.host[move.source].zone != target.zone or i.zone not in ("", target.zone):
            self.broken.append(f"{move}: leaves its zone")
        if target.name in self.problem.refused.get(i.instance_id, ()):
            self.broken.append(f"{move}: was refused")
        if not i.movable and not i.own_action:
            self.broken.append(f"{move}: cannot move")
        self.moving[i.instance_id] = target.name
        self._room(move)
        for group_id in set(i.groups) & self.problem.groups.keys():
            limit = self.problem.groups[group_id].max_per_host
            members = [m for m in self.on(target.name) if group_id in self.instance[m].groups]
            if limit and len(members) > limit:
                self.broken.append(f"{move}: {len(members)} of {group_id} together")

    def _room(self, move: PlannedMove) -> None:
        kept = [self.instance[move.instance_id].size] if move.compensation else []
        self._fill(move.target, move, kept if move.compensation == move.target else [])
        if move.compensation:
            self._fill(move.compensation, move, kept)
            if move.compensation == move.source:
                self.broken.append(f"{move}: compensation on its source")
        elif self.instance[move.instance_id].mitigation:
            self.broken.append(f"{move}: no compensation")

    def _fill(self, host: str, move: PlannedMove, more: list[Resources]) -> None:
        share = self.problem.options.fill_limit
        used = sum((self.instance[i].size for i in self.on(host)), Resources())
        used = sum(more, used)
        whole = self.host[host].capacity
        limit = Resources(
            vcpus=int(whole.vcpus * share),
            memory_mb=int(whole.memory_mb * share),
            disk_gb=int(whole.disk_gb * share),
        )
        if not used.fits(limit):
            self.broken.append(f"{move}: {host} holds {used} of {limit}")

    def end(self, move: PlannedMove) -> None:
        self.at[move.instance_id] = self.moving.pop(move.instance_id)

    def work(self, host: str) -> None:
        if self.on(host):
            self.broken.append(f"{host}: not empty: {self.on(host)}")
        if host in self.done or not self.host[host].in_session or host in self.problem.held:
            self.broken.append(f"{host}: not to be worked on")
        self.working.add(host)

    def finish(self, host: str) -> None:
        self.working.discard(host)
        self.done.add(host)


def replay_plan(problem: Problem, plan: Plan) -> list[str]:
    """Wave by wave, every wave's moves at once."""
    replay = Replay(problem)
    for wave in plan.waves:
        first = _under_way(problem) if not wave.number else []
        _replay_wave(replay, wave, first)
    blocked = {h for b in plan.blockers for h in b.hosts}
    wanted = {h.name for h in problem.hosts if h.in_session and not h.maintained}
    done = {h for wave in plan.waves for h in wave.hosts}
    if done & blocked or done | blocked != wanted:
        replay.broken.append(f"hosts: {sorted(done)} and {sorted(blocked)} of {sorted(wanted)}")
    return replay.broken


def _under_way(problem: Problem) -> list[PlannedMove]:
    at = {i.instance_id: i.host for i in problem.instances}
    return [m for m in problem.kept if at.get(m.instance_id) == m.source != m.target]


def _replay_wave(replay: Replay, wave: Wave, first: list[PlannedMove]) -> None:
    for move in first:
        replay.moving[move.instance_id] = move.target
    for move in wave.moves:
        replay.start(move)
    for move in [*first, *wave.moves]:
        replay.end(move)
    limit = replay.problem.options.max_hosts_at_once
    if limit and len(wave.hosts) > limit:
        replay.broken.append(f"wave {wave.number}: {len(wave.hosts)} hosts")
    for host in wave.hosts:
        replay.work(host)
    for host in wave.hosts:
        replay.finish(host)


def replay_timeline(problem: Problem, timeline: Timeline) -> list[str]:
    """Second by second: what ends at a time ends before what starts at it."""
    replay = Replay(problem)
    under_way = set(_under_way(problem))
    events: list[tuple[float, int, int, object]] = []
    for n, timed in enumerate(timeline.moves):
        events.append((timed.start_s, 2, n, timed.move))
        events.append((timed.end_s, 0, n, timed.move))
    for n, work in enumerate(timeline.works):
        events.append((work.start_s, 4, n, work.host))
        events.append((work.end_s, 1, n, work.host))
    for _, kind, _, what in sorted(events, key=lambda e: e[:3]):
        match kind, what:
            case 2, PlannedMove():
                if what in under_way:
                    replay.moving[what.instance_id] = what.target
                else:
                    replay.start(what)
                _limits(replay)
            case 0, PlannedMove():
                replay.end(what)
            case 4, str():
                replay.work(what)
                most = problem.options.max_hosts_at_once
                if most and len(replay.working) > most:
                    replay.broken.append(f"{len(replay.working)} hosts at once")
            case 1, str():
                replay.finish(what)
    return replay.broken + _budgets(problem, timeline)


def _limits(replay: Replay) -> None:
    slots = replay.problem.slots
    counts: Mapping[str, tuple[Counter[str], int]] = {
        "source": (Counter(replay.at[i] for i in replay.moving), slots.per_source),
        "destination": (Counter(replay.moving.values()), slots.per_destination),
        "all": (Counter("all" for _ in replay.moving), slots.in_all),
    }
    for name, (count, most) in counts.items():
        if most and count and max(count.values()) > most:
            replay.broken.append(f"slots per {name}: {count}")


def _budgets(problem: Problem, timeline: Timeline) -> list[str]:
    """Members moving or recovering, at each start of a move."""
    groups = {i.instance_id: set(i.groups) for i in problem.instances}
    broken = []
    for group_id, group in problem.groups.items():
        mine = [m for m in timeline.moves if group_id in groups[m.move.instance_id]]
        for move in mine:
            out = [
                m.move.instance_id
                for m in mine
                if m.start_s <= move.start_s
                and (move.start_s < m.end_s + group.recovery_s or m is move)
            ]
            if len(out) > group.budget:
                broken.append(f"{group_id}: {out} out at {move.start_s}")
    return broken


def after_waves(problem: Problem, plan: Plan, number: int) -> Problem:
    """The problem after the first waves of a plan were carried out."""
    waves = plan.waves[:number]
    at = {i.instance_id: i.host for i in problem.instances}
    at |= {m.instance_id: m.target for m in (_under_way(problem) if number else [])}
    done = set[str]()
    for wave in waves:
        at |= {m.instance_id: m.target for m in wave.moves}
        done |= set(wave.hosts)
    return replace(
        problem,
        hosts=tuple(
            replace(h, maintained=True, usable=True) if h.name in done else h for h in problem.hosts
        ),
        instances=tuple(replace(i, host=at[i.instance_id]) for i in problem.instances),
        kept=problem.kept + tuple(m for wave in waves for m in wave.moves),
    )
