"""A server that is told to stop while thousands watch: all of them are sent on, what runs is finished, the sessions are
another server's at once, and it is over within seconds."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from time import perf_counter

import grpc
import httpx
import pytest
from fenix_client import CallFailed, Client
from grpc_health.v1 import health_pb2, health_pb2_grpc

from fenix_grpc.v1.session_service_pb2 import (
    CreateSessionRequest,
    GetSessionRequest,
    WatchSessionRequest,
)
from fenix_grpc.v1.types_pb2 import ActionType, SessionState
from tests.e2e.service import until as looked
from tests.processes.crowd import Crowd, GrpcWatchers, HttpWatcher
from tests.processes.servers import ServerProcess
from tests.processes.sessions import create, end_of, until

CLOUD = """
durations = {live_migrate = 0.2, cold_migrate = 0.3}
flavors.m = {vcpus = 2, memory_mb = 4096, disk_gb = 20}
hosts = [{name = "c{n}", count = 3, vcpus = 8, memory_mb = 32768, disk_gb = 200}]
[[projects]]
id = "nobody"
instances = [{name = "n-{n}", count = 6, flavor = "m"}]
"""
MORE = """
[timers]
poll_s = 0.1
[actions.dummy]
kind = "dummy"
"""
GRPC_STREAMS, CONNECTIONS, HTTP_STREAMS = 2_000, 4, 400
#: From SIGTERM to the end of the process.
WITHIN_S = 8.0
#: A lease outlasts every test: who waits for it to run out fails.
LONG_LEASES = MORE + "[engine]\nlease_s = 120.0\n"
DONE = SessionState.SESSION_STATE_MAINTENANCE_DONE


@asynccontextmanager
async def a_server(directory: Path, more: str = MORE, **named: str) -> AsyncIterator[ServerProcess]:
    server = ServerProcess.simulated(directory, CLOUD, more, **named)
    await server.start()
    try:
        yield server
    finally:
        await server.kill()
    assert "Traceback" not in server.log.read_text()


async def watchers(
    server: ServerProcess, crowd: Crowd, kind: str
) -> list[GrpcWatchers] | list[HttpWatcher]:
    """As many as the crowd has; `kind` is `grpc` or what to accept over HTTP."""
    loop = asyncio.get_running_loop()
    if kind == "grpc":
        host, _, port = server.grpc.rpartition(":")
        each = crowd.streams // CONNECTIONS
        return [
            (await loop.create_connection(lambda: GrpcWatchers(crowd, each), host, int(port)))[1]
            for _ in range(CONNECTIONS)
        ]
    host, _, port = server.rest.removeprefix("http://").rpartition(":")
    return [
        (await loop.create_connection(lambda: HttpWatcher(crowd, kind), host, int(port)))[1]
        for _ in range(crowd.streams)
    ]


@pytest.mark.parametrize(
    ("kind", "streams"),
    [
        ("grpc", GRPC_STREAMS),
        ("text/event-stream", HTTP_STREAMS),
        ("application/json", HTTP_STREAMS),
    ],
    ids=["grpc", "events", "lines"],
)
async def test_thousands_of_watches_end_within_seconds(
    tmp_path: Path, kind: str, streams: int
) -> None:
    async with a_server(tmp_path) as server:
        crowd = Crowd(streams)
        watching = await watchers(server, crowd, kind)
        try:
            async with asyncio.timeout(60):
                await crowd.all_told.wait()
            began = perf_counter()
            assert await server.stop() == 0
            took_s = perf_counter() - began
            async with asyncio.timeout(WITHIN_S):
                await crowd.all_ended.wait()
        finally:
            for watcher in watching:
                watcher.close()
    print(f"{streams} watches ({kind}): the process ended {took_s:.2f} s after SIGTERM")
    assert took_s < WITHIN_S
    for watcher in watching:
        if isinstance(watcher, HttpWatcher):
            assert b'"code":14' in watcher.read
            assert b"resume" in watcher.read or b"go on" in watcher.read


async def test_a_watch_over_grpc_is_told_where_to_go_on(tmp_path: Path) -> None:
    async with a_server(tmp_path) as server, server.client() as client:
        watch = client.sessions.WatchSession(WatchSessionRequest(follow=True, snapshot=True))
        token = (await watch.read()).token
        assert await server.stop() == 0
        assert await watch.code() is grpc.StatusCode.UNAVAILABLE
        assert f"after {token}" in await watch.details()


async def test_the_sessions_are_another_servers_at_once(tmp_path: Path) -> None:
    """Both share a database; a lease lasts two minutes, the session is done long before."""
    async with (
        a_server(tmp_path, LONG_LEASES) as first,
        a_server(tmp_path, LONG_LEASES, name="second") as second,
        first.client() as client,
        second.client() as other,
    ):
        session_id = await create(client, a_request(seconds=0.5))
        await until(client, session_id, lambda event: event.HasField("step_started"))
        holders = [await holds(server) for server in (first, second)]
        assert sorted(holders) == [False, True]
        leaving, staying = (first, second) if holders[0] else (second, first)
        began = perf_counter()
        assert await leaving.stop() == 0
        await looked(lambda: holds(staying), bool)
        took_s = perf_counter() - began
        print(f"the session was the other server's {took_s:.2f} s after SIGTERM")
        assert took_s < WITHIN_S
        assert await end_of(client if staying is first else other, session_id) == DONE


@pytest.mark.parametrize("door", ["grpc", "rest"])
async def test_readers_that_take_nothing_do_not_keep_it(tmp_path: Path, door: str) -> None:
    """They have asked for more than all buffers on the way hold, and never read."""
    async with a_server(tmp_path, server="grace_s = 1.0") as server, server.client() as client:
        for _ in range(80):
            request = a_request()
            request.maintenance_at.seconds += 3600
            request.metadata["text"] = "x" * 60_000
            await create(client, request)
        readers = [await a_reader_that_takes_nothing(server, door) for _ in range(20)]
        await looked(lambda: measured(server, "fenix_watches_open"), lambda n: n == 20)
        began = perf_counter()
        assert await server.stop() == 0
        took_s = perf_counter() - began
        for transport in readers:
            transport.close()
    print(f"with readers that take nothing ({door}) it ended {took_s:.2f} s after SIGTERM")
    assert took_s < WITHIN_S


async def a_reader_that_takes_nothing(server: ServerProcess, door: str) -> asyncio.BaseTransport:
    """It asks for everything."""
    crowd = Crowd(1)
    url = server.grpc if door == "grpc" else server.rest.removeprefix("http://")
    host, _, port = url.rpartition(":")
    connection = socket.socket()
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    connection.setblocking(False)
    loop = asyncio.get_running_loop()
    await loop.sock_connect(connection, (host, int(port)))

    def asking() -> GrpcWatchers | HttpWatcher:
        return GrpcWatchers(crowd, 1) if door == "grpc" else HttpWatcher(crowd, "text/event-stream")

    transport, _ = await loop.create_connection(asking, sock=connection)
    transport.pause_reading()
    return transport


async def test_no_call_is_cut_off(tmp_path: Path) -> None:
    """Calls over both doors never cease; each is answered, or refused as UNAVAILABLE before anything was done."""
    async with a_server(tmp_path) as server, server.client() as client:
        session_id = await create(client, a_request())
        enough = asyncio.Semaphore(0)
        async with asyncio.TaskGroup() as tasks:
            callers = [
                *(tasks.create_task(over_grpc(client, session_id, enough)) for _ in range(8)),
                *(tasks.create_task(over_rest(server, session_id, enough)) for _ in range(4)),
            ]
            for _ in range(200):
                await enough.acquire()
            assert await server.stop() == 0
        refusals = {task.result() for task in callers}
        assert refusals <= {"UNAVAILABLE", "503", "ConnectError"}


async def over_grpc(client: Client, session_id: str, answered: asyncio.Semaphore) -> str:
    """Calls until it is refused; returns how."""
    while True:
        try:
            await client.call(client.sessions.GetSession, GetSessionRequest(session_id=session_id))
        except CallFailed as failed:
            return failed.code.name
        answered.release()


async def over_rest(server: ServerProcess, session_id: str, answered: asyncio.Semaphore) -> str:
    """The same, each call over a connection of its own."""
    async with httpx.AsyncClient(base_url=server.rest, trust_env=False) as http:
        while True:
            try:
                got = await http.get(
                    f"/v1/maintenance/{session_id}", headers={"connection": "close"}
                )
            except httpx.ConnectError as refused:
                return type(refused).__name__
            if got.status_code != 200:
                return str(got.status_code)
            answered.release()


async def test_first_it_is_not_ready_and_still_serves(tmp_path: Path) -> None:
    async with (
        a_server(tmp_path, server="notice_s = 2.0") as server,
        server.client() as client,
        httpx.AsyncClient(base_url=server.rest, trust_env=False) as http,
        grpc.aio.insecure_channel(server.grpc) as channel,
    ):
        health = health_pb2_grpc.HealthStub(channel)
        session_id = await create(client, a_request())

        async def ready() -> tuple[int, int]:
            asked = health_pb2.HealthCheckRequest(service="fenix.v1.SessionService")
            return (await http.get("/readyz")).status_code, (await health.Check(asked)).status

        await looked(ready, lambda found: found == (200, health_pb2.HealthCheckResponse.SERVING))
        server.tell_to_stop()
        not_serving = health_pb2.HealthCheckResponse.NOT_SERVING
        await looked(ready, lambda found: found == (503, not_serving))
        assert "told to stop" in (await http.get("/readyz")).text
        got = await client.call(
            client.sessions.GetSession, GetSessionRequest(session_id=session_id)
        )
        assert got.session.session_id == session_id
        assert await server.stop() == 0
        with pytest.raises(CallFailed) as caught:
            await client.call(client.sessions.GetSession, GetSessionRequest(session_id=session_id))
        assert caught.value.code is grpc.StatusCode.UNAVAILABLE


async def test_who_listens_to_its_health_does_not_keep_it(tmp_path: Path) -> None:
    async with (
        a_server(tmp_path, server="grace_s = 60.0") as server,
        grpc.aio.insecure_channel(server.grpc) as channel,
    ):
        listening = health_pb2_grpc.HealthStub(channel).Watch(health_pb2.HealthCheckRequest())
        await listening.read()
        async with asyncio.timeout(WITHIN_S):
            assert await server.stop() == 0


def a_request(seconds: float = 0.0) -> CreateSessionRequest:
    request = CreateSessionRequest()
    request.maintenance_at.GetCurrentTime()
    request.actions.add(plugin="dummy", type=ActionType.ACTION_TYPE_HOST)
    request.actions[0].metadata["seconds"] = seconds
    return request


async def holds(server: ServerProcess) -> bool:
    """It carries a session."""
    return await measured(server, "fenix_leases_held") > 0


async def measured(server: ServerProcess, name: str) -> float:
    """The value of a metric without labels."""
    async with httpx.AsyncClient(base_url=server.rest, trust_env=False) as http:
        text = (await http.get("/metrics")).text
    (line,) = [line for line in text.splitlines() if line.startswith(f"{name} ")]
    return float(line.rpartition(" ")[2])
