"""The one way into fenix: measure, limit, authenticate, authorise, validate, handle, map errors. No door has another.

The only exception that leaves it is RpcFailure, which carries the google.rpc.Status. Cancelling passes through.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import aclosing
from time import perf_counter
from typing import Any

from google.protobuf.message import Message
from google.rpc import code_pb2

from fenix_grpc.api.audit import Audit, Entry
from fenix_grpc.api.limits import Gate
from fenix_grpc.api.methods import METHODS, Method
from fenix_grpc.api.policy import Access, check_covered
from fenix_grpc.api.status import RpcFailure, to_status
from fenix_grpc.api.validate import check_request
from fenix_grpc.clock import SystemClock
from fenix_grpc.config import Limits
from fenix_grpc.core.errors import IdentityUnavailable, TookTooLong
from fenix_grpc.logs import REQUEST_ID, note
from fenix_grpc.measures import Measures
from fenix_grpc.ports import Caller, Identity, Peer
from fenix_grpc.traces import Traces

#: Seconds after which a caller who listens to a stream must be known still.
_RECHECK_S = 30.0

#: Of what is logged as the id of a session.
_LONGEST_ID = 64


class Chain:
    """Performs calls by full method name: `/fenix.v1.SessionService/GetSession`."""

    def __init__(
        self,
        identity: Identity,
        handlers: Sequence[object],
        *,
        limits: Limits | None = None,
        measures: Measures | None = None,
        access: Access | None = None,
        audit: Audit | None = None,
        traces: Traces | None = None,
        recheck_s: float = _RECHECK_S,
    ) -> None:
        """`handlers` are objects with a coroutine method, or an async generator, for each method of the contract: for
        GetSession `get_session(request, caller)`. Raises LookupError when a method has no handler or no policy."""
        check_covered(METHODS)
        self._identity = identity
        self._access = access or Access()
        self._audit = audit or Audit(SystemClock())
        self._recheck_s = recheck_s
        self._handlers = {
            method.full_name: _handler(method, handlers) for method in METHODS.values()
        }
        self.limits = limits or Limits()
        self.measures = measures or Measures()
        self._traces = traces or Traces()
        self.gate = Gate(self.limits, self.measures)

    async def unary(
        self, method: str, request: Message, metadata: Mapping[str, str], peer: Peer
    ) -> Message:
        """One request, one response. `metadata` has lower-case keys. Raises RpcFailure."""
        began, code = perf_counter(), code_pb2.CANCELLED
        gate, deadline = self.gate, asyncio.timeout(self.limits.call_s)
        gate.under_way += 1
        _note(method, request, metadata)
        try:
            gate.check_room()
            with self._traces.call(method, metadata):
                async with deadline:
                    with self._audit.call(method, request, metadata, peer) as entry:
                        caller = await self._admit(entry)
                        response: Message = await self._handlers[method](request, caller)
                        entry.response = response
            code = code_pb2.OK
        except Exception as err:  # the boundary at which a defect becomes an incident
            status = to_status(self._too_long() if deadline.expired() else err, method)
            code = status.code
            raise RpcFailure(status) from err
        finally:
            gate.under_way -= 1
            self.measures.called(method, code, perf_counter() - began)
        return response

    async def stream(
        self, method: str, request: Message, metadata: Mapping[str, str], peer: Peer
    ) -> AsyncGenerator[Message, None]:
        """One request, many responses. Raises RpcFailure. Must be closed (`aclose`) by whoever ends it early."""
        code = code_pb2.CANCELLED
        _note(method, request, metadata)
        try:
            self.gate.check_open()
            with self._audit.call(method, request, metadata, peer) as entry:
                caller = await self._admit(entry)
            checked_at = _seconds()
            with self.gate.watch(caller):
                async with aclosing(self._handlers[method](request, caller)) as responses:
                    async for response in responses:
                        if _seconds() - checked_at > self._recheck_s:
                            await self._recheck(method, request, metadata, peer)
                            checked_at = _seconds()
                        yield response
            code = code_pb2.OK
        except Exception as err:  # the boundary at which a defect becomes an incident
            status = to_status(err, method)
            code = status.code
            raise RpcFailure(status) from err
        finally:
            self.measures.watched(method, code)

    async def _admit(self, entry: Entry) -> Caller:
        caller = entry.caller = await self._identity.identify(entry.metadata, entry.peer)
        self.gate.admit(caller)
        self._access.check_allowed(entry.method, caller, entry.request)
        check_request(entry.request)
        return caller

    async def _recheck(
        self, method: str, request: Message, metadata: Mapping[str, str], peer: Peer
    ) -> None:
        """A stream ends when its caller's token has expired or was revoked. When nobody can tell, it goes on."""
        with self._audit.call(method, request, metadata, peer) as entry:
            try:
                entry.caller = await self._identity.identify(metadata, peer)
            except IdentityUnavailable:
                return
            self._access.check_allowed(method, entry.caller, request)

    def _too_long(self) -> TookTooLong:
        seconds = self.limits.call_s
        text = f"no answer within {seconds:g} s; whether anything was done is not known: look before you repeat it"
        return TookTooLong(text)


def _seconds() -> float:
    return asyncio.get_running_loop().time()


def _note(method: str, request: Message, metadata: Mapping[str, str]) -> None:
    """Lines that are logged during the call tell which it was."""
    session_id: str = getattr(request, "session_id", "")
    # Not checked yet: what is no id must not disturb the log.
    session = session_id if len(session_id) <= _LONGEST_ID and session_id.isprintable() else "?"
    note(request=metadata.get(REQUEST_ID, ""), method=method, session=session)


def _handler(method: Method, handlers: Sequence[object]) -> Any:
    for candidate in handlers:
        if found := getattr(candidate, method.handler, None):
            return found
    raise LookupError(f"{method.full_name} has no handler {method.handler}")
