"""The Journal port over a SQL database.

Writes go through the one writer thread, reads run in a few threads of their own, and those who wait for news share one
event that is replaced whenever the head moves. With a database in memory everything happens on the event loop instead.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from typing import Any, TypeVar

from sqlalchemy import Row, Select

from fenix_grpc.core.errors import StoreUnavailable
from fenix_grpc.core.events import Event
from fenix_grpc.ports import Appended, Once, Recorded, SessionRow
from fenix_grpc.store import codec
from fenix_grpc.store import statements as sql
from fenix_grpc.store.batch import SETTLE, Append, Claim, Heard, Job, Release
from fenix_grpc.store.database import READERS, TIMEOUT_S, Database, Observe
from fenix_grpc.store.hearing import Hearing
from fenix_grpc.store.schema import FORGOTTEN, KEY_CHARS, SESSION_ID_CHARS
from fenix_grpc.store.writer import Writer

_T = TypeVar("_T")

#: Columns of which the greatest value is the last position that a read has seen.
_POSITIONS = ("position", "first_position", "head")

#: How often a database that cannot tell is asked whether others have appended, unless told otherwise.
POLL_S = 0.25


class SqlJournal:
    """See `ports.Journal`. Belongs to the event loop that it was opened in."""

    def __init__(self, database: Database, *, head: int, poll_s: float | None) -> None:
        self._database = database
        self._loop = asyncio.get_running_loop()
        self._head = head
        self._moved = asyncio.Event()
        self._waiting = 0
        self._closed = False
        self._readers = ThreadPoolExecutor(READERS, thread_name_prefix="fenix-journal-read")
        hears = poll_s is not None and database.kind == "postgresql"
        self._hearing = Hearing(database, self._heard_of) if hears else None
        self._writer = Writer(database, learned=self._learned, poll_s=poll_s, watched=self._polls)

    @classmethod
    async def open(
        cls,
        url: str,
        *,
        shared: bool = True,
        poll_s: float = POLL_S,
        timeout_s: float = TIMEOUT_S,
        observe: Observe = lambda *_: None,
    ) -> SqlJournal:
        """Opens the database at `url` (SQLAlchemy), making its tables where they are missing. Raises StoreUnavailable.

        `shared` says that other processes may append: then their events are noticed at once where the database tells of
        them (PostgreSQL), and within `poll_s` seconds elsewhere. No answer is waited for longer than `timeout_s`.
        `observe` is told how long the database takes (see `Database`).
        """
        database = Database(url, timeout_s, observe)
        head = (
            _prepare(database) if database.private else await asyncio.to_thread(_prepare, database)
        )
        journal = cls(database, head=head, poll_s=poll_s if shared else None)
        try:
            await journal.settle()
        except BaseException:
            await journal.aclose()
            raise
        return journal

    async def append(
        self,
        session_id: str,
        events: Sequence[Event],
        *,
        at: datetime,
        expected_seq: int | None = None,
        active: bool | None = None,
        deleted: bool | None = None,
        once: Once | None = None,
        alone_since: int | None = None,
        held_by: str = "",
    ) -> Appended:
        """See the port. A new session is active and not deleted unless told otherwise."""
        if not events and not expected_seq:
            raise ValueError("an append without events needs the expected_seq of a session")
        _check_length("session_id", session_id, SESSION_ID_CHARS)
        if once:
            _check_length("once.key", once.key, KEY_CHARS)
        job = Append(
            session_id=session_id,
            events=tuple(codec.encode(event) for event in events),
            at=_aware(at),
            expected_seq=expected_seq,
            active=active,
            deleted=deleted,
            once=once,
            alone_since=alone_since,
            held_by=held_by,
        )
        appended: Appended = await self.write(job)
        return appended

    async def replied(self, key: str) -> str | None:
        """See the port."""
        return next(iter(await self.read_rows(sql.REPLIES_NAMED, {"names": [key]}, _first)), None)

    async def read(self, session_id: str, after_seq: int = 0) -> Sequence[Recorded]:
        """See the port."""
        values = {"session_id": session_id, "after": after_seq}
        return await self.read_rows(sql.EVENTS_OF_SESSION, values, _recorded)

    async def read_all(
        self, after: int, limit: int = 1000, session_id: str = ""
    ) -> Sequence[Recorded]:
        """See the port."""
        values = {"after": after, "most": limit}
        if not session_id:
            return await self.read_rows(sql.EVENTS, values, _recorded)
        values_of_session = {**values, "session_id": session_id}
        return await self.read_rows(sql.EVENTS_FROM_SESSION, values_of_session, _recorded)

    async def head(self) -> int:
        """See the port."""
        (head,) = await self.read_rows(sql.HEAD, {}, _first)
        return int(head)

    async def forgotten(self) -> int:
        """See the port."""
        return next(iter(await self.read_rows(sql.COUNTER, {"of_name": FORGOTTEN}, _first)), 0)

    async def wait(self, after: int) -> int:
        """See the port. Raises StoreUnavailable when the journal is closed meanwhile."""
        self._waiting += 1
        try:
            while self._head <= after:
                self._check_open()
                await self._moved.wait()
        finally:
            self._waiting -= 1
        return self._head

    async def sessions(self, after: str = "", limit: int = 100) -> Sequence[SessionRow]:
        """See the port. Past an unknown session there is none."""
        if not after:
            return await self.read_rows(sql.SESSIONS_LISTED, {"most": limit}, _listed)
        values = {"after": after, "most": limit}
        return await self.read_rows(sql.SESSIONS_LISTED_AFTER, values, _listed)

    async def find(self, session_id: str) -> SessionRow | None:
        """See the port."""
        rows = await self.read_rows(sql.SESSIONS_NAMED, {"names": [session_id]}, _listed)
        return next(iter(rows), None)

    async def claim(self, owner: str, *, now: datetime, until: datetime) -> Sequence[str]:
        """See the port."""
        _check_length("owner", owner, KEY_CHARS)
        held: Sequence[str] = await self.write(
            Claim(owner=owner, now=_aware(now), until=_aware(until))
        )
        return held

    async def release(self, owner: str) -> None:
        """See the port."""
        await self.write(Release(owner=owner))

    async def heard(self, projects: Sequence[str], at: datetime) -> None:
        """See the port."""
        for project_id in projects:
            _check_length("project_id", project_id, KEY_CHARS)
        if projects:
            await self.write(Heard(projects=tuple(projects), at=_aware(at)))

    async def listeners(self, since: datetime) -> frozenset[str]:
        """See the port."""
        return frozenset(
            await self.read_rows(sql.LISTENERS_SINCE, {"since": _aware(since)}, _first)
        )

    async def aclose(self) -> None:
        """See the port. May be called twice."""
        if self._closed:
            return
        self._closed = True
        self._moved.set()
        await self._writer.aclose()
        if self._hearing:
            await asyncio.to_thread(self._hearing.close)
        await asyncio.to_thread(self._readers.shutdown)
        await asyncio.to_thread(self._database.close)

    async def write(self, job: Job) -> Any:
        """What a job returns, once it is committed; for this package. Raises what it ended in."""
        self._check_open()
        return await self._writer.submit(job)

    async def read_rows(
        self, statement: Select[Any], values: Mapping[str, Any], made: Callable[[Row[Any]], _T]
    ) -> Sequence[_T]:
        """Rows and what is made of them, both off the loop: decoding many takes time. For this package."""
        self._check_open()

        def work() -> tuple[Sequence[_T], int]:
            rows = self._database.rows(statement, values)
            newest = _newest(rows) if self._database.shows_early else 0
            return [made(row) for row in rows], newest

        if self._database.private:
            return work()[0]
        found, newest = await asyncio.get_running_loop().run_in_executor(self._readers, work)
        if newest > self._head:
            await self.settle()
        return found

    async def settle(self) -> None:
        """Returns when all that could be read so far is on disk. For this package; `read_rows` does so by itself for
        rows that have a position. Raises StoreUnavailable."""
        if self._database.shows_early:
            await self.write(SETTLE)

    def _check_open(self) -> None:
        if self._closed:
            raise StoreUnavailable("the journal is closed")

    def _polls(self) -> bool:
        """Somebody waits for news, and they do not come by themselves. Called on the writer's thread."""
        return self._waiting > 0 and not (self._hearing and self._hearing.hears)

    def _heard_of(self, head: int) -> None:
        """Called on a thread of its own."""
        if not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._learned, head)

    def _learned(self, head: int) -> None:
        if head > self._head:
            self._head = head
            moved, self._moved = self._moved, asyncio.Event()
            moved.set()


