"""What administrators and infrastructure services are told, derived from the journal like what projects are told."""

from __future__ import annotations

from dataclasses import dataclass

from fenix_grpc.core import events as e
from fenix_grpc.core.evolve import Entry
from fenix_grpc.core.model import HostProgress, SessionState
from fenix_grpc.core.session import Session


@dataclass(frozen=True, slots=True, kw_only=True)
class HostNotice:
    """What infrastructure services are told of a host (mission: admin events)."""

    session_id: str
    host: str
    state: HostProgress


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionNotice:
    """What administrators are told of a session."""

    session_id: str
    state: SessionState
    percent_done: int


def announcements(
    before: Session | None, entry: Entry, after: Session
) -> tuple[HostNotice | SessionNotice, ...]:
    """What an event tells administrators, given the session around it: the host that it is about, then the session
    whenever it enters a state or gets further."""
    event, told = entry.event, []
    if isinstance(event, e.HostChanged):
        host = HostNotice(session_id=after.session_id, host=event.host, state=event.progress)
        told.append(host)
    got_further = before is None or (before.state, before.percent_done) != (
        after.state,
        after.percent_done,
    )
    if got_further or isinstance(event, e.StateEntered):
        session = SessionNotice(
            session_id=after.session_id, state=after.state, percent_done=after.percent_done
        )
        return (*told, session)
    return tuple(told)
