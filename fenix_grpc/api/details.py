"""What a session waits for, asked of its workflow: the same pure function that the engine asks."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from fenix_grpc.api.views import detail_view
from fenix_grpc.core.decision import Workflow
from fenix_grpc.core.errors import InvalidRequest
from fenix_grpc.core.model import SessionState, Waiting
from fenix_grpc.core.session import Session
from fenix_grpc.plugins import Allowed
from fenix_grpc.ports import Clock, Undelivered
from fenix_grpc.v1 import types_pb2 as t


class Details:
    """Sessions in detail."""

    def __init__(self, workflows: Allowed[Workflow], clock: Clock) -> None:
        self._workflows = workflows
        self._clock = clock

    def of(self, session: Session, undelivered: Iterable[Undelivered] = ()) -> t.SessionDetail:
        """The session with everything that is known of it, and what it waits for now."""
        return detail_view(session, [*self.waiting(session), *map(_waiting, undelivered)])

    def states(self, session: Session) -> frozenset[SessionState]:
        """The states of its workflow. Raises InvalidRequest when that is not allowed on this server any more."""
        return frozenset(self._workflows.named(session.created.workflow).transitions)

    def waiting(self, session: Session) -> Sequence[Waiting]:
        """What it waits for now."""
        if session.ended:
            return ()
        try:
            workflow = self._workflows.named(session.created.workflow)
        except InvalidRequest as err:
            return (Waiting(subject="operator", reason=str(err), since=session.updated_at),)
        return workflow.decide(session, self._clock.now()).waiting


def _waiting(undelivered: Undelivered) -> Waiting:
    """A notice that nobody has got yet, or will never get."""
    return Waiting(
        subject=undelivered.subject,
        reason=f"{undelivered.sink}: {undelivered.problem}",
        since=undelivered.since,
        deadline=undelivered.deadline,
        then="the notice is given up" if undelivered.deadline else "",
    )
