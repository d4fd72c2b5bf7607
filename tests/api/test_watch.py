"""Watches keep their promises: see promises.py."""

from __future__ import annotations

import asyncio
from contextlib import aclosing
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from fenix_grpc.clock import SystemClock
from fenix_grpc.core.events import (
    HostChanged,
    InstanceActionDone,
    SessionClosed,
    SessionDeleted,
)
from fenix_grpc.core.model import HostProgress, InstanceAction, NoticeKind
from fenix_grpc.store import Retention, SqlJournal
from fenix_grpc.v1 import project_service_pb2, session_service_pb2
from fenix_grpc.v1 import types_pb2 as t
from fenix_grpc.v1.project_service_pb2 import WatchProjectRequest
from fenix_grpc.v1.session_service_pb2 import WatchSessionRequest, WatchSessionResponse
from tests.api import promises
from tests.api.desk import GRACE_S, Desk, a_desk, refused

WORK = HostChanged(host="h1", progress=HostProgress.IN_MAINTENANCE)
PATIENCE_S = 30.0


async def collect(stream: Any, count: int = 10**6) -> list[Any]:
    """Responses to the end of the stream, or so many."""
    found = []
    async with asyncio.timeout(PATIENCE_S), aclosing(stream) as responses:
        async for response in responses:
            found.append(response)
            if len(found) == count:
                break
    return found


async def follow_to_the_end(desk: Desk, **fields: Any) -> list[WatchSessionResponse]:
    return await collect(desk.watch(WatchSessionRequest(follow=True, **fields)))


async def a_whole_session(desk: Desk, events: int = 20) -> str:
    session_id = await desk.create()
    for _ in range(events):
        await desk.record(session_id, WORK, WORK)
    await desk.finish(session_id)
    return session_id


async def test_a_watch_of_a_session_shows_all_of_it_and_ends_with_it() -> None:
    async with a_desk() as desk:
        session_id = await desk.create()
        async with asyncio.TaskGroup() as tasks:
            watching = tasks.create_task(follow_to_the_end(desk, session_id=session_id))
            for _ in range(20):
                await desk.record(session_id, WORK)
            await desk.finish(session_id)
        responses = watching.result()
        promises.check_all(responses)
        assert promises.seqs(responses) == {session_id: list(range(1, 23))}


async def test_a_watch_without_follow_ends_with_what_there_is() -> None:
    async with a_desk() as desk:
        one, other = await desk.create(), await desk.create()
        await desk.record(one, *[WORK] * 700)
        for session_id, expected in (
            (one, {one: 701}),
            (other, {other: 1}),
            ("", {one: 701, other: 1}),
        ):
            responses = await collect(desk.watch(WatchSessionRequest(session_id=session_id)))
            promises.check_all(responses)
            assert {k: len(v) for k, v in promises.seqs(responses).items()} == expected


async def test_every_token_resumes_without_loss_or_repetition() -> None:
    """A reconnect after every message, through the journal and through what the feed keeps."""
    async with a_desk() as desk:
        session_id = await desk.create()
        await desk.begin(session_id)
        responses: list[WatchSessionResponse] = []

        async def watch_again_and_again() -> None:
            while not responses or not responses[-1].events[-1].HasField("state_entered"):
                after = responses[-1].token if responses else ""
                request = WatchSessionRequest(session_id=session_id, after=after, follow=True)
                (response,) = await collect(desk.watch(request), 1)
                if response.events:
                    responses.append(response)

        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(watch_again_and_again())
            for _ in range(30):
                await desk.record(session_id, WORK)
            await desk.finish(session_id)
        promises.check_all(responses)
        assert len(promises.events_of(responses)) == 34


async def test_a_watch_of_all_sees_every_session_in_the_order_of_the_journal() -> None:
    async with a_desk() as desk:
        ids = [await desk.create() for _ in range(3)]
        stream = desk.watch(WatchSessionRequest(follow=True))
        async with aclosing(stream) as responses, asyncio.timeout(PATIENCE_S):
            seen = [await anext(responses)]
            for session_id in ids * 3:
                await desk.record(session_id, WORK)
            while len(promises.events_of(seen)) < 12:
                seen.append(await anext(responses))
        promises.check_all(seen)
        assert [e.session_id for e in promises.events_of(seen)] == ids * 4


