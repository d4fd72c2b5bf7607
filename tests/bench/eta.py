"""How good the expected end is: whole sessions in virtual time, asked at four moments when they will end.

12 hosts and 66 instances of two projects, one of which has a manager that thinks for 5 s; moves and works take up to
40 % less or more than usual, each for itself. Every session knows what the three before it measured; the first of all
knows only the configured times, which are half as long again as the true ones, and does not count. What was said at a
moment is worked out from the journal up to it.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path
from random import Random
from statistics import median

from fenix_grpc.clock import VirtualClock
from fenix_grpc.core.evolve import fold
from fenix_grpc.core.model import SessionState
from fenix_grpc.core.pace import Measured, Tempo, measured
from fenix_grpc.ports import ActionRequest, ActionResult, Recorded
from fenix_grpc.workflows.forecast import forecast
from tests.bench.report import Figure, figure
from tests.stories.world import WORKFLOWS, Manager, a_world

TITLE = "the expected end of a session, asked four times: off by how much of the time that is left"
#: Sessions that count, and those whose measured times are known to the next.
SESSIONS, KNOWN = 20, 3
SHARES = (0.0, 0.25, 0.5, 0.75)
_WORK_S, _JITTER = 600.0, 0.4
_CLOUD = """
seed = {seed}
durations = {{live_migrate = 40.0, cold_migrate = 40.0, jitter = 0.4}}
flavors.m = {{vcpus = 2, memory_mb = 4096, disk_gb = 20}}
[[hosts]]
name = "c{{n:02}}"
count = 12
vcpus = 16
memory_mb = 65536
disk_gb = 400
[[projects]]
id = "red"
groups = [{{name = "ha"}}]
instances = [
    {{name = "ha-{{n}}", count = 6, flavor = "m", group = "ha"}},
    {{name = "red-{{n}}", count = 30, flavor = "m"}},
]
[[projects]]
id = "blue"
instances = [{{name = "blue-{{n}}", count = 30, flavor = "m"}}]
"""


class _Work:
    """Takes its time, each host another."""

    idempotent = True

    def __init__(self, clock: VirtualClock, seed: int) -> None:
        self._clock, self._seed = clock, seed

    async def run(self, request: ActionRequest) -> ActionResult:
        share = Random(f"{self._seed}/{request.host}").uniform(1 - _JITTER, 1 + _JITTER)
        await self._clock.sleep_until(self._clock.now() + timedelta(seconds=_WORK_S * share))
        return ActionResult(ok=True)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Said:
    """One answer, held against what came."""

    #: Part of the time left by which the P50 was off, and the P90 as a part of the P50.
    error: float
    spread: float
    #: It had ended by P90, and by P50.
    in_p90: bool
    in_p50: bool


async def run(directory: Path) -> list[Figure]:
    """Both workflows, side by side."""
    found: list[Figure] = []
    for workflow in ("vnf", "default"):
        said: dict[float, list[_Said]] = defaultdict(list)
        earlier: list[Measured] = []
        for seed in range(SESSIONS + 1):
            entries = await _session(workflow, seed)
            if seed:
                for share in SHARES:
                    said[share].append(_asked(entries, share, earlier))
            whole = fold(entries)
            assert whole is not None
            earlier = [*earlier, measured(whole)][-KNOWN:]
        for share, answers in said.items():
            found += _figures(workflow, share, answers)
    return found


def _figures(workflow: str, share: float, answers: Sequence[_Said]) -> list[Figure]:
    when = f"{workflow}, {share:.0%} over"
    return [
        figure(
            f"{when}: P50 off by",
            [100 * abs(each.error) for each in answers],
            "% of the rest",
            note=f"on average {100 * sum(each.error for each in answers) / len(answers):+.1f} %",
        ),
        figure(
            f"{when}: ended by P90",
            [100 * sum(each.in_p90 for each in answers) / len(answers)],
            "% of sessions",
            note=f"by P50 {100 * sum(each.in_p50 for each in answers) / len(answers):.0f} %; "
            f"P90 is {100 * (median(each.spread for each in answers) - 1):.0f} % later",
        ),
    ]


async def _session(workflow: str, seed: int) -> Sequence[Recorded]:
    """A whole one."""
    async with a_world(_CLOUD.format(seed=seed)) as world:
        world.workflow = workflow
        world.actions["dummy"] = _Work(world.clock, seed)
        world.policy = replace(world.policy, expected_move_s=60.0, expected_work_s=1.5 * _WORK_S)
        world.manage(Manager("red", thinks_s=5))
        await world.create()
        session = await world.run(limit_s=10 * 86_400)
        if session.state is not SessionState.MAINTENANCE_DONE:
            raise RuntimeError(f"the session did not end well: {session.reason}")
        return await world.journal.read(session.session_id)


def _asked(entries: Sequence[Recorded], share: float, earlier: Sequence[Measured]) -> _Said:
    """What is said when this share of the session is over; at the earliest when its hosts are settled."""
    begin, end = entries[0].at, entries[-1].at
    now = begin + (end - begin) * share
    settled = next(e.seq for e in entries if type(e.event).__name__ == "HostsSelected")
    session = fold([e for e in entries if e.at < now or e.seq <= settled])
    assert session is not None
    tempo = Tempo(session.created.policy, measured(session), earlier)
    follows = WORKFLOWS[session.created.workflow].follows_plan
    plan = forecast(session, tempo, now, follows_plan=follows)
    return _Said(
        error=(plan.ends_at_p50 - end) / (end - now),
        spread=(plan.ends_at_p90 - now) / (plan.ends_at_p50 - now),
        in_p90=end <= plan.ends_at_p90,
        in_p50=end <= plan.ends_at_p50,
    )
