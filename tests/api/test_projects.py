"""What the manager of a project calls."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from fenix_grpc.core.events import ProjectAsked, ProjectReplied, SessionClosed
from fenix_grpc.core.model import Answer, InstanceAction, NoticeKind
from fenix_grpc.v1 import project_service_pb2 as pb
from fenix_grpc.v1 import session_service_pb2
from fenix_grpc.v1 import types_pb2 as t
from tests.api.desk import Desk, a_desk, refused

MANAGER = "project:p1"


def a_reply(session_id: str, **fields: Any) -> pb.ReplyProjectSessionRequest:
    given = {"project_id": "p1", "kind": t.NOTICE_KIND_MAINTENANCE, "answer": t.ANSWER_ACK}
    return pb.ReplyProjectSessionRequest(session_id=session_id, **{**given, **fields})


async def replies(desk: Desk, session_id: str) -> list[ProjectReplied]:
    events = [entry.event for entry in await desk.journal.read(session_id)]
    return [event for event in events if isinstance(event, ProjectReplied)]


async def test_before_it_is_asked_a_project_sees_all_of_its_instances() -> None:
    async with a_desk() as desk:
        session_id = await desk.create()
        request = pb.GetProjectSessionRequest(session_id=session_id, project_id="p1")
        async with refused("NOT_FOUND"):
            await desk.call(request, MANAGER)
        await desk.begin(session_id)
        response = await desk.call(request, MANAGER)
        assert list(response.instance_ids) == ["i1", "i2"]
        assert not response.HasField("notice")
        assert response.state == t.SESSION_STATE_MAINTENANCE
        foreign = pb.GetProjectSessionRequest(session_id=session_id, project_id="p9")
        async with refused("NOT_FOUND"):
            await desk.call(foreign)


async def test_a_project_sees_what_it_is_asked_and_what_it_answered() -> None:
    async with a_desk() as desk:
        session_id = await desk.create()
        await desk.begin(session_id)
        await desk.ask(session_id)
        request = pb.GetProjectSessionRequest(session_id=session_id, project_id="p1")
        response = await desk.call(request, MANAGER)
        assert response.notice.notice_id == "p1-MAINTENANCE"
        assert response.notice.session_id == session_id
        assert [i.instance_name for i in response.notice.instances] == ["vm1", "vm2"]
        assert response.answer == t.ANSWER_UNSPECIFIED
        await desk.call(a_reply(session_id), MANAGER)
        assert (await desk.call(request, MANAGER)).answer == t.ANSWER_ACK


async def test_a_reply_is_recorded_with_its_actions_and_who_gave_it() -> None:
    async with a_desk() as desk:
        session_id = await desk.create()
        await desk.begin(session_id)
        await desk.ask(session_id, NoticeKind.PLANNED_MAINTENANCE)
        reply = a_reply(
            session_id,
            kind=t.NOTICE_KIND_PLANNED_MAINTENANCE,
            action=t.INSTANCE_ACTION_LIVE_MIGRATE,
            instance_actions={"i2": t.INSTANCE_ACTION_OWN_ACTION},
            reason="fine",
        )
        response = await desk.call(reply, MANAGER)
        assert response.counted
        assert await replies(desk, session_id) == [
            ProjectReplied(
                notice_id="p1-PLANNED_MAINTENANCE",
                project_id="p1",
                kind=NoticeKind.PLANNED_MAINTENANCE,
                answer=Answer.ACK,
                action=InstanceAction.LIVE_MIGRATE,
                instance_actions={"i2": InstanceAction.OWN_ACTION},
                reason="fine",
                replied_by=MANAGER,
            )
        ]


async def test_repeated_and_late_replies_do_no_harm() -> None:
    async with a_desk() as desk:
        session_id = await desk.create()
        await desk.begin(session_id)
        await desk.ask(session_id)
        first = await desk.call(a_reply(session_id, request_id="r1"), MANAGER)
        assert await desk.call(a_reply(session_id, request_id="r1"), MANAGER) == first
        again = await desk.call(a_reply(session_id), MANAGER)
        assert (again.counted, again.detail) == (False, "already answered")
        await desk.fail(session_id)
        await desk.record(session_id, SessionClosed(), active=False, deleted=True)
        late = await desk.call(a_reply(session_id, answer=t.ANSWER_NACK), MANAGER)
        assert not late.counted
        assert len(await replies(desk, session_id)) == 1


async def test_equal_request_ids_of_two_projects_are_two_requests() -> None:
    async with a_desk() as desk:
        session_id = await desk.create()
        await desk.begin(session_id)
        for project_id in ("p1", "p2"):
            await desk.ask(session_id, project_id=project_id)
        for project_id in ("p1", "p2"):
            reply = a_reply(session_id, project_id=project_id, request_id="r1")
            assert (await desk.call(reply, "admin")).counted
        assert [reply.project_id for reply in await replies(desk, session_id)] == ["p1", "p2"]


async def test_many_replies_at_once_all_count() -> None:
    async with a_desk() as desk:
        ids = [await desk.create() for _ in range(5)]
        for session_id in ids:
            await desk.begin(session_id)
            await desk.ask(session_id)
        answers = await asyncio.gather(
            *(desk.call(a_reply(session_id), MANAGER) for session_id in ids * 4)
        )
        assert sum(answer.counted for answer in answers) == 5


BAD = [
    ({"kind": 0}, "INVALID_ARGUMENT", "kind: must be set"),
    ({"answer": 0}, "INVALID_ARGUMENT", "answer: must be set"),
    ({"answer": 7}, "INVALID_ARGUMENT", "answer: 7 is not one of ACK, NACK"),
    ({"action": 7}, "INVALID_ARGUMENT", "action: 7"),
    ({"instance_actions": {"i3": 1}}, "INVALID_ARGUMENT", "i3 is not one of project p1"),
    ({"instance_actions": {"i1": 9}}, "INVALID_ARGUMENT", "instance_actions: 9"),
    ({"instance_actions": {"x" * 300: 1}}, "INVALID_ARGUMENT", "at most 255"),
    ({"kind": t.NOTICE_KIND_SCALE_IN}, "FAILED_PRECONDITION", "was not asked about SCALE_IN"),
    ({"session_id": "s9"}, "NOT_FOUND", "session s9"),
    ({"project_id": "p2"}, "PERMISSION_DENIED", "speaks for project p1"),
]


@pytest.mark.parametrize(("fields", "code", "told"), BAD, ids=lambda value: str(value)[:30])
async def test_a_bad_reply_is_refused(fields: dict[str, Any], code: str, told: str) -> None:
    async with a_desk() as desk:
        session_id = await desk.create()
        await desk.begin(session_id)
        await desk.ask(session_id)
        request = a_reply(**{"session_id": session_id, **fields})
        async with refused(code, told):
            await desk.call(request, MANAGER)
        assert not await replies(desk, session_id)


async def test_a_project_that_was_never_asked_cannot_reply() -> None:
    async with a_desk() as desk:
        session_id = await desk.create()
        await desk.begin(session_id)
        async with refused("FAILED_PRECONDITION", "has not been asked anything yet"):
            await desk.call(a_reply(session_id), MANAGER)
        async with refused("NOT_FOUND", "session .* is not known"):
            await desk.call(a_reply(session_id, project_id="p9"))


async def test_a_manager_may_not_use_what_is_for_administrators() -> None:
    async with a_desk() as desk:
        session_id = await desk.create()
        async with refused("PERMISSION_DENIED", "it is for admin and reader callers"):
            await desk.call(session_service_pb2.GetSessionRequest(session_id=session_id), MANAGER)


async def planned(desk: Desk, *instance_ids: str) -> str:
    """A session that has asked p1 about each of these by itself."""
    session_id = await desk.create()
    await desk.begin(session_id)
    for instance_id in instance_ids:
        asked = ProjectAsked(
            notice_id=f"n-{instance_id}",
            project_id="p1",
            kind=NoticeKind.PLANNED_MAINTENANCE,
            instance_ids=(instance_id,),
        )
        await desk.record(session_id, asked)
    return session_id


@pytest.mark.parametrize(
    ("fields", "answered"),
    [
        ({}, {"n-i1", "n-i2"}),
        ({"action": t.INSTANCE_ACTION_MIGRATE}, {"n-i1", "n-i2"}),
        ({"instance_actions": {"i1": t.INSTANCE_ACTION_MIGRATE}}, {"n-i1"}),
        (
            {
                "instance_actions": {
                    "i1": t.INSTANCE_ACTION_MIGRATE,
                    "i2": t.INSTANCE_ACTION_OWN_ACTION,
                }
            },
            {"n-i1", "n-i2"},
        ),
        ({"instance_id": "i1"}, {"n-i1"}),
        ({"notice_id": "n-i2"}, {"n-i2"}),
    ],
)
async def test_a_reply_of_a_project_answers_all_that_it_is_for(
    fields: dict[str, Any], answered: set[str]
) -> None:
    """D18: asked about each instance, answered for the project."""
    async with a_desk() as desk:
        session_id = await planned(desk, "i1", "i2")
        look = pb.GetProjectSessionRequest(session_id=session_id, project_id="p1")
        assert list((await desk.call(look, MANAGER)).instance_ids) == ["i1", "i2"]
        reply = a_reply(
            session_id, kind=t.NOTICE_KIND_PLANNED_MAINTENANCE, request_id="r1", **fields
        )
        for _ in range(2):
            assert (await desk.call(reply, MANAGER)).counted
        found = await replies(desk, session_id)
        assert {each.notice_id for each in found} == answered
        assert len(found) == len(answered)
        named = fields.get("instance_actions", {})
        for each in found if named else ():
            assert each.instance_actions.keys() == {each.notice_id.removeprefix("n-")}
