"""A manager leads its application through a whole maintenance with nothing but documented v1 REST calls, and with
nothing but gRPC. Replies are given twice, late, and after the session has gone on: none of that does any harm."""

from __future__ import annotations

from collections import Counter
from collections.abc import AsyncIterator, Sequence
from contextlib import aclosing
from typing import Any

import pytest
import pytest_asyncio
from fenix_client import watch_project

from fenix_grpc.cli.proof import broken_promises
from fenix_grpc.cli.simulated_application import SimulatedApplication
from fenix_grpc.clock import SystemClock
from fenix_grpc.clouds.simulated import SimulatedCloud
from fenix_grpc.v1.events_pb2 import SessionEvent
from fenix_grpc.v1.project_service_pb2 import (
    ReplyProjectSessionRequest,
    ReplyProjectSessionResponse,
)
from fenix_grpc.v1.session_service_pb2 import CreateSessionRequest, DeleteSessionRequest
from fenix_grpc.v1.types_pb2 import Answer, InstanceAction, NoticeKind, ProjectNotice, Resources
from tests.e2e.service import REST_DOORS, Service, a_service, until
from tests.e2e.v1 import V1
from tests.processes.sessions import create, read

pytestmark = pytest.mark.asyncio(loop_scope="module")

PROJECT = "red"
#: Full to the last vCPU: room must be made first.
CLOUD = f"""
durations = {{live_migrate = 0.05, cold_migrate = 0.05, boot = 0.05}}
flavors.m = {{vcpus = 2, memory_mb = 4096, disk_gb = 20}}
hosts = [{{name = "c{{n}}", count = 3, vcpus = 4, memory_mb = 8192, disk_gb = 40}}]
[[projects]]
id = "{PROJECT}"
groups = [{{name = "ha"}}]
instances = [
    {{name = "ha-{{n}}", count = 2, flavor = "m", group = "ha"}},
    {{name = "r-{{n}}", count = 4, flavor = "m"}},
]
"""
MORE = f"""
[timers]
poll_s = 0.05
[projects]
managed = ["{PROJECT}"]
"""
#: Whether a host must be prepared depends on where the instances lie.
LEAVING = {"PREPARE_MAINTENANCE", "PLANNED_MAINTENANCE"}
#: Told without a question.
TOLD = {NoticeKind.NOTICE_KIND_INSTANCE_ACTION_DONE}


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def service(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Service]:
    async with a_service(tmp_path_factory.mktemp("dialogues"), CLOUD, MORE) as running:
        yield running
        assert not running.defects()


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def cloud(service: Service) -> AsyncIterator[SimulatedCloud]:
    """At the end its own record is held against the journals: every host was empty before its work, every instance
    lives, every host is in service."""
    opened = service.server.open_cloud()
    before = await opened.inventory()
    yield opened
    journal = await read(service.client, "")
    promises = broken_promises(before, await opened.inventory(), opened.operations(), journal)
    assert not any(promises.values()), promises
    await opened.aclose()


def an_application(cloud: SimulatedCloud) -> SimulatedApplication:
    return SimulatedApplication(cloud, PROJECT, clock=SystemClock())


def check_replies(journal: Sequence[SessionEvent]) -> None:
    """Everything that was asked was answered by the project, once."""
    asked = [e.project_asked for e in journal if e.HasField("project_asked")]
    replied = Counter(e.project_replied.notice_id for e in journal if e.HasField("project_replied"))
    assert replied == {ask.notice_id: 1 for ask in asked}
    kinds = [NoticeKind.Name(ask.kind).removeprefix("NOTICE_KIND_") for ask in asked]
    begin, room, *leaving, end = dict.fromkeys(kinds)
    assert (begin, room, end) == ("MAINTENANCE", "SCALE_IN", "MAINTENANCE_COMPLETE")
    assert set(leaving) <= LEAVING


