"""The simulated cloud keeps the contract of the Cloud port: in memory, and in a file that two drivers have open."""

from __future__ import annotations

from pathlib import Path

import pytest

from fenix_grpc.testing import CLOUD_CHECKS, CloudCheck, check_cloud
from tests.clouds.lab import a_lab


@pytest.mark.parametrize("kept", ["in memory", "in a file"])
@pytest.mark.parametrize("check", CLOUD_CHECKS, ids=lambda check: check.__name__)
async def test_simulated_cloud(check: CloudCheck, kept: str, tmp_path: Path) -> None:
    async with a_lab(str(tmp_path / "cloud.sqlite") if kept == "in a file" else "") as lab:
        await check(lab)


async def test_the_whole_suite_in_one_call() -> None:
    await check_cloud(a_lab)
