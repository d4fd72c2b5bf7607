"""Who may call what: every RPC and every path of REST as every kind of caller, over TLS, against what is expected.

A new RPC or path without expectations fails, and so does an expectation that nothing has.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import aclosing
from typing import Any

import grpc
import pytest
import pytest_asyncio
from fenix_client import CallFailed, Client
from google.protobuf.json_format import MessageToDict
from google.protobuf.message import Message
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection_pb2, reflection_pb2_grpc

from fenix_grpc.api.methods import METHODS
from fenix_grpc.api.policy import OPEN
from fenix_grpc.v1 import project_service_pb2 as project_pb
from fenix_grpc.v1 import session_service_pb2 as session_pb
from fenix_grpc.v1 import types_pb2 as pb
from gateway import rules
from gateway.errors import HTTP_STATUS
from gateway.rules import Binding
from tests.access.site import BLUE, CALLERS, RED, TOKENS, WEBHOOKS, Site, a_site
from tests.e2e.service import until

Codes = Mapping[str, str]

_NOBODY = dict.fromkeys(("no token", "bad", "expired"), "UNAUTHENTICATED")


def codes(other: str, reader: str, member: str, admin: str = "OK") -> Codes:
    """By caller."""
    return {
        **_NOBODY,
        "other project": other,
        "reader": reader,
        "member": member,
        "admin": admin,
    }


NO = "PERMISSION_DENIED"
CHANGE, LOOK = codes(NO, NO, NO), codes(NO, "OK", NO)
OWN, OWN_LOOK = codes(NO, NO, "OK"), codes(NO, "OK", "OK")

#: What each RPC says to each caller. All requests are about red, of which `member` is the manager.
EXPECTED: Mapping[str, Codes] = {
    "CreateSession": CHANGE,
    "ListSessions": LOOK,
    "GetSession": LOOK,
    "GetSessionDetail": LOOK,
    # It gets through and is told that only a failed session is continued.
    "UpdateSession": codes(NO, NO, NO, "FAILED_PRECONDITION"),
    "DeleteSession": CHANGE,
    "PlanSession": LOOK,
    "WatchSession": LOOK,
    "GetProjectSession": OWN_LOOK,
    "ReplyProjectSession": OWN,
    "WatchProject": OWN,
    "CreateWebhook": OWN,
    "ListWebhooks": OWN_LOOK,
    "DeleteWebhook": OWN,
    "GetInstanceConstraint": codes("NOT_FOUND", "OK", "OK"),
    "ListInstanceConstraints": OWN_LOOK,
    "SetInstanceConstraint": OWN,
    "DeleteInstanceConstraint": OWN,
    "GetGroupConstraint": codes("NOT_FOUND", "OK", "OK"),
    "ListGroupConstraints": OWN_LOOK,
    "SetGroupConstraint": OWN,
    "DeleteGroupConstraint": OWN,
}

#: The paths of REST and what each calls; those of /v1/maintenance are there without /v1, too.
PATHS: Mapping[str, str] = {
    "POST /v1/maintenance": "CreateSession",
    "GET /v1/maintenance": "ListSessions",
    "GET /v1/maintenance/{session_id}": "GetSession",
    "GET /v1/maintenance/{session_id}/detail": "GetSessionDetail",
    "PUT /v1/maintenance/{session_id}": "UpdateSession",
    "POST /v1/maintenance/{session_id}": "UpdateSession",
    "DELETE /v1/maintenance/{session_id}": "DeleteSession",
    "GET /v1/maintenance/{session_id}:plan": "PlanSession",
    "POST /v1/maintenance:plan": "PlanSession",
    "GET /v1/maintenance/{session_id}:watch": "WatchSession",
    "GET /v1/maintenance:watch": "WatchSession",
    "GET /v1/maintenance/{session_id}/{project_id}": "GetProjectSession",
    "PUT /v1/maintenance/{session_id}/{project_id}": "ReplyProjectSession",
    "PUT /v1/maintenance/{session_id}/{project_id}/{instance_id}": "ReplyProjectSession",
    "GET /v1/projects/{project_id}:watch": "WatchProject",
    "POST /v1/projects/{project_id}/webhooks": "CreateWebhook",
    "GET /v1/projects/{project_id}/webhooks": "ListWebhooks",
    "DELETE /v1/projects/{project_id}/webhooks/{webhook_id}": "DeleteWebhook",
    "GET /v1/instance/{instance_id}": "GetInstanceConstraint",
    "GET /v1/instance": "ListInstanceConstraints",
    "PUT /v1/instance/{instance_id}": "SetInstanceConstraint",
    "DELETE /v1/instance/{instance_id}": "DeleteInstanceConstraint",
    "GET /v1/instance_group/{group_id}": "GetGroupConstraint",
    "GET /v1/instance_group": "ListGroupConstraints",
    "PUT /v1/instance_group/{group_id}": "SetGroupConstraint",
    "DELETE /v1/instance_group/{group_id}": "DeleteGroupConstraint",
}
#: The gateway's own pages, which everybody may see: they tell nothing of this site.
OPEN_PATHS = ("", "/", "/v1", "/healthz", "/openapi.json", "/docs")

BINDINGS = [
    (rpc.name, binding)
    for service in rules.SERVICES
    for rpc in service.methods
    for binding in rules.bindings(rpc, aliases=True)
]


class Stage:
    """What requests are about, made anew by an administrator for each row."""

    def __init__(self, site: Site, admin: Client) -> None:
        self.site, self.admin = site, admin
        self.session_id = self.instance_id = ""

    async def set(self) -> None:
        """A session that awaits red's reply, and constraints of red's."""
        create = session_pb.CreateSessionRequest(hosts=["h1", "h2"])
        create.maintenance_at.FromJsonString("2100-01-01T00:00:00Z")
        calls = self.admin.sessions
        self.session_id = (await self.admin.call(calls.CreateSession, create)).session.session_id
        look = project_pb.GetProjectSessionRequest(session_id=self.session_id, project_id=RED)

        async def asked() -> Any:
            try:
                return await self.admin.call(self.admin.projects.GetProjectSession, look)
            except CallFailed:  # no host is chosen yet
                return None

        found = await until(asked, lambda found: found is not None and found.HasField("notice"))
        self.instance_id = found.instance_ids[0]
        for name in ("SetInstanceConstraint", "SetGroupConstraint"):
            await self.admin.call(getattr(self.admin.constraints, name), self.request(name))

    async def clear(self) -> None:
        request = session_pb.DeleteSessionRequest(session_id=self.session_id)
        try:
            await self.admin.call(self.admin.sessions.DeleteSession, request)
        except CallFailed as failed:  # a caller may have deleted it, and it may be closed by now
            if failed.code is not grpc.StatusCode.NOT_FOUND:
                raise

    def request(self, rpc: str) -> Any:
        """A good one, about red."""
        method = next(method for method in METHODS.values() if method.name == rpc)
        request: Any = method.request()
        said = {
            "session_id": self.session_id,
            "project_id": RED,
            "instance_id": self.instance_id,
            "group_id": "red-group",
            "webhook_id": "some",
        }
        for name, value in said.items():
            if name in method.request.DESCRIPTOR.fields_by_name:
                setattr(request, name, value)
        self._fill(rpc, request)
        return request

    def _fill(self, rpc: str, request: Any) -> None:
        match rpc:
            case "CreateSession":
                request.maintenance_at.FromJsonString("2100-01-01T00:00:00Z")
            case "ReplyProjectSession":
                request.kind = pb.NOTICE_KIND_MAINTENANCE
                request.answer = pb.ANSWER_ACK
                request.ClearField("instance_id")
            case "CreateWebhook":
                request.url = f"{WEBHOOKS}red"
            case "SetInstanceConstraint" | "SetGroupConstraint":
                request.constraint.project_id = RED
                if rpc == "SetInstanceConstraint":
                    request.ClearField("project_id")
                    request.constraint.group_id = "red-group"


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def stage(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Stage]:
    async with (
        a_site(tmp_path_factory.mktemp("matrix")) as site,
        site.client("admin") as admin,
    ):
        yield Stage(site, admin)


pytestmark = pytest.mark.asyncio(loop_scope="module")


async def test_the_expectations_are_those_of_the_contract() -> None:
    assert {method.name for method in METHODS.values()} == set(EXPECTED)
    assert all(tuple(sorted(row)) == tuple(sorted(CALLERS)) for row in EXPECTED.values())
    written = {f"{binding.verb} {binding.template}": rpc for rpc, binding in BINDINGS}
    aliases = {
        path.replace("/v1", "", 1): rpc for path, rpc in PATHS.items() if "/v1/maintenance" in path
    }
    assert written == {**PATHS, **aliases}


@pytest.mark.parametrize("rpc", EXPECTED)
async def test_an_rpc(stage: Stage, rpc: str) -> None:
    await stage.set()
    request = stage.request(rpc)
    got = {caller: await outcome(stage.site, caller, rpc, request) for caller in CALLERS}
    await stage.clear()
    assert got == EXPECTED[rpc]


@pytest.mark.parametrize(
    ("rpc", "binding"),
    BINDINGS,
    ids=lambda x: x if isinstance(x, str) else f"{x.verb}-{x.template}",
)
async def test_a_path(stage: Stage, rpc: str, binding: Binding) -> None:
    await stage.set()
    request = stage.request(rpc)
    got = {caller: await status(stage.site, caller, binding, request) for caller in CALLERS}
    if binding.verb == "GET":  # the old dialect has the same rules
        for caller, code in got.items():
            old = await status(stage.site, caller, binding, request, accept="application/json")
            assert old == code, caller
    await stage.clear()
    expected = EXPECTED[rpc]
    if binding.template.endswith("{instance_id}") and rpc == "ReplyProjectSession":
        # red was asked for two instances together.
        expected = {
            caller: "FAILED_PRECONDITION" if code == "OK" else code
            for caller, code in expected.items()
        }
    assert got == {caller: http_status(code) for caller, code in expected.items()}


@pytest.mark.parametrize("path", OPEN_PATHS)
async def test_a_page(stage: Stage, path: str) -> None:
    for caller in CALLERS:
        async with stage.site.http(caller) as http:
            response = await http.get(path)
        assert response.status_code == 200, caller
        assert stage.session_id not in response.text or not stage.session_id
        assert BLUE not in response.text or path in ("/docs", "/openapi.json")


async def test_health_and_reflection_are_open(stage: Stage) -> None:
    """And no other service is there: reflection lists all."""
    for caller in CALLERS:
        credentials, said = stage.site.credentials(), (("x-auth-token", TOKENS[caller]),)
        async with grpc.aio.secure_channel(stage.site.grpc, credentials) as channel:
            health = health_pb2_grpc.HealthStub(channel)
            check = health_pb2.HealthCheckRequest()
            answer = await health.Check(check, metadata=said, timeout=10)
            assert answer.status == health_pb2.HealthCheckResponse.SERVING
            watch = health.Watch(check, metadata=said)
            assert (await watch.read()).status == health_pb2.HealthCheckResponse.SERVING
            watch.cancel()
            listing = reflection_pb2_grpc.ServerReflectionStub(channel).ServerReflectionInfo(
                iter([reflection_pb2.ServerReflectionRequest(list_services="*")]), metadata=said
            )
            services = (await listing.read()).list_services_response.service
            listing.cancel()
        methods = {*METHODS, *OPEN}
        assert {each.name for each in services} == {m.split("/")[1] for m in methods}


async def test_nothing_else_is_there(stage: Stage) -> None:
    """Neither paths nor methods, whoever asks."""
    for caller in CALLERS:
        async with grpc.aio.secure_channel(stage.site.grpc, stage.site.credentials()) as channel:
            call = channel.unary_unary("/fenix.v1.SessionService/Nothing")
            with pytest.raises(grpc.aio.AioRpcError) as failure:
                await call(b"", metadata=(("x-auth-token", TOKENS[caller]),))
            assert failure.value.code() is grpc.StatusCode.UNIMPLEMENTED
        async with stage.site.http(caller) as http:
            assert (await http.get("/v1/nothing")).status_code == 404
            assert (await http.patch("/v1/maintenance")).status_code == 405


async def outcome(site: Site, caller: str, rpc: str, request: Message) -> str:
    """The code of a call over gRPC."""
    async with site.client(caller) as client:
        services = (client.sessions, client.projects, client.constraints)
        call = next(getattr(each, rpc) for each in services if hasattr(each, rpc))
        try:
            async with asyncio.timeout(20):
                if isinstance(call, grpc.aio.UnaryUnaryMultiCallable):
                    await client.call(call, request)
                else:
                    await call(request, metadata=client.metadata).read()
        except CallFailed as failed:
            return failed.code.name
        except grpc.aio.AioRpcError as failed:
            return failed.code().name
    return "OK"


async def status(
    site: Site,
    caller: str,
    binding: Binding,
    request: Message,
    accept: str = "application/json;profile=standard",
) -> int:
    """The status of a request over REST."""
    fields: Any = MessageToDict(request, preserving_proto_field_name=True)
    path = binding.template
    for name in binding.variables:
        path = path.replace(f"{{{name}}}", fields.pop(name, None) or "some")
    body = fields if binding.body == "*" else fields.get(binding.body) if binding.body else None
    if binding.body and body is None:  # of a plan
        body = {"maintenance_at": "2100-01-01T00:00:00Z"}
    headers = {"Accept": accept}
    query = {} if binding.body else {k: v for k, v in fields.items() if not isinstance(v, dict)}
    if binding.template.endswith("maintenance:watch"):
        query = {}
    async with site.http(caller) as http, asyncio.timeout(20):
        stream = http.stream(binding.verb, path, params=query, json=body, headers=headers)
        async with stream as response:
            if not binding.method.streaming:
                await response.aread()
            return response.status_code


def http_status(code: str) -> int:
    return 200 if code == "OK" else HTTP_STATUS[grpc.StatusCode[code].value[0]]


async def test_no_answer_and_no_log_has_a_token(
    stage: Stage, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level("DEBUG"):
        for caller in CALLERS:
            for rpc in ("ListSessions", "DeleteInstanceConstraint"):
                await outcome(stage.site, caller, rpc, stage.request(rpc))
            async with stage.site.http(caller) as http, aclosing(http):
                response = await http.get("/v1/maintenance")
                assert not TOKENS[caller] or TOKENS[caller] not in response.text
    own = [record for record in caplog.records if not record.name.startswith(("httpcore", "httpx"))]
    text = "\n".join(f"{record.name} {record.getMessage()}" for record in own)
    assert "fenix.audit" in text
    assert [token for token in TOKENS.values() if token and token in text] == []
