"""The tables of the store, in types that every database has.

Times are BIGINT microseconds since 1970 (UTC): exact, comparable and the same everywhere. MariaDB is told to compare
text as bytes (`utf8mb4_bin`), as the others do by themselves. Nothing here decides anything; batch.py has the rules.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Connection,
    Index,
    Integer,
    MetaData,
    String,
    Table,
    Text,
    TypeDecorator,
    insert,
    select,
    update,
)
from sqlalchemy.dialects.mysql import LONGTEXT

from fenix_grpc.core.errors import StoreUnavailable

#: Version of the tables below; a database of a later version is refused. 2 added `constraints` and `counters`.
VERSION = 2

#: Longest session id that fits.
SESSION_ID_CHARS = 64
#: Longest request key, lease owner and id of a project, instance or group that fit.
KEY_CHARS = 255
#: The row of `counters` that counts the changes of constraints.
CONSTRAINT_CHANGES = "constraints"

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

metadata = MetaData()
_long_text = Text().with_variant(LONGTEXT(), "mysql", "mariadb")
_mysql = {"engine": "InnoDB", "charset": "utf8mb4", "collate": "utf8mb4_bin"}
_options: dict[str, Any] = {
    f"{dialect}_{name}": value for dialect in ("mysql", "mariadb") for name, value in _mysql.items()
}


class UtcMicroseconds(TypeDecorator[datetime]):
    """An aware datetime as microseconds since 1970."""

    impl = BigInteger
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Any) -> int | None:
        return None if value is None else (value - EPOCH) // timedelta(microseconds=1)

    def process_result_value(self, value: int | None, dialect: Any) -> datetime | None:
        return None if value is None else EPOCH + timedelta(microseconds=value)


sessions = Table(
    "sessions",
    metadata,
    Column("session_id", String(SESSION_ID_CHARS), primary_key=True),
    # Position of its first event: the order of creation.
    Column("first_position", BigInteger, nullable=False, unique=True),
    Column("created_at", UtcMicroseconds, nullable=False),
    # The last seq: what `expected_seq` is compared with.
    Column("seq", BigInteger, nullable=False),
    Column("active", Boolean(create_constraint=False), nullable=False, index=True),
    Column("deleted", Boolean(create_constraint=False), nullable=False),
    Column("owner", String(KEY_CHARS), nullable=False, default=""),
    Column("lease_until", UtcMicroseconds, nullable=False, default=EPOCH),
    **_options,
)

events = Table(
    "events",
    metadata,
    Column("session_id", String(SESSION_ID_CHARS), primary_key=True),
    Column("seq", BigInteger, primary_key=True, autoincrement=False),
    Column("position", BigInteger, nullable=False, unique=True),
    Column("at", UtcMicroseconds, nullable=False),
    Column("kind", String(64), nullable=False),
    Column("data", _long_text, nullable=False),
    Index("events_of_session", "session_id", "position"),
    **_options,
)

#: One row. Whoever appends locks it first, so positions are given in the order of commit.
journal = Table(
    "journal",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=False),
    Column("version", Integer, nullable=False),
    Column("head", BigInteger, nullable=False),
    **_options,
)

requests = Table(
    "requests",
    metadata,
    Column("request_key", String(KEY_CHARS), primary_key=True),
    Column("session_id", String(SESSION_ID_CHARS), nullable=False),
    Column("seq", BigInteger, nullable=False),
    Column("position", BigInteger, nullable=False),
    Column("reply", _long_text, nullable=False),
    Column("at", UtcMicroseconds, nullable=False),
    **_options,
)

listeners = Table(
    "listeners",
    metadata,
    Column("project_id", String(KEY_CHARS), primary_key=True),
    Column("heard_at", UtcMicroseconds, nullable=False, index=True),
    **_options,
)

constraints = Table(
    "constraints",
    metadata,
    # A word of ConstraintKind.
    Column("kind", String(16), primary_key=True),
    # Of the instance or the group.
    Column("id", String(KEY_CHARS), primary_key=True),
    Column("project_id", String(KEY_CHARS), nullable=False, index=True),
    Column("data", _long_text, nullable=False),
    Column("warnings", _long_text, nullable=False),
    Column("created_at", UtcMicroseconds, nullable=False),
    Column("updated_at", UtcMicroseconds, nullable=False),
    **_options,
)

counters = Table(
    "counters",
    metadata,
    Column("name", String(64), primary_key=True),
    Column("value", BigInteger, nullable=False),
    **_options,
)


def prepare(connection: Connection) -> None:
    """Makes the tables where they are missing, also in a database of an earlier version. Refuses a later one."""
    metadata.create_all(connection)
    version = connection.execute(select(journal.c.version)).scalar_one_or_none()
    if version == VERSION:
        return
    if version is None:
        connection.execute(insert(journal).values(id=1, version=VERSION, head=0))
        _begin_counters(connection)
    elif version == 1:
        _begin_counters(connection)
        connection.execute(update(journal).values(version=VERSION))
    else:
        raise StoreUnavailable(
            f"the database has tables of version {version}, this fenix needs version {VERSION}: "
            "use the fenix that made them, or another database"
        )


def _begin_counters(connection: Connection) -> None:
    connection.execute(insert(counters).values(name=CONSTRAINT_CHANGES, value=0))
