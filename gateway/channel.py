"""A back end over gRPC: lets the gateway run on its own, in front of any fenix server."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any, cast

import grpc
from google.protobuf.message import DecodeError, Message
from google.rpc import status_pb2
from grpc_status import rpc_status

from gateway import rules
from gateway.backend import CERTIFICATE_NAME, Metadata, RpcError
from gateway.errors import incident

#: What a channel to fenix needs.
CHANNEL_OPTIONS = (
    # A dead server is noticed within 40 s; servers refuse clients that ping more often than every 20 s.
    ("grpc.keepalive_time_ms", 30_000),
    ("grpc.keepalive_timeout_ms", 10_000),
    # A server that came back is found within 5 s instead of gRPC's 2 minutes.
    ("grpc.initial_reconnect_backoff_ms", 200),
    ("grpc.max_reconnect_backoff_ms", 5_000),
    # The detail of a session with 10000 hosts is larger than gRPC's 4 MiB.
    ("grpc.max_receive_message_length", 64 * 1024 * 1024),
    # The gateway stands beside its server.
    ("grpc.enable_http_proxy", 0),
)


class ChannelBackend:
    """Implements `Backend` with an open `grpc.aio.Channel`, which stays the caller's to close.

    `timeout_s` bounds unary calls; streams last as long as the client listens.
    """

    def __init__(self, channel: Any, *, timeout_s: float = 30.0) -> None:
        self._timeout_s = timeout_s
        self._calls = {
            method.name: (channel.unary_stream if method.streaming else channel.unary_unary)(
                method.name,
                request_serializer=method.request.SerializeToString,
                response_deserializer=method.response.FromString,
            )
            for method in rules.methods().values()
        }

    async def unary(self, method: str, request: Message, metadata: Metadata) -> Message:
        """See Backend."""
        try:
            response: Message = await self._calls[method](
                request, metadata=_said(metadata), timeout=self._timeout_s
            )
        except grpc.aio.AioRpcError as err:
            raise _rpc_error(err) from err
        return response

    async def stream(
        self, method: str, request: Message, metadata: Metadata
    ) -> AsyncIterator[Message]:
        """See Backend."""
        call = self._calls[method](request, metadata=_said(metadata))
        try:
            async for response in call:
                yield response
        except grpc.aio.AioRpcError as err:
            raise _rpc_error(err) from err
        finally:
            call.cancel()


def _said(metadata: Metadata) -> tuple[tuple[str, str], ...]:
    """Names of certificates stay here: a server believes its own door only."""
    return tuple(entry for entry in metadata if entry[0] != CERTIFICATE_NAME)


def _rpc_error(err: grpc.aio.AioRpcError) -> RpcError:
    if err.code() is grpc.StatusCode.UNKNOWN:
        return incident(err)  # its text is that of an exception in the server
    return RpcError(err.code().value[0], err.details() or err.code().name, _status(err))


def _status(err: grpc.aio.AioRpcError) -> status_pb2.Status | None:
    """The error with its details from the trailer; None when there is none that fits."""
    try:
        return rpc_status.from_call(cast(grpc.Call, err))  # it reads what the error has too
    except (ValueError, DecodeError):
        return None
