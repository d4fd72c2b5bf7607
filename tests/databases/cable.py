"""The cable between fenix and a database server: it can be cut, held, or cut at the very moment of a commit."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

from sqlalchemy import make_url

_PIECE = 65536


class Cable:
    """A TCP relay on loopback. Bytes are passed on as they come."""

    def __init__(self, host: str, port: int) -> None:
        self._there = (host, port)
        self._server: asyncio.Server | None = None
        self._passing: set[asyncio.Task[None]] = set()
        self._free = asyncio.Event()
        self._free.set()
        self._cut_at: str = ""
        #: Set when a cut that was asked for was made.
        self.was_cut = asyncio.Event()

    async def start(self) -> int:
        """The port to connect to."""
        self._server = await asyncio.start_server(self._connect, "127.0.0.1", 0)
        return int(self._server.sockets[0].getsockname()[1])

    def hold(self) -> None:
        """Nothing gets through, and nothing is closed."""
        self._free.clear()

    def let_go(self) -> None:
        """What was held gets through."""
        self._free.set()

    async def cut(self) -> None:
        """All connections that there are now."""
        for task in tuple(self._passing):
            task.cancel()
        await asyncio.gather(*self._passing, return_exceptions=True)

    def cut_at_commit(self, when: str) -> None:
        """The connection that commits next, `before` the server hears of it or `after` it has done it."""
        self._cut_at = when
        self.was_cut.clear()

    async def aclose(self) -> None:
        """Cuts and closes."""
        self._free.set()
        if self._server:
            self._server.close()
        await self.cut()

    async def _connect(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._passing.add(task)
        there = None
        try:
            from_there, there = await asyncio.open_connection(*self._there)
            deaf = asyncio.Event()
            back = asyncio.ensure_future(self._answer(from_there, writer, deaf))
            forth = asyncio.ensure_future(self._ask(reader, there, deaf))
            try:
                await asyncio.wait({back, forth}, return_when=asyncio.FIRST_COMPLETED)
            finally:
                back.cancel()
                forth.cancel()
                await asyncio.gather(back, forth, return_exceptions=True)
        except (OSError, asyncio.CancelledError):
            pass  # the other end is away, or this one was cut: the end of the connection says so
        finally:
            self._passing.discard(task)
            for each in filter(None, (there, writer)):
                each.transport.abort()

    async def _ask(
        self, reader: asyncio.StreamReader, there: asyncio.StreamWriter, deaf: asyncio.Event
    ) -> None:
        with suppress(ConnectionError):
            while piece := await reader.read(_PIECE):
                await self._free.wait()
                if self._cut_at and piece.rstrip(b"\0").endswith(b"COMMIT"):
                    when, self._cut_at = self._cut_at, ""
                    if when == "before":
                        self.was_cut.set()
                        return
                    deaf.set()
                there.write(piece)
                await there.drain()

    async def _answer(
        self, there: asyncio.StreamReader, writer: asyncio.StreamWriter, deaf: asyncio.Event
    ) -> None:
        with suppress(ConnectionError):
            while piece := await there.read(_PIECE):
                await self._free.wait()
                if deaf.is_set():  # it says that it is done, and nobody hears it
                    self.was_cut.set()
                    return
                writer.write(piece)
                await writer.drain()


@asynccontextmanager
async def cable_to(url: str) -> AsyncIterator[tuple[str, Cable]]:
    """A url that leads through a new cable, and the cable."""
    parsed = make_url(url)
    cable = Cable(parsed.host or "", parsed.port or 0)
    port = await cable.start()
    try:
        yield parsed.set(host="127.0.0.1", port=port).render_as_string(hide_password=False), cable
    finally:
        await cable.aclose()
