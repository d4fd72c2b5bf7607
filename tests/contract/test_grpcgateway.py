"""The standard mapping is that of the Go grpc-gateway: one suite over both, in front of the same server.

The documented dialogue of a session runs through each of them; what can be asked twice is asked of both and compared.
Where they differ on purpose, docs/api.md says so, and its table is tried out line by line.
"""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import httpx
import pytest
import pytest_asyncio

from fenix_grpc.cli.processes import started
from fenix_grpc.clock import SystemClock
from tests.contract.documents import ACCEPT, ROOT
from tests.contract.golang import grpc_gateway
from tests.e2e.service import PATIENCE_S, until
from tests.processes.servers import ServerProcess

pytestmark = pytest.mark.asyncio(loop_scope="module")

PROJECT = "695030ee1c4d11e8a9b00242ac110002"
UNKNOWN = "695030ee-1c4d-11e8-a9b0-0242ac110002"
HOSTS = [f"overcloud-novacompute-{n}.opnfvlf.org" for n in (1, 2, 3)]
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
MORE = f"""
[timers]
poll_s = 0.05
[projects]
managed = ["{PROJECT}"]
[actions.prepare]
kind = "dummy"
[actions.os_upgrade]
kind = "dummy"
"""
OURS, THEIRS = "fenix", "grpc-gateway"
Json = Any


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def doors(
    tmp_path_factory: pytest.TempPathFactory,
) -> AsyncIterator[Mapping[str, httpx.AsyncClient]]:
    """Clients of both gateways by name."""
    program = await asyncio.to_thread(grpc_gateway)
    directory = tmp_path_factory.mktemp("grpcgateway")
    server = ServerProcess.simulated(directory, CLOUD, MORE)
    async with AsyncExitStack() as stack:
        processes = await stack.enter_async_context(started(directory))
        stack.push_async_callback(server.stop)
        await server.start()
        await processes.start(THEIRS, [str(program), "-server", server.grpc])
        await processes.until_printed(THEIRS, "listening on")
        address = processes.log(THEIRS).read_text().split()[-1]
        urls = {OURS: server.rest, THEIRS: f"http://{address}"}
        yield {
            name: await stack.enter_async_context(
                httpx.AsyncClient(
                    base_url=url,
                    trust_env=False,
                    timeout=PATIENCE_S,
                    headers={"accept": ACCEPT["standard"]},
                )
            )
            for name, url in urls.items()
        }


@pytest.fixture(params=[OURS, THEIRS])
def door(doors: Mapping[str, httpx.AsyncClient], request: pytest.FixtureRequest) -> Door:
    return Door(doors[request.param])


@dataclass(frozen=True, slots=True)
class Door:
    """A client of the standard mapping."""

    http: httpx.AsyncClient

    async def ok(self, verb: str, path: str, body: Json = None) -> Json:
        """The body of a success."""
        response = await self.http.request(verb, path, json=body)
        assert response.status_code == 200, response.text
        assert response.headers["content-type"] == "application/json"
        return response.json()

    async def create(self, **more: Json) -> str:
        """The path of a new session."""
        created = await self.ok("POST", "/v1/maintenance", a_session(**more))
        return f"/v1/maintenance/{created['session']['sessionId']}"

    async def asked(self, session: str) -> Json:
        """What the project is asked and has not answered; None at the end of the session."""

        async def look() -> Json:
            state = (await self.ok("GET", session))["session"]["state"]
            response = await self.http.get(f"{session}/{PROJECT}")
            found = response.json() if response.is_success else {"notice": None}
            return {**found, "ended": state.endswith(("_DONE", "_FAILED"))}

        def holds(found: Json) -> bool:
            return found["ended"] or (found["notice"] and found["answer"] == "ANSWER_UNSPECIFIED")

        found = await until(look, holds)
        return None if found["ended"] else found

    async def delete(self, session: str) -> None:
        """Returns when its hosts are free for the next one."""
        assert await self.ok("DELETE", session) == {}
        await until(lambda: self.http.get(session), lambda gone: gone.status_code == 404)


