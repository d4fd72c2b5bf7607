"""The sessions beside the one that is carried here: read from the same journal, whoever runs them.

Nothing is kept that the journal does not hold. `beside` also tells up to where the journal was read: an append that
takes something that others may want is made on the condition that none of them has gone on since.
"""

from __future__ import annotations

import asyncio
from datetime import datetime

from fenix_grpc.core.beside import Beside, beside
from fenix_grpc.core.events import Event, SessionClosed, StateEntered
from fenix_grpc.core.model import SessionState
from fenix_grpc.core.session import Session
from fenix_grpc.folds import Folds
from fenix_grpc.ports import Journal, SessionRow

_PAGE = 1000


class Others:
    """All sessions of a journal that have not ended; shared by the runners of a server."""

    def __init__(self, journal: Journal) -> None:
        self._journal = journal
        self._folds = Folds(journal)
        self._alive: set[str] = set()
        self._position = -1
        self._learning = asyncio.Lock()

    async def beside(self, session: Session, now: datetime) -> tuple[Beside, int]:
        """What the others mean to a session, and the position up to which they were read. Raises StoreUnavailable."""
        async with self._learning:
            await self._learn()
            position = self._position
            others = [
                (await self._folds.latest(session_id)).session
                for session_id in sorted(self._alive - {session.session_id})
            ]
        self._alive -= {other.session_id for other in others if other.ended}
        return beside(session, others, now), position

    async def _learn(self) -> None:
        if self._position < 0:
            head = await self._journal.head()
            await self._learn_from_list()
            self._position = head
        while entries := await self._journal.read_all(self._position, _PAGE):
            self._alive.update(entry.session_id for entry in entries)
            self._position = entries[-1].position

    async def _learn_from_list(self) -> None:
        """A session that is being deleted is not listed; it is learned of by what it does next."""
        after = ""
        while rows := await self._journal.sessions(after, _PAGE):
            for row in rows:
                if row.active or not await self._has_ended(row):
                    self._alive.add(row.session_id)
            after = rows[-1].session_id

    async def _has_ended(self, row: SessionRow) -> bool:
        """Told by its last event: whole journals of years are not read for it. Without any it was purged just now."""
        entries = await self._journal.read(row.session_id, row.seq - 1)
        return not entries or any(ends(entry.event) for entry in entries)


def ends(event: Event) -> bool:
    """Nothing follows in a session's journal, short of a delete."""
    done = SessionState.MAINTENANCE_DONE
    return isinstance(event, SessionClosed) or (
        isinstance(event, StateEntered) and event.state is done
    )
