"""Telling the owners of what is to leave a host, and hearing them: per instance where a project said what it demands,
per project and host otherwise. Nobody waits for anybody else's answer.

What registered demands mean for an answer: lead_time is how long a project has, and a registered way to be moved is
what a silent one has agreed to beforehand (mission: workflow vnf).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta

from fenix_grpc.core.decision import Decision, merged
from fenix_grpc.core.events import ProjectAsked, ProjectDefaulted
from fenix_grpc.core.model import Fallback, InstanceAction, InstanceView, NoticeKind, Waiting
from fenix_grpc.core.safety import Hold, budget_left
from fenix_grpc.core.session import Ask
from fenix_grpc.core.situation import Situation
from fenix_grpc.workflows.parts import fail

#: An instance and what holds it back.
Held = tuple[InstanceView, Hold]
#: Ways to be moved that need nobody but the cloud.
MOVES = frozenset({InstanceAction.MIGRATE, InstanceAction.LIVE_MIGRATE})


def hear(situation: Situation, hosts: Iterable[str]) -> Decision:
    """What came of the notices about instances on these hosts: defaults, waits, or the end of the session."""
    decisions = []
    for ask in _open(situation, frozenset(hosts)):
        if ask.refused:
            because = f": {ask.answer_reason}" if ask.answer_reason else ""
            return fail(f"project {ask.project_id} refused {ask.kind}{_of(ask)}{because}")
        heard = _await(situation, ask)
        if isinstance(heard, str):
            return fail(heard)
        decisions.append(heard)
    return merged(*decisions)


def _open(situation: Situation, hosts: frozenset[str]) -> Iterable[Ask]:
    """Notices without an answer, and those refused, that have an instance leave one of the hosts."""
    session = situation.session
    open_on = session.index.open_on
    for notice_id in sorted({n for host in hosts for n in open_on.get(host, ())}):
        ask = session.asks[notice_id]
        concerned = (session.instances.get(i) for i in ask.instance_ids)
        if any(i and i.host in hosts and situation.ask(i) is ask for i in concerned):
            yield ask


def tell(
    situation: Situation,
    instances: Iterable[InstanceView],
    kind: NoticeKind,
    holds: list[Held],
) -> Decision:
    """Notices for those that were not told yet. One whose manager may act upon it at once is not told before its groups
    can spare it; such are added to `holds`."""
    asked: list[ProjectAsked] = []
    together: dict[tuple[str, str], list[InstanceView]] = {}
    waits: list[Decision] = []
    for instance in instances:
        if situation.agreed(instance) is not None or situation.ask(instance) is not None:
            continue
        if instance.project_id not in situation.demanding:
            together.setdefault((instance.host, instance.project_id), []).append(instance)
            continue
        hold = None
        if situation.acts_itself(instance.instance_id):
            hold = budget_left(situation, instance)
        if hold is not None and hold.never:
            return fail(f"instance {instance.instance_id} on {instance.host}: {hold.reason}")
        if hold is not None:
            holds.append((instance, hold))
            waits.append(held(situation, instance, hold, situation.session.entered_at))
            continue
        asked.append(_asked(situation, len(asked), (instance,), kind))
        situation.tell(instance)
    asked.extend(
        _asked(situation, number, members, kind)
        for number, members in enumerate(together.values(), len(asked))
    )
    return merged(Decision(record=tuple(asked)), *waits)


def held(situation: Situation, instance: InstanceView, hold: Hold, since: datetime) -> Decision:
    """An instance that may not leave yet, and why."""
    wait = Waiting(
        subject=f"instance:{instance.instance_id}",
        reason=hold.reason,
        since=since,
        deadline=hold.until,
        then="it is looked at again" if hold.until else "",
    )
    return Decision(wake_at=hold.until, waiting=(wait,))


def _asked(
    situation: Situation,
    number: int,
    instances: Sequence[InstanceView],
    kind: NoticeKind,
) -> ProjectAsked:
    """Notice `number` (from 0) of this decision."""
    session, first = situation.session, instances[0]
    lead = situation.lead_time(first.instance_id) if len(instances) == 1 else timedelta()
    reply_at = situation.now + (lead or timedelta(seconds=session.created.policy.reply_s))
    return ProjectAsked(
        notice_id=f"n{session.notices + number + 1}",
        project_id=first.project_id,
        kind=kind,
        instance_ids=tuple(i.instance_id for i in instances),
        allowed_actions=tuple(InstanceAction),
        actions_at=reply_at,
        reply_at=reply_at,
        reason=f"host {first.host} is worked on next",
    )


def _of(ask: Ask) -> str:
    return f" of instance {ask.instance_ids[0]}" if len(ask.instance_ids) == 1 else ""


def _await(situation: Situation, ask: Ask) -> Decision | str:
    """A notice without an answer: a default, a wait, or why the session cannot go on."""
    policy = situation.session.created.policy
    absent = ask.project_id not in situation.session.listening
    late = ask.reply_at is not None and situation.now >= ask.reply_at
    registered, only_own = _registered(situation, ask)
    rule = policy.no_manager if absent else policy.silence
    if absent or late:
        if (rule is Fallback.FAIL and registered is None) or only_own:
            why = "has no manager that listens" if absent else "did not reply in time"
            more = ", and its constraint allows no move" if only_own else ""
            return f"project {ask.project_id} {why} ({ask.kind}{_of(ask)}){more}"
        why = "no manager listens" if absent else "no reply in time"
        default = ProjectDefaulted(
            notice_id=ask.notice_id,
            project_id=ask.project_id,
            kind=ask.kind,
            action=registered or InstanceAction.MIGRATE,
            reason=f"{why}; its constraint says {registered}" if registered else why,
        )
        return Decision(record=(default,))
    stops = (policy.silence is Fallback.FAIL and registered is None) or only_own
    wait = Waiting(
        subject=f"project:{ask.project_id}",
        reason=f"reply to {ask.kind}{_of(ask)}",
        since=ask.asked_at,
        deadline=ask.reply_at,
        then="the session stops" if stops else "the default is taken for it",
    )
    return Decision(wake_at=ask.reply_at, waiting=(wait,))


def _registered(situation: Situation, ask: Ask) -> tuple[InstanceAction | None, bool]:
    """How the one instance of a notice may be moved without asking again, the preferred way first; and whether it may
    not be, as its project allows its own action only."""
    demand = situation.demand(ask.instance_ids[0]) if len(ask.instance_ids) == 1 else None
    ways = [w for w in (demand.migration_types if demand else ()) if _allowed(ask, w)]
    move = next((way for way in ways if way in MOVES), None)
    return move, bool(demand and demand.migration_types) and move is None


def _allowed(ask: Ask, way: InstanceAction) -> bool:
    return not ask.allowed_actions or way in ask.allowed_actions
