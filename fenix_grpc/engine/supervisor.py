"""Claims sessions by lease and gives each a runner. Any number of servers may do so on one database."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping
from datetime import datetime, timedelta

from fenix_grpc.core.decision import Workflow
from fenix_grpc.core.errors import Conflict, LeaseLost, StoreUnavailable
from fenix_grpc.core.events import (
    SessionContinued,
    SessionCreated,
    SessionDeleted,
    StateEntered,
)
from fenix_grpc.core.evolve import fold
from fenix_grpc.core.model import SessionState
from fenix_grpc.engine.runner import Listening, Runner
from fenix_grpc.engine.steps import Performer
from fenix_grpc.engine.tasks import Tasks, first, guarded
from fenix_grpc.engine.verdict import ends_session
from fenix_grpc.logs import note
from fenix_grpc.measures import Measures
from fenix_grpc.others import Others
from fenix_grpc.ports import Clock, Constraints, Journal

logger = logging.getLogger(__name__)
#: Events after which a session that nobody cared for wants an engine.
WAKING = (SessionCreated, SessionContinued, SessionDeleted)


class Supervisor:
    """Runs the sessions that this server holds. `owner` must be unique among living servers and should outlive a
    restart, so that a restarted server goes on at once with what it held. What a server appends for a session whose
    lease was taken is refused in the same transaction: one that was stopped and comes back late cannot write."""

    def __init__(
        self,
        owner: str,
        *,
        journal: Journal,
        performer: Performer,
        workflows: Mapping[str, Workflow],
        listening: Listening,
        wall: Clock,
        lease_s: float,
        constraints: Constraints | None = None,
        look_s: float | None = None,
        measures: Measures | None = None,
    ) -> None:
        """Every `look_s` it looks for sessions that nobody holds any more (None: only when it renews its leases)."""
        self.owner = owner
        self._journal = journal
        self._performer = performer
        self._workflows = workflows
        self._listening = listening
        self._constraints = constraints
        self._wall = wall
        self._lease = timedelta(seconds=lease_s)
        #: How often leases are renewed, and those that are over looked for: what a takeover may take past the lease.
        self._turn = min(self._lease / 6, timedelta(seconds=look_s or lease_s))
        self._measures = measures or Measures()
        #: When it claimed last, in the time of `wall`; None before.
        self.claimed_at: datetime | None = None
        #: Until then nobody else takes what is held.
        self._held_until = wall.now()
        self._runners = Tasks()
        self._others = Others(journal)
        self._position = 0

    async def run(self, stop: asyncio.Event) -> None:
        """Until `stop` is set; then runners are cancelled and leases given up."""
        try:
            while not stop.is_set():
                try:
                    await self._claim()
                    await self._until_due(stop)
                except StoreUnavailable as err:
                    logger.warning("no sessions can be claimed: %s", err)
                    due = self._wall.now() + self._turn
                    await first(self._wall.sleep_until(due), _set(stop))
        finally:
            await self._runners.cancel()
            await self._give_up_leases()

    async def alive(self) -> str:
        """Empty while leases are claimed in time, else what is wrong."""
        late = self._wall.now() - self._lease
        if self.claimed_at is None or self.claimed_at < late:
            return f"no lease was claimed since {self.claimed_at or 'the start'}"
        return ""

    async def _give_up_leases(self) -> None:
        try:
            await self._journal.release(self.owner)
        except StoreUnavailable as err:
            logger.warning("leases run out by themselves: %s", err)

    async def _claim(self) -> None:
        now = self._wall.now()
        held = frozenset(await self._journal.claim(self.owner, now=now, until=now + self._lease))
        self.claimed_at = now
        self._held_until = now + self._lease
        lost, taken = self._runners.names - held, held - self._runners.names
        self._measures.leased(taken=len(taken), lost=len(lost), held=len(held))
        if lost:
            await self._runners.cancel(*lost)
        for session_id in sorted(taken):
            self._runners.start(session_id, self._carry(session_id))

    async def _until_due(self, stop: asyncio.Event) -> None:
        """Until leases must be renewed, or a session wants an engine."""
        due = self._wall.now() + self._turn
        while not stop.is_set() and self._wall.now() < due:
            entries = await self._journal.read_all(self._position)
            if entries:
                self._position = entries[-1].position
                for entry in entries:
                    if ends_session(entry.event):
                        await self._performer.forget(entry.session_id)
                if any(isinstance(entry.event, WAKING) for entry in entries):
                    return
                continue
            await first(self._journal.wait(self._position), self._wall.sleep_until(due), _set(stop))

    async def _carry(self, session_id: str) -> None:
        """One session: the boundary at which a defect becomes the session's failure."""

        async def broken(text: str) -> None:
            await self._fail(session_id, f"unexpected error: {text}")

        note(session=session_id)
        await guarded(f"session {session_id}", lambda: self._run(session_id), broken)

    async def _run(self, session_id: str) -> None:
        try:
            entries = await self._journal.read(session_id)
        except StoreUnavailable as err:
            logger.warning("session %s waits for the database: %s", session_id, err)
            return
        session = fold(entries)
        if session is None:
            return
        workflow = self._workflows.get(session.created.workflow)
        if workflow is None:
            name = session.created.workflow
            await self._fail(session_id, f"workflow {name} is not installed on this server")
            return
        runner = Runner(
            session_id,
            journal=self._journal,
            performer=self._performer,
            workflow=workflow,
            listening=self._listening,
            others=self._others,
            constraints=self._constraints,
            owner=self.owner,
            holds=lambda: self._wall.now() < self._held_until,
        )
        try:
            await runner.run(entries)
        except LeaseLost as err:
            logger.warning("%s; it is left to whoever holds it", err)

    async def _fail(self, session_id: str, reason: str) -> None:
        """Records the end of a session that cannot be carried; a second time has no effect. Without the database it is
        taken up again with the next claim."""
        failed = StateEntered(state=SessionState.MAINTENANCE_FAILED, reason=reason)
        try:
            session = fold(await self._journal.read(session_id))
            if session is None or session.terminal:
                return
            await self._journal.append(
                session_id,
                [failed],
                at=self._performer.clock.now(),
                expected_seq=session.seq,
                active=bool(session.open_steps),
                held_by=self.owner,
            )
        except (Conflict, LeaseLost, StoreUnavailable) as err:
            logger.warning("session %s: %s, which was not written: %s", session_id, reason, err)


async def _set(stop: asyncio.Event) -> None:
    await stop.wait()
