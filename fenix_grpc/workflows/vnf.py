"""The workflow for applications that say what they demand: many hosts and moves at once, no barriers, zero impact.

The states and notices are those of the default workflow, as v1 clients expect them (mission: workflow vnf); the plan
says what goes where, the safety rules say when. Every host goes its own way: closed, looked at, its owners told,
emptied, worked on, given back; whatever it waits for does not hold up the others.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime, timedelta
from functools import partial

from fenix_grpc.core.decision import Decision, Workflow, merged
from fenix_grpc.core.events import StateEntered, StepStarted
from fenix_grpc.core.model import (
    HostKind,
    InstanceAction,
    InstanceView,
    NoticeKind,
    SessionState,
    StepVerb,
    Waiting,
)
from fenix_grpc.core.safety import Hold, has_slot, held_back
from fenix_grpc.core.session import Host, Session
from fenix_grpc.core.situation import Move, Situation
from fenix_grpc.workflows.closing import complete, finished
from fenix_grpc.workflows.consent import Held, hear, held, tell
from fenix_grpc.workflows.dead_hosts import await_fate, dead, perishing, verb_for
from fenix_grpc.workflows.difficult import outcome
from fenix_grpc.workflows.opening import maintenance, opened
from fenix_grpc.workflows.parts import (
    announce_done,
    clear_and_work,
    close,
    fail,
    few,
    first_of,
    go,
    own_actions,
    running,
    started,
    work,
)
from fenix_grpc.workflows.planning import Course, finish_first, hopeless, make_plan, refusals
from fenix_grpc.workflows.retry import attempt
from fenix_grpc.workflows.scale_in import ask_for_room, scale_in
from fenix_grpc.workflows.window import Window

S = SessionState
ROLLING = frozenset({S.PREPARE_MAINTENANCE, S.START_MAINTENANCE, S.PLANNED_MAINTENANCE})
_REFUSED = Hold(reason="its planned destination has refused it")

TRANSITIONS: Mapping[SessionState, frozenset[SessionState]] = {
    S.MAINTENANCE: ROLLING | {S.SCALE_IN, S.MAINTENANCE_COMPLETE, S.MAINTENANCE_FAILED},
    S.SCALE_IN: ROLLING | {S.SCALE_IN, S.MAINTENANCE_COMPLETE, S.MAINTENANCE_FAILED},
    S.PREPARE_MAINTENANCE: frozenset(
        {S.START_MAINTENANCE, S.SCALE_IN, S.MAINTENANCE_COMPLETE, S.MAINTENANCE_FAILED}
    ),
    S.START_MAINTENANCE: frozenset(
        {S.PLANNED_MAINTENANCE, S.SCALE_IN, S.MAINTENANCE_COMPLETE, S.MAINTENANCE_FAILED}
    ),
    S.PLANNED_MAINTENANCE: frozenset({S.SCALE_IN, S.MAINTENANCE_COMPLETE, S.MAINTENANCE_FAILED}),
    S.MAINTENANCE_COMPLETE: frozenset({S.MAINTENANCE_DONE, S.MAINTENANCE_FAILED}),
    S.MAINTENANCE_DONE: frozenset(),
    S.MAINTENANCE_FAILED: frozenset(),
}

#: What owners are told in a state; in the others nobody is.
KINDS = {
    S.PREPARE_MAINTENANCE: NoticeKind.PREPARE_MAINTENANCE,
    S.PLANNED_MAINTENANCE: NoticeKind.PLANNED_MAINTENANCE,
}


def decide(session: Session, now: datetime) -> Decision:
    """What is to be done now."""
    return opened(session, now) or _STATES[session.state](session, now)


def _onward(session: Session, now: datetime) -> Decision:
    """Into the rolling states with a plan, or to SCALE_IN for want of one."""
    if not session.fresh:
        return Decision(look=True)
    if not session.todo():
        return finished(session, now)
    late = Window(session, now).overdue()
    if late:
        return fail(late)
    if session.plan is None:
        never = hopeless(session)
        return fail(never) if never else _planned(session, "the first plan")
    computes = session.todo(HostKind.COMPUTE)
    if computes and not session.plan.waves:
        return _no_way(session)
    if _begun(session):
        return go(S.PLANNED_MAINTENANCE)
    empty = [h for h in computes if not session.on_host.get(h.name)]
    return go(S.START_MAINTENANCE if empty or not computes else S.PREPARE_MAINTENANCE)


def _planned(session: Session, reason: str) -> Decision:
    return Decision(record=(make_plan(session, reason),))


def _begun(session: Session) -> bool:
    computes = (h for h in session.hosts.values() if h.view.kind is HostKind.COMPUTE)
    return any(h.selected and (h.maintained or h.progress is not None) for h in computes)


def _no_way(session: Session) -> Decision:
    """Nothing more can be emptied as things are."""
    computes = session.todo(HostKind.COMPUTE)
    down = [h.name for h in computes if not h.view.up]
    if down and len(down) == len(computes):
        return fail(f"the services of the remaining hosts do not report: {few(down)}")
    return ask_for_room(session, session.plan.reason if session.plan else "")


def _rolling(session: Session, now: datetime) -> Decision:
    """PREPARE_, START_ and PLANNED_MAINTENANCE: every host one step further, if it can go one."""
    told = announce_done(session)
    if told is not None:
        return told
    entered = _next_state(session, now)
    if entered is not None:
        return entered
    late = "" if session.open_steps else Window(session, now).overdue()
    if late:
        return fail(late)
    if session.plan is None:
        return _planned(session, "continued") if session.fresh else Decision(look=True)
    course, situation = Course(session, session.plan), Situation(session, now)
    holds: list[Held] = []
    decision = first_of(_hosts(situation, course, holds))
    if any(
        hold is _REFUSED for _, hold in holds
    ):  # its host stays closed for it: not a moment to lose
        return _planned(session, _why(holds)) if session.fresh else Decision(look=True)
    if session.open_steps or decision.record or decision.run or decision.look or decision.wake_at:
        return decision
    return _stalled(situation, course, holds, decision)


def _next_state(session: Session, now: datetime) -> Decision | None:
    """The names of the rolling states say how far the first host has come; work goes on across them."""
    if not session.todo():
        return None if session.open_steps else finished(session, now)
    computes = session.todo(HostKind.COMPUTE)
    others = len(session.todo()) > len(computes)
    if session.state is S.PREPARE_MAINTENANCE:
        if _begun(session) or not computes or any(session.proven_empty(h) for h in computes):
            return _enter(S.START_MAINTENANCE)
        return None
    to_empty = any(session.on_host.get(h.name) for h in computes)
    if session.state is S.START_MAINTENANCE and to_empty and not others:
        return _enter(S.PLANNED_MAINTENANCE)
    return None


def _enter(state: SessionState) -> Decision:
    return Decision(record=(StateEntered(state=state, keeps_asks=True),))


def _hosts(situation: Situation, course: Course, holds: list[Held]) -> Iterable[Decision]:
    """What each host needs next: first those to close, so that nothing moves there any more."""
    session = situation.session
    others = [h for h in session.todo() if h.view.kind is not HostKind.COMPUTE]
    window = Window(session, situation.now)
    others = [h for h in others if window.fits(h)]
    others.sort(key=lambda h: (h.view.kind is not HostKind.CONTROLLER, h.name))
    in_hand = [h for h in session.todo(HostKind.COMPUTE) if h.disabled or h.progress is not None]
    if session.state is not S.START_MAINTENANCE or not others:
        in_hand.extend(_next_hosts(session, course, window, in_hand))
    situation.closing.update(h.name for h in in_hand)
    yield running(session)
    busy = {step.host for step in session.open() if not step.instance_id}
    may_work = session.state is not S.PREPARE_MAINTENANCE
    if others and may_work and others[0].name not in busy:
        yield work(session, situation.now, others[0])
    leaving: list[str] = []
    ready: list[Host] = []
    for host in in_hand:
        if host.name in busy:
            continue
        not_closed = _close(session, situation.now, host) if host.progress is None else None
        if not_closed is not None:
            yield not_closed
        elif session.on_host.get(host.name) and host.progress is None:
            leaving.append(host.name)
        elif may_work and not others and not situation.arriving[host.name]:
            ready.append(host)
    at_work = sum(h.progress is not None and h.name in busy for h in in_hand)
    for host in _with_slot(session, ready, at_work):
        yield clear_and_work(session, situation.now, host)
    yield from _leave(situation, course, leaving, holds)


def _with_slot(session: Session, ready: list[Host], at_work: int) -> list[Host]:
    """Those to work on now, begun ones first. More may be closed than that: what was set aside comes back when the
    session is continued."""
    slots = session.created.policy.parallel_hosts - at_work
    return sorted(ready, key=lambda h: h.progress is None)[: max(slots, 0)]


def _close(session: Session, now: datetime, host: Host) -> Decision | None:
    """Keeps new instances off a host and looks at what is left there; None when that is known. What happens afterwards
    may show a few seconds late: until nothing is left there, nothing depends on it."""
    if host.closed_seq and session.looked_seq >= max(host.closed_seq, host.touched_seq):
        return None
    seen = host.closed_seq and session.looked_seq >= host.closed_seq and session.looked_at
    late = timedelta(seconds=session.created.policy.poll_s)
    return None if seen and now < seen + late else close(session, now, host)


def _next_hosts(
    session: Session, course: Course, window: Window, in_hand: list[Host]
) -> Iterable[Host]:
    """The hosts to close now, strictly in the order of the plan: one that has to wait keeps those after it waiting, so
    that what is in hand never waits for a host that finds no place."""
    free = session.created.policy.parallel_hosts - len(in_hand)
    taken = {h.name for h in in_hand}
    for name in (name for wave in course.made.waves for name in wave.hosts):
        host = session.hosts.get(name)
        if host is None or not host.todo or not host.view.up or name in taken:
            continue
        if not window.fits(host):
            continue
        if free <= 0 or course.still_to_fill(name):
            return
        free -= 1
        yield host


def _leave(
    situation: Situation, course: Course, hosts: list[str], holds: list[Held]
) -> Iterable[Decision]:
    """Instances on closed hosts: their owners are told and heard, and whoever may go goes."""
    session, kind = situation.session, KINDS.get(situation.session.state)
    yield hear(situation, hosts)
    if kind is not None:
        untold = (session.on_host[h].difference(session.index.asked_on.get(h, ())) for h in hosts)
        yield tell(
            situation, (session.instances[i] for h in untold for i in sorted(h)), kind, holds
        )
    queued = 0
    for host in hosts:
        waiting = session.on_host[host].difference(situation.moving, session.index.acting)
        if waiting and perishing(session, host) and not dead(session, situation.now, host):
            yield await_fate(session, host, situation.now)
            continue
        queued += len(waiting)
        for instance_id in _due(situation, course, host, waiting):
            instance = session.instances[instance_id]
            agreed = situation.agreed(instance)
            if agreed is not None and has_slot(situation, host):
                queued -= 1
                yield _move(situation, course, instance, agreed.action, agreed.at, holds)
    if queued:
        yield _queued(session, queued)
    acting = (session.instances.get(i) for i in sorted(session.index.acting))
    closed = frozenset(hosts)
    own = (i for i in acting if i and i.host in closed and situation.agreed(i) is not None)
    yield from own_actions(session, situation.now, own)


def _due(situation: Situation, course: Course, host: str, waiting: frozenset[str]) -> Iterable[str]:
    """Instances to be looked at. While anything runs these are the ones with a slot and a place, and those that did not
    get to theirs: the end of what runs brings the next decision. Otherwise all of them, to find out what is wrong."""
    session = situation.session
    if not session.open_steps:
        return sorted(waiting)
    if not waiting or not has_slot(situation, host):
        return ()
    due = [i for i in course.due(host, situation.arriving) if i in waiting]
    moved = (session.instances[i] for i in sorted(waiting) if i in session.moved)
    failed = [i.instance_id for i in moved if refusals(session, i)]
    return dict.fromkeys([*failed, *due])


def _queued(session: Session, count: int) -> Decision:
    """Instances that wait for what runs."""
    wait = Waiting(
        subject="session",
        reason=f"{count} instances are queued: others move, or hosts are worked on, first",
        since=session.entered_at,
    )
    return Decision(waiting=(wait,))


def _move(
    situation: Situation,
    course: Course,
    instance: InstanceView,
    how: InstanceAction,
    since: datetime,
    holds: list[Held],
) -> Decision:
    """The move of one instance: running, to be tried again, held back, or started."""
    session, target = situation.session, course.target(instance)
    verb = verb_for(session, situation.now, instance.host)
    tried = attempt(
        session,
        situation.now,
        verb,
        host=instance.host,
        instance_id=instance.instance_id,
        target=target,
        how=how if verb is StepVerb.MOVE_INSTANCE else None,
    )
    if not isinstance(tried, StepStarted):
        return outcome(session, situation.now, instance, tried)
    hold = _held(situation, course, Move(instance=instance, target=target))
    if hold is None:
        situation.book(Move(instance=instance, target=target))
        return Decision(run=(tried,))
    if hold.never:
        return fail(f"instance {instance.instance_id} on {instance.host}: {hold.reason}")
    holds.append((instance, hold))
    return held(situation, instance, hold, since)


def _held(situation: Situation, course: Course, move: Move) -> Hold | None:
    """What keeps a move from starting now: the plan, then the rules."""
    if not move.target:
        refused = move.instance.instance_id in course.moves
        return _REFUSED if refused else Hold(reason="no destination is planned for it")
    if course.awaits_work(move.instance.host, move.target):
        return Hold(reason=f"target {move.target} is worked on first")
    return held_back(situation, move)


def _stalled(
    situation: Situation,
    course: Course,
    holds: list[Held],
    decision: Decision,
) -> Decision:
    """Nothing runs and no time will change that: look, plan anew, wait for others so long, ask for room, or stop."""
    session = situation.session
    if not session.fresh:
        return Decision(look=True)
    why = _why(holds)
    if course.outdated:
        return _planned(session, why or "hosts are left")
    again = finish_first(session, course, why)
    if again is not None:
        return Decision(record=(again,))
    opened_again = _reopen(session, situation.now)
    if opened_again is not None:
        return opened_again
    if any(hold.outside for _, hold in holds):
        return _others(situation, why, decision)
    return _no_way(session)


def _reopen(session: Session, now: datetime) -> Decision | None:
    """Closed hosts have waited for one that was set aside since: as long as no work began on them they are room for
    each other. None when there is none, or when that was tried for each host that was set aside."""
    todo = session.todo(HostKind.COMPUTE)
    closed = [h for h in todo if h.disabled and h.progress is None and not h.retired]
    steps = session.steps.values() if session.set_aside else ()
    mine = Counter(
        s.host for s in steps if s.verb is StepVerb.ENABLE_HOST and s.run == session.continued
    )
    again = [h.name for h in closed if mine[h.name] < len(session.set_aside)]
    if not again:
        return None
    return first_of(
        started(session, attempt(session, now, StepVerb.ENABLE_HOST, host=name)) for name in again
    )


def _why(holds: list[Held]) -> str:
    """What holds instances back, for a reason."""
    return "; ".join(sorted({f"instance {i.instance_id}: {hold.reason}" for i, hold in holds})[:3])


def _others(situation: Situation, why: str, decision: Decision) -> Decision:
    """Somebody else has to act: that is waited for, but not for ever."""
    session, policy = situation.session, situation.session.created.policy
    times = [
        session.entered_at,
        session.others_at or session.entered_at,
        *session.moved.values(),
        *(a.at for a in session.agreed.values()),
    ]
    deadline = max(times) + timedelta(seconds=policy.own_action_s)
    if situation.now >= deadline:
        return fail(f"nothing has moved for {policy.own_action_s:.0f} s: {why}")
    wake_at = min(deadline, situation.now + timedelta(seconds=policy.poll_s))
    return merged(decision, Decision(wake_at=wake_at, poll=True))


_STATES: Mapping[SessionState, Callable[[Session, datetime], Decision]] = {
    S.MAINTENANCE: partial(maintenance, onward=_onward),
    S.SCALE_IN: partial(scale_in, onward=_onward),
    S.PREPARE_MAINTENANCE: _rolling,
    S.START_MAINTENANCE: _rolling,
    S.PLANNED_MAINTENANCE: _rolling,
    S.MAINTENANCE_COMPLETE: complete,
}

WORKFLOW = Workflow(
    name="vnf", aliases=("nfv",), transitions=TRANSITIONS, decide=decide, follows_plan=True
)
