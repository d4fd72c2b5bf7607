"""Health gates: checks that must pass on a host before it is begun, and again after the work before it serves again.

A check is an action plug-in that only looks. It is tried again and again until its time is over; then the host counts
as failed like one whose work failed: untouched if it was not begun, else kept out of service.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from fenix_grpc.core.events import StepStarted
from fenix_grpc.core.model import ActionType, StepOutcome, StepVerb
from fenix_grpc.core.session import Host, Session, Step
from fenix_grpc.workflows.retry import Attempt, GiveUp, Later, Running, tries

_VERB = StepVerb.RUN_ACTION


def gate(session: Session, now: datetime, host: Host) -> Attempt | None:
    """What to do about the next check of a host; None when all have passed, which holds until its work begins."""
    for index in session.action_order(ActionType.CHECK):
        if index not in host.actions_done:
            return _check(session, now, host, index)
    return None


def _check(session: Session, now: datetime, host: Host, index: int) -> Attempt:
    subject = f"{host.name}/{index}" if host.progress is None else f"{host.name}/{index}/after"
    past = tries(session, _VERB, subject)
    if past and past[-1].outcome is None:
        return Running(past[-1])
    current = [step for step in past if step.run == session.continued]
    # A pass of an earlier time, as before the host was set aside, is no attempt of this one.
    passed = [n for n, step in enumerate(current, 1) if step.outcome is StepOutcome.DONE]
    verdict = _judge(session, now, host, current[max(passed, default=0) :])
    return verdict or StepStarted(
        step_id=f"{_VERB.lower()}/{subject}/{len(past) + 1}",
        verb=_VERB,
        host=host.name,
        action_index=index,
    )


def _judge(session: Session, now: datetime, host: Host, failed: list[Step]) -> Attempt | None:
    """None when it may be tried now."""
    if not failed:
        return None
    policy, first, last = session.created.policy, failed[0], failed[-1]
    plugin = session.created.actions[last.action_index].plugin
    why = f"check {plugin} has not passed on {host.name}: {last.detail or last.outcome}"
    if now >= first.started_at + timedelta(seconds=policy.check_s):
        return GiveUp(f"{why} (tried {len(failed)} times in {policy.check_s:.0f} s)", host.name)
    ended_at = last.ended_at or now
    again_at = ended_at + timedelta(seconds=policy.retry_wait_s)
    return None if now >= again_at else Later(again_at, first.started_at, why)
