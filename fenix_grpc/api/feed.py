"""One reader of the journal for all watchers of this process.

It keeps the last events, made into messages once, with what they tell projects. A watcher has a cursor, never a buffer:
it asks for the page past its cursor, from here while it is near the end, from the journal while it is not. So a slow
watcher costs nothing but its own time, and nothing is lost or held for it.
"""

from __future__ import annotations

import asyncio
import logging
from bisect import bisect_right
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Generic, TypeVar

from google.protobuf.message import Message

from fenix_grpc.api.convert import to_message, to_session_event
from fenix_grpc.core.errors import FenixError
from fenix_grpc.measures import Measures
from fenix_grpc.ports import Clock, Journal, Recorded
from fenix_grpc.telling import Teller
from fenix_grpc.v1.events_pb2 import SessionEvent
from fenix_grpc.v1.types_pb2 import ProjectNotice

M = TypeVar("M", bound=Message)

logger = logging.getLogger(__name__)

#: Events kept, unless told otherwise; up to twice as many before the older half is dropped.
KEPT = 4096
#: Bytes of events kept: one event may be as large as a request.
KEPT_BYTES = 16 << 20
#: Events read from the journal at once.
_READ = 500
#: Messages of a page, unless it is one that is larger.
_PAGE_BYTES = 1024 * 1024
#: Wait before another try when the journal cannot be read.
_RETRY = timedelta(seconds=1)
#: The feed may be so far behind the journal.
_BEHIND = timedelta(seconds=1.5)


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """An event as it is sent, and what it tells projects."""

    position: int
    session_id: str
    event: SessionEvent
    #: By project; an event tells a project one thing at most.
    notices: Mapping[str, ProjectNotice] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Page(Generic[M]):
    """Messages past a cursor."""

    messages: Sequence[M]
    #: The cursor after it: nothing that was asked for is between the last message and here.
    upto: int


class Feed:
    """The end of the journal, and bells that ring when it grows."""

    def __init__(
        self,
        journal: Journal,
        *,
        wall: Clock,
        tick_s: float,
        kept: int = KEPT,
        kept_bytes: int = KEPT_BYTES,
        measures: Measures | None = None,
    ) -> None:
        self._measures = measures or Measures()
        self._journal = journal
        self._kept, self._kept_bytes = kept, kept_bytes
        self._wall = wall
        self._tick = timedelta(seconds=tick_s)
        self._teller = Teller(journal)
        self._told: list[Told] = []
        #: How large these are.
        self._bytes = 0
        #: Everything past this position and up to `head` is in `_told`.
        self._start = 0
        self.head = 0
        #: Grows every `tick_s`: an idle watcher says so then.
        self.ticks = 0
        self.closing = False
        self._bells: dict[str, asyncio.Event] = {}

    async def run(self, stop: asyncio.Event) -> None:
        """Follows the journal until `stop` is set; then watchers find `closing` set."""
        self.head = self._start = await self._journal.head()
        self._ring(list(self._bells))
        try:
            async with asyncio.TaskGroup() as tasks:
                running = [tasks.create_task(self._follow()), tasks.create_task(self._beat())]
                await stop.wait()
                for task in running:
                    task.cancel()
        finally:
            self.closing = True
            self._ring(list(self._bells))

    async def alive(self) -> str:
        """Empty while everything that is in the journal now is told within moments, else what is wrong."""
        behind = await self._journal.head()
        waited = self._wall.now() + _BEHIND
        while self.head < behind:
            if self._wall.now() > waited:
                return f"watches are at {self.head} of {behind}"
            await self._wall.sleep_until(self._wall.now() + _BEHIND / 10)
        return ""

    def bell(self, name: str) -> asyncio.Event:
        """Set when there may be news for `name` (a session id, a project id, or empty for all), at every tick, and at
        the end. To be taken before looking, waited for after nothing was found."""
        return self._bells.setdefault(name, asyncio.Event())

    async def events(self, after: int, session_id: str = "") -> Page[SessionEvent]:
        """The next events of a session, or of all."""
        if after < self._start:
            return await self.events_of_journal(after, session_id)
        told, upto = self._recent(after)
        return _page(
            [(t.position, t.event) for t in told if not session_id or t.session_id == session_id],
            upto,
        )

    async def events_of_journal(self, after: int, session_id: str = "") -> Page[SessionEvent]:
        """The same from the journal itself, with all that was appended by now."""
        head = await self._journal.head()
        entries = await self._journal.read_all(after, _READ, session_id)
        last = entries[-1].position if entries else after
        upto = last if len(entries) == _READ else max(last, head)
        return _page([(entry.position, to_session_event(entry)) for entry in entries], upto)

    async def notices(self, after: int, project_id: str, teller: Teller) -> Page[ProjectNotice]:
        """What a project was told next. `teller` is the watcher's own, used only while it is behind."""
        if after < self._start:
            entries = await self._journal.read_all(after, _READ)
            told: Sequence[Told] = [await _told(entry, teller) for entry in entries]
            upto = entries[-1].position if entries else after
        else:
            told, upto = self._recent(after)
        return _page(
            [(t.position, t.notices[project_id]) for t in told if project_id in t.notices], upto
        )

    def _recent(self, after: int) -> tuple[Sequence[Told], int]:
        """At most `_READ` of those kept, and how far they reach."""
        first = bisect_right(self._told, after, key=lambda told: told.position)
        told = self._told[first : first + _READ]
        return told, told[-1].position if len(told) == _READ else max(after, self.head)

    async def _follow(self) -> None:
        while True:
            try:
                await self._journal.wait(self.head)
                await self._read_on()
            except FenixError as err:
                logger.warning("watchers hear nothing new: %s", err)
                await self._wall.sleep_until(self._wall.now() + _RETRY)

    async def _read_on(self) -> None:
        for entry in await self._journal.read_all(self.head, _READ):
            told = await _told(entry, self._teller)
            self._told.append(told)
            self.head = entry.position
            self._measures.lagged((self._wall.now() - entry.at).total_seconds())
            self._ring(["", entry.session_id, *told.notices])
            self._bytes += told.event.ByteSize()
        if len(self._told) > 2 * self._kept or self._bytes > 2 * self._kept_bytes:
            self._forget()

    def _forget(self) -> None:
        """The oldest, so that no more is left than may be kept."""
        left = size = 0
        for told in reversed(self._told):
            if left == self._kept or size + told.event.ByteSize() > self._kept_bytes:
                break
            left, size = left + 1, size + told.event.ByteSize()
        gone = len(self._told) - left
        self._start, self._bytes = self._told[gone - 1].position, size
        del self._told[:gone]

    async def _beat(self) -> None:
        while True:
            await self._wall.sleep_until(self._wall.now() + self._tick)
            self.ticks += 1
            self._ring(list(self._bells))

    def _ring(self, names: Iterable[str]) -> None:
        for name in names:
            if bell := self._bells.pop(name, None):
                bell.set()


async def _told(entry: Recorded, teller: Teller) -> Told:
    return Told(
        position=entry.position,
        session_id=entry.session_id,
        event=to_session_event(entry),
        notices={n.project_id: to_message(n) for n in (await teller.tell(entry)).notices},
    )


def _page(found: Sequence[tuple[int, M]], upto: int) -> Page[M]:
    """As much as fits into one response, at least one message."""
    size = 0
    for number, (_, message) in enumerate(found):
        size += message.ByteSize()
        if number and size > _PAGE_BYTES:
            return Page(
                messages=[message for _, message in found[:number]], upto=found[number - 1][0]
            )
    return Page(messages=[message for _, message in found], upto=upto)
