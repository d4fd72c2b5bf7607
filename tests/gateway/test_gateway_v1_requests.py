"""The v1 view as tables: what a client sends -> what is called."""

from __future__ import annotations

import contextlib
from typing import Any

import httpx
import pytest
from google.protobuf import json_format
from hypothesis import given, settings
from hypothesis import strategies as st

from fenix_grpc.v1 import types_pb2 as pb
from gateway import RpcError, rules, transcode
from gateway.v1 import VIEWS
from gateway.v1_requests import Instead
from tests.gateway.memory import INSTANCES, PROJECT, PROJECTS, SESSIONS, MemoryBackend, Recorder

AT = {"maintenance_at": "2018-02-28 06:06:03"}
AT_SENT = {"maintenance_at": "2018-02-28T06:06:03Z"}
ONE, OTHER = INSTANCES


def _sent(recorder: Recorder) -> dict[str, Any]:
    """The fields of the last message, without defaults."""
    _, message, _ = recorder.calls[-1]
    return json_format.MessageToDict(message, preserving_proto_field_name=True)


SENT_PACKAGE = {"packages": [{"url": "https://a/b"}]}


def _case(name: str, said: dict[str, Any], sent: dict[str, Any]) -> Any:
    return pytest.param(said, sent, id=name)


@pytest.mark.parametrize(
    ("said", "sent"),
    [
        _case("D8-no-hosts", AT, AT_SENT),
        _case("D8-null-hosts", {**AT, "hosts": None}, AT_SENT),
        _case("D8-empty-hosts", {**AT, "hosts": []}, AT_SENT),
        _case("hosts", {**AT, "hosts": ["a", "b"]}, {**AT_SENT, "hosts": ["a", "b"]}),
        _case("D9-null-download", {**AT, "download": None}, AT_SENT),
        _case("D9-empty-download", {**AT, "download": []}, AT_SENT),
        _case("D9-text", {**AT, "download": ["https://a/b"]}, {**AT_SENT, **SENT_PACKAGE}),
        _case(
            "D9-object", {**AT, "download": [{"url": "https://a/b"}]}, {**AT_SENT, **SENT_PACKAGE}
        ),
        _case(
            "D9-some-object",
            {**AT, "download": [{"name": "x", "from": "https://a/b"}]},
            {**AT_SENT, **SENT_PACKAGE},
        ),
        _case(
            "download-sha256",
            {**AT, "download": [{"url": "https://a/b", "sha256": "0a"}]},
            {**AT_SENT, "packages": [{"url": "https://a/b", "sha256": "0a"}]},
        ),
        _case("D14-state", {**AT, "state": "MAINTENANCE"}, AT_SENT),
        _case("D14-null-state", {**AT, "state": None}, AT_SENT),
        _case("D15-workflow", {**AT, "workflow": "default"}, {**AT_SENT, "workflow": "default"}),
        _case("D15-null-workflow", {**AT, "workflow": None}, AT_SENT),
        _case("D16-vnf", {**AT, "workflow": "vnf"}, {**AT_SENT, "workflow": "vnf"}),
        _case("D16-nfv", {**AT, "workflow": "nfv"}, {**AT_SENT, "workflow": "vnf"}),
        _case("D17-T", {"maintenance_at": "2018-02-28T06:06:03"}, AT_SENT),
        _case("D17-Z", {"maintenance_at": "2018-02-28T06:06:03Z"}, AT_SENT),
        _case("D17-blank-Z", {"maintenance_at": "2018-02-28 06:06:03Z"}, AT_SENT),
        _case("D17-zone", {"maintenance_at": "2018-02-28T08:36:03+02:30"}, AT_SENT),
        _case("D17-short-zone", {"maintenance_at": "2018-02-28 04:06:03-02"}, AT_SENT),
        _case(
            "D17-fraction",
            {"maintenance_at": "2018-02-28T06:06:03.5"},
            {"maintenance_at": "2018-02-28T06:06:03.500Z"},
        ),
        _case(
            "D17-minutes",
            {"maintenance_at": "2018-02-28 06:06"},
            {"maintenance_at": "2018-02-28T06:06:00Z"},
        ),
        _case("null-metadata", {**AT, "metadata": None}, AT_SENT),
        _case(
            "metadata",
            {**AT, "metadata": {"a": [1, None, {"b": True}]}},
            {**AT_SENT, "metadata": {"a": [1.0, None, {"b": True}]}},
        ),
        _case("null-actions", {**AT, "actions": None}, AT_SENT),
        _case(
            "D11-types",
            {
                **AT,
                "actions": [
                    {"plugin": "p", "type": kind}
                    for kind in ("pre", "host", "compute", "controller", "post", "check", "PRE")
                ],
            },
            {
                **AT_SENT,
                "actions": [
                    {"plugin": "p", "type": f"ACTION_TYPE_{kind}"}
                    for kind in ("PRE", "HOST", "COMPUTE", "CONTROLLER", "POST", "CHECK", "PRE")
                ],
            },
        ),
        _case(
            "D12-null-metadata-of-action",
            {**AT, "actions": [{"plugin": "p", "type": "pre", "metadata": None}]},
            {**AT_SENT, "actions": [{"plugin": "p", "type": "ACTION_TYPE_PRE"}]},
        ),
        _case("request-id", {**AT, "request_id": "r1"}, {**AT_SENT, "request_id": "r1"}),
        _case(
            "doctor",
            {
                "state": "MAINTENANCE",
                **AT,
                "metadata": {"openstack_version": "Train"},
                "workflow": "vnf",
                "hosts": [],
            },
            {**AT_SENT, "metadata": {"openstack_version": "Train"}, "workflow": "vnf"},
        ),
    ],
)
async def test_create_is_understood(
    v1: httpx.AsyncClient, recorder: Recorder, said: dict[str, Any], sent: dict[str, Any]
) -> None:
    response = await v1.post("/v1/maintenance", json=said)
    assert (response.status_code, response.json().keys()) == (200, {"session_id"})
    assert recorder.calls[-1][0] == SESSIONS + "CreateSession"
    assert _sent(recorder) == sent


