"""Reads that many ask for at a time are made once for all of them, as appends share a commit.

Whoever asks gets what was read *after* it asked, never less: one that comes while a read is under way waits for the
next, with all others that came meanwhile. So nothing is ever stale, and the busier it is the less a read costs. After a
read that several shared comes a rest that gathers more of them; who asks alone never waits for that.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Generic, TypeVar

T = TypeVar("T")


@dataclass(slots=True)
class _Round(Generic[T]):
    """One read: at most one is under way for a key, and at most one follows it."""

    done: asyncio.Event = field(default_factory=asyncio.Event)
    found: T | None = None
    error: Exception | None = None
    begun: bool = False
    #: It was made to its end; if not, whoever led it was cancelled.
    made: bool = False
    #: More than one asked for it.
    shared: bool = False
    following: _Round[T] | None = None


class Together(Generic[T]):
    """Reads by key. Belongs to one event loop."""

    def __init__(self, read: Callable[[str], Awaitable[T]], *, rest_s: float = 0.0) -> None:
        self._read = read
        self._rest_s = rest_s
        self._running: dict[str, _Round[T]] = {}
        #: Set when the rest after a read is over; only while there is one.
        self._resting: dict[str, asyncio.Event] = {}

    async def __call__(self, key: str) -> T:
        """What a read found that began now or later. Raises what it raised. May be cancelled: others go on."""
        while True:
            running = self._running.get(key)
            if running is None:
                mine = self._running[key] = _Round()
                return await self._lead(key, mine)
            if running.begun and running.following is None:
                mine = running.following = _Round()
                return await self._lead(key, mine, after=running)
            joined = running.following or running
            joined.shared = True
            await joined.done.wait()
            if joined.made:
                return _result(joined)

    async def _lead(self, key: str, mine: _Round[T], after: _Round[T] | None = None) -> T:
        """Makes the read, once the one before it and the rest after that are over."""
        try:
            if after is not None:
                await after.done.wait()
            if rest := self._resting.get(key):
                await rest.wait()
            mine.begun = True
            mine.found = await self._read(key)
            mine.made = True
        except Exception as err:
            mine.error, mine.made = err, True
        finally:
            if after is not None and after.following is mine:
                after.following = None
            self._over(key, mine)
        return _result(mine)

    def _over(self, key: str, mine: _Round[T]) -> None:
        """Its followers have their result, or ask again; the next one may begin."""
        if self._running.get(key) is mine:
            if mine.following is None:
                del self._running[key]
            else:
                self._running[key] = mine.following
        if self._rest_s and mine.shared:
            rest = self._resting[key] = asyncio.Event()
            asyncio.get_running_loop().call_later(self._rest_s, self._rested, key, rest)
        mine.done.set()

    def _rested(self, key: str, rest: asyncio.Event) -> None:
        if self._resting.get(key) is rest:
            del self._resting[key]
        rest.set()


def _result(mine: _Round[T]) -> T:
    if mine.error is not None:
        raise mine.error
    return mine.found  # type: ignore[return-value]  # the read returned it
