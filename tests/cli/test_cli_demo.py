"""The demonstration, whole and with real processes: what a newcomer sees first must work."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from pathlib import Path

from tests.e2e.service import until

DEMO = [sys.executable, "-m", "fenix_grpc.cli", "demo", "--plain", "--speed", "10"]
PROMISES = [
    "✓ every host was empty before its work began, and stayed so",
    "✓ every service is enabled again",
    "✓ every instance is alive",
]


async def start(directory: Path) -> asyncio.subprocess.Process:
    return await asyncio.create_subprocess_exec(
        *DEMO,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
        env={**os.environ, "TMPDIR": str(directory), "PYTHONIOENCODING": "utf-8"},
    )


def at_work_in(directory: Path) -> list[str]:
    """Command lines of processes that mention a directory."""
    found = []
    for file in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            words = file.read_bytes().replace(b"\0", b" ").decode()
        except OSError:
            continue
        if str(directory) in words:
            found.append(words)
    return found


def left_of(directory: Path) -> list[str]:
    """What is in a directory, and who works there."""
    return [*(file.name for file in directory.iterdir()), *at_work_in(directory)]


async def until_under_way(demo: asyncio.subprocess.Process) -> None:
    assert demo.stdout is not None
    async for line in demo.stdout:
        if b"session created" in line:
            return


async def test_it_ends_well_and_leaves_nothing_behind(tmp_path: Path) -> None:
    demo = await start(tmp_path)
    output = (await demo.communicate())[0].decode()
    assert demo.returncode == 0, output
    lines = output.splitlines()
    assert any(line.startswith("10 hosts maintained in") for line in lines), output
    assert [line for line in lines if line.startswith("✓")] == PROMISES
    assert left_of(tmp_path) == []


async def test_it_ends_its_processes_when_it_is_ended(tmp_path: Path) -> None:
    demo = await start(tmp_path)
    await until_under_way(demo)
    demo.send_signal(signal.SIGTERM)
    rest = (await demo.communicate())[0].decode()
    assert demo.returncode == 130, rest
    assert "Traceback" not in rest
    assert left_of(tmp_path) == []


async def test_its_processes_end_when_it_is_killed(tmp_path: Path) -> None:
    demo = await start(tmp_path)
    await until_under_way(demo)
    assert len(at_work_in(tmp_path)) >= 3
    demo.kill()
    await demo.communicate()

    async def look() -> list[str]:
        return at_work_in(tmp_path)

    assert await until(look, lambda found: not found) == []
