"""The processes that are measured: a real fenix server on a SQLite file, and the bare echo beside it."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from fenix_client import CallFailed

from tests.processes.servers import ServerProcess


class Server(ServerProcess):
    """`fenix serve` that can be watched from outside."""

    @property
    def pid(self) -> int:
        """Of the process that runs now."""
        assert self._process is not None
        return self._process.pid


@asynccontextmanager
async def fenix(directory: Path, cloud: str, more: str = "") -> AsyncIterator[Server]:
    """A server with a simulated cloud, on new files."""
    server = _new(directory, cloud, more)
    try:
        await _start(server)
        yield server
    finally:
        await server.stop()


def _new(directory: Path, cloud: str, more: str) -> Server:
    directory.mkdir(exist_ok=True)
    server = Server.simulated(directory, cloud, more)
    assert isinstance(server, Server)
    return server


async def _start(server: Server) -> None:
    try:
        await server.start()
    except CallFailed as failed:
        raise RuntimeError(f"the server did not start:\n{_log(server)}") from failed


def _log(server: Server) -> str:
    return server.log.read_text(errors="replace")


@asynccontextmanager
async def echo() -> AsyncIterator[tuple[str, int]]:
    """Address and process id of a bare grpc.aio server."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "tests.bench.echo", stdout=asyncio.subprocess.PIPE
    )
    assert process.stdout is not None
    try:
        address = (await process.stdout.readline()).decode().strip()
        yield address, process.pid
    finally:
        process.terminate()
        await process.wait()
