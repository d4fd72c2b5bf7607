"""Databases of every released fenix come up to date, new ones are what those become, and nothing else is touched.

tests/store/schemas holds what each released fenix made, with a session in it; a release adds a picture of its tables.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Mapping
from contextlib import aclosing, closing
from datetime import UTC, datetime
from itertools import count
from pathlib import Path
from typing import Any

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Engine, create_engine, event, inspect, text, update

from fenix_grpc.core.constraints import InstanceConstraint
from fenix_grpc.core.errors import StoreUnavailable
from fenix_grpc.core.events import SessionCreated
from fenix_grpc.store import SqlConstraints, SqlJournal, schema, versions
from fenix_grpc.store.database import Database
from tests.databases import KINDS, MADE, SHARED, new_database, own_server
from tests.databases.disk import slow_disk

NOW = datetime(2030, 1, 1, tzinfo=UTC)
CREATED = SessionCreated(maintenance_at=NOW)
SCHEMAS = Path(__file__).parent / "schemas"
RELEASED = sorted({path.name.partition(".")[0] for path in SCHEMAS.glob("*.sql")})
MIGRATIONS = Path(versions.__file__).parent / "migrations"


def restore(name: str, kind: str, url: str) -> None:
    """Makes what a released fenix had made."""
    lines = (SCHEMAS / f"{name}.{kind}.sql").read_text()
    engine = create_engine(url)
    with engine.begin() as connection:
        for statement in filter(str.strip, lines.split(";\n")):
            connection.exec_driver_sql(statement)
    engine.dispose()


def described(url: str) -> Mapping[str, Any]:
    """Everything that the database says of its tables."""
    engine = create_engine(url)
    looks = inspect(engine)
    found = {
        name: (
            [{**column, "type": str(column["type"])} for column in looks.get_columns(name)],
            {**looks.get_pk_constraint(name), "name": None},
            sorted(looks.get_indexes(name), key=lambda index: str(index["name"])),
            sorted(looks.get_unique_constraints(name), key=lambda each: str(each["name"])),
            looks.get_table_options(name),
        )
        for name in looks.get_table_names()
    }
    engine.dispose()
    return found


def upgrade(url: str) -> tuple[str, str]:
    """As `fenix db upgrade` does; the revisions before and after."""
    with closing(Database(url)) as database:
        before, after = database.upgrade()
    return before.revision, after.revision


@pytest.mark.parametrize("name", RELEASED)
@pytest.mark.parametrize("kind", KINDS)
async def test_what_a_released_fenix_made_becomes_what_a_new_one_makes(
    name: str, kind: str, tmp_path: Path
) -> None:
    (tmp_path / "fresh").mkdir()
    old, fresh = new_database(kind, tmp_path), new_database(kind, tmp_path / "fresh")
    restore(name, kind, old)
    assert upgrade(old) == (f"000{name[-1]}", schema.REVISION)
    assert upgrade(old) == (schema.REVISION, schema.REVISION), "a second time changes nothing"
    assert upgrade(fresh) == ("", schema.REVISION)
    assert described(old) == described(fresh)
    async with aclosing(await SqlJournal.open(old)) as journal:
        assert [entry.event for entry in await journal.read("s1")] == [CREATED]
        assert await journal.replied("admin/1") == "s1"
        constraints = SqlConstraints(journal)
        await constraints.put_instance(InstanceConstraint(instance_id="i1", project_id="p"), at=NOW)
        assert await constraints.version() == (8 if name == "version-2" else 1)
        assert (await journal.append("s2", [CREATED], at=NOW, expected_seq=0)).position == 2


@pytest.mark.parametrize("kind", KINDS)
def test_all_revisions_one_after_the_other_make_the_same(kind: str, tmp_path: Path) -> None:
    (tmp_path / "fresh").mkdir()
    url, fresh = new_database(kind, tmp_path), new_database(kind, tmp_path / "fresh")
    engine = create_engine(url)
    with engine.begin() as connection:
        config = Config(attributes={"connection": connection})
        config.set_main_option("script_location", str(MIGRATIONS))
        command.upgrade(config, "head")
    upgrade(fresh)
    assert described(url) == described(fresh)
    assert differences(engine) == []
    engine.dispose()


def differences(engine: Engine) -> list[Any]:
    """Between a database and schema.py, as alembic sees them."""
    with engine.connect() as connection:
        options = {"version_table": "none"}
        context = MigrationContext.configure(connection, opts=options)
        return list(compare_metadata(context, schema.metadata))


def test_the_last_revision_is_the_one_that_is_needed() -> None:
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    revisions = [each.revision for each in ScriptDirectory.from_config(config).walk_revisions()]
    assert revisions[0] == schema.REVISION
    assert revisions == sorted(revisions, reverse=True), "they are compared as texts"


@pytest.mark.parametrize("kind", KINDS)
async def test_a_start_on_older_tables(kind: str, tmp_path: Path) -> None:
    """A file of fenix's own comes up to date by itself; on a database that others may use the operator is asked."""
    url = new_database(kind, tmp_path)
    restore("version-1", kind, url)
    if kind == "sqlite":
        async with aclosing(await SqlJournal.open(url)) as journal:
            assert len(await journal.read("s1")) == 1
        assert upgrade(url)[0] == schema.REVISION
        return
    before = described(url)
    with pytest.raises(StoreUnavailable, match=r"revision 0001.* run `fenix db upgrade`"):
        await SqlJournal.open(url)
    assert described(url) == before


