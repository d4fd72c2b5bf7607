"""A reader over gRPC that takes nothing is closed, and holds nothing back from those that read."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import grpc

from fenix_grpc.api.grpc_adapter import GrpcDoor
from fenix_grpc.clock import SystemClock
from fenix_grpc.config import Limits
from fenix_grpc.core.events import HostsSelected
from fenix_grpc.measures import Measures
from fenix_grpc.v1 import session_service_pb2 as pb
from fenix_grpc.v1 import session_service_pb2_grpc as pb_grpc
from tests.api.desk import Desk, a_desk

ADMIN = (("caller", "admin"),)
STALLED_S = 2.0
PATIENCE_S = 30.0
#: More than the window of HTTP/2 and whatever sockets hold between two processes.
MANY, LONG = 40, "x" * 200_000


@asynccontextmanager
async def a_door(limits: Limits) -> AsyncIterator[tuple[Desk, Measures, str]]:
    measures, clock = Measures(), SystemClock()
    settings: dict[str, Any] = {"limits": limits, "measures": measures}
    async with asyncio.timeout(PATIENCE_S), a_desk(clock=clock, tick_s=0.05, **settings) as desk:
        door = GrpcDoor(desk.api.chain)
        port = await door.start("127.0.0.1:0")
        try:
            yield desk, measures, f"127.0.0.1:{port}"
        finally:
            await door.stop(0)


def watch(channel: grpc.aio.Channel, session_id: str) -> Any:
    request = pb.WatchSessionRequest(session_id=session_id, follow=True)
    return pb_grpc.SessionServiceStub(channel).WatchSession(request, metadata=ADMIN)


async def test_a_reader_that_takes_nothing_is_closed_and_the_others_hear_everything() -> None:
    async with (
        a_door(Limits(stalled_s=STALLED_S)) as (desk, measures, address),
        # Small enough that the server soon has to wait for the reader.
        grpc.aio.insecure_channel(address, options=[("grpc.http2.bdp_probe", 0)]) as slow,
        grpc.aio.insecure_channel(address) as quick,
    ):
        session_id = await desk.create()
        stalled, read = watch(slow, session_id), watch(quick, session_id)
        token = (await stalled.read()).token
        for number in range(MANY):
            excluded = {f"{number}": LONG}
            await desk.record(session_id, HostsSelected(hosts=(), excluded=excluded))
        heard = 0
        while heard < MANY:
            heard += sum(e.HasField("hosts_selected") for e in (await read.read()).events)
        labels = {"limit": "stalled_s"}
        while not measures.registry.get_sample_value("fenix_limits_hit_total", labels):
            await asyncio.wait_for(read.read(), PATIENCE_S)
        while desk.api.chain.gate.watches > 1:
            await asyncio.wait_for(read.read(), PATIENCE_S)
        rest = await what_is_left(stalled)
        assert await stalled.code() is grpc.StatusCode.RESOURCE_EXHAUSTED
        resumed = pb.WatchSessionRequest(
            session_id=session_id, follow=False, after=rest[-1].token if rest else token
        )
        again = pb_grpc.SessionServiceStub(quick).WatchSession(resumed, metadata=ADMIN)
        events = [e for r in rest for e in r.events] + [e async for r in again for e in r.events]
        assert [event.seq for event in events] == list(range(2, MANY + 2))


async def what_is_left(call: Any) -> list[Any]:
    """What was on its way to a reader when it was closed."""
    read: list[Any] = []
    try:
        while response := await call.read():
            read.append(response)
    except (grpc.aio.AioRpcError, asyncio.CancelledError):
        pass
    return read


async def test_a_request_that_is_too_large_is_refused() -> None:
    async with (
        a_door(Limits(message_bytes=65_536)) as (desk, _, address),
        grpc.aio.insecure_channel(address) as channel,
    ):
        request = pb.CreateSessionRequest(maintenance_at=desk.in_s(60), hosts=["x" * 70_000])
        call = pb_grpc.SessionServiceStub(channel).CreateSession(request, metadata=ADMIN)
        assert await call.code() is grpc.StatusCode.RESOURCE_EXHAUSTED


async def test_metadata_that_is_too_large_is_refused() -> None:
    async with (
        a_door(Limits(metadata_bytes=4096)) as (_, _, address),
        grpc.aio.insecure_channel(address) as channel,
    ):
        long = (*ADMIN, ("x-long", "y" * 5000))
        call = pb_grpc.SessionServiceStub(channel).ListSessions(
            pb.ListSessionsRequest(), metadata=long
        )
        assert await call.code() is grpc.StatusCode.RESOURCE_EXHAUSTED
