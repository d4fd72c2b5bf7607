"""Doors to the same house: the gateway over a back end in-process, and over a gRPC channel."""

from __future__ import annotations

from collections.abc import AsyncIterator

import grpc
import httpx
import pytest

from gateway import Backend, ChannelBackend, create_app
from tests.gateway.memory import MemoryBackend, Recorder, grpc_server


@pytest.fixture
def memory() -> MemoryBackend:
    return MemoryBackend()


@pytest.fixture(params=["in-process", "channel"])
async def door(request: pytest.FixtureRequest, memory: MemoryBackend) -> AsyncIterator[Backend]:
    """The back end as the gateway meets it."""
    if request.param == "in-process":
        yield memory
        return
    server, port = await grpc_server(memory)
    async with grpc.aio.insecure_channel(f"127.0.0.1:{port}") as channel:
        yield ChannelBackend(channel)
    await server.stop(grace=None)


@pytest.fixture
def recorder(memory: MemoryBackend) -> Recorder:
    return Recorder(memory)


@pytest.fixture
async def v1(recorder: Recorder) -> AsyncIterator[httpx.AsyncClient]:
    """The v1 view, in-process."""
    async with a_client(recorder) as client:
        yield client


@pytest.fixture
async def standard(recorder: Recorder) -> AsyncIterator[httpx.AsyncClient]:
    """grpc-gateway's mapping, in-process."""
    async with a_client(recorder, view="standard") as client:
        yield client


@pytest.fixture
async def both_doors(door: Backend) -> AsyncIterator[httpx.AsyncClient]:
    """The v1 view, in-process and over a channel."""
    async with a_client(door) as client:
        yield client


def a_client(backend: Backend, **options: object) -> httpx.AsyncClient:
    app = create_app(backend, **options)  # type: ignore[arg-type]
    return httpx.AsyncClient(
        transport=httpx.ASGITransport(app=app, raise_app_exceptions=False),
        base_url="http://fenix:12347",
    )
