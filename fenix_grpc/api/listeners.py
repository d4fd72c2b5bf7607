"""Which projects have a manager connected to this process, told to the journal for every server to know."""

from __future__ import annotations

import asyncio
import logging
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta

from fenix_grpc.core.errors import StoreUnavailable
from fenix_grpc.ports import Clock, Journal

logger = logging.getLogger(__name__)


class Listeners:
    """Connected managers by project."""

    def __init__(self, journal: Journal, *, clock: Clock, refresh_s: float) -> None:
        """`refresh_s`: how often it is written down that a manager still listens, in the time of `clock`."""
        self._journal = journal
        self._clock = clock
        self._refresh = timedelta(seconds=refresh_s)
        self._connected: Counter[str] = Counter()
        self._some = asyncio.Event()

    @property
    def projects(self) -> frozenset[str]:
        """Those connected now."""
        return frozenset(self._connected)

    async def run(self) -> None:
        """Keeps the journal fresh; until cancelled."""
        while True:
            await self._some.wait()
            await self._clock.sleep_until(self._clock.now() + self._refresh)
            try:
                await self._journal.heard(sorted(self._connected), self._clock.now())
            except StoreUnavailable as err:
                logger.warning("managers may count as gone although they listen: %s", err)

    @asynccontextmanager
    async def connected(self, project_id: str) -> AsyncIterator[None]:
        """While a manager is connected. It counts as listening from the moment this is entered."""
        await self._journal.heard([project_id], self._clock.now())
        self._connected[project_id] += 1
        self._some.set()
        try:
            yield
        finally:
            self._connected -= Counter([project_id])
            if not self._connected:
                self._some.clear()
