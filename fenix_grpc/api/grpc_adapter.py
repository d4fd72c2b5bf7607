"""The gRPC door: every method of the contract as a generic handler that calls the chain, with health and reflection.

Nothing is decided here. Errors travel as google.rpc.Status in the trailer; cancelling ends a call at once.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import aclosing, suppress
from typing import Any, NoReturn

import grpc
from google.protobuf.message import DecodeError, Message
from google.rpc.status_pb2 import Status
from grpc_status import rpc_status

from fenix_grpc.api.chain import Chain
from fenix_grpc.api.methods import METHODS, Method
from fenix_grpc.api.policy import check_covered
from fenix_grpc.api.standard import SERVICES, Health, handlers
from fenix_grpc.api.status import RpcFailure, to_status
from fenix_grpc.config import Limits
from fenix_grpc.core.errors import InvalidRequest, TooSlow
from fenix_grpc.logs import REQUEST_ID, request_id
from fenix_grpc.ports import Peer

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

#: How long a reader that takes nothing gets to take the word that it is too slow.
_LAST_WORD_S = 1.0
#: No call for so long, and the door may be shut without cutting off one that has only just come in.
_QUIET_S = 0.1
#: How soon it is noticed that gRPC has closed by itself.
_LOOK_S = 0.25

logger = logging.getLogger(__name__)


class GrpcDoor:
    """A grpc.aio server for a chain. Made, started and stopped once, on one event loop."""

    def __init__(self, chain: Chain) -> None:
        """Raises LookupError when the policy misses a method."""
        check_covered(f"/{s.full_name}/{method.name}" for s in SERVICES for method in s.methods)
        self._services = sorted({method.service for method in METHODS.values()})
        self._chain = chain
        self._stalled_s = chain.limits.stalled_s
        self._open = 0
        #: Set while a stop waits for calls, by the end of the last of them.
        self._idle = asyncio.Event()
        #: Set by each call.
        self._called = asyncio.Event()
        self._health = Health(self._services)
        self._server = self._made()
        self._credentials: grpc.ServerCredentials | None = None
        #: HOST:PORT, once it is started.
        self.listens = ""
        #: Held while the server is replaced by a new one; none is any more once `_closing`.
        self._opening = asyncio.Lock()
        self._closing = False

    def _made(self) -> grpc.aio.Server:
        server = grpc.aio.server(options=[*OPTIONS, *_sizes(self._chain.limits)])
        own = [self._handlers(name) for name in self._services]
        server.add_generic_rpc_handlers([*own, *handlers(self._health)])
        return server

    async def start(self, listen: str, credentials: grpc.ServerCredentials | None = None) -> int:
        """Listens on HOST:PORT, in plain text without credentials; returns the port, which the system chooses for 0.
        Health is NOT_SERVING until `serving` says otherwise. Raises InvalidRequest."""
        self._credentials = credentials
        port = self._bind(listen)
        self.listens = f"{listen.rpartition(':')[0]}:{port}"
        await self.serving(False)
        await self._server.start()
        return port

    def _bind(self, listen: str) -> int:
        try:
            if self._credentials is None:
                return self._server.add_insecure_port(listen)
            return self._server.add_secure_port(listen, self._credentials)
        except RuntimeError as err:
            raise InvalidRequest("server.grpc_listen", f"cannot listen on {listen}: {err}") from err

    async def keep_open(self) -> None:
        """Returns when the door is closed with `stop`. gRPC ends its server when it meets a path that is no UTF-8,
        which anybody may send: then a new one is opened, and clients come again. Raises whatever else ended it, and
        InvalidRequest when the address is gone."""
        while True:
            try:
                if not await self._server.wait_for_termination(_LOOK_S):
                    return
            except UnicodeDecodeError as err:
                async with self._opening:
                    if self._closing:
                        return
                    logger.warning("somebody called what is no name: gRPC opens anew: %s", err)
                    await self._server.stop(None)
                    self._server = self._made()
                    self._bind(self.listens)
                    await self._server.start()

    async def serving(self, ready: bool) -> None:
        """Tells who asks for health: of each service, and of the server."""
        await self._health.tell(ready)

    async def stop(self, grace_s: float) -> None:
        """Lets calls end, and cancels those that have not after `grace_s`. Stop the feed first, as watches end with it,
        and close the gate of the chain, which refuses in words what still comes in; gRPC would just cut it off."""
        self._closing = True
        async with self._opening:
            await self._health.enter_graceful_shutdown()
        with suppress(TimeoutError):
            async with asyncio.timeout(grace_s):
                await self._until_quiet()
        # Those that are left listen to the health of this server, and would for ever, or read nothing: gRPC itself
        # would wait for these until a ping of theirs is late.
        with suppress(TimeoutError):
            async with asyncio.timeout(_LAST_WORD_S):
                await self._server.stop(None)

    async def _until_quiet(self) -> None:
        """No call is under way, and none came lately."""
        while True:
            await self._until_idle()
            self._called.clear()
            try:
                async with asyncio.timeout(_QUIET_S):
                    await self._called.wait()
            except TimeoutError:
                return

    async def _until_idle(self) -> None:
        while self._open:
            self._idle.clear()
            await self._idle.wait()

    def _begun(self) -> None:
        self._open += 1
        self._called.set()

    def _ended(self) -> None:
        self._open -= 1
        if not self._open:
            self._idle.set()

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
        full_name, unary = method.full_name, self._chain.unary

        async def call(data: bytes, context: grpc.aio.ServicerContext[Any, Any]) -> Message:
            self._begun()
            said = _metadata(context)
            context.set_trailing_metadata(((REQUEST_ID, said[REQUEST_ID]),))
            try:
                return await unary(full_name, _read(method, data), said, self._peer(context))
            except RpcFailure as failure:
                await _abort(context, failure.status, said)
            finally:
                self._ended()

        return call

    def _stream(self, method: Method) -> Any:
        async def call(data: bytes, context: grpc.aio.ServicerContext[Any, Any]) -> None:
            self._begun()
            said = _metadata(context)
            try:
                # At once, so that the client knows that it is connected before anything happens.
                await context.send_initial_metadata(((REQUEST_ID, said[REQUEST_ID]),))
                request = _read(method, data)
                peer = self._peer(context)
                stream = self._chain.stream(method.full_name, request, said, peer)
                await self._relay(method, stream, context)
            except RpcFailure as failure:
                await _abort(context, failure.status, said)
            finally:
                self._ended()

        return call

    def _peer(self, context: grpc.aio.ServicerContext[Any, Any]) -> Peer:
        """Without TLS nobody shows a certificate. gRPC tells only names in one that it has verified."""
        shown = context.auth_context() if self._credentials else {}
        found = [
            *shown.get("x509_subject_alternative_name", ()),
            *shown.get("x509_common_name", ()),
        ]
        names = dict.fromkeys(name.decode(errors="replace") for name in found)
        return Peer(address=context.peer(), names=tuple(names))

    async def _relay(
        self,
        method: Method,
        stream: AsyncGenerator[Message, None],
        context: grpc.aio.ServicerContext[Any, Any],
    ) -> None:
        """Sends all of a stream. Raises RpcFailure."""
        token = ""
        async with aclosing(stream) as responses:
            async for response in responses:
                try:
                    async with asyncio.timeout(self._stalled_s):
                        await context.write(response)
                except TimeoutError:
                    self._chain.measures.refused("stalled_s")
                    slow = TooSlow(token, self._stalled_s)
                    with suppress(TimeoutError):
                        async with asyncio.timeout(_LAST_WORD_S):
                            await _abort(context, to_status(slow, method.full_name), {})
                    raise asyncio.CancelledError from None
                token = getattr(response, "token", "")


def _sizes(limits: Limits) -> Sequence[tuple[str, int]]:
    """Whoever sends more is answered RESOURCE_EXHAUSTED by gRPC itself."""
    return (
        ("grpc.max_receive_message_length", limits.message_bytes),
        ("grpc.max_metadata_size", limits.metadata_bytes),
        ("grpc.absolute_max_metadata_size", limits.metadata_bytes),
    )


def _read(method: Method, data: bytes) -> Message:
    """The request. Raises RpcFailure for bytes that are none."""
    try:
        return method.request.FromString(data)
    except DecodeError as err:
        unreadable = InvalidRequest("request", str(err))
        raise RpcFailure(to_status(unreadable, method.full_name)) from err


def _metadata(context: grpc.aio.ServicerContext[Any, Any]) -> dict[str, str]:
    """Texts only, by lower-case key; with a name for the request."""
    said = {
        key: value for key, value in context.invocation_metadata() or () if isinstance(value, str)
    }
    said[REQUEST_ID] = request_id(said)
    return said


async def _abort(
    context: grpc.aio.ServicerContext[Any, Any], status: Status, said: Mapping[str, str]
) -> NoReturn:
    """Ends the call with the whole status."""
    rich = rpc_status.to_status(status)
    named = [(REQUEST_ID, said[REQUEST_ID])] if REQUEST_ID in said else []
    await context.abort(rich.code, rich.details, (*rich.trailing_metadata, *named))
