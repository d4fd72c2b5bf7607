"""Keeps the index of a session in step with its facts, at the cost of what an event changed and not of all there is."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import replace

from fenix_grpc.core import events as e
from fenix_grpc.core.capacity import groups_of
from fenix_grpc.core.index import Index
from fenix_grpc.core.model import MOVING, InstanceAction, NoticeKind
from fenix_grpc.core.persistent import put_all
from fenix_grpc.core.session import Ask, Session

#: What a reply to these agrees to is how instances leave their host.
LEAVING = frozenset({NoticeKind.PREPARE_MAINTENANCE, NoticeKind.PLANNED_MAINTENANCE})
#: Something, the keys that it was under and those that it is under now.
Shift = tuple[str, Iterable[str], Iterable[str]]


def shifted(
    index: Mapping[str, frozenset[str]], shifts: Iterable[Shift]
) -> Mapping[str, frozenset[str]]:
    """A mapping of sets after shifts of their elements."""
    changed: dict[str, set[str]] = {}
    for element, olds, news in shifts:
        for key in olds:
            changed.setdefault(key, set(index.get(key, ()))).discard(element)
        for key in news:
            changed.setdefault(key, set(index.get(key, ()))).add(element)
    return put_all(index, {key: frozenset(elements) for key, elements in changed.items()})


def reindexed(before: Session, after: Session, event: e.Event) -> Index:
    """The index of the session after an event."""
    match event:
        case e.WorldObserved():
            return _seen(before, after, _concerned(event))
        case e.StepEnded():
            step = before.steps.get(event.step_id)
            moved = step is not None and step.verb in MOVING
            return _seen(before, after, [step.instance_id]) if step and moved else before.index
        case e.ProjectAsked() | e.ProjectReplied() | e.ProjectDefaulted():
            return _asked(after, event.notice_id)
        case e.InstanceActionDone():
            return _left(after, event.instance_id)
        case e.StateEntered() | e.SessionContinued() if after.asks is not before.asks:
            return _asks_dropped(after)
        case e.PlanMade():
            return _planned(before.index, event)
    return before.index


def _concerned(event: e.WorldObserved) -> Iterable[str]:
    """Instances of which something was seen to have changed, each once."""
    seen = (i.instance_id for i in event.instances)
    demands = (c.instance_id for c in event.instance_constraints)
    return dict.fromkeys((*seen, *event.gone_instances, *demands, *event.gone_instance_constraints))


def _seen(before: Session, after: Session, instance_ids: Iterable[str]) -> Index:
    """Instances have appeared, gone or changed their place or groups."""
    regrouped: list[Shift] = []
    elsewhere: list[Shift] = []
    for instance_id in instance_ids:
        old, new = before.instances.get(instance_id), after.instances.get(instance_id)
        olds = groups_of(before, old) if old else ()
        news = groups_of(after, new) if new else ()
        if olds != news:
            regrouped.append((instance_id, olds, news))
        if old is None or new is None or new.host != old.host:
            elsewhere.append((instance_id, [old.host] if old else (), ()))
    index = before.index
    return replace(
        index,
        members=shifted(index.members, regrouped),
        asked_on=shifted(index.asked_on, elsewhere),
        departed=_departed(after, index.departed, [i for i, _, _ in elsewhere]),
    )


def _departed(
    session: Session, known: frozenset[str], instance_ids: Iterable[str]
) -> frozenset[str]:
    """Brought up to date for some instances."""
    left = {i for i in instance_ids if has_left(session, i)}
    return known.difference(instance_ids) | left


def has_left(session: Session, instance_id: str) -> bool:
    """It is not any more where it was agreed to leave, and nobody was told."""
    agreed, instance = session.agreed.get(instance_id), session.instances.get(instance_id)
    if agreed is None or agreed.done:
        return False
    return instance is None or instance.host != agreed.from_host


def _asked(session: Session, notice_id: str) -> Index:
    """A notice was sent, or something came of it."""
    index, ask = session.index, session.asks.get(notice_id)
    if ask is None or ask.kind not in LEAVING:
        return index
    ids = ask.instance_ids
    own = {i for i in ids if _acts(session, i)}
    return replace(
        index,
        open_on=shifted(index.open_on, [_open(ask)]),
        leave_asks=put_all(index.leave_asks, dict.fromkeys(ids, notice_id)),
        asked_on=shifted(index.asked_on, _where_asked(session, [ask])),
        departed=_departed(session, index.departed, ids),
        acting=index.acting.difference(ids) | own,
    )


def _open(ask: Ask) -> Shift:
    hosts = frozenset(ask.hosts.values())
    settled = ask.settled and not ask.refused
    return (ask.notice_id, hosts, ()) if settled else (ask.notice_id, (), hosts)


def _acts(session: Session, instance_id: str) -> bool:
    agreed = session.agreed.get(instance_id)
    return agreed is not None and not agreed.done and agreed.action is InstanceAction.OWN_ACTION


def _left(session: Session, instance_id: str) -> Index:
    """It was told that an instance has left."""
    index, agreed = session.index, session.agreed.get(instance_id)
    if agreed is None or agreed.done_at is None:
        return index
    told = replace(
        index, departed=index.departed - {instance_id}, acting=index.acting - {instance_id}
    )
    if agreed.action is not InstanceAction.OWN_ACTION:
        return told
    new = {g: {**index.replaced.get(g, {}), instance_id: agreed.done_at} for g in agreed.groups}
    return replace(told, replaced=put_all(index.replaced, new))


def _where_asked(session: Session, asks: Iterable[Ask]) -> Iterable[Shift]:
    """Instances of asks, as far as they are still where they were asked to leave."""
    for ask in asks:
        for instance_id, host in ask.hosts.items():
            if instance_id in session.on_host.get(host, ()):
                yield instance_id, (), [host]


def _asks_dropped(session: Session) -> Index:
    """Asks are over with their state, but for those that are kept."""
    leaving = [ask for ask in session.asks.values() if ask.kind in LEAVING]
    return replace(
        session.index,
        open_on=shifted({}, map(_open, leaving)),
        leave_asks={i: ask.notice_id for ask in leaving for i in ask.instance_ids},
        asked_on=shifted({}, _where_asked(session, leaving)),
    )


def _planned(index: Index, made: e.PlanMade) -> Index:
    wave = {host: number for number, each in enumerate(made.waves) for host in each.hosts}
    arriving: defaultdict[str, list[e.PlanMove]] = defaultdict(list)
    leaving: defaultdict[str, defaultdict[str, list[str]]] = defaultdict(lambda: defaultdict(list))
    for move in made.moves:
        arriving[move.target].append(move)
        leaving[move.source][move.target].append(move.instance_id)
    return replace(
        index,
        wave=wave,
        planned={(move.instance_id, move.source): move for move in made.moves},
        arriving={target: tuple(moves) for target, moves in arriving.items()},
        leaving={h: {t: tuple(ids) for t, ids in to.items()} for h, to in leaving.items()},
        after={
            h: frozenset(t for t in to if t in wave and wave[t] < wave.get(h, 0))
            for h, to in leaving.items()
        },
    )
