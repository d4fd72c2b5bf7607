"""A running fenix as its clients meet it: the server process, and a gateway in a process of its own in front of it."""

from __future__ import annotations

import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import TypeVar

import httpx
from fenix_client import Client

from fenix_grpc.cli.processes import free_ports, started
from fenix_grpc.clock import SystemClock
from tests.processes.servers import ServerProcess

T = TypeVar("T")

#: The two ways to the REST API: the gateway in the server, and one on its own that calls the server over gRPC.
REST_DOORS = ("in-process", "channel")
#: How long anything may take that should take a moment.
PATIENCE_S = 30.0
_LOOK_S = 0.02
#: What a log never holds, whatever clients send.
DEFECTS = ("Traceback", "incident", "Unexpected", "never retrieved", "never awaited")


@dataclass(frozen=True, slots=True, kw_only=True)
class Service:
    """Its processes and clients of every kind."""

    server: ServerProcess
    client: Client
    #: By name of the door.
    http: Mapping[str, httpx.AsyncClient]
    logs: tuple[Path, ...]

    def defects(self) -> list[str]:
        """Lines of the logs that tell of a defect."""
        lines = [line for log in self.logs for line in log.read_text(errors="replace").splitlines()]
        return [line for line in lines if any(word in line for word in DEFECTS)]


@asynccontextmanager
async def a_service(
    directory: Path, cloud: str, more: str = "", *, server: str = ""
) -> AsyncIterator[Service]:
    """Runs with the block. `cloud` describes the simulated cloud; `server` and `more` go into the configuration."""
    process = ServerProcess.simulated(directory, cloud, more, server=server)
    listen = f"127.0.0.1:{free_ports(1)[0]}"
    command = ("-m", "fenix_grpc.cli", "gateway", "--listen", listen, "--server", process.grpc)
    async with AsyncExitStack() as stack:
        processes = await stack.enter_async_context(started(directory))
        await processes.start("gateway", [sys.executable, *command])
        stack.push_async_callback(process.stop)
        await process.start()
        await processes.until_printed("gateway", "REST on")
        urls = dict(zip(REST_DOORS, (process.rest, f"http://{listen}"), strict=True))
        yield Service(
            server=process,
            client=await stack.enter_async_context(process.client()),
            http={
                door: await stack.enter_async_context(
                    httpx.AsyncClient(base_url=url, trust_env=False, timeout=PATIENCE_S)
                )
                for door, url in urls.items()
            },
            logs=(process.log, processes.log("gateway")),
        )


async def until(look: Callable[[], Awaitable[T]], holds: Callable[[T], bool]) -> T:
    """What `look` finds, as soon as `holds` is true of it."""
    clock = SystemClock()
    give_up_at = clock.now() + timedelta(seconds=PATIENCE_S)
    while not holds(found := await look()):
        assert clock.now() < give_up_at, f"still {found}"
        await clock.sleep_until(clock.now() + timedelta(seconds=_LOOK_S))
    return found
