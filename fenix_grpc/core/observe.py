"""The world enters a session as a difference: `observe` compares a look at the cloud with what is believed.

So `decide` depends on the journal and the time only, and a recorded journal replays without any cloud.
"""

from __future__ import annotations

from collections.abc import Container, Iterable, Mapping
from typing import TypeVar

from fenix_grpc.core.constraints import ConstraintSet
from fenix_grpc.core.events import WorldObserved
from fenix_grpc.core.model import Inventory
from fenix_grpc.core.session import Session

T = TypeVar("T")


def observe(
    session: Session,
    seen: Inventory,
    heard: frozenset[str],
    *,
    looked_after_seq: int,
    constraints: ConstraintSet | None = None,
) -> WorldObserved:
    """What differs from the session's belief; an empty difference still proves that a look was taken.

    `heard` are the projects whose manager listens now. An instance whose move is still running here is left as believed
    unless it has left the cloud: halfway states are the move's own business. Of the `constraints` those count that
    are relevant to the cloud; None says that nothing is known of any.
    """
    moving = {step.instance_id for step in session.open() if step.instance_id}
    instances = {i.instance_id: i for i in seen.instances}
    steady = {k: v for k, v in instances.items() if k not in moving or k not in session.instances}
    owners = {i.project_id for i in seen.instances} | set(session.projects)
    demands = constraints.relevant(seen) if constraints else _believed(session)
    of_instances = {each.instance_id: each for each in demands.instances}
    of_groups = {each.group_id: each for each in demands.groups}
    here = [name for name, host in session.hosts.items() if not (host.removed or host.gone)]
    return WorldObserved(
        hosts=_changed({h.host: h for h in seen.hosts}, _views(session)),
        gone_hosts=_missing(here, {h.host for h in seen.hosts}),
        instances=_changed(steady, session.instances),
        gone_instances=_missing(session.instances, instances.keys()),
        groups=_changed({g.group_id: g for g in seen.groups}, session.groups),
        instance_constraints=_changed(of_instances, session.instance_constraints),
        group_constraints=_changed(of_groups, session.group_constraints),
        gone_instance_constraints=_missing(session.instance_constraints, of_instances.keys()),
        gone_group_constraints=_missing(session.group_constraints, of_groups.keys()),
        listening=tuple(sorted((owners & heard) - session.listening)),
        not_listening=tuple(sorted(session.listening - heard)),
        looked_after_seq=looked_after_seq,
    )


def changes_anything(event: WorldObserved) -> bool:
    """True when the difference is not empty."""
    return bool(
        event.hosts
        or event.gone_hosts
        or event.instances
        or event.gone_instances
        or event.groups
        or event.instance_constraints
        or event.group_constraints
        or event.gone_instance_constraints
        or event.gone_group_constraints
        or event.listening
        or event.not_listening
        or event.problem
    )


def _believed(session: Session) -> ConstraintSet:
    return ConstraintSet(
        instances=tuple(session.instance_constraints.values()),
        groups=tuple(session.group_constraints.values()),
    )


def _views(session: Session) -> dict[str, object]:
    return {name: host.view for name, host in session.hosts.items() if not host.gone}


def _changed(seen: Mapping[str, T], believed: Mapping[str, object]) -> tuple[T, ...]:
    new = {k: v for k, v in seen.items() if (old := believed.get(k)) is not v and old != v}
    return tuple(value for _, value in sorted(new.items()))


def _missing(believed: Iterable[str], seen: Container[str]) -> tuple[str, ...]:
    return tuple(sorted(key for key in believed if key not in seen))
