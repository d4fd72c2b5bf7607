"""gRPC's standard services, which tools ask besides the contract: health and reflection.

The libraries do the work; what they lack is here: a method of health, and an answer to bytes that are no request, which
they would log as errors of the server.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from typing import Any

import grpc
from google.protobuf.message import DecodeError, Message
from google.protobuf.message_factory import GetMessageClass
from grpc_health.v1 import health, health_pb2  # type: ignore[import-untyped]
from grpc_reflection.v1alpha import reflection, reflection_pb2  # type: ignore[import-untyped]

#: Their services.
SERVICES = tuple(
    service
    for file in (health_pb2.DESCRIPTOR, reflection_pb2.DESCRIPTOR)
    for service in file.services_by_name.values()
)
Context = grpc.aio.ServicerContext[Any, Any]


class Health(health.aio.HealthServicer):  # type: ignore[misc]
    """grpc.health.v1 of some services and, under no name, of the server."""

    def __init__(self, services: Sequence[str]) -> None:
        super().__init__()
        self.names = ("", *services)

    async def List(self, request: Any, context: Context) -> Any:
        """The health of each."""
        listed = health_pb2.HealthListResponse()
        for name in self.names:
            asked = health_pb2.HealthCheckRequest(service=name)
            listed.statuses[name].CopyFrom(await self.Check(asked, context))
        return listed

    async def tell(self, ready: bool) -> None:
        """That all of them serve, or that none does."""
        kinds = health_pb2.HealthCheckResponse
        for name in self.names:
            await self.set(name, kinds.SERVING if ready else kinds.NOT_SERVING)


def handlers(health_of: Health) -> Sequence[grpc.GenericRpcHandler]:
    """Of health, and of reflection upon the same services and these here."""
    names = (*health_of.names[1:], *(service.full_name for service in SERVICES))
    reflecting = reflection.aio.ReflectionServicer(names)
    servicers = {"Health": health_of, "ServerReflection": reflecting}
    return [_handlers(service, servicers[service.name]) for service in SERVICES]


def _handlers(service: Any, servicer: Any) -> grpc.GenericRpcHandler:
    return grpc.method_handlers_generic_handler(
        service.full_name,
        {
            method.name: _handler(method, getattr(servicer, method.name))
            for method in service.methods
        },
    )


def _handler(method: Any, call: Any) -> Any:
    kind, response = GetMessageClass(method.input_type), GetMessageClass(method.output_type)
    make: Any = grpc.unary_unary_rpc_method_handler

    async def one(data: bytes, context: Context) -> Any:
        return await call(await _read(kind, data, context), context)

    async def many(requests: AsyncIterator[bytes], context: Context) -> AsyncIterator[Any]:
        async def read() -> AsyncIterator[Message]:
            async for data in requests:
                yield await _read(kind, data, context)

        async for answer in call(read(), context):
            yield answer

    behaviour: Any = one
    if method.client_streaming:
        make, behaviour = grpc.stream_stream_rpc_method_handler, many
    elif method.server_streaming:
        make = grpc.unary_stream_rpc_method_handler
    return make(behaviour, response_serializer=response.SerializeToString)


async def _read(kind: type[Message], data: bytes, context: Context) -> Message:
    """The request; bytes that are none end the call."""
    try:
        return kind.FromString(data)
    except DecodeError as err:
        await context.abort(grpc.StatusCode.INVALID_ARGUMENT, f"request: {err}")
