"""From a session to a plan and back: what the planner is asked, what the journal keeps of its answer, and when it is
asked again.

A plan is a fact in the journal (PlanMade), so that every reader sees the same one and a decision needs none of its own.
It is made again when the world has changed in a way that it does not fit; what was done is in the world itself.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

from fenix_grpc.core.capacity import groups_of, mitigated, pack, per_host, usable
from fenix_grpc.core.events import PlanMade, PlanMove, PlanWave
from fenix_grpc.core.model import HostKind, InstanceAction, InstanceView, StepOutcome, StepVerb
from fenix_grpc.core.planner import (
    Options,
    PlannedGroup,
    PlannedHost,
    PlannedInstance,
    PlannedMove,
    Problem,
    Slots,
    plan,
)
from fenix_grpc.core.session import Host, Session
from fenix_grpc.workflows.retry import tries


@dataclass(frozen=True)
class Course:
    """The plan of a session, ready to be asked."""

    session: Session
    made: PlanMade

    @cached_property
    def wave(self) -> Mapping[str, int]:
        """Host to the number of its wave."""
        return {h: n for n, wave in enumerate(self.made.waves) for h in wave.hosts}

    @cached_property
    def moves(self) -> Mapping[str, PlanMove]:
        """Instance to its move, as far as it is still to be made."""
        known = self.session.instances
        return {
            m.instance_id: m
            for m in self.made.moves
            if m.instance_id in known and known[m.instance_id].host == m.source
        }

    @property
    def outdated(self) -> bool:
        """Something has changed since it was made."""
        return self.session.plan_seq < max(self.session.dirty_seq, self.session.changed_seq)

    def target(self, instance: InstanceView) -> str:
        """Where the instance is to go; empty when the plan does not say, or no longer fits."""
        move = self.moves.get(instance.instance_id)
        if move is None or (self.outdated and move.target in refusals(self.session, instance)):
            return ""
        return move.target

    def awaits_work(self, source: str, target: str) -> bool:
        """The plan counts on the target being worked on before anything moves there."""
        host = self.session.hosts.get(target)
        if host is None or not host.todo or target not in self.wave:
            return False
        return self.wave[target] < self.wave.get(source, 0)

    @cached_property
    def still_to_fill(self) -> frozenset[str]:
        """Hosts that instances are still to move to before they are worked on themselves."""
        return frozenset(
            m.target for m in self.moves.values() if not self.awaits_work(m.source, m.target)
        )


def refusals(session: Session, instance: InstanceView) -> frozenset[str]:
    """Hosts that an instance did not get to in this run, unless these are all that there are."""
    refused = frozenset(
        step.target
        for step in tries(session, StepVerb.MOVE_INSTANCE, instance.instance_id)
        if step.outcome is StepOutcome.FAILED and step.run == session.continued
    )
    if not refused:
        return refused
    others = (n for n, h in session.hosts.items() if usable(h) and n != instance.host)
    return refused if any(name not in refused for name in others) else frozenset()


def make_plan(session: Session, reason: str) -> PlanMade:
    """A plan for everything that is still to be done."""
    found = plan(problem_of(session))
    why = [reason, *(blocker.reason for blocker in found.blockers)]
    return PlanMade(
        waves=tuple(PlanWave(hosts=wave.hosts) for wave in found.waves if wave.hosts),
        moves=tuple(
            PlanMove(instance_id=m.instance_id, source=m.source, target=m.target)
            for m in found.all_moves()
        ),
        reason="; ".join(part for part in why if part),
    )


def hopeless(session: Session) -> str:
    """Why the session can never be carried out as long as the constraints stand; empty when it may be."""
    sizes = _sizes(session)
    for group_id, demand in sorted(session.group_constraints.items()):
        size = sizes.get(group_id, 0)
        if size and demand.budget(size) <= 0 and _to_leave(session, group_id):
            return f"group {group_id} allows none of its {size} members to be out of service"
    return ""


def _to_leave(session: Session, group_id: str) -> bool:
    return any(
        group_id in groups_of(session, instance)
        for host in session.todo(HostKind.COMPUTE)
        for instance in session.instances_on(host.name)
    )


def _sizes(session: Session) -> Mapping[str, int]:
    """How many members each group has."""
    return Counter(g for i in session.instances.values() for g in groups_of(session, i))


def finish_first(session: Session, course: Course, reason: str) -> PlanMade | None:
    """A plan in which the hosts that are closed are emptied first, into whatever is open now; None when that says
    nothing new or cannot be done."""
    closed = [h for h in session.todo(HostKind.COMPUTE) if h.disabled]
    names = frozenset(h.name for h in closed)
    leaving = [i for h in closed for i in session.instances_on(h.name)]
    avoid = {i.instance_id: refusals(session, i) for i in leaving}
    packing = pack(session, leaving, without=names, avoid=avoid)
    moves = {
        i.instance_id: PlanMove(
            instance_id=i.instance_id, source=i.host, target=packing.placed[i.instance_id]
        )
        for i in leaving
        if i.instance_id in packing.placed
    }
    if packing.unplaced or all(course.moves.get(i) == move for i, move in moves.items()):
        return None
    first = PlanWave(hosts=tuple(sorted(names)))
    others = (tuple(h for h in wave.hosts if h not in names) for wave in course.made.waves)
    kept = (m for i, m in course.moves.items() if i not in moves)
    return PlanMade(
        waves=(first, *(PlanWave(hosts=hosts) for hosts in others if hosts)),
        moves=(*moves.values(), *kept),
        reason=reason,
    )


def problem_of(session: Session) -> Problem:
    """The session as the planner sees it now."""
    policy = session.created.policy
    names = {h.name for h in session.hosts.values() if h.view.kind is HostKind.COMPUTE}
    sizes = _sizes(session)
    refused = {i.instance_id: refusals(session, i) for i in session.instances.values()}
    return Problem(
        hosts=tuple(_host(session.hosts[name]) for name in sorted(names)),
        instances=tuple(
            _instance(session, i) for _, i in sorted(session.instances.items()) if i.host in names
        ),
        groups={group_id: _group(session, group_id, size) for group_id, size in sizes.items()},
        slots=Slots(
            per_source=policy.moves_per_source,
            per_destination=policy.moves_per_target,
            in_all=policy.parallel_moves,
        ),
        options=Options(max_hosts_at_once=policy.parallel_hosts),
        refused={i: hosts for i, hosts in refused.items() if hosts},
        kept=tuple(
            PlannedMove(instance_id=s.instance_id, source=s.host, target=s.target)
            for s in session.open()
            if s.verb is StepVerb.MOVE_INSTANCE and s.target
        ),
    )


def _host(host: Host) -> PlannedHost:
    return PlannedHost(
        name=host.name,
        capacity=host.view.capacity,
        maintained=host.maintained,
        in_session=host.selected and (host.view.up or host.maintained),
        usable=usable(host),
    )


def _instance(session: Session, instance: InstanceView) -> PlannedInstance:
    demand = session.instance_constraints.get(instance.instance_id)
    agreed = session.agreed.get(instance.instance_id)
    here = agreed is not None and not agreed.done and agreed.from_host == instance.host
    first = agreed.action if agreed is not None and here else None
    if first is None and demand is not None and demand.migration_types:
        first = demand.migration_types[0]
    return PlannedInstance(
        instance_id=instance.instance_id,
        project_id=instance.project_id,
        host=instance.host,
        size=instance.size,
        groups=groups_of(session, instance),
        own_action=first is InstanceAction.OWN_ACTION,
        lead_s=demand.lead_time if demand is not None else 0.0,
        mitigation=mitigated(session, instance),
    )


def _group(session: Session, group_id: str, size: int) -> PlannedGroup:
    demand = session.group_constraints.get(group_id)
    return PlannedGroup(
        max_per_host=per_host(session, group_id),
        budget=demand.budget(size) if demand is not None else max(1, size),
        recovery_s=demand.recovery_time if demand is not None else 0.0,
    )
