"""The database as the rest of the store sees it: transactions, reads and three kinds of errors.

Third-party errors end here. What a statement's own values bring about (too long, twice) is left as it is: it concerns
whoever wrote them. A transaction that lost against another (deadlock, certification) is Contended: nothing of it was
kept. Anything else means that the database is of no use now: StoreUnavailable, and after a commit was sent it is not
known whether it happened.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, suppress
from time import perf_counter
from typing import Any

from sqlalchemy import URL, Connection, Row, Select, make_url
from sqlalchemy.exc import (
    ArgumentError,
    DataError,
    DBAPIError,
    IntegrityError,
    NoSuchModuleError,
)
from sqlalchemy.exc import TimeoutError as PoolTimeout

from fenix_grpc.clock import pause
from fenix_grpc.core.errors import StoreUnavailable
from fenix_grpc.store import versions
from fenix_grpc.store.connecting import READERS, engines, is_private

__all__ = ["READERS", "Contended", "Database", "Observe"]

#: Told how long the database took for an operation.
Observe = Callable[[str, float], None]

#: How long a database may take for anything, unless told otherwise.
TIMEOUT_S = 10.0

#: How often tables are tried to be made: others may make them at the same time, one after the other.
_ATTEMPTS = 100
#: Between two of them: making a table takes that long on a busy disk, and whoever looks meanwhile is refused (MariaDB).
_PAUSE_S = 0.1

#: What a statement's own values bring about.
_REFUSED = (DataError, IntegrityError)
#: PostgreSQL: serialization failure, deadlock. MariaDB: lock wait timeout, deadlock or failed certification.
_LOST = frozenset({"40001", "40P01", 1205, 1213})


class Contended(StoreUnavailable):
    """The transaction lost against another one and left nothing: to be done anew, as a whole."""


class _Raced(StoreUnavailable):
    """A table could not be made, perhaps because somebody else did at the same time."""


class Database:
    """Connections for one writer and a few readers. Blocking; to be called from threads.

    A database in memory is `private`: it has a single connection, to be used on one thread only, and no call waits.
    """

    def __init__(
        self, url: str, timeout_s: float = TIMEOUT_S, observe: Observe = lambda *_: None
    ) -> None:
        """`timeout_s`: nothing is waited for longer. `observe` is told of every use: `read` or `commit`, and its
        seconds; on the thread that used it. Raises StoreUnavailable for a url that cannot be used."""
        self.timeout_s = timeout_s
        self._observe = observe
        try:
            self.url = _parsed(url)
            self.private = is_private(self.url)
            self._writing, self._reading = engines(self.url, timeout_s)
        except ArgumentError as err:
            raise StoreUnavailable(f"the database url cannot be used: {err}") from err
        except (NoSuchModuleError, ModuleNotFoundError) as err:
            raise StoreUnavailable(f"the database url cannot be used: {_missing(err)}") from err
        self.name = self.url.render_as_string(hide_password=True)

    @property
    def kind(self) -> str:
        """`sqlite`, `postgresql`, `mysql` or `mariadb`."""
        return self._writing.dialect.name

    @property
    def shows_early(self) -> bool:
        """What is committed may be seen by others before it is on disk, and lost after that if the server dies: InnoDB
        without a binary log (tests/store/test_store_early.py shows it). Whoever has read it must make sure before
        anything comes of that, by a commit that writes: it waits until all earlier ones are on disk as well."""
        return self.kind in ("mysql", "mariadb")

    def prepare(self) -> None:
        """Makes the tables of an empty database; those of an older fenix are brought up to date where the database is
        fenix's own (SQLite), and elsewhere by the operator, as other servers may be at work on them.

        Raises StoreUnavailable, which says what to do."""
        self._make_sure(lambda connection: versions.prepare(connection, upgrades=self.embedded))

    def upgrade(self) -> tuple[versions.Version, versions.Version]:
        """Brings the tables up to date; what they were and what they are. Raises StoreUnavailable."""
        found = self.version()
        self._make_sure(lambda connection: versions.prepare(connection, upgrades=True))
        return found, self.version()

    def version(self) -> versions.Version:
        """What tables there are. Raises StoreUnavailable."""
        with self._making(), self.transaction() as connection:
            return versions.version(connection)

    @property
    def embedded(self) -> bool:
        """A file of fenix's own."""
        return self.kind == "sqlite"

    def _make_sure(self, make: Callable[[Connection], None]) -> None:
        """Of servers that start at once on an empty database one makes each table; then another look finds it."""
        for _ in range(_ATTEMPTS):
            with suppress(_Raced):
                self._make(make)
                return
            pause(_PAUSE_S)
        self._make(make)

    def _make(self, make: Callable[[Connection], None]) -> None:
        with self._making(), self.transaction() as connection:
            try:
                make(connection)
                connection.commit()
            except DBAPIError as err:
                if err.connection_invalidated:
                    raise
                raise _Raced(f"the tables of {self.name} cannot be made: {err.orig}") from err

    def _making(self) -> AbstractContextManager[None]:
        # Whatever goes wrong here is no fault of a batch.
        return _translated(self.name, refused=())

    @contextmanager
    def transaction(self) -> Iterator[Connection]:
        """A connection with an open transaction, rolled back unless the caller commits."""
        with self._timed("commit"), _translated(self.name), self._writing.connect() as connection:
            if self.kind == "sqlite":
                connection.exec_driver_sql("BEGIN IMMEDIATE")
            yield connection

    def rows(self, statement: Select[Any], values: Mapping[str, Any]) -> Sequence[Row[Any]]:
        """The rows of one consistent read. Raises StoreUnavailable."""
        reading = _translated(self.name, refused=())
        with self._timed("read"), reading, self._reading.connect() as connection:
            return connection.execute(statement, values).all()

    @contextmanager
    def _timed(self, operation: str) -> Iterator[None]:
        began = perf_counter()
        try:
            yield
        finally:
            self._observe(operation, perf_counter() - began)

    @contextmanager
    def apart(self) -> Iterator[Connection]:
        """A connection apart from all others, on which every statement is a transaction."""
        with _translated(self.name, refused=()), self._reading.connect() as connection:
            connection.detach()
            yield connection

    def heads_told(self, connection: Connection) -> Sequence[int]:
        """PostgreSQL: what other servers have told on the channel that the connection listens to. Does not wait."""
        driver: Any = connection.connection.dbapi_connection
        try:
            return [int(told.payload) for told in driver.notifies(timeout=0)]
        except connection.dialect.loaded_dbapi.Error as err:
            raise StoreUnavailable(f"the database {self.name} does not answer: {err}") from err

    def close(self) -> None:
        """Closes all connections."""
        self._writing.dispose()
        self._reading.dispose()


def _parsed(url: str) -> URL:
    """Raises ArgumentError, which repeats nothing of a url that may have a password in it."""
    try:
        return make_url(url)
    except ValueError as err:
        raise ArgumentError("its port is no number") from err


def _missing(err: NoSuchModuleError | ModuleNotFoundError) -> str:
    extra = {"psycopg": "postgresql", "pymysql": "mysql"}.get(getattr(err, "name", None) or "")
    return f"{err}; pip install 'fenix-grpc[{extra}]'" if extra else str(err)


@contextmanager
def _translated(name: str, refused: tuple[type[DBAPIError], ...] = _REFUSED) -> Iterator[None]:
    try:
        yield
    except refused:
        raise
    except DBAPIError as err:
        if _has_lost(err.orig):
            raise Contended(f"the database {name} is contended: {err.orig}") from err
        raise StoreUnavailable(f"the database {name} does not answer: {err.orig}") from err
    except PoolTimeout as err:
        raise StoreUnavailable(f"the database {name} does not answer: {err}") from err


def _has_lost(err: BaseException | None) -> bool:
    code = getattr(err, "sqlstate", None) or next(iter(getattr(err, "args", ())), None)
    return code in _LOST
