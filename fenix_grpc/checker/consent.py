"""Rules about agreement: everybody is asked in time, and only what was agreed is done."""

from __future__ import annotations

from datetime import timedelta

from fenix_grpc.checker.rule import Rule, seconds
from fenix_grpc.checker.world import MOVING_NOTICES, Entry, Notice, World
from fenix_grpc.core.events import (
    ProjectAsked,
    ProjectDefaulted,
    ProjectReplied,
    SessionDeleted,
    StateEntered,
    StepStarted,
)
from fenix_grpc.core.model import ASKING, MOVING, InstanceAction, SessionState, StepVerb


def _move(entry: Entry, world: World) -> StepStarted | None:
    """The move that the event starts, or evacuation; one that only brings a lost move to its end is no new one."""
    event = entry.event
    if not isinstance(event, StepStarted) or event.verb not in MOVING:
        return None
    return None if world.brings_to_end(event) else event


class Consent(Rule):
    """An instance is moved as its project agreed."""

    name = "consent"
    means = "an instance is moved only off the host named to its project, as that agreed, never after a refusal"
    sees = (StepStarted,)

    def before(self, entry: Entry, world: World) -> None:
        move = _move(entry, world)
        if move is None:
            return
        self.checked += 1
        notice = world.announced.get(move.instance_id)
        problem = _unfounded(move, notice, world)
        if problem:
            text = f"instance {move.instance_id} is moved from host {move.host}: {problem}"
            self.broken(entry, text, notice.seq if notice else 0)


def _unfounded(move: StepStarted, notice: Notice | None, world: World) -> str:
    """Why nobody has agreed to the move; empty when somebody has."""
    if notice is None:
        return "its project was never asked"
    project_id = notice.asked.project_id
    then = notice.hosts.get(move.instance_id, "")
    if then != move.host:
        return f"project {project_id} was asked when it was on host {then or '?'}"
    if notice.reply is None:
        return f"project {project_id} has not answered"
    if notice.refused:
        return f"project {project_id} has refused"
    how = move.how or InstanceAction.MIGRATE
    chosen = notice.chosen(move.instance_id)
    if move.verb is StepVerb.EVACUATE_INSTANCE:  # in place of any move that was agreed
        own = chosen is InstanceAction.OWN_ACTION
        return f"{chosen} was agreed" if own else ""
    if how not in ({chosen} if chosen else _unspoken(move.instance_id, world)):
        return f"{how} was not agreed" + (f" but {chosen}" if chosen else "")
    return ""


def _unspoken(instance_id: str, world: World) -> frozenset[InstanceAction]:
    """What a reply without an action agrees to (mission: project API): MIGRATE, or what the constraint names."""
    demand = world.instance_constraints.get(instance_id)
    return frozenset({InstanceAction.MIGRATE, *(demand.migration_types if demand else ())})


class MigrationType(Rule):
    """Constraints say how an instance may be moved."""

    name = "migration type"
    means = "a move that its project did not choose itself is of a type that the instance's constraint names"
    sees = (StepStarted,)

    def before(self, entry: Entry, world: World) -> None:
        move = _move(entry, world)
        demand = world.instance_constraints.get(move.instance_id) if move else None
        if move is None or demand is None or not demand.migration_types:
            return
        if move.verb is StepVerb.EVACUATE_INSTANCE:  # nothing is left there to be moved
            return
        notice = world.announced.get(move.instance_id)
        replaced = notice is not None and move.instance_id in notice.replaced
        if (
            notice
            and not replaced
            and isinstance(notice.reply, ProjectReplied)
            and notice.chosen(move.instance_id)
        ):
            return
        self.checked += 1
        how = move.how or InstanceAction.MIGRATE
        if how not in demand.migration_types:
            named = ", ".join(demand.migration_types)
            text = f"instance {move.instance_id} is moved by {how}, its constraint names {named}"
            self.broken(entry, text, notice.seq if notice else 0)


class LeadTime(Rule):
    """Applications get the time they need."""

    name = "lead time"
    means = "an instance is moved no sooner than its lead time after the notice, unless its project answered"
    sees = (StepStarted,)

    def before(self, entry: Entry, world: World) -> None:
        move = _move(entry, world)
        demand = world.instance_constraints.get(move.instance_id) if move else None
        notice = world.announced.get(move.instance_id) if move else None
        if move is None or demand is None or notice is None or not demand.lead_time:
            return
        self.checked += 1
        if isinstance(notice.reply, ProjectReplied):
            return
        passed = entry.at - notice.at
        slack = seconds(passed - timedelta(seconds=demand.lead_time))
        text = f"instance {move.instance_id} is moved {seconds(passed):g} s after its notice, "
        text += f"{demand.lead_time} s are demanded"
        self.measure(slack, entry, text)
        if slack < 0:
            self.broken(entry, text, notice.seq)


class Answers(Rule):
    """Whoever is asked is heard."""

    name = "answers"
    means = "every notice that wants a reply is answered, or defaulted when it may be, or the session ends"
    sees = (
        ProjectAsked,
        ProjectReplied,
        ProjectDefaulted,
        StepStarted,
        StateEntered,
        SessionDeleted,
    )

    def __init__(self) -> None:
        super().__init__()
        self._open: dict[str, Notice] = {}
        #: Open notices on which the session has acted all the same.
        self._acted: set[str] = set()

    def before(self, entry: Entry, world: World) -> None:
        match entry.event:
            case ProjectReplied() | ProjectDefaulted() as answer:
                self._answered(answer, entry, world)
            case StepStarted() as event if event.instance_id in world.announced:
                self._acted.add(world.announced[event.instance_id].asked.notice_id)
            case StateEntered(state=SessionState.MAINTENANCE_FAILED) | SessionDeleted():
                self._open.clear()
            case StateEntered(state=SessionState.MAINTENANCE_DONE):
                self._at_the_end(entry)

    def after(self, entry: Entry, world: World) -> None:
        event = entry.event
        if isinstance(event, ProjectAsked) and event.kind in ASKING and event.reply_at:
            self.checked += 1
            self._open[event.notice_id] = world.notices[event.notice_id]

    def _answered(
        self, answer: ProjectReplied | ProjectDefaulted, entry: Entry, world: World
    ) -> None:
        self._open.pop(answer.notice_id, None)
        notice = world.notices.get(answer.notice_id)
        if notice is None or notice.asked.project_id != answer.project_id:
            text = f"project {answer.project_id} answers notice {answer.notice_id}, which it was not sent"
            self.broken(entry, text)
        elif notice.asked.reply_at is not None:
            slack = seconds(notice.asked.reply_at - entry.at)
            who = f"project {answer.project_id}"
            if isinstance(answer, ProjectReplied):
                self.measure(slack, entry, f"{who} answers {slack:g} s before the last moment")
            elif slack > 0 and answer.project_id in world.listening:
                text = f"the default is taken for {who}, which listens and has {slack:g} s left"
                self.broken(entry, text, notice.seq)

    def _at_the_end(self, entry: Entry) -> None:
        for notice_id, notice in self._open.items():
            asked = notice.asked
            text = f"{asked.kind} of project {asked.project_id} was never answered"
            if asked.kind in MOVING_NOTICES and notice_id not in self._acted:
                self.saw(entry, f"{text}, and nothing was done on its behalf", notice.seq)
            else:
                self.broken(entry, text, notice.seq)
        self._open.clear()
