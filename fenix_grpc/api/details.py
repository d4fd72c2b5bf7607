"""What a session waits for, asked of its workflow: the same pure function that the engine asks."""

from __future__ import annotations

from collections.abc import Sequence

from fenix_grpc.api.views import detail_view
from fenix_grpc.core.decision import Workflow
from fenix_grpc.core.errors import InvalidRequest
from fenix_grpc.core.model import SessionState, Waiting
from fenix_grpc.core.session import Session
from fenix_grpc.plugins import Allowed
from fenix_grpc.ports import Clock
from fenix_grpc.v1 import types_pb2 as t


class Details:
    """Sessions in detail."""

    def __init__(self, workflows: Allowed[Workflow], clock: Clock) -> None:
        self._workflows = workflows
        self._clock = clock

    def of(self, session: Session) -> t.SessionDetail:
        """The session with everything that is known of it, and what it waits for now."""
        return detail_view(session, self._waiting(session))

    def states(self, session: Session) -> frozenset[SessionState]:
        """The states of its workflow. Raises InvalidRequest when that is not allowed on this server any more."""
        return frozenset(self._workflows.named(session.created.workflow).transitions)

    def _waiting(self, session: Session) -> Sequence[Waiting]:
        if session.ended:
            return ()
        try:
            workflow = self._workflows.named(session.created.workflow)
        except InvalidRequest as err:
            return (Waiting(subject="operator", reason=str(err), since=session.updated_at),)
        return workflow.decide(session, self._clock.now()).waiting
