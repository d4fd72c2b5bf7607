"""`fenix db` on real databases: what it says, what it does, and how it ends."""

from __future__ import annotations

import asyncio
import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from click.testing import Result
from sqlalchemy import create_engine, update
from typer.testing import CliRunner

from fenix_grpc.cli.app import app
from fenix_grpc.core.events import SessionCreated, StateEntered
from fenix_grpc.core.model import SessionState
from fenix_grpc.store import SqlJournal, schema
from tests.databases import KINDS, new_database
from tests.store.test_store_versions import restore

AT = datetime(2020, 1, 1, tzinfo=UTC)


@pytest.fixture(params=KINDS)
def kind(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def url(kind: str, tmp_path: Path) -> str:
    made = new_database(kind, tmp_path)
    (tmp_path / "fenix.toml").write_text(f'[database]\nurl = "{made}"\n')
    return made


def fenix_db(tmp_path: Path, *words: str) -> Result:
    return CliRunner().invoke(app, ["db", *words, "--config", str(tmp_path / "fenix.toml")])


def told(tmp_path: Path, *words: str, exit_code: int = 0) -> Any:
    result = fenix_db(tmp_path, *words, "-o", "json")
    assert result.exit_code == exit_code, result.output
    return json.loads(result.stdout)


def test_an_old_database_is_found_and_brought_up_to_date(
    kind: str, url: str, tmp_path: Path
) -> None:
    assert told(tmp_path, "check")["tables"] == "empty"
    restore("version-1", kind, url)
    found = told(tmp_path, "check", exit_code=5)
    assert (found["revision"], found["needed"]) == ("0001", schema.REVISION)
    assert (found["kind"], found["tables"]) == (kind, "older")
    assert "fenix db upgrade" in found["to_do"]
    upgraded = told(tmp_path, "upgrade")
    assert (upgraded["was"], upgraded["is"]) == ("0001", schema.REVISION)
    assert told(tmp_path, "check")["tables"] == "current"


def test_a_database_of_a_later_fenix_is_left_alone(url: str, tmp_path: Path) -> None:
    assert fenix_db(tmp_path, "upgrade").exit_code == 0
    engine = create_engine(url)
    with engine.begin() as connection:
        connection.execute(update(schema.revisions).values(version_num="9999"))
    engine.dispose()
    assert told(tmp_path, "check", exit_code=5)["tables"] == "newer"
    for words in (["upgrade"], ["purge", "--older-than", "90d"]):
        result = fenix_db(tmp_path, *words)
        assert result.exit_code == 1
        assert "revision 9999" in result.stderr


def test_a_purge_counts_first_and_then_deletes(url: str, tmp_path: Path) -> None:
    async def fill() -> None:
        journal = await SqlJournal.open(url)
        done = StateEntered(state=SessionState.MAINTENANCE_DONE)
        created = SessionCreated(maintenance_at=AT)
        await journal.append("s1", [created, done], at=AT, expected_seq=0, active=False)
        await journal.append("s2", [created], at=AT, expected_seq=0)
        await journal.aclose()

    asyncio.run(fill())
    counted = {"sessions": 1, "events": 2, "requests": 0}
    words = ["purge", "--older-than", "90d"]
    for _ in range(2):
        assert told(tmp_path, *words, "--dry-run").items() >= counted.items()
    assert told(tmp_path, *words).items() >= counted.items()
    table = fenix_db(tmp_path, *words).stdout.split()
    assert table == ["deleted", "yes", "sessions", "0", "events", "0", "requests", "0"]


def test_what_cannot_be_done_says_why(tmp_path: Path) -> None:
    (tmp_path / "fenix.toml").write_text('[database]\nurl = "sqlite:////no/such/folder/f"\n')
    for words in (["check"], ["upgrade"], ["purge", "--older-than", "1h"]):
        result = fenix_db(tmp_path, *words)
        assert result.exit_code == 1
        assert "does not answer" in result.stderr
    result = fenix_db(tmp_path, "purge", "--older-than", "soon")
    assert result.exit_code == 2
    assert "no age; use 90d" in result.stderr