@pytest.mark.parametrize(
    ("said", "named"),
    [
        ({**AT, "host": ["a"], "colour": 1}, "colour, host"),
        ({**AT, "hosts": "a"}, "hosts"),
        ({**AT, "hosts": [1]}, "hosts"),
        ({**AT, "hosts": [None]}, "hosts"),
        ({**AT, "state": "SCALE_IN"}, "state"),
        ({**AT, "state": True}, "state"),
        ({**AT, "workflow": 5}, "workflow"),
        ({**AT, "metadata": []}, "metadata"),
        ({**AT, "download": "https://my.sw.upgrades.com/SW1.tar.gz"}, "download"),
        ({**AT, "download": [1]}, "download[0]"),
        ({**AT, "download": [{"name": "SW1"}]}, "download[0].url"),
        ({**AT, "download": [{"url": 1}]}, "download[0].url"),
        ({**AT, "download": [{"url": "https://a/b", "sha256": 1}]}, "download[0].sha256"),
        ({**AT, "actions": {}}, "actions"),
        ({**AT, "actions": ["p"]}, "actions[0]"),
        ({**AT, "actions": [{"plugin": "p"}]}, "actions[0].type"),
        ({**AT, "actions": [{"plugin": "p", "type": "workflow"}]}, "actions[0].type"),
        ({**AT, "actions": [{"plugin": "p", "type": 1}]}, "actions[0].type"),
        ({**AT, "actions": [{"plugin": 1, "type": "pre"}]}, "plugin"),
        ({**AT, "actions": [{"plugin": "p", "type": "pre", "when": 1}]}, "when"),
        ({**AT, "request_id": 5}, "request_id"),
        ({}, "maintenance_at"),
        ({"maintenance_at": None}, "maintenance_at"),
        ({"maintenance_at": ""}, "maintenance_at"),
        ({"maintenance_at": 1519797963}, "maintenance_at"),
        ({"maintenance_at": "soon"}, "maintenance_at"),
        ({"maintenance_at": "2018-02-30 06:06:03"}, "maintenance_at"),
        ({"maintenance_at": "2018-02-28  06:06:03"}, "maintenance_at"),
        ({"maintenance_at": "2018-02-28"}, "maintenance_at"),
        ({"maintenance_at": "9999-12-31T23:59:59-23:00"}, "maintenance_at"),
        ({"maintenance_at": "0000-01-01 00:00:00"}, "maintenance_at"),
        ([], "body"),
        (["hosts"], "body"),
        ("text", "body"),
    ],
)
async def test_create_that_is_wrong_is_422_and_names_the_field(
    v1: httpx.AsyncClient, said: Any, named: str
) -> None:
    response = await v1.post("/v1/maintenance", json=said)
    assert response.status_code == 422
    assert named in response.json()["error"]
    assert response.json()["status"] == 422


