"""Facts from outside: checked against the session as it is now and appended, each request once.

When somebody else appends first, what came is read and the fact is checked again.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from hashlib import sha256
from typing import Any, Generic, TypeVar

from google.protobuf import json_format
from google.protobuf.message import Message

from fenix_grpc.core.errors import Conflict
from fenix_grpc.core.events import Event
from fenix_grpc.core.evolve import evolve
from fenix_grpc.core.session import Session
from fenix_grpc.folds import Folds
from fenix_grpc.ports import Caller, Clock, Journal, Once, Recorded

M = TypeVar("M", bound=Message)

#: Tries against others who append to the same session; each of them made progress.
_TRIES = 100
#: Fields that name what a call changes.
_TARGETS = ("session_id", "project_id", "instance_id", "group_id")


@dataclass(frozen=True, slots=True, kw_only=True)
class Call(Generic[M]):
    """A call that changes something."""

    request: Any
    caller: Caller
    response: type[M]

    @property
    def key(self) -> str:
        """The same for every repetition by the same caller; empty when the request has no request_id."""
        request = self.request
        if not request.request_id:
            return ""
        # Callers without names of their own must not take each other's replies: what is changed counts, too.
        target = [getattr(request, name, "") for name in _TARGETS]
        # Nor must a person who speaks for several projects take those of another one.
        caller = "/".join(filter(None, (self.caller.name, self.caller.project_id)))
        parts = (caller, self.response.__name__, *target, request.request_id)
        return sha256("\0".join(parts).encode()).hexdigest()


@dataclass(frozen=True, slots=True, kw_only=True)
class Change(Generic[M]):
    """What a call amounts to."""

    #: To be appended; None when the call changes nothing.
    event: Event | None
    #: The response, from the session as it is then.
    respond: Callable[[Session], M]
    #: Marks of the session's row; see `Journal.append`.
    active: bool | None = None
    deleted: bool | None = None


class Changes:
    """Changes sessions on behalf of calls."""

    def __init__(self, journal: Journal, folds: Folds, clock: Clock) -> None:
        self._journal = journal
        self._folds = folds
        self._clock = clock

    async def repeated(self, call: Call[M]) -> M | None:
        """The response that the same request got before; None for a new one."""
        reply = await self._journal.replied(call.key) if call.key else None
        return None if reply is None else json_format.Parse(reply, call.response())

    async def apply(
        self, call: Call[M], session_id: str, check: Callable[[Session], Change[M]]
    ) -> M:
        """Appends what `check` makes of the session. Raises NotFound and whatever `check` raises."""
        repeated = await self.repeated(call)
        if repeated is not None:
            return repeated
        for _ in range(_TRIES):
            session = (await self._folds.latest(session_id)).session
            change = check(session)
            if change.event is None:
                return change.respond(session)
            try:
                return await self.append(call, session_id, session, change.event, change)
            except Conflict:
                continue
        raise Conflict(f"session {session_id} changes too often at the moment: try again")

    async def append(
        self,
        call: Call[M],
        session_id: str,
        session: Session | None,
        event: Event,
        change: Change[M],
    ) -> M:
        """Appends an event to what was checked (None: a new session). Raises Conflict when that has changed."""
        seq = session.seq if session else 0
        at = self._clock.now()
        entry = Recorded(session_id=session_id, seq=seq + 1, position=0, at=at, event=event)
        response = change.respond(evolve(session, entry))
        reply = json_format.MessageToJson(response, indent=None)
        appended = await self._journal.append(
            session_id,
            [event],
            at=at,
            expected_seq=seq,
            active=change.active,
            deleted=change.deleted,
            once=Once(key=call.key, reply=reply) if call.key else None,
        )
        if appended.repeated is not None:
            return json_format.Parse(appended.repeated, call.response())
        return response
