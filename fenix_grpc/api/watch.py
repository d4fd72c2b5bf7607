"""WatchSession and WatchProject: the journal, and what it tells a project, from a cursor on.

Promises, by name: *ordered*, *gap-free*, *unique* (within a session, events come by seq, each once), *resumable* (a
token is a position of the journal; a new call with it goes on behind it), *bookmarkable* (an idle stream sends how far
the journal is), *ending* (see the contract). A watch ends with UNAVAILABLE when the server stops.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import aclosing

from fenix_grpc.api.convert import to_message
from fenix_grpc.api.details import Details
from fenix_grpc.api.feed import Feed, Page
from fenix_grpc.api.listeners import Listeners
from fenix_grpc.core.errors import InvalidRequest, NotFound, ShuttingDown, TokenTooOld
from fenix_grpc.core.notices import awaiting
from fenix_grpc.folds import Folds
from fenix_grpc.ports import Caller, Journal, SessionRow
from fenix_grpc.telling import Teller
from fenix_grpc.v1 import project_service_pb2, session_service_pb2, types_pb2
from fenix_grpc.v1.events_pb2 import SessionEvent

SessionRequest = session_service_pb2.WatchSessionRequest
SessionResponse = session_service_pb2.WatchSessionResponse
ProjectRequest = project_service_pb2.WatchProjectRequest
ProjectResponse = project_service_pb2.WatchProjectResponse

_PAGE = 1000


class Watches:
    """The streaming methods of both services."""

    def __init__(
        self, *, journal: Journal, feed: Feed, folds: Folds, details: Details, listeners: Listeners
    ) -> None:
        self._journal = journal
        self._feed = feed
        self._folds = folds
        self._details = details
        self._listeners = listeners

    async def watch_session(
        self, request: SessionRequest, caller: Caller
    ) -> AsyncGenerator[SessionResponse, None]:
        """The journal of one session, or of all."""
        if request.snapshot and request.after:
            raise InvalidRequest("snapshot", "cannot be combined with after")
        if request.session_id and await self._journal.find(request.session_id) is None:
            raise NotFound("session", request.session_id)
        head = await self._journal.head()
        cursor = _cursor(request.after, head)
        if not request.session_id:
            await self._check_kept(request.after)
        if request.snapshot:
            cursor = head
            yield SessionResponse(
                snapshot=await self._snapshot(request.session_id, head), token=str(head)
            )
        follow = self._followed if request.follow else self._so_far
        async with aclosing(follow(request.session_id, cursor)) as responses:
            async for response in responses:
                yield response

    async def watch_project(
        self, request: ProjectRequest, caller: Caller
    ) -> AsyncGenerator[ProjectResponse, None]:
        """What a project is told. The manager counts as listening while the stream lasts."""
        project_id = request.project_id
        async with self._listeners.connected(project_id):
            head = await self._journal.head()
            cursor = _cursor(request.after, head)
            await self._check_kept(request.after)
            if not request.after:
                cursor = head
                yield ProjectResponse(
                    notices=await self._awaiting(project_id, head), token=str(head)
                )
            teller = Teller(self._journal)
            ticks = self._feed.ticks
            while True:
                bell = self._feed.bell(project_id)
                self._check_open(cursor)
                page = await self._feed.notices(cursor, project_id, teller)
                if page.messages or ticks != self._feed.ticks:
                    ticks = self._feed.ticks
                    yield ProjectResponse(notices=page.messages, token=str(page.upto))
                if page.upto == cursor:
                    await bell.wait()
                cursor = page.upto

    async def _so_far(self, session_id: str, cursor: int) -> AsyncGenerator[SessionResponse, None]:
        """All there is when it is asked for."""
        end = await self._journal.head()
        while cursor < end:
            page = await self._feed.events_of_journal(cursor, session_id)
            cursor = page.upto
            if page.messages:
                yield SessionResponse(events=page.messages, token=str(cursor))

    async def _followed(
        self, session_id: str, cursor: int
    ) -> AsyncGenerator[SessionResponse, None]:
        """All there is and will be; of one session until it has ended."""
        ticks = self._feed.ticks
        look, end_seen = bool(session_id), False
        while True:
            bell = self._feed.bell(session_id)
            if look and await self._is_over(session_id, cursor):
                return
            self._check_open(cursor)
            page = await self._feed.events(cursor, session_id)
            look = end_seen = end_seen or (bool(session_id) and _has_an_end(page))
            if page.messages or ticks != self._feed.ticks:
                ticks = self._feed.ticks
                yield SessionResponse(events=page.messages, token=str(page.upto))
            if page.upto == cursor:
                await bell.wait()
            cursor = page.upto

    async def _is_over(self, session_id: str, cursor: int) -> bool:
        """Nothing will follow what is behind the cursor."""
        folded = await self._folds.latest(session_id)
        return folded.session.ended and cursor >= folded.position

    async def _snapshot(self, session_id: str, position: int) -> list[types_pb2.SessionDetail]:
        names = [session_id] if session_id else [row.session_id for row in await self._rows()]
        folded = [await self._folds.upto(name, position) for name in names]
        return [self._details.of(each.session) for each in folded if each]

    async def _awaiting(self, project_id: str, position: int) -> list[types_pb2.ProjectNotice]:
        active = [row.session_id for row in await self._rows() if row.active]
        folded = [await self._folds.upto(name, position) for name in active]
        notices = [n for each in folded if each for n in awaiting(each.session, project_id)]
        return [to_message(notice) for notice in notices]

    async def _rows(self) -> list[SessionRow]:
        """All sessions not deleted."""
        rows: list[SessionRow] = []
        while page := await self._journal.sessions(rows[-1].session_id if rows else "", _PAGE):
            rows += page
        return rows

    async def _check_kept(self, token: str) -> None:
        """Raises TokenTooOld when events past it were purged: what was missed is not to be had any more."""
        if token and int(token) < (oldest := await self._journal.forgotten()):
            raise TokenTooOld(str(oldest))

    def _check_open(self, cursor: int) -> None:
        if self._feed.closing:
            raise ShuttingDown(f"the server stops; go on elsewhere or later after {cursor}")


def _cursor(token: str, head: int) -> int:
    """The position that a token stands for; 0 for none. Raises InvalidRequest."""
    if not token:
        return 0
    if not (token.isascii() and token.isdigit() and len(token) < 19):
        raise InvalidRequest("after", f"{token!r} is not a token of a watch")
    if int(token) > head:
        raise InvalidRequest("after", f"{token} is ahead of this journal: it is another's token")
    return int(token)


def _has_an_end(page: Page[SessionEvent]) -> bool:
    """One of the events may be the last of its session."""
    return any(
        event.HasField("session_closed")
        or event.state_entered.state == types_pb2.SESSION_STATE_MAINTENANCE_DONE
        for event in page.messages
    )
