"""The conformance suite of `ports.Journal`: the promises of its docstrings, as checks that raise AssertionError.

Every check gets a coroutine function that opens the journal under test, empty at first. `JOURNAL_CHECKS` open it once;
`SHARED_JOURNAL_CHECKS` open the same one several times, as several processes or a restart do. Needs no test framework:

    for check in JOURNAL_CHECKS:
        await check(open_a_new_journal)
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta

from fenix_grpc.core.errors import Conflict, LeaseLost
from fenix_grpc.core.events import Event, HostChanged, HostsSelected, SessionCreated, SessionDeleted
from fenix_grpc.core.model import ActionSpec, ActionType, HostProgress
from fenix_grpc.ports import Appended, Journal, Once, Recorded

OpenJournal = Callable[[], Awaitable[Journal]]
JournalCheck = Callable[[OpenJournal], Awaitable[None]]

#: Longest time that news may take to arrive.
NEWS_S = 30.0

T0 = datetime(2030, 1, 1, 12, 0, 0, 123456, tzinfo=UTC)


def _at(seconds: float) -> datetime:
    return T0 + timedelta(seconds=seconds)


def _created() -> SessionCreated:
    return SessionCreated(
        hosts=("host-1", "host-2"),
        maintenance_at=_at(60),
        metadata={"ticket": "Ünïcode ✓", "nested": {"list": [1, 2.5, None, True]}},
        actions=(ActionSpec(plugin="dummy", type=ActionType.HOST, metadata={"a": "b"}),),
        created_by="admin",
    )


def _changed(number: int) -> HostChanged:
    return HostChanged(host=f"host-{number}", progress=HostProgress.IN_MAINTENANCE)


@asynccontextmanager
async def _opened(open_journal: OpenJournal) -> AsyncIterator[Journal]:
    journal = await open_journal()
    try:
        yield journal
    finally:
        await journal.aclose()


async def _create(journal: Journal, session_id: str, *events: Event, at: datetime = T0) -> Appended:
    return await journal.append(session_id, [_created(), *events], at=at, expected_seq=0)


async def _outcomes(appends: Sequence[Awaitable[Appended]]) -> tuple[list[Appended], int]:
    """What succeeded, and how many ended in Conflict."""
    outcomes = await asyncio.gather(*appends, return_exceptions=True)
    unexpected = [o for o in outcomes if not isinstance(o, (Appended, Conflict))]
    assert not unexpected, unexpected
    done = [outcome for outcome in outcomes if isinstance(outcome, Appended)]
    return done, len(outcomes) - len(done)


async def _conflicts(append: Awaitable[Appended]) -> None:
    done, conflicts = await _outcomes([append])
    assert conflicts == 1, f"{done} should have been a Conflict"


async def _loses_lease(append: Awaitable[Appended]) -> None:
    (outcome,) = await asyncio.gather(append, return_exceptions=True)
    assert isinstance(outcome, LeaseLost), f"{outcome} should have been LeaseLost"


async def check_an_empty_journal_has_nothing(open_journal: OpenJournal) -> None:
    async with _opened(open_journal) as journal:
        assert await journal.head() == 0
        assert list(await journal.read("nobody")) == []
        assert list(await journal.read_all(0)) == []
        assert list(await journal.sessions()) == []
        assert await journal.find("nobody") is None
        assert await journal.listeners(T0) == frozenset()
        assert list(await journal.claim("engine", now=T0, until=_at(10))) == []


async def check_events_come_back_as_they_were(open_journal: OpenJournal) -> None:
    async with _opened(open_journal) as journal:
        appended = await _create(journal, "s1", HostsSelected(hosts=("host-1",)), at=_at(1))
        assert appended.seq == 2
        assert appended.repeated is None
        first, second = await journal.read("s1")
        assert first.event == _created()
        assert second.event == HostsSelected(hosts=("host-1",))
        assert (first.session_id, first.seq, first.at) == ("s1", 1, _at(1))
        assert second == Recorded(
            session_id="s1", seq=2, position=appended.position, at=_at(1), event=second.event
        )


async def check_seqs_have_no_gaps_and_positions_grow(open_journal: OpenJournal) -> None:
    async with _opened(open_journal) as journal:
        await _create(journal, "s1")
        await _create(journal, "s2", _changed(1), _changed(2))
        await asyncio.gather(
            *(journal.append(f"s{1 + n % 2}", [_changed(n)], at=T0) for n in range(40))
        )
        for session_id, count in (("s1", 21), ("s2", 23)):
            seqs = [recorded.seq for recorded in await journal.read(session_id)]
            assert seqs == list(range(1, count + 1)), seqs
        positions = [recorded.position for recorded in await journal.read_all(0)]
        assert positions == sorted(set(positions))
        assert len(positions) == 44
        assert await journal.head() == positions[-1]


async def check_reading_goes_on_from_a_cursor(open_journal: OpenJournal) -> None:
    async with _opened(open_journal) as journal:
        await _create(journal, "s1", *(_changed(n) for n in range(4)))
        await _create(journal, "s2", *(_changed(n) for n in range(4)))
        whole = list(await journal.read_all(0))
        pages: list[Recorded] = []
        while page := await journal.read_all(pages[-1].position if pages else 0, limit=3):
            assert len(page) <= 3
            pages += page
        assert pages == whole
        assert list(await journal.read("s1", after_seq=3)) == whole[3:5]
        assert list(await journal.read("s1", after_seq=5)) == []
        second = [recorded for recorded in whole if recorded.session_id == "s2"]
        assert list(await journal.read_all(0, session_id="s2")) == second
        assert list(await journal.read_all(second[1].position, 2, "s2")) == second[2:4]


async def check_a_wrong_expectation_appends_nothing(open_journal: OpenJournal) -> None:
    async with _opened(open_journal) as journal:
        await _conflicts(journal.append("s1", [_created()], at=T0))
        await _conflicts(journal.append("s1", [_created()], at=T0, expected_seq=1))
        await _create(journal, "s1", _changed(1))
        for wrong in (0, 1, 3):
            await _conflicts(
                journal.append(
                    "s1", [SessionDeleted()], at=T0, expected_seq=wrong, active=False, deleted=True
                )
            )
        row = await journal.find("s1")
        assert row is not None
        assert (row.seq, row.active, row.deleted) == (2, True, False)
        assert len(await journal.read_all(0)) == 2
        assert (await journal.append("s1", [_changed(2)], at=T0, expected_seq=2)).seq == 3


async def check_one_of_many_with_the_same_expectation_wins(open_journal: OpenJournal) -> None:
    async with _opened(open_journal) as journal:
        await _create(journal, "s1")
        done, conflicts = await _outcomes(
            [journal.append("s1", [_changed(n)], at=T0, expected_seq=1) for n in range(50)]
        )
        assert (len(done), conflicts) == (1, 49)
        assert len(await journal.read("s1")) == 2


async def check_an_append_alone_minds_the_others(open_journal: OpenJournal) -> None:
    async with _opened(open_journal) as journal:
        await _create(journal, "s1")
        here = (await _create(journal, "s2")).position
        await journal.append("s1", [_changed(1)], at=T0, alone_since=here)
        await journal.append("s1", [_changed(2)], at=T0, alone_since=here)
        await _conflicts(journal.append("s2", [_changed(3)], at=T0, alone_since=here))
        await _conflicts(
            journal.append("s3", [_created()], at=T0, expected_seq=0, alone_since=here)
        )
        assert await journal.find("s3") is None
        head = await journal.head()
        done, conflicts = await _outcomes(
            [journal.append(s, [_changed(4)], at=T0, alone_since=head) for s in ("s1", "s2")]
        )
        assert (len(done), conflicts) == (1, 1)


async def check_a_repeated_request_appends_once(open_journal: OpenJournal) -> None:
    async with _opened(open_journal) as journal:
        first = await journal.append(
            "s1", [_created()], at=T0, expected_seq=0, once=Once(key="admin/1", reply="s1")
        )
        assert first.repeated is None
        assert await journal.replied("admin/1") == "s1"
        assert await journal.replied("admin/2") is None
        again = await journal.append(
            "s2", [_created()], at=_at(5), expected_seq=0, once=Once(key="admin/1", reply="s2")
        )
        assert again.repeated == "s1"
        assert await journal.find("s2") is None
        replies = await asyncio.gather(
            *(
                journal.append("s1", [_changed(n)], at=T0, once=Once(key="admin/2", reply=str(n)))
                for n in range(10)
            )
        )
        firsts = [number for number, reply in enumerate(replies) if reply.repeated is None]
        assert len(firsts) == 1
        assert {reply.repeated for reply in replies} == {None, str(firsts[0])}
        assert len(await journal.read("s1")) == 2
        other = await journal.append(
            "s1", [_changed(0)], at=T0, once=Once(key="ADMIN/1", reply="x")
        )
        assert other.repeated is None, "keys that differ in case are different keys"


async def check_a_failed_request_may_be_repeated(open_journal: OpenJournal) -> None:
    async with _opened(open_journal) as journal:
        once = Once(key="admin/1", reply="s1")
        await _conflicts(journal.append("s1", [_created()], at=T0, expected_seq=7, once=once))
        assert await journal.replied("admin/1") is None
        done = await journal.append("s1", [_created()], at=T0, expected_seq=0, once=once)
        assert done.repeated is None


async def check_sessions_are_listed_oldest_first(open_journal: OpenJournal) -> None:
    async with _opened(open_journal) as journal:
        for session_id in ("s3", "s1", "s4", "s2"):
            await _create(journal, session_id)
        await journal.append("s4", [SessionDeleted()], at=T0, active=False, deleted=True)
        listed = await journal.sessions()
        assert [row.session_id for row in listed] == ["s3", "s1", "s2"]
        assert all(row.active and not row.deleted for row in listed)
        assert {(row.created_at, row.seq) for row in listed} == {(T0, 1)}
        assert [row.session_id for row in await journal.sessions(limit=2)] == ["s3", "s1"]
        assert [row.session_id for row in await journal.sessions("s1")] == ["s2"]
        assert [row.session_id for row in await journal.sessions("s4")] == ["s2"]
        gone = await journal.find("s4")
        assert gone is not None
        assert (gone.deleted, gone.active, gone.seq) == (True, False, 2)


async def check_marks_stay_until_they_are_set(open_journal: OpenJournal) -> None:
    async with _opened(open_journal) as journal:
        await _create(journal, "s1")
        for active, expected in ((None, True), (False, False), (None, False), (True, True)):
            await journal.append("s1", [_changed(1)], at=T0, active=active)
            row = await journal.find("s1")
            assert row is not None
            assert row.active is expected


async def check_marks_can_be_set_without_an_event(open_journal: OpenJournal) -> None:
    async with _opened(open_journal) as journal:
        await _create(journal, "s1")
        await _conflicts(journal.append("s1", [], at=T0, expected_seq=2, active=False))
        assert (await journal.append("s1", [], at=T0, expected_seq=1, active=False)).seq == 1
        row = await journal.find("s1")
        assert row is not None
        assert (row.seq, row.active) == (1, False)
        assert await journal.head() == (await journal.read("s1"))[-1].position


async def check_a_lease_is_held_by_one(open_journal: OpenJournal) -> None:
    async with _opened(open_journal) as journal:
        for session_id in ("s1", "s2", "s3"):
            await _create(journal, session_id)
        await journal.append("s3", [_changed(1)], at=T0, active=False)
        assert set(await journal.claim("a", now=T0, until=_at(10))) == {"s1", "s2"}
        assert set(await journal.claim("b", now=_at(9), until=_at(19))) == set()
        assert set(await journal.claim("a", now=_at(9), until=_at(20))) == {"s1", "s2"}
        assert set(await journal.claim("b", now=_at(11), until=_at(21))) == set()
        await _create(journal, "s4")
        assert set(await journal.claim("b", now=_at(12), until=_at(22))) == {"s4"}
        assert set(await journal.claim("b", now=_at(20), until=_at(30))) == {"s1", "s2", "s4"}
        assert set(await journal.claim("a", now=_at(20), until=_at(30))) == set()


async def check_a_session_that_wakes_can_be_claimed(open_journal: OpenJournal) -> None:
    async with _opened(open_journal) as journal:
        await _create(journal, "s1")
        assert set(await journal.claim("a", now=T0, until=_at(10))) == {"s1"}
        await journal.append("s1", [_changed(1)], at=T0, active=False)
        assert set(await journal.claim("a", now=_at(1), until=_at(11))) == set()
        await journal.append("s1", [_changed(1)], at=T0, active=True)
        assert set(await journal.claim("b", now=_at(11), until=_at(21))) == {"s1"}


async def check_released_leases_are_free(open_journal: OpenJournal) -> None:
    async with _opened(open_journal) as journal:
        await _create(journal, "s1")
        await journal.claim("a", now=T0, until=_at(10))
        await journal.release("b")
        assert set(await journal.claim("b", now=_at(1), until=_at(11))) == set()
        await journal.release("a")
        assert set(await journal.claim("b", now=_at(1), until=_at(11))) == {"s1"}


async def check_only_the_holder_of_a_lease_appends(open_journal: OpenJournal) -> None:
    async with _opened(open_journal) as journal:
        await _create(journal, "s1")
        await _loses_lease(journal.append("s1", [_changed(1)], at=T0, held_by="a"))
        await journal.claim("a", now=T0, until=_at(10))
        done = await journal.append("s1", [_changed(1)], at=_at(60), expected_seq=1, held_by="a")
        assert done.seq == 2, "a lease that is over is held until somebody takes it"
        await journal.claim("b", now=_at(61), until=_at(71))
        await _loses_lease(journal.append("s1", [_changed(2)], at=T0, expected_seq=2, held_by="a"))
        await _loses_lease(journal.append("s1", [_changed(2)], at=T0, held_by="a"))
        await _loses_lease(journal.append("s1", [], at=T0, expected_seq=2, held_by="a"))
        assert (await journal.append("s1", [_changed(2)], at=T0, held_by="b")).seq == 3
        await journal.release("b")
        await _loses_lease(journal.append("s1", [_changed(3)], at=T0, held_by="b"))
        assert (await journal.append("s1", [_changed(3)], at=T0)).seq == 4
        await _loses_lease(journal.append("s2", [_created()], at=T0, expected_seq=0, held_by="b"))
        assert await journal.find("s2") is None


async def check_a_lease_counts_within_a_batch(open_journal: OpenJournal) -> None:
    """Claims, releases and appends that are made at the same time are as if one came after the other."""
    async with _opened(open_journal) as journal:
        await _create(journal, "s1")
        outcomes = await asyncio.gather(
            journal.append("s1", [_changed(1)], at=T0, held_by="a"),
            journal.claim("a", now=T0, until=_at(10)),
            journal.append("s1", [_changed(2)], at=T0, held_by="a"),
            journal.claim("b", now=_at(10), until=_at(20)),
            journal.append("s1", [_changed(3)], at=T0, held_by="a"),
            journal.append("s1", [_changed(4)], at=T0, held_by="b"),
            journal.release("b"),
            journal.append("s1", [_changed(5)], at=T0, held_by="b"),
            return_exceptions=True,
        )
        lost = [number for number, each in enumerate(outcomes) if isinstance(each, LeaseLost)]
        assert lost == [0, 4, 7], outcomes
        kept = [entry.event for entry in await journal.read("s1", after_seq=1)]
        assert kept == [_changed(2), _changed(4)]


async def check_listeners_are_those_heard_lately(open_journal: OpenJournal) -> None:
    async with _opened(open_journal) as journal:
        await journal.heard([], T0)
        await journal.heard(["p1", "p2", "p1"], _at(1))
        await journal.heard(["p2", "p3"], _at(2))
        assert await journal.listeners(_at(1)) == {"p1", "p2", "p3"}
        assert await journal.listeners(_at(2)) == {"p2", "p3"}
        await journal.heard(["p2"], _at(0))
        assert "p2" in await journal.listeners(_at(2)), "an older word must not undo a newer one"


async def check_waiters_wake_on_an_append(open_journal: OpenJournal) -> None:
    async with _opened(open_journal) as journal, asyncio.timeout(NEWS_S):
        head = (await _create(journal, "s1")).position
        assert await journal.wait(head - 1) == head
        waiters = [asyncio.ensure_future(journal.wait(head)) for _ in range(20)]
        waiters[0].cancel()
        appended = await journal.append("s1", [_changed(1)], at=T0)
        woken = await asyncio.gather(*waiters, return_exceptions=True)
        assert isinstance(woken[0], asyncio.CancelledError)
        assert woken[1:] == [appended.position] * 19


async def check_what_is_queued_is_written_at_close(open_journal: OpenJournal) -> None:
    async with _opened(open_journal) as journal:
        await _create(journal, "s1")
    async with _opened(open_journal) as journal:
        appends = [
            asyncio.ensure_future(journal.append("s1", [_changed(n)], at=T0)) for n in range(20)
        ]
        await journal.append("s1", [_changed(20)], at=T0)
    done, _ = await _outcomes(appends)
    assert len(done) == 20
    async with _opened(open_journal) as journal:
        assert len(await journal.read("s1")) == 22
        again = await journal.append("s1", [_changed(0)], at=T0, expected_seq=22)
        assert await journal.head() == again.position


async def check_others_hear_of_an_append(open_journal: OpenJournal) -> None:
    async with _opened(open_journal) as one, _opened(open_journal) as other:
        async with asyncio.timeout(NEWS_S):
            waiter = asyncio.ensure_future(other.wait(0))
            appended = await _create(one, "s1", _changed(1))
            assert await waiter == appended.position
            assert [recorded.seq for recorded in await other.read("s1")] == [1, 2]


async def check_one_of_several_writers_wins(open_journal: OpenJournal) -> None:
    async with _opened(open_journal) as one, _opened(open_journal) as other:
        await _create(one, "s1")
        for seq in range(1, 11):
            done, conflicts = await _outcomes(
                [j.append("s1", [_changed(seq)], at=T0, expected_seq=seq) for j in (one, other)]
            )
            assert (len(done), conflicts) == (1, 1)


async def check_a_request_is_known_to_all(open_journal: OpenJournal) -> None:
    async with _opened(open_journal) as one, _opened(open_journal) as other:
        replies = await asyncio.gather(
            *(
                journal.append(
                    name, [_created()], at=T0, expected_seq=0, once=Once(key="k", reply=name)
                )
                for name, journal in (("s1", one), ("s2", other))
            )
        )
        assert sorted(reply.repeated is None for reply in replies) == [False, True]
        assert len(await one.sessions()) == 1


async def check_leases_are_held_by_one_of_all(open_journal: OpenJournal) -> None:
    async with _opened(open_journal) as one, _opened(open_journal) as other:
        for number in range(10):
            await _create(one, f"s{number}")
        held = await asyncio.gather(
            one.claim("a", now=T0, until=_at(10)), other.claim("b", now=T0, until=_at(10))
        )
        assert sorted([*held[0], *held[1]]) == [f"s{number}" for number in range(10)]


async def check_whoever_lost_a_lease_cannot_append(open_journal: OpenJournal) -> None:
    """One that was stopped while it held a session, beside the one that took it over: whatever the first computed,
    from the journal as it was or as it is, is refused."""
    async with _opened(open_journal) as late, _opened(open_journal) as taker:
        await _create(late, "s1")
        await late.claim("late", now=T0, until=_at(10))
        assert list(await taker.claim("taker", now=_at(11), until=_at(21))) == ["s1"]
        for seq in range(1, 11):
            late_append = late.append(
                "s1", [_changed(0)], at=_at(12), expected_seq=seq, held_by="late"
            )
            append = taker.append(
                "s1", [_changed(seq)], at=_at(12), expected_seq=seq, held_by="taker"
            )
            lost, done = await asyncio.gather(late_append, append, return_exceptions=True)
            assert isinstance(lost, LeaseLost), lost
            assert isinstance(done, Appended), done
        kept = [entry.event for entry in await late.read("s1", after_seq=1)]
        assert kept == [_changed(seq) for seq in range(1, 11)]


async def check_a_follower_misses_nothing(open_journal: OpenJournal) -> None:
    """Events of several writers appear in the order of their positions: none turns up behind the cursor."""
    async with _opened(open_journal) as one, _opened(open_journal) as other:
        await _create(one, "s1")
        await _create(other, "s2")

        async def write(journal: Journal, session_id: str) -> None:
            for number in range(50):
                await journal.append(session_id, [_changed(number)], at=T0)

        async def follow() -> list[Recorded]:
            seen: list[Recorded] = []
            while len(seen) < 102:
                cursor = seen[-1].position if seen else 0
                await one.wait(cursor)
                seen += await one.read_all(cursor, limit=7)
            return seen

        async with asyncio.timeout(NEWS_S), asyncio.TaskGroup() as tasks:
            following = tasks.create_task(follow())
            tasks.create_task(write(one, "s1"))
            tasks.create_task(write(other, "s2"))
        assert following.result() == list(await one.read_all(0))


JOURNAL_CHECKS: Sequence[JournalCheck] = (
    check_an_empty_journal_has_nothing,
    check_events_come_back_as_they_were,
    check_seqs_have_no_gaps_and_positions_grow,
    check_reading_goes_on_from_a_cursor,
    check_a_wrong_expectation_appends_nothing,
    check_an_append_alone_minds_the_others,
    check_one_of_many_with_the_same_expectation_wins,
    check_a_repeated_request_appends_once,
    check_a_failed_request_may_be_repeated,
    check_sessions_are_listed_oldest_first,
    check_marks_stay_until_they_are_set,
    check_marks_can_be_set_without_an_event,
    check_a_lease_is_held_by_one,
    check_a_session_that_wakes_can_be_claimed,
    check_released_leases_are_free,
    check_only_the_holder_of_a_lease_appends,
    check_a_lease_counts_within_a_batch,
    check_listeners_are_those_heard_lately,
    check_waiters_wake_on_an_append,
)

SHARED_JOURNAL_CHECKS: Sequence[JournalCheck] = (
    check_what_is_queued_is_written_at_close,
    check_others_hear_of_an_append,
    check_one_of_several_writers_wins,
    check_a_request_is_known_to_all,
    check_leases_are_held_by_one_of_all,
    check_whoever_lost_a_lease_cannot_append,
    check_a_follower_misses_nothing,
)
