"""The clocks keep the Clock port: never early, at once when past, cancellable."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta

import pytest

from fenix_grpc.clock import ScaledClock, SystemClock, VirtualClock
from fenix_grpc.ports import Clock

S = timedelta(seconds=1)


def clocks() -> list[Clock]:
    return [SystemClock(), ScaledClock(1000), ScaledClock(0.5), VirtualClock()]


@pytest.mark.parametrize("clock", clocks(), ids=lambda clock: type(clock).__name__)
async def test_sleep_ends_at_the_time_or_later(clock: Clock) -> None:
    for wait in (-S, 0 * S, S / 1000, S / 333, S / 100):
        when = clock.now() + wait
        await clock.sleep_until(when)
        assert clock.now() >= when
    assert clock.now().tzinfo is UTC


@pytest.mark.parametrize("clock", clocks(), ids=lambda clock: type(clock).__name__)
async def test_sleep_may_be_cancelled(clock: Clock) -> None:
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0):
            await clock.sleep_until(clock.now() + 1000 * S)
    await clock.sleep_until(clock.now() + S / 1000)


def test_scaled_clocks_of_one_epoch_agree() -> None:
    epoch = SystemClock().now() - 10 * S
    first, second = ScaledClock(100, epoch), ScaledClock(100, epoch)
    assert first.now() >= epoch + 1000 * S
    assert abs(second.now() - first.now()) < 100 * S


def test_a_scaled_clock_begins_with_the_present() -> None:
    before = SystemClock().now()
    assert abs(ScaledClock(2).now() - before) < S


@pytest.mark.parametrize("speed", [0, -1])
def test_time_does_not_stand_still_or_go_back(speed: float) -> None:
    with pytest.raises(ValueError, match="more than 0"):
        ScaledClock(speed)


async def test_virtual_sleepers_wake_in_order_and_at_their_very_time() -> None:
    clock = VirtualClock(datetime(2030, 1, 1, tzinfo=UTC))
    start, woken = clock.now(), list[tuple[float, str]]()

    async def sleeper(name: str, *waits: float) -> None:
        for wait in waits:
            await clock.sleep_until(clock.now() + wait * S)
            woken.append(((clock.now() - start) / S, name))

    async with asyncio.TaskGroup() as sleepers:
        sleepers.create_task(sleeper("slow", 10, 10))
        sleepers.create_task(sleeper("fast", 4, 4, 4))
    assert woken == [(4, "fast"), (8, "fast"), (10, "slow"), (12, "fast"), (20, "slow")]


async def test_virtual_time_waits_for_work_on_the_loop() -> None:
    clock, loop = VirtualClock(), asyncio.get_running_loop()
    start = clock.now()
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(clock.sleep_until(start + S))
        for _ in range(10):
            turn = loop.create_future()
            loop.call_soon(turn.set_result, None)
            await turn
        assert clock.now() == start


async def test_virtual_time_does_not_stop_at_a_cancelled_sleeper() -> None:
    clock = VirtualClock()
    start = clock.now()
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0):
            await clock.sleep_until(start + S)
    await clock.sleep_until(start + 2 * S)
    assert clock.now() == start + 2 * S
