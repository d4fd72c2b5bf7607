"""MAINTENANCE_COMPLETE: the work is done. The same for all workflows."""

from __future__ import annotations

from datetime import datetime

from fenix_grpc.core.decision import Decision
from fenix_grpc.core.model import ActionType, NoticeKind, SessionState
from fenix_grpc.core.session import Session
from fenix_grpc.workflows.agreement import Question, Refused, agreement
from fenix_grpc.workflows.parts import everybody, fail, few, go, run_once


def complete(session: Session, now: datetime) -> Decision:
    """Runs the post actions, tells everybody, and ends the session when nothing is owed."""
    post = run_once(session, now, ActionType.POST)
    if post is not None:
        return post
    question = Question(
        kind=NoticeKind.MAINTENANCE_COMPLETE,
        whom=everybody(session),
        wait_s=session.created.policy.scale_reply_s,
        silence_is_fine=True,
    )
    undecided = agreement(session, now, question)
    if isinstance(undecided, Refused):
        return fail(undecided.reason)
    if undecided is not None:
        return undecided
    if session.owed_hosts:
        return fail(f"hosts are still out of service: {few(session.owed_hosts)}")
    return go(SessionState.MAINTENANCE_DONE)
