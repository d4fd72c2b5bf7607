"""Thousands of watchers that cost their own process next to nothing: prepared bytes, and a look at frames or lines."""

from __future__ import annotations

import asyncio
from typing import cast

from fenix_grpc.v1.session_service_pb2 import WatchSessionRequest
from tests.bench.http2 import Connection

_WATCH_SESSION = "/fenix.v1.SessionService/WatchSession"
_GOAWAY = 7
#: The last words of a stream over HTTP.
_LAST_CHUNK = b"0\r\n\r\n"


class Crowd:
    """So many streams, on how ever many connections."""

    def __init__(self, streams: int) -> None:
        self.streams = streams
        self.ended = 0
        self._told: set[object] = set()
        self.all_told = asyncio.Event()
        self.all_ended = asyncio.Event()

    def tell(self, stream: object) -> None:
        """A stream has got its first message."""
        self._told.add(stream)
        if len(self._told) == self.streams:
            self.all_told.set()

    def end(self) -> None:
        """A stream has come to its end."""
        self.ended += 1
        if self.ended == self.streams:
            self.all_ended.set()


class GrpcWatchers(Connection):
    """Watches of all sessions, on one connection."""

    def __init__(self, crowd: Crowd, streams: int) -> None:
        request = WatchSessionRequest(follow=True, snapshot=True)
        super().__init__(_WATCH_SESSION, request.SerializeToString())
        self._crowd = crowd
        self._streams = streams

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        for _ in range(self._streams):
            self.call()
        self.flush()

    def received(self, stream: int, message: bytes) -> None:
        self._crowd.tell((id(self), stream))

    def ended(self, stream: int) -> None:
        self._crowd.end()

    def _frame(self, kind: int, flags: int, stream: int, payload: bytes) -> None:
        if (
            kind != _GOAWAY
        ):  # the server says that it takes no more calls here; those there are go on
            super()._frame(kind, flags, stream, payload)


class HttpWatcher(asyncio.Protocol):
    """One watch of all sessions."""

    def __init__(self, crowd: Crowd, accept: str) -> None:
        self._crowd = crowd
        self._request = f"GET /v1/maintenance:watch?snapshot=true HTTP/1.1\r\nhost: x\r\naccept: {accept}\r\n\r\n"
        self.read = b""
        self._over = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        self._transport.write(self._request.encode())

    def data_received(self, data: bytes) -> None:
        self.read += data
        if b"snapshot" in self.read:
            self._crowd.tell(self)
        if not self._over and self.read.endswith(_LAST_CHUNK):
            self._over = True
            self._crowd.end()

    def close(self) -> None:
        self._transport.abort()
