"""`fenix serve` and `fenix gateway`: the programs that stay. What they are made of is imported only when they run."""

from __future__ import annotations

import asyncio
import signal
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from fenix_grpc.cli.calls import DEFAULT_SERVER, CaOption, Exit, Problem, ServerOption, run, trust
from fenix_grpc.cli.output import say

if TYPE_CHECKING:
    from ssl import SSLContext

    from grpc.aio import Channel


def serve(
    config: Annotated[
        Path | None,
        typer.Option(envvar="FENIX_CONFIG", help="Configuration in TOML; defaults without."),
    ] = None,
) -> None:
    """Runs a server: gRPC, the REST gateway and the engine, until SIGTERM or SIGINT."""
    from fenix_grpc import config as configuration
    from fenix_grpc import logs, server

    async def work() -> None:
        settings = configuration.load(config)
        logs.configure(settings.log.format, settings.log.level)
        await server.run(settings)

    run(work())


def gateway(
    listen: Annotated[str, typer.Option(help="HOST:PORT of the REST API.")] = "127.0.0.1:12347",
    insecure: Annotated[
        bool, typer.Option("--insecure", help="Listen also where other machines reach it.")
    ] = False,
    server: ServerOption = DEFAULT_SERVER,
    ca: CaOption = "",
    tls_certificate: Annotated[
        Path | None, typer.Option(help="Certificate (PEM) with which it speaks TLS itself.")
    ] = None,
    tls_key: Annotated[Path | None, typer.Option(help="Key of that certificate.")] = None,
) -> None:
    """Runs the REST gateway on its own, in front of a gRPC server, until SIGTERM or SIGINT."""
    from fenix_grpc.config import address, is_local
    from gateway.app import create_app
    from gateway.channel import ChannelBackend
    from gateway.serve import serve as serve_rest

    async def work() -> None:
        host, port = address("--listen", listen)
        tls = _gateway_tls(tls_certificate, tls_key)
        if not (insecure or tls or is_local(host)):
            text = f"{listen} can be reached from other machines, unencrypted: --insecure if the network protects you"
            raise Problem(text, Exit.USAGE)
        stop = asyncio.Event()
        for number in (signal.SIGTERM, signal.SIGINT):
            asyncio.get_running_loop().add_signal_handler(number, stop.set)
        url = f"{'https' if tls else 'http'}://{host}"

        def ready(port: int) -> None:
            say(f"REST on {url}:{port} for gRPC at {server}")

        async with _channel(server, ca) as channel:
            app = create_app(ChannelBackend(channel))
            await serve_rest(app, host, port, stop=stop, on_ready=ready, tls=tls)

    run(work())


def _channel(server: str, ca: str) -> Channel:
    import grpc

    from gateway.channel import CHANNEL_OPTIONS

    credentials = trust(ca)
    if credentials is None:
        return grpc.aio.insecure_channel(server, options=CHANNEL_OPTIONS)
    return grpc.aio.secure_channel(server, credentials, options=CHANNEL_OPTIONS)


def _gateway_tls(certificate: Path | None, key: Path | None) -> SSLContext | None:
    """None for plain text. Callers have no certificates here: a gateway passes on their tokens only."""
    from fenix_grpc.tls import ServerTls

    if bool(certificate) != bool(key):
        raise Problem("--tls-certificate and --tls-key belong together", Exit.USAGE)
    return ServerTls(certificate, key).context() if certificate and key else None
