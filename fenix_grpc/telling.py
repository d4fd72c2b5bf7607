"""Follows the journal and tells what each event means to those outside, which takes the session around it."""

from __future__ import annotations

from collections import OrderedDict

from fenix_grpc.core.announcements import announcements
from fenix_grpc.core.evolve import evolve, fold
from fenix_grpc.core.notices import notices
from fenix_grpc.core.session import Session
from fenix_grpc.ports import Journal, Recorded, Told

#: Sessions kept folded; one that is told of again later is read again.
_MOST = 256


class Teller:
    """To be told events in order; a session of which it was not told for a while costs a read of its journal."""

    def __init__(self, journal: Journal) -> None:
        self._journal = journal
        self._before: OrderedDict[str, Session] = OrderedDict()

    async def tell(self, entry: Recorded) -> Told:
        """What the event tells."""
        before = self._before.pop(entry.session_id, None)
        if entry.seq > 1 and (before is None or before.seq != entry.seq - 1):
            earlier = await self._journal.read(entry.session_id)
            before = fold(each for each in earlier if each.seq < entry.seq)
        after = self._before[entry.session_id] = evolve(before, entry)
        if len(self._before) > _MOST:
            self._before.popitem(last=False)
        return Told(
            entry=entry,
            notices=notices(before, entry),
            announcements=announcements(before, entry, after),
            demanding=after.demanding,
        )
