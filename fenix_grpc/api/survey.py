"""Counts sessions by state and waits by kind of subject, now and then, for `measures`.

It changes nothing, and a session that has not changed since it was counted is not read again.
"""

from __future__ import annotations

import logging
from collections import Counter
from datetime import datetime, timedelta

from fenix_grpc.api.details import Details
from fenix_grpc.core.errors import FenixError
from fenix_grpc.core.model import SessionState, Waiting
from fenix_grpc.folds import Folds
from fenix_grpc.measures import Measures
from fenix_grpc.ports import Clock, Journal, SessionRow

logger = logging.getLogger(__name__)

#: Between two surveys.
EVERY = timedelta(seconds=15)
_PAGE = 1000
#: Between two sessions of which it is worked out what they wait for.
_PAUSE = timedelta(milliseconds=1)
#: What a wait may be on; anything else is `other`.
_SUBJECTS = frozenset({"project", "host", "instance", "time", "cloud", "operator", "session"})


class Survey:
    """Looks at all sessions that are not deleted."""

    def __init__(
        self,
        *,
        journal: Journal,
        folds: Folds,
        details: Details,
        clock: Clock,
        wall: Clock,
        measures: Measures,
    ) -> None:
        self._journal = journal
        self._folds = folds
        self._details = details
        self._clock = clock
        self._wall = wall
        self._measures = measures
        #: By session: its last seq and its state then.
        self._known: dict[str, tuple[int, SessionState]] = {}

    async def run(self) -> None:
        """Until cancelled."""
        while True:
            try:
                await self.take()
            except FenixError as err:
                logger.warning("sessions cannot be counted: %s", err)
            await self._wall.sleep_until(self._wall.now() + EVERY)

    async def take(self) -> None:
        """One look. Raises StoreUnavailable."""
        known: dict[str, tuple[int, SessionState]] = {}
        waits: list[Waiting] = []
        after = ""
        while rows := await self._journal.sessions(after, _PAGE):
            for row in rows:
                known[row.session_id] = await self._state(row)
                waits += await self._waits(row)
            after = rows[-1].session_id
        self._known = known
        states = Counter(state.value for _, state in known.values())
        self._tell(dict.fromkeys(SessionState, 0) | states, waits)

    async def _state(self, row: SessionRow) -> tuple[int, SessionState]:
        seen = self._known.get(row.session_id)
        if seen and seen[0] == row.seq:
            return seen
        session = (await self._folds.listed(row)).session
        return session.seq, session.state

    async def _waits(self, row: SessionRow) -> list[Waiting]:
        """None of a session that has come to rest: that one waits for an operator, which its state says."""
        if not row.active:
            return []
        # One after the other: the loop has other things to do between two sessions.
        await self._wall.sleep_until(self._wall.now() + _PAUSE)
        return list(self._details.waiting((await self._folds.listed(row)).session))

    def _tell(self, states: dict[str, int], waits: list[Waiting]) -> None:
        now = self._clock.now()
        numbers = Counter(map(_kind, waits))
        overdue = Counter(_kind(wait) for wait in waits if wait.deadline and wait.deadline < now)
        oldest: dict[str, float] = {}
        for wait in waits:
            oldest[_kind(wait)] = max(oldest.get(_kind(wait), 0.0), _age_s(wait, now))
        self._measures.surveyed(states, numbers, oldest, overdue)


def _kind(wait: Waiting) -> str:
    kind = wait.subject.partition(":")[0]
    return kind if kind in _SUBJECTS else "other"


def _age_s(wait: Waiting, now: datetime) -> float:
    return max(0.0, (now - wait.since).total_seconds())