def a_session(**more: Json) -> Json:
    """The sample of the admin API in the standard mapping."""
    return {
        "hosts": HOSTS,
        "state": "SESSION_STATE_MAINTENANCE",
        "maintenanceAt": f"{SystemClock().now() + timedelta(seconds=1):%Y-%m-%dT%H:%M:%SZ}",
        "metadata": {"openstack_release": "Queens"},
        "workflow": "default",
        "actions": [
            {"plugin": "prepare", "type": "ACTION_TYPE_PRE"},
            {"plugin": "os_upgrade", "type": "ACTION_TYPE_HOST", "metadata": {"upgrade": "SW1"}},
        ],
        **more,
    }


async def test_the_whole_documented_dialogue(door: Door) -> None:
    session = await door.create()
    listed = await door.ok("GET", "/v1/maintenance")
    assert [f"/v1/maintenance/{s['sessionId']}" for s in listed["sessions"]] == [session]
    assert listed["nextPageToken"] == ""

    kinds = []
    while asked := await door.asked(session):
        notice = asked["notice"]
        reply = {"kind": notice["kind"], "answer": "ANSWER_ACK", "noticeId": notice["noticeId"]}
        if notice["allowedActions"]:
            reply["instanceActions"] = dict.fromkeys(
                asked["instanceIds"], "INSTANCE_ACTION_LIVE_MIGRATE"
            )
        counted = await door.ok("PUT", f"{session}/{PROJECT}", reply)
        assert counted["counted"] is True
        kinds.append(notice["kind"].removeprefix("NOTICE_KIND_"))
    assert kinds == [
        *("MAINTENANCE", "PLANNED_MAINTENANCE", "PLANNED_MAINTENANCE", "MAINTENANCE_COMPLETE"),
    ]
    done = (await door.ok("GET", session))["session"]
    assert (done["state"], done["percentDone"]) == ("SESSION_STATE_MAINTENANCE_DONE", 100)
    detail = (await door.ok("GET", f"{session}/detail"))["detail"]
    assert [host["host"] for host in detail["hosts"]] == HOSTS
    assert {i["action"] for i in detail["instances"]} == {"INSTANCE_ACTION_LIVE_MIGRATE"}
    assert {step["outcome"] for step in detail["steps"]} == {"STEP_OUTCOME_DONE"}
    await door.delete(session)


@pytest.mark.parametrize("verb", ["PUT", "POST"])
async def test_a_failed_session_is_continued(door: Door, verb: str) -> None:
    session = await door.create(actions=[])
    await door.asked(session)
    reply = {"kind": "NOTICE_KIND_MAINTENANCE", "answer": "ANSWER_NACK", "reason": "not today"}
    await door.ok("PUT", f"{session}/{PROJECT}", reply)
    await until(
        lambda: door.ok("GET", session), lambda s: s["session"]["state"].endswith("_FAILED")
    )
    continued = await door.ok(verb, session, {"state": "SESSION_STATE_MAINTENANCE"})
    assert continued["session"]["state"] == "SESSION_STATE_MAINTENANCE"
    await door.delete(session)


async def test_a_reply_for_one_instance(door: Door) -> None:
    session = await door.create(actions=[])
    await door.asked(session)
    reply = {"kind": "NOTICE_KIND_MAINTENANCE", "answer": "ANSWER_ACK"}
    await door.ok("PUT", f"{session}/{PROJECT}", reply)
    (instance_id,) = (await door.asked(session))["instanceIds"]
    reply = {
        "kind": "NOTICE_KIND_PLANNED_MAINTENANCE",
        "answer": "ANSWER_ACK",
        "action": "INSTANCE_ACTION_MIGRATE",
    }
    counted = await door.ok("PUT", f"{session}/{PROJECT}/{instance_id}", reply)
    assert counted["counted"] is True
    await door.delete(session)


