"""60 of the sessions that `make soak` plays by the thousand. A seed plays the same session again: `judged(seed)`."""

import pytest

from tests.soak.verdict import judged

TOGETHER = 10


@pytest.mark.parametrize("first", range(1, 61, TOGETHER))
async def test_nothing_goes_wrong_that_is_not_said(first):
    verdicts = [await judged(seed) for seed in range(first, first + TOGETHER)]
    assert {v.seed: v.problems for v in verdicts if v.problems} == {}
    assert sum(v.events for v in verdicts) > 100
    assert sum(v.checks.total() for v in verdicts) > 100


#: Sessions in which a fault of fenix was found once.
FOUND = (447, 680, 750, 1060, 1399, 1477, 1730, 3157, 3186, 3362, 3379, 6611)


@pytest.mark.parametrize("seed", FOUND)
async def test_what_went_wrong_once_does_not_again(seed):
    assert (await judged(seed)).problems == ()
