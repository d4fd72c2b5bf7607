"""SCALE_IN: room is lacking, so projects are asked to release some. The same for all workflows.

It ends: rounds in a row without any effect stop the session (upstream asks for ever).
"""

from __future__ import annotations

from datetime import datetime, timedelta

from fenix_grpc.core.capacity import next_to_empty, shortage, total
from fenix_grpc.core.decision import Decision
from fenix_grpc.core.evolve import load
from fenix_grpc.core.model import HostKind, NoticeKind, Resources, SessionState, Waiting
from fenix_grpc.core.session import Session
from fenix_grpc.workflows.agreement import Question, Refused, agreement
from fenix_grpc.workflows.opening import Onward
from fenix_grpc.workflows.parts import everybody, fail, go
from fenix_grpc.workflows.planning import release


def ask_for_room(session: Session, why: str = "") -> Decision:
    """A round of SCALE_IN, unless there is nobody to ask or the last rounds had no effect; `why` is told then."""
    needed = _needed(session)
    rounds = session.created.policy.scale_in_rounds
    loads = (*session.scale_in_loads, load(session))
    vain = 0
    for before, after in zip(loads[-2::-1], loads[::-1], strict=False):
        if after < before:
            break
        vain += 1
    lacks = needed != Resources()
    lacking = (
        f"no room to empty a host: {needed} are lacking" if lacks else "no host can be emptied"
    )
    more = f" ({why})" if why else ""
    if vain >= rounds:
        return fail(f"{lacking} and {vain} requests to scale in had no effect{more}")
    if not _managed(session):
        return fail(f"{lacking} and no project has a manager to ask{more}")
    return go(SessionState.SCALE_IN, f"{needed} are lacking to empty a host" if lacks else lacking)


def _needed(session: Session) -> Resources:
    """What the host lacks that is easiest to empty. Where each could be emptied, but for what holds besides room
    (groups, destinations that refused), it is what the instances take whose release would help."""
    lacking = shortage(session)
    return lacking if lacking != Resources() else total(i.size for i in release(session))


def _managed(session: Session) -> dict[str, tuple[str, ...]]:
    """Affected projects whose manager listens. One that has no instance left on the hosts in question is still asked:
    what it releases elsewhere makes room as well."""
    owners = {instance.project_id for instance in session.instances.values()}
    asked = session.listening & owners
    return {p: ids for p, ids in everybody(session).items() if p in asked}


def scale_in(session: Session, now: datetime, onward: Onward) -> Decision:
    """Asks those who can release something, and sees whether they did."""
    asked = {ask.project_id: ask.instance_ids for ask in session.asks.values()}
    suggested: dict[str, tuple[str, ...]] = {}
    for instance in () if asked else release(session):
        others = suggested.get(instance.project_id, ())
        suggested[instance.project_id] = (*others, instance.instance_id)
    policy = session.created.policy
    question = Question(
        kind=NoticeKind.SCALE_IN,
        whom=asked or _managed(session),
        wait_s=policy.scale_reply_s,
        needed=None if asked else _needed(session),
        suggested=suggested,
        reason=session.reason,
    )
    undecided = agreement(session, now, question)
    if isinstance(undecided, Refused):
        return fail(undecided.reason)
    if undecided is not None:
        return undecided
    if not session.fresh:
        return Decision(look=True)
    return _still_releasing(session, now) or onward(session, now)


def _still_releasing(session: Session, now: datetime) -> Decision | None:
    """A manager may answer while its instances are still being deleted: give that a moment to show."""
    policy = session.created.policy
    replies = [ask.answered_at for ask in session.asks.values() if ask.answered_at is not None]
    until = max(replies, default=session.entered_at) + timedelta(seconds=2 * policy.poll_s)
    before = session.scale_in_loads[-1] if session.scale_in_loads else load(session)
    if (
        load(session) < before
        or next_to_empty(session, session.todo(HostKind.COMPUTE))
        or now >= until
    ):
        return None
    wait = Waiting(
        subject="cloud",
        reason="capacity that projects said they released",
        since=session.entered_at,
        deadline=until,
        then="they are asked again",
    )
    wake_at = min(until, now + timedelta(seconds=policy.poll_s))
    return Decision(wake_at=wake_at, poll=True, waiting=(wait,))
