"""Sessions in a given situation, made the only way there is: by folding events."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from fenix_grpc.core import events as e
from fenix_grpc.core.evolve import fold
from fenix_grpc.core.model import (
    ActionSpec,
    GroupView,
    HostKind,
    HostView,
    InstanceView,
    Policy,
    Resources,
)
from fenix_grpc.core.session import Session

T0 = datetime(2030, 1, 1, tzinfo=UTC)


@dataclass(frozen=True)
class Placed:
    """An event in its place."""

    seq: int
    event: e.Event
    at: datetime = T0
    session_id: str = "s1"


def size(vcpus: int) -> Resources:
    return Resources(vcpus=vcpus, memory_mb=1024 * vcpus, disk_gb=10 * vcpus)


def host(name: str, vcpus: int = 8, kind: HostKind = HostKind.COMPUTE, **more) -> HostView:
    return HostView(host=name, kind=kind, capacity=size(vcpus), **more)


def instance(
    name: str, on: str, vcpus: int = 2, project: str = "red", groups: tuple[str, ...] = ()
) -> InstanceView:
    return InstanceView(
        instance_id=name,
        instance_name=name,
        project_id=project,
        host=on,
        size=size(vcpus),
        groups=groups,
    )


def after(session: Session, *events: e.Event, seconds: float = 0.0) -> Session:
    """The session after more events, `seconds` after T0."""
    at = T0 + timedelta(seconds=seconds)
    placed = [Placed(session.seq + n, event, at) for n, event in enumerate(events, 1)]
    result = fold(placed, session)
    assert result is not None
    return result


def a_session(
    hosts: tuple[HostView, ...] = (host("c1"), host("c2"), host("c3")),
    instances: tuple[InstanceView, ...] = (),
    *,
    groups: tuple[GroupView, ...] = (),
    actions: tuple[ActionSpec, ...] = (),
    selected: tuple[str, ...] | None = None,
    listening: tuple[str, ...] = ("red", "blue"),
    policy: Policy = Policy(),
) -> Session:
    """A session that has looked at its cloud and settled its hosts."""
    created = e.SessionCreated(maintenance_at=T0, actions=actions, policy=policy)
    seen = e.WorldObserved(
        hosts=hosts, instances=instances, groups=groups, listening=listening, looked_after_seq=1
    )
    chosen = tuple(h.host for h in hosts) if selected is None else selected
    events = [created, seen, e.HostsSelected(hosts=chosen)]
    session = fold([Placed(n, event) for n, event in enumerate(events, 1)])
    assert session is not None
    return session
