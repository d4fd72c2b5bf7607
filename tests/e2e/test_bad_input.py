"""Whatever clients send, through whichever door: they get a clear error with the right code, nothing is lost, nothing
happens besides, and the work of others goes on."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import grpc
import pytest
import pytest_asyncio
from fenix_client import CallFailed

from fenix_grpc.v1.session_service_pb2 import (
    DeleteSessionRequest,
    ListSessionsRequest,
    UpdateSessionRequest,
    WatchSessionRequest,
)
from fenix_grpc.v1.session_service_pb2_grpc import SessionServiceStub
from fenix_grpc.v1.types_pb2 import SessionState
from tests.e2e.bad_input import FUTURE, Mistake, nested
from tests.e2e.mistakes import MISTAKES
from tests.e2e.office import Office, a_create, an_office
from tests.e2e.service import PATIENCE_S, REST_DOORS, until
from tests.processes.sessions import create, end_of, read

pytestmark = pytest.mark.asyncio(loop_scope="module")

CREATE = "/v1/maintenance"
DONE = SessionState.SESSION_STATE_MAINTENANCE_DONE
FAILED = SessionState.SESSION_STATE_MAINTENANCE_FAILED
BY_REST = pytest.mark.parametrize("door", REST_DOORS)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def office(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Office]:
    async with an_office(tmp_path_factory.mktemp("office")) as opened:
        yield opened


def mistakes(form: str) -> pytest.MarkDecorator:
    """Those that can be made in this form."""
    found = [mistake for mistake in MISTAKES if getattr(mistake, form)]
    return pytest.mark.parametrize("mistake", found, ids=lambda mistake: mistake.name)


@mistakes("grpc")
async def test_grpc_refuses(office: Office, mistake: Mistake) -> None:
    call = mistake.grpc
    assert call is not None
    before = await office.listed()
    method: Any = office.channel.unary_stream(call.method)
    responses = method(office.filled(call.request), metadata=call.metadata, timeout=PATIENCE_S)
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        assert not [response async for response in responses]
    failed = CallFailed.of(caught.value)
    assert failed.code is call.code, failed
    assert mistake.says in failed.message
    assert failed.answered is call.by_fenix
    assert await office.listed() == before


@BY_REST
@mistakes("rest")
async def test_rest_refuses(office: Office, mistake: Mistake, door: str) -> None:
    rest = mistake.rest
    assert rest is not None
    before = await office.listed()
    path = office.filled(rest.path.encode()).decode()
    response = await office.service.http[door].request(
        rest.verb, path, content=office.filled(rest.body), headers=dict(rest.headers)
    )
    assert response.status_code == rest.status, response.text
    said = response.json()
    assert mistake.says in said["message"]
    assert said["error"]
    assert said["status"] == rest.status
    assert await office.listed() == before


async def test_a_request_repeated_through_any_door_creates_one_session(office: Office) -> None:
    before = await office.listed()
    replies = set()
    for door in REST_DOORS * 2:
        body = {"maintenance_at": FUTURE, "request_id": "again"}
        response = await office.service.http[door].post(CREATE, json=body)
        assert response.status_code == 200
        replies.add(response.json()["session_id"])
    replies.add(await create(office.client, a_create(request_id="again")))
    # Whatever it says the second time: it is the same request.
    replies.add(await create(office.client, a_create(request_id="again", hosts=["a1"])))
    (session_id,) = replies
    assert await office.listed() == [*before, session_id]
    await office.delete(session_id)


async def test_a_request_id_belongs_to_its_method(office: Office) -> None:
    client = office.client
    session_id = await create(client, a_create(request_id="mine"))
    update = UpdateSessionRequest(session_id=session_id, request_id="mine")
    with pytest.raises(CallFailed, match="only a failed one is continued"):
        await client.call(client.sessions.UpdateSession, update)
    request = DeleteSessionRequest(session_id=session_id, request_id="mine")
    await client.call(client.sessions.DeleteSession, request)
    await client.call(client.sessions.DeleteSession, request)
    assert session_id not in await office.listed()


@BY_REST
@pytest.mark.parametrize(
    "hosts",
    [
        [f"nowhere-{n}" for n in range(2000)],
        ["\N{SNOWMAN}", "\N{CYRILLIC SMALL LETTER HA}"],
        ["' OR 1=1 --", "${x}", "%s"],
    ],
    ids=["2000", "unicode", "quotes"],
)
async def test_hosts_that_nobody_knows_fail_the_session_at_once_and_are_named(
    office: Office, door: str, hosts: list[str]
) -> None:
    http = office.service.http[door]
    created = await http.post(CREATE, json={"maintenance_at": FUTURE, "hosts": hosts})
    session_id = created.json()["session_id"]
    failed = await until(lambda: office.session(session_id), lambda found: found.state == FAILED)
    assert failed.reason.startswith(f"hosts that the cloud does not know: {hosts[0]}, {hosts[1]}")
    assert len(failed.reason) < 500
    detail = await http.get(f"{CREATE}/{session_id}/detail")
    assert detail.json()["reason"] == failed.reason
    await office.delete(session_id)


async def test_whoever_may_create_a_session_cannot_make_it_unreadable_for_others(
    office: Office,
) -> None:
    """The longest names and the deepest metadata fit into every message that tells of them, as any client takes it."""
    request = a_create(hosts=[f"{n:05}".ljust(255, "x") for n in range(10_000)])
    request.metadata.update({**nested(16), "b": "x" * 65_000})
    session_id = await create(office.client, request)
    assert await end_of(office.client, session_id) == FAILED

    sessions = SessionServiceStub(office.channel)
    watch = WatchSessionRequest(session_id=session_id, snapshot=True)
    assert [len(response.snapshot) async for response in sessions.WatchSession(watch)] == [1]
    watch = WatchSessionRequest(session_id=session_id)
    seen = [event.seq async for each in sessions.WatchSession(watch) for event in each.events]
    assert seen == list(range(1, len(seen) + 1))
    listed = await sessions.ListSessions(ListSessionsRequest())
    assert session_id in {session.session_id for session in listed.sessions}
    for door in REST_DOORS:
        for path in ("", f"/{session_id}", f"/{session_id}/detail", ":watch?follow=false"):
            assert (await office.service.http[door].get(CREATE + path)).status_code == 200
    await office.delete(session_id)


async def test_meanwhile_the_work_went_on_to_its_end(office: Office) -> None:
    assert await end_of(office.client, office.working) == DONE
    journal = await read(office.client, office.working)
    assert [event.seq for event in journal] == list(range(1, len(journal) + 1))
    waiting = await office.session(office.waiting)
    assert waiting.state == SessionState.SESSION_STATE_MAINTENANCE
    assert await office.listed() == [office.waiting, office.working]


async def test_nothing_of_it_was_a_defect(office: Office) -> None:
    assert office.service.defects() == []