@pytest.mark.parametrize("door", REST_DOORS)
async def test_a_maintenance_over_rest_alone(
    service: Service, cloud: SimulatedCloud, door: str
) -> None:
    application = an_application(cloud)
    at = f"{SystemClock().now():%Y-%m-%d %H:%M:%S}"
    v1 = V1(service.http[door])
    session_id = await v1.create({"hosts": [], "maintenance_at": at, "metadata": {}})
    replies: list[dict[str, Any]] = []
    while asked := await v1.asked(session_id, PROJECT):
        notice = asked["notice"]
        state = notice["state"]
        if state == "SCALE_IN":
            await application.scale_in(Resources(**notice["needed"]))
        if state == "MAINTENANCE_COMPLETE":
            await application.scale_out()
        reply: dict[str, Any] = {"state": f"ACK_{state}"}
        if notice["allowed_actions"]:
            reply["instance_actions"] = dict.fromkeys(asked["instance_ids"], "MIGRATE")
        for earlier in (*replies, reply, reply):
            assert await v1.ok("PUT", session_id, PROJECT, body=earlier) == earlier
        replies.append(reply)
        if len(replies) > 1:  # a refusal of what is over comes too late
            late = {"state": replies[0]["state"].replace("ACK", "NACK")}
            assert await v1.ok("PUT", session_id, PROJECT, body=late) == late

    assert (await v1.ok("GET", session_id))["state"] == "MAINTENANCE_DONE"
    for reply in replies:
        assert await v1.ok("PUT", session_id, PROJECT, body=reply) == reply
    check_replies(await read(service.client, session_id))
    await v1.ok("DELETE", session_id)
    await until(lambda: v1.call("GET", session_id), lambda found: found.status_code == 404)
    # What comes this late is not an error either: managers in the field would try it again and again.
    assert await v1.ok("PUT", session_id, PROJECT, body=replies[0]) == replies[0]


async def test_a_maintenance_over_grpc_alone(service: Service, cloud: SimulatedCloud) -> None:
    application = an_application(cloud)
    client = service.client

    async def reply(notice: ProjectNotice, answer: Any) -> ReplyProjectSessionResponse:
        request = ReplyProjectSessionRequest(
            session_id=notice.session_id,
            project_id=PROJECT,
            notice_id=notice.notice_id,
            kind=notice.kind,
            answer=answer,
        )
        if notice.allowed_actions:
            request.action = InstanceAction.INSTANCE_ACTION_LIVE_MIGRATE
        return await client.call(client.projects.ReplyProjectSession, request)

    ack, nack = Answer.ANSWER_ACK, Answer.ANSWER_NACK
    answered: list[ProjectNotice] = []
    async with aclosing(watch_project(client, PROJECT)) as responses:
        await anext(responses)  # the manager listens from here on
        request = CreateSessionRequest()
        request.maintenance_at.GetCurrentTime()
        session_id = await create(client, request)
        async for notice in notices(responses):
            assert notice.session_id == session_id
            if notice.kind in TOLD:
                continue
            if notice.kind == NoticeKind.NOTICE_KIND_SCALE_IN:
                await application.scale_in(notice.needed)
            if notice.kind == NoticeKind.NOTICE_KIND_MAINTENANCE_COMPLETE:
                await application.scale_out()
            assert (await reply(notice, ack)).counted
            assert not (await reply(notice, ack)).counted
            for earlier in answered:
                late = await reply(earlier, nack)
                assert not late.counted
                assert late.detail
            answered.append(notice)
            if notice.kind == NoticeKind.NOTICE_KIND_MAINTENANCE_COMPLETE:
                break

    async def look() -> list[SessionEvent]:
        return await read(client, session_id)

    journal = await until(look, lambda events: events[-1].HasField("state_entered"))
    assert not (await reply(answered[-1], nack)).counted
    check_replies(journal)
    delete = DeleteSessionRequest(session_id=session_id)
    await client.call(client.sessions.DeleteSession, delete)
    assert not (await reply(answered[-1], ack)).counted


async def notices(responses: AsyncIterator[Any]) -> AsyncIterator[ProjectNotice]:
    async for response in responses:
        for notice in response.notices:
            yield notice
