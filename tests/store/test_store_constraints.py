"""The SQL constraints against the suite of their port, on every database at hand, and databases of an earlier version.

FENIX_TEST_DATABASES names further databases by url, separated by spaces; their tables are dropped.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import aclosing, asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path

import pytest
from sqlalchemy import create_engine, insert, select, update

from fenix_grpc.core.constraints import InstanceConstraint
from fenix_grpc.core.errors import JournalUnreadable
from fenix_grpc.core.events import SessionCreated
from fenix_grpc.ports import ConstraintKind, Constraints
from fenix_grpc.store import SqlConstraints, schema
from fenix_grpc.testing_constraints import (
    CONSTRAINT_CHECKS,
    SHARED_CONSTRAINT_CHECKS,
    ConstraintCheck,
    OpenConstraints,
)
from tests.store.test_store_journal import DATABASES, opener

NOW = datetime(2030, 1, 1, tzinfo=UTC)
LATER_TABLES = [schema.constraints, schema.counters]


def store_opener(url: str, tmp_path: Path) -> OpenConstraints:
    open_journal = opener(url, tmp_path)

    @asynccontextmanager
    async def opened() -> AsyncIterator[Constraints]:
        async with aclosing(await open_journal()) as journal:
            yield SqlConstraints(journal)

    return opened


@pytest.mark.parametrize("check", CONSTRAINT_CHECKS, ids=lambda check: check.__name__[6:])
@pytest.mark.parametrize("url", ["sqlite://", *DATABASES])
async def test_keeps_the_promises_of_the_port(
    check: ConstraintCheck, url: str, tmp_path: Path
) -> None:
    await check(store_opener(url, tmp_path))


@pytest.mark.parametrize("check", SHARED_CONSTRAINT_CHECKS, ids=lambda check: check.__name__[6:])
@pytest.mark.parametrize("url", DATABASES)
async def test_keeps_the_promises_among_several(
    check: ConstraintCheck, url: str, tmp_path: Path
) -> None:
    await check(store_opener(url, tmp_path))


@pytest.mark.parametrize("url", DATABASES)
async def test_a_database_of_the_first_version_is_brought_up_to_date(
    url: str, tmp_path: Path
) -> None:
    """Twice: the second start finds nothing to do."""
    open_journal = opener(url, tmp_path)
    async with aclosing(await open_journal()) as journal:
        await journal.append("s1", [SessionCreated(maintenance_at=NOW)], at=NOW, expected_seq=0)
    engine = create_engine(f"sqlite:///{tmp_path}/fenix.sqlite" if url == "sqlite-file" else url)
    with engine.begin() as connection:
        schema.metadata.drop_all(connection, tables=LATER_TABLES)
        connection.execute(update(schema.journal).values(version=1))
    for turn in range(2):
        async with aclosing(await open_journal()) as journal:
            store = SqlConstraints(journal)
            assert await store.version() == turn
            await store.put_instance(InstanceConstraint(instance_id="i1", project_id="p"), at=NOW)
            assert len(await journal.read("s1")) == 1
    with engine.connect() as connection:
        assert connection.execute(select(schema.journal.c.version)).scalar_one() == schema.VERSION
    engine.dispose()


async def test_what_cannot_be_read_is_named(tmp_path: Path) -> None:
    open_journal = opener("sqlite-file", tmp_path)
    async with aclosing(await open_journal()) as journal:
        engine = create_engine(f"sqlite:///{tmp_path}/fenix.sqlite")
        row = {"kind": "INSTANCE", "id": "i1", "project_id": "p", "warnings": "[]"}
        times = {"created_at": NOW, "updated_at": NOW}
        with engine.begin() as connection:
            connection.execute(insert(schema.constraints).values(data='{"x":1}', **row, **times))
        engine.dispose()
        with pytest.raises(JournalUnreadable, match="constraint of instance i1"):
            await SqlConstraints(journal).get(ConstraintKind.INSTANCE, "i1")
