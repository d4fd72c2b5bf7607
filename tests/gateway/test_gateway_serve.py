"""The whole way: an HTTP client, uvicorn, the gateway, a gRPC channel, a gRPC server. Real sockets on loopback."""

from __future__ import annotations

import asyncio
import signal
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import grpc
import httpx
import pytest

from fenix_grpc.v1 import session_service_pb2 as session_pb
from gateway import Backend, ChannelBackend, create_app, serve
from gateway.asgi import Answer, Limits
from gateway.connection import names_in
from tests.gateway.memory import PROJECT, MemoryBackend, grpc_server


@asynccontextmanager
async def _served(backend: Backend, limits: Limits | None = None) -> AsyncIterator[str]:
    """A gateway on a free port; yields its URL. Stopped gracefully at the end."""
    app = create_app(backend, limits=limits)
    stop = asyncio.Event()
    port: asyncio.Future[int] = asyncio.get_running_loop().create_future()
    async with asyncio.timeout(20), asyncio.TaskGroup() as tasks:
        tasks.create_task(
            serve(app, "127.0.0.1", 0, stop=stop, on_ready=port.set_result, grace_s=10)
        )
        try:
            yield f"http://127.0.0.1:{await port}"
        finally:
            stop.set()


async def test_whole_session_over_real_sockets(door: Backend) -> None:
    async with _served(door) as url, httpx.AsyncClient(base_url=url) as client:
        body = {
            "maintenance_at": "2018-02-28 06:06:03",
            "hosts": [f"host-{i}" for i in range(2000)],
        }
        created = await client.post("/v1/maintenance/", json=body)
        assert created.status_code == 200
        session_id = created.json()["session_id"]
        assert (await client.get("/v1/maintenance")).json()["sessions"] == [session_id]
        path = f"/v1/maintenance/{session_id}"
        assert (await client.get(path)).json()["state"] == "MAINTENANCE"
        reply = {"state": "ACK_MAINTENANCE"}
        assert (await client.put(f"{path}/{PROJECT}", json=reply)).json() == reply
        assert (await client.head(path)).headers["content-type"] == "application/json"
        assert (await client.delete(path)).json() == {}
        assert (await client.get(path)).json()["error"] == "Invalid session"
        assert (await client.patch(path)).status_code == 405


async def test_status_without_a_registered_phrase_goes_out(memory: MemoryBackend) -> None:
    memory.limit = 0
    async with _served(memory) as url, httpx.AsyncClient(base_url=url) as client:
        body = {"maintenance_at": "2018-02-28 06:06:03"}
        response = await client.post("/v1/maintenance", json=body)
        assert (response.status_code, response.json()["error"]) == (509, "Too many sessions")


async def test_client_that_disconnects_ends_the_call_in_the_server(
    door: Backend, memory: MemoryBackend
) -> None:
    async with _served(door) as url, httpx.AsyncClient(base_url=url) as client:
        async with client.stream("GET", "/v1/maintenance:watch") as response:
            assert response.status_code == 200
            await memory.until_watchers(1)
            await memory.say(session_pb.WatchSessionResponse(token="t"))
            assert "token" in await anext(response.aiter_lines())
        await memory.until_watchers(0)


async def test_stopping_ends_streams_with_a_word(memory: MemoryBackend) -> None:
    lines = []
    async with httpx.AsyncClient() as client:
        async with _served(memory) as url:
            stream = client.stream("GET", f"{url}/v1/maintenance:watch")
            response = await stream.__aenter__()
            await memory.until_watchers(1)
        lines = [line async for line in response.aiter_lines()]
        await stream.__aexit__(None, None, None)
    assert "resume from the last token" in lines[-1]
    assert memory.watchers == 0


async def test_stopping_answers_what_was_on_its_way(memory: MemoryBackend) -> None:
    """One connection is new, one has been answered before; a third asks for nothing and is closed all the same."""
    asked = b"GET /healthz HTTP/1.1\r\nhost: x\r\n\r\n"
    async with _served(memory, Limits(last_request_s=2.0)) as url:
        host, _, port = url.removeprefix("http://").partition(":")
        opened = [await asyncio.open_connection(host, int(port)) for _ in range(3)]
        (_, new), (before, kept), _ = opened
        kept.write(asked)
        assert b"200" in await before.readline()
        await before.readuntil(b"ok")
        asyncio.get_running_loop().call_later(0.3, lambda: [new.write(asked), kept.write(asked)])
    read = [await reader.read() for reader, _ in opened]
    assert [b"200 OK" in each and b"connection: close" in each for each in read] == [1, 1, 0]
    for _, writer in opened:
        writer.close()


@pytest.mark.parametrize(
    "head",
    [
        b"GET /healthz HTTP/1.1\r\nx-long: " + b"y" * 9000 + b"\r\n\r\n",
        b"GET /healthz HTTP/1.1\r\nx-endless: " + b"y" * 9000,
        b"GET /" + b"y" * 9000,
    ],
    ids=["header", "endless header", "endless path"],
)
async def test_a_head_that_is_too_long_is_refused_before_it_ends(
    memory: MemoryBackend, head: bytes
) -> None:
    async with _served(memory, Limits(head_bytes=8192)) as url:
        host, _, port = url.removeprefix("http://").partition(":")
        reader, writer = await asyncio.open_connection(host, int(port))
        writer.write(head)
        assert (await reader.readline()).startswith(b"HTTP/1.1 431 ")
        assert (await reader.read()).endswith(b"connection: close\r\n\r\n")
        writer.close()
        async with httpx.AsyncClient(base_url=url) as client:
            fits = {"x-long": "y" * 4000}
            assert (await client.get("/healthz", headers=fits)).status_code == 200


