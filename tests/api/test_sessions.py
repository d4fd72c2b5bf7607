"""What administrators call, and what each call leaves in the journal."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta

import pytest
from google.protobuf.struct_pb2 import Struct
from google.protobuf.timestamp_pb2 import Timestamp
from google.rpc import error_details_pb2

from fenix_grpc.actions.dummy import Dummy
from fenix_grpc.clock import VirtualClock
from fenix_grpc.core.events import SessionClosed, SessionCreated, SessionDeleted, StepStarted
from fenix_grpc.core.model import ActionType, Policy, StepVerb
from fenix_grpc.plugins import Allowed
from fenix_grpc.v1 import session_service_pb2 as pb
from fenix_grpc.v1 import types_pb2 as t
from tests.api.desk import Desk, a_desk, refused


def struct(**values: object) -> Struct:
    made = Struct()
    made.update(values)
    return made


async def test_a_new_session_is_in_the_journal_with_all_that_was_asked() -> None:
    async with a_desk() as desk:
        request = pb.CreateSessionRequest(
            hosts=["h2", "h1"],
            state=t.SESSION_STATE_MAINTENANCE,
            maintenance_at=desk.in_s(60),
            metadata=struct(ticket=7),
            actions=[
                t.ActionSpec(plugin="dummy", type=t.ACTION_TYPE_POST, metadata=struct(a="b")),
            ],
        )
        session = (await desk.call(request)).session
        (entry,) = await desk.journal.read(session.session_id)
        assert isinstance(entry.event, SessionCreated)
        assert entry.event.hosts == ("h2", "h1")
        assert entry.event.metadata == {"ticket": 7}
        assert entry.event.maintenance_at == desk.clock.now() + timedelta(seconds=60)
        assert entry.event.created_by == "admin"
        assert entry.event.policy == Policy(reply_s=7)
        (action,) = entry.event.actions
        assert (action.plugin, action.type, action.idempotent) == ("dummy", ActionType.POST, True)
        row = await desk.journal.find(session.session_id)
        assert row is not None
        assert row.active
        got = (await desk.call(pb.GetSessionRequest(session_id=session.session_id))).session
        assert got == session
        assert (session.state, session.seq, session.workflow) == (1, 1, "default")


def timestamp(year: int) -> Timestamp:
    made = Timestamp()
    made.FromDatetime(datetime(year, 1, 1, tzinfo=UTC))
    return made


BAD = [
    ({"maintenance_at": None}, "maintenance_at", "must be set"),
    ({"maintenance_at": timestamp(2029)}, "maintenance_at", "2029-01-01T00:00:00Z is past"),
    ({"maintenance_at": timestamp(9000)}, "maintenance_at", "before the year 9000"),
    ({"maintenance_at": Timestamp(seconds=2**60)}, "maintenance_at", "not a time"),
    ({"workflow": "magic"}, "workflow", "magic is not allowed here; allowed: default"),
    ({"state": t.SESSION_STATE_SCALE_IN}, "state", "begins in MAINTENANCE"),
    ({"state": 99}, "state", "99 is not one of"),
    ({"hosts": [f"h{n}" for n in range(10_001)]}, "hosts", "at most 10000"),
    ({"hosts": ["a", "b", "a"]}, "hosts", "a is there twice"),
    ({"hosts": ["a", ""]}, "hosts", "must not be empty"),
    ({"hosts": ["h" * 256]}, "hosts", "at most 255 characters"),
    ({"hosts": ["a\0b"]}, "hosts", "NUL"),
    ({"metadata": struct(a="x" * 1024 * 1024)}, "metadata", "at most 65536 bytes"),
    ({"metadata": struct(a=[{"b": float("nan")}])}, "metadata", "nan is not a number"),
    ({"actions": [t.ActionSpec(plugin="dummy")]}, r"actions\[0\].type", "one of PRE, HOST"),
    ({"actions": [t.ActionSpec(type=1)]}, r"actions\[0\].plugin", "must be set"),
    ({"actions": [t.ActionSpec(plugin="os", type=1)]}, "actions", "os is not allowed"),
    ({"actions": [t.ActionSpec(plugin="dummy", type=1)] * 101}, "actions", "at most 100"),
    ({"request_id": "x" * 129}, "request_id", "at most 128"),
]


@pytest.mark.parametrize(("fields", "field", "told"), BAD, ids=lambda value: str(value)[:30])
async def test_a_bad_request_is_refused_by_name_of_field(
    fields: dict[str, object], field: str, told: str
) -> None:
    async with a_desk() as desk:
        request = {"maintenance_at": desk.in_s(60), **fields}
        async with refused("INVALID_ARGUMENT", f"{field}: .*{told}"):
            await desk.call(pb.CreateSessionRequest(**request))
        assert await desk.journal.head() == 0


async def test_two_thousand_hosts_and_a_little_lateness_are_fine() -> None:
    async with a_desk() as desk:
        hosts = [f"host-{n}.example" for n in range(2000)]
        session_id = await desk.create(hosts=hosts, maintenance_at=desk.in_s(-59))
        (entry,) = await desk.journal.read(session_id)
        assert isinstance(entry.event, SessionCreated)
        assert len(entry.event.hosts) == 2000


async def test_a_check_must_be_harmless_to_repeat() -> None:
    clock = VirtualClock()
    flash = Dummy(clock)
    flash.idempotent = False
    actions = Allowed("actions", {"dummy": Dummy(clock), "flash": flash})
    async with a_desk(clock=clock, actions=actions) as desk:
        check = t.ActionSpec(plugin="dummy", type=t.ACTION_TYPE_CHECK)
        session_id = await desk.create(actions=[check])
        (entry,) = await desk.journal.read(session_id)
        assert isinstance(entry.event, SessionCreated)
        assert entry.event.actions[0].type is ActionType.CHECK
        check.plugin = "flash"
        told = r"actions\[0\].plugin: flash is not declared idempotent"
        async with refused("INVALID_ARGUMENT", told):
            await desk.create(actions=[check])


async def test_actions_run_in_the_order_of_their_names() -> None:
    async with a_desk() as desk:
        session_id = await desk.create(
            actions=[t.ActionSpec(plugin="dummy", type=n) for n in (2, 1, 5)]
        )
        (entry,) = await desk.journal.read(session_id)
        assert isinstance(entry.event, SessionCreated)
        assert [a.type for a in entry.event.actions] == ["HOST", "PRE", "POST"]


async def test_a_repeated_creation_returns_the_first_reply() -> None:
    async with a_desk(max_sessions=1) as desk:
        request = pb.CreateSessionRequest(maintenance_at=desk.in_s(1), request_id="r1")
        first = await desk.call(request)
        await desk.begin(first.session.session_id)
        await desk.clock.sleep_until(desk.clock.now() + timedelta(seconds=3600))
        assert await desk.call(request) == first
        async with refused("INVALID_ARGUMENT", "past"):
            await desk.call(pb.CreateSessionRequest(maintenance_at=request.maintenance_at))


async def test_requests_at_the_same_moment_create_one_session() -> None:
    async with a_desk() as desk:
        request = pb.CreateSessionRequest(maintenance_at=desk.in_s(60), request_id="r1")
        replies = await asyncio.gather(*(desk.call(request) for _ in range(10)))
        assert {reply.session.session_id for reply in replies} == {
            (await desk.journal.sessions())[0].session_id
        }
        assert len(await desk.journal.sessions()) == 1


async def test_only_active_sessions_count_towards_the_limit() -> None:
    async with a_desk(max_sessions=2) as desk:
        one, _ = await desk.create(), await desk.create()
        async with refused("RESOURCE_EXHAUSTED", "2 sessions are active"):
            await desk.create()
        await desk.finish(one)
        await desk.create()


async def test_sessions_are_listed_in_pages() -> None:
    async with a_desk() as desk:
        ids = [await desk.create() for _ in range(5)]
        await desk.fail(ids[2])
        listed: list[t.Session] = []
        token = ""
        while True:
            page = await desk.call(pb.ListSessionsRequest(page_size=2, page_token=token))
            listed += page.sessions
            token = page.next_page_token
            if not token:
                break
        assert [session.session_id for session in listed] == ids
        assert listed[2].state == t.SESSION_STATE_MAINTENANCE_FAILED
        assert listed[2].reason == "a step failed"
        for wrong, told in (({"page_token": "x"}, "page_token"), ({"page_size": -1}, "page_size")):
            async with refused("INVALID_ARGUMENT", told):
                await desk.call(pb.ListSessionsRequest(**wrong))


@pytest.mark.parametrize(
    "request_type",
    [
        pb.GetSessionRequest,
        pb.GetSessionDetailRequest,
        pb.UpdateSessionRequest,
        pb.DeleteSessionRequest,
    ],
)
async def test_an_unknown_session_is_not_found(request_type: type) -> None:
    async with a_desk() as desk:
        async with refused("NOT_FOUND", "session s1 is not known") as failure:
            await desk.call(request_type(session_id="s1"))
        resource = error_details_pb2.ResourceInfo()
        assert any(detail.Unpack(resource) for detail in failure.value.status.details)
        assert resource.resource_type == "session"
        async with refused("INVALID_ARGUMENT", "session_id: must be set"):
            await desk.call(request_type())


async def test_details_show_hosts_projects_instances_and_what_is_awaited() -> None:
    async with a_desk() as desk:
        session_id = await desk.create()
        await desk.begin(session_id)
        await desk.ask(session_id)
        detail = (await desk.call(pb.GetSessionDetailRequest(session_id=session_id))).detail
        assert detail.session.seq == 4
        assert [host.host for host in detail.hosts] == ["h1", "h2", "h3"]
        assert [host.instances for host in detail.hosts] == [1, 2, 0]
        assert detail.hosts[2].excluded == "broken fan"
        assert detail.hosts[0].capacity.vcpus == 8
        assert [(p.project_id, p.listening) for p in detail.projects] == [
            ("p1", True),
            ("p2", False),
        ]
        assert detail.projects[0].notice == t.NOTICE_KIND_MAINTENANCE
        assert detail.projects[0].HasField("reply_at")
        assert [i.instance_name for i in detail.instances] == ["vm1", "vm2", "vm3"]
        await desk.fail(session_id)
        detail = (await desk.call(pb.GetSessionDetailRequest(session_id=session_id))).detail
        assert [wait.subject for wait in detail.waiting] == ["operator"]


async def test_details_show_steps_with_their_plugin() -> None:
    async with a_desk() as desk:
        session_id = await desk.create(actions=[t.ActionSpec(plugin="dummy", type=2)])
        await desk.begin(session_id)
        run = StepStarted(step_id="run/h1/1", verb=StepVerb.RUN_ACTION, host="h1")
        await desk.record(session_id, run)
        detail = (await desk.call(pb.GetSessionDetailRequest(session_id=session_id))).detail
        (step,) = detail.steps
        assert (step.plugin, step.action_type, step.verb) == ("dummy", 2, t.STEP_VERB_RUN_ACTION)
        assert step.outcome == t.STEP_OUTCOME_UNSPECIFIED
        assert not step.HasField("ended_at")


async def test_a_failed_session_goes_on_where_it_stopped() -> None:
    async with a_desk() as desk:
        session_id = await desk.create()
        async with refused("FAILED_PRECONDITION", "only a failed one is continued"):
            await desk.call(pb.UpdateSessionRequest(session_id=session_id))
        await desk.fail(session_id)
        async with refused("INVALID_ARGUMENT", "MAINTENANCE_DONE is not a state to go on from"):
            await desk.call(pb.UpdateSessionRequest(session_id=session_id, state=7))
        request = pb.UpdateSessionRequest(session_id=session_id, request_id="r1")
        response = await desk.call(request)
        assert response.session.state == t.SESSION_STATE_MAINTENANCE
        row = await desk.journal.find(session_id)
        assert row is not None
        assert row.active
        assert await desk.call(request) == response
        assert len(await desk.journal.read(session_id)) == 3


async def test_a_deleted_session_is_seen_until_it_is_closed() -> None:
    async with a_desk() as desk:
        session_id = await desk.create()
        request = pb.DeleteSessionRequest(session_id=session_id, request_id="r1")
        await desk.call(request)
        await desk.call(pb.DeleteSessionRequest(session_id=session_id))
        events = [entry.event for entry in await desk.journal.read(session_id)]
        assert events[1:] == [SessionDeleted(deleted_by="admin")]
        row = await desk.journal.find(session_id)
        assert row is not None
        assert (row.active, row.deleted) == (True, True)
        assert not (await desk.call(pb.ListSessionsRequest())).sessions
        await desk.call(pb.GetSessionRequest(session_id=session_id))
        await desk.record(session_id, SessionClosed(), active=False)
        async with refused("NOT_FOUND"):
            await desk.call(pb.GetSessionRequest(session_id=session_id))
        async with refused("NOT_FOUND"):
            await desk.call(pb.DeleteSessionRequest(session_id=session_id))
        await desk.call(request)


async def test_a_change_survives_others_who_append_at_the_same_time() -> None:
    async with a_desk() as desk:
        session_id = await desk.create()

        async def others(desk: Desk) -> None:
            for _ in range(20):
                await desk.begin(session_id)

        await asyncio.gather(
            others(desk),
            others(desk),
            desk.call(pb.DeleteSessionRequest(session_id=session_id)),
        )
        events = [entry.event for entry in await desk.journal.read(session_id)]
        assert sum(isinstance(event, SessionDeleted) for event in events) == 1
