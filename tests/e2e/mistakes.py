"""The mistakes: whatever a client may send that must not be done, and must not do any harm."""

from __future__ import annotations

from typing import Any

import grpc
from google.protobuf.timestamp_pb2 import Timestamp

from fenix_grpc.v1.project_service_pb2 import GetProjectSessionRequest, WatchProjectRequest
from fenix_grpc.v1.session_service_pb2 import (
    DeleteSessionRequest,
    GetSessionDetailRequest,
    GetSessionRequest,
    ListSessionsRequest,
    UpdateSessionRequest,
    WatchSessionRequest,
)
from fenix_grpc.v1.types_pb2 import ActionSpec, ActionType, Answer, InstanceAction, NoticeKind
from tests.e2e.bad_input import (
    FOREIGN,
    FOREIGN_INSTANCE,
    HERE,
    INVALID,
    MAINTENANCE,
    NOT_FOUND,
    NOT_NOW,
    PROJECT,
    PROJECTS,
    SESSIONS,
    UNKNOWN,
    Mistake,
    body,
    call,
    create,
    look,
    nested,
    path,
    reply,
)

_M = MAINTENANCE
_ONE = f"{_M}/{UNKNOWN}"
_PRE = ActionType.ACTION_TYPE_PRE
_SMILES = "\N{GRINNING FACE}" * 255
_TOO_MUCH = grpc.StatusCode.RESOURCE_EXHAUSTED
_NO_METHOD = grpc.StatusCode.UNIMPLEMENTED
_ACK = {"state": "ACK_MAINTENANCE"}


def _at(seconds: int) -> dict[str, Any]:
    return {"maintenance_at": Timestamp(seconds=seconds)}


def _action(plugin: str, kind: Any = _PRE) -> dict[str, Any]:
    return {"actions": [ActionSpec(plugin=plugin, type=kind)]}


_UNKNOWN_THINGS = (
    look("is not known", "GET", _ONE, GetSessionRequest(session_id=UNKNOWN), NOT_FOUND, 404),
    look(
        "is not known",
        "GET",
        f"{_ONE}/detail",
        GetSessionDetailRequest(session_id=UNKNOWN),
        NOT_FOUND,
        404,
    ),
    look("is not known", "PUT", _ONE, UpdateSessionRequest(session_id=UNKNOWN), NOT_FOUND, 404),
    look("is not known", "DELETE", _ONE, DeleteSessionRequest(session_id=UNKNOWN), NOT_FOUND, 404),
    look(
        "is not known",
        "GET",
        f"{_ONE}:watch",
        WatchSessionRequest(session_id=UNKNOWN, follow=True),
        NOT_FOUND,
        404,
    ),
    look(
        "is not known",
        "GET",
        f"{_ONE}/{PROJECT}",
        GetProjectSessionRequest(session_id=UNKNOWN, project_id=PROJECT),
        NOT_FOUND,
        404,
    ),
    look(
        "is not known",
        "GET",
        f"{_M}/{HERE}/{FOREIGN}",
        GetProjectSessionRequest(session_id=HERE, project_id=FOREIGN),
        NOT_FOUND,
        404,
    ),
    look(
        "is not known",
        "GET",
        f"{_M}/{HERE}/{_SMILES}",
        GetProjectSessionRequest(session_id=HERE, project_id=_SMILES),
        NOT_FOUND,
        404,
    ),
    reply("unknown session", "is not known", _ACK, NOT_FOUND, session_id=UNKNOWN),
    reply("foreign project", "is not known", _ACK, NOT_FOUND, project_id=FOREIGN),
)

_IDS = (
    look(
        "session_id: at most 64 characters",
        "GET",
        f"{_M}/{'x' * 65}",
        GetSessionRequest(session_id="x" * 65),
        INVALID,
        422,
    ),
    look(
        "session_id: must not contain the character NUL",
        "GET",
        f"{_M}/a%00b",
        GetSessionRequest(session_id="a\0b"),
        INVALID,
        422,
    ),
    look(
        "session_id: must not contain control characters",
        "GET",
        f"{_M}/a%1B%5B2J",
        GetSessionRequest(session_id="a\x1b[2J"),
        INVALID,
        422,
    ),
    look(
        "session \N{SNOWMAN} is not known",
        "DELETE",
        f"{_M}/%E2%98%83",
        DeleteSessionRequest(session_id="\N{SNOWMAN}"),
        NOT_FOUND,
        404,
    ),
    look(
        "project_id: at most 255 characters",
        "GET",
        f"/v1/projects/{'x' * 300}:watch",
        WatchProjectRequest(project_id="x" * 300),
        INVALID,
        400,
    ),
    look("page_size", "GET", f"{_M}?page_size=-1", ListSessionsRequest(page_size=-1), INVALID, 422),
    look(
        "page_token", "GET", f"{_M}?page_token=x", ListSessionsRequest(page_token="x"), INVALID, 422
    ),
    look("not a token", "GET", f"{_M}:watch?after=x", WatchSessionRequest(after="x"), INVALID, 400),
    look(
        "ahead of this journal",
        "GET",
        f"{_M}:watch?after=999999999",
        WatchSessionRequest(after="999999999"),
        INVALID,
        400,
    ),
    look(
        "cannot be combined",
        "GET",
        f"{_M}:watch?snapshot=true&after=1",
        WatchSessionRequest(snapshot=True, after="1"),
        INVALID,
        400,
    ),
)

