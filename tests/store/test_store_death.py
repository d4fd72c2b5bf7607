"""An append that returned is kept, whatever becomes of the process: real processes, killed without warning."""

from __future__ import annotations

import asyncio
import sys
from contextlib import aclosing
from pathlib import Path

import pytest

from fenix_grpc.store import SqlJournal

WRITER = """
import asyncio, sys
from datetime import UTC, datetime
from fenix_grpc.core.events import HostChanged, SessionCreated
from fenix_grpc.core.model import HostProgress
from fenix_grpc.store import SqlJournal

at = datetime(2030, 1, 1, tzinfo=UTC)
work = HostChanged(host="h", progress=HostProgress.IN_MAINTENANCE)

async def write(journal, session_id):
    await journal.append(session_id, [SessionCreated(maintenance_at=at)], at=at, expected_seq=0)
    while True:
        appended = await journal.append(session_id, [work, work], at=at)
        print(session_id, appended.seq, flush=True)

async def main():
    journal = await SqlJournal.open(sys.argv[1])
    await asyncio.gather(*(write(journal, f"{sys.argv[2]}-{n}") for n in range(8)))

asyncio.run(main())
"""


async def write_and_die(url: str, name: str, lines: int) -> dict[str, int]:
    """The last seq of each session that the process was told is appended, before it was killed."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", WRITER, url, name, stdout=asyncio.subprocess.PIPE
    )
    assert process.stdout
    told: dict[str, int] = {}
    for _ in range(lines):
        session_id, seq = (await process.stdout.readline()).split()
        told[session_id.decode()] = int(seq)
    process.kill()
    await process.communicate()
    return told


@pytest.mark.parametrize("lines", [1, 50, 333])
async def test_what_was_told_is_kept_and_nothing_is_half_done(lines: int, tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/fenix.sqlite"
    async with asyncio.timeout(60):
        told = await asyncio.gather(*(write_and_die(url, name, lines) for name in ("a", "b")))
    journal = await SqlJournal.open(url)
    async with aclosing(journal):
        entries = await journal.read_all(0, limit=100_000)
        assert [entry.position for entry in entries] == list(range(1, len(entries) + 1))
        assert await journal.head() == len(entries)
        for session_id, seq in {**told[0], **told[1]}.items():
            seqs = [entry.seq for entry in entries if entry.session_id == session_id]
            assert seqs == list(range(1, len(seqs) + 1))
            assert len(seqs) >= seq
            assert len(seqs) % 2 == 1, "an append of two events is there as a whole"
            row = await journal.find(session_id)
            assert row is not None
            assert row.seq == len(seqs)
