"""A journal that stops dead at a chosen append, as the process that writes it would."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

from fenix_grpc.core.events import Event, StepStarted
from fenix_grpc.ports import Appended, Journal


class StoppingJournal:
    """Passes everything on, until append number `at` (from 1): that one is made or not, and never returns."""

    def __init__(self, journal: Journal, at: int, *, made: bool) -> None:
        self._journal = journal
        self._left = at
        self._made = made
        #: For each append so far, whether it began a step.
        self.began_step: list[bool] = []
        self.stopped = asyncio.Event()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._journal, name)

    async def append(self, session_id: str, events: Sequence[Event], **more: Any) -> Appended:
        if not events:
            return await self._journal.append(session_id, events, **more)
        self._left -= 1
        self.began_step.append(any(isinstance(event, StepStarted) for event in events))
        if self._left > 0:
            return await self._journal.append(session_id, events, **more)
        if self._left == 0 and self._made:
            await self._journal.append(session_id, events, **more)
        self.stopped.set()
        await asyncio.Event().wait()
        raise AssertionError("a stopped journal goes on")

    async def release(self, owner: str) -> None:
        """A dead process gives nothing up."""
