"""The yardstick of calls: the least that a grpc.aio server can do. `python -m tests.bench.echo` prints its address."""

from __future__ import annotations

import asyncio
from typing import Any

import grpc.aio

METHOD = "/fenix.bench.Echo/Echo"


async def _echo(request: bytes, _context: Any) -> bytes:
    return request


async def main() -> None:
    """Serves until it is killed."""
    _, service, name = METHOD.split("/")
    server = grpc.aio.server()
    handler: Any = grpc.unary_unary_rpc_method_handler(_echo)
    server.add_generic_rpc_handlers(
        [grpc.method_handlers_generic_handler(service, {name: handler})]
    )
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    print(f"127.0.0.1:{port}", flush=True)
    await server.wait_for_termination()


if __name__ == "__main__":
    asyncio.run(main())
