"""Rules about hosts: empty while worked on, given back at the end, and never those of somebody else."""

from __future__ import annotations

from collections.abc import Iterator

from fenix_grpc.checker.rule import Rule
from fenix_grpc.checker.world import Entry, World
from fenix_grpc.core.events import (
    HostChanged,
    SessionClosed,
    StateEntered,
    StepEnded,
    StepStarted,
    WorldObserved,
)
from fenix_grpc.core.model import (
    MOVING,
    HostKind,
    HostProgress,
    SessionState,
    StepOutcome,
    StepVerb,
)


class EmptyHosts(Rule):
    """No instance is on a compute host while it is worked on, and that was seen before."""

    name = "empty hosts"
    means = (
        "a compute host is worked on only while the session keeps it closed and nothing is on it"
    )
    sees = (HostChanged, StepStarted, StepEnded, WorldObserved)

    def before(self, entry: Entry, world: World) -> None:
        match entry.event:
            case HostChanged(progress=HostProgress.IN_MAINTENANCE, host=host):
                self._begins(host, entry, world)
            case StepStarted(verb=StepVerb.RUN_ACTION, host=host) as run if host:
                if not world.is_check(run):
                    self._action(host, entry, world)
            case StepStarted(verb=verb) as move if verb in MOVING:
                if move.target not in world.places.get(move.instance_id, frozenset()):
                    self._arrives(move.instance_id, move.target, entry, world)
            case StepStarted(verb=StepVerb.ENABLE_HOST, host=host):
                self._opens(host, entry, world)
            case StepEnded(outcome=StepOutcome.DONE, host=host) as end if host:
                step = world.running.get(end.step_id)
                if step is not None and step.started.target != host:
                    self._arrives(step.started.instance_id, host, entry, world)
            case WorldObserved():
                self._looked(entry.event, entry, world)

    def _begins(self, host: str, entry: Entry, world: World) -> None:
        self.checked += 1
        if host not in world.selected:
            self.broken(entry, f"work begins on host {host}, which was not selected")
        if not world.is_compute(host):
            return
        for problem in _not_proven_empty(host, world):
            self.broken(entry, f"work begins on host {host}: {problem}")
        work = world.work[host]
        spare = world.looked - max(work.closed_seq, work.touched_seq)
        text = f"host {host} was seen empty {spare} events after it was closed and left"
        self.measure(spare, entry, text)

    def _action(self, host: str, entry: Entry, world: World) -> None:
        self.checked += 1
        if world.work[host].progress is not HostProgress.IN_MAINTENANCE:
            self.broken(entry, f"an action runs on host {host} while it is not in maintenance")
        if world.is_compute(host):
            for problem in _not_closed_and_empty(host, world):
                self.broken(entry, f"an action runs on host {host}: {problem}")

    def _arrives(self, instance_id: str, host: str, entry: Entry, world: World) -> None:
        if world.work[host].progress is HostProgress.IN_MAINTENANCE:
            self.checked += 1
            self.broken(entry, f"instance {instance_id} is moved to host {host} during its work")

    def _opens(self, host: str, entry: Entry, world: World) -> None:
        self.checked += 1
        for step in world.running.values():
            if step.started.host == host and step.started.verb is StepVerb.RUN_ACTION:
                text = f"host {host} is enabled while {step.started.step_id} runs on it"
                self.broken(entry, text, step.seq)

    def _looked(self, event: WorldObserved, entry: Entry, world: World) -> None:
        for view in event.instances:
            in_work = world.work[view.host].progress is HostProgress.IN_MAINTENANCE
            if in_work and not world.in_hand(view.instance_id):
                text = f"instance {view.instance_id} appeared on host {view.host} during its work"
                self.saw(entry, text)


def _not_closed_and_empty(host: str, world: World) -> Iterator[str]:
    work = world.work[host]
    if not (work.ours and work.closed_seq):
        yield "the session has not closed it"
    if world.on[host]:
        yield f"instances are on it: {', '.join(sorted(world.on[host]))}"


