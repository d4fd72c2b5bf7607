"""The one way into fenix: authenticate, authorise, validate, handle, map errors. No door has another.

The only exception that leaves it is RpcFailure, which carries the google.rpc.Status. Cancelling passes through.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import aclosing
from typing import Any

from google.protobuf.message import Message

from fenix_grpc.api.methods import METHODS, Method
from fenix_grpc.api.policy import check_allowed, check_covered
from fenix_grpc.api.status import RpcFailure, to_status
from fenix_grpc.api.validate import check_request
from fenix_grpc.ports import Caller, Identity


class Chain:
    """Performs calls by full method name: `/fenix.v1.SessionService/GetSession`."""

    def __init__(self, identity: Identity, handlers: Sequence[object]) -> None:
        """`handlers` are objects with a coroutine method, or an async generator, for each method of the contract: for
        GetSession `get_session(request, caller)`. Raises LookupError when a method has no handler or no policy."""
        check_covered(METHODS)
        self._identity = identity
        self._handlers = {
            method.full_name: _handler(method, handlers) for method in METHODS.values()
        }

    async def unary(
        self, method: str, request: Message, metadata: Mapping[str, str], peer: str
    ) -> Message:
        """One request, one response. `metadata` has lower-case keys. Raises RpcFailure."""
        try:
            caller = await self._admit(method, request, metadata, peer)
            response: Message = await self._handlers[method](request, caller)
        except Exception as err:  # the boundary at which a defect becomes an incident
            raise RpcFailure(to_status(err, method)) from err
        return response

    async def stream(
        self, method: str, request: Message, metadata: Mapping[str, str], peer: str
    ) -> AsyncGenerator[Message, None]:
        """One request, many responses. Raises RpcFailure. Must be closed (`aclose`) by whoever ends it early."""
        try:
            caller = await self._admit(method, request, metadata, peer)
            async with aclosing(self._handlers[method](request, caller)) as responses:
                async for response in responses:
                    yield response
        except Exception as err:  # the boundary at which a defect becomes an incident
            raise RpcFailure(to_status(err, method)) from err

    async def _admit(
        self, method: str, request: Message, metadata: Mapping[str, str], peer: str
    ) -> Caller:
        caller = await self._identity.identify(metadata, peer)
        check_allowed(method, caller, request)
        check_request(request)
        return caller


def _handler(method: Method, handlers: Sequence[object]) -> Any:
    for candidate in handlers:
        if found := getattr(candidate, method.handler, None):
            return found
    raise LookupError(f"{method.full_name} has no handler {method.handler}")
