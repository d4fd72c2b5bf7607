"""Rules about the journal itself: nothing is missing, every step happens once, not too early, not too many at once."""

from __future__ import annotations

from fenix_grpc.checker.rule import Rule, seconds
from fenix_grpc.checker.world import Entry, World
from fenix_grpc.core.events import (
    KINDS,
    HostChanged,
    HostSetAside,
    SessionClosed,
    SessionCreated,
    StateEntered,
    StepEnded,
    StepStarted,
)
from fenix_grpc.core.model import (
    MOVING,
    HostProgress,
    Policy,
    SessionState,
    StepOutcome,
    StepVerb,
)


class Gapless(Rule):
    """The journal is whole."""

    name = "journal"
    means = "events are numbered from 1 without gaps, and the first says what the session is"
    sees = tuple(KINDS.values())

    def __init__(self) -> None:
        super().__init__()
        self._session_id = ""

    def before(self, entry: Entry, world: World) -> None:
        self.checked += 1
        if entry.seq != world.seq + 1:
            self.broken(entry, f"number {world.seq + 1} was due", world.seq)
        if isinstance(entry.event, SessionCreated) != (entry.seq == 1):
            self.broken(entry, f"{type(entry.event).__name__} in this place")
        self._session_id = self._session_id or entry.session_id
        if entry.session_id != self._session_id:
            self.broken(entry, f"belongs to session {entry.session_id}, not {self._session_id}")


class Steps(Rule):
    """Each step happens once and only while the session is at work."""

    name = "steps"
    means = "a step starts once, ends once, and never starts when the session has stopped"
    sees = (StepStarted, StepEnded, StateEntered, SessionClosed)

    def before(self, entry: Entry, world: World) -> None:
        event = entry.event
        if isinstance(event, StepStarted):
            self._started(event, entry, world)
        elif isinstance(event, StepEnded):
            self._ended(event, entry, world)
        elif not isinstance(event, StateEntered) or event.state is SessionState.MAINTENANCE_DONE:
            self._at_rest(entry, world)

    def _started(self, event: StepStarted, entry: Entry, world: World) -> None:
        self.checked += 1
        known = world.steps.get(event.step_id)
        if known is not None:
            self.broken(entry, f"step {event.step_id} started a second time", known.seq)
        other = world.moving.get(event.instance_id)
        if other is not None and event.verb in MOVING:
            text = f"a second move of instance {event.instance_id} beside {other.started.step_id}"
            self.broken(entry, text, other.seq)
        stopped = _stopped(event, world)
        if stopped:
            self.broken(entry, f"step {event.step_id} started after {stopped}")

    def _ended(self, event: StepEnded, entry: Entry, world: World) -> None:
        self.checked += 1
        step = world.steps.get(event.step_id)
        if step is None:
            self.broken(entry, f"step {event.step_id} ended and was never started")
        elif step.outcome is not None and StepOutcome.LOST in (step.outcome, event.outcome):
            text = f"step {event.step_id} was given up for lost, and its end was told as well"
            self.saw(entry, text, step.ended_seq)
        elif step.outcome is not None:
            self.broken(entry, f"step {event.step_id} ended a second time", step.ended_seq)

    def _at_rest(self, entry: Entry, world: World) -> None:
        for step in world.running.values():
            self.broken(entry, f"step {step.started.step_id} is still running", step.seq)


def _stopped(event: StepStarted, world: World) -> str:
    """Why no such step may start any more; empty while it may."""
    if world.closed:
        return "the session was closed"
    if world.deleted:
        due = event.verb is StepVerb.ENABLE_HOST or event.instance_id in world.lost
        return "" if due else "the session was deleted"
    if world.state in (SessionState.MAINTENANCE_DONE, SessionState.MAINTENANCE_FAILED):
        return f"the session had come to {world.state}"
    return ""


class Window(Rule):
    """Nothing starts too early."""

    name = "window"
    means = "nothing starts before the time at which work may start"
    sees = (StepStarted,)

    def before(self, entry: Entry, world: World) -> None:
        if world.created is None:
            return
        self.checked += 1
        slack = seconds(entry.at - world.created.maintenance_at)
        self.measure(slack, entry, f"the first step starts {slack:g} s after it may")
        if slack < 0:
            self.broken(entry, f"a step started {-slack:g} s before work may start")


class Slots(Rule):
    """Not too much at once."""

    name = "slots"
    means = "no more moves are begun, and no more hosts are worked on, at once than the session's policy allows"
    sees = (StepStarted, HostChanged, HostSetAside)

    def __init__(self) -> None:
        super().__init__()
        self._in_work: set[str] = set()

    def before(self, entry: Entry, world: World) -> None:
        if world.created is None:
            return
        policy = world.created.policy
        match entry.event:
            case HostChanged(progress=HostProgress.IN_MAINTENANCE, host=host):
                self._in_work.add(host)
                self._count(entry, len(self._in_work), policy.parallel_hosts, "hosts worked on")
            case (
                HostChanged(host=host)
                | HostSetAside(host=host)
                | StepStarted(verb=StepVerb.ENABLE_HOST, host=host)
            ):
                self._in_work.discard(host)
            case StepStarted(verb=verb) as move if verb in MOVING and not world.brings_to_end(move):
                # an instance that was deleted on its way is not under way any more
                others = [s.started for i, s in world.moving.items() if i in world.instances]
                self._count(entry, len(others) + 1, policy.parallel_moves, "moves")
                if world.created.workflow != "default":
                    self._ends(move, others, entry, policy)

    def _ends(
        self, move: StepStarted, others: list[StepStarted], entry: Entry, policy: Policy
    ) -> None:
        """Limits for one host, which the default workflow does not promise."""
        leaving = 1 + sum(other.host == move.host for other in others)
        self._count(entry, leaving, policy.moves_per_source, f"moves from host {move.host}")
        if move.target:
            arriving = 1 + sum(other.target == move.target for other in others)
            self._count(entry, arriving, policy.moves_per_target, f"moves to host {move.target}")

    def _count(self, entry: Entry, count: int, allowed: int, what: str) -> None:
        self.checked += 1
        text = f"{count} of at most {allowed} {what} at once"
        self.measure(allowed - count, entry, text)
        if count > allowed:
            self.broken(entry, text)
