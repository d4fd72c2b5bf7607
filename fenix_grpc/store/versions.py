"""Which tables a database has, whether this fenix can work on them, and how they come up to date.

A new database gets the tables as they are now and is marked with their revision. An older one is brought up to date by
the revisions it lacks (alembic, imported only then). Databases from before there were revisions say their version in
the table `journal`; half-made ones say nothing yet and are made to the end. Called within a transaction.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import TypeVar

from sqlalchemy import Column, Connection, func, insert, inspect, select

from fenix_grpc.core.errors import StoreUnavailable
from fenix_grpc.store import schema

#: The revision that a database has which says so in `journal.version` only.
_BEFORE_REVISIONS = {1: "0001", 2: "0002"}
#: Who makes or changes tables on PostgreSQL holds this lock until the transaction ends.
_LOCK = 0x66656E6978
_T = TypeVar("_T")
_MIGRATIONS = Path(__file__).parent / "migrations"


class Fit(StrEnum):
    """How the tables of a database compare with those that this fenix needs."""

    EMPTY = "empty"
    OLDER = "older"
    CURRENT = "current"
    NEWER = "newer"


@dataclass(frozen=True, slots=True, kw_only=True)
class Version:
    """What a database has."""

    #: Empty when there are no tables, or when they were not made to the end.
    revision: str
    #: It says so itself, as alembic does.
    marked: bool = True

    @property
    def fit(self) -> Fit:
        """Beside what this fenix needs."""
        if not self.revision:
            return Fit.EMPTY
        if self.revision == schema.REVISION:
            return Fit.CURRENT
        return Fit.OLDER if self.revision < schema.REVISION else Fit.NEWER


def lock(connection: Connection) -> None:
    """Others who would make or change tables wait until this transaction ends (SQLite: they do anyway; MariaDB: they do
    not, and find that the table is there)."""
    if connection.dialect.name == "postgresql":
        connection.execute(select(func.pg_advisory_xact_lock(_LOCK)))


def version(connection: Connection) -> Version:
    """What the database has now.

    The older word is read first: whoever makes the tables writes both words in one transaction, and may do so between
    these two looks."""
    number = _word(connection, schema.journal.c.version)
    marked = _word(connection, schema.revisions.c.version_num)
    if marked:
        return Version(revision=marked)
    if number is not None:
        found = _BEFORE_REVISIONS.get(number, f"version {number}")
        return Version(revision=found, marked=False)
    return Version(revision="")


def _word(connection: Connection, column: Column[_T]) -> _T | None:
    """None where there is no such table, or no row in it yet."""
    if not inspect(connection).has_table(column.table.name):
        return None
    return connection.execute(select(column)).scalar_one_or_none()


def prepare(connection: Connection, *, upgrades: bool) -> None:
    """Makes the tables of an empty database; with `upgrades` brings older ones up to date.

    Raises StoreUnavailable, which says what to do, when this fenix cannot work on them."""
    lock(connection)
    found = version(connection)
    match found.fit:
        case Fit.EMPTY:
            _make(connection)
        case Fit.CURRENT if not found.marked:
            _mark(connection, found.revision)
        case Fit.OLDER if upgrades:
            upgrade(connection, found)
        case Fit.OLDER:
            raise StoreUnavailable(
                f"the tables of the database are of revision {found.revision}, this fenix needs {schema.REVISION}: "
                "make a backup, stop all servers and run `fenix db upgrade`"
            )
        case Fit.NEWER:
            raise newer(found)


def newer(found: Version) -> StoreUnavailable:
    """Says what to do with a database of a later fenix."""
    return StoreUnavailable(
        f"the tables of the database are of {_named(found)}, this fenix knows them up to {schema.REVISION}: "
        "use the fenix that made them or a later one, or another database"
    )


def upgrade(connection: Connection, found: Version) -> None:
    """Carries out the revisions that are lacking."""
    from alembic import command
    from alembic.config import Config

    config = Config(attributes={"connection": connection})
    config.set_main_option("script_location", str(_MIGRATIONS))
    if not found.marked:
        command.stamp(config, found.revision)
    command.upgrade(config, "head")


def _named(found: Version) -> str:
    return found.revision if found.revision.startswith("version") else f"revision {found.revision}"


def _make(connection: Connection) -> None:
    """All rows in one transaction and last: where tables are not part of it (MariaDB), what was begun is made to the
    end by whoever comes next."""
    schema.metadata.create_all(connection)
    connection.execute(insert(schema.journal).values(id=1, version=schema.VERSION, head=0))
    connection.execute(insert(schema.counters).values(name=schema.CONSTRAINT_CHANGES, value=0))
    connection.execute(insert(schema.revisions).values(version_num=schema.REVISION))


def _mark(connection: Connection, revision: str) -> None:
    """A database from before there were revisions."""
    schema.revisions.create(connection, checkfirst=True)
    connection.execute(insert(schema.revisions).values(version_num=revision))
