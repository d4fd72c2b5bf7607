"""Empty databases of each kind for tests, on real servers that are started when the first test asks for one.

Each process of pytest-xdist has servers of its own; they end with it. A kind whose server is not installed is skipped
with the reason, and fails where everything must be there (CI).
"""

from __future__ import annotations

import atexit
import os
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest

from tests.databases.network import Wire
from tests.databases.servers import DatabaseServer, MariadbServer, Missing, PostgresServer

#: Those on which several servers can work, and on which everything of the store is tested.
SHARED = ("postgresql", "mariadb")
KINDS = ("sqlite", *SHARED)

MADE: dict[str, type[DatabaseServer]] = {"postgresql": PostgresServer, "mariadb": MariadbServer}
_running: dict[str, DatabaseServer] = {}


def new_database(kind: str, directory: Path) -> str:
    """The url of an empty database. SQLite's file is in `directory`."""
    if kind == "sqlite":
        return f"sqlite:///{directory}/fenix.sqlite"
    return running(kind).new_database()


def running(kind: str) -> DatabaseServer:
    """The server of this process; to be left as it was found."""
    if kind not in _running:
        _running[kind] = own_server(MADE[kind])
        atexit.register(_running[kind].remove)
        _running[kind].start()
    return _running[kind]


def far_server(kind: str, wire: Wire | None) -> DatabaseServer:
    """As `own_server`, at the other end of a wire where there is one."""
    return own_server(partial(MADE[kind], wire=wire))


def own_server(made: Callable[[], DatabaseServer]) -> DatabaseServer:
    """A server for one test alone, not started yet; the caller removes it."""
    try:
        return made()
    except Missing as err:
        if "CI" in os.environ:
            raise
        pytest.skip(str(err))
