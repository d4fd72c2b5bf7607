"""The rule about hosts whose work failed: no more of them than agreed, left alone, and never forgotten."""

from __future__ import annotations

from fenix_grpc.checker.rule import Rule
from fenix_grpc.checker.world import Entry, World
from fenix_grpc.core.events import HostChanged, HostSetAside, StateEntered, StepStarted
from fenix_grpc.core.model import FailedLive, SessionState, StepVerb


class FailureBudget(Rule):
    """One bad host does not end the night, too many do."""

    name = "failure budget"
    means = (
        "no more hosts are set aside than the session may lose, but for those that policy gives back, nothing new "
        "begins on them until it is continued, and "
        "it does not end well without them"
    )
    sees = (HostSetAside, StepStarted, HostChanged, StateEntered)

    def before(self, entry: Entry, world: World) -> None:
        match entry.event:
            case HostSetAside(given_back=True, host=host):
                self._given_back(host, entry, world)
            case HostSetAside(host=host):
                self._set_aside(host, entry, world)
            case StepStarted() as step if world.brings_to_end(step):
                self.checked += 1  # the instance has left: its old place is cleared
            case StepStarted(verb=verb, host=host) if host and verb is not StepVerb.ENABLE_HOST:
                self._begins(host, f"{verb} begins", entry, world)
            case HostChanged(host=host):
                self._begins(host, "work goes on", entry, world)
            case StateEntered(state=SessionState.MAINTENANCE_DONE):
                for host, seq in world.aside.items():
                    self.broken(entry, f"the session is done without host {host}", seq)

    def _set_aside(self, host: str, entry: Entry, world: World) -> None:
        budget = world.created.policy.failure_budget if world.created else 0
        count = len(world.aside.keys() - world.given_back) + 1
        left = budget - count
        self.checked += 1
        text = f"{count} hosts set aside with {host}, {budget} allowed"
        self.measure(left, entry, text)
        if left < 0:
            self.broken(entry, text)
        if host not in world.selected:
            self.broken(entry, f"host {host} is set aside, which was not selected")

    def _given_back(self, host: str, entry: Entry, world: World) -> None:
        self.checked += 1
        if world.created and FailedLive.GIVE_BACK not in world.created.policy.failed_live:
            self.broken(entry, f"host {host} is given back, which policy does not say")

    def _begins(self, host: str, what: str, entry: Entry, world: World) -> None:
        if host in world.aside and not world.deleted:
            self.broken(entry, f"{what} on host {host}, which was set aside", world.aside[host])
