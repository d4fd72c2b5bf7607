"""Carries what the journal tells through one sink: at least once, and in order within each lane.

The journal is the queue: the courier keeps a cursor in it, reads on behind it, and remembers of what has not left yet
only what it needs to send it. Of several servers one holds the lease of a sink; another goes on behind the cursor when
that one is gone. A letter that cannot be delivered is tried again, ever more seldom, until its deadline; then it is
given up, which the log, a counter and the session's detail say. Lanes never wait for each other.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Coroutine
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from fenix_grpc.core.errors import FenixError, NotDelivered, StoreUnavailable
from fenix_grpc.ports import Clock, Cursors, Journal, Letter, Sink, Undelivered
from fenix_grpc.telling import Teller

logger = logging.getLogger(__name__)

_READ = 500
#: First and longest wait before a letter is tried again.
_FIRST_WAIT, _LONGEST_WAIT = timedelta(seconds=0.5), timedelta(seconds=10)
#: A cursor that is further behind than this is moved although nothing was sent.
_SILENT = 1000
_PROBLEM_CHARS = 500


@dataclass(slots=True)
class Counts:
    """What became of letters since this process began."""

    delivered: int = 0
    #: Tries that failed.
    failed: int = 0
    given_up: int = 0
    #: Those under way now, if this server is the one that sends.
    waiting: int = 0


class _Over(Exception):
    """Another server sends now, or this one stops."""


class Courier:
    """Sends for one sink whenever it holds its lease."""

    def __init__(
        self,
        sink: Sink,
        *,
        journal: Journal,
        cursors: Cursors,
        clock: Clock,
        owner: str,
        lease_s: float = 15.0,
    ) -> None:
        """`owner` is unique among living servers."""
        self._sink = sink
        self._journal = journal
        self._cursors = cursors
        self._clock = clock
        self._owner = owner
        self._lease = timedelta(seconds=lease_s)
        self.counts = Counts()

    async def run(self, stop: asyncio.Event) -> None:
        """Until `stop` is set; then the lease is given up."""
        while not stop.is_set():
            try:
                if await self._claim():
                    await self._send_while_leased(stop)
            except FenixError as err:
                logger.warning("%s: nothing is sent now: %s", self._sink.name, err)
            except Exception:  # the boundary at which a defect becomes the outage of one sink
                logger.exception("%s: nothing is sent now: unexpected error", self._sink.name)
            await self._first(stop.wait(), self._clock.sleep_until(self._renewal()))
        try:
            await self._cursors.release(self._sink.name, self._owner)
        except StoreUnavailable as err:
            logger.warning("%s: the lease runs out by itself: %s", self._sink.name, err)

    async def _send_while_leased(self, stop: asyncio.Event) -> None:
        """Returns when the lease is lost or `stop` is set. Raises what went wrong first."""
        progress = await self._cursors.load(self._sink.name)
        self.counts.waiting = 0
        try:
            async with asyncio.TaskGroup() as tasks:
                round_ = _Round(self, progress.position, dict(progress.lanes), tasks)
                tasks.create_task(round_.read())
                await self._hold_lease(stop)
                raise _Over
        except BaseExceptionGroup as group:
            _, wrong = group.split(_Over)
            if wrong:
                raise wrong.exceptions[0] from group

    async def _hold_lease(self, stop: asyncio.Event) -> None:
        while not stop.is_set():
            await self._first(stop.wait(), self._clock.sleep_until(self._renewal()))
            if not stop.is_set() and not await self._claim():
                return

    async def _claim(self) -> bool:
        now = self._clock.now()
        name = self._sink.name
        return await self._cursors.claim(name, self._owner, now=now, until=now + self._lease)

    def _renewal(self) -> datetime:
        return self._clock.now() + self._lease / 3

    async def _first(self, *waits: Coroutine[Any, Any, Any]) -> None:
        """Returns when the first of them does."""
        async with asyncio.TaskGroup() as tasks:
            running = [tasks.create_task(wait) for wait in waits]
            await asyncio.wait(running, return_when=asyncio.FIRST_COMPLETED)
            for task in running:
                task.cancel()

    # The parts below are used by the rounds.

    async def letters(self, teller: Teller, after: int) -> tuple[int, list[Letter]]:
        """The next events' letters and the position up to which they reach; waits for events."""
        while not (entries := await self._journal.read_all(after, _READ)):
            await self._journal.wait(after)
        found: list[Letter] = []
        for entry in entries:
            found += await self._sink.letters(await teller.tell(entry))
        return entries[-1].position, found

    async def deliver(self, letter: Letter) -> None:
        """See Sink."""
        await self._sink.deliver(letter)

    async def save(
        self, position: int, letter: Letter | None, upto: int, problem: Undelivered | None = None
    ) -> None:
        """Moves the cursors."""
        await self._cursors.save(
            self._sink.name,
            self._owner,
            position=position,
            session_id=letter.session_id if letter else "",
            lane=letter.lane if letter else "",
            lane_position=upto,
            undelivered=problem,
        )

    def undelivered(self, letter: Letter, problem: str, deadline: datetime | None) -> Undelivered:
        """What the session's detail says of it."""
        return Undelivered(
            session_id=letter.session_id,
            sink=self._sink.name,
            lane=letter.lane,
            subject=letter.subject,
            problem=f"{letter.title}: {problem}"[:_PROBLEM_CHARS],
            since=letter.at,
            deadline=deadline,
        )

    @property
    def name(self) -> str:
        return self._sink.name

    @property
    def clock(self) -> Clock:
        return self._clock

    @property
    def journal(self) -> Journal:
        return self._journal


