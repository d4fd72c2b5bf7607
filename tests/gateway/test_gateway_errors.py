"""Errors: which status, which body, which headers; and that no request can get a traceback."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest
from google.protobuf import duration_pb2
from google.rpc import code_pb2, error_details_pb2, status_pb2

from gateway import Limits, RpcError
from tests.gateway.conftest import a_client
from tests.gateway.listener import Listener
from tests.gateway.memory import PROJECT, PROJECTS, SESSIONS, MemoryBackend, Recorder, refused

CREATE = {"maintenance_at": "2018-02-28 06:06:03"}
STANDARD_CREATE = {"maintenance_at": "2018-02-28T06:06:03Z"}


@pytest.mark.parametrize(
    ("code", "standard_status", "v1_status"),
    [
        (code_pb2.CANCELLED, 499, 499),
        (code_pb2.UNKNOWN, 500, 500),
        (code_pb2.INVALID_ARGUMENT, 400, 422),
        (code_pb2.DEADLINE_EXCEEDED, 504, 504),
        (code_pb2.NOT_FOUND, 404, 404),
        (code_pb2.ALREADY_EXISTS, 409, 409),
        (code_pb2.PERMISSION_DENIED, 403, 403),
        (code_pb2.RESOURCE_EXHAUSTED, 429, 509),
        (code_pb2.FAILED_PRECONDITION, 400, 422),
        (code_pb2.ABORTED, 409, 409),
        (code_pb2.OUT_OF_RANGE, 400, 422),
        (code_pb2.UNIMPLEMENTED, 501, 501),
        (code_pb2.INTERNAL, 500, 500),
        (code_pb2.UNAVAILABLE, 503, 503),
        (code_pb2.DATA_LOSS, 500, 500),
        (code_pb2.UNAUTHENTICATED, 401, 401),
        (77, 500, 500),
    ],
)
async def test_code_has_its_status(
    v1: httpx.AsyncClient,
    standard: httpx.AsyncClient,
    memory: MemoryBackend,
    code: int,
    standard_status: int,
    v1_status: int,
) -> None:
    memory.failures[SESSIONS + "CreateSession"] = RpcError(code, "because")
    response = await standard.post("/v1/maintenance", json=STANDARD_CREATE)
    assert response.status_code == standard_status
    assert response.json() == {"code": code, "message": "because", "details": []}
    response = await v1.post("/v1/maintenance", json=CREATE)
    assert response.status_code == v1_status
    assert response.json()["status"] == v1_status
    assert response.json()["message"] == "because"
    assert isinstance(response.json()["error"], str)


async def test_only_a_create_can_be_one_too_many(
    v1: httpx.AsyncClient, memory: MemoryBackend
) -> None:
    memory.failures[SESSIONS + "ListSessions"] = RpcError(code_pb2.RESOURCE_EXHAUSTED, "slowly")
    response = await v1.get("/v1/maintenance")
    assert (response.status_code, response.json()["error"]) == (429, "slowly")


async def test_details_are_written_out(v1: httpx.AsyncClient, standard: httpx.AsyncClient) -> None:
    details = [
        {
            "@type": "type.googleapis.com/google.rpc.BadRequest",
            "fieldViolations": [
                {
                    "field": "maintenance_at",
                    "description": "is required",
                    "reason": "",
                    "localizedMessage": None,
                }
            ],
        }
    ]
    for client in (v1, standard):
        response = await client.post("/v1/maintenance", json={})
        assert response.json()["details"] == details
        assert response.json()["message"] == "maintenance_at: is required"


async def test_details_that_are_values_are_written_as_values(
    standard: httpx.AsyncClient, memory: MemoryBackend
) -> None:
    status = status_pb2.Status(code=5, message="gone")
    status.details.add().Pack(duration_pb2.Duration(seconds=3))
    memory.failures[SESSIONS + "GetSession"] = RpcError(5, "gone", status)
    response = await standard.get("/v1/maintenance/s")
    assert response.json()["details"] == [
        {"@type": "type.googleapis.com/google.protobuf.Duration", "value": "3s"}
    ]


async def test_a_detail_that_cannot_be_read_is_named(
    standard: httpx.AsyncClient, memory: MemoryBackend
) -> None:
    status = status_pb2.Status(code=5, message="gone")
    url = "type.googleapis.com/google.rpc.ErrorInfo"
    status.details.add(type_url=url, value=b"\xff")
    memory.failures[SESSIONS + "GetSession"] = RpcError(5, "gone", status)
    response = await standard.get("/v1/maintenance/s")
    assert (response.status_code, response.json()["details"]) == (404, [{"@type": url}])


async def test_detail_of_an_unknown_type_is_named(
    standard: httpx.AsyncClient, memory: MemoryBackend
) -> None:
    status = status_pb2.Status(code=5, message="gone")
    status.details.add(type_url="type.googleapis.com/future.Detail", value=b"\x08\x01")
    memory.failures[SESSIONS + "GetSession"] = RpcError(5, "gone", status)
    response = await standard.get("/v1/maintenance/s")
    assert response.json()["details"] == [{"@type": "type.googleapis.com/future.Detail"}]


async def test_unknown_project_is_not_called_an_invalid_session(
    v1: httpx.AsyncClient, memory: MemoryBackend
) -> None:
    response = await v1.get(f"/v1/maintenance/{memory.add()}/somebody")
    assert response.status_code == 404
    assert response.json()["error"] == "project somebody is not known"


@pytest.mark.parametrize(("said", "header"), [(None, "5"), (30, "30")])
async def test_unavailable_says_when_to_come_back(
    v1: httpx.AsyncClient, memory: MemoryBackend, said: int | None, header: str
) -> None:
    info = error_details_pb2.RetryInfo(retry_delay=duration_pb2.Duration(seconds=said or 0))
    memory.failures[SESSIONS + "GetSession"] = refused(14, "the database does not answer", info)
    response = await v1.get("/v1/maintenance/s")
    assert (response.status_code, response.headers["retry-after"]) == (503, header)


@pytest.mark.parametrize("verb", ["get", "post"])
async def test_a_limit_that_passes_says_when_to_come_back(
    v1: httpx.AsyncClient, memory: MemoryBackend, verb: str
) -> None:
    """Also where too many sessions are 509: these do not become fewer in a moment."""
    info = error_details_pb2.RetryInfo(retry_delay=duration_pb2.Duration(nanos=200_000_000))
    failure = refused(8, "you make more than 5 calls a second", info)
    memory.failures[SESSIONS + ("ListSessions" if verb == "get" else "CreateSession")] = failure
    body = {"json": {"maintenance_at": "2018-02-28 06:06:03"}} if verb == "post" else {}
    response = await getattr(v1, verb)("/v1/maintenance", **body)
    assert (response.status_code, response.headers["retry-after"]) == (429, "1")
    assert response.json()["error"] == "you make more than 5 calls a second"


@pytest.mark.parametrize(("token", "status"), [("expired", 401), ("foreign", 403)])
async def test_callers_are_turned_away(v1: httpx.AsyncClient, token: str, status: int) -> None:
    response = await v1.get("/v1/maintenance", headers={"X-Auth-Token": token})
    assert response.status_code == status
    assert ("www-authenticate" in response.headers) is (status == 401)


async def test_what_nobody_expected_is_logged_and_answered_with_its_number(
    v1: httpx.AsyncClient, memory: MemoryBackend, caplog: pytest.LogCaptureFixture
) -> None:
    memory.failures[SESSIONS + "GetSession"] = KeyError("secret")
    with caplog.at_level(logging.ERROR):
        response = await v1.get("/v1/maintenance/s")
    assert response.status_code == 500
    assert response.json()["error"].startswith("internal error, incident ")
    assert "secret" not in response.text
    assert response.json()["error"].rpartition(" ")[2] in caplog.text
    assert "secret" in caplog.text


@pytest.mark.parametrize(
    "body",
    [
        b"{",
        b"{'state': 'ACK_MAINTENANCE'}",
        b"state=ACK_MAINTENANCE",
        b"\xff",
        b"\xef\xbb\xbf{}",
        b'{"a": NaN}',
        b'{"a": "\\ud800"}',
        b"[" * 100_000,
        b'{"a":' * 5000 + b"1" + b"}" * 5000,
    ],
)
async def test_body_that_is_not_json_is_400(
    v1: httpx.AsyncClient, standard: httpx.AsyncClient, recorder: Recorder, body: bytes
) -> None:
    for client in (v1, standard):
        for verb, path in (("POST", "/v1/maintenance"), ("PUT", f"/v1/maintenance/s/{PROJECT}")):
            response = await client.request(verb, path, content=body)
            assert response.status_code == 400
            assert response.json()["message"].startswith("the body is")
    assert recorder.calls == []


@pytest.mark.parametrize("body", [b'"x"', b"null", b"7", b"[]"])
async def test_body_that_is_no_object_is_refused(
    v1: httpx.AsyncClient, standard: httpx.AsyncClient, body: bytes
) -> None:
    assert (await v1.post("/v1/maintenance", content=body)).status_code == 422
    assert (await standard.post("/v1/maintenance", content=body)).status_code == 400


@pytest.mark.parametrize("verb", ["GET", "DELETE"])
async def test_body_where_none_is_taken_is_400(
    v1: httpx.AsyncClient, memory: MemoryBackend, verb: str
) -> None:
    path = f"/v1/maintenance/{memory.add()}"
    response = await v1.request(verb, path, json={"state": "MAINTENANCE"})
    assert response.status_code == 400
    assert response.json()["error"] == f"{verb} takes no body here"
    assert (await v1.get(path)).status_code == 200


@pytest.mark.parametrize("body", [b"", b"{}", b" { } "])
async def test_empty_body_is_none(
    v1: httpx.AsyncClient, memory: MemoryBackend, body: bytes
) -> None:
    path = f"/v1/maintenance/{memory.add()}"
    headers = {"content-length": str(len(body))}
    for verb in ("GET", "DELETE"):
        response = await v1.request(verb, path, content=body, headers=headers)
        assert response.status_code == 200


async def _in_pieces(*pieces: bytes) -> AsyncIterator[bytes]:
    for piece in pieces:
        yield piece


async def test_body_that_is_too_long_is_413(memory: MemoryBackend) -> None:
    async with a_client(memory, limits=Limits(body_bytes=100)) as client:
        for content in (b"x" * 101, _in_pieces(b"x" * 60, b"x" * 60)):
            response = await client.post("/v1/maintenance", content=content)
            assert response.status_code == 413
            assert response.json()["error"] == "the body is longer than 100 bytes"
        pieces = _in_pieces(b'{"maintenance_at":', b'"2018-02-28 06:06:03"}')
        assert (await client.post("/v1/maintenance", content=pieces)).status_code == 200


async def test_a_mebibyte_of_metadata_reaches_who_decides_on_it(
    v1: httpx.AsyncClient, recorder: Recorder
) -> None:
    body = {**CREATE, "metadata": {"text": "x" * (1 << 20)}}
    assert (await v1.post("/v1/maintenance", json=body)).status_code == 200
    assert len(recorder.calls) == 1


async def test_refusal_does_not_repeat_a_long_value(v1: httpx.AsyncClient) -> None:
    for wrong in ({"hosts": ["a", {"x": "y" * 10_000}]}, {"y" * 10_000: 1}):
        response = await v1.post("/v1/maintenance", json={**CREATE, **wrong})
        assert response.status_code == 422
        assert len(response.content) < 2000


async def test_body_that_does_not_come_is_408(memory: MemoryBackend) -> None:
    listener = Listener(memory, limits=Limits(body_wait_s=0))
    async with listener.request("POST", "/v1/maintenance", body=None):
        assert await listener.status() == 408


async def test_client_that_leaves_before_its_body_is_complete_gets_no_answer(
    memory: MemoryBackend,
) -> None:
    listener = Listener(memory)
    async with listener.request("POST", "/v1/maintenance", body=None):
        listener.leave()
    assert listener.sent == []
    assert memory.sessions == {}


async def test_who_calls_is_passed_on_and_request_ids_come_back(
    v1: httpx.AsyncClient, recorder: Recorder
) -> None:
    told = {
        "x-auth-token": "gAAAA",
        "authorization": "Bearer abc",
        "x-request-id": "r-1",
        "x-openstack-request-id": "req-1",
    }
    response = await v1.get("/v1/maintenance", headers={**told, "x-roles": "admin"})
    assert recorder.calls[-1][2] == {**told, "fenix-peer": "rest:127.0.0.1:123"}
    assert response.headers["x-request-id"] == "r-1"
    assert response.headers["x-openstack-request-id"] == "req-1"
    missing = await v1.get("/v1/maintenance/none", headers=told)
    assert (missing.status_code, missing.headers["x-request-id"]) == (404, "r-1")


@pytest.mark.parametrize("value", [b"\xc3\xa4", b"a\tb", b"x" * 8193])
async def test_token_that_grpc_cannot_carry_is_400(
    v1: httpx.AsyncClient, recorder: Recorder, value: bytes
) -> None:
    headers: Any = {b"x-auth-token": value}
    response = await v1.get("/v1/maintenance", headers=headers)
    assert response.status_code == 400
    assert "x-auth-token" in response.json()["error"]
    assert recorder.calls == []


async def test_errors_keep_their_details_over_a_channel(
    both_doors: httpx.AsyncClient, memory: MemoryBackend
) -> None:
    info = error_details_pb2.ErrorInfo(reason="TOO_MANY", domain="fenix")
    memory.failures[PROJECTS + "GetProjectSession"] = refused(7, "not yours", info)
    response = await both_doors.get("/v1/maintenance/s/p")
    assert response.status_code == 403
    assert response.json()["details"] == [
        {
            "@type": "type.googleapis.com/google.rpc.ErrorInfo",
            "reason": "TOO_MANY",
            "domain": "fenix",
            "metadata": {},
        }
    ]
