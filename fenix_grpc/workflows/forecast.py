"""What becomes of a session: its plan with expected times, how good that is, and what stands in the way.

For whoever asks; nothing acts upon it. Times hold as long as projects answer as they did so far and nobody refuses.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta

from fenix_grpc.core.capacity import shortage
from fenix_grpc.core.model import (
    ActionType,
    HostKind,
    Resources,
    SessionState,
    StepVerb,
    Waiting,
)
from fenix_grpc.core.pace import Tempo, work_on
from fenix_grpc.core.planner import Blocker, BlockerKind, Bounds, Option, Plan
from fenix_grpc.core.rehearsal import Expected, Script, expect
from fenix_grpc.core.session import Session
from fenix_grpc.core.session_plan import (
    HOST_UNFIT,
    HostPlan,
    MovePlan,
    PlanBlocker,
    PlanBounds,
    PlanOption,
    SessionPlan,
)
from fenix_grpc.workflows.outline import Outline, outline
from fenix_grpc.workflows.parts import few

_LIMITS = {
    "capacity": "capacity_s",
    "parallel hosts": "parallel_s",
    "group": "group_s",
    "network": "network_s",
    "chain": "chain_s",
}
#: States before any work.
_BEGINNING = frozenset({SessionState.MAINTENANCE})


def forecast(
    session: Session,
    tempo: Tempo,
    now: datetime,
    *,
    follows_plan: bool,
    waiting: Iterable[Waiting] = (),
) -> SessionPlan:
    """The plan of what is left of a session whose hosts are settled. `follows_plan` is the workflow's."""
    pace = tempo.pace(work_on(session, HostKind.COMPUTE))
    if session.ended or session.deleted:
        end = session.updated_at
        return SessionPlan(
            session_id=session.session_id,
            made_at=now,
            ends_at_p50=end,
            ends_at_p90=end,
            pace=pace,
            waiting=tuple(waiting),
        )
    found = outline(session, tempo, now, follows_plan=follows_plan)
    expected = expect(found.script, session.session_id)
    begin = _begin(session, tempo, now)
    after_s = sum(map(tempo.once, _once(session, ActionType.POST)))
    times = _Times(session, found.script, expected, begin)
    rounds = len({visit.wave for visit in found.script.visits})
    under_way = sum(d.since_s is not None for d in found.script.departures)
    bounds = _bounds(found.found, rounds, under_way)
    moves, least = len(found.script.departures), bounds.moves_at_rounds
    ends_at = begin + timedelta(seconds=expected.p50_s + after_s)
    return SessionPlan(
        session_id=session.session_id,
        made_at=now,
        hosts=times.hosts(),
        moves=times.moves(),
        rounds=rounds,
        bounds=bounds,
        moves_gap=max(0, moves - least) / least if least else 0.0,
        options=_options(found.found, rounds, moves, under_way),
        blockers=_blockers(session, found),
        ends_at_p50=ends_at,
        ends_at_p90=begin + timedelta(seconds=expected.p90_s + after_s),
        pace=pace,
        waiting=(*waiting, *_window(session, now, ends_at)),
    )


def _begin(session: Session, tempo: Tempo, now: datetime) -> datetime:
    """When work goes on: now, or at the earliest when it may start and the pre actions are done."""
    if session.state not in _BEGINNING:
        return now
    pre_s = sum(map(tempo.once, _once(session, ActionType.PRE)))
    return max(now, session.created.maintenance_at) + timedelta(seconds=pre_s)


def _once(session: Session, kind: ActionType) -> Iterable[str]:
    """Plug-ins of this type that are still to run once."""
    for index in session.action_order(kind):
        if index not in session.actions_done:
            yield session.created.actions[index].plugin


class _Times:
    """The rehearsed times as times of day. They are stretched a little so that the last of them is the expected end:
    where many things go on at once, the latest of them counts."""

    def __init__(
        self, session: Session, script: Script, expected: Expected, begin: datetime
    ) -> None:
        self._session, self._script, self._times = session, script, expected.times
        self._begin = begin
        end_s = expected.times.end_s
        self._stretch = expected.p50_s / end_s if end_s else 1.0
        self._closed: dict[str, datetime] = {}
        self._worked: dict[str, datetime] = {}
        for step in session.steps.values():
            if step.verb is StepVerb.DISABLE_HOST:
                self._closed[step.host] = step.started_at
            elif step.verb is StepVerb.RUN_ACTION and not session.is_check(step):
                self._worked.setdefault(step.host, step.started_at)

    def _at(self, seconds: float) -> datetime:
        return self._begin + timedelta(seconds=seconds * self._stretch)

    def hosts(self) -> tuple[HostPlan, ...]:
        """In the order in which they are begun; what is past is told as it was."""
        planned = []
        for visit in (*self._script.before, *self._script.visits):
            host, (begin, empty, end) = (
                self._session.hosts[visit.host],
                self._times.hosts[visit.host],
            )
            work_at = self._at(empty)
            if host.progress is not None:
                work_at = self._worked.get(visit.host, work_at)
            begins_at = self._at(begin) if visit.departures else work_at
            if visit.begun:
                begins_at = min(begins_at, self._closed.get(visit.host, begins_at))
            planned.append(
                HostPlan(
                    host=visit.host,
                    zone=host.view.pool,
                    wave=visit.wave,
                    begins_at=begins_at,
                    work_at=work_at,
                    ends_at=self._at(end),
                )
            )
        return tuple(sorted(planned, key=lambda plan: (plan.begins_at, plan.wave, plan.host)))

    def moves(self) -> tuple[MovePlan, ...]:
        """By their begin."""
        planned = []
        waves = {visit.host: visit.wave for visit in self._script.visits}
        departures = self._script.departures
        for departure, (begin, end) in zip(departures, self._times.moves, strict=True):
            instance = self._session.instances[departure.instance_id]
            since = timedelta(seconds=departure.since_s or 0.0)
            planned.append(
                MovePlan(
                    instance_id=departure.instance_id,
                    instance_name=instance.instance_name,
                    project_id=instance.project_id,
                    source=departure.source,
                    target=departure.target,
                    wave=waves[departure.source],
                    begins_at=self._at(begin) - since,
                    ends_at=self._at(end),
                )
            )
        return tuple(sorted(planned, key=lambda move: (move.begins_at, move.wave, move.source)))


