"""The end of a session's window: no host is begun that is not expected to be done by then.

What is begun is brought to its end, whatever the time: a host half empty helps nobody. Hosts that no longer fit stop
the session, which an operator continues in the next window.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from functools import cached_property
from math import ceil

from fenix_grpc.core.pace import Tempo, measured, work_on
from fenix_grpc.core.session import Host, Session
from fenix_grpc.workflows.parts import few


class Window:
    """What still fits into the window of a session at one time."""

    def __init__(self, session: Session, now: datetime) -> None:
        self._session = session
        self._now = now
        self._end = session.window_end

    def fits(self, host: Host) -> bool:
        """The host may be begun now, or is begun already."""
        begun = host.disabled or host.progress is not None
        return self._end is None or begun or self._now + self._lasts(host) <= self._end

    def overdue(self) -> str:
        """Why the session cannot go on in this window; empty while a host is in hand or may be begun."""
        left = self._session.todo()
        if self._end is None or not left or any(map(self.fits, left)):
            return ""
        soonest = min(map(self._lasts, left)).total_seconds()
        return (
            f"the window ends at {self._end:%Y-%m-%d %H:%M:%S} UTC and a host takes {soonest:.0f} s or more: "
            f"{few([host.name for host in left])} are left; continue the session in the next window"
        )

    def _lasts(self, host: Host) -> timedelta:
        """How long it takes to empty the host, and to work on it in nine of ten cases."""
        session, policy = self._session, self._session.created.policy
        instances = len(session.on_host.get(host.name, ()))
        rounds = ceil(instances / min(policy.moves_per_source, policy.parallel_moves))
        moves_s = rounds * self._tempo.any_move.at(0.5)
        work_s = self._tempo.work(work_on(session, host.view.kind)).at(0.9)
        return timedelta(seconds=moves_s + work_s)

    @cached_property
    def _tempo(self) -> Tempo:
        return Tempo(self._session.created.policy, measured(self._session))
