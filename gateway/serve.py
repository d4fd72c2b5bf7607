"""Runs the gateway on uvicorn, inside a process that has other things to do: it takes no signals and never exits."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import ssl
from collections.abc import Callable, Generator

import uvicorn

from gateway.app import App
from gateway.connection import Connection

#: Connections that may wait to be accepted: every watcher comes back at once after a restart.
_BACKLOG = 2048


class _Server(uvicorn.Server):
    """Leaves signals to the process."""

    @contextlib.contextmanager
    def capture_signals(self) -> Generator[None, None, None]:
        yield


async def serve(
    app: App,
    host: str,
    port: int,
    *,
    stop: asyncio.Event,
    on_ready: Callable[[int], None] | None = None,
    grace_s: int = 5,
    access_log: bool = False,
    tls: ssl.SSLContext | None = None,
) -> None:
    """Serves until `stop` is set; then ends the streams, gives other requests `grace_s` and returns.

    `on_ready` is told the port once connections are accepted; port 0 takes a free one. Without `tls` it speaks
    plain HTTP. Raises OSError when the address cannot be used.
    """
    protocol = type("Protocol", (Connection,), {"limits": app.limits, "stop": stop})
    config = uvicorn.Config(
        app,
        http=protocol,
        ws="none",
        lifespan="off",
        interface="asgi3",
        log_config=None,
        access_log=access_log,
        proxy_headers=False,
        server_header=False,
        backlog=_BACKLOG,
        timeout_graceful_shutdown=grace_s,
        ssl_context_factory=None if tls is None else (lambda _config, _default: tls),
    )
    listener = _listen(host, port)
    server = _Server(config)
    try:
        async with asyncio.TaskGroup() as tasks:
            serving = tasks.create_task(server.serve(sockets=[listener]))
            stopping = tasks.create_task(stop.wait())
            if on_ready is not None:
                on_ready(listener.getsockname()[1])
            await asyncio.wait((serving, stopping), return_when=asyncio.FIRST_COMPLETED)
            stopping.cancel()
            app.stop()
            server.should_exit = True
    finally:
        # After a cancellation uvicorn would go on listening.
        for listening in getattr(server, "servers", ()):
            listening.close()
        listener.close()


def _listen(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.create_server((host, port), family=family, backlog=_BACKLOG)
    # Connections inherit it. uvicorn writes the head and the body of an answer one after the other, and without it the
    # body waits for the client's delayed acknowledgement: 40 ms.
    listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return listener
