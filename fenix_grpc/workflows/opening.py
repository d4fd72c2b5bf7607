"""How every session begins: the cloud answers, its hosts are settled, everybody is told, the time has come.

The same for all workflows (mission: admin and project API, state MAINTENANCE).
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta

from fenix_grpc.core.decision import Decision
from fenix_grpc.core.events import HostsSelected
from fenix_grpc.core.model import ActionType, NoticeKind, SessionState, Waiting
from fenix_grpc.core.session import Host, Session
from fenix_grpc.workflows.agreement import Question, Refused, agreement
from fenix_grpc.workflows.parts import (
    everybody,
    exclude_foreign,
    fail,
    few,
    finish_lost,
    foreign_reason,
    give_back,
    run_once,
)

#: What follows when a state has done its part.
Onward = Callable[[Session], Decision]


def opened(session: Session, now: datetime) -> Decision | None:
    """What comes before anything that a state decides; None when its turn has come."""
    if session.deleted:
        return give_back(session, now)
    if session.terminal:
        return _rest(session)
    if session.cloud_problem:
        return _cloud_away(session, now)
    if not session.looked_seq:
        return Decision(look=True)
    if not session.selected:
        return _select(session)
    if session.lost_moves and not session.fresh:
        return Decision(look=True)
    return finish_lost(session, now) or exclude_foreign(session)


def _rest(session: Session) -> Decision:
    if session.state is SessionState.MAINTENANCE_DONE:
        return Decision()
    wait = Waiting(
        subject="operator",
        reason=f"continue or delete the session, which failed: {session.reason}",
        since=session.entered_at,
    )
    return Decision(waiting=(wait,))


def _cloud_away(session: Session, now: datetime) -> Decision:
    """The cloud does not answer: look again at intervals, for so long."""
    policy = session.created.policy
    since = session.cloud_problem_since or session.updated_at
    deadline = since + timedelta(seconds=policy.cloud_away_s)
    if now >= deadline:
        return fail(
            f"the cloud has not answered for {policy.cloud_away_s:.0f} s: {session.cloud_problem}"
        )
    wait = Waiting(
        subject="cloud",
        reason=session.cloud_problem,
        since=since,
        deadline=deadline,
        then="the session stops",
    )
    wake_at = min(deadline, now + timedelta(seconds=policy.poll_s))
    return Decision(wake_at=wake_at, poll=True, waiting=(wait,))


def _select(session: Session) -> Decision:
    """Settles which hosts are worked on: those named, or all; others are left out with the reason."""
    wanted = session.created.hosts or tuple(sorted(session.hosts))
    unknown = [name for name in wanted if name not in session.hosts]
    if unknown:
        return fail(f"hosts that the cloud does not know: {few(unknown)}")
    excluded = {name: why for name in wanted if (why := _unfit(session.hosts[name]))}
    chosen = tuple(name for name in wanted if name not in excluded)
    if not chosen:
        reasons = few([f"{name} ({why})" for name, why in excluded.items()])
        return fail(f"no host can be worked on: {reasons or 'the cloud has none'}")
    return Decision(record=(HostsSelected(hosts=chosen, excluded=excluded),))


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
    return run_once(session, now, ActionType.PRE) or onward(session)
