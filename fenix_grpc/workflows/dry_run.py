"""A session that does not exist: the fold of what its journal would begin with, from one look at the cloud.

Its hosts are settled by its own workflow, so a dry run leaves out what the session would leave out.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime

from fenix_grpc.core.constraints import ConstraintSet
from fenix_grpc.core.decision import Workflow
from fenix_grpc.core.events import Event, HostsSelected, OthersObserved, SessionCreated
from fenix_grpc.core.evolve import evolve
from fenix_grpc.core.model import Inventory
from fenix_grpc.core.observe import observe
from fenix_grpc.core.session import Host, Session
from fenix_grpc.workflows.parts import foreign_reason


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """What a session would see first."""

    seen: Inventory
    #: Projects whose manager listens.
    heard: frozenset[str] = frozenset()
    constraints: ConstraintSet = ConstraintSet()


@dataclass(frozen=True, slots=True, kw_only=True)
class _Entry:
    session_id: str
    seq: int
    at: datetime
    event: Event


def looked(session_id: str, created: SessionCreated, look: Look, now: datetime) -> Session:
    """The session after its first look."""
    session = evolve(None, _Entry(session_id=session_id, seq=1, at=now, event=created))
    seen = observe(session, look.seen, look.heard, looked_after_seq=1, constraints=look.constraints)
    return _after(session, seen, now)


def settled(
    session: Session, others: OthersObserved | None, workflow: Workflow, now: datetime
) -> Session:
    """The session once it knows what others do and its hosts are settled."""
    if others is not None:
        session = _after(session, others, now)
    return _after(session, _selected(session, workflow, now), now)


def _after(session: Session, event: Event, now: datetime) -> Session:
    entry = _Entry(session_id=session.session_id, seq=session.seq + 1, at=now, event=event)
    return evolve(session, entry)


def _selected(session: Session, workflow: Workflow, now: datetime) -> HostsSelected:
    """As the workflow decides; where it would stop, the hosts that it would stop for are left out."""
    wanted = session.created.hosts or tuple(sorted(session.hosts))
    known = tuple(name for name in wanted if name in session.hosts)
    if known:
        asked = replace(session, created=replace(session.created, hosts=known))
        for event in workflow.decide(asked, now).record:
            if isinstance(event, HostsSelected):
                return event
    return HostsSelected(hosts=(), excluded=dict(_unfit(session.hosts[name] for name in known)))


def _unfit(hosts: Iterable[Host]) -> Iterable[tuple[str, str]]:
    for host in hosts:
        if not host.view.enabled:
            yield host.name, foreign_reason(host)
        elif not host.view.up:
            yield host.name, "its service does not report"
