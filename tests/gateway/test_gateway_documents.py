"""Every sample of the published documents (admin API, project API), through the gateway over both doors."""

from __future__ import annotations

import httpx
import pytest

from fenix_grpc.v1 import types_pb2 as pb
from tests.gateway.memory import INSTANCES, PROJECT, MemoryBackend

HOSTS = ["overcloud-novacompute-1.opnfvlf.org", "overcloud-novacompute-2.opnfvlf.org"]
#: Admin API, "Create maintenance session"; `download` stands apart because servers may take none.
CREATE = {
    "hosts": HOSTS,
    "state": "MAINTENANCE",
    "maintenance_at": "2018-02-28 06:06:03",
    "metadata": {"openstack_release": "Queens"},
    "workflow": "default",
    "actions": [
        {"plugin": "prepare", "type": "pre"},
        {"plugin": "esw_upgrade", "type": "host", "metadata": {"upgrade": "ESW1"}},
        {"plugin": "os_upgrade", "type": "host", "metadata": {"upgrade": "SW1"}},
        {"plugin": "finalize", "type": "post"},
    ],
}
DOWNLOAD = ["https://my.sw.upgrades.com/SW1.tar.gz", "https://my.sw.upgrades.com/ESW1.tar.gz"]

SLASHES = pytest.mark.parametrize("slash", ["", "/"], ids=["D2-no-slash", "D2-slash"])


async def _created(client: httpx.AsyncClient) -> str:
    response = await client.post("/v1/maintenance", json=CREATE)
    session_id: str = response.json()["session_id"]
    return session_id


@SLASHES
async def test_create_session(both_doors: httpx.AsyncClient, slash: str) -> None:
    response = await both_doors.post(f"/v1/maintenance{slash}", json=CREATE)
    assert response.status_code == 200
    assert response.headers["content-type"] == "application/json"
    assert response.json().keys() == {"session_id"}
    assert len(response.json()["session_id"]) == 36


async def test_create_session_with_the_downloads_of_the_sample(
    both_doors: httpx.AsyncClient,
) -> None:
    response = await both_doors.post("/v1/maintenance", json={**CREATE, "download": DOWNLOAD})
    assert response.status_code == 200


@SLASHES
@pytest.mark.parametrize("verb", ["PUT", "POST"], ids=["D1-PUT", "D1-POST"])
async def test_update_session(
    both_doors: httpx.AsyncClient, memory: MemoryBackend, slash: str, verb: str
) -> None:
    session_id = memory.add(
        state=pb.SESSION_STATE_MAINTENANCE_FAILED, prev_state=pb.SESSION_STATE_START_MAINTENANCE
    )
    response = await both_doors.request(verb, f"/v1/maintenance/{session_id}{slash}", json={})
    assert response.status_code == 200
    assert response.json()["session_id"] == session_id
    assert response.json()["state"] == "START_MAINTENANCE"


@SLASHES
async def test_get_sessions(both_doors: httpx.AsyncClient, slash: str) -> None:
    session_id = await _created(both_doors)
    response = await both_doors.get(f"/v1/maintenance{slash}")
    assert response.status_code == 200
    assert response.json() == {"session_id": [session_id], "sessions": [session_id]}


@SLASHES
async def test_get_session(
    both_doors: httpx.AsyncClient, memory: MemoryBackend, slash: str
) -> None:
    session_id = memory.add(state=pb.SESSION_STATE_MAINTENANCE_DONE, percent_done=100)
    response = await both_doors.get(f"/v1/maintenance/{session_id}{slash}")
    assert response.status_code == 200
    assert response.json()["state"] == "MAINTENANCE_DONE"
    assert response.json()["session_id"] == session_id


@SLASHES
async def test_delete_session(both_doors: httpx.AsyncClient, slash: str) -> None:
    session_id = await _created(both_doors)
    response = await both_doors.delete(f"/v1/maintenance/{session_id}{slash}")
    assert (response.status_code, response.json()) == (200, {})
    assert (await both_doors.get(f"/v1/maintenance/{session_id}")).status_code == 404


@SLASHES
async def test_get_project_session(both_doors: httpx.AsyncClient, slash: str) -> None:
    session_id = await _created(both_doors)
    response = await both_doors.get(f"/v1/maintenance/{session_id}/{PROJECT}{slash}")
    assert response.status_code == 200
    assert response.json()["instance_ids"] == list(INSTANCES)
    assert response.json()["state"] == "MAINTENANCE"


@SLASHES
async def test_project_input(both_doors: httpx.AsyncClient, slash: str) -> None:
    session_id = await _created(both_doors)
    sample = {
        "instance_actions": dict.fromkeys(INSTANCES, "MIGRATE"),
        "state": "ACK_PLANNED_MAINTENANCE",
    }
    response = await both_doors.put(f"/v1/maintenance/{session_id}/{PROJECT}{slash}", json=sample)
    assert (response.status_code, response.json()) == (200, sample)


async def test_session_detail_named_by_the_administrators_guide(
    both_doors: httpx.AsyncClient,
) -> None:
    session_id = await _created(both_doors)
    response = await both_doors.get(f"/v1/maintenance/{session_id}/detail")
    assert response.status_code == 200
    assert response.json()["session_id"] == session_id
    assert response.json()["hosts"] == []


@pytest.mark.parametrize(
    ("verb", "path"),
    [
        ("GET", "/v1/maintenance/{}"),
        ("PUT", "/v1/maintenance/{}"),
        ("DELETE", "/v1/maintenance/{}"),
        ("GET", "/v1/maintenance/{}/detail"),
        ("GET", f"/v1/maintenance/{{}}/{PROJECT}"),
        ("PUT", f"/v1/maintenance/{{}}/{PROJECT}"),
    ],
)
async def test_unknown_session(both_doors: httpx.AsyncClient, verb: str, path: str) -> None:
    body = {"state": "ACK_MAINTENANCE"} if path.endswith(PROJECT) and verb == "PUT" else None
    response = await both_doors.request(
        verb, path.format("695030ee-1c4d-11e8-a9b0-0242ac110002"), json=body
    )
    assert response.status_code == 404
    assert response.json()["error"] == "Invalid session"
    assert response.json()["details"][0]["resourceType"] == "session"


async def test_too_many_sessions(both_doors: httpx.AsyncClient) -> None:
    for _ in range(3):
        await _created(both_doors)
    response = await both_doors.post("/v1/maintenance", json=CREATE)
    assert response.status_code == 509
    assert response.json()["error"] == "Too many sessions"
