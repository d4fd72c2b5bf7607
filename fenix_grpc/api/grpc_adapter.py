"""The gRPC door: every method of the contract as a generic handler that calls the chain, with health and reflection.

Nothing is decided here. Errors travel as google.rpc.Status in the trailer; cancelling ends a call at once.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import aclosing
from typing import Any, NoReturn

import grpc
from google.protobuf.message import DecodeError, Message
from google.rpc.status_pb2 import Status
from grpc_health.v1 import health, health_pb2, health_pb2_grpc  # type: ignore[import-untyped]
from grpc_reflection.v1alpha import reflection, reflection_pb2  # type: ignore[import-untyped]
from grpc_status import rpc_status

from fenix_grpc.api.chain import Chain
from fenix_grpc.api.methods import METHODS, Method
from fenix_grpc.api.policy import check_covered
from fenix_grpc.api.status import RpcFailure, to_status
from fenix_grpc.core.errors import InvalidRequest

#: Each was needed in a measurement, but the keepalive, which finds watchers that vanished without a word.
OPTIONS = (
    # Otherwise a second server binds the same port and takes half of the calls.
    ("grpc.so_reuseport", 0),
    # Otherwise thousands of watchers that reconnect at once are dropped.
    ("grpc.server.max_pending_requests", 20_000),
    ("grpc.server.max_pending_requests_hard_limit", 30_000),
    # Clients may ping every 30 s, also while they have no call.
    ("grpc.http2.min_recv_ping_interval_without_data_ms", 20_000),
    ("grpc.keepalive_permit_without_calls", 1),
    ("grpc.keepalive_time_ms", 60_000),
    ("grpc.keepalive_timeout_ms", 20_000),
)

_OTHERS = (health_pb2.DESCRIPTOR, reflection_pb2.DESCRIPTOR)


class GrpcDoor:
    """A grpc.aio server for a chain. Made, started and stopped once, on one event loop."""

    def __init__(self, chain: Chain) -> None:
        """Raises LookupError when the policy misses a method."""
        others = [service for file in _OTHERS for service in file.services_by_name.values()]
        check_covered(f"/{s.full_name}/{method.name}" for s in others for method in s.methods)
        services = sorted({method.service for method in METHODS.values()})
        self._chain = chain
        self._server = grpc.aio.server(options=OPTIONS)
        self._server.add_generic_rpc_handlers([self._handlers(name) for name in services])
        self._health = health.aio.HealthServicer()
        health_pb2_grpc.add_HealthServicer_to_server(self._health, self._server)
        self._services = services
        reflection.enable_server_reflection(
            (*services, *(service.full_name for service in others)), self._server
        )

    async def start(self, listen: str) -> int:
        """Listens on HOST:PORT; returns the port, which the system chooses for 0. Raises InvalidRequest."""
        try:
            port = self._server.add_insecure_port(listen)
        except RuntimeError as err:
            raise InvalidRequest("server.grpc_listen", f"cannot listen on {listen}: {err}") from err
        await self._server.start()
        for service in self._services:
            await self._health.set(service, health_pb2.HealthCheckResponse.SERVING)
        return port

    async def stop(self, grace_s: float) -> None:
        """Takes no new calls and cancels those that have not ended after `grace_s`. Stop the feed first: watches end
        with it."""
        await self._health.enter_graceful_shutdown()
        await self._server.stop(grace_s)

    def _handlers(self, service: str) -> grpc.GenericRpcHandler:
        methods = [method for method in METHODS.values() if method.service == service]
        return grpc.method_handlers_generic_handler(
            service, {method.name: self._handler(method) for method in methods}
        )

    def _handler(self, method: Method) -> Any:
        make: Any = grpc.unary_unary_rpc_method_handler
        call = self._unary(method)
        if method.streams:
            make = grpc.unary_stream_rpc_method_handler
            call = self._stream(method)
        # Requests are read here: what gRPC cannot read it logs as an error of the server.
        return make(call, response_serializer=method.response.SerializeToString)

    def _unary(self, method: Method) -> Any:
        async def call(data: bytes, context: grpc.aio.ServicerContext[Any, Any]) -> Message:
            said = _metadata(context)
            try:
                request = _read(method, data)
                return await self._chain.unary(method.full_name, request, said, context.peer())
            except RpcFailure as failure:
                await _abort(context, failure.status)

        return call

    def _stream(self, method: Method) -> Any:
        async def call(data: bytes, context: grpc.aio.ServicerContext[Any, Any]) -> None:
            # At once, so that the client knows that it is connected before anything happens.
            await context.send_initial_metadata(())
            said = _metadata(context)
            try:
                request = _read(method, data)
                stream = self._chain.stream(method.full_name, request, said, context.peer())
                async with aclosing(stream) as responses:
                    async for response in responses:
                        await context.write(response)
            except RpcFailure as failure:
                await _abort(context, failure.status)

        return call


def _read(method: Method, data: bytes) -> Message:
    """The request. Raises RpcFailure for bytes that are none."""
    try:
        return method.request.FromString(data)
    except DecodeError as err:
        unreadable = InvalidRequest("request", str(err))
        raise RpcFailure(to_status(unreadable, method.full_name)) from err


def _metadata(context: grpc.aio.ServicerContext[Any, Any]) -> Mapping[str, str]:
    """Texts only, by lower-case key."""
    return {
        key: value for key, value in context.invocation_metadata() or () if isinstance(value, str)
    }


async def _abort(context: grpc.aio.ServicerContext[Any, Any], status: Status) -> NoReturn:
    """Ends the call with the whole status."""
    rich = rpc_status.to_status(status)
    await context.abort(rich.code, rich.details, rich.trailing_metadata)
