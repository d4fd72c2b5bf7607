"""The tables of the store, in types that every database has.

Times are BIGINT microseconds since 1970 (UTC): exact, comparable and the same everywhere. MariaDB is told to compare
text as bytes (`utf8mb4_bin`), as the others do by themselves. Every table has a primary key (Galera demands it), and no
number is drawn from the database. Nothing here decides anything; batch.py has the rules.

A change of a table is a revision in migrations/versions that makes it in older databases, its number in REVISION, and a
picture of the new tables in tests/store/schemas once it is released.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Index,
    Integer,
    MetaData,
    PrimaryKeyConstraint,
    String,
    Table,
    Text,
    TypeDecorator,
)
from sqlalchemy.dialects.mysql import LONGTEXT

#: The last revision in migrations/versions: what the tables below are. Numbers, so that later ones are greater.
REVISION = "0003"
#: What `journal.version` says. Fenix from before revisions looks there and refuses what it does not know: a revision
#: that it must not work on raises the number.
VERSION = 2

#: Longest session id that fits.
SESSION_ID_CHARS = 64
#: Longest request key, lease owner and id of a project, instance or group that fit.
KEY_CHARS = 255
#: The row of `counters` that counts the changes of constraints.
CONSTRAINT_CHANGES = "constraints"
#: Its row with the position up to which events may have been purged; none when nothing was.
FORGOTTEN = "forgotten"
#: Its row that is written where a commit has nothing else to write (see `Database.shows_early`).
SETTLED = "settled"
#: Its row with the time of the last purge by a server, in microseconds since 1970.
PURGED_AT = "purged_at"

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

#: Read and written by alembic; here, so that a new database is made without it.
revisions = Table(
    "alembic_version",
    metadata,
    Column("version_num", String(32), nullable=False),
    PrimaryKeyConstraint("version_num", name="alembic_version_pkc"),
    **_options,
)

counters = Table(
    "counters",
    metadata,
    Column("name", String(64), primary_key=True),
    Column("value", BigInteger, nullable=False),
    **_options,
)

#: A sink and up to where everything has left through it; one server at a time sends for it.
sinks = Table(
    "sinks",
    metadata,
    Column("sink", String(64), primary_key=True),
    Column("position", BigInteger, nullable=False),
    Column("owner", String(KEY_CHARS), nullable=False, default=""),
    Column("lease_until", UtcMicroseconds, nullable=False, default=EPOCH),
    **_options,
)

#: Lanes of a sink that are ahead of it, or in which something could not be delivered.
cursors = Table(
    "cursors",
    metadata,
    Column("sink", String(64), primary_key=True),
    Column("lane", String(KEY_CHARS), primary_key=True),
    Column("session_id", String(SESSION_ID_CHARS), nullable=False, index=True),
    Column("position", BigInteger, nullable=False),
    # Empty while all is well; the other columns say more of it.
    Column("problem", _long_text, nullable=False, default=""),
    Column("subject", String(KEY_CHARS + 16), nullable=False, default=""),
    Column("since", UtcMicroseconds),
    Column("deadline", UtcMicroseconds),
    **_options,
)

webhooks = Table(
    "webhooks",
    metadata,
    Column("webhook_id", String(SESSION_ID_CHARS), primary_key=True),
    Column("project_id", String(KEY_CHARS), nullable=False, index=True),
    Column("url", _long_text, nullable=False),
    # Needed as it is, to sign with.
    Column("secret", _long_text, nullable=False),
    Column("created_at", UtcMicroseconds, nullable=False),
    # What came before is none of its business.
    Column("position", BigInteger, nullable=False),
    **_options,
)
