"""Hearing of other servers' appends at once, where the database can tell (PostgreSQL: LISTEN).

One connection and one thread for each server, however many wait. Every commit that moved the head says so with the new
head (batch.py). While nothing is heard, the head is looked at now and then over the same connection: that also shows
that it still lives. Whenever it does not, `hears` is false and the writer polls, until a new connection hears again.
"""

from __future__ import annotations

import logging
import selectors
import socket
import threading
from collections.abc import Callable

from sqlalchemy import Connection

from fenix_grpc.core.errors import StoreUnavailable
from fenix_grpc.store import statements as sql
from fenix_grpc.store.database import Database

logger = logging.getLogger(__name__)

#: Longest time without looking at the head.
_LOOK_S = 5.0
#: Wait before another connection is tried.
_RETRY_S = 1.0


class Hearing:
    """Calls `learned` with every head that is heard of, on a thread of its own, until it is closed."""

    def __init__(self, database: Database, learned: Callable[[int], None]) -> None:
        self._database = database
        self._learned = learned
        #: News arrive by themselves now.
        self.hears = False
        self._closing = threading.Event()
        self._wake, self._woken = socket.socketpair()
        self._thread = threading.Thread(target=self._run, name="fenix-journal-hear", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Returns when the thread has ended. Blocks for a moment."""
        self._closing.set()
        self._wake.send(b"x")
        self._thread.join()
        self._wake.close()
        self._woken.close()

    def _run(self) -> None:
        while not self._closing.is_set():
            try:
                with self._database.apart() as connection:
                    self._hear(connection)
            except StoreUnavailable as err:
                logger.warning("news of other servers are polled for now: %s", err)
            finally:
                self.hears = False
            self._closing.wait(_RETRY_S)

    def _hear(self, connection: Connection) -> None:
        """Until the connection breaks or all is closed."""
        connection.exec_driver_sql(f"LISTEN {sql.CHANNEL}")
        driver = connection.connection.dbapi_connection
        assert driver is not None  # open, within this block
        with selectors.DefaultSelector() as selector:
            selector.register(driver.fileno(), selectors.EVENT_READ)
            selector.register(self._woken, selectors.EVENT_READ)
            # What was committed before this one listened was told to nobody.
            self._look(connection)
            self.hears = True
            while not self._closing.is_set():
                if not selector.select(_LOOK_S):
                    self._look(connection)
                if heads := self._database.heads_told(connection):
                    self._learned(max(heads))

    def _look(self, connection: Connection) -> None:
        self._learned(connection.execute(sql.HEAD).scalar_one())
