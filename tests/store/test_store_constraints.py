"""The SQL constraints against the suite of their port, on every kind of database."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import aclosing, asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path

import pytest
from sqlalchemy import create_engine, insert

from fenix_grpc.core.errors import JournalUnreadable
from fenix_grpc.ports import ConstraintKind, Constraints
from fenix_grpc.store import SqlConstraints, schema
from fenix_grpc.testing_constraints import (
    CONSTRAINT_CHECKS,
    SHARED_CONSTRAINT_CHECKS,
    ConstraintCheck,
    OpenConstraints,
)
from tests.databases import KINDS
from tests.store.test_store_journal import opener

NOW = datetime(2030, 1, 1, tzinfo=UTC)


def store_opener(kind: str, tmp_path: Path) -> OpenConstraints:
    open_journal = opener(kind, tmp_path)

    @asynccontextmanager
    async def opened() -> AsyncIterator[Constraints]:
        async with aclosing(await open_journal()) as journal:
            yield SqlConstraints(journal)

    return opened


@pytest.mark.parametrize("check", CONSTRAINT_CHECKS, ids=lambda check: check.__name__[6:])
@pytest.mark.parametrize("kind", ["sqlite://", *KINDS])
async def test_keeps_the_promises_of_the_port(
    check: ConstraintCheck, kind: str, tmp_path: Path
) -> None:
    await check(store_opener(kind, tmp_path))


@pytest.mark.parametrize("check", SHARED_CONSTRAINT_CHECKS, ids=lambda check: check.__name__[6:])
@pytest.mark.parametrize("kind", KINDS)
async def test_keeps_the_promises_among_several(
    check: ConstraintCheck, kind: str, tmp_path: Path
) -> None:
    await check(store_opener(kind, tmp_path))


async def test_what_cannot_be_read_is_named(tmp_path: Path) -> None:
    open_journal = opener("sqlite", tmp_path)
    async with aclosing(await open_journal()) as journal:
        engine = create_engine(f"sqlite:///{tmp_path}/fenix.sqlite")
        row = {"kind": "INSTANCE", "id": "i1", "project_id": "p", "warnings": "[]"}
        times = {"created_at": NOW, "updated_at": NOW}
        with engine.begin() as connection:
            connection.execute(insert(schema.constraints).values(data='{"x":1}', **row, **times))
        engine.dispose()
        with pytest.raises(JournalUnreadable, match="constraint of instance i1"):
            await SqlConstraints(journal).get(ConstraintKind.INSTANCE, "i1")