@pytest.mark.parametrize(
    ("path", "said", "sent"),
    [
        pytest.param(
            "/v1/maintenance/S/P",
            {"state": "ACK_MAINTENANCE"},
            {"answer": "ANSWER_ACK", "kind": "NOTICE_KIND_MAINTENANCE"},
            id="doctor-vnfm",
        ),
        pytest.param(
            "/v1/maintenance/S/P",
            {"state": "ACK_MAINTENANCE", "session_id": "other", "instance_ids": [ONE]},
            {"answer": "ANSWER_ACK", "kind": "NOTICE_KIND_MAINTENANCE"},
            id="D19-extras",
        ),
        pytest.param(
            "/v1/maintenance/S/P",
            {"state": "NACK_SCALE_IN", "reason": "busy"},
            {"answer": "ANSWER_NACK", "kind": "NOTICE_KIND_SCALE_IN", "reason": "busy"},
            id="nack-with-reason",
        ),
        pytest.param(
            "/v1/maintenance/S/P",
            {
                "state": "ACK_PLANNED_MAINTENANCE",
                "instance_actions": {ONE: "MIGRATE", OTHER: "OWN_ACTION"},
            },
            {
                "answer": "ANSWER_ACK",
                "kind": "NOTICE_KIND_PLANNED_MAINTENANCE",
                "instance_actions": {
                    ONE: "INSTANCE_ACTION_MIGRATE",
                    OTHER: "INSTANCE_ACTION_OWN_ACTION",
                },
            },
            id="D18-object-for-all",
        ),
        pytest.param(
            "/v1/maintenance/S/P",
            {"state": "ACK_PREPARE_MAINTENANCE", "instance_action": "LIVE_MIGRATE"},
            {
                "answer": "ANSWER_ACK",
                "kind": "NOTICE_KIND_PREPARE_MAINTENANCE",
                "action": "INSTANCE_ACTION_LIVE_MIGRATE",
            },
            id="D18-word-for-all",
        ),
        pytest.param(
            "/v1/maintenance/S/P",
            {"state": "ACK_PREPARE_MAINTENANCE", "instance_actions": "MIGRATE"},
            {
                "answer": "ANSWER_ACK",
                "kind": "NOTICE_KIND_PREPARE_MAINTENANCE",
                "action": "INSTANCE_ACTION_MIGRATE",
            },
            id="D18-word-under-the-plural-key",
        ),
        pytest.param(
            f"/v1/maintenance/S/P/{ONE}",
            {"state": "ACK_PLANNED_MAINTENANCE", "instance_action": "OWN_ACTION"},
            {
                "answer": "ANSWER_ACK",
                "kind": "NOTICE_KIND_PLANNED_MAINTENANCE",
                "action": "INSTANCE_ACTION_OWN_ACTION",
                "instance_id": ONE,
            },
            id="D4-one-instance",
        ),
        pytest.param(
            f"/v1/maintenance/S/P/{ONE}",
            {
                "state": "ACK_PLANNED_MAINTENANCE",
                "instance_actions": {ONE: "OWN_ACTION", OTHER: "MIGRATE"},
            },
            {
                "answer": "ANSWER_ACK",
                "kind": "NOTICE_KIND_PLANNED_MAINTENANCE",
                "action": "INSTANCE_ACTION_OWN_ACTION",
                "instance_id": ONE,
            },
            id="D18-object-for-one-instance",
        ),
        pytest.param(
            f"/v1/maintenance/S/P/{ONE}",
            {"state": "ACK_PLANNED_MAINTENANCE"},
            {
                "answer": "ANSWER_ACK",
                "kind": "NOTICE_KIND_PLANNED_MAINTENANCE",
                "instance_id": ONE,
            },
            id="D20-no-action",
        ),
        pytest.param(
            f"/v1/maintenance/S/P/{ONE}",
            {"state": "ACK_PLANNED_MAINTENANCE", "instance_action": None, "instance_actions": {}},
            {
                "answer": "ANSWER_ACK",
                "kind": "NOTICE_KIND_PLANNED_MAINTENANCE",
                "instance_id": ONE,
            },
            id="D20-empty-action",
        ),
        pytest.param(
            "/v1/maintenance/S/P",
            {
                "state": "ACK_PLANNED_MAINTENANCE",
                "instance_actions": {ONE: "MIGRATION", OTHER: "LIVE_MIGRATION"},
            },
            {
                "answer": "ANSWER_ACK",
                "kind": "NOTICE_KIND_PLANNED_MAINTENANCE",
                "instance_actions": {
                    ONE: "INSTANCE_ACTION_MIGRATE",
                    OTHER: "INSTANCE_ACTION_LIVE_MIGRATE",
                },
            },
            id="D21-spellings",
        ),
        pytest.param(
            "/v1/maintenance/S/P",
            {"state": "ACK_DOWN_SCALE"},
            {"answer": "ANSWER_ACK", "kind": "NOTICE_KIND_SCALE_IN"},
            id="D33-down-scale",
        ),
        pytest.param(
            "/v1/maintenance/S/P",
            {"state": "ACK_IN_SCALE"},
            {"answer": "ANSWER_ACK", "kind": "NOTICE_KIND_SCALE_IN"},
            id="D33-in-scale",
        ),
        pytest.param(
            "/v1/maintenance/S/P",
            {"state": "MAINTENANCE_COMPLETE_ACK"},
            {"answer": "ANSWER_ACK", "kind": "NOTICE_KIND_MAINTENANCE_COMPLETE"},
            id="D33-complete-ack",
        ),
    ],
)
async def test_reply_is_understood_and_echoed(
    v1: httpx.AsyncClient,
    recorder: Recorder,
    memory: MemoryBackend,
    path: str,
    said: dict[str, Any],
    sent: dict[str, Any],
) -> None:
    session_id = memory.add()
    response = await v1.put(path.replace("/S/P", f"/{session_id}/{PROJECT}"), json=said)
    assert (response.status_code, response.json()) == (200, said)
    assert recorder.calls[-1][0] == PROJECTS + "ReplyProjectSession"
    assert _sent(recorder) == {"session_id": session_id, "project_id": PROJECT, **sent}


