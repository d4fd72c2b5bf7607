"""Connections to the database and what each kind of database must be told first.

Third-party errors end here: whatever means "the database does not answer" leaves as StoreUnavailable.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from sqlalchemy import URL, Connection, Engine, Row, Select, create_engine, event, make_url
from sqlalchemy.engine.interfaces import IsolationLevel
from sqlalchemy.exc import (
    ArgumentError,
    DatabaseError,
    DBAPIError,
    InterfaceError,
    NoSuchModuleError,
    OperationalError,
)
from sqlalchemy.pool import StaticPool

from fenix_grpc.core.errors import StoreUnavailable
from fenix_grpc.store import schema

#: Reads that may run at once; one connection more is the writer's.
READERS = 4

#: What drivers raise when the database does not answer.
_AWAY = (OperationalError, InterfaceError)

#: How long SQLite waits for another process's transaction.
_SQLITE_BUSY_MS = 5000


class Database:
    """Connections for one writer and a few readers. Blocking; to be called from threads.

    A database in memory is `private`: it has a single connection, to be used on one thread only, and no call waits.
    """

    def __init__(self, url: str) -> None:
        try:
            parsed = make_url(url)
            self.private = False
            if parsed.get_backend_name() == "sqlite":
                self.private = parsed.database in (None, "", ":memory:")
                self._writing = self._reading = _sqlite(parsed, self.private)
            else:
                self._writing = _server(parsed, "READ COMMITTED", connections=1)
                self._reading = _server(parsed, "AUTOCOMMIT", connections=READERS)
        except (ArgumentError, NoSuchModuleError, ModuleNotFoundError) as err:
            raise StoreUnavailable(f"the database url cannot be used: {err}") from err
        self._name = parsed.render_as_string(hide_password=True)

    def prepare(self) -> None:
        """Makes the tables where they are missing. Raises StoreUnavailable."""
        try:
            self._prepare()
        except StoreUnavailable:
            # Two servers that start at once on an empty database may both make a table; then the second look finds it.
            self._prepare()

    def _prepare(self) -> None:
        # Whatever goes wrong here is no fault of a batch: a file that is no database, say.
        with _translated(self._name, (DatabaseError,)), self.transaction() as connection:
            schema.prepare(connection)
            connection.commit()

    @contextmanager
    def transaction(self) -> Iterator[Connection]:
        """A connection with an open transaction, rolled back unless the caller commits."""
        with _translated(self._name), self._writing.connect() as connection:
            if connection.dialect.name == "sqlite":
                connection.exec_driver_sql("BEGIN IMMEDIATE")
            yield connection

    def rows(self, statement: Select[Any], values: Mapping[str, Any]) -> Sequence[Row[Any]]:
        """The rows of one consistent read. Raises StoreUnavailable."""
        with _translated(self._name), self._reading.connect() as connection:
            return connection.execute(statement, values).all()

    def close(self) -> None:
        """Closes all connections."""
        self._writing.dispose()
        self._reading.dispose()


@contextmanager
def _translated(name: str, errors: tuple[type[DBAPIError], ...] = _AWAY) -> Iterator[None]:
    try:
        yield
    except errors as err:
        raise StoreUnavailable(f"the database {name} does not answer: {err.orig}") from err


def _server(url: URL, isolation: IsolationLevel, *, connections: int) -> Engine:
    return create_engine(
        url,
        isolation_level=isolation,
        pool_size=connections,
        max_overflow=0,
        pool_pre_ping=True,
    )


def _sqlite(url: URL, private: bool) -> Engine:
    if private:
        engine = create_engine(url, poolclass=StaticPool, connect_args={"check_same_thread": False})
    else:
        engine = create_engine(url, pool_size=READERS + 1, max_overflow=0)
    event.listen(engine, "connect", _prepare_sqlite)
    return engine


def _prepare_sqlite(connection: Any, _record: Any) -> None:
    # Transactions are begun explicitly (see `transaction`); the driver's own idea of them would begin too late.
    connection.isolation_level = None
    cursor = connection.cursor()
    cursor.execute(f"PRAGMA busy_timeout = {_SQLITE_BUSY_MS}")
    cursor.execute("PRAGMA journal_mode = WAL")
    # WAL with FULL: what was committed survives a loss of power.
    cursor.execute("PRAGMA synchronous = FULL")
    cursor.close()
