"""Connections to each kind of database: what it is told so that it is strict, durable and never waited for in vain.

A database that hangs is noticed on both ends. Here, nothing is waited for longer than `timeout_s`: neither a connection
nor an answer. There, a statement ends after that time as well, and a transaction that its server left open (the process
was stopped, the network cut) after half of it, so that the lock it holds is free before others give up waiting.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from math import ceil
from typing import Any

from sqlalchemy import URL, Engine, create_engine, event
from sqlalchemy.engine.interfaces import IsolationLevel
from sqlalchemy.pool import StaticPool

#: Reads that may run at once.
READERS = 4

#: How often a new SQLite file is tried to be put into WAL mode.
_WAL_ATTEMPTS = 20

Prepare = Callable[[Any], None]


def is_private(url: URL) -> bool:
    """A database in memory, which this process alone has."""
    return url.get_backend_name() == "sqlite" and url.database in (None, "", ":memory:")


def engines(url: URL, timeout_s: float) -> tuple[Engine, Engine]:
    """Connections for the writer and for readers. They may be the same. Nothing is connected yet."""
    match url.get_backend_name():
        case "sqlite":
            engine = _sqlite(url, timeout_s)
            return engine, engine
        case "postgresql":
            make = _postgresql
        case "mysql" | "mariadb":
            make = _mariadb
        case _:
            return _server(url, "READ COMMITTED", 1), _server(url, "AUTOCOMMIT", READERS + 1)
    # The writer's thread also reads, now and then.
    return make(url, timeout_s, "READ COMMITTED", 1), make(
        url, timeout_s, "AUTOCOMMIT", READERS + 1
    )


def _server(url: URL, isolation: IsolationLevel, connections: int, **options: Any) -> Engine:
    return create_engine(
        url,
        isolation_level=isolation,
        pool_size=connections,
        max_overflow=0,
        pool_pre_ping=True,
        **options,
    )


def _sqlite(url: URL, timeout_s: float) -> Engine:
    if is_private(url):
        engine = create_engine(url, poolclass=StaticPool, connect_args={"check_same_thread": False})
    else:
        engine = create_engine(url, pool_size=READERS + 1, max_overflow=0)

    def prepare(connection: Any) -> None:
        # Transactions are begun explicitly (see database.py); the driver's own idea of them would begin too late.
        connection.isolation_level = None
        cursor = connection.cursor()
        cursor.execute(f"PRAGMA busy_timeout = {ceil(timeout_s * 1000)}")
        _use_wal(cursor)
        # WAL with FULL: what was committed survives a loss of power.
        cursor.execute("PRAGMA synchronous = FULL")
        cursor.close()

    return _prepared(engine, prepare)


def _use_wal(cursor: sqlite3.Cursor) -> None:
    """Others that do the same at this moment make it fail at once, whatever the time-out: then it waits for them."""
    for _ in range(_WAL_ATTEMPTS):
        try:
            cursor.execute("PRAGMA journal_mode = WAL")
            return
        except sqlite3.OperationalError:
            cursor.execute("BEGIN IMMEDIATE")
            cursor.execute("ROLLBACK")
    cursor.execute("PRAGMA journal_mode = WAL")


def _postgresql(url: URL, timeout_s: float, isolation: IsolationLevel, connections: int) -> Engine:
    told = {
        # libpq's least is 2 s
        "connect_timeout": max(2, ceil(timeout_s)),
        "tcp_user_timeout": ceil(timeout_s * 1000),
        "keepalives_idle": max(1, ceil(timeout_s)),
        "keepalives_interval": max(1, ceil(timeout_s / 4)),
        "keepalives_count": 3,
    }
    chosen = {name: value for name, value in told.items() if name not in url.query}
    engine = _server(url, isolation, connections, connect_args=chosen)
    bounded = _bounded_connection(timeout_s)

    @event.listens_for(engine, "do_connect")
    def connect(_dialect: Any, _record: Any, args: Any, options: Any) -> Any:
        return bounded.connect(*args, **options)

    def prepare(connection: Any) -> None:
        whole, half = ceil(timeout_s * 1000), ceil(timeout_s * 500)
        before, connection.autocommit = connection.autocommit, True
        connection.execute(
            f"SET statement_timeout = {whole}; SET lock_timeout = {whole};"
            f"SET idle_in_transaction_session_timeout = {half}"
        )
        connection.autocommit = before

    return _prepared(engine, prepare)


def _bounded_connection(timeout_s: float) -> Any:
    """psycopg's connection, whose answers are waited for as long as this and no longer: libpq would wait for ever."""
    import psycopg

    class Bounded(psycopg.Connection[Any]):
        def wait(self, gen: Any, interval: float = 0.1, timeout: float | None = None) -> Any:
            if timeout is not None:
                return super().wait(gen, interval, timeout)
            try:
                return super().wait(gen, interval, timeout_s)
            except psycopg.OperationalError as err:
                if err.sqlstate is not None:
                    raise
                # An answer that comes later would be taken for that of the next question.
                self.close()
                text = str(err) or f"no answer within {timeout_s:g} s"
                raise psycopg.OperationalError(text) from err

    return Bounded


def _mariadb(url: URL, timeout_s: float, isolation: IsolationLevel, connections: int) -> Engine:
    told = dict.fromkeys(("connect_timeout", "read_timeout", "write_timeout"), ceil(timeout_s))
    chosen = {name: value for name, value in told.items() if name not in url.query}
    engine = _server(url, isolation, connections, connect_args=chosen)
    half = max(1, ceil(timeout_s / 2))

    def prepare(connection: Any) -> None:
        with connection.cursor() as cursor:
            cursor.execute("SHOW VARIABLES")
            known = dict(cursor.fetchall())
            settings = {
                # what does not fit is refused and never cut
                "sql_mode": "CONCAT(@@sql_mode, ',STRICT_ALL_TABLES')",
                "innodb_lock_wait_timeout": half,
            }
            if "idle_transaction_timeout" in known:
                settings |= {"idle_transaction_timeout": half, "max_statement_time": timeout_s}
            else:  # MySQL ends connections that idle, in a transaction or not
                settings["wait_timeout"] = max(1, ceil(timeout_s))
            if known.get("wsrep_on") == "ON":
                # Galera: no statement sees less than any node had committed when it began
                settings["wsrep_sync_wait"] = 15
            for name, value in settings.items():
                cursor.execute(f"SET SESSION {name} = {value}")

    return _prepared(engine, prepare)


def _prepared(engine: Engine, prepare: Prepare) -> Engine:
    event.listen(engine, "connect", lambda connection, _record: prepare(connection))
    return engine