async def test_an_idle_watch_says_how_far_the_journal_is() -> None:
    async with a_desk(tick_s=5.0) as desk:
        session_id, other = await desk.create(), await desk.create()
        stream = desk.watch(WatchSessionRequest(session_id=session_id, follow=True))
        async with aclosing(stream) as responses, asyncio.timeout(PATIENCE_S):
            first = await anext(responses)
            await desk.record(other, WORK)
            before = desk.clock.now()
            bookmark = await anext(responses)
        assert not bookmark.events
        assert int(bookmark.token) == await desk.journal.head() > int(first.token)
        assert desk.clock.now() - before <= timedelta(seconds=5)


async def test_a_snapshot_is_followed_by_exactly_what_came_after_it() -> None:
    async with a_desk() as desk:
        session_id = await desk.create()
        await desk.begin(session_id)
        request = WatchSessionRequest(session_id=session_id, snapshot=True, follow=True)
        async with aclosing(desk.watch(request)) as responses, asyncio.timeout(PATIENCE_S):
            first = await anext(responses)
            assert [d.session.session_id for d in first.snapshot] == [session_id]
            assert first.snapshot[0].session.seq == 3
            assert len(first.snapshot[0].hosts) == 3
            await desk.record(session_id, WORK)
            second = await anext(responses)
        assert [event.seq for event in second.events] == [4]


async def test_a_snapshot_of_all_shows_every_session() -> None:
    async with a_desk() as desk:
        ids = [await desk.create() for _ in range(3)]
        (response,) = await collect(desk.watch(WatchSessionRequest(snapshot=True)))
        assert [detail.session.session_id for detail in response.snapshot] == ids
        assert int(response.token) == await desk.journal.head()


async def test_a_deleted_session_is_watched_to_its_last_event() -> None:
    async with a_desk() as desk:
        session_id = await a_whole_session(desk)
        ended = await follow_to_the_end(desk, session_id=session_id)
        await desk.record(session_id, SessionDeleted(), active=True, deleted=True)
        async with asyncio.TaskGroup() as tasks:
            after = ended[-1].token
            watching = tasks.create_task(
                follow_to_the_end(desk, session_id=session_id, after=after)
            )
            await desk.record(session_id, WORK, SessionClosed(), active=False)
        kinds = [event.WhichOneof("event") for event in promises.events_of(watching.result())]
        assert kinds == ["session_deleted", "host_changed", "session_closed"]
        whole = await follow_to_the_end(desk, session_id=session_id)
        promises.check_all(whole)
        assert len(promises.events_of(whole)) == 45


async def test_events_after_the_end_mark_are_not_lost() -> None:
    async with a_desk() as desk:
        session_id = await a_whole_session(desk)
        await desk.record(session_id, WORK)
        responses = await follow_to_the_end(desk, session_id=session_id)
        assert len(promises.events_of(responses)) == 43


async def test_a_watch_behind_what_is_kept_reads_the_journal() -> None:
    async with a_desk(kept_events=8) as desk:
        session_id = await desk.create()
        stream = desk.watch(WatchSessionRequest(session_id=session_id, follow=True))
        async with aclosing(stream) as responses, asyncio.timeout(PATIENCE_S):
            seen = [await anext(responses)]
            for _ in range(40):
                await desk.record(session_id, WORK)
            await desk.finish(session_id)
            seen += [response async for response in responses]
        promises.check_all(seen)
        assert len(promises.events_of(seen)) == 42


async def test_a_page_is_bounded_by_its_size() -> None:
    large = "x" * 400_000
    async with a_desk() as desk:
        session_id = await desk.create()
        for number in range(10):
            await desk.record(
                session_id,
                HostChanged(host=f"{number}{large}", progress=HostProgress.IN_MAINTENANCE),
            )
        await desk.finish(session_id)
        responses = await follow_to_the_end(desk, session_id=session_id)
        promises.check_all(responses)
        assert len(promises.events_of(responses)) == 12
        assert max(response.ByteSize() for response in responses) < 1_100_000


