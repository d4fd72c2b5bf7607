"""Folded sessions for readers: the ones used last are kept and brought up to date with what came since."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass

from fenix_grpc.core.errors import NotFound
from fenix_grpc.core.evolve import fold
from fenix_grpc.core.session import Session
from fenix_grpc.ports import Journal, SessionRow
from fenix_grpc.together import Together

#: Sessions kept.
_MOST = 256


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Folded:
    """A session and the position of its last event. The same object as long as nothing has happened to the session, so
    that what was made of it can be kept with it."""

    session: Session
    position: int


class Folds:
    """Sessions as the journal tells them."""

    def __init__(self, journal: Journal, *, rest_s: float = 0.0) -> None:
        """`rest_s` follows a read of a session that several asked for; see `Together`."""
        self._journal = journal
        self._kept: OrderedDict[str, Folded] = OrderedDict()
        self._together = Together(self._read, rest_s=rest_s)

    async def latest(self, session_id: str) -> Folded:
        """The session now. Raises NotFound when there never was one."""
        return await self._together(session_id)

    async def _read(self, session_id: str) -> Folded:
        known = self._kept.get(session_id)
        entries = await self._journal.read(session_id, known.session.seq if known else 0)
        session = fold(entries, known.session if known else None)
        if session is None:
            raise NotFound("session", session_id)
        if known and not entries:
            return self._keep(known)
        return self._keep(Folded(session=session, position=entries[-1].position))

    async def listed(self, row: SessionRow) -> Folded:
        """The session of a row just read: without another look at the journal when it has not changed."""
        known = self._kept.get(row.session_id)
        return (
            known if known and known.session.seq == row.seq else await self.latest(row.session_id)
        )

    async def upto(self, session_id: str, position: int) -> Folded | None:
        """The session as it was when the journal was at `position`; None when it did not exist then."""
        now = await self.latest(session_id)
        if now.position <= position:
            return now
        entries = [e for e in await self._journal.read(session_id) if e.position <= position]
        session = fold(entries)
        return Folded(session=session, position=entries[-1].position) if session else None

    def _keep(self, folded: Folded) -> Folded:
        session_id = folded.session.session_id
        known = self._kept.pop(session_id, folded)
        # Two readers may have read at the same time; the later fold stays.
        latest = max(known, folded, key=lambda each: each.session.seq)
        self._kept[session_id] = latest
        if len(self._kept) > _MOST:
            self._kept.popitem(last=False)
        return latest
