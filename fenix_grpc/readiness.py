"""Whether this server should get calls: asked part by part, told to gRPC health, to /readyz and to the metrics.

A part is ready when it has just shown that it works, not when nothing bad was heard of it. Being not ready stops
nothing: calls that come all the same are answered as well as they can be.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping
from datetime import timedelta

from fenix_grpc.core.errors import FenixError
from fenix_grpc.ports import Clock

logger = logging.getLogger(__name__)

#: Between two looks, and while something does not work.
EVERY = timedelta(seconds=2)
SOON = timedelta(seconds=0.2)
#: How long a part has to show that it works.
PATIENCE_S = 2.0

#: Empty when the part works, else what does not, for an operator. May raise FenixError.
Part = Callable[[], Awaitable[str]]


class Readiness:
    """The parts of a server. Not ready before the first look."""

    def __init__(self, parts: Mapping[str, Part], *, wall: Clock) -> None:
        self._parts = parts
        self._wall = wall
        #: By part; empty for one that works.
        self.reasons: dict[str, str] = dict.fromkeys(parts, "was not looked at yet")
        self._listeners: list[Callable[[bool], Awaitable[None]]] = []

    @property
    def ready(self) -> bool:
        """All parts work, and nobody has told the server to stop."""
        return not any(self.reasons.values())

    def on_change(self, tell: Callable[[bool], Awaitable[None]]) -> None:
        """`tell` is told now and then whether the server is ready: whenever that has changed."""
        self._listeners.append(tell)

    async def run(self) -> None:
        """Looks, until cancelled."""
        told = None
        while True:
            await self.look()
            if self.ready is not told:
                told = self.ready
                await self._tell()
            wait = EVERY if self.ready else SOON
            await self._wall.sleep_until(self._wall.now() + wait)

    async def look(self) -> None:
        """Asks all parts."""
        for name, part in self._parts.items():
            reason = await self._ask(name, part)
            if reason and not self.reasons[name]:
                logger.warning("not ready: %s %s", name, reason)
            self.reasons[name] = reason

    async def stop(self) -> None:
        """From now on it is not ready, whatever its parts say."""
        self.reasons = {"server": "it was told to stop"}
        self._parts = {}
        await self._tell()

    async def _tell(self) -> None:
        for tell in self._listeners:
            await tell(self.ready)

    async def _ask(self, name: str, part: Part) -> str:
        try:
            async with asyncio.timeout(PATIENCE_S):
                return await part()
        except TimeoutError:
            return f"gave no answer within {PATIENCE_S:g} s"
        except FenixError as err:
            if not self.reasons.get(name):
                logger.warning("%s: %s", name, err)
            # Whoever asks is not asked who it is: addresses are for the log.
            return "failed; the log says why"
