"""`fenix serve` and `fenix gateway`: the programs that stay. What they are made of is imported only when they run."""

from __future__ import annotations

import asyncio
import logging
import signal
from pathlib import Path
from typing import Annotated

import typer

from fenix_grpc.cli.calls import DEFAULT_SERVER, Exit, Problem, ServerOption, run
from fenix_grpc.cli.output import say


def serve(
    config: Annotated[
        Path | None,
        typer.Option(envvar="FENIX_CONFIG", help="Configuration in TOML; defaults without."),
    ] = None,
) -> None:
    """Runs a server: gRPC, the REST gateway and the engine, until SIGTERM or SIGINT."""
    from fenix_grpc import config as configuration
    from fenix_grpc import server

    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s")
    logging.getLogger("uvicorn").setLevel(logging.WARNING)

    async def work() -> None:
        await server.run(configuration.load(config))

    run(work())


def gateway(
    listen: Annotated[str, typer.Option(help="HOST:PORT of the REST API.")] = "127.0.0.1:12347",
    insecure: Annotated[
        bool, typer.Option("--insecure", help="Listen also where other machines reach it.")
    ] = False,
    server: ServerOption = DEFAULT_SERVER,
) -> None:
    """Runs the REST gateway on its own, in front of a gRPC server, until SIGTERM or SIGINT."""
    import grpc

    from fenix_grpc.config import address, is_local
    from gateway.app import create_app
    from gateway.channel import CHANNEL_OPTIONS, ChannelBackend
    from gateway.serve import serve as serve_rest

    async def work() -> None:
        host, port = address("--listen", listen)
        if not insecure and not is_local(host):
            text = f"{listen} can be reached from other machines, unencrypted: --insecure if the network protects you"
            raise Problem(text, Exit.USAGE)
        stop = asyncio.Event()
        for number in (signal.SIGTERM, signal.SIGINT):
            asyncio.get_running_loop().add_signal_handler(number, stop.set)
        async with grpc.aio.insecure_channel(server, options=CHANNEL_OPTIONS) as channel:
            app = create_app(ChannelBackend(channel))
            await serve_rest(
                app,
                host,
                port,
                stop=stop,
                on_ready=lambda port: say(f"REST on http://{host}:{port} for gRPC at {server}"),
            )

    run(work())
