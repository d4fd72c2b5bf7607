"""Processes that end with the command that started them."""

from __future__ import annotations

import sys
from contextlib import suppress
from pathlib import Path

import pytest

from fenix_grpc.cli.calls import Problem
from fenix_grpc.cli.processes import free_ports, started

STAY = "import sys, time; print('ready', flush=True); time.sleep(600)"
STUBBORN = "import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN); " + STAY
FAIL = "import sys; print('cannot do it'); sys.exit(7)"


def python(program: str) -> list[str]:
    return [sys.executable, "-c", program]


async def test_what_was_started_is_ended_whatever_happens(tmp_path: Path) -> None:
    with suppress(ZeroDivisionError):
        async with started(tmp_path) as processes:
            await processes.start("one", python(STAY))
            await processes.until_printed("one", "ready")
            1 / 0  # noqa: B018
    assert processes.exit_codes == {"one": -15}


async def test_one_that_does_not_listen_is_killed(tmp_path: Path) -> None:
    async with started(tmp_path, stop_timeout_s=0.2) as processes:
        await processes.start("one", python(STUBBORN))
        await processes.until_printed("one", "ready")
    assert processes.exit_codes == {"one": -9}


async def test_one_that_ends_by_itself_is_reported_with_its_last_words(tmp_path: Path) -> None:
    async with started(tmp_path) as processes:
        await processes.start("one", python(FAIL))
        with pytest.raises(Problem, match=r"one ended with exit code 7:\n  cannot do it"):
            await processes.watch()


async def test_one_that_ends_before_it_is_ready_is_reported(tmp_path: Path) -> None:
    async with started(tmp_path) as processes:
        await processes.start("one", python(FAIL))
        with pytest.raises(Problem, match="cannot do it"):
            await processes.until_printed("one", "ready")


def test_free_ports_are_different() -> None:
    assert len(set(free_ports(5))) == 5
