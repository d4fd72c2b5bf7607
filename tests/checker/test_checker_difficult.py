"""Difficult migrations, told wrongly in one place each: the rule that this concerns finds it."""

from dataclasses import replace

import pytest

from fenix_grpc.checker import verify
from fenix_grpc.core import events as e
from fenix_grpc.core.constraints import InstanceConstraint
from fenix_grpc.core.model import FailedLive, HostDown, InstanceAction, StepVerb
from tests.checker.tapes import Tape, broken, record, rule
from tests.stories.difficult_scenarios import DIFFICULT

COLD, DIES = "a stuck live migration goes cold", "a host dies and is evacuated"
GIVEN_BACK = "a host is given back"


def policy(tape: Tape, **said: object) -> None:
    tape.change(0, policy=replace(tape[0].event.policy, **said))


def not_said(tape: Tape) -> None:
    policy(tape, failed_live=(FailedLive.ASK,))


def too_soon(tape: Tape) -> None:
    policy(tape, move_attempts=3)


def not_named(tape: Tape) -> None:
    replaced = tape[tape.place(e.ActionReplaced)].event
    live = (InstanceAction.LIVE_MIGRATE,)
    tape.demand(
        InstanceConstraint(instance_id=replaced.instance_id, project_id="red", migration_types=live)
    )


def never_replaced(tape: Tape) -> None:
    tape.drop(tape.places(e.ActionReplaced))


@pytest.mark.parametrize(
    ("change", "found"),
    [
        (not_said, {"fallback"}),
        (too_soon, {"fallback"}),
        (not_named, {"fallback", "migration type"}),
        (never_replaced, {"consent"}),
    ],
)
async def test_an_action_is_replaced_only_as_policy_and_constraint_allow(change, found):
    tape = Tape(await record(DIFFICULT[COLD]))
    assert verify(tape).ok
    assert rule(verify(tape), "fallback").checked == 1
    change(tape)
    assert broken(verify(tape)) == found


def no_evacuation(tape: Tape) -> None:
    policy(tape, host_down=HostDown.STOP)


def too_early(tape: Tape) -> None:
    policy(tape, host_down_s=3600.0)


def alive(tape: Tape) -> None:
    """No look has ever seen it down."""
    for place in tape.places(e.WorldObserved):
        views = tape[place].event.hosts
        tape.change(place, hosts=tuple(replace(view, up=True) for view in views))


def open_host(tape: Tape) -> None:
    closing = tape.place(e.StepStarted, verb=StepVerb.DISABLE_HOST, host="c2")
    tape.drop([closing, tape.end_of(closing)])


@pytest.mark.parametrize(
    ("change", "found"),
    [
        (no_evacuation, {"evacuation"}),
        (too_early, {"evacuation"}),
        (alive, {"evacuation", "empty hosts"}),
        (open_host, {"evacuation", "empty hosts", "steps", "given back", "hosts of others"}),
    ],
)
async def test_only_the_dead_are_evacuated(change, found):
    tape = Tape(await record(DIFFICULT[DIES]))
    assert verify(tape).ok
    assert rule(verify(tape), "evacuation").checked == 2
    change(tape)
    assert "evacuation" in broken(verify(tape))
    assert broken(verify(tape)) <= found


async def test_a_host_is_given_back_only_where_policy_says_so():
    tape = Tape(await record(DIFFICULT[GIVEN_BACK]))
    assert verify(tape).ok, "it does not count in the failure budget, which is 0"
    policy(tape, failed_live=(FailedLive.COLD,))
    assert broken(verify(tape)) == {"failure budget"}


async def test_an_aborted_migration_has_kept_the_promise_of_its_interruption():
    tape = Tape(await record(DIFFICULT[COLD]))
    red = tape[tape.place(e.ActionReplaced)].event.instance_id
    demand = InstanceConstraint(instance_id=red, project_id="red", max_interruption_time=9)
    tape.demand(demand)
    assert rule(verify(tape), "interruption").checked == 2
    assert not rule(verify(tape), "interruption").found
