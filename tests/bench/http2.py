"""As much of HTTP/2 as a gRPC client needs to make the same call many times.

A client made with grpc costs as much as the server that is measured, so on a small machine it would measure itself.
This one sends prepared bytes and looks at nothing but frames. Every call on a connection is the same method, with the
same request where none is given; responses must be small enough for one frame each.
"""

from __future__ import annotations

import asyncio
from typing import cast

_PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
_LARGEST_WINDOW = 2**31 - 1
#: HTTP/2: the window that every connection begins with.
_FIRST_WINDOW = 2**16 - 1
_DATA, _HEADERS, _RST_STREAM, _SETTINGS, _PING, _GOAWAY, _WINDOW_UPDATE = 0, 1, 3, 4, 6, 7, 8
_ACK, _END_STREAM, _END_HEADERS = 1, 1, 4
_ENABLE_PUSH, _INITIAL_WINDOW_SIZE = 2, 4
#: HPACK: `:method POST` and `:scheme http` of the static table.
_POST_HTTP = b"\x83\x86"
_FIRST_DYNAMIC_INDEX = 62


class Broken(Exception):
    """The server did something else than answer."""


class Connection(asyncio.Protocol):
    """A connection for calls of one method; what comes back goes to `received` and `ended` of a subclass."""

    def __init__(self, method: str, request: bytes) -> None:
        """`method` is a path such as `/fenix.v1.SessionService/GetSession`, `request` the serialized message."""
        self.failure: Exception | None = None
        self._first_head, self._next_head = _heads(method)
        self._request = request
        self._last_stream = -1
        self._read = bytearray()
        self._unsent = bytearray()

    def received(self, stream: int, message: bytes) -> None:
        """One response message."""

    def ended(self, stream: int) -> None:
        """No more of this call will come."""

    def call(self, request: bytes | None = None) -> int:
        """Makes the call; sent with `flush`. Returns the number of its stream."""
        message = self._request if request is None else request
        head = self._first_head if self._last_stream < 0 else self._next_head
        self._last_stream += 2
        self._send(_HEADERS, _END_HEADERS, self._last_stream, head)
        body = b"\x00" + len(message).to_bytes(4) + message
        self._send(_DATA, _END_STREAM, self._last_stream, body)
        return self._last_stream

    def flush(self) -> None:
        """Sends what was prepared."""
        if self._unsent:
            self._transport.write(bytes(self._unsent))
            self._unsent.clear()

    def close(self) -> None:
        """Ends the connection and the calls on it."""
        self._transport.abort()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        self._unsent += _PREFACE
        settings = ((_ENABLE_PUSH, 0), (_INITIAL_WINDOW_SIZE, _LARGEST_WINDOW))
        self._send(
            _SETTINGS,
            0,
            0,
            b"".join(key.to_bytes(2) + value.to_bytes(4) for key, value in settings),
        )
        # All the window there is, at once: nothing that is measured comes near its end.
        self._send(_WINDOW_UPDATE, 0, 0, (_LARGEST_WINDOW - _FIRST_WINDOW).to_bytes(4))

    def connection_lost(self, exc: Exception | None) -> None:
        self.failure = self.failure or exc or Broken("the connection was closed")

    def data_received(self, data: bytes) -> None:
        self._read += data
        read, at = bytes(self._read), 0
        while len(read) >= at + 9:
            end = at + 9 + int.from_bytes(read[at : at + 3])
            if len(read) < end:
                break
            stream = int.from_bytes(read[at + 5 : at + 9])
            self._frame(read[at + 3], read[at + 4], stream, read[at + 9 : end])
            at = end
        del self._read[:at]
        self.flush()

    def _frame(self, kind: int, flags: int, stream: int, payload: bytes) -> None:
        if kind == _DATA:
            self._messages(stream, payload)
        elif kind == _SETTINGS and not flags & _ACK:
            self._send(_SETTINGS, _ACK, 0, b"")
        elif kind == _PING and not flags & _ACK:
            self._send(_PING, _ACK, 0, payload)
        elif kind in (_RST_STREAM, _GOAWAY):
            raise Broken(f"frame {kind} on stream {stream}: {payload!r}")
        if kind in (_DATA, _HEADERS) and flags & _END_STREAM:
            self.ended(stream)

    def _messages(self, stream: int, payload: bytes) -> None:
        while payload:
            end = 5 + int.from_bytes(payload[1:5])
            if len(payload) < end:
                raise Broken("a response does not fit into one frame")
            self.received(stream, payload[5:end])
            payload = payload[end:]

    def _send(self, kind: int, flags: int, stream: int, payload: bytes) -> None:
        self._unsent += len(payload).to_bytes(3) + bytes((kind, flags)) + stream.to_bytes(4)
        self._unsent += payload


def _heads(method: str) -> tuple[bytes, bytes]:
    """HPACK of the first call, which teaches the server the headers, and of all others, which refer to them."""
    headers = (
        (b":path", method.encode()),
        (b":authority", b"127.0.0.1"),
        (b"te", b"trailers"),
        (b"content-type", b"application/grpc"),
        (b"user-agent", b"fenix-bench"),
    )
    taught = b"".join(b"\x40" + _text(name) + _text(value) for name, value in headers)
    # What was taught last has the lowest index.
    known = bytes(0x80 | _FIRST_DYNAMIC_INDEX + n for n in reversed(range(len(headers))))
    return _POST_HTTP + taught, _POST_HTTP + known


def _text(text: bytes) -> bytes:
    """As HPACK writes it, shorter than 127 bytes."""
    return bytes((len(text),)) + text
