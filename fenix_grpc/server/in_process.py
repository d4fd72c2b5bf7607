"""The gateway and the call chain in one process: no channel lies between them."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import aclosing

from google.protobuf.message import Message

from fenix_grpc.api.chain import Chain
from fenix_grpc.api.status import RpcFailure
from fenix_grpc.ports import Peer
from gateway.backend import CERTIFICATE_NAME, PEER, Metadata, RpcError


class InProcess:
    """The gateway's back end when it shares the process: the call chain itself (see gateway/backend.py)."""

    def __init__(self, chain: Chain) -> None:
        self._chain = chain

    async def unary(self, method: str, request: Message, metadata: Metadata) -> Message:
        """One request, one response."""
        try:
            return await self._chain.unary(method, request, dict(metadata), _peer(metadata))
        except RpcFailure as err:
            raise _as_rpc_error(err) from err

    async def stream(
        self, method: str, request: Message, metadata: Metadata
    ) -> AsyncIterator[Message]:
        """One request, many responses."""
        try:
            stream = self._chain.stream(method, request, dict(metadata), _peer(metadata))
            async with aclosing(stream) as responses:
                async for response in responses:
                    yield response
        except RpcFailure as err:
            raise _as_rpc_error(err) from err


def _peer(metadata: Metadata) -> Peer:
    """What the gateway says of its client; no client can say it (see gateway/backend.py)."""
    names = tuple(value for key, value in metadata if key == CERTIFICATE_NAME)
    return Peer(address=dict(metadata).get(PEER, "rest"), names=names)


def _as_rpc_error(err: RpcFailure) -> RpcError:
    return RpcError(err.status.code, err.status.message, err.status)
