"""Who listens without being connected: projects with a webhook, and projects with an alarm at Aodh.

Every so often they are written down as heard, like the managers that watch; the engine asks for nothing else. While a
source gives no answer its last one stands: a manager that is asked in vain does less harm than one that is not asked.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping
from datetime import timedelta

from fenix_grpc.core.errors import FenixError
from fenix_grpc.ports import Clock, Journal

logger = logging.getLogger(__name__)

#: Asks one source for its projects. Raises FenixError.
Source = Callable[[], Awaitable[frozenset[str]]]


class Hearing:
    """Asks all sources."""

    def __init__(
        self,
        journal: Journal,
        sources: Mapping[str, Source],
        *,
        clock: Clock,
        refresh_s: float,
    ) -> None:
        self._journal = journal
        self._sources = sources
        self._clock = clock
        self._refresh = timedelta(seconds=refresh_s)

    async def run(self, stop: asyncio.Event) -> None:
        """Until `stop` is set."""
        async with asyncio.TaskGroup() as tasks:
            running = [tasks.create_task(self._ask(*each)) for each in self._sources.items()]
            await stop.wait()
            for task in running:
                task.cancel()

    async def _ask(self, name: str, source: Source) -> None:
        known: frozenset[str] = frozenset()
        while True:
            try:
                known = await source()
            except FenixError as err:
                logger.warning("who listens by %s is not known now: %s", name, err)
            try:
                await self._journal.heard(sorted(known), self._clock.now())
            except FenixError as err:
                logger.warning("managers may count as gone although they listen: %s", err)
            await self._clock.sleep_until(self._clock.now() + self._refresh)