async def test_a_watch_sees_what_another_server_appends(tmp_path: Path) -> None:
    url, clock = f"sqlite:///{tmp_path}/fenix.sqlite", SystemClock()
    one, other = [await SqlJournal.open(url, poll_s=0.01) for _ in range(2)]
    async with (
        aclosing(one),
        aclosing(other),
        a_desk(one, clock) as here,
        a_desk(other, clock) as there,
    ):
        session_id = await here.create()
        async with asyncio.TaskGroup() as tasks:
            watching = tasks.create_task(follow_to_the_end(there, session_id=session_id))
            for _ in range(20):
                await here.record(session_id, WORK)
            await here.finish(session_id)
        promises.check_all(watching.result())
        assert promises.seqs(watching.result()) == {session_id: list(range(1, 23))}


async def test_a_token_from_before_a_purge_is_too_old() -> None:
    """It says which one works; a session that is left can be watched from its beginning all the same."""
    async with a_desk() as desk:
        alive = await desk.create()
        gone = await a_whole_session(desk)
        desk_head = await desk.journal.head()
        assert isinstance(desk.journal, SqlJournal)
        before = desk.clock.now() + timedelta(days=1)
        assert (await Retention(desk.journal).purge(before)).sessions == 1
        for old in ("0", "1", str(desk_head - 1)):
            for stream in (
                desk.watch(WatchSessionRequest(after=old)),
                desk.watch(WatchProjectRequest(project_id="red", after=old)),
            ):
                async with refused("OUT_OF_RANGE", f"oldest that works is {desk_head}"):
                    await collect(stream, 1)
        assert await collect(desk.watch(WatchSessionRequest(after=str(desk_head)))) == []
        for fields in ({"session_id": alive}, {}):
            kept = await collect(desk.watch(WatchSessionRequest(**fields)))
            assert promises.seqs(kept) == {alive: [1]}
        async with refused("NOT_FOUND"):
            await collect(desk.watch(WatchSessionRequest(session_id=gone)), 1)


BAD = [
    ({"session_id": "s9"}, "NOT_FOUND", "session s9"),
    ({"after": "x"}, "INVALID_ARGUMENT", "after: 'x' is not a token"),
    ({"after": "-1"}, "INVALID_ARGUMENT", "after"),
    ({"after": "999"}, "INVALID_ARGUMENT", "ahead of this journal"),
    ({"after": "1", "snapshot": True}, "INVALID_ARGUMENT", "cannot be combined"),
]


@pytest.mark.parametrize(("fields", "code", "told"), BAD, ids=str)
async def test_a_bad_watch_is_refused(fields: dict[str, Any], code: str, told: str) -> None:
    async with a_desk() as desk:
        await desk.create()
        async with refused(code, told):
            await collect(desk.watch(WatchSessionRequest(follow=True, **fields)))


async def test_watches_end_with_unavailable_when_the_server_stops() -> None:
    async with a_desk() as desk:
        session_id = await desk.create()
        sessions = desk.watch(WatchSessionRequest(session_id=session_id, follow=True))
        project = desk.watch(WatchProjectRequest(project_id="p1"), "project:p1")
        await anext(sessions)
        await anext(project)
    for stream in (sessions, project):
        async with refused("UNAVAILABLE", "the server stops"):
            await collect(stream)


# WatchProject


async def told(desk: Desk, count: int, after: str = "") -> list[t.ProjectNotice]:
    """The next notices of p1."""
    stream = desk.watch(WatchProjectRequest(project_id="p1", after=after), "project:p1")
    found: list[t.ProjectNotice] = []
    async with aclosing(stream) as responses, asyncio.timeout(PATIENCE_S):
        while len(found) < count:
            found += (await anext(responses)).notices
    return found


