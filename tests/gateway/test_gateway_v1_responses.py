"""The v1 view as tables: what comes back -> what the client reads."""

from __future__ import annotations

import httpx
from google.protobuf import json_format

from fenix_grpc.v1 import session_service_pb2 as session_pb
from fenix_grpc.v1 import types_pb2 as pb
from tests.gateway.memory import INSTANCES, PROJECT, MemoryBackend, Recorder


async def test_list_has_both_keys_and_more_pages_when_there_are(
    v1: httpx.AsyncClient, recorder: Recorder, memory: MemoryBackend
) -> None:
    ids = [memory.add() for _ in range(3)]
    assert (await v1.get("/v1/maintenance")).json() == {"session_id": ids, "sessions": ids}
    assert recorder.calls[-1][1] == session_pb.ListSessionsRequest(page_size=1000)
    page = await v1.get("/v1/maintenance?page_size=2&page_token=t")
    assert page.json() == {
        "session_id": ids[:2],
        "sessions": ids[:2],
        "next_page_token": "more",
    }
    assert recorder.calls[-1][1] == session_pb.ListSessionsRequest(page_size=2, page_token="t")


async def test_get_session_has_bare_words_and_snake_case(
    v1: httpx.AsyncClient, memory: MemoryBackend
) -> None:
    session_id = memory.add(
        state=pb.SESSION_STATE_PLANNED_MAINTENANCE,
        prev_state=pb.SESSION_STATE_SCALE_IN,
        percent_done=40,
        workflow="default",
        seq=17,
    )
    session = memory.sessions[session_id].session
    session.metadata["openstack_release"] = "Queens"
    session.maintenance_at.FromJsonString("2018-02-28T06:06:03Z")
    response = await v1.get(f"/v1/maintenance/{session_id}")
    assert response.json() == {
        "session_id": session_id,
        "state": "PLANNED_MAINTENANCE",
        "prev_state": "SCALE_IN",
        "percent_done": 40,
        "reason": "",
        "workflow": "default",
        "maintenance_at": "2018-02-28T06:06:03Z",
        "metadata": {"openstack_release": "Queens"},
        "created_at": None,
        "updated_at": None,
        "seq": 17,
    }


async def test_project_session_tells_a_manager_without_alarms_what_to_answer(
    v1: httpx.AsyncClient, memory: MemoryBackend
) -> None:
    session_id = memory.add(state=pb.SESSION_STATE_PLANNED_MAINTENANCE)
    response = await v1.get(f"/v1/maintenance/{session_id}/{PROJECT}")
    assert response.json() == {
        "instance_ids": list(INSTANCES),
        "state": "PLANNED_MAINTENANCE",
        "answer": None,
        "notice": {
            "notice_id": "planned/1",
            "state": "PLANNED_MAINTENANCE",
            "instances": [{"instance_id": i, "instance_name": "vm"} for i in INSTANCES],
            "allowed_actions": ["MIGRATE", "OWN_ACTION"],
            "actions_at": None,
            "reply_at": "2018-02-28T07:00:00Z",
            "metadata": {},
            "needed": None,
            "reason": "",
        },
    }


