"""A small real server that answers as a test tells it to: for tests of managers and other programs that talk to fenix.

It knows nothing of sessions; it serves all services of fenix.v1 on a free port of the loopback interface.
"""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, NoReturn

import grpc
import grpc.aio
from google.protobuf import any_pb2
from google.protobuf.message import Message
from google.protobuf.message_factory import GetMessageClass
from google.rpc import code_pb2, error_details_pb2, status_pb2
from grpc_status import rpc_status

from fenix_grpc.v1 import constraint_service_pb2, project_service_pb2, session_service_pb2

#: In the answer of a stream: stay open and send nothing until the caller leaves.
STAY = object()


@dataclass(frozen=True, slots=True, kw_only=True)
class Failure:
    """An error answer with the details that fenix sends."""

    code: grpc.StatusCode
    message: str = "told to fail"
    reason: str = "SCRIPTED"
    fields: dict[str, str] = field(default_factory=dict)

    def status(self) -> Any:
        """As grpc wants it."""
        violation = error_details_pb2.BadRequest.FieldViolation
        bad = [violation(field=name, description=text) for name, text in self.fields.items()]
        details: list[Message] = [
            error_details_pb2.ErrorInfo(reason=self.reason, domain="fenix"),
            *([error_details_pb2.BadRequest(field_violations=bad)] if bad else []),
        ]
        packed = [any_pb2.Any() for _ in details]
        for box, detail in zip(packed, details, strict=True):
            box.Pack(detail)
        code = code_pb2.Code.Value(self.code.name)
        return rpc_status.to_status(
            status_pb2.Status(code=code, message=self.message, details=packed)
        )


#: A message, a failure, a function of the request; for a stream a sequence of messages, failures and STAY.
Reply = Message | Failure | Callable[[Any], Message] | Sequence[object]


class ScriptedFenix:
    """Answers each call of a method with the next of its replies, and with the last one from then on.

    Used as an asynchronous context manager: it serves inside.
    """

    def __init__(self) -> None:
        self._replies: dict[str, list[Reply]] = defaultdict(list)
        #: Requests of every method in order of arrival.
        self.requests: dict[str, list[Any]] = defaultdict(list)
        #: Metadata of the last call.
        self.metadata: dict[str, str] = {}
        #: Where it serves.
        self.target = ""
        self._server: grpc.aio.Server | None = None

    def reply(self, method: str, *replies: Reply) -> None:
        """Adds replies to a method such as `GetSession`."""
        self._replies[method].extend(replies)

    def forget(self, method: str) -> None:
        """Drops the replies of a method."""
        self._replies[method].clear()

    async def start(self, target: str = "127.0.0.1:0") -> None:
        """Serves at `target`."""
        self._server = grpc.aio.server()
        for file in (session_service_pb2, project_service_pb2, constraint_service_pb2):
            for service in file.DESCRIPTOR.services_by_name.values():
                handlers = {method.name: self._handler(method) for method in service.methods}
                self._server.add_generic_rpc_handlers(
                    (grpc.method_handlers_generic_handler(service.full_name, handlers),)
                )
        port = self._server.add_insecure_port(target)
        self.target = f"127.0.0.1:{port}"
        await self._server.start()

    async def stop(self) -> None:
        """Breaks all calls off, as a server that dies does."""
        if self._server is not None:
            await self._server.stop(grace=None)

    async def __aenter__(self) -> ScriptedFenix:
        await self.start()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.stop()

    def _handler(self, method: Any) -> grpc.RpcMethodHandler[Any, Any]:
        async def unary(request: Any, context: Any) -> Any:
            reply = await self._next(method.name, request, context)
            return reply(request) if callable(reply) else reply

        async def stream(request: Any, context: Any) -> AsyncIterator[Any]:
            for item in await self._next(method.name, request, context):
                if isinstance(item, Failure):
                    await _fail(item, context)
                elif item is STAY:
                    await asyncio.get_running_loop().create_future()
                else:
                    yield item

        make: Any = grpc.unary_stream_rpc_method_handler
        if not method.server_streaming:
            make = grpc.unary_unary_rpc_method_handler
        return make(  # type: ignore[no-any-return]
            stream if method.server_streaming else unary,
            request_deserializer=GetMessageClass(method.input_type).FromString,
            response_serializer=GetMessageClass(method.output_type).SerializeToString,
        )

    async def _next(self, name: str, request: Any, context: Any) -> Any:
        self.requests[name].append(request)
        self.metadata = dict(context.invocation_metadata())
        replies = self._replies[name]
        if not replies:
            await context.abort(grpc.StatusCode.UNIMPLEMENTED, f"no reply to {name} was told")
        reply = replies.pop(0) if len(replies) > 1 else replies[0]
        if isinstance(reply, Failure):
            await _fail(reply, context)
        return reply


async def _fail(failure: Failure, context: Any) -> NoReturn:
    await context.abort_with_status(failure.status())
    raise AssertionError("abort returned")
