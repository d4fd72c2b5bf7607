"""What the gateway needs from whoever performs the calls, and the one error it knows.

The gateway translates; it never decides. A back end is the in-process call chain (default) or a gRPC channel
(`channel.py`), and both must look the same from here. Nothing in this file does anything.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from typing import Protocol

from google.protobuf.message import Message
from google.rpc.status_pb2 import Status

#: What a caller says besides the request: lower-case key, ASCII value.
Metadata = Sequence[tuple[str, str]]
#: Metadata in which the gateway says where a request comes from, and which names its client's certificate has (an entry
#: each). No header becomes one of them, so a back end in the same process may believe them.
PEER = "fenix-peer"
CERTIFICATE_NAME = "fenix-certificate-name"


class RpcError(Exception):
    """A call that did not end with OK."""

    def __init__(self, code: int, message: str, status: Status | None = None) -> None:
        super().__init__(message)
        #: A number of google.rpc.Code; never OK.
        self.code = code
        #: For the person who must act.
        self.message = message
        #: The whole error with its details, where the back end gave them.
        self.status = status


class Backend(Protocol):
    """Performs calls. `method` is the full name as gRPC spells it: `/fenix.v1.SessionService/GetSession`.

    Every error is an RpcError. Cancelling the task that awaits ends the call.
    """

    async def unary(self, method: str, request: Message, metadata: Metadata) -> Message:
        """One request, one response."""

    def stream(self, method: str, request: Message, metadata: Metadata) -> AsyncIterator[Message]:
        """One request, many responses. Nothing happens before the first is asked for.

        An iterator with `aclose` (an async generator) has it called when the client goes away: that must end the call.
        """