async def test_a_client_that_takes_nothing_is_disconnected(memory: MemoryBackend) -> None:
    async with _served(memory, Limits(stalled_s=0.2)) as url:
        host, _, port = url.removeprefix("http://").partition(":")
        reader, writer = await asyncio.open_connection(host, int(port), limit=1024)
        writer.write(b"GET /v1/maintenance:watch HTTP/1.1\r\nhost: x\r\n\r\n")
        await memory.until_watchers(1)
        for _ in range(40):
            await memory.say(session_pb.WatchSessionResponse(token="t" * 500_000))
        await memory.until_watchers(0)
        with pytest.raises((ConnectionResetError, asyncio.IncompleteReadError)):
            await reader.readexactly(40 * 500_000)
        writer.close()


async def test_pages_of_whoever_runs_it_are_there(memory: MemoryBackend) -> None:
    app = create_app(memory, pages={"/readyz": lambda: Answer(status=503, body=b"{}")})
    transport = httpx.ASGITransport(app=app)
    async with httpx.AsyncClient(transport=transport, base_url="http://x") as client:
        assert (await client.get("/readyz")).status_code == 503
        assert (await client.post("/readyz")).status_code == 405
        assert (await client.get("/metrics")).status_code == 404


async def test_any_other_asgi_server_may_run_it(memory: MemoryBackend) -> None:
    app = create_app(memory)
    events = iter(["lifespan.startup", "lifespan.shutdown"])
    sent: list[Any] = []

    async def receive() -> Any:
        return {"type": next(events)}

    async def send(event: Any) -> None:
        sent.append(event["type"])

    await app({"type": "lifespan"}, receive, send)
    assert sent == ["lifespan.startup.complete", "lifespan.shutdown.complete"]
    with pytest.raises(RuntimeError, match="websocket"):
        await app({"type": "websocket"}, receive, send)


async def test_address_in_use_is_an_error_of_the_caller(memory: MemoryBackend) -> None:
    app, stop = create_app(memory), asyncio.Event()
    with socket.create_server(("127.0.0.1", 0)) as taken, pytest.raises(OSError, match="in use"):
        await serve(app, "127.0.0.1", taken.getsockname()[1], stop=stop)


async def test_cancelling_frees_the_address(memory: MemoryBackend) -> None:
    ready: asyncio.Future[int] = asyncio.get_running_loop().create_future()
    async with asyncio.TaskGroup() as tasks:
        serving = tasks.create_task(
            serve(
                create_app(memory), "127.0.0.1", 0, stop=asyncio.Event(), on_ready=ready.set_result
            )
        )
        port = await ready
        async with httpx.AsyncClient() as client:
            assert (await client.get(f"http://127.0.0.1:{port}/healthz")).status_code == 200
        serving.cancel()
    with socket.create_server(("127.0.0.1", port)):
        pass


async def test_signals_stay_with_the_process(memory: MemoryBackend) -> None:
    before = signal.getsignal(signal.SIGTERM)
    async with _served(memory) as url, httpx.AsyncClient(base_url=url) as client:
        assert (await client.get("/healthz")).status_code == 200
        assert signal.getsignal(signal.SIGTERM) is before


async def test_server_that_is_not_there_is_503() -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        target = f"127.0.0.1:{unused.getsockname()[1]}"
        async with (
            grpc.aio.insecure_channel(target) as channel,
            _served(ChannelBackend(channel)) as url,
            httpx.AsyncClient(base_url=url) as client,
        ):
            response = await client.get("/v1/maintenance")
            assert response.status_code == 503
            assert "retry-after" in response.headers


async def test_exception_in_a_server_is_an_incident_without_its_text(memory: MemoryBackend) -> None:
    memory.failures["/fenix.v1.SessionService/ListSessions"] = KeyError("secret")
    server, port = await grpc_server(memory)
    async with (
        grpc.aio.insecure_channel(f"127.0.0.1:{port}") as channel,
        _served(ChannelBackend(channel)) as url,
        httpx.AsyncClient(base_url=url) as client,
    ):
        response = await client.get("/v1/maintenance")
        assert response.status_code == 500
        assert "secret" not in response.text
    await server.stop(grace=None)


def test_names_of_a_certificate_are_texts_that_metadata_can_carry() -> None:
    certificate = {
        "subject": ((("organizationName", "Example"),), (("commonName", "ops"),)),
        "subjectAltName": (
            ("DNS", "ops.example"),
            ("URI", "spiffe://example/ops"),
            ("IP Address", "192.0.2.7"),
            ("DirName", ((("commonName", "dir"),),)),
            ("DNS", "ops"),
            ("DNS", "n\u00e4me"),
            ("DNS", ""),
        ),
    }
    names = ["ops.example", "spiffe://example/ops", "192.0.2.7", "ops"]
    assert names_in(certificate) == names
    assert names_in({}) == []