async def test_constraints_are_set_read_listed_and_removed(door: Door) -> None:
    path = "/v1/instance/vm%20of%20ours"
    demand = {"projectId": PROJECT, "leadTime": "60", "maxInterruptionTime": 120}
    demand["migrationTypes"] = ["INSTANCE_ACTION_LIVE_MIGRATE"]
    kept = (await door.ok("PUT", f"{path}?requestId=once-at-{door.http.base_url.port}", demand))[
        "record"
    ]
    assert kept["constraint"]["instanceId"] == "vm of ours"
    assert kept["constraint"]["maxInterruptionTime"] == "120"
    assert (await door.ok("GET", path))["record"] == kept
    assert kept in (await door.ok("GET", f"/v1/instance?project_id={PROJECT}"))["records"]
    assert await door.ok("DELETE", path) == {}
    assert (await door.http.get(path)).status_code == 404

    group = {"projectId": PROJECT, "maxImpactedMembers": 0, "antiAffinityGroup": True}
    kept = (await door.ok("PUT", "/v1/instance_group/ha", group))["record"]
    assert kept["constraint"]["maxImpactedMembers"] == "0"
    assert kept in (await door.ok("GET", "/v1/instance_group?pageSize=1000"))["records"]
    assert await door.ok("DELETE", "/v1/instance_group/ha") == {}


@pytest_asyncio.fixture(loop_scope="module")
async def session(doors: Mapping[str, httpx.AsyncClient]) -> AsyncIterator[str]:
    """The path of a session that waits for its project."""
    door = Door(doors[OURS])
    path = await door.create()
    await door.asked(path)
    yield path
    await door.delete(path)


async def lines(http: httpx.AsyncClient, path: str, *, most: int = 1000) -> list[Json]:
    """Lines of a stream."""
    found: list[Json] = []
    async with http.stream("GET", path) as response:
        assert response.status_code == 200
        async for line in response.aiter_lines():
            found.append(json.loads(line))
            if len(found) == most:
                break
    return found


async def test_a_watch_is_the_same_lines_and_resumes(
    doors: Mapping[str, httpx.AsyncClient], session: str
) -> None:
    ours, theirs = [await lines(http, f"{session}:watch?follow=false") for http in doors.values()]

    def events(of: list[Json]) -> list[Json]:
        return [event for line in of for event in line["result"]["events"]]

    assert events(ours) == events(theirs)
    assert events(ours)[0]["sessionCreated"]["hosts"] == HOSTS
    assert ours[0].keys() == theirs[0].keys() == {"result"}
    token = ours[-1]["result"]["token"]
    for http in doors.values():
        resumed = await lines(http, f"{session}:watch?follow=false&after={token}")
        assert not [event for event in events(resumed) if event in events(ours)]
        snapshot = (await lines(http, f"{session}:watch?follow=true&snapshot=true", most=1))[0]
        assert len(snapshot["result"]["snapshot"]) == 1


async def test_a_project_is_told_the_same(
    doors: Mapping[str, httpx.AsyncClient], session: str
) -> None:
    ours, theirs = [
        await lines(http, f"/v1/projects/{PROJECT}:watch", most=1) for http in doors.values()
    ]
    assert ours[0]["result"]["notices"] == theirs[0]["result"]["notices"]
    assert ours[0]["result"]["notices"][0]["kind"] == "NOTICE_KIND_MAINTENANCE"


BOTH_SAY = [
    ("GET", "{session}", None, 200),
    ("GET", f"{{session}}/{PROJECT}", None, 200),
    ("GET", "{session}/detail", None, 200),
    ("GET", "/v1/maintenance?page_size=1", None, 200),
    ("GET", "/v1/maintenance?pageSize=1&unknown=2", None, 200),
    ("GET", "/v1/instance", None, 200),
    ("GET", f"/v1/maintenance/{UNKNOWN}", None, 404),
    ("GET", f"/v1/maintenance/{UNKNOWN}/detail", None, 404),
    ("GET", f"/v1/maintenance/{UNKNOWN}/{PROJECT}", None, 404),
    ("DELETE", f"/v1/maintenance/{UNKNOWN}", None, 404),
    ("PUT", f"/v1/maintenance/{UNKNOWN}", {}, 404),
    ("GET", "/v1/instance/unknown", None, 404),
    ("GET", "/v1/maintenance?page_token=wrong", None, 400),
    ("PUT", "{session}", {}, 400),
    ("POST", "/v1/maintenance", {}, 400),
    ("POST", "/v1/maintenance", {"maintenanceAt": "2018-02-28T06:06:03Z"}, 400),
    ("PUT", f"{{session}}/{PROJECT}", {"kind": 1}, 400),
    ("PUT", f"{{session}}/{PROJECT}", {"kind": "NOTICE_KIND_SCALE_IN", "answer": 1}, 400),
    ("PUT", "/v1/instance/vm", {"projectId": PROJECT, "leadTime": "-1"}, 400),
]
#: Each has its own words for what it cannot read.
BOTH_REFUSE = [
    ("GET", "/v1/maintenance?page_size=ten", None, 400),
    ("GET", "/v1/maintenance?page_size=1&page_size=2", None, 400),
    ("GET", "/v1/maintenance?page_size=1&pageSize=2", None, 400),
    ("GET", "{session}:watch?follow=perhaps", None, 400),
    ("POST", "/v1/maintenance", {"hosts": "all"}, 400),
    ("POST", "/v1/maintenance", {"maintenanceAt": "tomorrow"}, 400),
    ("POST", "/v1/maintenance", [], 400),
    ("GET", "/v2/maintenance", None, 404),
]


