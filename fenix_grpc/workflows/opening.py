"""How every session begins: the cloud answers, its hosts are settled, everybody is told, the time has come.

The same for all workflows (mission: admin and project API, state MAINTENANCE).
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta

from fenix_grpc.core.decision import Decision
from fenix_grpc.core.events import HostChanged, HostsSelected
from fenix_grpc.core.model import (
    ActionType,
    HostKind,
    HostProgress,
    NoticeKind,
    SessionState,
    StepVerb,
    Waiting,
)
from fenix_grpc.core.session import Host, Session
from fenix_grpc.workflows.agreement import Question, Refused, agreement
from fenix_grpc.workflows.closing import give_back
from fenix_grpc.workflows.parts import (
    cloud_away,
    everybody,
    exclude_foreign,
    exclude_gone,
    exclude_held,
    fail,
    few,
    finish_lost,
    first_of,
    foreign_reason,
    run_once,
    started,
)
from fenix_grpc.workflows.retry import attempt

#: What follows when a state has done its part.
Onward = Callable[[Session, datetime], Decision]


def opened(session: Session, now: datetime) -> Decision | None:
    """What comes before anything that a state decides; None when its turn has come."""
    if session.deleted:
        return give_back(session, now)
    if session.terminal:
        return _rest(session)
    if session.cloud_problem:
        return cloud_away(session, now)
    if not session.selected:
        # Also anew when it is continued: what stood in the way may be gone.
        return _select(session) if session.fresh else Decision(look=True)
    if session.lost_moves and not session.fresh:
        return Decision(look=True)
    return (
        _joined_or_left(session)
        or _fetch(session, now)
        or finish_lost(session, now)
        or exclude_gone(session)
        or exclude_foreign(session)
        or (exclude_held(session) if session.started else None)
    )


def _joined_or_left(session: Session) -> Decision | None:
    """Hosts of which everybody is to hear (v1: host states HOST_ADDED and HOST_REMOVED)."""
    told = [
        HostChanged(host=name, progress=progress)
        for name, host in session.hosts.items()
        if (progress := _news_of(host)) is not None and host.progress is not progress
    ]
    told.sort(key=lambda each: each.host)
    return Decision(record=tuple(told)) if told else None


def _news_of(host: Host) -> HostProgress | None:
    if host.removed:
        return HostProgress.HOST_REMOVED
    return HostProgress.HOST_ADDED if host.added else None


def _rest(session: Session) -> Decision:
    if session.state is SessionState.MAINTENANCE_DONE:
        return Decision()
    wait = Waiting(
        subject="operator",
        reason=f"continue or delete the session, which failed: {session.reason}",
        since=session.entered_at,
    )
    return Decision(waiting=(wait,))


def _is_compute(session: Session, name: str) -> bool:
    return name not in session.hosts or session.hosts[name].view.kind is HostKind.COMPUTE


def _select(session: Session) -> Decision:
    """Settles which hosts are worked on: those named, or all; others are left out with the reason."""
    wanted = session.created.hosts or tuple(sorted(session.hosts))
    unknown = [name for name in wanted if name not in session.hosts]
    other = [n for n in session.created.retire if n not in wanted or not _is_compute(session, n)]
    if other:
        return fail(f"only compute hosts that the session works on can be retired: {few(other)}")
    if unknown:
        return fail(f"hosts that the cloud does not know: {few(unknown)}")
    excluded = {name: why for name in wanted if (why := _unfit(session.hosts[name]))}
    chosen = tuple(name for name in wanted if name not in excluded)
    if not chosen:
        reasons = few([f"{name} ({why})" for name, why in excluded.items()])
        return fail(f"no host can be worked on: {reasons or 'the cloud has none'}")
    return Decision(record=(HostsSelected(hosts=chosen, excluded=excluded),))


def _fetch(session: Session, now: datetime) -> Decision | None:
    """Has the packages of the session, before anybody is told and any host is touched; None when they are there."""
    missing = [n for n in range(len(session.created.packages)) if n not in session.fetched]
    if not missing:
        return None
    tried = (attempt(session, now, StepVerb.FETCH_PACKAGE, package_index=n) for n in missing)
    return first_of(started(session, each) for each in tried)


def _unfit(host: Host) -> str:
    if not host.view.enabled:
        return foreign_reason(host)
    return "" if host.view.up else "its service does not report"


def maintenance(session: Session, now: datetime, onward: Onward) -> Decision:
    """Tells everybody, waits for the time at which work may start, runs the pre actions."""
    policy = session.created.policy
    reply_at = now + timedelta(seconds=policy.reply_s)
    question = Question(
        kind=NoticeKind.MAINTENANCE,
        whom=everybody(session),
        wait_s=policy.reply_s,
        actions_at=max(session.created.maintenance_at, reply_at),
    )
    undecided = agreement(session, now, question)
    if isinstance(undecided, Refused):
        return fail(undecided.reason)
    if undecided is not None:
        return undecided
    if now < session.created.maintenance_at:
        wait = Waiting(
            subject="time",
            reason="the time at which work may start",
            since=session.created_at,
            deadline=session.created.maintenance_at,
            then="work starts",
        )
        return Decision(wake_at=session.created.maintenance_at, waiting=(wait,))
    if session.looked_at is None or session.looked_at < session.created.maintenance_at:
        return Decision(look=True)
    return exclude_held(session) or run_once(session, now, ActionType.PRE) or onward(session, now)
