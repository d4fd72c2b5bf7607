"""Everything behind the chain, put together: what server.py makes one of and hands to its doors."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from fenix_grpc.api.audit import Audit
from fenix_grpc.api.chain import Chain
from fenix_grpc.api.changes import Changes
from fenix_grpc.api.constraints import ConstraintRecords
from fenix_grpc.api.creation import Creation
from fenix_grpc.api.details import Details
from fenix_grpc.api.feed import KEPT, Feed
from fenix_grpc.api.listeners import Listeners
from fenix_grpc.api.plans import Plans
from fenix_grpc.api.policy import Access
from fenix_grpc.api.projects import Projects
from fenix_grpc.api.sessions import Sessions
from fenix_grpc.api.survey import Survey
from fenix_grpc.api.watch import Watches
from fenix_grpc.api.webhooks import CheckUrl, WebhookRecords
from fenix_grpc.config import Limits
from fenix_grpc.core.decision import Workflow
from fenix_grpc.core.events import SessionCreated
from fenix_grpc.core.model import Policy
from fenix_grpc.folds import Folds
from fenix_grpc.measures import Measures
from fenix_grpc.plugins import Allowed
from fenix_grpc.ports import (
    Action,
    Clock,
    Cloud,
    Constraints,
    Cursors,
    Identity,
    Journal,
    Packages,
    Webhooks,
)
from fenix_grpc.traces import Traces

#: A manager is written down as listening so many times within the grace that it has.
_HEARD_PER_GRACE = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class Needs:
    """What the API calls upon, and how it is set."""

    journal: Journal
    constraints: Constraints
    webhooks: Webhooks
    cursors: Cursors
    #: Only looked at.
    cloud: Cloud
    identity: Identity
    workflows: Allowed[Workflow]
    actions: Allowed[Action]
    policy: Policy
    #: The time that sessions live in.
    clock: Clock
    #: The time of clients: the same unless time is simulated.
    wall: Clock
    max_sessions: int
    listener_grace_s: float
    access: Access = field(default_factory=Access)
    #: None where sessions may bring none.
    packages: Packages | None = None
    #: An idle watch sends a bookmark so often.
    tick_s: float = 5.0
    kept_events: int = KEPT
    limits: Limits = field(default_factory=Limits)
    measures: Measures = field(default_factory=Measures)
    traces: Traces | None = None
    #: Follows a read of a session that several asked for, so that more of them share the next.
    read_rest_s: float = 0.0
    #: Webhooks may go where it does not raise; without it nowhere.
    check_url: CheckUrl | None = None
    #: What is doubtful about a new session.
    warn: Callable[[SessionCreated], Sequence[str]] = lambda _: ()


class Api:
    """The call chain over a journal, and what must run for its watches."""

    def __init__(self, needs: Needs) -> None:
        """Raises LookupError when a method lacks a handler or a policy."""
        journal, wall, measures = needs.journal, needs.wall, needs.measures
        self._needs = needs
        self._folds = Folds(journal, rest_s=needs.read_rest_s)
        self._details = Details(needs.workflows, needs.clock)
        self.feed = Feed(
            journal, wall=wall, tick_s=needs.tick_s, kept=needs.kept_events, measures=measures
        )
        self.survey = Survey(
            journal=journal,
            folds=self._folds,
            details=self._details,
            clock=needs.clock,
            wall=wall,
            measures=measures,
        )
        refresh_s = needs.listener_grace_s / _HEARD_PER_GRACE
        self._listeners = Listeners(journal, clock=needs.clock, refresh_s=refresh_s)
        #: Counts callers who could not prove who they are.
        self.audit = Audit(wall)
        self.chain = Chain(
            needs.identity,
            self._handlers(),
            access=needs.access,
            audit=self.audit,
            limits=needs.limits,
            measures=measures,
            traces=needs.traces,
        )
        measures.follow("fenix_watches_open", lambda: self.chain.gate.watches)
        measures.follow("fenix_calls_under_way", lambda: self.chain.gate.under_way)

    def _handlers(self) -> Sequence[object]:
        """One for each group of methods."""
        needs, changes = self._needs, Changes(self._needs.journal, self._folds, self._needs.clock)
        creation = Creation(
            workflows=needs.workflows,
            actions=needs.actions,
            policy=needs.policy,
            most_hosts=needs.limits.hosts_per_session,
            packages=needs.packages,
        )
        return [
            self._sessions(creation, changes),
            self._plans(creation),
            Projects(self._folds, changes),
            Watches(
                journal=needs.journal,
                feed=self.feed,
                folds=self._folds,
                details=self._details,
                listeners=self._listeners,
            ),
            ConstraintRecords(needs.constraints, needs.clock),
            WebhookRecords(needs.webhooks, needs.journal, needs.clock, needs.check_url),
        ]

    def _sessions(self, creation: Creation, changes: Changes) -> Sessions:
        return Sessions(
            journal=self._needs.journal,
            folds=self._folds,
            changes=changes,
            clock=self._needs.clock,
            creation=creation,
            details=self._details,
            max_sessions=self._needs.max_sessions,
            cursors=self._needs.cursors,
            warn=self._needs.warn,
        )

    def _plans(self, creation: Creation) -> Plans:
        return Plans(
            journal=self._needs.journal,
            folds=self._folds,
            cloud=self._needs.cloud,
            constraints=self._needs.constraints,
            clock=self._needs.clock,
            workflows=self._needs.workflows,
            creation=creation,
            details=self._details,
            grace_s=self._needs.listener_grace_s,
        )

    @property
    def listening(self) -> frozenset[str]:
        """Projects whose manager is connected to this process."""
        return self._listeners.projects

    async def run(self, stop: asyncio.Event) -> None:
        """Feeds the watches until `stop` is set; then they end with UNAVAILABLE."""
        async with asyncio.TaskGroup() as tasks:
            listening = tasks.create_task(self._listeners.run())
            await self.feed.run(stop)
            listening.cancel()