async def test_a_manager_hears_what_its_project_is_asked_and_told() -> None:
    async with a_desk() as desk:
        session_id = await desk.create()
        await desk.begin(session_id)
        async with asyncio.TaskGroup() as tasks:
            hearing = tasks.create_task(told(desk, 4))
            await desk.clock.sleep_until(desk.clock.now() + timedelta(seconds=1))
            await desk.ask(session_id, NoticeKind.PLANNED_MAINTENANCE)
            for project_id, instance_id in (("p2", "i3"), ("p1", "i1")):
                moved = InstanceActionDone(
                    instance_id=instance_id, project_id=project_id, action=InstanceAction.MIGRATE
                )
                await desk.record(session_id, moved)
            await desk.fail(session_id, "no room")
            await desk.record(session_id, SessionDeleted(), deleted=True)
        asked, done, failed, deleted = hearing.result()
        assert asked.kind == t.NOTICE_KIND_PLANNED_MAINTENANCE
        assert [i.instance_name for i in asked.instances] == ["vm1", "vm2"]
        assert list(asked.allowed_actions) == [1, 2, 3]
        assert asked.HasField("reply_at")
        assert done.kind == t.NOTICE_KIND_INSTANCE_ACTION_DONE
        assert done.instances[0].action == t.INSTANCE_ACTION_MIGRATE
        assert (failed.kind, failed.reason) == (t.NOTICE_KIND_MAINTENANCE_FAILED, "no room")
        assert deleted.kind == t.NOTICE_KIND_SESSION_DELETED


async def test_a_manager_that_comes_late_hears_what_still_awaits_its_reply() -> None:
    async with a_desk() as desk:
        answered, awaited, deleted = [await desk.create() for _ in range(3)]
        for session_id in (answered, awaited, deleted):
            await desk.begin(session_id)
            await desk.ask(session_id)
        reply = project_service_pb2.ReplyProjectSessionRequest(
            session_id=answered, project_id="p1", kind=1, answer=1
        )
        await desk.call(reply)
        await desk.call(session_service_pb2.DeleteSessionRequest(session_id=deleted))
        stream = desk.watch(WatchProjectRequest(project_id="p1"), "project:p1")
        (first,) = await collect(stream, 1)
        assert [notice.session_id for notice in first.notices] == [awaited]
        assert int(first.token) == await desk.journal.head()


async def test_a_manager_that_resumes_misses_nothing() -> None:
    """What was asked while nobody was connected, from the server that knew it and from one that started later."""
    async with a_desk() as desk:
        (start,) = await collect(desk.watch(WatchProjectRequest(project_id="p1")), 1)
        ids = [await desk.create() for _ in range(3)]
        for session_id in ids:
            await desk.begin(session_id)
            await desk.ask(session_id)
        async with a_desk(desk.journal, desk.clock) as later:
            for server in (desk, later):
                notices = await told(server, 3, after=start.token)
                assert [notice.session_id for notice in notices] == ids


async def test_a_connected_manager_counts_as_listening_all_the_time() -> None:
    async with a_desk() as desk:
        start = desk.clock.now()
        stream = desk.watch(WatchProjectRequest(project_id="p1"), "project:p1")
        async with aclosing(stream) as responses, asyncio.timeout(PATIENCE_S):
            await anext(responses)
            assert await desk.journal.listeners(start) == {"p1"}
            for _ in range(20):
                await anext(responses)
                since = desk.clock.now() - timedelta(seconds=GRACE_S)
                assert await desk.journal.listeners(since) == {"p1"}
        gone = desk.clock.now()
        await desk.clock.sleep_until(gone + timedelta(seconds=2 * GRACE_S))
        assert await desk.journal.listeners(gone + timedelta(seconds=1)) == frozenset()


async def test_a_manager_hears_nothing_of_others() -> None:
    async with a_desk() as desk:
        request = WatchProjectRequest(project_id="p2")
        async with refused("PERMISSION_DENIED"):
            await collect(desk.watch(request, "project:p1"))
        session_id = await desk.create()
        await desk.begin(session_id)
        await desk.ask(session_id)
        responses = await collect(desk.watch(request, "project:p2"), 3)
        assert not any(response.notices for response in responses)
