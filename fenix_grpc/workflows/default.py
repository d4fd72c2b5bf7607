"""The documented v1 workflow: tell everybody, make room, empty one host after the other, work on it, tell everybody.

States, notices, replies and timers follow the v1 documents in their order (mission: admin and project API; upstream:
default workflow). Where upstream failed or forgot (fenix-v1 facts W17 to W30) this one goes on; DESIGN.md lists how.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from functools import partial

from fenix_grpc.core.capacity import next_to_empty
from fenix_grpc.core.decision import Decision, Workflow
from fenix_grpc.core.model import HostKind, NoticeKind, SessionState
from fenix_grpc.core.session import Host, Session
from fenix_grpc.workflows.agreement import Question, Refused, agreement
from fenix_grpc.workflows.closing import complete, finished
from fenix_grpc.workflows.leaving import move_away
from fenix_grpc.workflows.opening import maintenance, opened
from fenix_grpc.workflows.parts import (
    announce_done,
    clear_and_work,
    close,
    fail,
    few,
    first_of,
    go,
    not_yet_clear,
    running,
    work,
)
from fenix_grpc.workflows.scale_in import ask_for_room, scale_in
from fenix_grpc.workflows.window import Window

S = SessionState

TRANSITIONS: Mapping[SessionState, frozenset[SessionState]] = {
    S.MAINTENANCE: frozenset(
        {
            S.SCALE_IN,
            S.PREPARE_MAINTENANCE,
            S.START_MAINTENANCE,
            S.MAINTENANCE_COMPLETE,
            S.MAINTENANCE_FAILED,
        }
    ),
    S.SCALE_IN: frozenset(
        {
            S.SCALE_IN,
            S.PREPARE_MAINTENANCE,
            S.START_MAINTENANCE,
            S.PLANNED_MAINTENANCE,
            S.MAINTENANCE_COMPLETE,
            S.MAINTENANCE_FAILED,
        }
    ),
    S.PREPARE_MAINTENANCE: frozenset(
        {S.PREPARE_MAINTENANCE, S.START_MAINTENANCE, S.SCALE_IN, S.MAINTENANCE_FAILED}
    ),
    S.START_MAINTENANCE: frozenset(
        {
            S.PLANNED_MAINTENANCE,
            S.PREPARE_MAINTENANCE,
            S.SCALE_IN,
            S.MAINTENANCE_COMPLETE,
            S.MAINTENANCE_FAILED,
        }
    ),
    S.PLANNED_MAINTENANCE: frozenset(
        {S.PLANNED_MAINTENANCE, S.START_MAINTENANCE, S.SCALE_IN, S.MAINTENANCE_FAILED}
    ),
    S.MAINTENANCE_COMPLETE: frozenset({S.MAINTENANCE_DONE, S.MAINTENANCE_FAILED}),
    S.MAINTENANCE_DONE: frozenset(),
    S.MAINTENANCE_FAILED: frozenset(),
}


def decide(session: Session, now: datetime) -> Decision:
    """What is to be done now."""
    return opened(session, now) or _STATES[session.state](session, now)


def _onward(session: Session, now: datetime) -> Decision:
    """The state that follows, from what the cloud shows now (upstream: empty-host test and scale-in test)."""
    if not session.fresh:
        return Decision(look=True)
    window = Window(session, now)
    late = window.overdue()
    if late:
        return fail(late)
    computes = [h for h in session.todo(HostKind.COMPUTE) if window.fits(h)]
    if not computes:
        rest = session.state is not S.START_MAINTENANCE and session.todo()
        return go(S.START_MAINTENANCE) if rest else finished(session, now)
    if session.state is not S.START_MAINTENANCE and any(_empty(session, h) for h in computes):
        return go(S.START_MAINTENANCE)
    host = next_to_empty(session, computes)
    if host:
        begun = any(h.maintained for h in session.hosts.values() if h.view.kind is HostKind.COMPUTE)
        return go(S.PLANNED_MAINTENANCE if begun else S.PREPARE_MAINTENANCE, host=host)
    down = [h.name for h in computes if not h.view.up]
    if len(down) == len(computes):
        return fail(f"the services of the remaining hosts do not report: {few(down)}")
    return ask_for_room(session)


def _empty(session: Session, host: Host) -> bool:
    return not session.on_host.get(host.name)


def _emptying(kind: NoticeKind) -> Callable[[Session, datetime], Decision]:
    """PREPARE_ and PLANNED_MAINTENANCE: agree on the instances of one host and see them leave."""

    def state(session: Session, now: datetime) -> Decision:
        host = session.hosts.get(session.current_host)
        if host is None or not host.todo:
            return _left_behind(session, now)
        not_closed = close(session, now, host)
        if not_closed is not None:
            return not_closed
        told = announce_done(session)
        if told is not None:
            return told
        if session.proven_empty(host):
            return go(S.START_MAINTENANCE)
        if not session.on_host.get(host.name):
            return not_yet_clear(session, now, host)
        return _agree_and_move(session, now, host, kind)

    return state


def _left_behind(session: Session, now: datetime) -> Decision:
    """The host is not worked on any more, such as after it was set aside: what has begun there comes to its end."""
    told = announce_done(session)
    if told is not None:
        return told
    return running(session) if session.open_steps else _onward(session, now)


def _agree_and_move(session: Session, now: datetime, host: Host, kind: NoticeKind) -> Decision:
    policy = session.created.policy
    whom: dict[str, tuple[str, ...]] = {}
    for instance in session.instances_on(host.name):
        whom[instance.project_id] = (*whom.get(instance.project_id, ()), instance.instance_id)
    question = Question(
        kind=kind, whom=whom, wait_s=policy.reply_s, reason=f"host {host.name} is worked on next"
    )
    undecided = agreement(session, now, question)
    if isinstance(undecided, Refused):
        return fail(undecided.reason)
    if undecided is not None:
        return undecided
    return move_away(session, now, host.name) or _onward(session, now)


def _start(session: Session, now: datetime) -> Decision:
    """Work on controllers and others one at a time, then on every empty compute host, as many at once as allowed."""
    window = Window(session, now)
    others = sorted(
        (h for h in session.todo() if h.view.kind is not HostKind.COMPUTE and window.fits(h)),
        key=lambda h: (h.view.kind is not HostKind.CONTROLLER, h.name),
    )
    if others:
        return work(session, now, others[0])
    computes = [h for h in session.todo(HostKind.COMPUTE) if window.fits(h)]
    empty = [h for h in computes if _empty(session, h)]
    empty.sort(key=lambda h: (h.progress is None, not h.disabled, h.name))
    chosen = empty[: session.created.policy.parallel_hosts]
    if not chosen:
        return _onward(session, now)
    return first_of(clear_and_work(session, now, host) for host in chosen)


_STATES: Mapping[SessionState, Callable[[Session, datetime], Decision]] = {
    S.MAINTENANCE: partial(maintenance, onward=_onward),
    S.SCALE_IN: partial(scale_in, onward=_onward),
    S.PREPARE_MAINTENANCE: _emptying(NoticeKind.PREPARE_MAINTENANCE),
    S.START_MAINTENANCE: _start,
    S.PLANNED_MAINTENANCE: _emptying(NoticeKind.PLANNED_MAINTENANCE),
    S.MAINTENANCE_COMPLETE: complete,
}

WORKFLOW = Workflow(name="default", transitions=TRANSITIONS, decide=decide)
