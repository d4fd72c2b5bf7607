"""One session over a large cloud: `make bench-scale`, or `python -m tests.bench.scale --hosts 100 --instances 2000`.

Everything is the real thing but for time, the hypervisor and the network: engine, vnf workflow, planner, journal (in
memory) and simulated cloud run on one event loop, hence on one core, at virtual time. Clouds come from the generator of
the planner's benchmark: 80 % of the instances in groups with budgets, 30 % in anti-affine ones. Projects with groups
have a manager that answers every notice, one for each instance; the others are moved as policy says. At the end the
independent checker reads the journal.
"""

from __future__ import annotations

import argparse
import asyncio
import resource
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from time import process_time

from fenix_grpc.checker import Certificate, as_text, verify
from fenix_grpc.clock import VirtualClock
from fenix_grpc.clouds.simulated.cloud import SimulatedCloud
from fenix_grpc.core.events import StepStarted
from fenix_grpc.core.model import ActionType, StepVerb
from fenix_grpc.core.planner import Problem
from fenix_grpc.core.session import Session
from fenix_grpc.ports import Recorded
from fenix_grpc.store.journal import SqlJournal
from tests.bench.large import Managers, Work, definition_of, demands, managed, policy_for
from tests.planner.clouds import cloud
from tests.stories.world import SESSION, Manager, World


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What a session came to and what it cost."""

    session: Session
    entries: Sequence[Recorded]
    certificate: Certificate
    session_cpu_s: float
    checker_cpu_s: float

    @property
    def moves(self) -> int:
        """Moves that were started."""
        return sum(
            isinstance(e.event, StepStarted) and e.event.verb is StepVerb.MOVE_INSTANCE
            for e in self.entries
        )


def main() -> None:
    """Prints the figures; an end other than DONE, or a broken rule, is an error."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.scale", description=__doc__)
    parser.add_argument("--hosts", type=int, default=1_000)
    parser.add_argument("--instances", type=int, default=20_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--rules", action="store_true", help="the whole certificate")
    arguments = parser.parse_args()
    problem = cloud(arguments.hosts, arguments.instances, seed=arguments.seed)
    outcome = asyncio.run(carry(problem))
    for name, value in figures(outcome):
        print(f"{name:<24}{value:>16}")
    if arguments.rules or not outcome.certificate.ok:
        print(as_text(outcome.certificate))
    if outcome.session.reason or not outcome.certificate.ok:
        raise SystemExit(outcome.session.reason or "rules were broken")


def figures(outcome: Outcome) -> Iterable[tuple[str, str]]:
    """The figures in words."""
    session, certificate = outcome.session, outcome.certificate
    events, cpu_s = len(outcome.entries), outcome.session_cpu_s
    kinds = Counter(type(entry.event).__name__ for entry in outcome.entries)
    peak_mb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    yield "hosts", f"{len(session.hosts):,}"
    yield "instances", f"{len(session.instances):,}"
    yield "ended in", session.state
    yield "moves", f"{outcome.moves:,}"
    yield "looks at the cloud", f"{kinds['WorldObserved']:,}"
    yield "plans", f"{kinds['PlanMade']:,}"
    yield "events", f"{events:,}"
    yield (
        "virtual duration",
        f"{(session.updated_at - session.created_at).total_seconds() / 3600:.2f} h",
    )
    yield "session", f"{cpu_s:,.1f} s CPU"
    yield "", f"{events / cpu_s:,.0f} events/s CPU"
    yield "peak memory", f"{peak_mb:,.0f} MiB"
    yield "checker", "all rules kept" if certificate.ok else "NOT OK"
    yield "", f"{outcome.checker_cpu_s:,.1f} s CPU"
    yield "", f"{sum(rule.checked for rule in certificate.rules):,} checks"


async def carry(problem: Problem) -> Outcome:
    """The whole session."""
    clock = VirtualClock()
    journal = await SqlJournal.open("sqlite://", shared=False)
    simulated = SimulatedCloud(definition_of(problem), clock)
    try:
        world = World(clock, journal, simulated)
        world.workflow, world.policy = "vnf", policy_for(len(problem.hosts))
        world.constrain(*demands(problem, await simulated.inventory()))
        world.managers = {name: Manager(name) for name in managed()}
        world.actions["work"] = Work(problem, clock)
        began = process_time()
        session = await _session(world)
        session_cpu_s = process_time() - began
        entries = await journal.read(SESSION)
    finally:
        await simulated.aclose()
        await journal.aclose()
    began = process_time()
    certificate = verify(entries)
    return Outcome(
        session=session,
        entries=entries,
        certificate=certificate,
        session_cpu_s=session_cpu_s,
        checker_cpu_s=process_time() - began,
    )


async def _session(world: World) -> Session:
    await world.create(actions=((ActionType.HOST, "work", True),))
    managers = Managers(world.journal, world.clock, managed())
    async with world.engine(), asyncio.TaskGroup() as group:
        managing = group.create_task(managers.run())
        position = 0
        while not (session := await world.session()).settled:
            position = await world.journal.wait(position)
        managing.cancel()
    return session


if __name__ == "__main__":
    main()
