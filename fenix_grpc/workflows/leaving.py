"""How the instances of the one host that is being emptied leave it, in the default workflow."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime

from fenix_grpc.core.capacity import pack
from fenix_grpc.core.decision import Decision
from fenix_grpc.core.model import InstanceAction, InstanceView, StepVerb
from fenix_grpc.core.session import Session
from fenix_grpc.workflows.dead_hosts import (
    await_fate,
    dead,
    perishing,
    refused_targets,
    verb_for,
)
from fenix_grpc.workflows.difficult import outcome
from fenix_grpc.workflows.parts import first_of, own_actions, running
from fenix_grpc.workflows.retry import Attempt, attempt


def move_away(session: Session, now: datetime, host: str) -> Decision | None:
    """Moves what is on a host as agreed, as much at once as allowed; None when there is no room for it."""
    staying = session.instances_on(host)
    ours = [i for i in staying if _action(session, i) is not InstanceAction.OWN_ACTION]
    moving = {step.instance_id for step in session.open() if step.instance_id}
    idle = [i for i in ours if i.instance_id not in moving]
    own = [i for i in staying if _action(session, i) is InstanceAction.OWN_ACTION]
    if perishing(session, host) and not dead(session, now, host):
        return first_of(
            [running(session), await_fate(session, host, now), *own_actions(session, now, own)]
        )
    placed = _places(session, host, idle)
    if placed is None and not moving:
        return None
    moves = [
        outcome(session, now, instance, _leave(session, now, instance, placed or {}))
        for instance in (idle if dead(session, now, host) else ours)
    ]
    free = session.created.policy.parallel_moves - len(moving)
    return first_of(
        [
            running(session) if dead(session, now, host) else Decision(),
            *_at_most(free if placed is not None else 0, moves),
            *own_actions(session, now, own),
        ]
    )


def _action(session: Session, instance: InstanceView) -> InstanceAction:
    return session.agreed[instance.instance_id].action


def _places(
    session: Session, host: str, instances: Sequence[InstanceView]
) -> Mapping[str, str] | None:
    """A destination for each; none named where hosts have refused it and the scheduler is to choose. None: no room."""
    refusals = {i.instance_id: refused_targets(session, i.instance_id) for i in instances}
    packing = pack(session, instances, without=frozenset({host}), avoid=refusals)
    if packing.unplaced and pack(session, instances, without=frozenset({host})).unplaced:
        return None
    return packing.placed


def _leave(
    session: Session, now: datetime, instance: InstanceView, placed: Mapping[str, str]
) -> Attempt:
    verb = verb_for(session, now, instance.host)
    return attempt(
        session,
        now,
        verb,
        host=instance.host,
        instance_id=instance.instance_id,
        target=placed.get(instance.instance_id, ""),
        how=_action(session, instance) if verb is StepVerb.MOVE_INSTANCE else None,
    )


def _at_most(free: int, decisions: Iterable[Decision]) -> Iterable[Decision]:
    """Starts no more than `free` of them; the others are asked about again when something has ended."""
    for decision in decisions:
        if decision.run and free <= 0:
            continue
        free -= len(decision.run)
        yield decision
