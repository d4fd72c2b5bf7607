"""How a mistake is written down: what is sent through each door, and how it must be refused there."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import grpc
from google.protobuf.message import Message
from google.protobuf.timestamp_pb2 import Timestamp

from fenix_grpc.v1 import project_service_pb2 as project_pb
from fenix_grpc.v1 import session_service_pb2 as session_pb
from fenix_grpc.v1.types_pb2 import Answer, NoticeKind

SESSIONS = "/fenix.v1.SessionService/"
PROJECTS = "/fenix.v1.ProjectService/"
MAINTENANCE = "/v1/maintenance"
FUTURE = "2099-01-01 00:00:00"
FUTURE_AT = Timestamp(seconds=4_070_908_800)

#: A project whose reply to MAINTENANCE a session awaits, and one that the session does not concern.
PROJECT, FOREIGN = "red", "blue"
#: Stand for the ids of that session and of an instance of the foreign project, which are as long as these.
HERE = "here----" * 4 + "here"
FOREIGN_INSTANCE = "instance" * 4 + "inst"
UNKNOWN = "695030ee-1c4d-11e8-a9b0-0242ac110002"

INVALID = grpc.StatusCode.INVALID_ARGUMENT
NOT_FOUND = grpc.StatusCode.NOT_FOUND
NOT_NOW = grpc.StatusCode.FAILED_PRECONDITION

Fields = Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Grpc:
    """A call, and the code that it must end with."""

    method: str
    request: bytes
    code: grpc.StatusCode = INVALID
    metadata: tuple[tuple[str, str], ...] = ()
    #: False for what gRPC itself refuses before fenix sees it.
    by_fenix: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Rest:
    """A request, and the status that it must end with."""

    verb: str
    path: str
    body: bytes = b""
    headers: Fields = field(default_factory=dict)
    status: int = 422


@dataclass(frozen=True, slots=True, kw_only=True)
class Mistake:
    """What is wrong, in each form in which it can be made."""

    name: str
    #: Part of what the client is told, whatever the door.
    says: str
    grpc: Grpc | None = None
    rest: Rest | None = None


def create(name: str, says: str, rest: Fields | None, call: Fields | None = None) -> Mistake:
    """A CreateSession with these fields besides a good date. `call` are those for gRPC where they differ; without
    `rest` only gRPC can send it."""
    said = rest if call is None else call
    request = session_pb.CreateSessionRequest(**{"maintenance_at": FUTURE_AT, **(said or {})})
    body = _json({"maintenance_at": FUTURE, **(rest or {})})
    return Mistake(
        name=name,
        says=says,
        grpc=_grpc(SESSIONS, request),
        rest=None if rest is None else Rest(verb="POST", path=MAINTENANCE, body=body),
    )


def body(name: str, says: str, sent: bytes | Fields, status: int = 422, **more: Any) -> Mistake:
    """A body of a create as only REST can send it."""
    raw = sent if isinstance(sent, bytes) else _json({"maintenance_at": FUTURE, **sent})
    rest = Rest(verb="POST", path=MAINTENANCE, body=raw, status=status, headers=more)
    return Mistake(name=name, says=says, rest=rest)


def reply(
    name: str, says: str, rest: Fields, code: grpc.StatusCode = INVALID, **call: Any
) -> Mistake:
    """A ReplyProjectSession: ACK_MAINTENANCE but for these fields."""
    good: dict[str, Any] = {
        "session_id": HERE,
        "project_id": PROJECT,
        "kind": NoticeKind.NOTICE_KIND_MAINTENANCE,
        "answer": Answer.ANSWER_ACK,
    }
    request = project_pb.ReplyProjectSessionRequest(**good | call)
    path = f"{MAINTENANCE}/{request.session_id}/{request.project_id}"
    status = 404 if code is NOT_FOUND else 422
    return Mistake(
        name=name,
        says=says,
        grpc=_grpc(PROJECTS, request, code),
        rest=Rest(verb="PUT", path=path, body=_json(rest), status=status),
    )


def look(
    says: str, verb: str, path: str, request: Message, code: grpc.StatusCode, status: int
) -> Mistake:
    """A call whose mistake is in its ids or its query."""
    service = PROJECTS if "Project" in type(request).__name__ else SESSIONS
    call = _grpc(service, request, code)
    sent = b"{}" if verb == "PUT" else b""
    rest = Rest(verb=verb, path=path, body=sent, status=status)
    return Mistake(name=f"{verb} {path[:60]}", says=says, grpc=call, rest=rest)


def path(says: str, verb: str, where: str, status: int) -> Mistake:
    """A verb or path that only HTTP knows."""
    return Mistake(
        name=f"{verb} {where}", says=says, rest=Rest(verb=verb, path=where, status=status)
    )


def call(name: str, says: str, method: str, request: bytes, **more: Any) -> Mistake:
    """A call as only gRPC can make it."""
    return Mistake(name=name, says=says, grpc=Grpc(method=method, request=request, **more))


def nested(levels: int) -> Any:
    """An object in an object in an object ..."""
    value: dict[str, Any] = {}
    for _ in range(levels):
        value = {"a": value}
    return value


def _grpc(service: str, request: Message, code: grpc.StatusCode = INVALID) -> Grpc:
    method = service + type(request).__name__.removesuffix("Request")
    return Grpc(method=method, request=request.SerializeToString(), code=code)


def _json(value: Any) -> bytes:
    return json.dumps(value).encode()
