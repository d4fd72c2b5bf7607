"""Everything behind the chain, put together: what server.py makes one of and hands to its doors."""

from __future__ import annotations

import asyncio

from fenix_grpc.api.chain import Chain
from fenix_grpc.api.changes import Changes
from fenix_grpc.api.constraints import ConstraintRecords
from fenix_grpc.api.creation import Creation
from fenix_grpc.api.details import Details
from fenix_grpc.api.feed import KEPT, Feed
from fenix_grpc.api.folds import Folds
from fenix_grpc.api.listeners import Listeners
from fenix_grpc.api.projects import Projects
from fenix_grpc.api.sessions import Sessions
from fenix_grpc.api.watch import Watches
from fenix_grpc.core.decision import Workflow
from fenix_grpc.core.model import Policy
from fenix_grpc.plugins import Allowed
from fenix_grpc.ports import Action, Clock, Constraints, Identity, Journal

#: A manager is written down as listening so many times within the grace that it has.
_HEARD_PER_GRACE = 4


class Api:
    """The call chain over a journal, and what must run for its watches."""

    def __init__(
        self,
        *,
        journal: Journal,
        constraints: Constraints,
        identity: Identity,
        workflows: Allowed[Workflow],
        actions: Allowed[Action],
        policy: Policy,
        clock: Clock,
        wall: Clock,
        max_sessions: int,
        listener_grace_s: float,
        tick_s: float = 5.0,
        kept_events: int = KEPT,
    ) -> None:
        """`clock` is the time that sessions live in, `wall` that of clients: the same unless time is simulated. An idle
        watch sends a bookmark every `tick_s`. Raises LookupError when a method lacks a handler or a policy."""
        folds = Folds(journal)
        changes = Changes(journal, folds, clock)
        details = Details(workflows, clock)
        self._feed = Feed(journal, wall=wall, tick_s=tick_s, kept=kept_events)
        self._listeners = Listeners(
            journal, clock=clock, refresh_s=listener_grace_s / _HEARD_PER_GRACE
        )
        sessions = Sessions(
            journal=journal,
            folds=folds,
            changes=changes,
            clock=clock,
            creation=Creation(workflows=workflows, actions=actions, policy=policy),
            details=details,
            max_sessions=max_sessions,
        )
        watches = Watches(
            journal=journal,
            feed=self._feed,
            folds=folds,
            details=details,
            listeners=self._listeners,
        )
        records = ConstraintRecords(constraints, clock)
        self.chain = Chain(identity, [sessions, Projects(folds, changes), watches, records])

    @property
    def listening(self) -> frozenset[str]:
        """Projects whose manager is connected to this process."""
        return self._listeners.projects

    async def run(self, stop: asyncio.Event) -> None:
        """Feeds the watches until `stop` is set; then they end with UNAVAILABLE."""
        async with asyncio.TaskGroup() as tasks:
            listening = tasks.create_task(self._listeners.run())
            await self._feed.run(stop)
            listening.cancel()
