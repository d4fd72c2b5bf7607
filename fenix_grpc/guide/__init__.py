"""Better orders and tighter bounds from a solver, for who wants to know how far the planner is from the optimum.

The planner needs no solver. With the extra `solver` installed, `guide` solves the fluid model of each zone (which host
in which wave, the seeds with the fewest instances) and returns hints: orders that the planner tries, and a proven lower
bound for the moves. The solver runs in a process of its own with a time limit, so that neither a crash nor a hard case
concerns the server. Nothing here decides anything: a hint that does not help is not used.
"""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import asdict, dataclass

from fenix_grpc.core.planner.problem import Hint, Problem
from fenix_grpc.core.planner.zones import Zone, instances_on, zones

#: Share of the room that the order leaves to instances that do not fill it completely.
SLACK = 0.01
#: Seconds that the process may take beyond the solver's own limit.
GRACE_S = 10.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Fluid:
    """What the solver is asked: a zone without clean hosts, loads and capacities as shares of its largest host."""

    loads: list[list[float]]
    capacities: list[list[float]]
    instances: list[int]
    rounds: int
    at_once: int
    slack: float
    limit_s: float


def guide(problem: Problem, rounds: int, *, limit_s: float = 10.0) -> tuple[Hint, ...]:
    """Hints for plans with these rounds; `limit_s` holds for each zone. Zones without an answer in time get none, as do
    all without the solver, and zones in which hosts are clean already: there the waves need no seeds."""
    found = zones(problem, (), instances_on(problem))
    return tuple(hint for zone in found for hint in _hints(problem, zone, rounds, limit_s))


def _hints(problem: Problem, zone: Zone, rounds: int, limit_s: float) -> list[Hint]:
    """One order that uses all room and proves the bound, and one that leaves some for instances that do not fill it."""
    if zone.clean or rounds < 2:
        return []
    tight = _solve(_fluid(problem, zone, rounds, 0.0, limit_s / 2))
    if tight is None:
        return []
    bound = len(zone.instances) + tight[1]
    loose = _solve(_fluid(problem, zone, rounds, SLACK, limit_s / 2))
    return [
        Hint(
            waves={zone.hosts[h].name: wave for h, wave in zip(zone.todo, found[0], strict=True)},
            zone=zone.name,
            rounds=rounds,
            moves_bound=bound,
        )
        for found in (tight, loose)
        if found is not None
    ]


def _fluid(problem: Problem, zone: Zone, rounds: int, slack: float, limit_s: float) -> Fluid:
    whole = [max([zone.limit[h][d] for h in zone.todo] + [1]) for d in range(3)]
    return Fluid(
        loads=[[zone.used[h][d] / whole[d] for h in zone.todo] for d in range(3)],
        capacities=[[zone.limit[h][d] / whole[d] for h in zone.todo] for d in range(3)],
        instances=[len(zone.on[h]) for h in zone.todo],
        rounds=rounds,
        at_once=max(0, problem.options.max_hosts_at_once),
        slack=slack,
        limit_s=limit_s,
    )


def _solve(fluid: Fluid) -> tuple[list[int], int] | None:
    """The wave of each host and the bound for the seeds' instances; nothing without solver, solution or time."""
    command = [sys.executable, "-m", "fenix_grpc.guide.worker"]
    try:
        answer = subprocess.run(
            command,
            input=json.dumps(asdict(fluid)),
            capture_output=True,
            text=True,
            timeout=fluid.limit_s + GRACE_S,
            check=True,
        )
        found = json.loads(answer.stdout)
    except (subprocess.SubprocessError, OSError, ValueError):
        return None
    return (found["waves"], found["bound"]) if found else None
