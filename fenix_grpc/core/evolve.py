"""State is the fold of the journal: `evolve(session, recorded)` is its one transition function.

It believes every event: checks happen before an event is appended. It must fold every journal ever recorded.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any, Protocol, TypeVar

from fenix_grpc.core import events as e
from fenix_grpc.core.capacity import groups_of
from fenix_grpc.core.model import (
    ASKING,
    HostProgress,
    InstanceAction,
    InstanceView,
    NoticeKind,
    Resources,
    SessionState,
    StepOutcome,
    StepVerb,
)
from fenix_grpc.core.observe import changes_anything
from fenix_grpc.core.session import Agreed, Ask, Host, Session, Step

K = TypeVar("K")
V = TypeVar("V")
#: What a reply to these agrees to is how instances leave their host.
LEAVING = frozenset({NoticeKind.PREPARE_MAINTENANCE, NoticeKind.PLANNED_MAINTENANCE})


class Entry(Protocol):
    """An event in its place; `ports.Recorded` is one."""

    @property
    def session_id(self) -> str: ...
    @property
    def seq(self) -> int: ...
    @property
    def at(self) -> datetime: ...
    @property
    def event(self) -> e.Event: ...


def fold(entries: Iterable[Entry], session: Session | None = None) -> Session | None:
    """The session after all entries; None when there are none."""
    for entry in entries:
        session = evolve(session, entry)
    return session


def evolve(session: Session | None, entry: Entry) -> Session:
    """The session after one more entry."""
    if isinstance(entry.event, e.SessionCreated):
        return Session(
            session_id=entry.session_id,
            seq=entry.seq,
            created=entry.event,
            created_at=entry.at,
            updated_at=entry.at,
            entered_at=entry.at,
        )
    if session is None:
        raise ValueError(f"session {entry.session_id} does not begin with SessionCreated")
    after = _BRANCHES[type(entry.event)](session, entry.event, entry)
    return replace(after, seq=entry.seq, updated_at=entry.at)


def put(mapping: Mapping[K, V], key: K, value: V) -> Mapping[K, V]:
    """The mapping with one key set."""
    return {**mapping, key: value}


def _index(
    on_host: Mapping[str, frozenset[str]], changes: Iterable[tuple[str, str, str]]
) -> Mapping[str, frozenset[str]]:
    """Moves instance ids between hosts; a change is (instance_id, old host, new host), empty for none."""
    index = dict(on_host)
    for instance_id, old, new in changes:
        if old:
            index[old] = index.get(old, frozenset()) - {instance_id}
        if new:
            index[new] = index.get(new, frozenset()) | {instance_id}
    return index


def _world_observed(session: Session, event: e.WorldObserved, entry: Entry) -> Session:
    if event.problem:
        since = session.cloud_problem_since or entry.at
        return replace(session, cloud_problem=event.problem, cloud_problem_since=since)
    hosts = {name: host for name, host in session.hosts.items() if name not in event.gone_hosts}
    for view in event.hosts:
        known = hosts.get(view.host)
        hosts[view.host] = replace(known, view=view) if known else Host(view=view)
    gone = frozenset(event.gone_instances)
    instances = {k: v for k, v in session.instances.items() if k not in gone}
    changes = [(k, session.instances[k].host, "") for k in gone if k in session.instances]
    for seen in event.instances:
        old = instances.get(seen.instance_id)
        if old is None or old.host != seen.host:
            changes.append((seen.instance_id, old.host if old else "", seen.host))
        instances[seen.instance_id] = seen
    after = replace(
        session,
        hosts=hosts,
        instances=instances,
        on_host=_index(session.on_host, changes) if changes else session.on_host,
        groups={**session.groups, **{group.group_id: group for group in event.groups}},
        instance_constraints=_changed(
            session.instance_constraints,
            {c.instance_id: c for c in event.instance_constraints},
            event.gone_instance_constraints,
        ),
        group_constraints=_changed(
            session.group_constraints,
            {c.group_id: c for c in event.group_constraints},
            event.gone_group_constraints,
        ),
        listening=(session.listening | set(event.listening)) - set(event.not_listening),
        looked_seq=max(session.looked_seq, event.looked_after_seq),
        looked_at=entry.at,
        changed_seq=entry.seq if changes_anything(event) else session.changed_seq,
        cloud_problem="",
        cloud_problem_since=None,
    )
    return replace(after, projects=_affected(after, event.instances))


def _changed(known: Mapping[K, V], new: Mapping[K, V], gone: Iterable[K]) -> Mapping[K, V]:
    if not new and not gone:
        return known
    left = frozenset(gone)
    return {**{k: v for k, v in known.items() if k not in left}, **new}


def _affected(session: Session, seen: Iterable[InstanceView]) -> tuple[str, ...]:
    """Projects with instances on selected hosts, those already known first."""
    if not session.selected:
        return session.projects
    new = {
        instance.project_id
        for instance in seen
        if (host := session.hosts.get(instance.host)) is not None and host.selected
    }
    return session.projects + tuple(sorted(new.difference(session.projects)))


def _hosts_selected(session: Session, event: e.HostsSelected, entry: Entry) -> Session:
    chosen = frozenset(event.hosts)
    hosts = {
        name: replace(
            host, selected=name in chosen, excluded=event.excluded.get(name, host.excluded)
        )
        for name, host in session.hosts.items()
    }
    after = replace(session, hosts=hosts, selected=True)
    return replace(after, projects=_affected(after, after.instances.values()))


def _state_entered(session: Session, event: e.StateEntered, entry: Entry) -> Session:
    failed = event.state is SessionState.MAINTENANCE_FAILED
    after = replace(
        session,
        state=event.state,
        prev_state=session.state,
        reason=event.reason,
        entered_at=entry.at,
        current_host=session.current_host if failed else event.host,
        asks=session.asks if failed or event.keeps_asks else {},
    )
    if event.state is SessionState.SCALE_IN:
        return replace(after, scale_in_loads=(*session.scale_in_loads, load(session)), plan=None)
    return after


def _plan_made(session: Session, event: e.PlanMade, entry: Entry) -> Session:
    return replace(session, plan=event, plan_seq=entry.seq)


def load(session: Session) -> Resources:
    """What all known instances use together."""
    total = Resources()
    for instance in session.instances.values():
        total += instance.size
    return total


def _project_asked(session: Session, event: e.ProjectAsked, entry: Entry) -> Session:
    if event.kind not in ASKING:
        return session
    known = session.instances
    ask = Ask(
        notice_id=event.notice_id,
        project_id=event.project_id,
        kind=event.kind,
        instance_ids=event.instance_ids,
        hosts={i: known[i].host for i in event.instance_ids if i in known},
        asked_at=entry.at,
        reply_at=event.reply_at,
        actions_at=event.actions_at,
        needed=event.needed,
        reason=event.reason,
    )
    kinds = session.asked_kinds.get(event.project_id, frozenset()) | {event.kind}
    return replace(
        session,
        asks=put(session.asks, event.notice_id, ask),
        notices=session.notices + 1,
        asked_kinds=put(session.asked_kinds, event.project_id, kinds),
    )


def _project_replied(session: Session, event: e.ProjectReplied, entry: Entry) -> Session:
    ask = session.asks.get(event.notice_id)
    if ask is None:
        return session
    answered = replace(
        ask,
        answer=event.answer,
        answered_at=entry.at,
        answer_reason=event.reason,
        action=event.action,
        instance_actions=event.instance_actions,
    )
    return _agreed(_touched(session, ask.instance_ids, entry.seq), answered, dirty=entry.seq)


def _project_defaulted(session: Session, event: e.ProjectDefaulted, entry: Entry) -> Session:
    ask = session.asks.get(event.notice_id)
    if ask is None:
        return session
    answered = replace(
        ask, defaulted=event.reason, answered_at=entry.at, action=event.action, instance_actions={}
    )
    return _agreed(session, answered, dirty=session.dirty_seq)


def _agreed(session: Session, ask: Ask, *, dirty: int) -> Session:
    """A settled ask takes effect; a manager that answered may have changed its application."""
    agreed = session.agreed
    if ask.refused and ask.kind in LEAVING:
        taken_back = {i for i in ask.instance_ids if i in agreed and not agreed[i].done}
        agreed = {i: each for i, each in agreed.items() if i not in taken_back}
    elif ask.kind in LEAVING and ask.answered_at:
        agreed = {**agreed, **{i: _agreement(session, ask, i) for i in ask.instance_ids}}
    return replace(
        session, asks=put(session.asks, ask.notice_id, ask), agreed=agreed, dirty_seq=dirty
    )


def _agreement(session: Session, ask: Ask, instance_id: str) -> Agreed:
    known = session.instances.get(instance_id)
    return Agreed(
        action=ask.instance_actions.get(instance_id) or ask.action or _usual(session, instance_id),
        project_id=ask.project_id,
        from_host=ask.hosts.get(instance_id) or session.current_host,
        at=ask.answered_at or ask.asked_at,
        groups=groups_of(session, known) if known else (),
    )


def _usual(session: Session, instance_id: str) -> InstanceAction:
    """What is done when a reply names no action: what the constraint says, else MIGRATE (mission: project API)."""
    demand = session.instance_constraints.get(instance_id)
    return next(iter(demand.migration_types if demand else ()), InstanceAction.MIGRATE)


def _touched(session: Session, instance_ids: Iterable[str], seq: int) -> Session:
    """The hosts of these instances may differ from now on."""
    names = {session.instances[i].host for i in instance_ids if i in session.instances}
    changed = {n: replace(session.hosts[n], touched_seq=seq) for n in names if n in session.hosts}
    return replace(session, hosts={**session.hosts, **changed}) if changed else session


def _instance_action_done(session: Session, event: e.InstanceActionDone, entry: Entry) -> Session:
    agreed = session.agreed.get(event.instance_id)
    if agreed is None:
        return session
    done = replace(agreed, done=True, done_at=entry.at)
    return replace(session, agreed=put(session.agreed, event.instance_id, done))


def _host_changed(session: Session, event: e.HostChanged, entry: Entry) -> Session:
    host = session.hosts.get(event.host)
    # a host that was never taken out of service is done with its work; others when they are enabled again
    done = event.progress is HostProgress.MAINTENANCE_COMPLETE and host and not host.disabled
    return _with_host(session, event.host, progress=event.progress, maintained=bool(done))


def _with_host(session: Session, name: str, **changes: Any) -> Session:
    host = session.hosts.get(name)
    if host is None:
        return session
    return replace(session, hosts=put(session.hosts, name, replace(host, **changes)))


def _step_started(session: Session, event: e.StepStarted, entry: Entry) -> Session:
    step = Step(
        step_id=event.step_id,
        verb=event.verb,
        host=event.host,
        instance_id=event.instance_id,
        target=event.target,
        how=event.how,
        action_index=event.action_index,
        started_at=entry.at,
        run=session.continued,
    )
    after = replace(
        session,
        steps=put(session.steps, event.step_id, step),
        open_steps=session.open_steps | {event.step_id},
    )
    if event.verb is StepVerb.DISABLE_HOST:
        # owed from the first moment: the call may succeed although its answer is lost
        return _with_host(after, event.host, disabled=True)
    return after


def _step_ended(session: Session, event: e.StepEnded, entry: Entry) -> Session:
    step = session.steps.get(event.step_id)
    if step is None or step.outcome is not None:
        return session
    ended = replace(
        step, outcome=event.outcome, detail=event.detail, output=event.output, ended_at=entry.at
    )
    after = replace(
        session,
        steps=put(session.steps, event.step_id, ended),
        open_steps=session.open_steps - {event.step_id},
        dirty_seq=entry.seq,
    )
    return _EFFECTS[step.verb](after, ended, event, entry)


def _disable_ended(session: Session, step: Step, event: e.StepEnded, entry: Entry) -> Session:
    host = session.hosts.get(step.host)
    if event.outcome is StepOutcome.DONE and host is not None:
        view = replace(host.view, enabled=False)
        return _with_host(session, step.host, closed_seq=entry.seq, view=view)
    if event.outcome is StepOutcome.FAILED:
        return _with_host(session, step.host, disabled=False, closed_seq=0)
    return session


def _enable_ended(session: Session, step: Step, event: e.StepEnded, entry: Entry) -> Session:
    host = session.hosts.get(step.host)
    if event.outcome is not StepOutcome.DONE or host is None:
        return session
    return _with_host(
        session,
        step.host,
        disabled=False,
        closed_seq=0,
        maintained=host.progress is HostProgress.MAINTENANCE_COMPLETE,
        view=replace(host.view, enabled=True, disabled_reason=""),
    )


def _move_ended(session: Session, step: Step, event: e.StepEnded, entry: Entry) -> Session:
    lost = {k: v for k, v in session.lost_moves.items() if k != step.instance_id}
    if event.outcome is StepOutcome.LOST:
        lost[step.instance_id] = step
    after = replace(session, lost_moves=lost, moved=put(session.moved, step.instance_id, entry.at))
    session = _with_host(after, step.host, touched_seq=entry.seq)
    instance = session.instances.get(step.instance_id)
    if event.outcome is not StepOutcome.DONE or instance is None:
        return session
    if not event.host:
        instances = {k: v for k, v in session.instances.items() if k != step.instance_id}
    else:
        instances = {
            **session.instances,
            step.instance_id: replace(instance, host=event.host),
        }
    change = (step.instance_id, instance.host, event.host)
    return replace(session, instances=instances, on_host=_index(session.on_host, [change]))


def _action_ended(session: Session, step: Step, event: e.StepEnded, entry: Entry) -> Session:
    if event.outcome is not StepOutcome.DONE:
        return session
    if not step.host:
        return replace(session, actions_done=session.actions_done | {step.action_index})
    host = session.hosts.get(step.host)
    done = (host.actions_done if host else frozenset()) | {step.action_index}
    return _with_host(session, step.host, actions_done=done)


def _session_continued(session: Session, event: e.SessionContinued, entry: Entry) -> Session:
    """Agreements stay; refusals and silence are asked anew, and failures of the earlier try count no more."""
    same = event.state is session.prev_state
    kept = {k: ask for k, ask in session.asks.items() if same and ask.settled and not ask.refused}
    return replace(
        session,
        state=event.state,
        prev_state=session.state,
        reason="",
        entered_at=entry.at,
        current_host=session.current_host if same else "",
        asks=kept,
        continued=session.continued + 1,
        scale_in_loads=(),
        plan=None,
        dirty_seq=entry.seq,
    )


def _session_deleted(session: Session, event: e.SessionDeleted, entry: Entry) -> Session:
    return replace(session, deleted=True, continued=session.continued + 1)


def _session_closed(session: Session, event: e.SessionClosed, entry: Entry) -> Session:
    return replace(session, closed=True)


_BRANCHES: Mapping[type[e.Event], Callable[[Session, Any, Entry], Session]] = {
    e.WorldObserved: _world_observed,
    e.HostsSelected: _hosts_selected,
    e.PlanMade: _plan_made,
    e.StateEntered: _state_entered,
    e.ProjectAsked: _project_asked,
    e.ProjectReplied: _project_replied,
    e.ProjectDefaulted: _project_defaulted,
    e.InstanceActionDone: _instance_action_done,
    e.HostChanged: _host_changed,
    e.StepStarted: _step_started,
    e.StepEnded: _step_ended,
    e.SessionContinued: _session_continued,
    e.SessionDeleted: _session_deleted,
    e.SessionClosed: _session_closed,
}

_EFFECTS: Mapping[StepVerb, Callable[[Session, Step, e.StepEnded, Entry], Session]] = {
    StepVerb.DISABLE_HOST: _disable_ended,
    StepVerb.ENABLE_HOST: _enable_ended,
    StepVerb.MOVE_INSTANCE: _move_ended,
    StepVerb.RUN_ACTION: _action_ended,
}