@pytest.mark.parametrize(
    "state",
    [
        pytest.param("ACK_INSTANCE_ACTION_DONE", id="tacker"),
        pytest.param("NACK_INSTANCE_ACTION_DONE", id="tacker-nack"),
        pytest.param("ACK_ADMIN_ACTION_DONE", id="D33"),
        pytest.param("ACK_INSTANCE_ACTION_FALLBACK", id="tacker-fallback"),
        pytest.param("NACK_INSTANCE_ACTION_FALLBACK", id="nack-fallback"),
    ],
)
async def test_reply_to_what_needs_none_records_nothing(
    v1: httpx.AsyncClient, recorder: Recorder, memory: MemoryBackend, state: str
) -> None:
    session_id = memory.add()
    body = {"state": state, "session_id": session_id}
    response = await v1.put(f"/v1/maintenance/{session_id}/{PROJECT}/{ONE}", json=body)
    assert (response.status_code, response.json()) == (200, body)
    assert [method for method, _, _ in recorder.calls] == [PROJECTS + "GetProjectSession"]


async def test_reply_to_what_needs_none_is_still_checked(
    v1: httpx.AsyncClient, memory: MemoryBackend
) -> None:
    body = {"state": "ACK_INSTANCE_ACTION_DONE"}
    unknown = await v1.put(f"/v1/maintenance/none/{PROJECT}/{ONE}", json=body)
    assert unknown.status_code == 404
    path = f"/v1/maintenance/{memory.add()}/{PROJECT}"
    expired = await v1.put(path, json=body, headers={"x-auth-token": "expired"})
    assert expired.status_code == 401


