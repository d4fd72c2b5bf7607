"""Webhooks as a project's manager sees them: created, listed and deleted, and their notices undelivered."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from fenix_grpc.notify.warnings import warnings
from fenix_grpc.outbound import reach
from fenix_grpc.ports import Undelivered
from fenix_grpc.store import SqlCursors, SqlWebhooks
from fenix_grpc.v1 import project_service_pb2 as pb
from fenix_grpc.v1 import session_service_pb2
from tests.api.desk import Desk, a_desk, refused

MANAGER = "project:p1"
URL = "http://10.1.0.7:9890/maintenance"
CHECK = {"check_url": reach("webhooks", ("http://10.1.0.7:9890/",), ("10.1.0.0/16",)).check}


async def create(desk: Desk, caller: str = MANAGER, **fields: Any) -> pb.Webhook:
    request = pb.CreateWebhookRequest(**{"project_id": "p1", "url": URL, **fields})
    response = await desk.call(request, caller)
    assert isinstance(response.webhook, pb.Webhook)
    return response.webhook


async def listed(desk: Desk, project_id: str = "p1") -> list[pb.Webhook]:
    request = pb.ListWebhooksRequest(project_id=project_id)
    return list((await desk.call(request, f"project:{project_id}")).webhooks)


async def test_a_webhook_is_kept_and_makes_its_project_listen() -> None:
    async with a_desk(**CHECK) as desk:
        created = await create(desk, secret="sixteen letters!")
        assert (created.project_id, created.url, created.signed) == ("p1", URL, True)
        assert await listed(desk) == [created]
        assert await desk.journal.listeners(desk.clock.now()) == {"p1"}
        assert not await listed(desk, "p2")


async def test_its_secret_is_kept_and_never_shown() -> None:
    async with a_desk(**CHECK) as desk:
        created = await create(desk, secret="sixteen letters!")
        assert "sixteen" not in str(created)
        assert "sixteen" not in str(await listed(desk))
        kept = await SqlWebhooks(desk.journal).get(created.webhook_id)
        assert kept is not None
        assert kept.secret == "sixteen letters!"
        assert "sixteen" not in repr(kept)


async def test_a_repeated_request_makes_one() -> None:
    async with a_desk(**CHECK) as desk:
        first = await create(desk, request_id="r1")
        assert await create(desk, request_id="r1") == first
        assert (await create(desk)).webhook_id != first.webhook_id
        assert len(await listed(desk)) == 2


async def test_it_is_deleted_by_its_project_only_and_harmlessly_twice() -> None:
    async with a_desk(**CHECK) as desk:
        created = await create(desk)
        request = pb.DeleteWebhookRequest(project_id="p1", webhook_id=created.webhook_id)
        async with refused("PERMISSION_DENIED"):
            await desk.call(request, "project:p2")
        foreign = pb.DeleteWebhookRequest(project_id="p2", webhook_id=created.webhook_id)
        await desk.call(foreign, "project:p2")
        assert await listed(desk) == [created]
        for _ in range(2):
            await desk.call(request, MANAGER)
        assert not await listed(desk)


@pytest.mark.parametrize(
    ("fields", "text"),
    [
        ({"url": "http://169.254.169.254/latest"}, "not among the allowed"),
        ({"url": "file:///etc/passwd"}, "no URL that begins with"),
        ({"url": ""}, "must be set"),
        ({"url": URL + "x" * 2048}, "at most 2048"),
        ({"secret": "short"}, "16 to 1024"),
        ({"secret": "x" * 1025}, "at most 1024"),
    ],
)
async def test_what_this_server_will_not_call(fields: dict[str, Any], text: str) -> None:
    async with a_desk(**CHECK) as desk, refused("INVALID_ARGUMENT", text):
        await create(desk, **fields)


async def test_a_server_without_rules_calls_nobody() -> None:
    async with a_desk() as desk, refused("FAILED_PRECONDITION", "allow none"):
        await create(desk)


async def test_a_project_has_a_bounded_number() -> None:
    async with a_desk(**CHECK) as desk:
        first = await create(desk, request_id="r0")
        for _ in range(19):
            await create(desk)
        async with refused("RESOURCE_EXHAUSTED", "delete one first"):
            await create(desk)
        assert await create(desk, request_id="r0") == first


async def test_what_was_not_delivered_is_in_the_sessions_detail() -> None:
    async with a_desk() as desk:
        session_id = await desk.create()
        now = desk.clock.now()
        cursors = SqlCursors(desk.journal)
        assert await cursors.claim("webhook", "me", now=now, until=now)
        wrong = Undelivered(
            session_id=session_id,
            sink="webhook",
            lane="l",
            subject="project:p1",
            problem="SCALE_IN: no connection",
            since=now,
            deadline=now + timedelta(seconds=40),
        )
        await cursors.save(
            "webhook",
            "me",
            position=0,
            session_id=session_id,
            lane="l",
            lane_position=1,
            undelivered=wrong,
        )
        request = session_service_pb2.GetSessionDetailRequest(session_id=session_id)
        waiting = (await desk.call(request)).detail.waiting
        (told,) = [w for w in waiting if w.subject == "project:p1"]
        assert told.reason == "webhook: SCALE_IN: no connection"
        assert told.then == "the notice is given up"


async def test_metadata_that_alarms_cannot_carry_is_warned_of() -> None:
    """W6."""
    async with a_desk(warn=warnings) as desk:
        request = session_service_pb2.CreateSessionRequest(maintenance_at=desk.in_s(60))
        request.metadata["short"] = "fits"
        assert not (await desk.call(request)).warnings
        request.metadata["long"] = "x" * 300
        (warning,) = (await desk.call(request)).warnings
        assert "long will be left out" in warning
