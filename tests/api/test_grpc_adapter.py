"""The gRPC door on a real port: calls, errors with their details, streams that begin and end as they should."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import grpc
import pytest
from google.rpc import error_details_pb2
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection_pb2, reflection_pb2_grpc
from grpc_status import rpc_status

from fenix_grpc.api.grpc_adapter import GrpcDoor
from fenix_grpc.clock import SystemClock
from fenix_grpc.core.errors import InvalidRequest
from fenix_grpc.core.events import HostChanged
from fenix_grpc.core.model import HostProgress
from fenix_grpc.v1 import project_service_pb2, project_service_pb2_grpc
from fenix_grpc.v1 import session_service_pb2 as pb
from fenix_grpc.v1 import session_service_pb2_grpc as pb_grpc
from tests.api.desk import Desk, a_desk
from tests.fuzz import octets

ADMIN = (("caller", "admin"),)
WORK = HostChanged(host="h1", progress=HostProgress.IN_MAINTENANCE)
PATIENCE_S = 30.0


@asynccontextmanager
async def an_open_door(tick_s: float = 0.05) -> AsyncIterator[tuple[Desk, GrpcDoor, Any]]:
    """A desk behind a door, and a channel to it."""
    async with asyncio.timeout(PATIENCE_S), a_desk(clock=SystemClock(), tick_s=tick_s) as desk:
        door = GrpcDoor(desk.api.chain)
        port = await door.start("127.0.0.1:0")
        try:
            async with grpc.aio.insecure_channel(f"127.0.0.1:{port}") as channel:
                yield desk, door, channel
        finally:
            await door.stop(0)


async def send(address: str, data: bytes) -> None:
    """Until the other end closes."""
    reader, writer = await asyncio.open_connection(*address.split(":"))
    writer.write(data)
    await reader.read()
    writer.close()


async def test_a_session_is_created_and_found() -> None:
    async with an_open_door() as (desk, _, channel):
        sessions = pb_grpc.SessionServiceStub(channel)
        request = pb.CreateSessionRequest(maintenance_at=desk.in_s(60))
        created = await sessions.CreateSession(request, metadata=ADMIN)
        listed = await sessions.ListSessions(pb.ListSessionsRequest(), metadata=ADMIN)
        assert list(listed.sessions) == [created.session]


async def test_errors_arrive_with_code_message_and_details() -> None:
    async with an_open_door() as (_, _, channel):
        sessions = pb_grpc.SessionServiceStub(channel)
        with pytest.raises(grpc.aio.AioRpcError) as failure:
            await sessions.CreateSession(pb.CreateSessionRequest(), metadata=ADMIN)
        assert failure.value.code() is grpc.StatusCode.INVALID_ARGUMENT
        assert failure.value.details() == "maintenance_at: must be set"
        status = rpc_status.from_call(failure.value)
        bad = error_details_pb2.BadRequest()
        assert any(detail.Unpack(bad) for detail in status.details)
        assert bad.field_violations[0].field == "maintenance_at"
        with pytest.raises(grpc.aio.AioRpcError) as failure:
            await sessions.GetSession(pb.GetSessionRequest(session_id="s1"))
        assert failure.value.code() is grpc.StatusCode.UNAUTHENTICATED


async def test_a_stream_is_open_before_anything_happens() -> None:
    """Initial metadata come at once; the first message only with the first tick."""
    async with an_open_door(tick_s=3600) as (_, _, channel):
        sessions = pb_grpc.SessionServiceStub(channel)
        watch = sessions.WatchSession(pb.WatchSessionRequest(follow=True), metadata=ADMIN)
        await watch.initial_metadata()
        assert not watch.done()
        watch.cancel()


async def test_events_arrive_and_the_stream_ends_with_the_session() -> None:
    async with an_open_door() as (desk, _, channel):
        sessions = pb_grpc.SessionServiceStub(channel)
        session_id = await desk.create()
        request = pb.WatchSessionRequest(session_id=session_id, follow=True)
        watch = sessions.WatchSession(request, metadata=ADMIN)
        responses = aiter(watch)
        events = list((await anext(responses)).events)
        await desk.record(session_id, WORK)
        await desk.finish(session_id)
        async for response in responses:
            events += response.events
        assert [event.seq for event in events] == [1, 2, 3]
        assert await watch.code() is grpc.StatusCode.OK


async def test_a_bad_watch_is_refused_with_its_details() -> None:
    async with an_open_door() as (_, _, channel):
        sessions = pb_grpc.SessionServiceStub(channel)
        watch = sessions.WatchSession(pb.WatchSessionRequest(after="x"), metadata=ADMIN)
        with pytest.raises(grpc.aio.AioRpcError) as failure:
            await watch.read()
        assert failure.value.code() is grpc.StatusCode.INVALID_ARGUMENT
        status = rpc_status.from_call(failure.value)
        assert [detail.TypeName() for detail in status.details] == [
            "google.rpc.ErrorInfo",
            "google.rpc.BadRequest",
        ]


async def test_a_client_that_goes_away_ends_its_watch() -> None:
    """Its project stops counting as connected; nothing is left behind."""
    async with an_open_door() as (desk, _, channel):
        projects = project_service_pb2_grpc.ProjectServiceStub(channel)
        request = project_service_pb2.WatchProjectRequest(project_id="p1")
        watch = projects.WatchProject(request, metadata=ADMIN)
        await watch.read()
        assert desk.api.listening == {"p1"}
        watch.cancel()
        other = projects.WatchProject(
            project_service_pb2.WatchProjectRequest(project_id="p2"), metadata=ADMIN
        )
        while desk.api.listening != {"p2"}:
            await other.read()


async def test_watches_end_at_once_when_the_server_stops() -> None:
    """Long before the grace that a stop allows."""
    async with asyncio.timeout(PATIENCE_S):
        async with a_desk(clock=SystemClock()) as desk:
            door = GrpcDoor(desk.api.chain)
            port = await door.start("127.0.0.1:0")
            channel = grpc.aio.insecure_channel(f"127.0.0.1:{port}")
            sessions = pb_grpc.SessionServiceStub(channel)
            watch = sessions.WatchSession(pb.WatchSessionRequest(follow=True), metadata=ADMIN)
            await watch.initial_metadata()
        await door.stop(10 * PATIENCE_S)
        assert await watch.code() is grpc.StatusCode.UNAVAILABLE
        details = await watch.details()
        # the desk closes its journal in the same moment
        assert "the server stops" in details or details == "the journal is closed"
        await channel.close()


async def test_a_taken_port_is_refused() -> None:
    async with an_open_door() as (desk, _, _):
        first, second = GrpcDoor(desk.api.chain), GrpcDoor(desk.api.chain)
        port = await first.start("127.0.0.1:0")
        with pytest.raises(InvalidRequest, match=f"cannot listen on 127.0.0.1:{port}"):
            await second.start(f"127.0.0.1:{port}")
        await first.stop(0)
        await second.stop(0)


async def test_a_call_of_what_is_no_name_closes_the_door_for_a_moment_only() -> None:
    """gRPC ends its server for it."""
    async with an_open_door() as (_, door, channel), asyncio.TaskGroup() as tasks:
        await door.serving(True)
        keeping = tasks.create_task(door.keep_open())
        health = health_pb2_grpc.HealthStub(channel)
        watch = health.Watch(health_pb2.HealthCheckRequest())
        assert (await watch.read()).status == health_pb2.HealthCheckResponse.SERVING
        for _ in range(2):
            await send(door.listens, octets.call({b":path": b"/fenix.v1.SessionService/\xff"}))
            with pytest.raises(grpc.aio.AioRpcError) as ended:
                await watch.read()
            assert ended.value.code() is grpc.StatusCode.UNAVAILABLE
            watch = health.Watch(health_pb2.HealthCheckRequest(), wait_for_ready=True, timeout=30)
            assert (await watch.read()).status == health_pb2.HealthCheckResponse.SERVING
        await door.stop(0)
        await keeping


@pytest.mark.parametrize("method", ["Check", "List", "Watch"])
async def test_bytes_that_are_no_question_about_health_are_refused(method: str) -> None:
    async with an_open_door() as (_, _, channel):
        call: Any = channel.unary_stream(f"/grpc.health.v1.Health/{method}")
        with pytest.raises(grpc.aio.AioRpcError, match="request: "):
            [answer async for answer in call(b"\xff")]


async def test_bytes_that_are_no_question_about_the_contract_are_refused() -> None:
    async with an_open_door() as (_, _, channel):
        service = "/grpc.reflection.v1alpha.ServerReflection/"
        call: Any = channel.stream_stream(f"{service}ServerReflectionInfo")
        with pytest.raises(grpc.aio.AioRpcError, match="request: "):
            [answer async for answer in call(iter((b"\xff",)))]


@pytest.mark.parametrize("ready", [True, False])
async def test_health_and_reflection_need_no_name(ready: bool) -> None:
    kinds = health_pb2.HealthCheckResponse
    expected = kinds.SERVING if ready else kinds.NOT_SERVING
    async with an_open_door() as (_, door, channel):
        await door.serving(ready)
        health = health_pb2_grpc.HealthStub(channel)
        for service in ("", "fenix.v1.SessionService", "fenix.v1.ProjectService"):
            checked = await health.Check(health_pb2.HealthCheckRequest(service=service))
            assert checked.status == expected
        listed = await health.List(health_pb2.HealthListRequest())
        assert {found.status for found in listed.statuses.values()} == {expected}
        assert {"", "fenix.v1.SessionService"} <= listed.statuses.keys()
        reflection = reflection_pb2_grpc.ServerReflectionStub(channel)
        asked = reflection_pb2.ServerReflectionRequest(list_services="")
        call = reflection.ServerReflectionInfo(iter([asked]))
        answer = await call.read()
        names = {service.name for service in answer.list_services_response.service}
        assert {"fenix.v1.SessionService", "fenix.v1.ProjectService"} <= names
