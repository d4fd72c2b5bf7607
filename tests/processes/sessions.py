"""What administrators do with sessions, patiently: through breaks and restarts of the server."""

from __future__ import annotations

from collections.abc import Callable

from fenix_client import Backoff, Client, patiently, watch_session

from fenix_grpc.v1.events_pb2 import SessionEvent
from fenix_grpc.v1.session_service_pb2 import CreateSessionRequest, GetSessionRequest
from fenix_grpc.v1.types_pb2 import Session, SessionState

PATIENT = Backoff(first_s=0.05, most_s=0.2, attempts=1000)
ENDS = {SessionState.SESSION_STATE_MAINTENANCE_DONE, SessionState.SESSION_STATE_MAINTENANCE_FAILED}


async def create(client: Client, request: CreateSessionRequest) -> str:
    """The id of the new session."""
    created = await patiently(lambda: client.call(client.sessions.CreateSession, request), PATIENT)
    return created.session.session_id


async def get(client: Client, session_id: str) -> Session:
    request = GetSessionRequest(session_id=session_id)
    got = await patiently(lambda: client.call(client.sessions.GetSession, request), PATIENT)
    return got.session


async def state_of(client: Client, session_id: str) -> SessionState:
    return (await get(client, session_id)).state


async def end_of(client: Client, session_id: str) -> SessionState:
    """The state in which the session comes to rest."""
    async for _ in watch_session(client, session_id, backoff=PATIENT):
        session = await get(client, session_id)
        if session.state in ENDS:
            # for whoever reads of a failed test
            print(f"session {session_id}: {session.reason or 'done'}")
            return session.state
    return await state_of(client, session_id)


async def until(
    client: Client, session_id: str, holds: Callable[[SessionEvent], bool]
) -> SessionEvent:
    """The first new event for which `holds` is true, as soon as it is there."""
    head = len(await read(client, session_id))
    async for response in watch_session(client, session_id, backoff=PATIENT):
        for event in response.events:
            if event.seq > head and holds(event):
                return event
    raise AssertionError("the session ended first")


async def read(client: Client, session_id: str) -> list[SessionEvent]:
    """The journal so far."""
    watch = watch_session(client, session_id, follow=False, backoff=PATIENT)
    return [event async for response in watch for event in response.events]
