"""The same cloud under both workflows, in virtual time: how long the session takes and how many moves it needs.

Times are those of the simulated cloud: 20 s a move, 10 minutes of work on each host; managers answer at once.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from pathlib import Path

from fenix_grpc.clock import VirtualClock
from fenix_grpc.core.model import SessionState, StepOutcome, StepVerb
from fenix_grpc.ports import ActionRequest, ActionResult
from tests.bench.report import Figure, figure
from tests.stories.world import Manager, a_world

TITLE = "one cloud under both workflows: 24 hosts, 192 instances, 20 s per move, 10 min of work per host"
ROUNDS = 3
_WORK_S = 600.0
_CLOUD = """
seed = {seed}
durations = {{live_migrate = 20.0, cold_migrate = 20.0, jitter = 0.3}}
flavors.m = {{vcpus = 2, memory_mb = 4096, disk_gb = 20}}
[[hosts]]
name = "c{{n:02}}"
count = 24
vcpus = 24
memory_mb = 98304
disk_gb = 800
[[projects]]
id = "red"
groups = [{{name = "ha"}}]
instances = [
    {{name = "ha-{{n}}", count = 8, flavor = "m", group = "ha"}},
    {{name = "red-{{n}}", count = 88, flavor = "m"}},
]
[[projects]]
id = "blue"
instances = [{{name = "blue-{{n}}", count = 96, flavor = "m"}}]
"""


class _Work:
    """The same time on every host."""

    idempotent = True

    def __init__(self, clock: VirtualClock) -> None:
        self._clock = clock

    async def run(self, request: ActionRequest) -> ActionResult:
        await self._clock.sleep_until(self._clock.now() + timedelta(seconds=_WORK_S))
        return ActionResult(ok=True)


async def run(directory: Path) -> list[Figure]:
    """Wall time and moves of both, side by side."""
    took: dict[str, list[float]] = {"default": [], "vnf": []}
    moved: dict[str, list[float]] = {"default": [], "vnf": []}
    for seed in range(ROUNDS):
        for workflow in took:
            seconds, moves = await _session(workflow, seed)
            took[workflow].append(seconds)
            moved[workflow].append(moves)
    return [
        figure("default", took["default"], "s"),
        figure("vnf", took["vnf"], "s", yardstick=took["default"], beside="default"),
        figure("moves, default", moved["default"], ""),
        figure("moves, vnf", moved["vnf"], "", yardstick=moved["default"], beside="default"),
    ]


async def _session(workflow: str, seed: int) -> tuple[float, int]:
    async with a_world(_CLOUD.format(seed=seed)) as world:
        world.workflow = workflow
        world.policy = replace(world.policy, parallel_hosts=8, parallel_moves=16, move_s=3600.0)
        world.actions["dummy"] = _Work(world.clock)
        for project_id in ("red", "blue"):
            world.manage(Manager(project_id))
        await world.create()
        session = await world.run(limit_s=10 * 86_400)
        if session.state is not SessionState.MAINTENANCE_DONE:
            raise RuntimeError(f"the session did not end well: {session.reason}")
        done = (s for s in session.steps.values() if s.outcome is StepOutcome.DONE)
        moves = sum(step.verb is StepVerb.MOVE_INSTANCE for step in done)
        return (session.updated_at - session.created_at).total_seconds(), moves
