"""The verdict on a run: nothing is found where nothing is wrong, and each kind of wrong that is planted is found."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

import pytest

from fenix_grpc.api.convert import to_session_event
from fenix_grpc.core.events import HostChanged
from fenix_grpc.core.model import ActionType
from fenix_grpc.ports import ActionRequest, ActionResult, Recorded
from fenix_grpc.v1.session_service_pb2 import WatchSessionResponse
from tests.chaos.histories import History
from tests.chaos.lanes import Carried
from tests.chaos.verdict import Evidence, judge
from tests.stories.scenarios import THREE, project
from tests.stories.world import SESSION, Manager, a_world

PATCHED = (ActionType.HOST, "patch", True)


class Patch:
    """Leaves behind where it was performed."""

    idempotent = True

    def __init__(self) -> None:
        self.performed: Counter[tuple[str, str]] = Counter()

    async def run(self, request: ActionRequest) -> ActionResult:
        self.performed[request.session_id, request.host] += 1
        return ActionResult(ok=True)


def later(entry: Recorded) -> Recorded:
    """No virtual time passes between the end of a move and the work that it makes possible."""
    if not isinstance(entry.event, HostChanged):
        return entry
    return replace(entry, at=entry.at + timedelta(milliseconds=1))


@pytest.fixture
async def evidence() -> Evidence:
    """Of a session that went well."""
    slow = THREE.replace("durations = {", "durations = {enable = 1, disable = 1, ")
    async with a_world(slow + project("red", 3, ("c1", "c2", "c3"))) as world:
        patch = world.actions["patch"] = Patch()
        world.manage(Manager("red"))
        before = await world.cloud.inventory()
        await world.create(actions=(PATCHED,))
        await world.run()
        journal = [to_session_event(later(e)) for e in await world.journal.read(SESSION)]
        watched = [WatchSessionResponse(events=[event], token=str(event.seq)) for event in journal]
        return Evidence(
            carried=[
                Carried(
                    session_id=SESSION,
                    action="patch",
                    history=History(name="of the session", responses=watched),
                    journal=journal,
                )
            ],
            struck=Counter({"server killed": 1}),
            histories=[History(name="at s0", responses=list(watched))],
            before=before,
            after=await world.cloud.inventory(),
            operations=world.cloud.operations(),
            performed=patch.performed,
            logs={"s0.log": "INFO nothing to tell"},
            takeovers=1,
        )


def the_session(evidence: Evidence, **changes: object) -> Evidence:
    return replace(evidence, carried=[replace(evidence.carried[0], **changes)])  # type: ignore[arg-type]


def not_done(evidence: Evidence) -> Evidence:
    journal = [e for e in evidence.carried[0].journal if not e.HasField("state_entered")]
    return the_session(evidence, journal=journal)


def hangs(evidence: Evidence) -> Evidence:
    return the_session(evidence, problem="has not ended within 600 s")


def stopped(evidence: Evidence) -> Evidence:
    return the_session(evidence, stops=["chaos: refuse"])  # which did not strike


def started_twice(evidence: Evidence) -> Evidence:
    journal = list(evidence.carried[0].journal)
    step = next(event for event in journal if event.HasField("step_started"))
    return the_session(evidence, journal=[*journal, step])


def moved_twice(evidence: Evidence) -> Evidence:
    move = next(each for each in evidence.operations if each.verb.endswith("migrate"))
    again = replace(move, at=move.at + timedelta(seconds=60))
    return replace(evidence, operations=[*evidence.operations, again])


def performed_twice(evidence: Evidence) -> Evidence:
    return replace(evidence, performed=Counter(evidence.performed) + Counter([(SESSION, "c1")]))


def never_performed(evidence: Evidence) -> Evidence:
    return replace(evidence, performed={(SESSION, "c1"): 1, (SESSION, "c2"): 1})


def forgotten(evidence: Evidence) -> Evidence:
    first, *rest = evidence.after.hosts
    after = replace(evidence.after, hosts=(replace(first, enabled=False), *rest))
    return replace(evidence, after=after)


def event_missed(evidence: Evidence) -> Evidence:
    seen = evidence.histories[0].responses
    return replace(evidence, histories=[History(name="at s0", responses=seen[:-1])])


def event_twice(evidence: Evidence) -> Evidence:
    seen = evidence.histories[0].responses
    return replace(evidence, histories=[History(name="at s0", responses=[*seen, seen[-1]])])


def unhandled(evidence: Evidence) -> Evidence:
    return replace(evidence, logs={"s0.log": "Traceback (most recent call last):\n  KeyError"})


def broke(evidence: Evidence) -> Evidence:
    return replace(evidence, broken="ConnectionError: nobody is there")


async def test_nothing_is_wrong_with_a_good_run(evidence: Evidence) -> None:
    verdict = judge(evidence)
    assert verdict.violations == []
    assert verdict.counts["done"] == verdict.counts["sessions"] == 1
    assert verdict.counts["takeovers"] == verdict.counts["misfortunes"] == 1


@pytest.mark.parametrize(
    ("planted", "found"),
    [
        (not_done, "has not ended DONE"),
        (hangs, "has not ended within 600 s"),
        (stopped, "stopped, and no misfortune explains it: chaos: refuse"),
        (started_twice, "2 times"),
        (moved_twice, "was performed 2 times"),
        (performed_twice, "patch on c1 was started 1 times, performed 2 times, done 1 times"),
        (never_performed, "patch on c3 was started 1 times, performed 0 times, done 1 times"),
        (forgotten, "not true: every service is enabled again"),
        (event_missed, "watch at s0"),
        (event_twice, "watch at s0"),
        (unhandled, "1 unhandled errors in s0.log"),
        (broke, "the run broke: ConnectionError"),
    ],
)
async def test_what_is_wrong_is_found(
    evidence: Evidence, planted: Callable[[Evidence], Evidence], found: str
) -> None:
    assert any(found in violation for violation in judge(planted(evidence)).violations)


async def test_a_stop_is_explained_by_what_struck(evidence: Evidence) -> None:
    struck = replace(stopped(evidence), struck=Counter({"cloud refuses moves": 1}))
    assert judge(struck).violations == []
    assert judge(struck).stops == {"cloud refuses moves": 1}