@pytest.mark.parametrize("kind", KINDS)
async def test_tables_from_before_revisions_are_marked(kind: str, tmp_path: Path) -> None:
    url = new_database(kind, tmp_path)
    restore("version-2", kind, url)
    with closing(Database(url)) as database:
        assert database.version() == versions.Version(revision="0002", marked=False)
    upgrade(url)
    for _ in range(2):
        async with aclosing(await SqlJournal.open(url)) as journal:
            assert len(await journal.read("s1")) == 1
    with closing(Database(url)) as database:
        assert database.version() == versions.Version(revision=schema.REVISION, marked=True)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    ("change", "told"),
    [
        (update(schema.revisions).values(version_num="9999"), "revision 9999"),
        (update(schema.journal).values(version=99), "version 99"),
    ],
)
async def test_tables_of_a_later_fenix_are_refused(
    kind: str, change: Any, told: str, tmp_path: Path
) -> None:
    url = new_database(kind, tmp_path)
    await (await SqlJournal.open(url)).aclose()
    engine = create_engine(url)
    with engine.begin() as connection:
        if "version 99" in told:
            connection.execute(text("DROP TABLE alembic_version"))
        connection.execute(change)
    engine.dispose()
    for opened in (SqlJournal.open, lambda url: asyncio.to_thread(upgrade, url)):
        with pytest.raises(StoreUnavailable, match=rf"{told}.* or a later one"):
            await opened(url)


@pytest.mark.parametrize("kind", SHARED)
async def test_half_made_tables_are_made_to_the_end(kind: str, tmp_path: Path) -> None:
    """Where tables are not part of a transaction, a server may have died between two of them."""
    url = new_database(kind, tmp_path)
    engine = create_engine(url)
    schema.metadata.create_all(engine, tables=[schema.sessions, schema.journal, schema.revisions])
    engine.dispose()
    async with aclosing(await SqlJournal.open(url)) as journal:
        await journal.append("s1", [CREATED], at=NOW, expected_seq=0)


@pytest.mark.parametrize("moment", range(3))
def test_tables_that_are_made_while_one_looks_are_none_or_whole(
    moment: int, tmp_path: Path
) -> None:
    """On MariaDB nobody waits for whoever makes them: here they were begun, and are finished just before a look."""
    url = new_database("mariadb", tmp_path)
    engine = create_engine(url, isolation_level="READ COMMITTED")
    schema.metadata.create_all(engine, tables=[schema.sessions, schema.journal])
    looks = count()

    def finish(*_: object) -> None:
        if next(looks) == moment:
            with engine.begin() as other:
                versions.prepare(other, upgrades=False)

    with engine.connect() as connection:
        event.listen(connection, "before_cursor_execute", finish)
        found = versions.version(connection).fit
    assert found in (versions.Fit.EMPTY, versions.Fit.CURRENT)
    assert next(looks) > moment
    with engine.connect() as connection:
        assert versions.version(connection).fit is versions.Fit.CURRENT
    engine.dispose()


START = """
import asyncio, sys
from datetime import UTC, datetime
from itertools import product
from fenix_grpc.core.events import SessionCreated
from fenix_grpc.store import SqlJournal

async def main(url, name):
    at = datetime(2030, 1, 1, tzinfo=UTC)
    sys.stdin.readline()
    journal = await SqlJournal.open(url)
    await journal.append(name, [SessionCreated(maintenance_at=at)], at=at, expected_seq=0)
    await journal.aclose()

asyncio.run(main(*sys.argv[1:]))
"""


async def start_at_once(url: str) -> None:
    """Real processes, let go at the same time; each makes a session."""
    starting = [
        await asyncio.create_subprocess_exec(
            *(sys.executable, "-c", START, url, f"new-{number}"),
            stdin=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        for number in range(4)
    ]
    async with asyncio.timeout(120):
        ended = await asyncio.gather(*(process.communicate(b"\n") for process in starting))
    assert [process.returncode for process in starting] == [0] * 4, ended


#: Older tables come up to date by themselves on SQLite only.
STARTS = [*((kind, "empty") for kind in KINDS), *(("sqlite", name) for name in RELEASED)]


@pytest.mark.parametrize(("kind", "start"), STARTS)
async def test_servers_that_start_at_once_do_not_disturb_each_other(
    kind: str, start: str, tmp_path: Path
) -> None:
    """All of them can work afterwards."""
    url = new_database(kind, tmp_path)
    if start != "empty":
        restore(start, kind, url)
    await start_at_once(url)
    async with aclosing(await SqlJournal.open(url)) as journal:
        assert len(await journal.sessions()) == (4 if start == "empty" else 5)


async def test_servers_that_start_at_once_have_patience_with_a_slow_disk() -> None:
    """On MariaDB whoever looks at a table while it is made is refused."""
    server = own_server(MADE["mariadb"])
    try:
        server.environ = slow_disk(server.directory)
        await asyncio.to_thread(server.start)
        await start_at_once(server.new_database())
    finally:
        server.remove()
