"""Tasks of the engine: the only place that starts any, and the boundary at which an unexpected exception stops.

An exception that nobody expected is a defect of fenix or of a plug-in. It is logged with its trace and handed on as a
text, so that the session it happened in can tell the operator.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Coroutine
from datetime import timedelta
from typing import Any, TypeVar

from fenix_grpc.ports import Clock

logger = logging.getLogger(__name__)
T = TypeVar("T")


class Tasks:
    """Named tasks; starting a name that runs already is an error of the caller."""

    def __init__(self) -> None:
        self._running: dict[str, asyncio.Task[None]] = {}

    def __contains__(self, name: str) -> bool:
        return name in self._running

    @property
    def names(self) -> frozenset[str]:
        return frozenset(self._running)

    def start(self, name: str, work: Coroutine[Any, Any, None]) -> None:
        """Runs `work` until it ends or is cancelled."""
        if name in self._running:
            work.close()
            raise ValueError(f"{name} runs already")
        task = asyncio.create_task(work, name=name)
        self._running[name] = task
        task.add_done_callback(lambda _: self._running.pop(name, None))

    async def cancel(self, *names: str) -> None:
        """Cancels the named tasks, or all, and waits for their end."""
        tasks = [self._running[n] for n in (names or tuple(self._running)) if n in self._running]
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks)


async def guarded(
    what: str, work: Callable[[], Awaitable[T]], otherwise: Callable[[str], Awaitable[T]]
) -> T:
    """The result of `work`; after an unexpected exception that of `otherwise`, which gets it as a text."""
    try:
        return await work()
    except Exception as err:
        logger.exception("unexpected error in %s", what)
        return await otherwise(f"{type(err).__name__}: {err}")


async def within(
    clock: Clock, seconds: float, work: Coroutine[Any, Any, T], stop: asyncio.Event
) -> T | None:
    """The result of `work`, or None when `seconds` have passed first or `stop` is set; `work` is cancelled then, and
    has ended."""
    task = asyncio.create_task(work)
    alarm = asyncio.create_task(clock.sleep_until(clock.now() + timedelta(seconds=seconds)))
    stopped = asyncio.create_task(stop.wait())
    try:
        await asyncio.wait({task, alarm, stopped}, return_when=asyncio.FIRST_COMPLETED)
        return task.result() if task.done() else None
    finally:
        for other in (task, alarm, stopped):
            other.cancel()
        await asyncio.gather(task, alarm, stopped, return_exceptions=True)


async def first(*waits: Coroutine[Any, Any, Any]) -> None:
    """Returns when the first of them does; the others are cancelled. An error of the one that ended is raised."""
    tasks = [asyncio.create_task(wait) for wait in waits]
    try:
        done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        for task in done:
            task.result()
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
