"""An HTTP client for streams, at the ASGI interface: sees every chunk when it is sent, and can leave at any moment."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any

import msgspec

from gateway import App, Backend, create_app


class Listener:
    """One request at a time."""

    def __init__(self, backend: Backend, **options: Any) -> None:
        self.app: App = create_app(backend, **options)
        self.sent: list[Any] = []
        self._receive: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
        self._changed = asyncio.Condition()
        self._read = 0

    @asynccontextmanager
    async def request(
        self,
        verb: str,
        path: str,
        headers: Mapping[str, str] | None = None,
        *,
        body: bytes | None = b"",
    ) -> AsyncIterator[None]:
        """Sends the request and, at the end, waits until the application is done with it. A body of None is announced
        and does not come."""
        target, _, query = path.partition("?")
        sent = dict(headers or {})
        if body is None:
            sent["content-length"] = "10"
        else:
            self._receive.put_nowait({"type": "http.request", "body": body})
        scope = {
            "type": "http",
            "method": verb,
            "path": target,
            "raw_path": target.encode(),
            "query_string": query.encode(),
            "headers": [(name.lower().encode(), value.encode()) for name, value in sent.items()],
        }
        async with asyncio.timeout(10), asyncio.TaskGroup() as tasks:
            tasks.create_task(self.app(scope, self._receive.get, self._send))
            yield

    def leave(self) -> None:
        """Closes the connection."""
        self._receive.put_nowait({"type": "http.disconnect"})

    async def status(self) -> int:
        """Waits for the head of the response."""
        status: int = (await self._head())["status"]
        return status

    async def header(self, name: str) -> str:
        """Waits for the head of the response. Empty when it is not there."""
        headers = dict((await self._head())["headers"])
        value: bytes = headers.get(name.encode(), b"")
        return value.decode()

    async def chunk(self) -> bytes:
        """Waits for the next piece of the body; empty at the end."""
        self._read += 1
        sent: bytes = (await self._at(self._read))["body"]
        return sent

    async def line(self) -> Any:
        """The next line of a JSON stream."""
        return msgspec.json.decode(await self.chunk())

    async def _head(self) -> Any:
        return await self._at(0)

    async def _at(self, index: int) -> Any:
        async with self._changed:
            await self._changed.wait_for(lambda: len(self.sent) > index)
        return self.sent[index]

    async def _send(self, event: Any) -> None:
        async with self._changed:
            self.sent.append(event)
            self._changed.notify_all()
