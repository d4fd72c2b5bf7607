"""The documented v1 workflow: tell everybody, make room, empty one host after the other, work on it, tell everybody.

States, notices, replies and timers follow the v1 documents in their order (mission: admin and project API; upstream:
default workflow). Where upstream failed or forgot (fenix-v1 facts W17 to W30) this one goes on; DESIGN.md lists how.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime, timedelta

from fenix_grpc.core.capacity import next_to_empty, shortage
from fenix_grpc.core.decision import Decision, Workflow
from fenix_grpc.core.events import HostsSelected
from fenix_grpc.core.evolve import load
from fenix_grpc.core.model import (
    ActionType,
    HostKind,
    NoticeKind,
    SessionState,
    Waiting,
)
from fenix_grpc.core.session import Host, Session
from fenix_grpc.workflows.agreement import Question, Refused, agreement
from fenix_grpc.workflows.parts import (
    announce_done,
    close,
    exclude_foreign,
    fail,
    finish_lost,
    first_of,
    foreign_reason,
    give_back,
    go,
    move_away,
    run_once,
    work,
)

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
    return (
        finish_lost(session, now)
        or exclude_foreign(session)
        or _STATES[session.state](session, now)
    )


def _rest(session: Session) -> Decision:
    if session.state is S.MAINTENANCE_DONE:
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
        return fail(f"hosts that the cloud does not know: {', '.join(unknown)}")
    excluded = {name: why for name in wanted if (why := _unfit(session.hosts[name]))}
    chosen = tuple(name for name in wanted if name not in excluded)
    if not chosen:
        reasons = "; ".join(f"{name} ({why})" for name, why in excluded.items())
        return fail(f"no host can be worked on: {reasons or 'the cloud has none'}")
    return Decision(record=(HostsSelected(hosts=chosen, excluded=excluded),))


def _unfit(host: Host) -> str:
    if not host.view.enabled:
        return foreign_reason(host)
    return "" if host.view.up else "its service does not report"


def _maintenance(session: Session, now: datetime) -> Decision:
    policy = session.created.policy
    reply_at = now + timedelta(seconds=policy.reply_s)
    question = Question(
        kind=NoticeKind.MAINTENANCE,
        whom=_everybody(session),
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
    return run_once(session, now, ActionType.PRE) or _onward(session)


def _everybody(session: Session) -> dict[str, tuple[str, ...]]:
    return {
        project_id: tuple(i.instance_id for i in session.instances_of(project_id))
        for project_id in session.projects
    }


def _onward(session: Session) -> Decision:
    """The state that follows, from what the cloud shows now (upstream: empty-host test and scale-in test)."""
    if not session.fresh:
        return Decision(look=True)
    computes = session.todo(HostKind.COMPUTE)
    if not computes:
        rest = session.state is not S.START_MAINTENANCE and session.todo()
        return go(S.START_MAINTENANCE if rest else S.MAINTENANCE_COMPLETE)
    if session.state is not S.START_MAINTENANCE and any(_empty(session, h) for h in computes):
        return go(S.START_MAINTENANCE)
    host = next_to_empty(session)
    if host:
        begun = any(h.maintained for h in session.hosts.values() if h.view.kind is HostKind.COMPUTE)
        return go(S.PLANNED_MAINTENANCE if begun else S.PREPARE_MAINTENANCE, host=host)
    down = [h.name for h in computes if not h.view.up]
    if len(down) == len(computes):
        return fail(f"the services of the remaining hosts do not report: {', '.join(down)}")
    return _ask_for_room(session)


def _empty(session: Session, host: Host) -> bool:
    return not session.on_host.get(host.name)


def _ask_for_room(session: Session) -> Decision:
    """A round of SCALE_IN, unless there is nobody to ask or the last rounds had no effect."""
    needed = shortage(session)
    rounds = session.created.policy.scale_in_rounds
    loads = (*session.scale_in_loads, load(session))
    vain = 0
    for before, after in zip(loads[-2::-1], loads[::-1], strict=False):
        if after < before:
            break
        vain += 1
    if vain >= rounds:
        return fail(
            f"no room to empty a host: {needed} are lacking and {vain} requests to scale in had no effect"
        )
    if not _managed(session):
        return fail(
            f"no room to empty a host: {needed} are lacking and no project has a manager to ask"
        )
    return go(S.SCALE_IN, f"{needed} are lacking to empty a host")


def _managed(session: Session) -> dict[str, tuple[str, ...]]:
    everybody = _everybody(session)
    return {p: ids for p, ids in everybody.items() if p in session.listening and ids}


def _scale_in(session: Session, now: datetime) -> Decision:
    asked = {ask.project_id: ask.instance_ids for ask in session.asks.values()}
    policy = session.created.policy
    question = Question(
        kind=NoticeKind.SCALE_IN,
        whom=asked or _managed(session),
        wait_s=policy.scale_reply_s,
        needed=shortage(session),
        reason=session.reason,
    )
    undecided = agreement(session, now, question)
    if isinstance(undecided, Refused):
        return fail(undecided.reason)
    if undecided is not None:
        return undecided
    if not session.fresh:
        return Decision(look=True)
    return _still_releasing(session, now) or _onward(session)


def _still_releasing(session: Session, now: datetime) -> Decision | None:
    """A manager may answer while its instances are still being deleted: give that a moment to show."""
    policy = session.created.policy
    replies = [ask.answered_at for ask in session.asks.values() if ask.answered_at is not None]
    until = max(replies, default=session.entered_at) + timedelta(seconds=2 * policy.poll_s)
    before = session.scale_in_loads[-1] if session.scale_in_loads else load(session)
    if load(session) < before or next_to_empty(session) or now >= until:
        return None
    wait = Waiting(
        subject="cloud",
        reason="capacity that projects said they released",
        since=session.entered_at,
        deadline=until,
        then="they are asked again",
    )
    wake_at = min(until, now + timedelta(seconds=policy.poll_s))
    return Decision(wake_at=wake_at, poll=True, waiting=(wait,))


def _emptying(kind: NoticeKind) -> Callable[[Session, datetime], Decision]:
    """PREPARE_ and PLANNED_MAINTENANCE: agree on the instances of one host and see them leave."""

    def state(session: Session, now: datetime) -> Decision:
        host = session.hosts.get(session.current_host)
        if host is None or not host.todo:
            return _onward(session)
        not_closed = close(session, now, host)
        if not_closed is not None:
            return not_closed
        told = announce_done(session)
        if told:
            return Decision(record=told)
        if session.proven_empty(host):
            return go(S.START_MAINTENANCE)
        if not session.on_host.get(host.name):
            return _not_yet_clear(session, now, host)
        return _agree_and_move(session, now, host, kind)

    return state


def _not_yet_clear(session: Session, now: datetime, host: Host) -> Decision:
    """No instance is listed there but room is still booked: the cloud is cleaning up, or something else is wrong."""
    policy = session.created.policy
    ended = [s.ended_at for s in session.steps.values() if s.host == host.name and s.ended_at]
    since = max([session.entered_at, *ended])
    deadline = since + timedelta(seconds=policy.own_action_s)
    reason = f"host {host.name} lists no instance but {host.view.used} are still in use"
    if now >= deadline:
        return fail(reason)
    wait = Waiting(
        subject=f"host:{host.name}",
        reason=reason,
        since=since,
        deadline=deadline,
        then="the session stops",
    )
    wake_at = min(deadline, now + timedelta(seconds=policy.poll_s))
    return Decision(wake_at=wake_at, poll=True, waiting=(wait,))


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
    return move_away(session, now, host.name) or _onward(session)


def _start(session: Session, now: datetime) -> Decision:
    """Work on controllers and others one at a time, then on every empty compute host, as many at once as allowed."""
    others = sorted(
        (h for h in session.todo() if h.view.kind is not HostKind.COMPUTE),
        key=lambda h: (h.view.kind is not HostKind.CONTROLLER, h.name),
    )
    if others:
        return work(session, now, others[0])
    empty = [h for h in session.todo(HostKind.COMPUTE) if _empty(session, h)]
    empty.sort(key=lambda h: (not h.disabled, h.name))
    chosen = empty[: session.created.policy.parallel_hosts]
    if not chosen:
        return _onward(session)
    return first_of(_clear_and_work(session, now, host) for host in chosen)


def _clear_and_work(session: Session, now: datetime, host: Host) -> Decision:
    if host.progress is None:
        not_closed = close(session, now, host)
        if not_closed is not None:
            return not_closed
        if not session.proven_empty(host):
            return _not_yet_clear(session, now, host)
    return work(session, now, host)


def _complete(session: Session, now: datetime) -> Decision:
    post = run_once(session, now, ActionType.POST)
    if post is not None:
        return post
    question = Question(
        kind=NoticeKind.MAINTENANCE_COMPLETE,
        whom=_everybody(session),
        wait_s=session.created.policy.scale_reply_s,
        silence_is_fine=True,
    )
    undecided = agreement(session, now, question)
    if isinstance(undecided, Refused):
        return fail(undecided.reason)
    if undecided is not None:
        return undecided
    if session.owed_hosts:
        return fail(f"hosts are still out of service: {', '.join(session.owed_hosts)}")
    return go(S.MAINTENANCE_DONE)


_STATES: Mapping[SessionState, Callable[[Session, datetime], Decision]] = {
    S.MAINTENANCE: _maintenance,
    S.SCALE_IN: _scale_in,
    S.PREPARE_MAINTENANCE: _emptying(NoticeKind.PREPARE_MAINTENANCE),
    S.START_MAINTENANCE: _start,
    S.PLANNED_MAINTENANCE: _emptying(NoticeKind.PLANNED_MAINTENANCE),
    S.MAINTENANCE_COMPLETE: _complete,
}

WORKFLOW = Workflow(name="default", transitions=TRANSITIONS, decide=decide)