@pytest.mark.parametrize(
    ("said", "named"),
    [
        ({}, "state: is required"),
        ({"state": 1}, "state"),
        ({"state": "MAINTENANCE"}, "state"),
        ({"state": "ACK"}, "state"),
        ({"state": "ACK_"}, "state"),
        ({"state": "MAYBE_SCALE_IN"}, "state"),
        ({"state": "ACK_START_MAINTENANCE"}, "state"),
        ({"state": "ACK_UNSPECIFIED"}, "state"),
        (
            {"state": "ACK_PLANNED_MAINTENANCE", "instance_actions": {ONE: "REBOOT"}},
            f"instance_actions[{ONE}]",
        ),
        ({"state": "ACK_PLANNED_MAINTENANCE", "instance_action": "REBOOT"}, "instance_action"),
        ({"state": "ACK_PLANNED_MAINTENANCE", "instance_action": ["MIGRATE"]}, "instance_action"),
        ({"state": "ACK_PLANNED_MAINTENANCE", "reason": 5}, "reason"),
        (
            {"state": "ACK_PLANNED_MAINTENANCE", "instance_id": [ONE], "instance_actions": {}},
            "instance_id",
        ),
        (["ACK_MAINTENANCE"], "body"),
    ],
)
async def test_reply_that_is_wrong_is_422_and_names_the_field(
    v1: httpx.AsyncClient, memory: MemoryBackend, said: Any, named: str
) -> None:
    response = await v1.put(f"/v1/maintenance/{memory.add()}/{PROJECT}", json=said)
    assert response.status_code == 422
    assert named in response.json()["error"]


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=5,
)
_KEYS = [
    *("hosts", "state", "maintenance_at", "workflow", "metadata", "download", "actions"),
    *("instance_action", "instance_actions", "instance_id", "instance_ids", "reason"),
]


@settings(max_examples=100, deadline=None)
@given(
    said=st.dictionaries(st.sampled_from(_KEYS), _JSON, max_size=4),
    state=st.sampled_from(["ACK_SCALE_IN", "MAINTENANCE", "NACK_INSTANCE_ACTION_DONE"]),
)
def test_no_json_can_break_the_rewriting(said: dict[str, Any], state: str) -> None:
    for method, view in VIEWS.items():
        fields = {"state": state, "session_id": "s", "project_id": "p", **said}
        with contextlib.suppress(RpcError):
            asked = view.request(fields)
            if not isinstance(asked, Instead):
                transcode.to_message(rules.methods()[method], asked)


async def test_update_takes_a_state_in_the_bare_word(
    v1: httpx.AsyncClient, memory: MemoryBackend
) -> None:
    session_id = memory.add(state=pb.SESSION_STATE_MAINTENANCE_FAILED)
    response = await v1.put(f"/v1/maintenance/{session_id}", json={"state": "SCALE_IN"})
    assert (response.status_code, response.json()["state"]) == (200, "SCALE_IN")


async def test_update_needs_no_body(v1: httpx.AsyncClient, memory: MemoryBackend) -> None:
    session_id = memory.add(
        state=pb.SESSION_STATE_MAINTENANCE_FAILED, prev_state=pb.SESSION_STATE_SCALE_IN
    )
    response = await v1.put(f"/v1/maintenance/{session_id}")
    assert (response.status_code, response.json()["state"]) == (200, "SCALE_IN")


@pytest.mark.parametrize("said", [{"state": "RUNNING"}, {"state": 3}, {"stat": "SCALE_IN"}])
async def test_update_that_is_wrong_is_422(
    v1: httpx.AsyncClient, memory: MemoryBackend, said: dict[str, Any]
) -> None:
    session_id = memory.add(state=pb.SESSION_STATE_MAINTENANCE_FAILED)
    response = await v1.put(f"/v1/maintenance/{session_id}", json=said)
    assert response.status_code == 422


async def test_update_of_a_session_that_has_not_failed_is_422(
    v1: httpx.AsyncClient, memory: MemoryBackend
) -> None:
    session_id = memory.add(state=pb.SESSION_STATE_SCALE_IN)
    response = await v1.put(f"/v1/maintenance/{session_id}", json={})
    assert response.status_code == 422
    assert response.json()["error"] == "the session has not failed"
