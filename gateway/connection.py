"""An HTTP connection of the REST door: it may hold little memory, and it says whom the client's certificate names."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Mapping
from typing import Any

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from gateway.asgi import Limits

#: Names in certificates that a metadata entry can carry; no others can be configured either.
_NAME = re.compile(r"[\x20-\x7e]{1,255}")
_HEAD_TOO_LONG = (
    b"HTTP/1.1 431 Request Header Fields Too Large\r\n"
    b"content-length: 0\r\nconnection: close\r\n\r\n"
)


class Connection(HttpToolsProtocol):
    """Ends when its head never does, and when the client takes nothing of its answer. Tells the application the names
    in the client's certificate, which ssl has verified. When the server stops, a request that was on its way is
    answered, the last one of its connection."""

    limits = Limits()
    #: Set when the server stops.
    stop: asyncio.Event
    _head_bytes = 0
    _in_head = False
    _stalled: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        # It was accepted, but not yet known to the server when that told all to shut down.
        if self.stop.is_set():
            self.shutdown()

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        if self._in_head:
            self._head_bytes += len(data)
            if self._head_bytes > self.limits.head_bytes:
                self._refuse_head()

    def on_message_begin(self) -> None:
        self._in_head, self._head_bytes = True, 0
        super().on_message_begin()
        certificate = self.transport.get_extra_info("peercert")
        if certificate:
            names = tuple(names_in(certificate))
            self.scope["extensions"] = {"tls": {"client_names": names}}

    def on_headers_complete(self) -> None:
        self._in_head = False
        said = len(self.url) + sum(len(name) + len(value) + 4 for name, value in self.headers)
        if said > self.limits.head_bytes:
            self._refuse_head()
            return
        super().on_headers_complete()
        if self.stop.is_set():
            self.cycle.keep_alive = False

    def shutdown(self) -> None:
        if self.cycle is None or self.cycle.response_complete:
            self.loop.call_later(self.limits.last_request_s, super().shutdown)
        else:
            super().shutdown()

    def pause_writing(self) -> None:
        super().pause_writing()
        self._stalled = self.loop.call_later(self.limits.stalled_s, self.transport.abort)

    def resume_writing(self) -> None:
        self._go_on()
        super().resume_writing()

    def connection_lost(self, exc: Exception | None) -> None:
        self._go_on()
        super().connection_lost(exc)

    def _go_on(self) -> None:
        if self._stalled is not None:
            self._stalled.cancel()
            self._stalled = None

    def _refuse_head(self) -> None:
        self._in_head = False
        self.transport.write(_HEAD_TOO_LONG)
        self.transport.close()


def names_in(certificate: Mapping[str, Any]) -> list[str]:
    """The alternative names and the common names of a certificate as `ssl` describes it, each once."""
    found: list[Any] = [value for _, value in certificate.get("subjectAltName", ())]
    for part in certificate.get("subject", ()):
        found += [value for key, value in part if key == "commonName"]
    # The name of a directory is no text.
    texts = (name for name in found if isinstance(name, str) and _NAME.fullmatch(name))
    return list(dict.fromkeys(texts))
