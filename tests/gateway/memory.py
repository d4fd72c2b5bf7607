"""A whole back end in memory: small, real, and the same over gRPC. The suites run against it in-process and over a
channel; any other `Backend` can take its place in `conftest.py`."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import AsyncIterator
from typing import Any, NoReturn

import grpc
from google.protobuf.message import Message
from google.rpc import code_pb2, error_details_pb2, status_pb2
from grpc_status import rpc_status

from fenix_grpc.v1 import plan_pb2 as plan_pb
from fenix_grpc.v1 import project_service_pb2 as project_pb
from fenix_grpc.v1 import session_service_pb2 as session_pb
from fenix_grpc.v1 import types_pb2 as pb
from gateway import Backend, Metadata, RpcError, rules

SESSIONS = "/fenix.v1.SessionService/"
PROJECTS = "/fenix.v1.ProjectService/"
PROJECT = "ead0dbcaf3564cbbb04842e3e54960e3"
INSTANCES = ("109e14d9-6566-42b3-93e4-76605f264d8f", "71285107-f0fc-4428-a8b2-0b3edd64bcad")


def refused(code: int, message: str, *details: Message) -> RpcError:
    status = status_pb2.Status(code=code, message=message)
    for detail in details:
        status.details.add().Pack(detail)
    return RpcError(code, message, status)


def unknown(kind: str, name: str) -> RpcError:
    info = error_details_pb2.ResourceInfo(resource_type=kind, resource_name=name)
    return refused(code_pb2.NOT_FOUND, f"{kind} {name} is not known", info)


def a_plan(session_id: str) -> plan_pb.SessionPlan:
    """With one of everything."""
    plan = plan_pb.SessionPlan(session_id=session_id, rounds=1, moves_gap=0.5)
    plan.made_at.FromSeconds(1_900_000_000)
    plan.hosts.add(host="c1", zone="az1").begins_at.FromSeconds(1_900_000_060)
    plan.moves.add(instance_id="i1", source="c1", target="c2")
    plan.moves.add(instance_id="i2", source="c1")
    plan.bounds.makespan_s = 1800.5
    plan.options.add(rounds=1, moves=2, chosen=True)
    plan.blockers.add(
        kind=plan_pb.BLOCKER_KIND_NO_ROOM, hosts=["c3"], scale_in=pb.Resources(vcpus=8)
    )
    plan.blockers.add(kind=plan_pb.BLOCKER_KIND_HOST_UNFIT, hosts=["c4"], proven=True)
    plan.pace.move_p50_s = 42.5
    plan.waiting.add(subject="window", reason="too short")
    return plan


class MemoryBackend:
    """Sessions that do nothing by themselves. Tests move them through `sessions`, `say` and `end`."""

    def __init__(self, limit: int = 3) -> None:
        self.limit = limit
        self.sessions: dict[str, pb.SessionDetail] = {}
        #: Raised by the method of that name.
        self.failures: dict[str, Exception] = {}
        #: What every watcher is sent, in order; an RpcError fails the streams, None ends them.
        self.feed: list[Message | RpcError | None] = []
        self._changed = asyncio.Condition()
        self.watchers = 0

    async def unary(self, method: str, request: Message, metadata: Metadata) -> Message:
        token = dict(metadata).get("x-auth-token")
        if token == "expired":
            raise refused(code_pb2.UNAUTHENTICATED, "the token has expired")
        if token == "foreign":
            raise refused(code_pb2.PERMISSION_DENIED, "this is not your project")
        if method in self.failures:
            raise self.failures[method]
        reply: Message = getattr(self, "_" + method.rpartition("/")[2])(request)
        return reply

    async def stream(self, method: str, request: Any, metadata: Metadata) -> AsyncIterator[Message]:
        if method in self.failures:
            raise self.failures[method]
        session_id = getattr(request, "session_id", "")
        if session_id and session_id not in self.sessions:
            raise unknown("session", session_id)
        if request.after == "forgotten":
            raise refused(code_pb2.OUT_OF_RANGE, "the token is too old; the oldest that works is 7")
        await self._count(1)
        try:
            at = int(request.after or 0)
            while True:
                async with self._changed:
                    if at >= len(self.feed) and not getattr(request, "follow", True):
                        return
                    while at >= len(self.feed):
                        await self._changed.wait()
                entry = self.feed[at]
                at += 1
                if entry is None:
                    return
                if isinstance(entry, RpcError):
                    raise entry
                yield entry
        finally:
            await self._count(-1)

    async def _count(self, change: int) -> None:
        async with self._changed:
            self.watchers += change
            self._changed.notify_all()

    async def say(self, *entries: Message | RpcError | None) -> None:
        async with self._changed:
            self.feed.extend(entries)
            self._changed.notify_all()

    async def until_watchers(self, count: int) -> None:
        """Returns once as many streams are open."""
        async with asyncio.timeout(10), self._changed:
            await self._changed.wait_for(lambda: self.watchers == count)

    def add(self, **fields: Any) -> str:
        """A session in any state."""
        session_id = str(uuid.uuid1())
        self.sessions[session_id] = pb.SessionDetail(
            session=pb.Session(session_id=session_id, **fields)
        )
        return session_id

    def _find(self, session_id: str) -> pb.SessionDetail:
        if session_id not in self.sessions:
            raise unknown("session", session_id)
        return self.sessions[session_id]

    def _CreateSession(self, request: Any) -> Message:
        if not request.HasField("maintenance_at"):
            violation = error_details_pb2.BadRequest.FieldViolation(
                field="maintenance_at", description="is required"
            )
            raise refused(
                code_pb2.INVALID_ARGUMENT,
                "maintenance_at: is required",
                error_details_pb2.BadRequest(field_violations=[violation]),
            )
        if len(self.sessions) >= self.limit:
            raise refused(code_pb2.RESOURCE_EXHAUSTED, f"{self.limit} sessions exist already")
        session_id = self.add(
            state=pb.SESSION_STATE_MAINTENANCE,
            workflow=request.workflow or "default",
            maintenance_at=request.maintenance_at,
            metadata=request.metadata,
        )
        return session_pb.CreateSessionResponse(session=self.sessions[session_id].session)

    def _ListSessions(self, request: Any) -> Message:
        found = [detail.session for detail in self.sessions.values()]
        size = request.page_size or 100
        more = "more" if len(found) > size else ""
        return session_pb.ListSessionsResponse(sessions=found[:size], next_page_token=more)

    def _GetSession(self, request: Any) -> Message:
        return session_pb.GetSessionResponse(session=self._find(request.session_id).session)

    def _GetSessionDetail(self, request: Any) -> Message:
        return session_pb.GetSessionDetailResponse(detail=self._find(request.session_id))

    def _UpdateSession(self, request: Any) -> Message:
        session = self._find(request.session_id).session
        if session.state != pb.SESSION_STATE_MAINTENANCE_FAILED:
            raise refused(code_pb2.FAILED_PRECONDITION, "the session has not failed")
        session.state = request.state or session.prev_state
        return session_pb.UpdateSessionResponse(session=session)

    def _PlanSession(self, request: Any) -> Message:
        if request.session_id:
            self._find(request.session_id)
        return session_pb.PlanSessionResponse(plan=a_plan(request.session_id))

    def _DeleteSession(self, request: Any) -> Message:
        self._find(request.session_id)
        del self.sessions[request.session_id]
        return session_pb.DeleteSessionResponse()

    def _GetProjectSession(self, request: Any) -> Message:
        detail = self._find(request.session_id)
        if request.project_id != PROJECT:
            raise unknown("project", request.project_id)
        notice = pb.ProjectNotice(
            notice_id="planned/1",
            session_id=request.session_id,
            project_id=PROJECT,
            kind=pb.NOTICE_KIND_PLANNED_MAINTENANCE,
            instances=[pb.NoticeInstance(instance_id=i, instance_name="vm") for i in INSTANCES],
            allowed_actions=[pb.INSTANCE_ACTION_MIGRATE, pb.INSTANCE_ACTION_OWN_ACTION],
        )
        notice.reply_at.FromJsonString("2018-02-28T07:00:00Z")
        return project_pb.GetProjectSessionResponse(
            instance_ids=INSTANCES, notice=notice, state=detail.session.state
        )

    def _ReplyProjectSession(self, request: Any) -> Message:
        self._find(request.session_id)
        return project_pb.ReplyProjectSessionResponse(counted=True, detail="thank you")


class Recorder:
    """Any back end, with a list of what it was asked."""

    def __init__(self, inner: Backend) -> None:
        self._inner = inner
        self.calls: list[tuple[str, Message, dict[str, str]]] = []

    async def unary(self, method: str, request: Message, metadata: Metadata) -> Message:
        self.calls.append((method, request, dict(metadata)))
        return await self._inner.unary(method, request, metadata)

    def stream(self, method: str, request: Message, metadata: Metadata) -> AsyncIterator[Message]:
        self.calls.append((method, request, dict(metadata)))
        return self._inner.stream(method, request, metadata)


class _Handlers(grpc.GenericRpcHandler):
    """Any back end as a gRPC service."""

    def __init__(self, backend: Backend) -> None:
        self._backend = backend
        self._methods = rules.methods()

    def service(self, call: grpc.HandlerCallDetails) -> grpc.RpcMethodHandler[Any, Any] | None:
        method = self._methods.get(call.method)
        if method is None:
            return None
        make = (
            grpc.unary_stream_rpc_method_handler
            if method.streaming
            else grpc.unary_unary_rpc_method_handler
        )
        return make(
            self._stream(method.name) if method.streaming else self._unary(method.name),
            request_deserializer=method.request.FromString,
            response_serializer=method.response.SerializeToString,
        )

    def _unary(self, name: str) -> Any:
        async def handle(request: Message, context: Any) -> Message:
            try:
                return await self._backend.unary(name, request, context.invocation_metadata())
            except RpcError as err:
                await _abort(context, err)

        return handle

    def _stream(self, name: str) -> Any:
        async def handle(request: Message, context: Any) -> AsyncIterator[Message]:
            messages = self._backend.stream(name, request, context.invocation_metadata())
            try:
                async for message in messages:
                    yield message
            except RpcError as err:
                await _abort(context, err)
            finally:
                await messages.aclose()  # type: ignore[attr-defined]

        return handle


async def _abort(context: Any, err: RpcError) -> NoReturn:
    status = err.status or status_pb2.Status(code=err.code, message=err.message)
    await context.abort_with_status(rpc_status.to_status(status))
    raise AssertionError("abort returned")


async def grpc_server(backend: Backend) -> tuple[grpc.aio.Server, int]:
    """A started server on a free loopback port."""
    server = grpc.aio.server(options=[("grpc.so_reuseport", 0)])
    server.add_generic_rpc_handlers((_Handlers(backend),))
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    return server, port
