"""A few thousand of the inputs that `make fuzz` sends by the hundred thousand."""

from __future__ import annotations

from contextlib import aclosing
from pathlib import Path
from random import Random

import pytest

from fenix_grpc.api.methods import METHODS
from tests.fuzz.doors import TARGETS
from tests.fuzz.messages import Known, Maker, mutated
from tests.fuzz.siege import besieged

INPUTS, ROUNDS = 4000, 2
#: Megabytes that caches and arenas take up in the beginning.
WARMING_MB = 60


async def test_a_server_serves_on_whatever_comes(tmp_path: Path) -> None:
    async with aclosing(besieged(tmp_path, inputs=INPUTS, seed=7, rounds=ROUNDS)) as reports:
        async for report in reports:
            assert report.outcome.faults == []
            assert report.defects == []
    assert (report.inputs, report.sessions) == (INPUTS, ROUNDS + 1)
    assert report.memory_mb[-1] < report.memory_mb[0] + WARMING_MB
    # They come further than the first check.
    assert len(report.outcome.fine.keys() & METHODS.keys()) > len(METHODS) * 0.7


@pytest.mark.parametrize("target", TARGETS, ids=lambda target: target.name)
def test_a_seed_makes_the_same_message_again(target) -> None:
    def made(seed: int) -> bytes:
        random = Random(seed)
        message = Maker(random=random, known=Known(), hostile=0.5).message(target.request)
        return mutated(random, message.SerializeToString(deterministic=True))

    assert [made(seed) for seed in range(20)] == [made(seed) for seed in range(20)]
