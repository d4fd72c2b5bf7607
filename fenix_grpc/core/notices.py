"""What projects are told, derived from the journal: there is no second list of messages to keep in step."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from fenix_grpc.core import events as e
from fenix_grpc.core.evolve import Entry
from fenix_grpc.core.model import (
    InstanceAction,
    NoticeKind,
    Resources,
    SessionState,
)
from fenix_grpc.core.session import Ask, Session

#: Kinds in which a project chooses how its instances leave their host (mission: allowed_actions).
CHOOSING = frozenset({NoticeKind.PREPARE_MAINTENANCE, NoticeKind.PLANNED_MAINTENANCE})
#: What a project is told in place of a reason that speaks of another one.
NOT_YOURS = "for a reason that has nothing to do with this project"
_WORD = re.compile(r"[^\s,;:()'\"]+")


@dataclass(frozen=True, slots=True, kw_only=True)
class NoticeInstance:
    """An instance in a notice."""

    instance_id: str
    instance_name: str = ""
    #: What was done (INSTANCE_ACTION_DONE), or is done now (INSTANCE_ACTION_FALLBACK).
    action: InstanceAction | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ProjectNotice:
    """What a project is told; the fields are those of the message of the same name."""

    notice_id: str
    session_id: str
    project_id: str
    kind: NoticeKind
    instances: tuple[NoticeInstance, ...] = ()
    allowed_actions: tuple[InstanceAction, ...] = ()
    actions_at: datetime | None = None
    reply_at: datetime | None = None
    metadata: Mapping[str, Any] = field(default_factory=dict)
    needed: Resources | None = None
    reason: str = ""
    suggested_instance_ids: tuple[str, ...] = ()


def notices(before: Session | None, entry: Entry) -> tuple[ProjectNotice, ...]:
    """What an event tells projects, given the session just before it."""
    event = entry.event
    if before is None:
        return ()
    if isinstance(event, e.ProjectAsked):
        return (_asked(before, event),)
    if isinstance(event, e.InstanceActionDone) and event.action is not InstanceAction.OWN_ACTION:
        return (_action_done(before, event, entry.seq),)
    if isinstance(event, e.ActionReplaced):
        return (_action_replaced(before, event, entry.seq),)
    if isinstance(event, e.StateEntered) and event.state is SessionState.MAINTENANCE_FAILED:
        return tuple(_told_all(before, NoticeKind.MAINTENANCE_FAILED, event.reason, entry.seq))
    if isinstance(event, e.SessionDeleted) and before.state is not SessionState.MAINTENANCE_DONE:
        return tuple(_told_all(before, NoticeKind.SESSION_DELETED, "", entry.seq))
    return ()


def awaiting(session: Session, project_id: str) -> tuple[ProjectNotice, ...]:
    """Notices of a project that still want a reply."""
    if session.deleted or session.terminal:
        return ()
    return tuple(as_notice(session, a) for a in session.asks_of(project_id) if not a.settled)


def as_notice(session: Session, ask: Ask) -> ProjectNotice:
    """The notice as it was sent."""
    return ProjectNotice(
        notice_id=ask.notice_id,
        session_id=session.session_id,
        project_id=ask.project_id,
        kind=ask.kind,
        instances=_named(session, ask.instance_ids),
        allowed_actions=(ask.allowed_actions or tuple(InstanceAction))
        if ask.kind in CHOOSING
        else (),
        actions_at=ask.actions_at,
        reply_at=ask.reply_at,
        metadata=session.created.metadata,
        needed=ask.needed,
        reason=_own_reason(session, ask.project_id, ask.reason),
        suggested_instance_ids=ask.suggested_instance_ids,
    )


def _asked(session: Session, event: e.ProjectAsked) -> ProjectNotice:
    return ProjectNotice(
        notice_id=event.notice_id,
        session_id=session.session_id,
        project_id=event.project_id,
        kind=event.kind,
        instances=_named(session, event.instance_ids),
        allowed_actions=event.allowed_actions,
        actions_at=event.actions_at,
        reply_at=event.reply_at,
        metadata=session.created.metadata,
        needed=event.needed,
        reason=_own_reason(session, event.project_id, event.reason),
        suggested_instance_ids=event.suggested_instance_ids,
    )


def _named(session: Session, instance_ids: Iterable[str]) -> tuple[NoticeInstance, ...]:
    known = session.instances
    return tuple(
        NoticeInstance(instance_id=i, instance_name=known[i].instance_name if i in known else "")
        for i in instance_ids
    )


def _action_done(session: Session, event: e.InstanceActionDone, seq: int) -> ProjectNotice:
    return ProjectNotice(
        notice_id=f"e{seq}",
        session_id=session.session_id,
        project_id=event.project_id,
        kind=NoticeKind.INSTANCE_ACTION_DONE,
        instances=(_with_action(session, event.instance_id, event.action),),
    )


def _action_replaced(session: Session, event: e.ActionReplaced, seq: int) -> ProjectNotice:
    return ProjectNotice(
        notice_id=f"e{seq}",
        session_id=session.session_id,
        project_id=event.project_id,
        kind=NoticeKind.INSTANCE_ACTION_FALLBACK,
        instances=(_with_action(session, event.instance_id, event.action),),
        reason=_own_reason(session, event.project_id, event.reason),
    )


def _with_action(session: Session, instance_id: str, action: InstanceAction) -> NoticeInstance:
    known = session.instances.get(instance_id)
    name = known.instance_name if known else ""
    return NoticeInstance(instance_id=instance_id, instance_name=name, action=action)


def _told_all(session: Session, kind: NoticeKind, reason: str, seq: int) -> Iterable[ProjectNotice]:
    for project_id in session.asked_kinds:
        yield ProjectNotice(
            notice_id=f"e{seq}",
            session_id=session.session_id,
            project_id=project_id,
            kind=kind,
            metadata=session.created.metadata,
            reason=_own_reason(session, project_id, reason),
        )


def _own_reason(session: Session, project_id: str, reason: str) -> str:
    """The reason, if it speaks of no other project, by its id or by something of it.

    It may even quote the words of one, so it is told as a whole or not at all."""
    words = set(_WORD.findall(reason))
    others = {*session.projects, *session.asked_kinds} - {project_id}
    owners = [session.instances[word].project_id for word in words & session.instances.keys()]
    demands = session.group_constraints
    owners += [demands[word].project_id for word in words & demands.keys()]
    foreign = words & others or any(owner not in ("", project_id) for owner in owners)
    return NOT_YOURS if foreign else reason
