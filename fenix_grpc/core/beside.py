"""What sessions that run at the same time mean to each other: a host belongs to one of them, and the budget of a group
is one for all.

Each session reads the others' journals and takes what concerns it into its own, as it does with the cloud; so its
decisions depend on its own journal alone.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from fenix_grpc.core.capacity import groups_of
from fenix_grpc.core.events import (
    Event,
    HostChanged,
    OthersObserved,
    ProjectAsked,
    StateEntered,
    StepStarted,
)
from fenix_grpc.core.model import (
    MOVING,
    HeldHost,
    HostKind,
    HostProgress,
    Impact,
    InstanceAction,
    SessionState,
)
from fenix_grpc.core.reindex import LEAVING
from fenix_grpc.core.session import Session
from fenix_grpc.core.situation import Situation


@dataclass(frozen=True, slots=True, kw_only=True)
class Beside:
    """What the other sessions do, as far as it concerns one session."""

    hosts: Mapping[str, HeldHost] = field(default_factory=dict)
    impacts: Mapping[str, Impact] = field(default_factory=dict)


def beside(session: Session, others: Iterable[Session], now: datetime) -> Beside:
    """What `others` mean to `session`. Where two disturbed one instance, the later counts."""
    hosts: dict[str, HeldHost] = {}
    impacts: dict[str, Impact] = {}
    for other in others:
        hosts.update({held.host: held for held in _held(other)})
        for impact in _impacts(other, session, now):
            known = impacts.get(impact.instance_id)
            if known is None or (known.ended_at and _later(impact, known.ended_at)):
                impacts[impact.instance_id] = impact
    return Beside(hosts=hosts, impacts=impacts)


def difference(session: Session, now: Beside) -> OthersObserved | None:
    """What of it is news to the session; None when nothing is."""
    held, impacts = session.held_hosts, session.impacts
    free = (HeldHost(host=host) for host in sorted(held.keys() - now.hosts.keys()))
    found = OthersObserved(
        held_hosts=(
            *(each for _, each in sorted(now.hosts.items()) if held.get(each.host) != each),
            *free,
        ),
        impacts=tuple(
            each for _, each in sorted(now.impacts.items()) if impacts.get(each.instance_id) != each
        ),
        gone_impacts=tuple(sorted(impacts.keys() - now.impacts.keys())),
    )
    return found if found != OthersObserved() else None


def concerns_others(session: Session, events: Iterable[Event]) -> bool:
    """One of the events takes something that other sessions may want as well: it must not happen before what they did
    last is known here."""
    return any(_takes(session, event) for event in events)


def _takes(session: Session, event: Event) -> bool:
    match event:
        case StateEntered(state=state):
            return not session.started and state is not SessionState.MAINTENANCE_FAILED
        case HostChanged(progress=HostProgress.IN_MAINTENANCE, host=name):
            host = session.hosts.get(name)
            return host is not None and host.view.kind is HostKind.CONTROLLER
        case StepStarted(verb=verb, instance_id=instance_id) if verb in MOVING:
            return _has_budget(session, instance_id)
        case ProjectAsked(kind=kind, instance_ids=instance_ids) if kind in LEAVING:
            return any(_has_budget(session, i) for i in instance_ids)
    return False


def _has_budget(session: Session, instance_id: str) -> bool:
    instance = session.instances.get(instance_id)
    if instance is None:
        return False
    return any(group in session.group_constraints for group in groups_of(session, instance))


def _later(impact: Impact, ended_at: datetime) -> bool:
    return impact.ended_at is None or impact.ended_at > ended_at


def _held(session: Session) -> Iterator[HeldHost]:
    """The hosts of a session from the beginning of its work: until they are done, and whatever it keeps out of service.
    One that has failed keeps them until it is continued and done, or deleted."""
    if session.ended:
        return
    works = session.started and not session.deleted
    for name, host in session.hosts.items():
        if host.gone:
            continue
        if host.disabled or ((host.todo or host.set_aside) and works):
            in_work = host.progress is HostProgress.IN_MAINTENANCE
            yield HeldHost(host=name, session_id=session.session_id, in_work=in_work)


def _impacts(other: Session, session: Session, now: datetime) -> Iterator[Impact]:
    """Instances that `other` disturbs, or disturbed so lately that they may still recover, in groups with a budget."""
    demands = session.group_constraints
    if not demands:
        return
    for instance_id, (groups, ended_at) in _disturbed(other, now).items():
        concerned = [demands[g].recovery_time for g in groups if g in demands]
        if not concerned:
            continue
        if ended_at is None or now < ended_at + timedelta(seconds=max(concerned)):
            yield Impact(
                instance_id=instance_id,
                session_id=other.session_id,
                groups=groups,
                ended_at=ended_at,
            )


def _disturbed(
    other: Session, now: datetime
) -> Mapping[str, tuple[tuple[str, ...], datetime | None]]:
    """Instance to its groups and the time at which the disturbance ended, None while it goes on."""
    situation = Situation(other, now)
    found: dict[str, tuple[tuple[str, ...], datetime | None]] = {}
    for instance_id, at in other.moved.items():
        known = other.instances.get(instance_id)
        if known is not None:
            found[instance_id] = groups_of(other, known), at
    for instance_id, agreed in other.agreed.items():
        if agreed.action is InstanceAction.OWN_ACTION and agreed.done_at is not None:
            found[instance_id] = agreed.groups, agreed.done_at
    told = {i for ask in other.asks.values() if ask.kind in LEAVING for i in ask.instance_ids}
    for instance_id in told.union(other.agreed, situation.moving):
        known = other.instances.get(instance_id)
        if known is not None and (instance_id in situation.moving or situation.replacing(known)):
            found[instance_id] = groups_of(other, known), None
    return found
