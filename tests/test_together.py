"""A read for many: never older than the question, made as seldom as that allows, and nobody else's when one leaves."""

from __future__ import annotations

import asyncio

import pytest

from fenix_grpc.together import Together


class Source:
    """Counts reads; each lasts until it is let go, and finds what was there when it began."""

    def __init__(self) -> None:
        self.value = 0
        self.reads = 0
        self.begun = asyncio.Semaphore(0)
        self.go = asyncio.Semaphore(0)
        self.broken = False

    async def read(self, key: str) -> int:
        self.reads += 1
        found = self.value
        self.begun.release()
        await self.go.acquire()
        if self.broken:
            raise LookupError(key)
        return found

    def release(self) -> None:
        """Lets all reads go that there will be."""
        for _ in range(100):
            self.go.release()


async def settled() -> None:
    """Everything that can go on has."""
    for _ in range(10):
        await asyncio.sleep(0)  # noqa: TID251 - waits for nothing but the loop


async def test_all_that_ask_during_a_read_share_the_next() -> None:
    source = Source()
    ask = Together(source.read)
    async with asyncio.TaskGroup() as tasks:
        early = tasks.create_task(ask("s"))
        await source.begun.acquire()
        source.value = 1
        late = [tasks.create_task(ask("s")) for _ in range(20)]
        await settled()
        source.release()
    assert early.result() == 0
    assert {task.result() for task in late} == {1}
    assert source.reads == 2


async def test_a_rest_gathers_more_of_those_that_ask() -> None:
    source = Source()
    ask = Together(source.read, rest_s=0.05)
    for turn in range(3):
        async with asyncio.TaskGroup() as tasks:
            asked = []
            for _ in range(12):  # one after the other, each as far as it gets
                asked.append(tasks.create_task(ask("s")))
                await settled()
            source.value = turn + 1
            source.go.release()
            source.go.release()
        assert {task.result() for task in asked[1:]} == {turn + 1}
        source.go = asyncio.Semaphore(0)
    # The first turn is one alone and one for all others; each that follows waits for the rest and is one.
    assert source.reads == 4


async def test_who_asks_alone_never_waits_for_a_rest() -> None:
    source = Source()
    ask = Together(source.read, rest_s=3600.0)
    source.release()
    async with asyncio.timeout(10):
        for number in range(50):
            source.value = number
            assert await ask("s") == number
    assert source.reads == 50


async def test_keys_do_not_wait_for_each_other() -> None:
    source = Source()
    ask = Together(source.read)
    async with asyncio.TaskGroup() as tasks:
        for key in "abc":
            tasks.create_task(ask(key))
            await source.begun.acquire()
        source.release()
    assert source.reads == 3


@pytest.mark.parametrize("rest_s", [0.0, 0.01])
@pytest.mark.parametrize("leaves", ["the reader", "the next reader", "a follower"])
async def test_whoever_leaves_takes_nothing_from_the_others(leaves: str, rest_s: float) -> None:
    source = Source()
    ask = Together(source.read, rest_s=rest_s)
    async with asyncio.TaskGroup() as tasks:
        reader = tasks.create_task(ask("s"))
        await source.begun.acquire()
        source.value = 1
        following = [tasks.create_task(ask("s")) for _ in range(5)]
        await settled()
        leaving = {"the reader": reader, "the next reader": following[0]}
        gone = leaving.get(leaves, following[2])
        gone.cancel()
        await settled()
        source.release()
    left = [task for task in following if task is not gone]
    assert [task.result() for task in left] == [1] * len(left)
    assert gone.cancelled()
    assert await ask("s") == 1


async def test_an_error_is_everybodys_who_shared_the_read_and_not_of_the_next() -> None:
    source = Source()
    source.broken = True
    ask = Together(source.read)
    source.release()
    for found in await asyncio.gather(*(ask("s") for _ in range(5)), return_exceptions=True):
        assert isinstance(found, LookupError)
    source.broken = False
    assert await ask("s") == 0
