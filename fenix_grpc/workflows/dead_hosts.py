"""Hosts that die while they are emptied: when one counts as dead, and what that means for what is on it.

Only with the policy EVACUATE; otherwise moves are tried as ever, and what the cloud says of them is the reason to stop.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from fenix_grpc.core.decision import Decision
from fenix_grpc.core.model import HostDown, StepOutcome, StepVerb, Waiting
from fenix_grpc.core.session import Session, Step
from fenix_grpc.workflows.retry import tries


def perishing(session: Session, host: str) -> bool:
    """The host is being emptied and does not report: nothing is moved off it any more, it recovers or is given up."""
    known = session.hosts.get(host)
    return (
        session.created.policy.host_down is HostDown.EVACUATE
        and known is not None
        and known.disabled
        and known.down_since is not None
    )


def dead(session: Session, now: datetime, host: str) -> bool:
    """It has not reported for so long that what is on it is built again elsewhere."""
    return perishing(session, host) and now >= _dead_at(session, host)


def await_fate(session: Session, host: str, now: datetime) -> Decision:
    """Looks again and again until the host reports, or counts as dead."""
    deadline = _dead_at(session, host)
    wait = Waiting(
        subject=f"host:{host}",
        reason=f"host {host} does not report while it is emptied",
        since=session.hosts[host].down_since or now,
        deadline=deadline,
        then="its instances are evacuated",
    )
    wake_at = min(deadline, now + timedelta(seconds=session.created.policy.poll_s))
    return Decision(wake_at=wake_at, poll=True, waiting=(wait,))


def verb_for(session: Session, now: datetime, host: str) -> StepVerb:
    """How instances leave a host now."""
    return StepVerb.EVACUATE_INSTANCE if dead(session, now, host) else StepVerb.MOVE_INSTANCE


def departures(session: Session, instance_id: str) -> list[Step]:
    """All attempts so far to take an instance off its host: its moves in their order, then its evacuations."""
    return [
        *tries(session, StepVerb.MOVE_INSTANCE, instance_id),
        *tries(session, StepVerb.EVACUATE_INSTANCE, instance_id),
    ]


def refused_targets(session: Session, instance_id: str) -> frozenset[str]:
    """Hosts that an instance did not get to in this run by the way that it goes now; another way may lead there. One
    that it was on its way to when its own host died holds half of it and takes it no more (nova: its port is bound)."""
    agreed = session.agreed.get(instance_id)

    def refused(step: Step) -> bool:
        if step.outcome is StepOutcome.LOST:
            return step.verb is StepVerb.MOVE_INSTANCE and perishing(session, step.host)
        same = agreed is None or step.how in (None, agreed.action)
        return step.outcome is StepOutcome.FAILED and same

    tried = departures(session, instance_id)
    return frozenset(
        s.target for s in tried if s.target and s.run == session.continued and refused(s)
    )


def _dead_at(session: Session, host: str) -> datetime:
    since = session.hosts[host].down_since or session.updated_at
    return since + timedelta(seconds=session.created.policy.host_down_s)
