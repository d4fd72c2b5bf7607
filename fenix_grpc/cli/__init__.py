"""The command `fenix`: what an operator types and sees. A client like any other: all but `serve`, `gateway` and `demo`
speak to a running server through `fenix_client`."""

from fenix_grpc.cli.app import main

__all__ = ["main"]
