"""Asking projects and hearing them out: what every state that needs a consent does in the same way."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from fenix_grpc.core.decision import Decision
from fenix_grpc.core.events import Event, ProjectAsked, ProjectDefaulted
from fenix_grpc.core.model import (
    Fallback,
    InstanceAction,
    NoticeKind,
    Resources,
    Waiting,
)
from fenix_grpc.core.notices import CHOOSING
from fenix_grpc.core.session import Ask, Session


@dataclass(frozen=True, slots=True)
class Refused:
    """The session cannot go on; why."""

    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """What is asked, of whom, for how long."""

    kind: NoticeKind
    #: Project to the instances concerned.
    whom: Mapping[str, tuple[str, ...]]
    wait_s: float
    actions_at: datetime | None = None
    needed: Resources | None = None
    #: Project to instances whose release would be enough.
    suggested: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    reason: str = ""
    #: Silence ends the wait without harm.
    silence_is_fine: bool = False


def agreement(session: Session, now: datetime, question: Question) -> Decision | Refused | None:
    """None when everybody has agreed (or policy did for them); else what to do now, or why it ends here.

    A refusal counts at once, whoever has answered before.
    """
    asks = [ask for p in question.whom for ask in session.asks_of(p) if ask.kind is question.kind]
    for ask in asks:
        if ask.refused:
            because = f": {ask.answer_reason}" if ask.answer_reason else ""
            return Refused(f"project {ask.project_id} refused {ask.kind}{because}")
    missing = _not_asked(question, asks)
    if missing:
        return Decision(record=tuple(_asked(session, now, question, missing)))
    open_asks = [ask for ask in asks if not ask.settled]
    if not open_asks:
        return None
    return _await(session, now, question, open_asks)


def _not_asked(question: Question, asks: Iterable[Ask]) -> dict[str, tuple[str, ...]]:
    """Per project, the instances that no notice covers yet; an empty list counts as covered by any notice."""
    covered: dict[str, set[str]] = {}
    for ask in asks:
        covered.setdefault(ask.project_id, set()).update(ask.instance_ids)
    missing = {}
    for project_id, instance_ids in question.whom.items():
        new = tuple(i for i in instance_ids if i not in covered.get(project_id, set()))
        if project_id not in covered or (question.kind in CHOOSING and new):
            missing[project_id] = new
    return missing


def _asked(
    session: Session, now: datetime, question: Question, whom: Mapping[str, tuple[str, ...]]
) -> Iterable[Event]:
    reply_at = now + timedelta(seconds=question.wait_s)
    actions = tuple(InstanceAction) if question.kind in CHOOSING else ()
    notices = _one_by_one(session, whom) if question.kind in CHOOSING else whom.items()
    for number, (project_id, instance_ids) in enumerate(notices, session.notices + 1):
        yield ProjectAsked(
            notice_id=f"n{number}",
            project_id=project_id,
            kind=question.kind,
            instance_ids=instance_ids,
            allowed_actions=actions,
            actions_at=question.actions_at or reply_at,
            reply_at=reply_at,
            needed=question.needed,
            suggested_instance_ids=question.suggested.get(project_id, ()),
            reason=question.reason,
        )


def _one_by_one(
    session: Session, whom: Mapping[str, tuple[str, ...]]
) -> Iterable[tuple[str, tuple[str, ...]]]:
    """Projects that registered demands are told of each instance by itself, as clients that do so expect."""
    for project_id, instance_ids in whom.items():
        if project_id in session.demanding:
            yield from ((project_id, (instance_id,)) for instance_id in instance_ids)
        else:
            yield project_id, instance_ids


def _await(
    session: Session, now: datetime, question: Question, asks: list[Ask]
) -> Decision | Refused:
    policy = session.created.policy
    defaults: list[Event] = []
    for ask in asks:
        absent = ask.project_id not in session.listening
        late = ask.reply_at is not None and now >= ask.reply_at
        if not absent and not late:
            continue
        rule = policy.no_manager if absent else policy.silence
        if (rule is Fallback.FAIL or _forbidden(session, ask)) and not question.silence_is_fine:
            why = "has no manager that listens" if absent else "did not reply in time"
            return Refused(f"project {ask.project_id} {why} ({ask.kind})")
        defaults.append(_default(ask, absent))
    if defaults:
        return Decision(record=tuple(defaults))
    times = [ask.reply_at for ask in asks if ask.reply_at is not None]
    return Decision(
        wake_at=min(times, default=None),
        waiting=tuple(_waiting(session, question, ask) for ask in asks),
    )


def _forbidden(session: Session, ask: Ask) -> bool:
    """What is left to be chosen includes no move that the instance's constraint names: nobody chooses in its place."""
    if not ask.allowed_actions or InstanceAction.LIVE_MIGRATE in ask.allowed_actions:
        return False
    demands = (session.instance_constraints.get(i) for i in ask.instance_ids)
    return any(
        d and d.migration_types and InstanceAction.MIGRATE not in d.migration_types for d in demands
    )


def _default(ask: Ask, absent: bool) -> ProjectDefaulted:
    return ProjectDefaulted(
        notice_id=ask.notice_id,
        project_id=ask.project_id,
        kind=ask.kind,
        action=InstanceAction.MIGRATE if ask.kind in CHOOSING else None,
        reason="no manager listens" if absent else "no reply in time",
    )


def _waiting(session: Session, question: Question, ask: Ask) -> Waiting:
    fails = session.created.policy.silence is Fallback.FAIL and not question.silence_is_fine
    return Waiting(
        subject=f"project:{ask.project_id}",
        reason=f"reply to {ask.kind}",
        since=ask.asked_at,
        deadline=ask.reply_at,
        then="the session stops" if fails else "the default is taken for it",
    )
