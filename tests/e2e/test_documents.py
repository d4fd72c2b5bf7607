"""Every sample of the published documents (admin API, project API) in a real session: through the gateway of the
server and through one on its own, in both slash forms. Only host names and the date are those of this test."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import httpx
import pytest
import pytest_asyncio

from fenix_grpc.clock import SystemClock
from tests.e2e.service import REST_DOORS, Service, a_service, until
from tests.e2e.v1 import V1

pytestmark = pytest.mark.asyncio(loop_scope="module")

PROJECT = "695030ee1c4d11e8a9b00242ac110002"
HOSTS = [f"overcloud-novacompute-{n}.opnfvlf.org" for n in (1, 2, 3)]
#: Two instances that never share a host: however they lie, a host is empty, and two are emptied of one instance each.
CLOUD = f"""
durations = {{live_migrate = 0.05, cold_migrate = 0.05}}
flavors.m = {{vcpus = 2, memory_mb = 4096, disk_gb = 20}}
[[hosts]]
name = "overcloud-novacompute-{{n}}.opnfvlf.org"
count = 3
vcpus = 8
memory_mb = 32768
disk_gb = 200
[[projects]]
id = "{PROJECT}"
[[projects.groups]]
name = "ha"
[[projects.instances]]
name = "vm-{{n}}"
count = 2
flavor = "m"
group = "ha"
"""
MOST = 3
SERVER = f"max_sessions = {MOST}"
MORE = f"""
[timers]
poll_s = 0.05
[projects]
managed = ["{PROJECT}"]
[actions.prepare]
kind = "dummy"
[actions.esw_upgrade]
kind = "dummy"
[actions.os_upgrade]
kind = "dummy"
[actions.finalize]
kind = "dummy"
"""

#: Admin API, "Create maintenance session".
SAMPLE = {
    "hosts": HOSTS,
    "state": "MAINTENANCE",
    "maintenance_at": "2018-02-28 06:06:03",
    "metadata": {"openstack_release": "Queens"},
    "workflow": "default",
    "download": [
        "https://my.sw.upgrades.com/SW1.tar.gz",
        "https://my.sw.upgrades.com/ESW1.tar.gz",
    ],
    "actions": [
        {"plugin": "prepare", "type": "pre"},
        {"plugin": "esw_upgrade", "type": "host", "metadata": {"upgrade": "ESW1"}},
        {"plugin": "os_upgrade", "type": "host", "metadata": {"upgrade": "SW1"}},
        {"plugin": "finalize", "type": "post"},
    ],
}
UNKNOWN = "695030ee-1c4d-11e8-a9b0-0242ac110002"


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def service(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Service]:
    async with a_service(
        tmp_path_factory.mktemp("documents"), CLOUD, MORE, server=SERVER
    ) as running:
        yield running
        assert not running.defects()


@pytest.fixture(params=REST_DOORS)
def door(service: Service, request: pytest.FixtureRequest) -> httpx.AsyncClient:
    return service.http[request.param]


@pytest.fixture(params=["", "/"], ids=["no-slash", "slash"])
def v1(door: httpx.AsyncClient, request: pytest.FixtureRequest) -> V1:
    return V1(door, request.param)


def a_session(in_days: int = 0, **changed: Any) -> dict[str, Any]:
    """The sample without what needs a server on the internet, at a time that is not past."""
    at = SystemClock().now() + timedelta(days=in_days)
    body = {**SAMPLE, "maintenance_at": f"{at:%Y-%m-%d %H:%M:%S}", **changed}
    del body["download"]
    return body


async def answer_all(v1: V1, session_id: str) -> list[str]:
    """Replies ACK with the body of the project API's sample to everything asked; returns what was asked."""
    states: list[str] = []
    while asked := await v1.asked(session_id, PROJECT):
        state = asked["notice"]["state"]
        reply: dict[str, Any] = {"state": f"ACK_{state}"}
        if asked["notice"]["allowed_actions"]:
            reply["instance_actions"] = dict.fromkeys(asked["instance_ids"], "MIGRATE")
        assert await v1.ok("PUT", session_id, PROJECT, body=reply) == reply
        states.append(state)
    return states


async def test_the_whole_documented_dialogue(v1: V1) -> None:
    session_id = await v1.create(a_session())

    listed = await v1.ok("GET")
    assert session_id in listed["session_id"]
    assert listed["session_id"] == listed["sessions"]
    assert (await v1.ok("GET", session_id))["state"] == "MAINTENANCE"

    first = await v1.asked(session_id, PROJECT)
    assert (first["state"], len(first["instance_ids"])) == ("MAINTENANCE", 2)
    error = await v1.refused(422, "PUT", session_id, body={})
    assert "only a failed one is continued" in error

    assert await answer_all(v1, session_id) == [
        "MAINTENANCE",
        "PLANNED_MAINTENANCE",
        "PLANNED_MAINTENANCE",
        "MAINTENANCE_COMPLETE",
    ]
    done = await v1.ok("GET", session_id)
    assert (done["session_id"], done["state"]) == (session_id, "MAINTENANCE_DONE")
    check_detail(await v1.ok("GET", session_id, "detail"), session_id)

    assert await v1.ok("DELETE", session_id) == {}
    assert session_id not in (await v1.ok("GET"))["session_id"]


