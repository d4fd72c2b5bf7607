"""What the planner is asked: hosts, instances, groups and limits at one moment, as plain values.

The planner knows nothing of sessions, clouds or clocks, so that a dry run, a running session and a benchmark ask it the
same way. Whoever builds a Problem decides what a host is to it; see `PlannedHost`. Times are seconds.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from fenix_grpc.core.model import HostKind, Preference, Resources


@dataclass(frozen=True, slots=True, kw_only=True)
class PlannedHost:
    """A host. Only COMPUTE hosts are planned: the others carry no instances and their order is the workflow's."""

    name: str
    capacity: Resources
    #: Availability zone or aggregate; instances never leave it.
    zone: str = ""
    kind: HostKind = HostKind.COMPUTE
    #: Seconds that the work on it takes.
    work_s: float = 1800.0
    #: Its work is done.
    maintained: bool = False
    #: To be worked on by this session (or worked on already).
    in_session: bool = True
    #: Accepts instances now. A host that is to be worked on becomes a destination by its work whatever this says,
    #: unless it is retired.
    usable: bool = True
    #: It leaves the cloud after its work: never a destination.
    retired: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class PlannedInstance:
    """An instance on a host."""

    instance_id: str
    project_id: str = ""
    host: str
    size: Resources
    #: The zone that it asks for; empty for the zone of its host.
    zone: str = ""
    #: Ids of its groups; all hold.
    groups: tuple[str, ...] = ()
    #: Seconds that a move takes.
    move_s: float = 60.0
    #: The cloud can move it.
    movable: bool = True
    #: Its manager moves it; room is kept for it all the same.
    own_action: bool = False
    #: Seconds between its notice and its move; the first moves start no earlier.
    lead_s: float = 0.0
    #: A place of its size must be free on some other host while it moves.
    mitigation: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class PlannedGroup:
    """What holds for the members of a group."""

    #: Members that may share a host; 0 for any number.
    max_per_host: int = 0
    #: Members that may be out of service at the same time, moving or recovering; 0 for none ever.
    budget: int = 1
    #: Seconds after a move for which the member still counts as out of service.
    recovery_s: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True, order=True)
class PlannedMove:
    """An instance leaves `source` for `target`."""

    instance_id: str
    source: str
    target: str
    #: Where room of the same size is kept free during the move; empty when the instance does not ask for it.
    compensation: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Slots:
    """Moves that may run at once; 0 for any number."""

    per_source: int = 2
    per_destination: int = 2
    in_all: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """What the operator wishes."""

    #: Hosts on which work may run at once; 0 for any number.
    max_hosts_at_once: int = 0
    #: Share of each dimension of a destination up to which it is filled.
    fill_limit: float = 1.0
    preference: Preference = Preference.BALANCED
    #: Shares of the hosts to try as seeds; empty for the planner's own search.
    seed_shares: tuple[float, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Hint:
    """An order of hosts found elsewhere (see fenix_grpc.guide); the planner tries it and keeps it when it is better."""

    #: Host to wave.
    waves: Mapping[str, int]
    zone: str
    rounds: int
    #: Proven: no plan of this zone with these rounds has fewer moves.
    moves_bound: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """One moment, and what is wanted."""

    hosts: tuple[PlannedHost, ...]
    instances: tuple[PlannedInstance, ...]
    groups: Mapping[str, PlannedGroup] = field(default_factory=dict)
    slots: Slots = Slots()
    options: Options = Options()
    #: Hosts that another session holds: neither worked on nor a destination.
    held: frozenset[str] = frozenset()
    #: Instance to the hosts that refused it.
    refused: Mapping[str, frozenset[str]] = field(default_factory=dict)
    #: Instances that nobody can be asked to release, such as those of projects without a manager.
    not_to_scale_in: frozenset[str] = frozenset()
    #: Moves executed or under way. One whose instance is still at its source is under way: it counts on both ends.
    kept: tuple[PlannedMove, ...] = ()
    hints: tuple[Hint, ...] = ()