class _Round:
    """What is under way while a lease is held; forgotten with it."""

    def __init__(
        self, courier: Courier, position: int, lanes: dict[str, int], tasks: asyncio.TaskGroup
    ) -> None:
        self._courier = courier
        self._read_upto = self._saved = position
        self._done = lanes
        self._tasks = tasks
        self._waiting: dict[str, deque[Letter]] = {}

    async def read(self) -> None:
        """Puts what the journal tells into lanes, for ever."""
        teller = Teller(self._courier.journal)
        while True:
            upto, letters = await self._courier.letters(teller, self._read_upto)
            for letter in letters:
                if letter.position > self._done.get(letter.lane, 0):
                    self._put(letter)
            self._read_upto = upto
            if self._position - self._saved > _SILENT:
                self._saved = self._position
                await self._courier.save(self._saved, None, 0)

    def _put(self, letter: Letter) -> None:
        lane = self._waiting.get(letter.lane)
        if lane is None:
            lane = self._waiting[letter.lane] = deque()
            self._tasks.create_task(self._send(letter.lane, lane))
        lane.append(letter)
        self._courier.counts.waiting += 1

    @property
    def _position(self) -> int:
        """Everything up to here has left."""
        oldest = min((lane[0].position for lane in self._waiting.values()), default=None)
        return self._read_upto if oldest is None else oldest - 1

    async def _send(self, name: str, lane: deque[Letter]) -> None:
        """All that is in a lane, in order."""
        while lane:
            letter = lane[0]
            await self._until_settled(letter)
            lane.popleft()
            self._courier.counts.waiting -= 1
            more = bool(lane) and lane[0].position == letter.position
            if not lane:
                del self._waiting[name]
            # An event that tells several things has been told with the last of them.
            upto = letter.position - 1 if more else letter.position
            self._saved = self._position
            await self._courier.save(self._saved, letter, upto)

    async def _until_settled(self, letter: Letter) -> None:
        """Delivered, or given up."""
        courier, wait = self._courier, _FIRST_WAIT
        problem = "it is too late for it"
        while courier.clock.now() < letter.deadline:
            if not letter.repeatable:
                await courier.save(self._position, letter, letter.position)
            try:
                await courier.deliver(letter)
            except NotDelivered as err:
                courier.counts.failed += 1
                if err.perhaps and not letter.repeatable:
                    return await self._give_up(letter, f"{err}; it is not sent twice")
                await self._complain(letter, str(err), first=str(err) != problem)
                problem = str(err)
            else:
                courier.counts.delivered += 1
                return None
            await courier.clock.sleep_until(min(courier.clock.now() + wait, letter.deadline))
            wait = min(wait * 2, _LONGEST_WAIT)
        return await self._give_up(letter, problem)

    async def _complain(self, letter: Letter, problem: str, *, first: bool) -> None:
        if first:
            logger.warning("%s: %s waits: %s", self._courier.name, _what(letter), problem)
        if first or not letter.repeatable:
            wrong = self._courier.undelivered(letter, problem, letter.deadline)
            await self._courier.save(self._position, letter, letter.position - 1, wrong)

    async def _give_up(self, letter: Letter, problem: str) -> None:
        """Kept beside the lane, which goes on."""
        courier = self._courier
        courier.counts.given_up += 1
        logger.error("%s: %s is given up: %s", courier.name, _what(letter), problem)
        beside = replace(letter, lane=f"{letter.lane}/given-up")
        lost = courier.undelivered(beside, f"given up: {problem}", None)
        await courier.save(self._position, beside, letter.position, lost)


def _what(letter: Letter) -> str:
    return f"{letter.title} of session {letter.session_id} to {letter.subject}"
