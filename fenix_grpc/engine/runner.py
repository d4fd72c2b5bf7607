"""The loop of one session: append what was decided, run the steps, wait for the next event or time.

Whatever was computed from a fold is appended with the seq it was computed from, so that of several engines that race
on one journal exactly one starts each step. The loop holds nothing that the journal does not.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Coroutine, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from fenix_grpc.core.beside import concerns_others, difference
from fenix_grpc.core.decision import (
    Decision,
    IllegalTransition,
    Workflow,
    check_transitions,
)
from fenix_grpc.core.errors import CloudError, Conflict, LeaseLost, StoreUnavailable
from fenix_grpc.core.events import (
    Event,
    OthersObserved,
    StateEntered,
    StepEnded,
    StepStarted,
    WorldObserved,
)
from fenix_grpc.core.evolve import fold
from fenix_grpc.core.model import SessionState, StepOutcome
from fenix_grpc.core.observe import changes_anything, observe
from fenix_grpc.core.session import Session
from fenix_grpc.engine.demands import Demands
from fenix_grpc.engine.steps import Performer
from fenix_grpc.engine.tasks import Tasks, first, guarded
from fenix_grpc.engine.verdict import ends_session, verdict
from fenix_grpc.logs import note
from fenix_grpc.others import Others
from fenix_grpc.ports import Clock, Cloud, Constraints, Journal, Recorded

logger = logging.getLogger(__name__)
STORE_RETRY_S = 1.0
#: Events that are judged without leaving the loop: some tens of milliseconds.
JUDGED_AT_ONCE = 2000
#: While so many steps run, news are gathered before the next decision, for so many seconds per step: small beside the
#: time that a step takes, and the more there are the more come in it.
MANY_STEPS = 16
MOMENT_S = 0.002


@dataclass(frozen=True, slots=True, kw_only=True)
class Listening:
    """Which managers count as listening."""

    #: Projects named by configuration: they always do.
    managed: frozenset[str] = frozenset()
    #: Seconds for which a manager that went away still counts.
    grace_s: float = 60.0


class Runner:
    """Carries one session as far as it can go. Made anew for each claim; `run` may be cancelled at any moment."""

    def __init__(
        self,
        session_id: str,
        *,
        journal: Journal,
        performer: Performer,
        workflow: Workflow,
        listening: Listening,
        others: Others,
        constraints: Constraints | None = None,
        owner: str = "",
        holds: Callable[[], bool] = lambda: True,
    ) -> None:
        """With an `owner`, nothing is appended once another one holds the session; `holds` says without asking whether
        its lease may still last."""
        self.session_id = session_id
        self._owner = owner
        self._holds = holds
        self._journal = journal
        self._performer = performer
        self._workflow = workflow
        self._listening = listening
        self._others = others
        #: The journal was read up to here for what other sessions do.
        self._others_position = 0
        self._demands = Demands(constraints) if constraints else None
        self._steps = Tasks()
        #: Set when the session is deleted: actions end then.
        self._given_up = asyncio.Event()
        self._position = 0
        #: The journal may hold more than is known here; it is read before the next turn.
        self._behind = False
        #: Steps of which it is not known whether their beginning was recorded, or that somebody else began.
        self._doubtful: frozenset[str] = frozenset()

    @property
    def _cloud(self) -> Cloud:
        return self._performer.cloud

    @property
    def _clock(self) -> Clock:
        return self._performer.clock

    async def run(self, entries: Sequence[Recorded]) -> None:
        """From the journal so far until nothing is left to do. Steps that nobody runs any more are recorded as lost.

        Raises LeaseLost as soon as it would append to a session that somebody else holds."""
        session = fold(entries)
        if session is None:
            return
        self._position = max(entry.position for entry in entries)
        self._behind, self._doubtful = True, session.open_steps
        try:
            while self._behind or not session.settled:
                session = await self._persist(session)
            await self._rest(session)
        finally:
            await self._steps.cancel()

    async def _persist(self, session: Session) -> Session:
        """One turn that survives conflicts and a database that is away."""
        try:
            if self._behind:
                session = await self._give_up_doubtful(await self._catch_up(session))
                self._behind = False
            return await self._turn(session)
        except Conflict:  # refused as a whole: nothing was begun
            self._behind, self._doubtful = True, frozenset()
        except StoreUnavailable as err:  # perhaps it was recorded, perhaps not
            logger.warning("session %s: %s", self.session_id, err)
            self._behind = True
            await self._clock.sleep_until(self._clock.now() + timedelta(seconds=STORE_RETRY_S))
        return session

    async def _turn(self, session: Session) -> Session:
        if session.deleted:
            self._given_up.set()
        decision, broken = self._decide(session)
        if broken:
            return await self._append(session, [broken])
        if decision.record or decision.run:
            events = await self._judged(session, [*decision.record, *decision.run])
            taking = concerns_others(session, events)
            if taking and (news := await self._news(session)):
                return await self._append(session, [news])
            self._doubtful = frozenset(step.step_id for step in decision.run)
            after = await self._append(session, events, taking=taking)
            self._doubtful = frozenset()
            for step in decision.run:
                self._steps.start(step.step_id, self._perform(session, step))
            return after
        if decision.look:
            return await self._look(session, asked=True)
        return await self._wait(session, decision)

    def _decide(self, session: Session) -> tuple[Decision, StateEntered | None]:
        """The decision, or the end of the session when the workflow breaks its own rules."""
        decision = self._workflow.decide(session, self._clock.now())
        try:
            check_transitions(self._workflow, session, decision.record)
        except IllegalTransition as err:
            logger.error("session %s: %s", self.session_id, err)
            failed = SessionState.MAINTENANCE_FAILED
            return decision, StateEntered(state=failed, reason=f"defect of a workflow: {err}")
        return decision, None

    async def _judged(self, session: Session, events: Sequence[Event]) -> Sequence[Event]:
        """A session that ends is judged first, its end included; the verdict stands just before the end."""
        if not any(map(ends_session, events)):
            return events
        journal = [
            *await self._journal.read(self.session_id),
            *self._placed(session, events, self._clock.now()),
        ]

        async def judge() -> Sequence[Event]:
            if len(journal) <= JUDGED_AT_ONCE:
                return [verdict(journal), *events]
            return [await asyncio.to_thread(verdict, journal), *events]

        async def broken(text: str) -> Sequence[Event]:
            return events

        return await guarded(f"the verdict on session {self.session_id}", judge, broken)

    def _placed(
        self, session: Session, events: Sequence[Event], at: datetime
    ) -> Sequence[Recorded]:
        """The events as they will stand in the journal."""
        first = session.seq + 1
        return [
            Recorded(session_id=self.session_id, seq=first + n, position=0, at=at, event=event)
            for n, event in enumerate(events)
        ]

    async def _news(self, session: Session) -> OthersObserved | None:
        """What other sessions did that this one does not know yet."""
        now = self._clock.now()
        others, self._others_position = await self._others.beside(session, now)
        return difference(session, others)

    async def _append(
        self, session: Session, events: Sequence[Event], *, taking: bool = False
    ) -> Session:
        """`taking` says that others may want the same: refused when they have gone on since they were looked at."""
        at = self._clock.now()
        after = fold(self._placed(session, events, at), session)
        assert after is not None
        appended = await self._journal.append(
            self.session_id,
            events,
            at=at,
            expected_seq=session.seq,
            active=not after.settled,
            alone_since=self._others_position if taking else None,
            held_by=self._owner,
        )
        self._position = appended.position
        return after

    async def _catch_up(self, session: Session) -> Session:
        entries = await self._journal.read(self.session_id, session.seq)
        if entries:
            self._position = max(self._position, entries[-1].position)
        return fold(entries, session) or session

    async def _wait(self, session: Session, decision: Decision) -> Session:
        """Until something happens to this session or the decision's time has come."""
        while True:
            caught_up = await self._catch_up(session)
            if caught_up.seq > session.seq:
                return await self._what_comes_with_it(caught_up)
            await first(*self._waits(decision.wake_at))
            due = decision.wake_at is not None and self._clock.now() >= decision.wake_at
            if due:
                session = await self._catch_up(session)
                return await self._look(session, asked=False) if decision.poll else session
            self._position = await self._journal.wait(self._position)
            if session.started and (news := await self._news(session)):
                return await self._append(session, [news])

    async def _what_comes_with_it(self, session: Session) -> Session:
        """With what comes in a moment: the ends of many steps come close together, one decision serves all."""
        running = len(session.open_steps)
        if running < MANY_STEPS:
            return session
        moment = timedelta(seconds=running * MOMENT_S)
        await self._clock.sleep_until(self._clock.now() + moment)
        return await self._catch_up(session)

    def _waits(self, wake_at: datetime | None) -> Iterator[Coroutine[Any, Any, Any]]:
        yield self._journal.wait(self._position)
        if wake_at is not None:
            yield self._clock.sleep_until(wake_at)

    async def _look(self, session: Session, *, asked: bool) -> Session:
        """Looks at the cloud and appends what differs from what was known when the look began."""
        began = self._clock.now()
        try:
            seen = await self._cloud.inventory()
        except CloudError as err:
            seen_event = WorldObserved(problem=str(err))
            if session.cloud_problem and asked:  # known: whoever asks on and on waits in between
                again = began + timedelta(seconds=session.created.policy.poll_s)
                return await self._wait(session, Decision(wake_at=again))
            if session.cloud_problem:
                return await self._catch_up(session)
        else:
            since = began - timedelta(seconds=self._listening.grace_s)
            heard = await self._journal.listeners(since) | self._listening.managed
            demands = await self._demands.of(seen) if self._demands else None
            seen_event = observe(
                session, seen, heard, looked_after_seq=session.seq, constraints=demands
            )
        now = await self._catch_up(session)
        if _started_meanwhile(session, now):
            return now
        if now.started and (news := await self._news(now)):
            now = await self._append(now, [news])
        if asked or session.cloud_problem or changes_anything(seen_event):
            return await self._append(now, [seen_event])
        return now

    async def _perform(self, session: Session, step: StepStarted) -> None:
        async def broken(text: str) -> StepEnded:
            detail = f"unexpected error: {text}"
            return StepEnded(step_id=step.step_id, outcome=StepOutcome.FAILED, detail=detail)

        async def perform() -> StepEnded:
            return await self._performer.perform(session, step, self._given_up)

        # Was this process stopped? Its supervisor finds out, and renews the lease or cancels.
        while not self._holds():
            await self._clock.sleep_until(self._clock.now() + timedelta(seconds=STORE_RETRY_S))
        note(step=step.step_id)
        ended = await guarded(step.step_id, perform, broken)
        logger.info("%s on %s ended: %s", step.verb, step.host or "all", ended.outcome)
        try:
            await self._record_end(ended)
        except LeaseLost as err:  # whoever took the session has recorded the step as lost
            logger.warning("%s ended too late: %s", step.step_id, err)

    async def _record_end(self, ended: StepEnded) -> None:
        """A fact: appended wherever the journal is by now, as soon as the database takes it, and once."""
        doubtful = False
        while True:
            try:
                if not (doubtful and await self._has_ended(ended.step_id)):
                    now = self._clock.now()
                    await self._journal.append(
                        self.session_id, [ended], at=now, held_by=self._owner
                    )
                return
            except StoreUnavailable as err:
                logger.warning("the end of %s waits for the database: %s", ended.step_id, err)
                doubtful = True
                await self._clock.sleep_until(self._clock.now() + timedelta(seconds=STORE_RETRY_S))

    async def _has_ended(self, step_id: str) -> bool:
        session = fold(await self._journal.read(self.session_id))
        return session is not None and step_id not in session.open_steps

    async def _give_up_doubtful(self, session: Session) -> Session:
        """Steps that are open and that nobody performs: the outcome is unknown."""
        orphans = sorted((self._doubtful & session.open_steps) - self._steps.names)
        for step_id in orphans:
            why = "nobody performs it: its server went away, or the database while it was begun"
            await self._record_end(StepEnded(step_id=step_id, outcome=StepOutcome.LOST, detail=why))
        self._doubtful = frozenset()
        return await self._catch_up(session) if orphans else session

    async def _rest(self, session: Session) -> None:
        """Nothing is left to do until somebody calls."""
        try:
            await self._journal.append(
                self.session_id,
                [],
                at=self._clock.now(),
                expected_seq=session.seq,
                active=False,
                held_by=self._owner,
            )
        except (Conflict, LeaseLost, StoreUnavailable) as err:
            logger.debug("session %s stays awake: %s", self.session_id, err)


def _started_meanwhile(before: Session, after: Session) -> bool:
    """Another engine began a step during a look, which is then worth nothing."""
    return len(after.steps) > len(before.steps)
