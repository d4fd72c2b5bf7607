"""When a step is started, started again, or given up. The answer is a value; nobody sleeps.

Each way to leave a host has its attempts.
Unknown (LOST) is not failed: such a step is tried again at once and then at intervals, until the cloud has given no
answer for too long. A lost action is run again only if its plug-in declares that harmless.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from fenix_grpc.core.events import StepStarted
from fenix_grpc.core.model import InstanceAction, StepOutcome, StepVerb
from fenix_grpc.core.session import Session, Step


@dataclass(frozen=True, slots=True)
class Running:
    """The step runs already."""

    step: Step


@dataclass(frozen=True, slots=True)
class Later:
    """Not before this time."""

    at: datetime
    since: datetime
    why: str


@dataclass(frozen=True, slots=True)
class GiveUp:
    """It failed for good."""

    why: str
    #: Where it failed; empty for what is of no host.
    host: str = ""


Attempt = StepStarted | Running | Later | GiveUp


def attempt(
    session: Session,
    now: datetime,
    verb: StepVerb,
    *,
    host: str = "",
    instance_id: str = "",
    target: str = "",
    how: InstanceAction | None = None,
    action_index: int = 0,
    package_index: int = 0,
) -> Attempt:
    """What to do about a step that is needed now."""
    subject = instance_id or host
    if verb is StepVerb.RUN_ACTION:
        subject = f"{host or 'session'}/{action_index}"
    elif verb is StepVerb.FETCH_PACKAGE:
        subject = str(package_index)
    past = tries(session, verb, subject)
    if past and past[-1].outcome is None:
        return Running(past[-1])
    verdict = _judge(session, now, [step for step in past if step.how is how])
    if verdict is not None:
        return verdict
    return StepStarted(
        step_id=f"{verb.lower()}/{subject}/{len(past) + 1}",
        verb=verb,
        host=host,
        instance_id=instance_id,
        target=target,
        how=how,
        action_index=action_index,
        package_index=package_index,
    )


def tries(session: Session, verb: StepVerb, subject: str) -> list[Step]:
    """All steps so far for a verb and its subject, in order."""
    found: list[Step] = []
    while step := session.steps.get(f"{verb.lower()}/{subject}/{len(found) + 1}"):
        found.append(step)
    return found


def _judge(session: Session, now: datetime, past: list[Step]) -> Later | GiveUp | None:
    """None when it may start now."""
    current = [step for step in past if step.run == session.continued]
    if not current or current[-1].outcome is StepOutcome.DONE:
        return None
    last = current[-1]
    wait = timedelta(seconds=session.created.policy.retry_wait_s)
    ended_at = last.ended_at or now
    again_at = ended_at + wait
    if last.outcome is StepOutcome.LOST:
        verdict = _judge_lost(session, now, current)
        if verdict is not None:
            return verdict
        first = len(current) < 2 or current[-2].outcome is not StepOutcome.LOST
        return None if first or now >= again_at else Later(again_at, ended_at, last.detail)
    failures = sum(step.outcome is StepOutcome.FAILED for step in current)
    if failures >= limit(session, last):
        times = f" ({failures} times)" if failures > 1 else ""
        return GiveUp(f"{describe(session, last)} failed{times}: {last.detail}", last.host)
    return None if now >= again_at else Later(again_at, ended_at, last.detail)


def _judge_lost(session: Session, now: datetime, current: list[Step]) -> GiveUp | None:
    last = current[-1]
    if last.verb is StepVerb.RUN_ACTION:
        spec = session.created.actions[last.action_index]
        if not spec.idempotent:
            return GiveUp(
                f"{describe(session, last)} was interrupted and its outcome is unknown; look at the host, "
                "then continue the session to run it again",
                last.host,
            )
    since = last.started_at
    for step in reversed(current):
        if step.outcome is not StepOutcome.LOST:
            break
        since = step.started_at
    away = (now - since).total_seconds()
    if away >= session.created.policy.cloud_away_s and len(current) > 1:
        return GiveUp(
            f"{describe(session, last)} has had no answer for {away:.0f} s: {last.detail}",
            last.host,
        )
    return None


def limit(session: Session, step: Step) -> int:
    """How many failures of a step are final; an action is repeated by itself only where the operator says so."""
    if step.verb is StepVerb.RUN_ACTION:
        return session.created.actions[step.action_index].attempts
    return 1 if step.verb is StepVerb.FETCH_PACKAGE else session.created.policy.move_attempts


def describe(session: Session, step: Step) -> str:
    """A step in words."""
    if step.verb is StepVerb.DISABLE_HOST:
        return f"disabling host {step.host}"
    if step.verb is StepVerb.ENABLE_HOST:
        return f"enabling host {step.host}"
    if step.verb is StepVerb.REMOVE_HOST:
        return f"removing host {step.host}"
    if step.verb is StepVerb.MOVE_INSTANCE:
        where = f" to {step.target}" if step.target else ""
        return f"{step.how} of instance {step.instance_id} from {step.host}{where}"
    if step.verb is StepVerb.EVACUATE_INSTANCE:
        where = f" to {step.target}" if step.target else ""
        return f"evacuation of instance {step.instance_id} from {step.host}{where}"
    if step.verb is StepVerb.FETCH_PACKAGE:
        return f"fetching {session.created.packages[step.package_index].url}"
    plugin = session.created.actions[step.action_index].plugin
    kind = "check" if session.is_check(step) else "action"
    return f"{kind} {plugin} on {step.host}" if step.host else f"action {plugin}"
