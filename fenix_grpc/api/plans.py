"""PlanSession: what becomes of a session, or of one that does not exist yet. Reads only; nothing is written anywhere.

Planning takes processor time, so it happens beside the event loop, one plan after the other, and no more than a few
callers may wait for theirs.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from functools import partial
from typing import TypeVar

from fenix_grpc.api.convert import to_message
from fenix_grpc.api.creation import Creation
from fenix_grpc.api.details import Details
from fenix_grpc.api.sessions import visible
from fenix_grpc.core.beside import difference
from fenix_grpc.core.decision import Workflow
from fenix_grpc.core.errors import InvalidRequest, TooMany
from fenix_grpc.core.events import SessionCreated
from fenix_grpc.core.model import Waiting
from fenix_grpc.core.pace import Measured, Tempo, measured
from fenix_grpc.core.session import Session
from fenix_grpc.folds import Folds
from fenix_grpc.others import Others
from fenix_grpc.plugins import Allowed
from fenix_grpc.ports import Caller, Clock, Cloud, Constraints, Journal
from fenix_grpc.v1 import session_service_pb2 as pb
from fenix_grpc.workflows.dry_run import Look, looked, settled
from fenix_grpc.workflows.forecast import forecast

T = TypeVar("T")

#: Sessions whose measured durations count, besides the one that is planned.
_EARLIER = 20
#: Sessions read from the journal at a time.
_PAGE = 1000
#: Plans that may wait to be made.
_MOST_WAITING = 16
#: When one of them may be done.
_RETRY_S = 5.0


class Plans:
    """The method of SessionService that plans."""

    def __init__(
        self,
        *,
        journal: Journal,
        folds: Folds,
        cloud: Cloud,
        constraints: Constraints,
        clock: Clock,
        workflows: Allowed[Workflow],
        creation: Creation,
        details: Details,
        grace_s: float,
    ) -> None:
        """A manager counts as listening for `grace_s` after it was heard."""
        self._journal = journal
        self._folds = folds
        self._cloud = cloud
        self._constraints = constraints
        self._clock = clock
        self._workflows = workflows
        self._creation = creation
        self._details = details
        self._grace = timedelta(seconds=grace_s)
        self._measures = _Measures(journal, folds)
        self._others = Others(journal)
        self._planner = ThreadPoolExecutor(max_workers=1, thread_name_prefix="planner")
        self._waiting = 0

    async def plan_session(
        self, request: pb.PlanSessionRequest, caller: Caller
    ) -> pb.PlanSessionResponse:
        """The plan of what is left of a session, or of a whole one that is only specified."""
        now = self._clock.now()
        if request.session_id and request.HasField("specification"):
            raise InvalidRequest("specification", "cannot be combined with session_id")
        if request.session_id:
            session = visible((await self._folds.latest(request.session_id)).session)
            return await self._planned(session, self._details.waiting(session), now)
        if not request.HasField("specification"):
            raise InvalidRequest("session_id", "name a session, or give a specification")
        created = self._creation.imagined(request.specification, by=caller.name, now=now)
        return await self._planned(await self._imagined("", created, now), (), now)

    async def _planned(
        self, session: Session, waiting: Sequence[Waiting], now: datetime
    ) -> pb.PlanSessionResponse:
        workflow = self._workflows.named(session.created.workflow)
        if not session.selected and not session.deleted:
            session = await self._imagined(session.session_id, session.created, now)
        earlier = await self._measures.earlier(session.session_id)

        def plan() -> pb.PlanSessionResponse:
            tempo = Tempo(session.created.policy, measured(session), earlier)
            plan = forecast(
                session, tempo, now, follows_plan=workflow.follows_plan, waiting=waiting
            )
            return pb.PlanSessionResponse(plan=to_message(plan))

        if self._waiting >= _MOST_WAITING:
            text = f"{_MOST_WAITING} plans are being made; try again when they are done"
            raise TooMany(text, quota="plans", retry_s=_RETRY_S)
        self._waiting += 1
        try:
            return await self._beside_the_loop(plan)
        finally:
            self._waiting -= 1

    async def _imagined(self, session_id: str, created: SessionCreated, now: datetime) -> Session:
        """A session that has looked at the cloud as it is now. Raises CloudUnavailable."""
        seen = await self._cloud.inventory()
        look = Look(
            seen=seen,
            heard=await self._journal.listeners(now - self._grace),
            constraints=await self._constraints.all_for({i.project_id for i in seen.instances}),
        )
        workflow = self._workflows.named(created.workflow)
        session = await self._beside_the_loop(partial(looked, session_id, created, look, now))
        others, _ = await self._others.beside(session, now)
        news = difference(session, others)
        return await self._beside_the_loop(partial(settled, session, news, workflow, now))

    async def _beside_the_loop(self, work: Callable[[], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._planner, work)


class _Measures:
    """How long things took in the newest sessions. Each session is measured once, and again when it has gone on."""

    def __init__(self, journal: Journal, folds: Folds) -> None:
        self._journal = journal
        self._folds = folds
        self._newest: deque[str] = deque(maxlen=_EARLIER + 1)
        self._known: dict[str, tuple[int, Measured]] = {}

    async def earlier(self, but: str) -> list[Measured]:
        """Those of at most `_EARLIER` sessions other than this one, oldest first."""
        while rows := await self._journal.sessions(self._newest[-1] if self._newest else "", _PAGE):
            self._newest.extend(row.session_id for row in rows)
        known = {name: self._known[name] for name in self._newest if name in self._known}
        self._known = known
        names = [name for name in self._newest if name != but][-_EARLIER:]
        return [await self._measured(name) for name in names]

    async def _measured(self, session_id: str) -> Measured:
        session = (await self._folds.latest(session_id)).session
        seq, found = self._known.get(session_id, (-1, Measured()))
        if seq != session.seq:
            found = measured(session)
            self._known[session_id] = (session.seq, found)
        return found
