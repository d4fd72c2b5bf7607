"""A small run of `make chaos` on each kind of database."""

from pathlib import Path

import pytest

from tests.chaos.run import Size, play
from tests.databases import KINDS


@pytest.mark.parametrize("kind", KINDS)
async def test_all_sessions_end_as_they_must(kind: str, tmp_path: Path) -> None:
    verdict = await play(kind, tmp_path, 1, Size(sessions=9, away_s=5.0, quiet_s=1.0))
    assert not verdict.violations, "\n".join(verdict.violations)
    assert verdict.counts["done"] == 9
    assert verdict.counts["misfortunes"] > 0
