"""What is deleted from the store, and when: sessions that ended long ago, with everything that belongs to them.

In small transactions, each behind the journal's lock like any other write, so that nobody waits for long and nothing is
deleted that has just changed. First a session's row goes, and `forgotten` tells watchers up to where events may be
missing; then its events go, the last ones first, so that whoever reads meanwhile sees a whole beginning. What a server
that died in between has left is found and deleted the next time.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, Row, Select

from fenix_grpc.others import ends
from fenix_grpc.store import codec
from fenix_grpc.store import statements as sql
from fenix_grpc.store.batch import Work
from fenix_grpc.store.journal import SqlJournal
from fenix_grpc.store.schema import EPOCH, FORGOTTEN, PURGED_AT

#: Sessions looked at, and rows deleted, in one transaction.
_SESSIONS, _ROWS = 50, 1000


@dataclass(frozen=True, slots=True, kw_only=True)
class Purged:
    """How much was deleted, or would be."""

    sessions: int = 0
    events: int = 0
    #: Replies to requests that are kept so that repeating them is safe.
    requests: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class _Found:
    """Sessions that may go, of those looked at up to `upto` (None: there are no more)."""

    #: Id and number of events.
    sessions: Sequence[tuple[str, int]]
    upto: int | None


class Retention:
    """Purges the database of a journal. Raises StoreUnavailable; what was deleted until then stays deleted."""

    def __init__(
        self, journal: SqlJournal, needed: Sequence[Select[Any]] = sql.STILL_NEEDED
    ) -> None:
        """`needed`: questions for the position past which events are still wanted by a reader that the database knows;
        no answer (NULL) means by none."""
        self._journal = journal
        self._needed = needed

    async def purge(self, before: datetime, *, dry_run: bool = False) -> Purged:
        """Deletes the sessions that ended before that time. One that failed has not ended: it can be continued, and may
        owe hosts; its operator deletes it first. With `dry_run` it only counts."""
        sessions = events = 0
        after: int | None = 0
        if not dry_run:
            for name, seqs in await self._orphans():
                events += await self._delete_events(name, seqs)
        while after is not None:
            found = await self._take(before, after, dry_run)
            sessions += len(found.sessions)
            for name, seqs in found.sessions:
                events += seqs if dry_run else await self._delete_events(name, seqs)
            after = found.upto
        requests = 0 if dry_run else await self._delete_requests(before)
        return Purged(sessions=sessions, events=events, requests=requests)

    async def in_turn(self, now: datetime, every: timedelta) -> bool:
        """True for one of all servers once in `every`: that one purges."""

        def do(connection: Connection) -> bool:
            last = _counter(connection, PURGED_AT)
            microseconds = (now - EPOCH) // timedelta(microseconds=1)
            if last and microseconds - last < every // timedelta(microseconds=1):
                return False
            _set_counter(connection, PURGED_AT, microseconds)
            return True

        return bool(await self._journal.write(Work(do=do)))

    async def _take(self, before: datetime, after: int, dry_run: bool) -> _Found:
        """Finds some sessions and deletes their rows."""

        def do(connection: Connection) -> _Found:
            values = {"before": before, "after": after, "most": _SESSIONS}
            rows = connection.execute(sql.SESSIONS_AT_REST, values).all()
            needed = self._needed_from(connection)
            over = [
                row
                for row in rows
                if _is_over(row.kind, row.data) and (needed is None or row.position <= needed)
            ]
            if over and not dry_run:
                connection.execute(sql.DROP_SESSIONS, {"names": [row.session_id for row in over]})
                last = max(row.position for row in over)
                _set_counter(connection, FORGOTTEN, max(last, _counter(connection, FORGOTTEN)))
            return _Found(
                sessions=[(row.session_id, row.seq) for row in over],
                upto=rows[-1].first_position if len(rows) == _SESSIONS else None,
            )

        found: _Found = await self._journal.write(Work(do=do))
        return found

    def _needed_from(self, connection: Connection) -> int | None:
        """The lowest position that a reader has come to; None when there is no reader."""
        answers = [connection.execute(each).scalar_one_or_none() for each in self._needed]
        return min((answer for answer in answers if answer is not None), default=None)

    async def _delete_events(self, name: str, seqs: int) -> int:
        """Of a session whose row is gone, the last ones first; how many there were."""
        deleted = 0
        for above in range((max(seqs, 1) - 1) // _ROWS * _ROWS, -1, -_ROWS):
            values = {"session_id": name, "above": above}

            def do(connection: Connection, values: dict[str, Any] = values) -> int:
                return connection.execute(sql.DROP_EVENTS, values).rowcount

            deleted += await self._journal.write(Work(do=do))
        return deleted

    async def _orphans(self) -> Sequence[tuple[str, int]]:
        """Sessions without a row of which events are left, and their last seq."""
        values = {"upto": await self._journal.forgotten()}
        return await self._journal.read_rows(sql.EVENTS_LEFT, values, _left)

    async def _delete_requests(self, before: datetime) -> int:
        """Those of sessions that are gone, and of none; how many. Whoever was heard last before that time is forgotten
        as well."""

        def do(connection: Connection) -> int:
            connection.execute(sql.DROP_LISTENERS, {"before": before})
            values = {"before": before, "most": _ROWS}
            names = connection.execute(sql.REQUESTS_LEFT, values).scalars().all()
            if names:
                connection.execute(sql.DROP_REQUESTS, {"names": names})
            return len(names)

        deleted = 0
        while (some := await self._journal.write(Work(do=do))) > 0:
            deleted += some
        return deleted


def _is_over(kind: str, data: str) -> bool:
    return ends(codec.decode(kind, data))


def _left(row: Row[Any]) -> tuple[str, int]:
    return row.session_id, row.last_seq


def _counter(connection: Connection, name: str) -> int:
    return connection.execute(sql.COUNTER, {"of_name": name}).scalar_one_or_none() or 0


def _set_counter(connection: Connection, name: str, value: int) -> None:
    values = {"of_name": name, "new_value": value}
    if connection.execute(sql.SET_COUNTER, values).rowcount == 0 and not _counter(connection, name):
        connection.execute(sql.ADD_COUNTER, {"name": name, "value": value})
