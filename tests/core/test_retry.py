"""When a step is started, started again or given up."""

from datetime import timedelta

from fenix_grpc.core import events as e
from fenix_grpc.core.model import ActionSpec, ActionType, Policy, StepOutcome, StepVerb
from fenix_grpc.workflows.retry import GiveUp, Later, Running, attempt
from tests.core.factories import T0, a_session, after

POLICY = Policy(move_attempts=2, retry_wait_s=10, cloud_away_s=100)


def ended(session, outcome: StepOutcome, seconds: float, verb=StepVerb.DISABLE_HOST, detail="no"):
    """The session after the step that is due now was started and ended so."""
    started = attempt(session, at(seconds), verb, host="c1")
    assert isinstance(started, e.StepStarted), started
    end = e.StepEnded(step_id=started.step_id, outcome=outcome, detail=detail)
    return after(session, started, end, seconds=seconds)


def at(seconds: float):
    return T0 + timedelta(seconds=seconds)


def test_a_step_is_started_once():
    session = a_session(policy=POLICY)
    started = attempt(session, T0, StepVerb.DISABLE_HOST, host="c1")
    assert isinstance(started, e.StepStarted)
    assert started.step_id == "disable_host/c1/1"
    assert isinstance(
        attempt(after(session, started), T0, StepVerb.DISABLE_HOST, host="c1"), Running
    )


def test_a_failed_step_waits_and_is_given_up_at_its_limit():
    once = ended(a_session(policy=POLICY), StepOutcome.FAILED, 0)
    assert attempt(once, at(5), StepVerb.DISABLE_HOST, host="c1") == Later(at(10), T0, "no")
    twice = ended(once, StepOutcome.FAILED, 10)
    assert attempt(twice, at(99), StepVerb.DISABLE_HOST, host="c1") == GiveUp(
        "disabling host c1 failed (2 times): no", "c1"
    )


def test_failures_before_a_continue_do_not_count():
    session = a_session(policy=POLICY)
    for seconds in (0, 10):
        session = ended(session, StepOutcome.FAILED, seconds)
    session = after(
        session, e.StateEntered(state="MAINTENANCE_FAILED"), e.SessionContinued(state="MAINTENANCE")
    )
    again = attempt(session, at(20), StepVerb.DISABLE_HOST, host="c1")
    assert isinstance(again, e.StepStarted)
    assert again.step_id == "disable_host/c1/3"


def test_a_lost_step_is_tried_at_once_and_then_at_intervals():
    once = ended(a_session(policy=POLICY), StepOutcome.LOST, 0)
    assert isinstance(attempt(once, T0, StepVerb.DISABLE_HOST, host="c1"), e.StepStarted)
    twice = ended(once, StepOutcome.LOST, 1)
    assert isinstance(attempt(twice, at(2), StepVerb.DISABLE_HOST, host="c1"), Later)


def test_a_step_that_stays_lost_is_given_up_in_time():
    session = a_session(policy=POLICY)
    for seconds in (0, 1, 60, 99):
        session = ended(session, StepOutcome.LOST, seconds, detail="no answer")
    verdict = attempt(session, at(111), StepVerb.DISABLE_HOST, host="c1")
    assert isinstance(verdict, GiveUp)
    assert "no answer for 111 s" in verdict.why


def test_a_lost_action_is_run_again_only_if_that_is_harmless():
    for idempotent, expected in ((True, e.StepStarted), (False, GiveUp)):
        spec = ActionSpec(plugin="patch", type=ActionType.HOST, idempotent=idempotent)
        session = a_session(policy=POLICY, actions=(spec,))
        session = ended(session, StepOutcome.LOST, 0, StepVerb.RUN_ACTION)
        assert isinstance(attempt(session, at(1), StepVerb.RUN_ACTION, host="c1"), expected)


def test_a_failed_action_is_not_repeated_by_itself():
    spec = ActionSpec(plugin="patch", type=ActionType.HOST, idempotent=True)
    session = ended(
        a_session(policy=POLICY, actions=(spec,)), StepOutcome.FAILED, 0, StepVerb.RUN_ACTION
    )
    assert attempt(session, at(99), StepVerb.RUN_ACTION, host="c1") == GiveUp(
        "action patch on c1 failed: no", "c1"
    )
