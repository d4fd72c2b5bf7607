"""The commands that docs/databases.md names for backups are run as they stand there: what was kept comes back."""

from __future__ import annotations

import asyncio
import os
import re
import subprocess
from contextlib import aclosing
from datetime import UTC, datetime
from pathlib import Path

import pytest
from sqlalchemy import create_engine, make_url

from fenix_grpc.core.events import SessionCreated
from fenix_grpc.store import SqlJournal, schema
from tests.databases import SHARED, new_database
from tests.docs.pages import DOCS

NOW = datetime(2030, 1, 1, tzinfo=UTC)
CREATED = SessionCreated(maintenance_at=NOW, metadata={"text": "Ünïcode ✓ 'quoted' \\ \n"})
NAMES = {"postgresql": "PostgreSQL", "mariadb": "MariaDB"}


def commands(kind: str) -> tuple[str, str]:
    """How a backup is made and restored."""
    rows = re.findall(
        r"^\| (\w+) \| `(.*?)` \| `(.*?)` \|$", (DOCS / "databases.md").read_text(), re.M
    )
    return next((backup, restore) for name, backup, restore in rows if name == NAMES[kind])


def run(command: str, url: str, folder: Path) -> None:
    """As its reader would, who has told the programs where the database is."""
    there = make_url(url)
    host, port, user = str(there.host), str(there.port), str(there.username)
    told = f"[client]\nhost = {host}\nport = {port}\nuser = {user}\nprotocol = tcp\n"
    (folder / ".my.cnf").write_text(told)
    programs = [str(place) for place in Path("/usr/lib/postgresql").glob("*/bin")]
    environ = {
        "PATH": os.pathsep.join([*programs, os.environ["PATH"]]),
        "HOME": str(folder),
        "PGHOST": host,
        "PGPORT": port,
        "PGUSER": user,
    }
    name = str(there.database)
    real = re.sub(r"(?<=[ =])fenix(?= |$)", name, command)
    subprocess.run(real, shell=True, check=True, cwd=folder, env=environ)


@pytest.mark.parametrize("kind", SHARED)
async def test_a_backup_is_restored(kind: str, tmp_path: Path) -> None:
    url = new_database(kind, tmp_path)
    backup, restore = commands(kind)
    async with aclosing(await SqlJournal.open(url)) as journal:
        await journal.append("kept", [CREATED], at=NOW, expected_seq=0)
        kept = await journal.read_all(0)
        await asyncio.to_thread(run, backup, url, tmp_path)
        await journal.append("after", [CREATED], at=NOW, expected_seq=0)
    engine = create_engine(url)
    schema.metadata.drop_all(engine)
    engine.dispose()
    await asyncio.to_thread(run, restore, url, tmp_path)
    async with aclosing(await SqlJournal.open(url)) as journal:
        assert await journal.read_all(0) == kept
        assert await journal.head() == 1