@pytest.mark.parametrize(("verb", "path", "body", "status"), BOTH_SAY)
async def test_both_say_the_same(
    doors: Mapping[str, httpx.AsyncClient],
    session: str,
    verb: str,
    path: str,
    body: Json,
    status: int,
) -> None:
    path = path.format(session=session)
    ours, theirs = [await http.request(verb, path, json=body) for http in doors.values()]
    assert (ours.status_code, theirs.status_code) == (status, status), ours.text + theirs.text
    assert settled(ours.json()) == settled(theirs.json())


def settled(answer: Json) -> Json:
    """Without the moment at which a waiting session was looked at."""
    detail = answer.get("detail")
    return {**answer, "detail": {**detail, "waiting": len(detail["waiting"])}} if detail else answer


@pytest.mark.parametrize(("verb", "path", "body", "status"), BOTH_REFUSE)
async def test_both_refuse_with_the_same_code(
    doors: Mapping[str, httpx.AsyncClient],
    session: str,
    verb: str,
    path: str,
    body: Json,
    status: int,
) -> None:
    path = path.format(session=session)
    ours, theirs = [await http.request(verb, path, json=body) for http in doors.values()]
    assert (ours.status_code, theirs.status_code) == (status, status), ours.text + theirs.text
    assert ours.json().keys() == theirs.json().keys() == {"code", "message", "details"}
    assert ours.json()["code"] == theirs.json()["code"]


#: A line of the table of differences in docs/api.md.
DIFFERENCE = re.compile(
    r"^\| `(?P<verb>[A-Z]+) (?P<path>\S+)(?: (?P<body>\S.*?))?` \| (?P<ours>\d+) \| (?P<theirs>\d+) \|",
    re.MULTILINE,
)
DIFFERENCES = [found.groups() for found in DIFFERENCE.finditer((ROOT / "docs/api.md").read_text())]
assert len(DIFFERENCES) > 5, "docs/api.md has lost its table of differences"


@pytest.mark.parametrize(("verb", "path", "body", "ours", "theirs"), DIFFERENCES)
async def test_they_differ_as_the_reference_says(
    doors: Mapping[str, httpx.AsyncClient],
    verb: str,
    path: str,
    body: str | None,
    ours: str,
    theirs: str,
) -> None:
    said = [await http.request(verb, path, content=body) for http in doors.values()]
    assert [str(response.status_code) for response in said] == [ours, theirs]


async def test_streams_differ_as_the_reference_says(
    doors: Mapping[str, httpx.AsyncClient], session: str
) -> None:
    path = f"{session}:watch"
    ours, theirs = [await http.get(f"{path}?follow=false") for http in doors.values()]
    assert ours.headers["content-type"] == "application/x-ndjson"
    assert theirs.headers["content-type"] == "application/json"

    assert (await doors[THEIRS].get(path)).text == theirs.text  # it ends, like follow=false
    events = ours.text.count('"seq"')
    async with doors[OURS].stream("GET", path) as following:
        found = ""
        async for line in following.aiter_lines():
            found += line
            if found.count('"seq"') >= events:
                break
        assert not following.is_closed

    unknown = f"/v1/maintenance/{UNKNOWN}:watch"
    ours, theirs = [await http.get(unknown) for http in doors.values()]
    assert (ours.status_code, theirs.status_code) == (404, 404)
    assert {"error": ours.json()} == theirs.json()
