"""The few words of ASGI that the gateway speaks: read a request within limits, send an answer.

No framework: the routes come from the proto annotations, and what is left of HTTP fits on this page.
"""

from __future__ import annotations

import asyncio
import re
import secrets
from collections.abc import Awaitable, Callable, MutableMapping, Sequence
from dataclasses import dataclass
from itertools import count
from typing import Any
from urllib.parse import quote

from google.rpc import code_pb2

from gateway.backend import CERTIFICATE_NAME, PEER, Metadata

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
Header = tuple[bytes, bytes]

JSON = b"application/json"
#: Names of requests without one: that of this process, drawn once, and a number.
_PROCESS = f"req-{secrets.token_hex(6)}-"
_NUMBERS = count(1)
#: Headers that the back end is told, lower-case.
_PASSED_ON = (
    "x-auth-token",
    "authorization",
    "x-request-id",
    "x-openstack-request-id",
    "traceparent",
)
#: Headers that the client gets back.
_ECHOED = ("x-request-id", "x-openstack-request-id")
#: What gRPC allows in the value of a metadata entry.
_METADATA_VALUE = re.compile(r"[\x20-\x7e]{0,8192}")


class HttpError(Exception):
    """A request that is refused before any call is made. `code` is the google.rpc.Code for its body."""

    def __init__(
        self,
        status: int,
        message: str,
        *,
        code: int = code_pb2.INVALID_ARGUMENT,
        headers: Sequence[Header] = (),
    ) -> None:
        super().__init__(message)
        self.status = status
        self.message = message
        self.code = code
        self.headers = tuple(headers)


class ClientGone(Exception):
    """The client left before its request was complete; there is nobody to answer."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What one request may cost."""

    #: Largest body, as large as a request over gRPC.
    body_bytes: int = 4 << 20
    #: All of the head: the request line and the headers.
    head_bytes: int = 32 << 10
    #: A client that takes nothing of its answer for so long is disconnected.
    stalled_s: float = 30.0
    #: For how long a connection that is idle when the server stops may still bring a request that was on its way.
    last_request_s: float = 0.25
    #: Longest time for a body to arrive.
    body_wait_s: float = 30.0
    #: How long a stream may stay silent before the client is told that it is open. An error that comes sooner is an
    #: HTTP status, a later one is a line of the stream.
    stream_open_s: float = 0.5


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """A whole response."""

    status: int
    body: bytes
    headers: tuple[Header, ...] = ()
    content_type: bytes = JSON


class Request:
    """The head of an HTTP request; its body is read on demand."""

    __slots__ = ("_peer", "headers", "method", "query", "raw_path")

    def __init__(self, scope: Scope) -> None:
        self.method: str = scope["method"]
        #: Still percent-encoded, without the query. ASGI servers may leave it out.
        self.raw_path: str = (scope.get("raw_path") or quote(scope["path"]).encode()).decode(
            "latin-1"
        )
        self.query: bytes = scope.get("query_string", b"")
        self.headers: dict[str, str] = {
            name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]
        }
        # Without a name of its own a request gets one, so that both ends can log the same.
        if "x-request-id" not in self.headers:
            self.headers["x-request-id"] = f"{_PROCESS}{next(_NUMBERS):x}"

        client, tls = scope.get("client"), scope.get("extensions", {}).get("tls", {})
        self._peer = [(PEER, f"rest:{client[0]}:{client[1]}")] if client else []
        self._peer += [(CERTIFICATE_NAME, name) for name in tls.get("client_names", ())]

    @property
    def may_have_body(self) -> bool:
        """False when the head rules a body out."""
        return self.headers.get("content-length", "0") != "0" or "transfer-encoding" in self.headers

    def metadata(self) -> Metadata:
        """What the back end is told of the caller. Raises HttpError for a value that gRPC cannot carry."""
        found = [(name, self.headers[name]) for name in _PASSED_ON if name in self.headers]
        for name, value in found:
            if not _METADATA_VALUE.fullmatch(value):
                raise HttpError(
                    400, f"header {name}: only printable ASCII, at most 8192 characters"
                )
        return [*found, *self._peer]

    def echoed(self) -> list[Header]:
        """Headers that go back with every answer."""
        return [
            (name.encode(), self.headers[name].encode("latin-1"))
            for name in _ECHOED
            if name in self.headers
        ]

    async def body(self, receive: Receive, limits: Limits) -> bytes:
        """All of the body. Raises HttpError (413, 408) and ClientGone."""
        too_long = HttpError(413, f"the body is longer than {limits.body_bytes} bytes")
        length = self.headers.get("content-length", "")
        if length.isdecimal() and int(length) > limits.body_bytes:
            raise too_long
        body = bytearray()
        try:
            async with asyncio.timeout(limits.body_wait_s):
                while True:
                    event = await receive()
                    if event["type"] == "http.disconnect":
                        raise ClientGone
                    body += event.get("body", b"")
                    if len(body) > limits.body_bytes:
                        raise too_long
                    if not event.get("more_body", False):
                        return bytes(body)
        except TimeoutError:
            raise HttpError(
                408, f"the body did not arrive within {limits.body_wait_s:g} s"
            ) from None


async def send_answer(send: Send, answer: Answer, echoed: Sequence[Header], method: str) -> None:
    """Sends a whole response; only its head when `method` is HEAD."""
    headers = [
        (b"content-type", answer.content_type),
        (b"content-length", str(len(answer.body)).encode()),
        *answer.headers,
        *echoed,
    ]
    await send({"type": "http.response.start", "status": answer.status, "headers": headers})
    await send({"type": "http.response.body", "body": b"" if method == "HEAD" else answer.body})
