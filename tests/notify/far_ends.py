"""What is at the far end of a sink: a manager behind a real HTTP server, and a listener of a message bus."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import httptools

Json = Any


@dataclass(frozen=True, slots=True, kw_only=True)
class Post:
    """A request as it came."""

    path: str
    headers: Mapping[str, str]
    body: bytes

    @property
    def event(self) -> Json:
        return json.loads(self.body)["reason_data"]["event"]

    @property
    def traits(self) -> dict[str, Any]:
        return {name: value for name, _, value in self.event["traits"]}


Answering = Callable[[Post], Awaitable[int]]


async def accept(_: Post) -> int:
    return 200


class _Parser:
    """Collects one request."""

    def __init__(self) -> None:
        self.url, self.headers, self.body, self.done = b"", {}, b"", False

    def on_url(self, url: bytes) -> None:
        self.url += url

    def on_header(self, name: bytes, value: bytes) -> None:
        self.headers[name.decode().lower()] = value.decode()

    def on_body(self, body: bytes) -> None:
        self.body += body

    def on_message_complete(self) -> None:
        self.done = True


class Manager:
    """An HTTP listener. `answer` may take as long as it likes; what it returns is the status."""

    def __init__(self, port: int = 0, answer: Answering = accept) -> None:
        self.port = port
        self.answer = answer
        self.posts: list[Post] = []
        self.changed = asyncio.Condition()
        self._server: asyncio.Server | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/maintenance"

    async def start(self) -> None:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", self.port)
        self.port = self._server.sockets[0].getsockname()[1]

    async def stop(self) -> None:
        if self._server:
            self._server.close()
            await self._server.wait_closed()
            self._server = None

    async def until(self, count: int) -> Sequence[Post]:
        """As soon as so many requests have come."""
        async with self.changed, asyncio.timeout(30):
            await self.changed.wait_for(lambda: len(self.posts) >= count)
        return self.posts

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        parsed = _Parser()
        parser = httptools.HttpRequestParser(parsed)
        while not parsed.done and (chunk := await reader.read(65536)):
            parser.feed_data(chunk)
        if parsed.done:
            post = Post(path=parsed.url.decode(), headers=parsed.headers, body=parsed.body)
            async with self.changed:
                self.posts.append(post)
                self.changed.notify_all()
            status = await self.answer(post)
            writer.write(
                f"HTTP/1.1 {status} X\r\nlocation: /there\r\ncontent-length: 0\r\n\r\n".encode()
            )
        writer.close()


@asynccontextmanager
async def a_manager(answer: Answering = accept) -> AsyncIterator[Manager]:
    manager = Manager(answer=answer)
    await manager.start()
    try:
        yield manager
    finally:
        await manager.stop()
