"""From a session to a plan and back: what the planner is asked, what the journal keeps of its answer, and when it is
asked again.

A plan is a fact in the journal (PlanMade), so that every reader sees the same one and a decision needs none of its own.
It is made again when the world has changed in a way that it does not fit; what was done is in the world itself.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

from fenix_grpc.core.capacity import free_on, groups_of, mitigated, pack, per_host, total, usable
from fenix_grpc.core.events import PlanMade, PlanMove, PlanWave
from fenix_grpc.core.model import HostKind, InstanceAction, InstanceView
from fenix_grpc.core.planner import (
    BlockerKind,
    Options,
    Plan,
    PlannedGroup,
    PlannedHost,
    PlannedInstance,
    PlannedMove,
    Problem,
    Slots,
    plan,
    smallest_scale_in,
)
from fenix_grpc.core.session import Host, Session
from fenix_grpc.workflows.dead_hosts import refused_targets


@dataclass(frozen=True)
class Course:
    """The plan of a session, ready to be asked."""

    session: Session
    made: PlanMade

    def move(self, instance_id: str) -> PlanMove | None:
        """Its move off the host that it is on."""
        instance = self.session.instances.get(instance_id)
        return self.session.index.planned.get((instance_id, instance.host)) if instance else None

    @cached_property
    def moves(self) -> Mapping[str, PlanMove]:
        """Instance to its next move, as far as one is still to be made."""
        left = (self.move(m.instance_id) for m in self.made.moves)
        return {move.instance_id: move for move in left if move}

    @property
    def outdated(self) -> bool:
        """Something has changed since it was made."""
        return self.session.plan_seq < max(self.session.dirty_seq, self.session.changed_seq)

    def target(self, instance: InstanceView) -> str:
        """Where the instance is to go; empty when the plan does not say, or no longer fits."""
        move = self.move(instance.instance_id)
        if move is None or (self.outdated and move.target in refusals(self.session, instance)):
            return ""
        return move.target

    def awaits_work(self, source: str, target: str) -> bool:
        """The plan counts on the target being worked on before anything moves there."""
        return target in self._unworked and target in self.session.index.after.get(source, ())

    def due(self, source: str, arriving: Mapping[str, int]) -> Sequence[str]:
        """Instances to leave a host for targets that have a slot left, given how many arrive at each, and that need not
        be worked on first; some may have left."""
        index = self.session.index
        by_target = index.leaving.get(source, {})
        ready = by_target.keys() - (self._unworked & index.after.get(source, frozenset()))
        most = self.session.created.policy.moves_per_target
        return sorted(i for t in ready if arriving.get(t, 0) < most for i in by_target[t])

    @cached_property
    def _unworked(self) -> frozenset[str]:
        return frozenset(host.name for host in self.session.todo())

    def still_to_fill(self, host: str) -> bool:
        """Instances are still to move there before it is worked on itself."""
        return any(
            self.move(m.instance_id) == m and not self.awaits_work(m.source, host)
            for m in self.session.index.arriving.get(host, ())
        )


def refusals(session: Session, instance: InstanceView) -> frozenset[str]:
    """Hosts that an instance did not get to in this run, unless these are all that there are."""
    refused = refused_targets(session, instance.instance_id)
    if not refused:
        return refused
    others = (n for n, h in session.hosts.items() if usable(h) and n != instance.host)
    return refused if any(name not in refused for name in others) else frozenset()


def make_plan(session: Session, reason: str) -> PlanMade:
    """A plan for everything that is still to be done. Its reason also says what it changes in the plan before."""
    found = best(problem_of(session), frozenset(session.held_hosts))
    waves = tuple(PlanWave(hosts=wave.hosts) for wave in found.waves if wave.hosts)
    moves = tuple(
        PlanMove(instance_id=m.instance_id, source=m.source, target=m.target)
        for m in found.all_moves()
    )
    changed = _changes(Course(session, session.plan), waves, moves) if session.plan else ""
    why = [reason, changed, *(blocker.reason for blocker in found.blockers)]
    return PlanMade(waves=waves, moves=moves, reason="; ".join(part for part in why if part))


def best(problem: Problem, held: frozenset[str]) -> Plan:
    """A plan that leaves the `held` hosts of other sessions alone; where that leaves no room, they are destinations
    like others, but still nobody works on them."""
    alone = plan(replace(problem, held=held))
    if not held or not any(b.kind is BlockerKind.NO_ROOM for b in alone.blockers):
        return alone
    hosts = tuple(replace(h, in_session=False) if h.name in held else h for h in problem.hosts)
    return plan(replace(problem, hosts=hosts))


def release(session: Session) -> Sequence[InstanceView]:
    """The fewest instances found whose release lets the session be carried out to its end; those of projects without a
    manager are not among them. Empty when no such set was found."""
    alone = frozenset(
        i.instance_id for i in session.instances.values() if i.project_id not in session.listening
    )
    found = smallest_scale_in(replace(problem_of(session), not_to_scale_in=alone))
    return tuple(session.instances[i] for i in found.instance_ids) if found else ()


def _changes(before: Course, waves: Sequence[PlanWave], moves: Iterable[PlanMove]) -> str:
    """What a new plan does otherwise, for a person; what was executed meanwhile is no change."""
    targets = {m.instance_id: m.target for m in moves}
    old = {i: m.target for i, m in before.moves.items()}
    order = [h for wave in waves for h in wave.hosts]
    old_order = [h for wave in before.made.waves for h in wave.hosts if h in set(order)]
    counted = (
        (sum(1 for i in targets.keys() & old.keys() if targets[i] != old[i]), "go elsewhere"),
        (len(targets.keys() - old.keys()), "are new"),
        (len(old.keys() - targets.keys()), "are dropped"),
    )
    told = [f"{number} moves {what}" for number, what in counted if number]
    told += ["hosts go in another order"] if old_order != order else []
    return f"changed: {', '.join(told)}" if told else ""


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
    moves = [step for step in session.moves() if step.target]
    coming: defaultdict[str, list[InstanceView]] = defaultdict(list)
    for step in moves:
        coming[step.target].append(session.instances[step.instance_id])
    return Problem(
        hosts=tuple(_host(session, session.hosts[name], coming[name]) for name in sorted(names)),
        instances=tuple(
            _instance(session, i) for _, i in sorted(session.instances.items()) if i.host in names
        ),
        groups={group_id: _group(session, group_id, size) for group_id, size in sizes.items()},
        slots=Slots(
            per_source=policy.moves_per_source,
            per_destination=policy.moves_per_target,
            in_all=policy.parallel_moves,
        ),
        options=Options(
            max_hosts_at_once=policy.parallel_hosts,
            fill_limit=policy.fill_limit,
            preference=policy.preference,
        ),
        refused={i: hosts for i, hosts in refused.items() if hosts},
        kept=tuple(
            PlannedMove(instance_id=s.instance_id, source=s.host, target=s.target) for s in moves
        ),
    )


def _host(session: Session, host: Host, coming: Sequence[InstanceView]) -> PlannedHost:
    """What others have booked there is not for this session."""
    there = [*session.instances_on(host.name), *coming]
    return PlannedHost(
        name=host.name,
        zone=host.view.pool,
        capacity=free_on(host, there) + total(i.size for i in there),
        maintained=host.maintained,
        in_session=host.maintained or (host.todo and host.view.up),
        usable=usable(host),
        retired=host.retired,
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
