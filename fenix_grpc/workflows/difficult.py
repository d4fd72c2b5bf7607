"""What follows when an instance cannot leave its host as agreed: another way, a question, another host, or the end.

Policy names the ways out in their order (`failed_live`); none of them is taken twice for an instance. Each attempt of a
way goes to a destination that has not refused the instance, as ever.
"""

from __future__ import annotations

from collections import Counter
from datetime import datetime, timedelta

from fenix_grpc.core.decision import Decision
from fenix_grpc.core.events import ActionReplaced, HostSetAside, ProjectAsked
from fenix_grpc.core.model import (
    FailedLive,
    InstanceAction,
    InstanceView,
    NoticeKind,
    SessionState,
    StepOutcome,
    StepVerb,
)
from fenix_grpc.core.session import Session, Step
from fenix_grpc.workflows.dead_hosts import departures
from fenix_grpc.workflows.parts import fail_host, started
from fenix_grpc.workflows.retry import Attempt, GiveUp, describe

#: What a project may choose for an instance that cannot be migrated live.
OTHER_WAYS = (InstanceAction.MIGRATE, InstanceAction.OWN_ACTION)


def outcome(session: Session, now: datetime, instance: InstanceView, tried: Attempt) -> Decision:
    """The attempt to take an instance off its host as a decision; one that has failed for good may have a way out."""
    if not isinstance(tried, GiveUp):
        return started(session, tried)
    failed = _failures(session, instance)
    if not failed or failed[-1].outcome is not StepOutcome.FAILED:
        return started(session, tried)
    reason = _reasons(session, failed)
    if any(step.how is InstanceAction.LIVE_MIGRATE for step in failed):
        way_out = _way_out(session, now, instance, reason)
        if way_out is not None:
            return way_out
    return fail_host(session, instance.host, reason)


def _failures(session: Session, instance: InstanceView) -> list[Step]:
    """The attempts off this host that count."""
    return [
        step
        for step in departures(session, instance.instance_id)
        if step.run == session.continued and step.host == instance.host
    ]


def _reasons(session: Session, steps: list[Step]) -> str:
    """What became of each way that was tried."""
    last: dict[tuple[StepVerb, InstanceAction | None], Step] = {}
    times: Counter[tuple[StepVerb, InstanceAction | None]] = Counter()
    for step in steps:
        if step.outcome is StepOutcome.FAILED:
            key = (step.verb, step.how)
            last[key] = step
            times[key] += 1
    told = []
    for key, step in last.items():
        count = f" ({times[key]} times)" if times[key] > 1 else ""
        told.append(f"{describe(session, step)} failed{count}: {step.detail}")
    return "; then ".join(told)


def _way_out(
    session: Session, now: datetime, instance: InstanceView, reason: str
) -> Decision | None:
    """The first of the policy's ways that is left; None when all of them are used up."""
    for way in session.created.policy.failed_live:
        if way is FailedLive.STOP:
            return None
        if way is FailedLive.GIVE_BACK:
            return _give_back(session, instance, reason)
        decision = _another_action(session, now, instance, way, reason)
        if decision is not None:
            return decision
    return None


def _another_action(
    session: Session, now: datetime, instance: InstanceView, way: FailedLive, reason: str
) -> Decision | None:
    agreed = session.agreed.get(instance.instance_id)
    if agreed is None or agreed.action is not InstanceAction.LIVE_MIGRATE:
        return None  # it goes another way already, and that has failed as well
    if way is FailedLive.COLD and _may_go_cold(session, instance):
        replaced = ActionReplaced(
            instance_id=instance.instance_id,
            project_id=instance.project_id,
            action=InstanceAction.MIGRATE,
            reason=reason,
        )
        return Decision(record=(replaced,))
    return Decision(record=(_question(session, now, instance, reason),))


def _may_go_cold(session: Session, instance: InstanceView) -> bool:
    demand = session.instance_constraints.get(instance.instance_id)
    ways = demand.migration_types if demand else ()
    return not ways or InstanceAction.MIGRATE in ways


def _question(session: Session, now: datetime, instance: InstanceView, reason: str) -> ProjectAsked:
    """To the project about this one instance. Numbered by its attempts, as several may be asked in one decision."""
    demand = session.instance_constraints.get(instance.instance_id)
    lead_s = demand.lead_time if demand and session.created.workflow != "default" else 0
    reply_at = now + timedelta(seconds=lead_s or session.created.policy.reply_s)
    prepares = session.state is SessionState.PREPARE_MAINTENANCE
    number = len(departures(session, instance.instance_id))
    return ProjectAsked(
        notice_id=f"again-{instance.instance_id}-{number}",
        project_id=instance.project_id,
        kind=NoticeKind.PREPARE_MAINTENANCE if prepares else NoticeKind.PLANNED_MAINTENANCE,
        instance_ids=(instance.instance_id,),
        allowed_actions=OTHER_WAYS,
        actions_at=reply_at,
        reply_at=reply_at,
        reason=reason,
    )


def _give_back(session: Session, instance: InstanceView, reason: str) -> Decision | None:
    host = session.hosts.get(instance.host)
    if host is None or not host.todo:
        return None
    return Decision(record=(HostSetAside(host=host.name, reason=reason, given_back=True),))
