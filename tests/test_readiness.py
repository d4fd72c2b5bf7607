"""A server is ready when each of its parts has just shown that it works, and never again once it was told to stop."""

from __future__ import annotations

import asyncio

import pytest

from fenix_grpc import readiness
from fenix_grpc.clock import VirtualClock
from fenix_grpc.core.errors import StoreUnavailable
from fenix_grpc.readiness import Readiness


class Part:
    """Works until it is told not to."""

    def __init__(self) -> None:
        self.reason = ""
        self.error: Exception | None = None
        self.hangs = False

    async def __call__(self) -> str:
        if self.hangs:
            await asyncio.Event().wait()
        if self.error:
            raise self.error
        return self.reason


def a_readiness() -> tuple[Readiness, Part]:
    part = Part()
    return Readiness({"database": part, "engine": Part()}, wall=VirtualClock()), part


async def test_nothing_is_ready_before_it_was_looked_at() -> None:
    ready, _ = a_readiness()
    assert not ready.ready
    await ready.look()
    assert ready.ready


async def test_each_way_not_to_work_has_its_reason(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(readiness, "PATIENCE_S", 0.05)
    ready, part = a_readiness()
    part.reason = "is tired"
    await ready.look()
    assert ready.reasons == {"database": "is tired", "engine": ""}
    part.reason = ""
    await ready.look()
    part.error = StoreUnavailable("the database at db.example.org does not answer")
    await ready.look()
    assert ready.reasons["database"] == "failed; the log says why"
    assert "the database at db.example.org does not answer" in caplog.text
    part.hangs = True
    await ready.look()
    assert ready.reasons["database"] == "gave no answer within 0.05 s"
    assert not ready.ready


async def test_whoever_wants_to_know_is_told_of_changes_only() -> None:
    ready, part = a_readiness()
    told: list[bool] = []
    heard = asyncio.Condition()

    async def tell(state: bool) -> None:
        async with heard:
            told.append(state)
            heard.notify_all()

    async def until(number: int) -> None:
        async with heard:
            await heard.wait_for(lambda: len(told) >= number)

    ready.on_change(tell)
    async with asyncio.timeout(10), asyncio.TaskGroup() as tasks:
        looking = tasks.create_task(ready.run())
        await until(1)
        part.reason = "is tired"
        await until(2)
        part.reason = ""
        await until(3)
        looking.cancel()
    assert told == [True, False, True]


async def test_a_server_that_was_told_to_stop_is_never_ready_again() -> None:
    ready, _ = a_readiness()
    await ready.look()
    await ready.stop()
    await ready.look()
    assert ready.reasons == {"server": "it was told to stop"}
    assert not ready.ready
