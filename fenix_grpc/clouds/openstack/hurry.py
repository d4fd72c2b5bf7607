"""Live migrations that take too long are forced to complete, or aborted, as far as Nova still does that.

nova API: server migrations. Nova forces what is `running`, and aborts what is `running` or, since 2.65, `queued` or
`preparing`; whatever it says no to goes on and is asked for again at the next look.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from fenix_grpc.clouds.openstack.nova import LiveMigration, Nova
from fenix_grpc.core.errors import CloudRefused
from fenix_grpc.core.live import Intervention, LiveRule
from fenix_grpc.ports import Clock

_FORCEABLE = frozenset({"running"})
_ABORTABLE = frozenset({"queued", "preparing", "running"})
_MB = 1024 * 1024
#: How long what Nova took has for its effect before anything is asked for again.
_PATIENCE = timedelta(seconds=10)


class Hurry:
    """What is done about one live migration. Its age counts from when we began it, else from what Nova says."""

    def __init__(self, nova: Nova, clock: Clock, instance_id: str, rule: LiveRule) -> None:
        self._nova = nova
        self._clock = clock
        self._instance_id = instance_id
        self._rule = rule
        self._began_at: datetime | None = None
        self._forced = False
        #: When Nova took a request last.
        self._asked_at: datetime | None = None
        #: What was done, for whoever asks why the instance is still there.
        self.told = ""
        #: What Nova said no to last.
        self.refused = ""

    def began(self) -> None:
        """We have just asked for it."""
        self._began_at = self._clock.now()

    async def look(self) -> None:
        """Does what is due. Raises CloudUnavailable."""
        now = self._clock.now()
        if self._asked_at and now < self._asked_at + _PATIENCE:
            return
        if self._began_at and not self._rule.due(self._age_s(self._began_at), forced=self._forced):
            return
        found = await self._nova.live_migration(self._instance_id)
        if found is None:
            return
        age_s = self._age_s(self._began_at or found.created_at)
        due = self._rule.due(age_s, forced=self._forced)
        try:
            if due is Intervention.FORCE and found.status in _FORCEABLE:
                await self._nova.force_live_migration(self._instance_id, found.number)
                self._forced, self._asked_at = True, now
                self.told = f"it was forced to complete after {age_s:.0f} s{_progress(found)}"
            elif due is Intervention.ABORT and found.status in _ABORTABLE:
                await self._nova.abort_live_migration(self._instance_id, found.number)
                self._asked_at = now
                self.told = (
                    f"it was aborted after {age_s:.0f} s, as it may take {self._rule.abort_s:g} s"
                    f"{_progress(found)}"
                )
        except CloudRefused as err:
            self.refused = f"{due} is refused: {err}"

    def _age_s(self, since: datetime) -> float:
        return max(0.0, (self._clock.now() - since).total_seconds())


def _progress(found: LiveMigration) -> str:
    """How far it was, as far as Nova's hypervisor tells."""
    if not found.memory_total:
        return ""
    done, total, rest = (
        round(each / _MB)
        for each in (found.memory_processed, found.memory_total, found.memory_remaining)
    )
    return f" ({done} of {total} MiB memory were copied, {rest} MiB were left)"
