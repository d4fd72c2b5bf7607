"""The rule about health gates: no host is begun, or counts as done, without them."""

from __future__ import annotations

from collections import defaultdict

from fenix_grpc.checker.rule import Rule
from fenix_grpc.checker.world import Entry, World
from fenix_grpc.core.events import HostChanged, HostSetAside, StepEnded, StepStarted
from fenix_grpc.core.model import ActionType, HostProgress, StepOutcome, StepVerb


class HealthGates(Rule):
    """What must pass has passed."""

    name = "health gates"
    means = (
        "every check of the session has passed on a host before it is closed or begun, and again after the work on it "
        "before it counts as done"
    )
    sees = (StepStarted, StepEnded, HostChanged, HostSetAside)

    def __init__(self) -> None:
        super().__init__()
        #: By host, the numbers of the checks that have passed and still count.
        self._passed: defaultdict[str, set[int]] = defaultdict(set)

    def before(self, entry: Entry, world: World) -> None:
        match entry.event:
            case StepStarted(verb=StepVerb.DISABLE_HOST, host=host) if not world.work[host].ours:
                self._needs(host, "is closed", entry, world)
            case HostChanged(host=host, progress=HostProgress.IN_MAINTENANCE):
                if not world.work[host].ours:
                    self._needs(host, "is begun", entry, world)
                self._passed[host].clear()
            case HostChanged(host=host, progress=HostProgress.MAINTENANCE_COMPLETE):
                self._needs(host, "counts as done", entry, world)
                self._passed[host].clear()
            case HostSetAside(host=host):
                self._passed[host].clear()
            case StepEnded(outcome=StepOutcome.DONE) as end if end.step_id in world.running:
                step = world.running[end.step_id].started
                if step.host and step.verb is StepVerb.RUN_ACTION:
                    self._passed[step.host].add(step.action_index)

    def _needs(self, host: str, what: str, entry: Entry, world: World) -> None:
        actions = world.created.actions if world.created else ()
        for index, action in enumerate(actions):
            if action.type is not ActionType.CHECK:
                continue
            self.checked += 1
            if index not in self._passed[host]:
                self.broken(entry, f"host {host} {what}, and check {action.plugin} has not passed")
