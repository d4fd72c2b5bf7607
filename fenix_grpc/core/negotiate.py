"""What a call from outside means for a session: accept it as an event, say that it has no effect, or refuse it.

The rules that make replies harmless (upstream W1): a repeated, stale or late reply has no effect; only a reply to
something that was never asked is an error.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from fenix_grpc.core.errors import InvalidRequest, NotFound, WrongState
from fenix_grpc.core.events import ProjectReplied, SessionContinued, SessionDeleted
from fenix_grpc.core.model import ASKING, Answer, InstanceAction, NoticeKind, SessionState
from fenix_grpc.core.session import TERMINAL, Ask, Session


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """A project's reply as it came in."""

    project_id: str
    kind: NoticeKind
    answer: Answer
    action: InstanceAction | None = None
    instance_actions: Mapping[str, InstanceAction] = field(default_factory=dict)
    #: The one instance that the reply is about; empty for all.
    instance_id: str = ""
    notice_id: str = ""
    reason: str = ""
    replied_by: str = ""


@dataclass(frozen=True, slots=True)
class NoEffect:
    """The call is fine and changes nothing; why, in words."""

    detail: str


def check_reply(session: Session, reply: Reply) -> ProjectReplied | NoEffect:
    """What a reply amounts to. Raises NotFound, InvalidRequest or WrongState."""
    if reply.project_id not in session.asked_kinds:
        if reply.project_id not in session.projects:
            # In the words for a session that does not exist: a project must not learn which others there are.
            raise NotFound("session", session.session_id)
        raise WrongState(f"project {reply.project_id} has not been asked anything yet")
    if reply.kind not in ASKING:
        return NoEffect(f"{reply.kind} needs no reply")
    if reply.kind not in session.asked_kinds[reply.project_id]:
        raise WrongState(
            f"project {reply.project_id} was not asked about {reply.kind}; "
            f"the session is in {session.state}"
        )
    ask = _addressed(session, reply)
    if ask is None:
        return NoEffect(f"{reply.kind} is over; the session is in {session.state}")
    _check_instances(session, reply, ask)
    if session.deleted or session.terminal:
        return NoEffect(f"the session is in {session.state}")
    return _weigh(session, reply, ask)


def _addressed(session: Session, reply: Reply) -> Ask | None:
    """The ask that a reply belongs to: the one named, else one about the instance, else the last of its kind."""
    if reply.notice_id:
        ask = session.asks.get(reply.notice_id)
        known = ask is not None and (ask.project_id, ask.kind) == (reply.project_id, reply.kind)
        return ask if known else None
    asks = [a for a in session.asks_of(reply.project_id) if a.kind is reply.kind]
    if reply.instance_id:
        asks = _about(asks, reply.instance_id)
    waiting = [a for a in asks if not a.settled]
    return (waiting or asks)[-1] if asks else None


def _about(asks: list[Ask], instance_id: str) -> list[Ask]:
    """Those about the instance, else those that are not about one other instance."""
    about = [a for a in asks if instance_id in a.instance_ids]
    return about or [a for a in asks if len(a.instance_ids) != 1]


def _check_instances(session: Session, reply: Reply, ask: Ask) -> None:
    named = [*reply.instance_actions, *([reply.instance_id] if reply.instance_id else [])]
    for instance_id in named:
        owner = session.instances.get(instance_id)
        if instance_id in ask.instance_ids or (owner and owner.project_id == reply.project_id):
            continue
        raise InvalidRequest(
            "instance_actions", f"instance {instance_id} is not one of project {reply.project_id}"
        )
    if reply.instance_id and len(ask.instance_ids) > 1:
        raise WrongState(
            f"{reply.kind} was asked for {len(ask.instance_ids)} instances together; "
            "reply for all of them at once"
        )


def _weigh(session: Session, reply: Reply, ask: Ask) -> ProjectReplied | NoEffect:
    if ask.settled:
        others_awaited = any(not other.settled for other in session.asks.values())
        mind_changed = ask.answer is Answer.ACK and reply.answer is Answer.NACK
        if not (mind_changed and others_awaited):
            return NoEffect("already answered" if ask.answer else f"too late: {ask.defaulted}")
    _check_actions(reply, ask)
    actions = dict(reply.instance_actions)
    if reply.instance_id and reply.action:
        actions.setdefault(reply.instance_id, reply.action)
    return ProjectReplied(
        notice_id=ask.notice_id,
        project_id=reply.project_id,
        kind=reply.kind,
        answer=reply.answer,
        action=reply.action,
        instance_actions=actions,
        reason=reply.reason,
        replied_by=reply.replied_by,
    )


def _check_actions(reply: Reply, ask: Ask) -> None:
    for action in (*reply.instance_actions.values(), reply.action):
        if action and ask.allowed_actions and action not in ask.allowed_actions:
            allowed = ", ".join(ask.allowed_actions)
            raise InvalidRequest("action", f"{action} is not possible here, choose of {allowed}")


def check_continue(
    session: Session, state: SessionState | None, states: frozenset[SessionState], by: str
) -> SessionContinued:
    """Continues a failed session in `state`, or where it failed. `states` are those of its workflow."""
    if session.state is not SessionState.MAINTENANCE_FAILED:
        raise WrongState(
            f"session {session.session_id} is in {session.state}; only a failed one is continued"
        )
    if session.open_steps:
        raise WrongState(
            f"session {session.session_id} still runs {', '.join(sorted(session.open_steps))}; "
            "continue it when that has ended"
        )
    wanted = state or session.prev_state or SessionState.MAINTENANCE
    if wanted in TERMINAL or wanted not in states:
        raise InvalidRequest("state", f"{wanted} is not a state to go on from")
    return SessionContinued(state=wanted, continued_by=by)


def check_delete(session: Session, by: str) -> SessionDeleted | NoEffect:
    """Deletes a session; a second time has no effect."""
    if session.deleted:
        return NoEffect("already deleted")
    return SessionDeleted(deleted_by=by)
