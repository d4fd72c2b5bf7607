"""The planner: `plan(problem)`. Pure, deterministic and total: the same problem gives the same plan, whatever cannot be
planned is named and the rest is planned, and the work is bounded.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from fenix_grpc.core.planner.blockers import certain, no_room
from fenix_grpc.core.planner.bounds import bounds, hosts_out
from fenix_grpc.core.planner.exact import search, tiny
from fenix_grpc.core.planner.plan import Bounds, Option, Plan, Wave
from fenix_grpc.core.planner.problem import PlannedMove, Preference, Problem
from fenix_grpc.core.planner.sweep import Sweep, combine
from fenix_grpc.core.planner.waves import Build
from fenix_grpc.core.planner.zones import Zone, under_way, zones


def plan(problem: Problem) -> Plan:
    """A plan for the present state of the problem."""
    return _plan(problem, None)


def replan(problem: Problem, before: Plan | None = None) -> Plan:
    """A plan for the present state; what was executed is in the state itself, and in `kept`.

    With the plan `before`, the hosts that are left keep their order, so little changes and it takes a fraction of the
    time; without, or where its order does not get through any more, everything is planned anew.
    """
    return _plan(problem, before.wave_of() if before is not None else None)


def _plan(problem: Problem, order: Mapping[str, int] | None) -> Plan:
    blockers = certain(problem, {i: to for i, (_, to) in under_way(problem).items()})
    blocked = {host: blocker for blocker in blockers for host in blocker.hosts}
    found = zones(problem, blocked)
    fronts = [_front(zone, problem, len(found), order) for zone in found]
    proven: set[str] = set()
    for position, zone in enumerate(found):
        if fronts[position][0].stuck:
            fronts[position] = _last_resort(zone, fronts[position], proven)
    points = combine(fronts) or [[]]
    chains: dict[int, float] = {}
    options = [_option(problem, found, builds, chains) for builds in points]
    chosen = _choose(options, problem.options.preference)
    builds = points[chosen]
    blockers += [
        no_room(zone, build, proven=zone.name in proven)
        for zone, build in zip(found, builds, strict=True)
        if build.stuck
    ]
    return Plan(
        waves=_waves(problem, found, builds),
        front=tuple(options),
        chosen=options[chosen],
        bounds=_bounds(problem, found, builds),
        blockers=tuple(sorted(blockers, key=lambda b: (b.kind, b.subject))),
        kept=problem.kept,
    )


def _front(
    zone: Zone, problem: Problem, count: int, order: Mapping[str, int] | None
) -> list[Build]:
    most = max(0, problem.options.max_hosts_at_once)
    every = sum(1 for h in problem.hosts if h.in_session and not h.maintained)
    share = max(1, most * len(zone.todo) // max(1, every)) if most else 0
    sweep = Sweep(zone, at_once=share if count > 1 else most)
    if order is not None:
        again = sweep.follow(order)
        if not again.stuck:
            return [again]
    hints = [h for h in problem.hints if h.zone == zone.name]
    return sweep.run(problem.options, hints)


def _last_resort(zone: Zone, builds: list[Build], proven: set[str]) -> list[Build]:
    """Tiny zones are searched to the end; `proven` gets the zones for which more than this cannot be done."""
    if not hosts_out(zone, zone.todo):
        proven.add(zone.name)
    elif tiny(zone):
        answer = search(zone)
        if answer.complete and answer.build.stuck:
            proven.add(zone.name)
        if len(answer.build.stuck) < len(builds[0].stuck):
            return [answer.build]
    return builds


def _bounds(problem: Problem, found: Sequence[Zone], builds: Sequence[Build]) -> Bounds:
    rounds = max((b.rounds for b in builds), default=0)
    return bounds(problem, found, [frozenset(b.stuck) for b in builds], rounds)


def _option(
    problem: Problem, found: Sequence[Zone], builds: Sequence[Build], chains: dict[int, float]
) -> Option:
    """The figures of one point; `chains` keeps what is known of each build."""
    most = problem.options.max_hosts_at_once
    work = sum(
        max(0.0, zone.hosts[h].work_s)
        for zone, build in zip(found, builds, strict=True)
        for step in build.steps
        for h in step.hosts
    )
    for zone, build in zip(found, builds, strict=True):
        if id(build) not in chains:
            chains[id(build)] = _chain(zone, build, problem)
    return Option(
        rounds=max((b.rounds for b in builds), default=0),
        moves=sum(b.moves for b in builds),
        makespan_s=max([0.0, *(chains[id(b)] for b in builds), work / most if most > 0 else 0.0]),
        seeds=sum(b.seeds for b in builds),
    )


def _chain(zone: Zone, build: Build, problem: Problem) -> float:
    """When the last host would be done if moves waited for nothing but their targets and their host's slots."""
    done = [0.0] * len(zone.hosts)
    at_once = max(0, problem.slots.per_source)
    lasts = [max(0.0, instance.move_s) for instance in zone.instances]
    for step in build.steps:
        ready: dict[int, float] = dict.fromkeys(step.hosts, 0.0)
        total: dict[int, float] = dict.fromkeys(step.hosts, 0.0)
        for i, source, target, _ in step.moves:
            if source in ready:
                if done[target] > ready[source]:
                    ready[source] = done[target]
                total[source] += lasts[i]
        for h in step.hosts:
            leave = total[h] / at_once if at_once else 0.0
            done[h] = ready[h] + leave + max(0.0, zone.hosts[h].work_s)
    return max(done, default=0.0)


def _choose(options: Sequence[Option], preference: Preference) -> int:
    """The position of the preferred option."""
    fast = min(o.makespan_s for o in options)
    slow = max(o.makespan_s for o in options) - fast
    few = min(o.moves for o in options)
    many = max(o.moves for o in options) - few

    def rank(position: int) -> tuple[float, float, int]:
        option = options[position]
        time = (option.makespan_s - fast) / slow if slow else 0.0
        moves = (option.moves - few) / many if many else 0.0
        match preference:
            case Preference.FASTEST:
                return time, moves, position
            case Preference.FEWEST_MOVES:
                return moves, time, position
            case _:
                return time * time + moves * moves, time, position

    return min(range(len(options)), key=rank)


def _waves(problem: Problem, found: Sequence[Zone], builds: Sequence[Build]) -> tuple[Wave, ...]:
    """The zones' steps side by side; a step that would exceed the hosts at once waits for the next wave."""
    most = problem.options.max_hosts_at_once
    queues = [list(reversed(build.steps)) for build in builds]
    waves: list[Wave] = []
    while any(queues):
        hosts: list[str] = []
        moves: list[PlannedMove] = []
        for position in sorted(range(len(queues)), key=lambda q: -len(queues[q])):
            queue, zone = queues[position], found[position]
            if not queue or (most > 0 and hosts and len(hosts) + len(queue[-1].hosts) > most):
                continue
            step = queue.pop()
            names = [host.name for host in zone.hosts]
            hosts += [names[h] for h in step.hosts]
            moves += [
                PlannedMove(
                    instance_id=zone.instances[i].instance_id,
                    source=names[source],
                    target=names[target],
                    compensation=names[room] if room >= 0 else "",
                )
                for i, source, target, room in step.moves
            ]
        waves.append(Wave(number=len(waves), hosts=tuple(hosts), moves=tuple(moves)))
    return tuple(waves)
