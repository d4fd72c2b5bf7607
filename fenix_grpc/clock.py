"""Time: the only module that reads a clock or sleeps, so that everything else can be run at any speed.

`SystemClock` is what a server uses. `ScaledClock` runs faster, for demonstrations and for tests over several processes.
`VirtualClock` does not wait at all, for tests within one event loop. All three are the Clock port; nothing else here.
"""

from __future__ import annotations

import asyncio
import heapq
import time
from datetime import UTC, datetime, timedelta
from itertools import count

#: Longest single sleep in seconds, so that a corrected system clock is noticed.
_LONGEST_SLEEP_S = 60.0
#: Turns of the event loop without a new sleeper after which it counts as idle: more than any chain of callbacks between
#: two awaits that a task may need to get going.
_QUIET_TURNS = 20


class SystemClock:
    """Real time."""

    def now(self) -> datetime:
        """The present, aware UTC."""
        return datetime.now(UTC)

    async def sleep_until(self, when: datetime) -> None:
        """Returns at `when` or later; at once when that is past."""
        while (left_s := (when - self.now()).total_seconds()) > 0:
            await asyncio.sleep(min(left_s, _LONGEST_SLEEP_S))


class ScaledClock:
    """Time that runs `speed` times faster than real time since `epoch`, the moment at which both agreed.

    Processes that are given the same speed and epoch agree on the time. Without an epoch it is the moment of creation.
    """

    def __init__(self, speed: float, epoch: datetime | None = None) -> None:
        if speed <= 0:
            raise ValueError(f"speed must be more than 0, not {speed}")
        self._speed = speed
        self._real = SystemClock()
        self._epoch = epoch or self._real.now()

    def now(self) -> datetime:
        """The present on this clock, aware UTC."""
        return self._epoch + (self._real.now() - self._epoch) * self._speed

    async def sleep_until(self, when: datetime) -> None:
        """Returns at `when` on this clock or later; at once when that is past."""
        while self.now() < when:
            # Division rounds to whole microseconds; one more makes sure that the loop gets there.
            real = self._epoch + (when - self._epoch) / self._speed + timedelta(microseconds=1)
            await self._real.sleep_until(real)


class VirtualClock:
    """Time that stands still while anything runs and leaps to the next sleeper when the event loop has gone quiet.

    Work in threads or in other processes is not seen: use this only where all work happens on one event loop.
    """

    def __init__(self, start: datetime = datetime(2030, 1, 1, tzinfo=UTC)) -> None:
        self._now = start
        self._order = count()
        self._sleepers: list[tuple[datetime, int, asyncio.Future[None]]] = []
        self._quiet_turns = 0
        self._watching = False

    def now(self) -> datetime:
        """The present on this clock, aware UTC."""
        return self._now

    async def sleep_until(self, when: datetime) -> None:
        """Returns at `when`, which comes as soon as nobody has anything to do before; at once when it is past."""
        if when <= self._now:
            return
        loop = asyncio.get_running_loop()
        sleeper: asyncio.Future[None] = loop.create_future()
        heapq.heappush(self._sleepers, (when, next(self._order), sleeper))
        self._quiet_turns = 0
        if not self._watching:
            self._watching = True
            loop.call_soon(self._turn, loop)
        await sleeper

    def _turn(self, loop: asyncio.AbstractEventLoop) -> None:
        while self._sleepers and self._sleepers[0][2].done():
            heapq.heappop(self._sleepers)  # was cancelled
        if not self._sleepers:
            self._watching = False
            return
        self._quiet_turns += 1
        if self._quiet_turns > _QUIET_TURNS:
            self._now, _, sleeper = heapq.heappop(self._sleepers)
            sleeper.set_result(None)
            self._quiet_turns = 0
        loop.call_soon(self._turn, loop)


def pause(seconds: float) -> None:
    """Lets real time pass in a thread that has no event loop."""
    time.sleep(seconds)