def check_detail(detail: Any, session_id: str) -> None:
    """What an administrator reads out of it (fenix-v1 facts, E6)."""
    assert (detail["workflow"], detail["percent_done"]) == ("default", 100)
    assert detail["meta"] == SAMPLE["metadata"]
    assert [host["hostname"] for host in detail["hosts"]] == HOSTS
    assert all(host["maintained"] and not host["disabled"] for host in detail["hosts"])
    assert [project["project_id"] for project in detail["projects"]] == [PROJECT]
    assert len(detail["instances"]) == 2
    assert all(i["action"] == "MIGRATE" and i["action_done"] for i in detail["instances"])
    runs = [(r["hostname"], r["plugin"], r["state"]) for r in detail["action_plugin_instances"]]
    assert runs[0] == (None, "prepare", "DONE")
    assert runs[-1] == (None, "finalize", "DONE")
    assert sorted(runs[1:-1]) == [
        (host, plugin, "DONE") for host in HOSTS for plugin in ("esw_upgrade", "os_upgrade")
    ]
    for name in ("hosts", "projects", "instances", "action_plugins", "action_plugin_instances"):
        assert all(row["session_id"] == session_id for row in detail[name]), name


async def test_the_sample_as_published_is_past(v1: V1) -> None:
    before = await v1.ok("GET")
    published = {key: value for key, value in SAMPLE.items() if key != "download"}
    error = await v1.refused(422, "POST", body=published)
    assert error == "maintenance_at: 2018-02-28T06:06:03Z is past"
    assert await v1.ok("GET") == before


async def test_downloads_where_none_are_taken_leave_nobody_in_doubt(v1: V1) -> None:
    before = await v1.ok("GET")
    error = await v1.refused(422, "POST", body={**a_session(), "download": SAMPLE["download"]})
    assert error == "packages: this server takes none: [packages] has no directory"
    assert await v1.ok("GET") == before


@pytest.mark.parametrize("verb", ["PUT", "POST"])
@pytest.mark.parametrize("body", [{}, {"state": "MAINTENANCE"}], ids=["where-it-failed", "state"])
async def test_a_failed_session_is_continued(door: httpx.AsyncClient, verb: str, body: Any) -> None:
    v1 = V1(door, "/" if verb == "POST" else "")  # as the oldest document and as the later ones
    session_id = await v1.create(a_session(actions=[]))
    await v1.asked(session_id, PROJECT)
    await v1.ok("PUT", session_id, PROJECT, body={"state": "NACK_MAINTENANCE"})
    await until(lambda: v1.ok("GET", session_id), lambda s: s["state"] == "MAINTENANCE_FAILED")

    continued = await v1.ok(verb, session_id, body=body)
    assert (continued["session_id"], continued["state"]) == (session_id, "MAINTENANCE")
    assert (await v1.asked(session_id, PROJECT))["notice"]["state"] == "MAINTENANCE"
    assert await v1.ok("DELETE", session_id) == {}


async def test_a_reply_for_one_instance(door: httpx.AsyncClient) -> None:
    v1 = V1(door)
    session_id = await v1.create(a_session(actions=[]))
    await v1.asked(session_id, PROJECT)
    await v1.ok("PUT", session_id, PROJECT, body={"state": "ACK_MAINTENANCE"})
    asked = await v1.asked(session_id, PROJECT)
    (instance_id,) = asked["instance_ids"]
    reply = {"state": "ACK_PLANNED_MAINTENANCE", "instance_action": "LIVE_MIGRATE"}
    assert await v1.ok("PUT", session_id, PROJECT, instance_id, body=reply) == reply

    await v1.asked(session_id, PROJECT)
    instances = (await v1.ok("GET", session_id, "detail"))["instances"]
    moved = {i["instance_id"]: (i["action"], i["action_done"]) for i in instances}
    assert moved[instance_id] == ("LIVE_MIGRATE", True)
    assert await v1.ok("DELETE", session_id) == {}


@pytest.mark.parametrize(
    ("verb", "path", "body"),
    [
        ("GET", (UNKNOWN,), None),
        ("PUT", (UNKNOWN,), {}),
        ("POST", (UNKNOWN,), {}),
        ("DELETE", (UNKNOWN,), None),
        ("GET", (UNKNOWN, "detail"), None),
        ("GET", (UNKNOWN, PROJECT), None),
        ("PUT", (UNKNOWN, PROJECT), {"state": "ACK_MAINTENANCE"}),
        ("PUT", (UNKNOWN, PROJECT, UNKNOWN), {"state": "ACK_MAINTENANCE"}),
    ],
)
async def test_an_unknown_session(v1: V1, verb: str, path: tuple[str, ...], body: Any) -> None:
    assert await v1.refused(404, verb, *path, body=body) == "Invalid session"


async def test_a_deleted_session_is_unknown(v1: V1) -> None:
    session_id = await v1.create(a_session(in_days=1))
    assert await v1.ok("DELETE", session_id) == {}

    async def look() -> int:
        return (await v1.call("GET", session_id)).status_code

    await until(look, lambda status: status == 404)
    assert await v1.refused(404, "DELETE", session_id) == "Invalid session"


async def test_the_first_clients_knew_no_v1(door: httpx.AsyncClient) -> None:
    session_id = await V1(door).create(a_session(in_days=1))
    for path in ("/maintenance", f"/maintenance/{session_id}"):
        response = await door.get(path)
        assert (response.status_code, session_id in response.text) == (200, True)
    await V1(door).ok("DELETE", session_id)


async def test_too_many_sessions(v1: V1) -> None:
    created = []
    while (response := await v1.call("POST", body=a_session(in_days=1))).status_code == 200:
        created.append(response.json()["session_id"])
        assert len(created) <= MOST
    assert response.status_code == 509
    assert response.json()["error"] == "Too many sessions"
    for session_id in created:
        await v1.ok("DELETE", session_id)
    # There is room again as soon as the deleted sessions have given back what they held.
    await until(lambda: v1.call("GET", created[-1]), lambda gone: gone.status_code == 404)
    await v1.ok("DELETE", await v1.create(a_session(in_days=1)))