def _not_proven_empty(host: str, world: World) -> Iterator[str]:
    yield from _not_closed_and_empty(host, world)
    work, view = world.work[host], world.hosts.get(host)
    if world.looked < max(work.closed_seq, work.touched_seq):
        yield "the cloud was not looked at since it was closed and left"
    if view is not None and view.used.vcpus > (0 if view.up else world.evacuated[host]):
        yield f"{view.used} are still in use"


class OneSession(Rule):
    """A host belongs to one session at a time."""

    name = "one session"
    means = "nothing is done to a host that another session holds, and nothing is moved there while it is worked on"
    sees = (StepStarted, HostChanged)

    def before(self, entry: Entry, world: World) -> None:
        event = entry.event
        moves = isinstance(event, StepStarted) and event.verb in MOVING
        host = event.host if isinstance(event, StepStarted | HostChanged) else ""
        if isinstance(event, StepStarted) and moves:
            here = world.places.get(event.instance_id, frozenset())
            host = "" if event.target in here else event.target
        if not host:
            return
        self.checked += 1
        held = world.held.get(host)
        if held is not None and (held.in_work or not moves):
            self.broken(entry, f"host {host} is held by session {held.session_id}")


class Quorum(Rule):
    """Enough controllers serve at every moment."""

    name = "quorum"
    means = "work on a controller begins only while enough of the others are in service: a majority, of two the other"
    sees = (HostChanged,)

    def before(self, entry: Entry, world: World) -> None:
        match entry.event:
            case HostChanged(progress=HostProgress.IN_MAINTENANCE, host=host):
                if world.hosts.get(host) and world.hosts[host].kind is HostKind.CONTROLLER:
                    self._judge(host, entry, world)

    def _judge(self, host: str, entry: Entry, world: World) -> None:
        total, serving = 0, 0
        for name, view in world.hosts.items():
            if view.kind is not HostKind.CONTROLLER:
                continue
            total += 1
            busy = world.work[name].progress is HostProgress.IN_MAINTENANCE
            elsewhere = name in world.held and world.held[name].in_work
            if name != host and view.up and not busy and not elsewhere:
                serving += 1
        needed = total // 2 + 1 if total >= 3 else total - 1
        self.checked += 1
        text = f"{serving} of {total} controllers in service beside {host}, {needed} needed"
        self.measure(serving - needed, entry, text)
        if serving < needed:
            self.broken(entry, text)


class GivenBack(Rule):
    """Every host that was taken out of service returns, or is named."""

    name = "given back"
    means = "at the end every host that the session disabled is enabled again or named"
    sees = (StateEntered, SessionClosed)

    def before(self, entry: Entry, world: World) -> None:
        named: tuple[str, ...] = ()
        if isinstance(entry.event, SessionClosed):
            named = entry.event.left_disabled
        elif not _done(entry.event):
            return
        disabled = (s for s in world.steps.values() if s.started.verb is StepVerb.DISABLE_HOST)
        for host, seq in sorted({step.started.host: step.seq for step in disabled}.items()):
            self.checked += 1
            here = host in world.hosts  # one that somebody else has removed cannot be given back
            if here and world.work[host].ours and host not in named:
                self.broken(entry, f"host {host} is still out of service", seq)


def _done(event: object) -> bool:
    return isinstance(event, StateEntered) and event.state is SessionState.MAINTENANCE_DONE


class HostsOfOthers(Rule):
    """What somebody else has taken out of service stays as it is."""

    name = "hosts of others"
    means = "a host that somebody else has disabled is neither used nor worked on nor enabled"
    sees = (StepStarted,)

    def before(self, entry: Entry, world: World) -> None:
        event = entry.event
        if not isinstance(event, StepStarted):
            return
        moves = event.verb in MOVING
        host = event.target if moves else event.host
        if not host or (moves and host in world.places.get(event.instance_id, frozenset())):
            return
        if moves and world.brings_to_end(event):  # it was on its way there before
            return
        self.checked += 1
        view = world.hosts.get(host)
        if view is not None and not view.enabled and not world.work[host].ours:
            because = f" ({view.disabled_reason})" if view.disabled_reason else ""
            self.broken(
                entry, f"{event.verb} on host {host}, which somebody else disabled{because}"
            )
