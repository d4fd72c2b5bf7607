"""What is left of a session, in the order in which its workflow will go about it.

A workflow that follows plans has one in the journal, or will have the one that the planner makes now. The others empty
one host after the other. Either way the planner says how far that is from the best possible, and what cannot be done.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from fenix_grpc.core.capacity import easiest_to_empty
from fenix_grpc.core.model import HostKind, InstanceView, SessionState
from fenix_grpc.core.pace import Tempo
from fenix_grpc.core.planner import Plan, PlannedMove
from fenix_grpc.core.rehearsal import Departure, Script, Visit
from fenix_grpc.core.session import Host, Session
from fenix_grpc.workflows.moment import Moment
from fenix_grpc.workflows.planning import best

#: What naming destinations, one host after the other, may cost, in looks at an instance or a host: enough for some
#: hundred hosts. For the hosts after that it is left open.
EFFORT = 300_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Outline:
    """What is left, and what the planner says to it."""

    script: Script
    #: What the planner would do now.
    found: Plan
    #: Hosts that are left over for want of room, as this workflow goes about it.
    stuck: tuple[str, ...] = ()


def outline(session: Session, tempo: Tempo, now: datetime, *, follows_plan: bool) -> Outline:
    """The rest of the session."""
    moment = Moment(session, tempo, now, follows_plan)
    found = best(moment.problem(), frozenset(session.held_hosts))
    return _as_planned(moment, found) if follows_plan else _one_by_one(moment, found)


def _as_planned(moment: Moment, found: Plan) -> Outline:
    """Waves of hosts, as many in hand as allowed."""
    session, policy = moment.session, moment.session.created.policy
    waves, moves = _followed(session, found)
    wave_of = {host: n for n, wave in enumerate(waves) for host in wave}
    order = [host for wave in waves for host in wave]
    hosts = [h for h in moment.to_do() if h.name in wave_of or not session.on_host.get(h.name)]
    leaving = _leaving(moment, moves, hosts)
    script = Script(
        visits=tuple(
            moment.visit(h, wave_of.get(h.name, 0), leaving[h.name], policy.parallel_hosts)
            for h in _in_order(hosts, order)
        ),
        before=moment.before(),
        before_at_once=session.state
        not in (SessionState.MAINTENANCE, SessionState.PREPARE_MAINTENANCE),
        in_all=policy.parallel_moves,
        per_source=policy.moves_per_source,
        per_target=policy.moves_per_target,
        groups=moment.groups,
    )
    return Outline(script=script, found=found)


def _in_order(hosts: Iterable[Host], order: Sequence[str]) -> list[Host]:
    """Those in hand first, then as planned."""
    place = {host: n for n, host in enumerate(order)}
    last = len(place)

    def rank(host: Host) -> tuple[bool, int, str]:
        in_hand = host.disabled or host.progress is not None
        return not in_hand, place.get(host.name, last), host.name

    return sorted(hosts, key=rank)


def _leaving(
    moment: Moment, moves: Iterable[PlannedMove], hosts: Iterable[Host]
) -> Mapping[str, list[Departure]]:
    """Who leaves each host; for whom no move is planned yet, that is decided later."""
    leaving: dict[str, list[Departure]] = defaultdict(list)
    placed: set[tuple[str, str]] = set()
    for instance, source, target in _legs(moment, moves):
        leaving[source].append(moment.departure(instance, source, target))
        placed.add((instance.instance_id, source))
    for host in hosts:
        for instance in moment.session.instances_on(host.name):
            if (instance.instance_id, host.name) not in placed:
                leaving[host.name].append(moment.departure(instance, host.name, ""))
    return leaving


def _followed(
    session: Session, found: Plan
) -> tuple[Sequence[Sequence[str]], Sequence[PlannedMove]]:
    """Waves and moves of the plan in the journal as long as it covers what can be planned; else of the one to come."""
    now = [wave.hosts for wave in found.waves if wave.hosts]
    if session.plan is None:
        return now, found.all_moves()
    if any(host not in session.index.wave for wave in now for host in wave):
        return now, found.all_moves()
    todo = {h.name for h in session.todo(HostKind.COMPUTE)}
    waves = [[h for h in wave.hosts if h in todo] for wave in session.plan.waves]
    moves = [
        PlannedMove(instance_id=m.instance_id, source=m.source, target=m.target)
        for m in session.plan.moves
    ]
    return [wave for wave in waves if wave], moves


def _legs(moment: Moment, moves: Iterable[PlannedMove]) -> Iterable[tuple[InstanceView, str, str]]:
    """Moves under way, then those still to be made, each instance from where it is or will be by then."""
    instances = moment.session.instances
    at = {i.instance_id: i.host for i in instances.values()}
    for instance_id, step in moment.moving.items():
        yield instances[instance_id], step.host, step.target
        at[instance_id] = step.target
    for move in moves:
        if move.instance_id in instances and at[move.instance_id] == move.source:
            yield instances[move.instance_id], move.source, move.target
            at[move.instance_id] = move.target


def _one_by_one(moment: Moment, found: Plan) -> Outline:
    """Empty hosts as many at once as allowed, then one host after the other, each emptied and worked on."""
    session, policy = moment.session, moment.session.created.policy
    to_do = moment.to_do()
    empty = [h for h in to_do if not session.on_host.get(h.name)]
    empty.sort(key=lambda h: (not h.disabled, h.name))
    visits = [moment.visit(h, 0, (), policy.parallel_hosts) for h in empty]
    then = _moved_away(moment, session, {i: s.target for i, s in moment.moving.items()})
    then = replace(_worked_on(then, [h.name for h in empty]), open_steps=frozenset())
    then = _left_out(then, session.held_hosts)
    left, effort = {h.name for h in to_do if session.on_host.get(h.name)}, 0
    while left and effort < EFFORT:
        easiest = easiest_to_empty(then, then.todo(HostKind.COMPUTE))
        if easiest is None or easiest[0] not in left:
            break
        host, packing = easiest
        effort += len(session.instances) + (1 + len(packing.placed)) * len(session.hosts)
        visits.append(_emptied(moment, host, packing.placed, then, len(visits)))
        then = _worked_on(_moved_away(moment, then, packing.placed), [host])
        left.discard(host)
    unsure = sorted(left, key=lambda name: (len(then.on_host.get(name, ())), name))
    if effort >= EFFORT:
        visits += [
            _emptied(moment, name, {}, then, len(visits) + n) for n, name in enumerate(unsure)
        ]
        unsure = []
    script = Script(
        visits=_numbered(visits),
        before=moment.before(),
        before_at_once=session.state is SessionState.START_MAINTENANCE or bool(empty),
        in_all=policy.parallel_moves,
    )
    return Outline(script=script, found=found, stuck=tuple(unsure))


def _emptied(
    moment: Moment, host: str, placed: Mapping[str, str], then: Session, wave: int
) -> Visit:
    """One host that is emptied when everything before it is done."""
    known = moment.session.instances
    under_way = [
        moment.departure(known[i], host, step.target)
        for i, step in moment.moving.items()
        if step.host == host
    ]
    rest = [
        moment.departure(known[i.instance_id], host, placed.get(i.instance_id, ""))
        for i in then.instances_on(host)
    ]
    return moment.visit(moment.session.hosts[host], wave, (*under_way, *rest), 1)


def _numbered(visits: Sequence[Visit]) -> tuple[Visit, ...]:
    """Hosts without instances are the first wave, each of the others is one of its own."""
    found: list[Visit] = []
    for visit in visits:
        alone = bool(visit.departures)
        wave = found[-1].wave + alone if found else 0
        found.append(replace(visit, wave=wave))
    return tuple(found)


def _moved_away(moment: Moment, session: Session, placed: Mapping[str, str]) -> Session:
    """The session after these instances have moved."""
    if not placed:
        return session
    instances, on_host = dict(session.instances), dict(session.on_host)
    for instance_id, target in placed.items():
        old = instances[instance_id]
        instances[instance_id] = replace(old, host=target)
        on_host[old.host] = on_host.get(old.host, frozenset()) - {instance_id}
        on_host[target] = on_host.get(target, frozenset()) | {instance_id}
    return replace(session, instances=instances, on_host=on_host)


def _worked_on(session: Session, names: Iterable[str]) -> Session:
    """The session after the work on these hosts."""
    hosts = dict(session.hosts)
    for name in names:
        host = hosts[name]
        view = replace(host.view, enabled=True)
        hosts[name] = replace(host, view=view, disabled=False, maintained=True)
    return replace(session, hosts=hosts)


def _left_out(session: Session, names: Iterable[str]) -> Session:
    """The session without these hosts to work on."""
    hosts = dict(session.hosts)
    hosts.update({name: replace(hosts[name], selected=False) for name in names if name in hosts})
    return replace(session, hosts=hosts)
