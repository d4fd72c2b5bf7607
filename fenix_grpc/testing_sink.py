"""The conformance suite of `ports.Sink`: the promises of its docstrings, as checks that raise AssertionError.

A sink passes when it passes every check in a laboratory that can take its far end away and says what arrived there.
Needs no test framework:

    for check in SINK_CHECKS:
        async with open_a_lab() as lab:
            await check(lab)
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, Protocol

from fenix_grpc.core import events as e
from fenix_grpc.core.announcements import HostNotice
from fenix_grpc.core.errors import NotDelivered
from fenix_grpc.core.model import HostProgress, InstanceAction, NoticeKind
from fenix_grpc.core.notices import NoticeInstance, ProjectNotice
from fenix_grpc.ports import Letter, Recorded, Sink, Told

AT = datetime(2030, 1, 1, 12, tzinfo=UTC)
PROJECT = "red"


class SinkLab(Protocol):
    """A sink, and its far end. PROJECT is known to it."""

    sink: Sink

    async def arrived(self) -> Sequence[tuple[str, Mapping[str, Any]]]:
        """Message id and content of what has arrived so far, in order."""

    async def take_away(self) -> None:
        """From now on the far end cannot be reached."""

    async def bring_back(self) -> None:
        """It can again."""


SinkCheck = Callable[[SinkLab], Awaitable[None]]


def told(
    seq: int,
    kind: NoticeKind = NoticeKind.MAINTENANCE,
    *,
    session_id: str = "s1",
    project_id: str = PROJECT,
    demanding: bool = False,
) -> Told:
    """An event that tells a project something."""
    notice = ProjectNotice(
        notice_id=f"n{seq}",
        session_id=session_id,
        project_id=project_id,
        kind=kind,
        instances=(NoticeInstance(instance_id="i1"),),
        allowed_actions=tuple(InstanceAction),
        actions_at=AT,
        reply_at=AT + timedelta(seconds=40),
        metadata={"os": "Ubuntu"},
    )
    event = e.ProjectAsked(notice_id=notice.notice_id, project_id=project_id, kind=kind)
    entry = Recorded(session_id=session_id, seq=seq, position=seq, at=AT, event=event)
    known = frozenset({project_id}) if demanding else frozenset()
    return Told(entry=entry, notices=(notice,), demanding=known)


async def check_an_event_gives_the_same_letters_whenever_it_is_read(lab: SinkLab) -> None:
    first, again = await lab.sink.letters(told(7)), await lab.sink.letters(told(7))
    assert first, "a project that is known is sent nothing"
    assert list(first) == list(again), "a restart would send something else"
    other = await lab.sink.letters(told(8))
    assert first[0].message_id != other[0].message_id, "two events look the same"


async def check_letters_of_sessions_are_in_lanes_of_their_own(lab: SinkLab) -> None:
    (one,), (two,) = [await lab.sink.letters(told(3, session_id=s)) for s in ("s1", "s2")]
    assert one.lane != two.lane, "a session waits for another"
    assert len(one.lane) <= 255


async def check_a_letter_that_asks_ends_with_its_question(lab: SinkLab) -> None:
    (letter,) = await lab.sink.letters(told(3))
    assert letter.deadline == AT + timedelta(seconds=40)
    assert letter.position == 3
    assert letter.session_id == "s1"


async def check_what_was_delivered_has_arrived_in_order(lab: SinkLab) -> None:
    letters = [(await lab.sink.letters(told(n)))[0] for n in range(1, 6)]
    for letter in letters:
        await lab.sink.deliver(letter)
    arrived = await lab.arrived()
    assert [message_id for message_id, _ in arrived] == [each.message_id for each in letters]
    assert all(content["state"] == "MAINTENANCE" for _, content in arrived), arrived


async def check_what_did_not_arrive_is_said_and_may_be_sent_again(lab: SinkLab) -> None:
    (letter,) = await lab.sink.letters(told(1))
    await lab.take_away()
    refused: NotDelivered | None = None
    try:
        await lab.sink.deliver(letter)
    except NotDelivered as err:
        refused = err
    assert refused, "nothing was there, and it was delivered"
    assert str(refused), "it does not say why"
    assert not refused.perhaps, "nothing was there that could have got it"
    assert not await lab.arrived()
    await lab.bring_back()
    await lab.sink.deliver(letter)
    assert [message_id for message_id, _ in await lab.arrived()] == [letter.message_id]


async def check_deliveries_run_side_by_side(lab: SinkLab) -> None:
    letters: list[Letter] = []
    for n in range(1, 9):
        letters += await lab.sink.letters(told(n, session_id=f"s{n}"))
    await asyncio.gather(*map(lab.sink.deliver, letters))
    assert len(await lab.arrived()) == 8


async def check_an_event_that_tells_nobody_gives_no_letter(lab: SinkLab) -> None:
    event = e.HostChanged(host="h1", progress=HostProgress.IN_MAINTENANCE)
    entry = Recorded(session_id="s1", seq=2, position=2, at=AT, event=event)
    assert not await lab.sink.letters(Told(entry=entry))
    host = HostNotice(session_id="s1", host="h1", state=HostProgress.IN_MAINTENANCE)
    for letter in await lab.sink.letters(Told(entry=entry, announcements=(host,))):
        assert letter.payload["host"] == "h1"


SINK_CHECKS: Sequence[SinkCheck] = (
    check_an_event_gives_the_same_letters_whenever_it_is_read,
    check_letters_of_sessions_are_in_lanes_of_their_own,
    check_a_letter_that_asks_ends_with_its_question,
    check_what_was_delivered_has_arrived_in_order,
    check_what_did_not_arrive_is_said_and_may_be_sent_again,
    check_deliveries_run_side_by_side,
    check_an_event_that_tells_nobody_gives_no_letter,
)
