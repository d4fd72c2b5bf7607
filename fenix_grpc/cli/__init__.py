"""The command `fenix`: what an operator types and sees. A client like any other: all but `serve`, `gateway` and `demo`
speak to a running server through `fenix_client`."""

import os

# gRPC's own words on standard error would spoil the live picture, and its errors are reported anyway; it reads this
# once, when it is first imported
os.environ.setdefault("GRPC_VERBOSITY", "NONE")

from fenix_grpc.cli.app import main

__all__ = ["main"]
