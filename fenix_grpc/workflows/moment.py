"""A session at one time together with what was measured: what its hosts and instances still need, and what the planner
is asked.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import datetime

from fenix_grpc.core.capacity import groups_of
from fenix_grpc.core.model import HostKind, HostProgress, InstanceAction, InstanceView, StepVerb
from fenix_grpc.core.pace import NOTHING, Spread, Tempo, work_on
from fenix_grpc.core.planner import Problem
from fenix_grpc.core.rehearsal import Departure, Visit
from fenix_grpc.core.reindex import LEAVING
from fenix_grpc.core.session import Host, Session, Step
from fenix_grpc.workflows.planning import problem_of


class Moment:
    """A session at one time, with what was measured."""

    def __init__(self, session: Session, tempo: Tempo, now: datetime, follows_plan: bool) -> None:
        self.session, self.tempo, self.now = session, tempo, now
        self._follows_plan = follows_plan
        self.moving: Mapping[str, Step] = {
            step.instance_id: step
            for step in session.open()
            if step.verb is StepVerb.MOVE_INSTANCE and step.instance_id in session.instances
        }
        self._sizes = Counter(g for i in session.instances.values() for g in groups_of(session, i))
        self._asks = {
            i: a for a in session.asks.values() if a.kind in LEAVING for i in a.instance_ids
        }
        self._working: dict[str, datetime] = {}
        for step in session.steps.values():
            if step.verb is StepVerb.RUN_ACTION and step.host and not session.is_check(step):
                self._working.setdefault(step.host, step.started_at)

    def to_do(self) -> list[Host]:
        """Compute hosts that can be worked on as far as anybody knows."""
        held = self.session.held_hosts
        return [h for h in self.session.todo(HostKind.COMPUTE) if h.view.up and h.name not in held]

    def problem(self) -> Problem:
        """What the planner is asked, with what is expected of durations."""
        session = self.session
        asked = problem_of(session)
        left = {h.name: _left(*self.work(h)) for h in session.hosts.values()}
        moves = {
            i.instance_id: _left(self.tempo.move(self._how(i)), self._moving_s(i))
            for i in session.instances.values()
        }
        asked = replace(
            asked,
            hosts=tuple(replace(h, work_s=left[h.name]) for h in asked.hosts),
            instances=tuple(replace(i, move_s=moves[i.instance_id]) for i in asked.instances),
        )
        return asked if self._follows_plan else _without_demands(asked)

    def work(self, host: Host) -> tuple[Spread, float | None]:
        """How long the work on a host takes, and for how long it has been going on."""
        if host.progress is HostProgress.MAINTENANCE_COMPLETE:
            return NOTHING, 0.0
        spread = self.tempo.work(work_on(self.session, host.view.kind))
        if host.progress is None:
            return spread, None
        began = self._working.get(host.name, self.now)
        return spread, max(0.0, (self.now - began).total_seconds())

    def visit(self, host: Host, wave: int, departures: Iterable[Departure], at_once: int) -> Visit:
        """A host that is to be emptied and worked on."""
        work, since_s = self.work(host)
        return Visit(
            host=host.name,
            wave=wave,
            departures=tuple(departures),
            work=work,
            since_s=since_s,
            begun=host.disabled or host.progress is not None,
            at_once=at_once,
        )

    def before(self) -> tuple[Visit, ...]:
        """Hosts without instances, in their order."""
        rest = [h for h in self.session.todo() if h.view.kind is not HostKind.COMPUTE]
        rest.sort(key=lambda h: (h.view.kind is not HostKind.CONTROLLER, h.name))
        return tuple(self.visit(h, 0, (), 1) for h in rest)

    def departure(self, instance: InstanceView, source: str, target: str) -> Departure:
        """An instance that is to leave `source`, where it may not have arrived yet."""
        here = instance.host == source
        limits = self.groups if self._follows_plan else {}
        return Departure(
            instance_id=instance.instance_id,
            source=source,
            target=target,
            groups=tuple(g for g in groups_of(self.session, instance) if g in limits),
            lasts=self.tempo.move(self._how(instance)),
            since_s=self._moving_s(instance) if here else None,
            notice_s=self._notice_s(instance, here),
        )

    @property
    def groups(self) -> Mapping[str, tuple[int, float]]:
        """Group to the members that may be out at once, and the seconds that each needs to recover."""
        demands = self.session.group_constraints.items()
        return {
            g: (demand.budget(self._sizes[g]), float(demand.recovery_time))
            for g, demand in demands
            if demand.budget(self._sizes[g]) > 0
        }

    def _how(self, instance: InstanceView) -> InstanceAction | None:
        agreed = self.session.agreed.get(instance.instance_id)
        if agreed is not None and not agreed.done and agreed.from_host == instance.host:
            return agreed.action
        demand = self.session.instance_constraints.get(instance.instance_id)
        return next(iter(demand.migration_types if demand else ()), None)

    def _moving_s(self, instance: InstanceView) -> float | None:
        step = self.moving.get(instance.instance_id)
        if step is not None:
            return max(0.0, (self.now - step.started_at).total_seconds())
        agreed = self.session.agreed.get(instance.instance_id)
        if agreed is None or agreed.done or agreed.from_host != instance.host:
            return None
        own = agreed.action is InstanceAction.OWN_ACTION
        return max(0.0, (self.now - agreed.at).total_seconds()) if own else None

    def _notice_s(self, instance: InstanceView, here: bool) -> float:
        """From the closing of its host, or from now where it is closed, to its move. An answer waives the time that the
        instance asked for; where nobody listens it is waited for."""
        ask = self._asks.get(instance.instance_id) if here else None
        told = ask is not None and ask.hosts.get(instance.instance_id) == instance.host
        if ask is not None and told and ask.answer is not None:
            return 0.0
        if instance.project_id in self.session.listening:
            needs = self.tempo.reply_s
        else:
            demand = self.session.instance_constraints.get(instance.instance_id)
            needs = float(demand.lead_time) if demand and self._follows_plan else 0.0
        passed = (self.now - ask.asked_at).total_seconds() if ask is not None and told else 0.0
        return max(0.0, needs - passed)


def _left(spread: Spread, since_s: float | None) -> float:
    lasts = spread.at(0.5)
    return lasts if since_s is None else max(0.0, lasts - since_s)


def _without_demands(problem: Problem) -> Problem:
    """As a workflow sees it that heeds capacity and placement groups only."""
    size = max(1, len(problem.instances))
    return replace(
        problem,
        instances=tuple(
            replace(i, lead_s=0.0, mitigation=False, own_action=False, movable=True)
            for i in problem.instances
        ),
        groups={
            g: replace(group, budget=size, recovery_s=0.0) for g, group in problem.groups.items()
        },
        slots=replace(problem.slots, per_source=0, per_destination=0),
    )