def _prepare(database: Database) -> int:
    """Makes the tables; returns the head. Closes the database when it cannot be used."""
    try:
        database.prepare()
        return int(database.rows(sql.HEAD, {})[0].head)
    except BaseException:
        database.close()
        raise


def _newest(rows: Sequence[Row[Any]]) -> int:
    """The last position that rows tell of; 0 for rows that have none."""
    for name in _POSITIONS if rows else ():
        if name in rows[0]._fields:
            return max(int(getattr(row, name)) for row in rows)
    return 0


def _recorded(row: Row[Any]) -> Recorded:
    return Recorded(
        session_id=row.session_id,
        seq=row.seq,
        position=row.position,
        at=row.at,
        event=codec.decode(row.kind, row.data),
    )


def _listed(row: Row[Any]) -> SessionRow:
    return SessionRow(
        session_id=row.session_id,
        created_at=row.created_at,
        seq=row.seq,
        active=row.active,
        deleted=row.deleted,
    )


def _first(row: Row[Any]) -> Any:
    return row[0]


def _aware(at: datetime) -> datetime:
    if at.tzinfo is None:
        raise ValueError(f"{at} has no time zone")
    return at


def _check_length(name: str, value: str, limit: int) -> None:
    if not 0 < len(value) <= limit:
        raise ValueError(f"{name} must have 1 to {limit} characters, has {len(value)}")