def _bounds(found: Plan, rounds: int, under_way: int) -> PlanBounds:
    """The planner's; the moves at these rounds are known for as many as its own plan has, else those at any number. To
    the planner, moves under way are done."""
    bounds = found.bounds
    by = max(_LIMITS, key=lambda name: _seconds(bounds, name))
    at_rounds = bounds.moves_at_rounds if rounds <= found.rounds else bounds.moves
    return PlanBounds(
        rounds=bounds.rounds,
        moves=bounds.moves + under_way,
        moves_at_rounds=at_rounds + under_way,
        makespan_s=bounds.makespan_s,
        makespan_by=by if bounds.makespan_s else "",
    )


def _seconds(bounds: Bounds, name: str) -> float:
    return float(getattr(bounds, _LIMITS[name]))


def _options(found: Plan, rounds: int, moves: int, under_way: int) -> tuple[PlanOption, ...]:
    def followed(option: Option) -> bool:
        return option is found.chosen and (option.rounds, option.moves + under_way) == (
            rounds,
            moves,
        )

    return tuple(
        PlanOption(
            rounds=option.rounds,
            moves=option.moves + under_way,
            makespan_s=option.makespan_s,
            seeds=option.seeds,
            chosen=followed(option),
        )
        for option in found.front
    )


def _blockers(session: Session, found: Outline) -> tuple[PlanBlocker, ...]:
    """Hosts that cannot be worked on, then what the planner found, then what only this order runs into."""
    planned = {visit.host for visit in found.script.visits}
    known = [
        _blocker(blocker)
        for blocker in found.found.blockers
        if blocker.kind is not BlockerKind.HOST_HELD and not planned.issuperset(blocker.hosts)
    ]
    stuck = [name for name in found.stuck if all(name not in each.hosts for each in known)]
    return (*_unfit(session), *_held(session), *known, *_no_room(session, stuck))


def _blocker(blocker: Blocker) -> PlanBlocker:
    release = blocker.scale_in
    return PlanBlocker(
        kind=blocker.kind,
        subject=blocker.subject,
        reason=blocker.reason,
        hosts=blocker.hosts,
        proven=blocker.proven,
        scale_in_instance_ids=release.instance_ids if release else (),
        scale_in=release.amount if release else None,
        add_hosts=blocker.add_hosts,
    )


def _unfit(session: Session) -> Iterable[PlanBlocker]:
    """Hosts that were asked for and cannot be worked on, as far as the cloud was looked at."""
    for name in session.created.hosts:
        if name not in session.hosts:
            yield _unfit_host(name, f"The cloud knows no host {name}; correct its name.")
    for name, host in sorted(session.hosts.items()):
        if name in session.held_hosts:
            continue
        if host.excluded:
            yield _unfit_host(
                name,
                f"Host {name} is left out ({host.excluded}); repair or enable it, or leave it out.",
            )
        elif host.todo and not host.view.up and host.progress is None:
            yield _unfit_host(name, f"The service of host {name} does not report; repair it first.")


def _unfit_host(name: str, reason: str) -> PlanBlocker:
    """A host that cannot be worked on, and why."""
    return PlanBlocker(
        kind=HOST_UNFIT, subject=f"host:{name}", reason=reason, hosts=(name,), proven=True
    )


def _held(session: Session) -> Iterable[PlanBlocker]:
    for name, held in sorted(session.held_hosts.items()):
        host = session.hosts.get(name)
        if host is not None and (host.todo or host.excluded):
            yield PlanBlocker(
                kind=BlockerKind.HOST_HELD,
                subject=f"host:{name}",
                reason=f"Host {name} belongs to session {held.session_id}; it can be planned when that is over.",
                hosts=(name,),
                proven=True,
            )


def _no_room(session: Session, stuck: Sequence[str]) -> Iterable[PlanBlocker]:
    """Hosts that one after the other finds no room for, though waves may."""
    if not stuck:
        return
    lacking = shortage(session)
    lacks = f" It will ask projects to release {lacking}." if lacking != Resources() else ""
    yield PlanBlocker(
        kind=BlockerKind.NO_ROOM,
        subject="zone:",
        reason=f"What is on {few(stuck)} finds no room when one host is emptied after the other.{lacks}",
        hosts=tuple(stuck),
        proven=False,
        scale_in=lacking if lacks else None,
    )


def _window(session: Session, now: datetime, ends_at: datetime) -> Iterable[Waiting]:
    """A window that is expected to be too short, told like a wait that will come."""
    end = session.window_end
    if end is not None and ends_at > end:
        late = ends_at - end
        yield Waiting(
            subject="window",
            reason=f"the window ends {late.total_seconds() / 60:.0f} min before all hosts are expected to be done",
            since=now,
            deadline=end,
            then="hosts that would not be done by then are not begun",
        )
