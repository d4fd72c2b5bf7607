"""The yardstick: the least that a grpc.aio server can do for calls and for watchers.

`python -m tests.bench.echo` serves until it is killed and prints its address.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import grpc.aio

_SERVICE = "fenix.bench.Bare"
#: Answers with the request.
ECHO = f"/{_SERVICE}/Echo"
#: Sends its request to all watchers.
TELL = f"/{_SERVICE}/Tell"
#: Sends back its request, and from then on what is told.
WATCH = f"/{_SERVICE}/Watch"


class _Bare:
    """Bytes in, bytes out: nothing is parsed, nothing is kept."""

    def __init__(self) -> None:
        self._said = b""
        self._bell = asyncio.Event()

    async def echo(self, request: bytes, _context: Any) -> bytes:
        return request

    async def tell(self, request: bytes, _context: Any) -> bytes:
        self._said = request
        bell, self._bell = self._bell, asyncio.Event()
        bell.set()
        return request

    async def watch(self, request: bytes, context: Any) -> None:
        await context.write(request)
        while True:
            await self._bell.wait()
            await context.write(self._said)


async def main() -> None:
    """Serves until it is killed."""
    bare, unary = _Bare(), grpc.unary_unary_rpc_method_handler
    handlers: dict[str, tuple[Callable[..., Any], Any]] = {
        ECHO: (unary, bare.echo),
        TELL: (unary, bare.tell),
        WATCH: (grpc.unary_stream_rpc_method_handler, bare.watch),
    }
    methods = {name.rpartition("/")[2]: make(do) for name, (make, do) in handlers.items()}
    server = grpc.aio.server()
    server.add_generic_rpc_handlers([grpc.method_handlers_generic_handler(_SERVICE, methods)])
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    print(f"127.0.0.1:{port}", flush=True)
    await server.wait_for_termination()


if __name__ == "__main__":
    asyncio.run(main())
