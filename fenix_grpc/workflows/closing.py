"""How every session ends: the work is done, some of it was given up, or the session was deleted.

The same for all workflows (mission: state MAINTENANCE_COMPLETE).
"""

from __future__ import annotations

from datetime import datetime

from fenix_grpc.core.decision import Decision, merged
from fenix_grpc.core.events import HostSetAside, SessionClosed, StateEntered
from fenix_grpc.core.model import ActionType, NoticeKind, SessionState, StepOutcome, StepVerb
from fenix_grpc.core.session import Session
from fenix_grpc.workflows.agreement import Question, Refused, agreement
from fenix_grpc.workflows.parts import (
    cloud_away,
    everybody,
    fail,
    few,
    finish_lost,
    go,
    run_once,
    running,
    started,
)
from fenix_grpc.workflows.retry import GiveUp, attempt


def finished(session: Session, now: datetime) -> Decision:
    """No host is left to be worked on. Where some were set aside, those on which no work began are given back, unless
    they are retired, and the session stops: who continues it after the repair has these done as well, and only then
    everybody is told."""
    aside = session.set_aside
    if not aside:
        return go(SessionState.MAINTENANCE_COMPLETE)
    tried = {
        host.name: attempt(session, now, StepVerb.ENABLE_HOST, host=host.name)
        for host in aside
        if host.disabled and host.progress is None and not host.retired
    }
    owed = [outcome for outcome in tried.values() if not isinstance(outcome, GiveUp)]
    if owed:
        return merged(*(started(session, outcome) for outcome in owed))
    reasons = few([f"{host.name} ({host.set_aside})" for host in aside])
    return fail(f"all other hosts are done, these were set aside: {reasons}")


def complete(session: Session, now: datetime) -> Decision:
    """Runs the post actions, tells everybody, and ends the session when nothing is owed."""
    post = run_once(session, now, ActionType.POST)
    if post is not None:
        return post
    question = Question(
        kind=NoticeKind.MAINTENANCE_COMPLETE,
        whom=everybody(session),
        wait_s=session.created.policy.scale_reply_s,
        silence_is_fine=True,
    )
    undecided = agreement(session, now, question)
    if isinstance(undecided, Refused):
        return fail(undecided.reason)
    if undecided is not None:
        return undecided
    if session.owed_hosts:
        return fail(f"hosts are still out of service: {few(session.owed_hosts)}")
    return go(SessionState.MAINTENANCE_DONE)


def give_back(session: Session, now: datetime) -> Decision:
    """A deleted session: nothing new begins, what runs comes to its end, and hosts return to their former state unless
    work on them did not end well."""
    if session.closed:
        return Decision()
    if session.open_steps:
        return running(session)
    unsettled = _settle(session, now)
    if unsettled is not None:
        return unsettled
    tried = {n: attempt(session, now, StepVerb.ENABLE_HOST, host=n) for n in session.owed_hosts}
    left = tuple(
        name
        for name, outcome in tried.items()
        if isinstance(outcome, GiveUp) or _spoilt(session, name)
    )
    owed = [outcome for name, outcome in tried.items() if name not in left]
    if owed:
        return merged(*(started(session, outcome) for outcome in owed))
    return Decision(record=(SessionClosed(left_disabled=left),))


def _settle(session: Session, now: datetime) -> Decision | None:
    """Brings moves of unknown outcome to their end, unless the cloud cannot be asked about them for too long."""
    if not session.lost_moves:
        return None
    if session.cloud_problem:
        decision: Decision | None = cloud_away(session, now)
    else:
        decision = finish_lost(session, now) if session.fresh else Decision(look=True)
    return None if decision is None or _gives_up(decision) else decision


def _spoilt(session: Session, host: str) -> bool:
    """Work on the host began and did not end well, or was to end with its removal."""
    known = session.hosts[host]
    if known.retired and known.progress is not None:
        return True
    ran = (s for s in session.steps.values() if s.host == host and s.verb is StepVerb.RUN_ACTION)
    last = {step.action_index: step for step in ran}
    return any(step.outcome is not StepOutcome.DONE for step in last.values())


def _gives_up(decision: Decision) -> bool:
    return any(isinstance(event, StateEntered | HostSetAside) for event in decision.record)
