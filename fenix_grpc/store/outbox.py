"""The Cursors and Webhooks ports over the database of a journal: the same writer thread, three tables more.

A lane has a row only while it is ahead of its sink or has something to complain about, so the tables stay small.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row

from fenix_grpc.core.errors import Conflict
from fenix_grpc.ports import Progress, Undelivered, Webhook
from fenix_grpc.store import statements as sql
from fenix_grpc.store.batch import Work
from fenix_grpc.store.journal import SqlJournal
from fenix_grpc.store.schema import EPOCH


class SqlCursors:
    """See `ports.Cursors`. Lives as long as the journal whose database it shares."""

    def __init__(self, journal: SqlJournal) -> None:
        self._journal = journal

    async def claim(self, sink: str, owner: str, *, now: datetime, until: datetime) -> bool:
        """See the port."""
        lease = {"by": owner, "now": now, "new_owner": owner, "until": until}

        def do(connection: Connection) -> bool:
            if connection.execute(sql.SINK, {"of_sink": sink}).one_or_none() is None:
                head = connection.execute(sql.HEAD).scalar_one()
                row = {"sink": sink, "position": head, "owner": owner, "lease_until": until}
                connection.execute(sql.ADD_SINK, row)
                return True
            connection.execute(sql.TAKE_SINK, {"of_sink": sink, **lease})
            return bool(connection.execute(sql.SINK, {"of_sink": sink}).one().owner == owner)

        held: bool = await self._journal.write(Work(do=do))
        return held

    async def release(self, sink: str, owner: str) -> None:
        """See the port."""
        values = {"of_sink": sink, "by": owner, "new_owner": "", "until": EPOCH}
        await self._journal.write(Work(do=lambda c: c.execute(sql.FREE_SINK, values) and None))

    async def load(self, sink: str) -> Progress:
        """See the port."""
        rows = await self._journal.read_rows(sql.SINK, {"of_sink": sink}, _position)
        lanes = await self._journal.read_rows(sql.LANES, {"of_sink": sink}, _lane)
        return Progress(position=next(iter(rows), 0), lanes=dict(lanes))

    async def save(
        self,
        sink: str,
        owner: str,
        *,
        position: int,
        session_id: str = "",
        lane: str = "",
        lane_position: int = 0,
        undelivered: Undelivered | None = None,
    ) -> None:
        """See the port."""
        row = {
            "sink": sink,
            "lane": lane,
            "session_id": session_id,
            "position": lane_position,
            "problem": undelivered.problem if undelivered else "",
            "subject": undelivered.subject if undelivered else "",
            "since": undelivered.since if undelivered else None,
            "deadline": undelivered.deadline if undelivered else None,
        }

        def do(connection: Connection) -> None:
            found = connection.execute(sql.SINK, {"of_sink": sink}).one_or_none()
            if found is None or found.owner != owner:
                raise Conflict(f"another server sends for {sink} now")
            moved = {"of_sink": sink, "by": owner, "new_position": position}
            connection.execute(sql.MOVE_SINK, moved)
            if lane:
                connection.execute(sql.DROP_LANE, {"of_sink": sink, "of_lane": lane})
                if lane_position > position or undelivered:
                    connection.execute(sql.ADD_LANE, row)
            connection.execute(sql.DROP_LANES_PASSED, {"of_sink": sink, "upto": position})

        await self._journal.write(Work(do=do))

    async def undelivered(self, session_id: str) -> Sequence[Undelivered]:
        """See the port."""
        values = {"session_id": session_id}
        return await self._journal.read_rows(sql.LANES_IN_TROUBLE, values, _undelivered)


class SqlWebhooks:
    """See `ports.Webhooks`. Lives as long as the journal whose database it shares."""

    def __init__(self, journal: SqlJournal) -> None:
        self._journal = journal

    async def add(self, webhook: Webhook) -> Webhook:
        """See the port."""

        def do(connection: Connection) -> Webhook:
            known = connection.execute(sql.WEBHOOK, {"webhook_id": webhook.webhook_id})
            row = known.one_or_none()
            if row is None:
                fields = {name: getattr(webhook, name) for name in _COLUMNS}
                fields["position"] = connection.execute(sql.HEAD).scalar_one()
                connection.execute(sql.ADD_WEBHOOK, fields)
                return Webhook(**fields)
            return _webhook(row)

        added: Webhook = await self._journal.write(Work(do=do))
        return added

    async def of(self, project_id: str) -> Sequence[Webhook]:
        """See the port."""
        values = {"project_id": project_id}
        return await self._journal.read_rows(sql.WEBHOOKS_OF_PROJECT, values, _webhook)

    async def get(self, webhook_id: str) -> Webhook | None:
        """See the port."""
        values = {"webhook_id": webhook_id}
        return next(iter(await self._journal.read_rows(sql.WEBHOOK, values, _webhook)), None)

    async def remove(self, project_id: str, webhook_id: str) -> bool:
        """See the port."""
        values = {"of_project": project_id, "of_id": webhook_id}

        def do(connection: Connection) -> bool:
            return connection.execute(sql.DROP_WEBHOOK, values).rowcount > 0

        removed: bool = await self._journal.write(Work(do=do))
        return removed

    async def projects(self) -> frozenset[str]:
        """See the port."""
        return frozenset(await self._journal.read_rows(sql.PROJECTS_WITH_WEBHOOKS, {}, _first))


_COLUMNS = ("webhook_id", "project_id", "url", "secret", "created_at", "position")


def _webhook(row: Row[Any]) -> Webhook:
    return Webhook(**{name: getattr(row, name) for name in _COLUMNS})


def _undelivered(row: Row[Any]) -> Undelivered:
    return Undelivered(
        session_id=row.session_id,
        sink=row.sink,
        lane=row.lane,
        subject=row.subject,
        problem=row.problem,
        since=row.since,
        deadline=row.deadline,
    )


def _position(row: Row[Any]) -> int:
    return int(row.position)


def _lane(row: Row[Any]) -> tuple[str, int]:
    return row.lane, int(row.position)


def _first(row: Row[Any]) -> Any:
    return row[0]
