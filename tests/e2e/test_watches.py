"""The promises of watches, as validators over recorded streams of real sessions: over gRPC, as server-sent events and
as lines of JSON, with breaks after every message and across deaths of the server."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pytest
import pytest_asyncio

from fenix_grpc.v1.events_pb2 import SessionEvent
from fenix_grpc.v1.project_service_pb2 import ReplyProjectSessionRequest, WatchProjectRequest
from fenix_grpc.v1.session_service_pb2 import CreateSessionRequest, WatchSessionRequest
from fenix_grpc.v1.types_pb2 import ActionType, Answer, NoticeKind, SessionState
from tests.api.promises import check_all, events_of
from tests.e2e.service import Service, a_service
from tests.e2e.streams import READERS, record
from tests.processes.sessions import create, read, state_of, until

pytestmark = pytest.mark.asyncio(loop_scope="module")

DONE = SessionState.SESSION_STATE_MAINTENANCE_DONE
MANAGED = "managed"
#: Sessions on a* need nobody; the one on b* asks a manager.
CLOUD = f"""
durations = {{live_migrate = 0.1, cold_migrate = 0.1}}
flavors.m = {{vcpus = 2, memory_mb = 4096, disk_gb = 20}}
hosts = [
    {{name = "a{{n}}", count = 3, vcpus = 16, memory_mb = 65536, disk_gb = 400}},
    {{name = "b{{n}}", count = 2, vcpus = 4, memory_mb = 8192, disk_gb = 40}},
]
[[projects]]
id = "nobody"
instances = [{{name = "n-{{n}}", count = 6, flavor = "m", hosts = ["a1", "a2", "a3"]}}]
[[projects]]
id = "{MANAGED}"
instances = [{{name = "m-{{n}}", count = 2, flavor = "m", hosts = ["b1", "b2"]}}]
"""
MORE = """
[timers]
poll_s = 0.1
retry_wait_s = 0.1
[actions.dummy]
kind = "dummy"
"""
EVERY_READER = pytest.mark.parametrize("reader", READERS)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def service(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Service]:
    async with a_service(tmp_path_factory.mktemp("watches"), CLOUD, MORE) as running:
        yield running
        assert not running.defects()


async def a_session(
    service: Service, hosts: Sequence[str] = ("a1", "a2", "a3"), work_s: float = 0.1
) -> str:
    request = CreateSessionRequest(hosts=hosts)
    request.maintenance_at.GetCurrentTime()
    request.actions.add(plugin="dummy", type=ActionType.ACTION_TYPE_HOST)
    request.actions[0].metadata["seconds"] = work_s
    return await create(service.client, request)


def watch(session_id: str = "", **more: Any) -> WatchSessionRequest:
    return WatchSessionRequest(session_id=session_id, follow=True, **more)


@dataclass(frozen=True, slots=True, kw_only=True)
class Recordings:
    """One session as everybody saw it who watched from its beginning to its end."""

    journal: Sequence[SessionEvent]
    #: By reader and whether it connected anew after every message.
    seen: Mapping[tuple[str, bool], Sequence[Any]]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def recordings(service: Service) -> Recordings:
    session_id = await a_session(service)
    request = watch(session_id)
    async with asyncio.TaskGroup() as tasks:
        watching = {
            (name, anew): tasks.create_task(
                record(reader, service, request, anew_after=1 if anew else 0)
            )
            for name, reader in READERS.items()
            for anew in (False, True)
        }
    seen = {name: task.result() for name, task in watching.items()}
    return Recordings(journal=await read(service.client, session_id), seen=seen)


@pytest.mark.parametrize("anew", [False, True], ids=["in-one-go", "anew-after-every-message"])
@EVERY_READER
async def test_every_watcher_sees_the_whole_journal(
    recordings: Recordings, reader: str, anew: bool
) -> None:
    """Ordered, gap-free, unique, resumable, bookmarkable and ending."""
    seen = recordings.seen[reader, anew]
    check_all(seen)
    assert events_of(seen) == recordings.journal
    assert events_of(seen)[-1].state_entered.state == DONE


@EVERY_READER
async def test_a_watch_without_follow_ends_with_what_there_is(
    service: Service, recordings: Recordings, reader: str
) -> None:
    session_id = recordings.journal[0].session_id
    for name in (session_id, ""):
        seen = await record(READERS[reader], service, WatchSessionRequest(session_id=name))
        check_all(seen)
        mine = [event for event in events_of(seen) if event.session_id == session_id]
        assert mine == recordings.journal


async def test_every_token_resumes_exactly_behind_its_events(
    service: Service, recordings: Recordings
) -> None:
    seen = recordings.seen["grpc", False]
    for number, response in enumerate(seen, 1):
        request = watch(recordings.journal[0].session_id, after=response.token)
        rest = await record(READERS["grpc"], service, request)
        assert events_of(rest) == events_of(seen[number:])


async def test_a_snapshot_is_followed_by_what_comes_after_it(service: Service) -> None:
    session_id = await a_session(service)
    await until(service.client, session_id, lambda event: event.HasField("step_started"))
    async with asyncio.TaskGroup() as tasks:
        watching = [
            tasks.create_task(record(reader, service, watch(session_id, snapshot=True)))
            for reader in READERS.values()
        ]
    journal = await read(service.client, session_id)
    for task in watching:
        first, *others = task.result()
        (snapshot,) = first.snapshot
        assert not first.events
        assert snapshot.session.seq > 1
        assert events_of(others) == journal[snapshot.session.seq :]


async def test_a_watch_of_all_sessions_sees_each_of_them_whole_and_goes_on(
    service: Service, recordings: Recordings
) -> None:
    begin = watch(after=recordings.seen["grpc", False][-1].token)
    head = asyncio.get_running_loop().create_future()

    def at_the_end(response: Any) -> bool:
        """A bookmark from there says that everything has been sent."""
        return head.done() and not response.events and int(response.token) >= head.result()

    async with asyncio.TaskGroup() as tasks:
        watching = [
            tasks.create_task(
                record(reader, service, begin, anew_after=anew_after, enough=at_the_end)
            )
            for reader, anew_after in ((READERS["grpc"], 0), *((r, 3) for r in READERS.values()))
        ]
        ids = [await a_session(service, ["a1"]), await a_session(service, ["a2"])]
        for session_id in ids:
            await record(READERS["grpc"], service, watch(session_id))
        so_far = await record(READERS["grpc"], service, WatchSessionRequest())
        head.set_result(int(so_far[-1].token))
    for session_id in ids:
        journal = await read(service.client, session_id)
        for task in watching:
            seen = [event for event in events_of(task.result()) if event.session_id == session_id]
            assert seen == journal


async def test_watchers_live_through_the_death_of_the_server(service: Service) -> None:
    session_id = await a_session(service, work_s=1.5)
    async with asyncio.TaskGroup() as tasks:
        watching = [
            tasks.create_task(record(reader, service, watch(session_id)))
            for reader in READERS.values()
        ]
        for _ in range(2):
            await until(service.client, session_id, lambda event: event.HasField("step_started"))
            await service.server.kill()
            await service.server.start()
    journal = await read(service.client, session_id)
    assert await state_of(service.client, session_id) == DONE
    for task in watching:
        check_all(task.result())
        assert events_of(task.result()) == journal


async def test_a_manager_hears_everything_once_however_often_it_connects(service: Service) -> None:
    """Of three managers of one project, which all connect anew after every message, one replies."""
    request = WatchProjectRequest(project_id=MANAGED)

    def over(response: Any) -> bool:
        return any(
            notice.kind == NoticeKind.NOTICE_KIND_MAINTENANCE_COMPLETE
            for notice in response.notices
        )

    async with asyncio.TaskGroup() as tasks:
        replying = tasks.create_task(reply_to_all(service, request))
        watching = [
            tasks.create_task(record(reader, service, request, anew_after=1, enough=over))
            for reader in READERS.values()
        ]
        session_id = await a_session(service, ["b1", "b2"])
        await record(READERS["grpc"], service, watch(session_id))
        replying.cancel()
    told = ids_of_notices(await read(service.client, session_id))
    for task in watching:
        heard = [notice for response in task.result() for notice in response.notices]
        assert [notice.notice_id for notice in heard] == told


async def reply_to_all(service: Service, request: WatchProjectRequest) -> None:
    async for response in READERS["grpc"](service, request):
        for notice in response.notices:
            reply = ReplyProjectSessionRequest(
                session_id=notice.session_id,
                project_id=MANAGED,
                kind=notice.kind,
                answer=Answer.ANSWER_ACK,
                notice_id=notice.notice_id,
            )
            await service.client.call(service.client.projects.ReplyProjectSession, reply)


def ids_of_notices(journal: Sequence[SessionEvent]) -> list[str]:
    """Of those to MANAGED that the events stand for."""
    ids = []
    for event in journal:
        if event.project_asked.project_id == MANAGED:
            ids.append(event.project_asked.notice_id)
        if event.instance_action_done.project_id == MANAGED:
            ids.append(f"e{event.seq}")
    return ids
