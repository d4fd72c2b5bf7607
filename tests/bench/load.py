"""Keeps a server busy with one call and counts the answers; how fast it goes is up to the server."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from time import perf_counter
from typing import cast

from fenix_grpc.clock import SystemClock
from tests.bench.http2 import Broken, Connection
from tests.bench.machine import cpu_s

_WARM_UP_S = 0.3


@dataclass(frozen=True, slots=True, kw_only=True)
class Window:
    """What happened in a stretch of time."""

    requests_per_s: float
    #: Processor time of the server, all threads.
    cpu_us: float
    #: Share of one core that the server used.
    busy: float


class GrpcCaller(Connection):
    """So many calls in flight on one connection; each answer is followed by the next call."""

    def __init__(self, method: str, request: bytes, answer: bytes, in_flight: int) -> None:
        """Every response must be as long as `answer`."""
        super().__init__(method, request)
        self.answers = 0
        self._ended = 0
        self._length = len(answer)
        self._in_flight = in_flight

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        for _ in range(self._in_flight):
            self.call()
        self.flush()

    def received(self, stream: int, message: bytes) -> None:
        if len(message) != self._length:
            raise Broken(f"an answer of {len(message)} bytes instead of {self._length}")
        self.answers += 1

    def ended(self, stream: int) -> None:
        self._ended += 1
        if self._ended > self.answers:
            raise Broken("a call ended without an answer")
        self.call()


class HttpCaller(asyncio.Protocol):
    """One request after the other on a keep-alive connection."""

    def __init__(self, path: str) -> None:
        self.answers = 0
        self.failure: Exception | None = None
        head = f"GET {path} HTTP/1.1\r\nhost: 127.0.0.1\r\nuser-agent: fenix-bench\r\n\r\n"
        self._request = head.encode()
        self._read = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        self._transport.write(self._request)

    def data_received(self, data: bytes) -> None:
        self._read += data
        head, blank, body = self._read.partition(b"\r\n\r\n")
        if not blank or len(body) < _content_length(head):
            return
        if not head.startswith(b"HTTP/1.1 200 "):
            raise Broken(head.decode())
        self._read = b""
        self.answers += 1
        self._transport.write(self._request)

    def connection_lost(self, exc: Exception | None) -> None:
        self.failure = self.failure or exc or Broken("the connection was closed")

    def close(self) -> None:
        self._transport.abort()


#: A connection that keeps calling until it is closed.
Caller = GrpcCaller | HttpCaller


async def measure(
    make: Callable[[], Caller], *, connections: int, address: str, pid: int, seconds: float
) -> Window:
    """Keeps the server at `address`, which is process `pid`, busy. Raises Broken."""
    loop, clock = asyncio.get_running_loop(), SystemClock()
    host, _, port = address.rpartition(":")
    callers: list[Caller] = []
    try:
        for _ in range(connections):
            _, caller = await loop.create_connection(make, host, int(port))
            callers.append(caller)
        await clock.sleep_until(clock.now() + timedelta(seconds=_WARM_UP_S))
        began, answers, cpu = perf_counter(), _answers(callers), cpu_s(pid)
        await clock.sleep_until(clock.now() + timedelta(seconds=seconds))
        elapsed_s = perf_counter() - began
        done, used_s = _answers(callers) - answers, cpu_s(pid) - cpu
    finally:
        for caller in callers:
            caller.close()
    return Window(
        requests_per_s=done / elapsed_s, cpu_us=used_s / done * 1e6, busy=used_s / elapsed_s
    )


def _answers(callers: Sequence[Caller]) -> int:
    """All so far. Raises what broke a connection."""
    for caller in callers:
        if caller.failure:
            raise Broken("a connection broke") from caller.failure
    if not all(caller.answers for caller in callers):
        raise Broken("the server does not answer on every connection")
    return sum(caller.answers for caller in callers)


def _content_length(head: bytes) -> int:
    _, _, after = head.lower().partition(b"content-length:")
    return int(after.partition(b"\r\n")[0])
