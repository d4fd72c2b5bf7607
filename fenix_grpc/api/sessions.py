"""What administrators call: create, list, look at, continue and delete sessions."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import lru_cache
from uuid import uuid4

from fenix_grpc.api.changes import Call, Change, Changes
from fenix_grpc.api.convert import from_number
from fenix_grpc.api.creation import Creation, window_end
from fenix_grpc.api.details import Details
from fenix_grpc.api.views import session_view
from fenix_grpc.core.errors import InvalidRequest, NotFound, TooMany
from fenix_grpc.core.events import SessionCreated
from fenix_grpc.core.model import SessionState
from fenix_grpc.core.negotiate import NoEffect, check_continue, check_delete
from fenix_grpc.core.session import Session
from fenix_grpc.folds import Folded, Folds
from fenix_grpc.ports import Caller, Clock, Cursors, Journal
from fenix_grpc.v1 import session_service_pb2 as pb

_PAGE = 100
_LARGEST_PAGE = 1000
_SEEN = 256


class Sessions:
    """The unary methods of SessionService."""

    def __init__(
        self,
        *,
        journal: Journal,
        folds: Folds,
        changes: Changes,
        clock: Clock,
        creation: Creation,
        details: Details,
        max_sessions: int,
        cursors: Cursors | None = None,
        warn: Callable[[SessionCreated], Sequence[str]] = lambda _: (),
    ) -> None:
        """`warn` says what of a new session will not work as it may be meant."""
        self._journal = journal
        self._folds = folds
        self._changes = changes
        self._clock = clock
        self._creation = creation
        self._details = details
        self._max_sessions = max_sessions
        self._cursors = cursors
        self._warn = warn
        self._creating = asyncio.Lock()
        #: What is asked most often is made once for each state of a session.
        self._seen = lru_cache(_SEEN)(_response)

    async def create_session(
        self, request: pb.CreateSessionRequest, caller: Caller
    ) -> pb.CreateSessionResponse:
        """Appends SessionCreated; an engine finds it."""
        call = Call(request=request, caller=caller, response=pb.CreateSessionResponse)
        async with self._creating:
            repeated = await self._changes.repeated(call)
            if repeated is not None:
                return repeated
            event = self._creation.created(request, by=caller.name, now=self._clock.now())
            await self._check_room()
            change = Change(
                event=event,
                respond=lambda session: pb.CreateSessionResponse(
                    session=session_view(session), warnings=self._warn(event)
                ),
                active=True,
            )
            return await self._changes.append(call, str(uuid4()), None, event, change)

    async def list_sessions(
        self, request: pb.ListSessionsRequest, caller: Caller
    ) -> pb.ListSessionsResponse:
        """A page of sessions; its token is the id of its last one."""
        if request.page_size < 0:
            raise InvalidRequest("page_size", "must not be negative")
        size = min(request.page_size or _PAGE, _LARGEST_PAGE)
        if request.page_token and await self._journal.find(request.page_token) is None:
            raise InvalidRequest("page_token", "is not one that ListSessions gave")
        rows = await self._journal.sessions(request.page_token, size + 1)
        folded = [await self._folds.listed(row) for row in rows[:size]]
        return pb.ListSessionsResponse(
            sessions=[session_view(each.session) for each in folded],
            next_page_token=rows[size - 1].session_id if len(rows) > size else "",
        )

    async def get_session(
        self, request: pb.GetSessionRequest, caller: Caller
    ) -> pb.GetSessionResponse:
        """Where a session is."""
        return self._seen(await self._folds.latest(request.session_id))

    async def get_session_detail(
        self, request: pb.GetSessionDetailRequest, caller: Caller
    ) -> pb.GetSessionDetailResponse:
        """Everything known of a session."""
        session = await self._session(request.session_id)
        undelivered = await self._cursors.undelivered(session.session_id) if self._cursors else ()
        return pb.GetSessionDetailResponse(detail=self._details.of(session, undelivered))

    async def update_session(
        self, request: pb.UpdateSessionRequest, caller: Caller
    ) -> pb.UpdateSessionResponse:
        """Appends SessionContinued; an engine goes on."""
        state = from_number(SessionState, request.state, "state")
        end = window_end(request, "window_end", self._clock.now())

        def check(session: Session) -> Change[pb.UpdateSessionResponse]:
            states = self._details.states(visible(session))
            return Change(
                event=replace(check_continue(session, state, states, caller.name), window_end=end),
                respond=lambda after: pb.UpdateSessionResponse(session=session_view(after)),
                active=True,
            )

        call = Call(request=request, caller=caller, response=pb.UpdateSessionResponse)
        return await self._changes.apply(call, request.session_id, check)

    async def delete_session(
        self, request: pb.DeleteSessionRequest, caller: Caller
    ) -> pb.DeleteSessionResponse:
        """Appends SessionDeleted; an engine gives back what the session owes and closes it."""

        def check(session: Session) -> Change[pb.DeleteSessionResponse]:
            outcome = check_delete(visible(session), caller.name)
            return Change(
                event=None if isinstance(outcome, NoEffect) else outcome,
                respond=lambda _: pb.DeleteSessionResponse(),
                active=True,
                deleted=True,
            )

        call = Call(request=request, caller=caller, response=pb.DeleteSessionResponse)
        return await self._changes.apply(call, request.session_id, check)

    async def _session(self, session_id: str) -> Session:
        return visible((await self._folds.latest(session_id)).session)

    async def _check_room(self) -> None:
        """Sessions that have ended, or wait for an operator after a failure, do not count."""
        active, after = 0, ""
        while rows := await self._journal.sessions(after, _LARGEST_PAGE):
            active += sum(row.active for row in rows)
            after = rows[-1].session_id
        if active >= self._max_sessions:
            raise TooMany(
                f"{active} sessions are active, and no more than {self._max_sessions} may be",
                quota="server.max_sessions",
            )


def _response(folded: Folded) -> pb.GetSessionResponse:
    return pb.GetSessionResponse(session=session_view(visible(folded.session)))


def visible(session: Session) -> Session:
    """A deleted session can be seen until everything it owed is given back."""
    if session.closed:
        raise NotFound("session", session.session_id)
    return session
