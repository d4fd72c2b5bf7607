"""The planner: `plan(problem)`. Pure, deterministic and total: the same problem gives the same plan, whatever cannot be
planned is named and the rest is planned, and the work is bounded.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from fenix_grpc.core.model import Preference
from fenix_grpc.core.planner.blockers import certain, no_room
from fenix_grpc.core.planner.bounds import bounds, hosts_out
from fenix_grpc.core.planner.exact import search, tiny
from fenix_grpc.core.planner.plan import Bounds, Option, Plan, ScaleIn, Wave
from fenix_grpc.core.planner.problem import PlannedMove, Problem
from fenix_grpc.core.planner.release import scale_in_of, smallest
from fenix_grpc.core.planner.sweep import Sweep, combine
from fenix_grpc.core.planner.waves import Build
from fenix_grpc.core.planner.zones import Zone, instances_on, zones


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
    on = instances_on(problem)
    blockers = certain(problem, on)
    found = zones(problem, {host for blocker in blockers for host in blocker.hosts}, on)
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
        no_room(zone, build, proven=zone.name in proven, spared=problem.not_to_scale_in)
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


def smallest_scale_in(problem: Problem) -> ScaleIn | None:
    """The fewest instances found whose release lets everything be planned that is not blocked for another reason: an
    empty ScaleIn when it is possible as it is, None when no release was found that helps. `not_to_scale_in` are never
    among them; of tiny zones it is the smallest there is."""
    on = instances_on(problem)
    blocked = {host for blocker in certain(problem, on) for host in blocker.hosts}
    found: list[tuple[Zone, list[int]]] = []
    for zone in zones(problem, blocked, on):
        released = smallest(zone, problem.not_to_scale_in)
        if released is None:
            return None
        if released:
            found.append((zone, released))
    return scale_in_of(found)


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
    most = max(0, problem.options.max_hosts_at_once)
    together = 0.0
    if most:
        pairs = zip(found, builds, strict=True)
        together = sum(_work(zone, build) for zone, build in pairs) / most
    for zone, build in zip(found, builds, strict=True):
        if id(build) not in chains:
            chains[id(build)] = _chain(zone, build, problem)
    return Option(
        rounds=max((b.rounds for b in builds), default=0),
        moves=sum(b.moves for b in builds),
        makespan_s=max([together, *(chains[id(b)] for b in builds)]),
        seeds=sum(b.seeds for b in builds),
    )


def _work(zone: Zone, build: Build) -> float:
    """The seconds of all its works."""
    return sum(max(0.0, zone.hosts[h].work_s) for step in build.steps for h in step.hosts)


def _chain(zone: Zone, build: Build, problem: Problem) -> float:
    """When the last host would be done if moves waited for nothing but their targets and their host's slots."""
    count, per_source = len(zone.hosts), max(0, problem.slots.per_source)
    done, lasts, at = [0.0] * count, zone.move_s, list(zone.at)
    for step in build.steps:
        ready, leaving = [0.0] * count, [0.0] * count
        for i, target in zip(step.moves, step.targets, strict=True):
            source, at[i] = at[i], target
            leaving[source] += lasts[i]
            if done[target] > ready[source]:
                ready[source] = done[target]
        for h in step.hosts:
            leave = leaving[h] / per_source if per_source else 0.0
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
    queues = [_named(zone, build) for zone, build in zip(found, builds, strict=True)]
    waves: list[Wave] = []
    while any(queues):
        hosts: list[str] = []
        moves: list[PlannedMove] = []
        for queue in sorted(queues, key=lambda q: -len(q)):
            if not queue or (most > 0 and hosts and len(hosts) + len(queue[-1][0]) > most):
                continue
            more_hosts, more_moves = queue.pop()
            hosts += more_hosts
            moves += more_moves
        waves.append(Wave(number=len(waves), hosts=tuple(hosts), moves=tuple(moves)))
    return tuple(waves)


def _named(zone: Zone, build: Build) -> list[tuple[list[str], list[PlannedMove]]]:
    """Hosts and moves of each step by their names, the last step first."""
    names = [host.name for host in zone.hosts]
    ids = [instance.instance_id for instance in zone.instances]
    at = list(zone.at)
    found = []
    for step in build.steps:
        moves = []
        for i, target in zip(step.moves, step.targets, strict=True):
            keeper = step.keepers.get(i, -1) if step.keepers else -1
            moves.append(
                PlannedMove(
                    instance_id=ids[i],
                    source=names[at[i]],
                    target=names[target],
                    compensation=names[keeper] if keeper >= 0 else "",
                )
            )
            at[i] = target
        found.append(([names[h] for h in step.hosts], moves))
    return found[::-1]