_CREATES = (
    create("unknown workflow", "workflow: os.path is not allowed", {"workflow": "os.path"}),
    create(
        "unknown action",
        "actions: os is not allowed",
        {"actions": [{"plugin": "os", "type": "pre"}]},
        _action("os"),
    ),
    create(
        "endless name of an action",
        "actions[0].plugin: at most 255 characters",
        {"actions": [{"plugin": "x" * 100_000, "type": "pre"}]},
        _action("x" * 100_000),
    ),
    create(
        "unknown type of an action",
        "actions[0].type",
        {"actions": [{"plugin": "dummy", "type": "sometimes"}]},
        _action("dummy", 99),
    ),
    create(
        "too many actions",
        "actions: at most 100",
        {"actions": [{"plugin": "dummy", "type": "pre"}] * 101},
        {"actions": [ActionSpec(plugin="dummy", type=_PRE)] * 101},
    ),
    create("state", "MAINTENANCE", {"state": "START_MAINTENANCE"}, {"state": 4}),
    create("unknown state", "MAINTENANCE", {"state": "LUNCH"}, {"state": 99}),
    create("past", "is past", {"maintenance_at": "2018-02-28 06:06:03"}, _at(1_519_797_963)),
    create("1970", "is past", {"maintenance_at": "1970-01-01 00:00:00"}, _at(0)),
    create("no year", "a time", {"maintenance_at": "99999-01-01 00:00:00"}, _at(2**62)),
    create("year 0", "a time", {"maintenance_at": "0000-01-01 00:00:00"}, _at(-(10**11))),
    create(
        "year 9999",
        "before the year 9000",
        {"maintenance_at": "9999-12-31 23:59:59"},
        _at(253402300799),
    ),
    create("a host twice", "a is there twice", {"hosts": ["a", "b", "a"]}),
    create("the longest name twice", "is there twice", {"hosts": [_SMILES, _SMILES]}),
    create("a host without a name", "must not be empty", {"hosts": [""]}),
    create("an endless name", "hosts: at most 255 characters", {"hosts": ["x" * 256]}),
    create("NUL", "hosts: must not contain the character NUL", {"hosts": ["a\0b"]}),
    create("escapes", "hosts: must not contain control characters", {"hosts": ["a\x1b[2J"]}),
    create("20000 hosts", "hosts: at most 10000", {"hosts": [f"host-{n}" for n in range(20_000)]}),
    create("1 MiB", "metadata: at most 65536 bytes", {"metadata": {"a": "x" * (1 << 20)}}),
    create("deep", "metadata: at most 16 levels", {"metadata": nested(20)}),
    create("deeper", "metadata", {"metadata": nested(33)}),
    create("endless request id", "request_id: at most 128", {"request_id": "x" * 129}),
    create("NaN", "JSON", None, {"metadata": {"a": float("nan")}}),
    create("Infinity", "JSON", None, {"metadata": {"a": [{"b": float("inf")}]}}),
)

_REPLIES = (
    reply(
        "a state that was not asked about",
        "was not asked about SCALE_IN",
        {"state": "ACK_SCALE_IN"},
        NOT_NOW,
        kind=NoticeKind.NOTICE_KIND_SCALE_IN,
    ),
    reply(
        "somebody else's instance",
        "is not one of project red",
        {**_ACK, "instance_actions": {FOREIGN_INSTANCE: "MIGRATE"}},
        instance_actions={FOREIGN_INSTANCE: InstanceAction.INSTANCE_ACTION_MIGRATE},
    ),
    reply(
        "nobody's instance",
        "instance none is not one of project red",
        {**_ACK, "instance_actions": {"none": "MIGRATE"}},
        instance_actions={"none": InstanceAction.INSTANCE_ACTION_MIGRATE},
    ),
    reply("unknown action", "one of MIGRATE", {**_ACK, "instance_actions": "EXPLODE"}, action=99),
    reply("unknown answer", "ACK", {"state": "MAYBE_MAINTENANCE"}, answer=99),
    reply("unknown notice", "SCALE_IN", {"state": "ACK_HOLIDAY"}, kind=99),
    reply("no answer", "", {}, answer=Answer.ANSWER_UNSPECIFIED),
    reply(
        "endless reason", "reason: at most 4096", {**_ACK, "reason": "x" * 5000}, reason="x" * 5000
    ),
    look(
        "only a failed one is continued",
        "PUT",
        f"{_M}/{HERE}",
        UpdateSessionRequest(session_id=HERE),
        NOT_NOW,
        422,
    ),
)