#: A session in the middle of its work, as the RPC answers.
DETAIL = session_pb.GetSessionDetailResponse()
json_format.ParseDict(
    {
        "detail": {
            "session": {"sessionId": "s", "state": "SESSION_STATE_START_MAINTENANCE"},
            "hosts": [
                {
                    "host": "c1",
                    "kind": "HOST_KIND_COMPUTE",
                    "disabled": True,
                    "progress": "HOST_PROGRESS_IN_MAINTENANCE",
                    "capacity": {"vcpus": 16, "memoryMb": 1024, "diskGb": 10},
                    "instances": 2,
                },
                {"host": "c2", "kind": "HOST_KIND_COMPUTE", "excluded": "disabled by bob"},
            ],
            "projects": [
                {"projectId": "p", "notice": "NOTICE_KIND_SCALE_IN", "answer": "ANSWER_NACK"},
                {"projectId": "q", "notice": "NOTICE_KIND_SCALE_IN"},
                {"projectId": "r", "defaulted": "nobody listens", "listening": True},
            ],
            "instances": [
                {
                    "instanceId": "i",
                    "instanceName": "vm",
                    "projectId": "p",
                    "host": "c1",
                    "status": "ACTIVE",
                    "action": "INSTANCE_ACTION_LIVE_MIGRATE",
                    "actionDone": True,
                    "size": {"vcpus": 2},
                }
            ],
            "actions": [{"plugin": "os_upgrade", "type": "ACTION_TYPE_HOST"}],
            "steps": [
                {"stepId": "d/1", "verb": "STEP_VERB_DISABLE_HOST", "host": "c1", "outcome": 1},
                {
                    "stepId": "a/1",
                    "verb": "STEP_VERB_RUN_ACTION",
                    "host": "c1",
                    "plugin": "esw_upgrade",
                    "outcome": "STEP_OUTCOME_FAILED",
                    "detail": "exit code 1",
                },
                {
                    "stepId": "a/2",
                    "verb": "STEP_VERB_RUN_ACTION",
                    "host": "c1",
                    "plugin": "os_upgrade",
                    "actionType": "ACTION_TYPE_HOST",
                },
            ],
            "waiting": [{"subject": "project:q", "reason": "has not answered", "then": "migrate"}],
            "owedHosts": ["c1"],
        }
    },
    DETAIL,
)


async def test_detail_has_the_rows_and_columns_of_the_v1_database(
    v1: httpx.AsyncClient, memory: MemoryBackend
) -> None:
    memory.sessions["s"] = DETAIL.detail
    detail = (await v1.get("/v1/maintenance/s/detail")).json()
    assert detail["session_id"] == "s"
    assert detail["state"] == "START_MAINTENANCE"
    assert detail["meta"] == detail["metadata"] == {}
    amount = {"vcpus": 16, "memory_mb": 1024, "disk_gb": 10}
    assert detail["hosts"][0] == {
        "id": "c1",
        "session_id": "s",
        "hostname": "c1",
        "type": "compute",
        "maintained": False,
        "disabled": True,
        "details": None,
        "plugin": "os_upgrade",
        "plugin_state": "RUNNING",
        "progress": "IN_MAINTENANCE",
        "capacity": amount,
        "used": dict.fromkeys(amount, 0),
        "instances": 2,
        "created_at": None,
        "updated_at": None,
    }
    assert detail["hosts"][1]["details"] == "disabled by bob"
    assert [row["state"] for row in detail["projects"]] == ["NACK_SCALE_IN", "SCALE_IN", None]
    assert detail["projects"][2]["defaulted"] == "nobody listens"
    assert detail["instances"] == [
        {
            "id": "i",
            "session_id": "s",
            "instance_id": "i",
            "instance_name": "vm",
            "project_id": "p",
            "host": "c1",
            "state": "ACTIVE",
            "project_state": "NACK_SCALE_IN",
            "action": "LIVE_MIGRATE",
            "action_done": True,
            "details": None,
            "size": {"vcpus": 2, "memory_mb": 0, "disk_gb": 0},
            "created_at": None,
            "updated_at": None,
        }
    ]
    assert detail["action_plugins"] == [
        {"id": "os_upgrade", "session_id": "s", "plugin": "os_upgrade", "type": "host", "meta": {}}
    ]
    assert detail["action_plugin_instances"] == [
        {
            "id": "a/1",
            "session_id": "s",
            "plugin": "esw_upgrade",
            "hostname": "c1",
            "state": "FAILED",
        },
        {
            "id": "a/2",
            "session_id": "s",
            "plugin": "os_upgrade",
            "hostname": "c1",
            "state": "RUNNING",
        },
    ]
    assert [step["state"] for step in detail["steps"]] == ["DONE", "FAILED", "RUNNING"]
    assert detail["steps"][1]["details"] == "exit code 1"
    assert detail["waiting"] == [
        {
            "subject": "project:q",
            "reason": "has not answered",
            "since": None,
            "deadline": None,
            "then": "migrate",
        }
    ]
    assert detail["owed_hosts"] == ["c1"]
    assert detail["downloads"] == []
