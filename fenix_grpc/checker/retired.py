"""The rule about hosts that leave the cloud for good."""

from __future__ import annotations

from fenix_grpc.checker.rule import Rule
from fenix_grpc.checker.world import Entry, World
from fenix_grpc.core.events import HostChanged, StateEntered, StepStarted
from fenix_grpc.core.model import MOVING, HostProgress, SessionState, StepVerb


class Retired(Rule):
    """What is to leave takes nothing any more, and leaves only after its work."""

    name = "retired hosts"
    means = (
        "nothing is moved to a host that is retired; it is removed only closed, empty, stopped and after its work; it "
        "is opened again only where the session is deleted before that; no session ends well with it still there"
    )
    sees = (StepStarted, HostChanged, StateEntered)

    def __init__(self) -> None:
        super().__init__()
        self._gone: set[str] = set()

    def before(self, entry: Entry, world: World) -> None:
        retire = world.created.retire if world.created else ()
        match entry.event:
            case StepStarted(verb=verb) as move if verb in MOVING:
                self.checked += bool(retire)
                if move.target in retire and not world.brings_to_end(move):
                    text = (
                        f"instance {move.instance_id} is moved to {move.target}, which is retired"
                    )
                    self.broken(entry, text)
            case StepStarted(verb=StepVerb.REMOVE_HOST, host=host):
                self._removed(host, retire, entry, world)
            case StepStarted(verb=StepVerb.ENABLE_HOST, host=host) if host in retire:
                self._opened(host, entry, world)
            case HostChanged(progress=HostProgress.HOST_REMOVED, host=host):
                self._gone.add(host)
            case StateEntered(state=SessionState.MAINTENANCE_DONE):
                for host in retire:
                    if host in world.selected and host not in self._gone:
                        self.broken(entry, f"the session is done and host {host} is still there")

    def _opened(self, host: str, entry: Entry, world: World) -> None:
        self.checked += 1
        if not world.deleted:
            self.broken(entry, f"host {host}, which is retired, is opened again")
        elif world.work[host].progress is not None:
            self.broken(entry, f"host {host}, which is retired, is opened again after its work")

    def _removed(self, host: str, retire: tuple[str, ...], entry: Entry, world: World) -> None:
        self.checked += 1
        work, view = world.work[host], world.hosts.get(host)
        if host not in retire:
            self.broken(entry, f"host {host} is removed, which is not retired")
        if work.progress is not HostProgress.IN_MAINTENANCE or not work.ours:
            self.broken(entry, f"host {host} is removed before its work")
        if world.on[host]:
            self.broken(entry, f"host {host} is removed with instances on it")
        if view is not None and view.up:
            self.broken(entry, f"host {host} is removed while its service runs")
