"""One reader of the journal for all watchers of this process.

It keeps the last events, made into messages once, with what they tell projects. A watcher has a cursor, never a buffer:
it asks for the page past its cursor, from here while it is near the end, from the journal while it is not. So a slow
watcher costs nothing but its own time, and nothing is lost or held for it.
"""

from __future__ import annotations

import asyncio
import logging
from bisect import bisect_right
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import timedelta

from fenix_grpc.api.convert import to_session_event
from fenix_grpc.api.telling import Teller
from fenix_grpc.core.errors import FenixError
from fenix_grpc.core.notices import ProjectNotice
from fenix_grpc.ports import Clock, Journal, Recorded
from fenix_grpc.v1 import events_pb2

logger = logging.getLogger(__name__)

#: Events kept; up to twice as many before the older half is dropped.
_KEPT = 4096
#: Events read from the journal at once.
_READ = 500
#: A page ends with the event that makes it larger than this.
_PAGE_BYTES = 1024 * 1024
#: Wait before another try when the journal cannot be read.
_RETRY = timedelta(seconds=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """An event with what is made of it."""

    recorded: Recorded
    message: events_pb2.SessionEvent
    notices: tuple[ProjectNotice, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """Events past a cursor."""

    told: Sequence[Told]
    #: The cursor after it: nothing that was asked for is between the last event and here.
    upto: int


class Feed:
    """The end of the journal, and bells that ring when it grows."""

    def __init__(self, journal: Journal, *, wall: Clock, tick_s: float) -> None:
        self._journal = journal
        self._wall = wall
        self._tick = timedelta(seconds=tick_s)
        self._teller = Teller(journal)
        self._told: list[Told] = []
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
        try:
            async with asyncio.TaskGroup() as tasks:
                running = [tasks.create_task(self._follow()), tasks.create_task(self._beat())]
                await stop.wait()
                for task in running:
                    task.cancel()
        finally:
            self.closing = True
            self._ring(list(self._bells))

    def bell(self, name: str) -> asyncio.Event:
        """Set when there may be news for `name` (a session id, a project id, or empty for all), at every tick, and at
        the end. To be taken before looking, waited for after nothing was found."""
        return self._bells.setdefault(name, asyncio.Event())

    async def page(self, after: int, session_id: str = "") -> Page:
        """The next events of a session, or of all."""
        if after < self._start:
            return await self.page_of_journal(after, session_id)
        first = bisect_right(self._told, after, key=lambda told: told.recorded.position)
        told = [
            each
            for each in self._told[first : first + _READ]
            if not session_id or each.recorded.session_id == session_id
        ]
        full = len(self._told) - first > _READ
        upto = self._told[first + _READ - 1].recorded.position if full else max(after, self.head)
        return _bounded(told, upto)

    async def page_of_journal(self, after: int, session_id: str = "") -> Page:
        """The same from the journal itself, with all that was appended by now."""
        head = await self._journal.head()
        entries = await self._journal.read_all(after, _READ, session_id)
        told = [Told(recorded=entry, message=to_session_event(entry)) for entry in entries]
        last = entries[-1].position if entries else after
        return _bounded(told, last if len(entries) == _READ else max(last, head))

    async def notices(self, after: int, teller: Teller) -> tuple[Sequence[ProjectNotice], int]:
        """What all projects were told past a position, and how far that is. `teller` belongs to the watcher that
        asks; it is used only while that is behind."""
        if after < self._start:
            entries = await self._journal.read_all(after, _READ)
            told = [notice for entry in entries for notice in await teller.tell(entry)]
            return told, entries[-1].position if entries else after
        first = bisect_right(self._told, after, key=lambda told: told.recorded.position)
        recent = [notice for told in self._told[first:] for notice in told.notices]
        return recent, max(after, self.head)

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
            notices = await self._teller.tell(entry)
            message = to_session_event(entry)
            self._told.append(Told(recorded=entry, message=message, notices=notices))
            self.head = entry.position
            self._ring(["", entry.session_id, *(notice.project_id for notice in notices)])
        if len(self._told) > 2 * _KEPT:
            self._start = self._told[-_KEPT - 1].recorded.position
            del self._told[:-_KEPT]

    async def _beat(self) -> None:
        while True:
            await self._wall.sleep_until(self._wall.now() + self._tick)
            self.ticks += 1
            self._ring(list(self._bells))

    def _ring(self, names: Iterable[str]) -> None:
        for name in names:
            if bell := self._bells.pop(name, None):
                bell.set()


def _bounded(told: Sequence[Told], upto: int) -> Page:
    """As much as fits into one response, at least one event."""
    size = 0
    for number, each in enumerate(told):
        size += each.message.ByteSize()
        if size > _PAGE_BYTES and number + 1 < len(told):
            return Page(told=told[: number + 1], upto=each.recorded.position)
    return Page(told=told, upto=upto)