_BODIES = (
    body("empty", "maintenance_at: must be set", b""),
    body("blank", "maintenance_at: must be set", b" \r\n"),
    body("cut off", "not JSON", b'{"maintenance_at": "20', 400),
    body("not JSON", "not JSON", b"maintenance_at=2099", 400),
    body("not UTF-8", "not JSON", b'{"workflow": "\xff"}', 400),
    body("half a character", "not JSON", b'{"workflow": "\\ud800"}', 400),
    body("NaN", "not JSON", b'{"metadata": {"a": NaN}}', 400),
    body("1e999", "not JSON", b'{"metadata": {"a": 1e999}}', 400),
    body("a list", "must be a JSON object", b"[]"),
    body("null", "must be a JSON object", b"null"),
    body("endless nesting", "nested too deeply", b'{"a":' * 100_000, 400),
    body("deepest", "metadata", {"metadata": nested(60)}),
    body("too large", "the body is longer than", b" " * (5 << 20), 413),
    body("XML", "not JSON", b"<create/>", 400, **{"content-type": "text/xml"}),
    body("unknown key", "unknown keys: host", {"host": ["c1"]}),
    body("hosts: text", "hosts: must be a list", {"hosts": "c1"}),
    body("hosts: numbers", "hosts", {"hosts": [1, 2]}),
    body("hosts: lists", "hosts", {"hosts": [["c1"]]}),
    body("hosts: null in it", "hosts", {"hosts": [None]}),
    body("metadata: list", "metadata: must be an object", {"metadata": [1]}),
    body("workflow: number", "workflow: must be a string", {"workflow": 7}),
    body("workflow: object", "workflow: must be a string", {"workflow": {}}),
    body("actions: object", "actions: must be a list", {"actions": {}}),
    body("actions: text in it", "actions[0]: must be an object", {"actions": ["dummy"]}),
    body("actions: no type", "actions[0].type: is required", {"actions": [{"plugin": "dummy"}]}),
    body("actions: number", "plugin", {"actions": [{"plugin": 7, "type": "pre"}]}),
    body("request id: number", "request_id", {"request_id": 7}),
    body("time: number", "maintenance_at: must be a string", {"maintenance_at": 4070908800}),
    body("time: words", "maintenance_at: must be a time", {"maintenance_at": "tomorrow"}),
    body(
        "30 February", "maintenance_at: must be a time", {"maintenance_at": "2026-02-30 00:00:00"}
    ),
    body("25 o'clock", "maintenance_at: must be a time", {"maintenance_at": "2099-01-01 25:00:00"}),
    body("token", "x-auth-token: only printable", {}, 400, **{"x-auth-token": "x" * 9000}),
)

_HTTP = (
    path("there is nothing", "GET", "/v1/nothing", 404),
    path("there is nothing", "DELETE", f"{_M}//", 404),
    path("POST is not allowed", "POST", "/", 405),
    path("not UTF-8", "GET", f"{_M}/%ff", 400),
    path("PATCH is not allowed", "PATCH", _M, 405),
    path("PUT is not allowed", "PUT", _M, 405),
    path("DELETE is not allowed", "DELETE", f"{_M}/{HERE}/detail", 405),
    path("POST is not allowed", "POST", f"{_M}/{HERE}:watch", 405),
    path("TRACE is not allowed", "TRACE", f"{_M}:watch", 405),
    path("page_size", "GET", f"{_M}?page_size=many", 422),
    path("follow: must be true or false", "GET", f"{_M}:watch?follow=perhaps", 400),
)

_CALLS = (
    call("no method", "", SESSIONS + "Explode", b"", code=_NO_METHOD, by_fenix=False),
    call("no service", "", "/no.Service/Method", b"", code=_NO_METHOD, by_fenix=False),
    call("nothing", "session_id: must be set", SESSIONS + "GetSession", b""),
    call("no protobuf", "request: ", SESSIONS + "ListSessions", b"\xff\xff\xff"),
    call("no protobuf in a stream", "request: ", SESSIONS + "WatchSession", b"\xff\xff\xff"),
    call("no UTF-8", "request: ", SESSIONS + "GetSession", b"\x0a\x02\xff\xfe"),
    call("no project", "project_id: must be set", PROJECTS + "WatchProject", b""),
    call(
        "large metadata",
        "metadata",
        SESSIONS + "ListSessions",
        b"",
        code=_TOO_MUCH,
        metadata=(("x-large", "x" * 100_000),),
        by_fenix=False,
    ),
    call(
        "5 MiB",
        "larger than max",
        SESSIONS + "CreateSession",
        b"x" * (5 << 20),
        code=_TOO_MUCH,
        by_fenix=False,
    ),
)

MISTAKES: tuple[Mistake, ...] = (
    *_UNKNOWN_THINGS,
    *_IDS,
    *_CREATES,
    *_REPLIES,
    *_BODIES,
    *_HTTP,
    *_CALLS,
)
