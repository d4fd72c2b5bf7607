"""What a simulated cloud consists of, as a person writes it in a TOML file.

Only the words of the file and their meaning are here; `demo.toml` beside this module shows them in use. Every mistake
in a file is an InvalidRequest that names the place, raised before anything is simulated.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from collections.abc import Set as AbstractSet
from pathlib import Path
from typing import Annotated, Literal

import msgspec

from fenix_grpc.core.errors import InvalidRequest
from fenix_grpc.core.model import HostKind, Resources
from fenix_grpc.options import read_options

Name = Annotated[str, msgspec.Meta(min_length=1, max_length=255)]
Count = Annotated[int, msgspec.Meta(ge=1, le=1_000_000)]
Amount = Annotated[int, msgspec.Meta(ge=0)]
Seconds = Annotated[float, msgspec.Meta(ge=0)]

#: What can be asked of the cloud, and so be disturbed by a fault.
Call = Literal[
    "inventory",
    "disable",
    "enable",
    "live_migrate",
    "cold_migrate",
    "evacuate",
    "remove",
    "servers",
    "boot",
    "delete",
]
MOVES: tuple[Call, ...] = ("live_migrate", "cold_migrate")
#: Effects that only moves suffer.
ON_MOVES = frozenset({"fail", "break", "stuck"})


class _Table(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A table of the file; an unknown key in it is a mistake."""


class Hosts(_Table, frozen=True, kw_only=True):
    """One host, or `count` alike."""

    #: `{n}` stands for the number of the host; `{n:02}` writes it with two digits.
    name: Name
    count: Count = 1
    kind: HostKind = HostKind.COMPUTE
    vcpus: Amount
    memory_mb: Amount
    disk_gb: Amount
    #: Why somebody disabled it before the story begins; empty for an enabled host.
    disabled_reason: str = ""
    #: False when its service does not report.
    up: bool = True
    #: What else is wrong with it, such as a network agent that does not report; empty when nothing is.
    trouble: str = ""
    #: Availability zone.
    zone: str = ""
    #: Aggregates that say more of it than its zone. Instances never leave their zone and aggregates.
    aggregates: tuple[Name, ...] = ()

    def named(self) -> list[str]:
        """The names of all of them."""
        return _numbered(self.name, self.count)


class Flavor(_Table, frozen=True, kw_only=True):
    """A size of instances."""

    vcpus: Amount
    memory_mb: Amount
    disk_gb: Amount

    @property
    def size(self) -> Resources:
        """The same as core knows it."""
        return Resources(vcpus=self.vcpus, memory_mb=self.memory_mb, disk_gb=self.disk_gb)


class Group(_Table, frozen=True, kw_only=True):
    """An anti-affinity group of a project."""

    name: Name
    #: How many members may share a host.
    max_per_host: Count = 1


class Instances(_Table, frozen=True, kw_only=True):
    """One instance, or `count` alike."""

    #: `{n}` stands for the number of the instance.
    name: Name
    count: Count = 1
    flavor: Name
    #: Name of a group of the same project; empty for none.
    group: str = ""
    #: Where they run, taken in turn; empty lets the scheduler spread them.
    hosts: tuple[Name, ...] = ()
    status: Literal["ACTIVE", "SHUTOFF", "ERROR"] = "ACTIVE"

    def named(self) -> list[str]:
        """The names of all of them."""
        return _numbered(self.name, self.count)


class Project(_Table, frozen=True, kw_only=True):
    """An owner of instances."""

    id: Name
    groups: tuple[Group, ...] = ()
    instances: tuple[Instances, ...] = ()


class Durations(_Table, frozen=True, kw_only=True):
    """How many seconds things take."""

    live_migrate: Seconds = 10.0
    cold_migrate: Seconds = 20.0
    evacuate: Seconds = 20.0
    disable: Seconds = 0.0
    enable: Seconds = 0.0
    remove: Seconds = 0.0
    boot: Seconds = 0.0
    #: Each duration is drawn from this share below to this share above, by the seed.
    jitter: Annotated[float, msgspec.Meta(ge=0, lt=1)] = 0.0


class Fault(_Table, frozen=True, kw_only=True):
    """Something that goes wrong. It strikes an operation that fits everything said here; what is not said fits all."""

    #: refuse: a definite no. unavailable: no answer. fail: a move begins, takes its time and ends where it began.
    #: break: it ends on its target, with the instance in ERROR. lose: what was asked is done, but its answer is lost.
    #: slow: everything goes well, `delay_s` later. stuck: a live migration never ends, unless it is forced or aborted.
    effect: Literal["refuse", "unavailable", "fail", "break", "lose", "slow", "stuck"]
    operation: Call | None = None
    #: The host of the operation; of a move, the one that the instance is on.
    host: str = ""
    #: The host that an instance moves to, whether named or chosen by the scheduler.
    target: str = ""
    #: Id or name.
    instance: str = ""
    #: Strikes only the nth operation that fits, counted from 1; 0 strikes all.
    nth: Amount = 0
    #: Seconds after the creation of the cloud before which nothing fits.
    after_s: Seconds = 0.0
    #: Seconds from then on during which operations fit; without it, for ever.
    for_s: Seconds | None = None
    #: How much later what is `slow` ends.
    delay_s: Seconds = 0.0
    #: What the caller is told.
    reason: str = "fault of the simulated cloud"


class Definition(_Table, frozen=True, kw_only=True):
    """A whole cloud."""

    #: Decides ids and jitter: equal definitions behave alike.
    seed: int = 0
    hosts: tuple[Hosts, ...]
    flavors: Mapping[str, Flavor] = {}
    projects: tuple[Project, ...] = ()
    durations: Durations = Durations()
    faults: tuple[Fault, ...] = ()


def load(path: Path) -> Definition:
    """The cloud that a file describes. Raises InvalidRequest naming the place of the mistake."""
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as err:
        raise InvalidRequest("file", f"{path} cannot be read: {err}") from err
    return parse(text, str(path))


def parse(text: str, where: str = "cloud") -> Definition:
    """The cloud that a text describes; `where` begins the field of an error."""
    try:
        tables = tomllib.loads(text)
    except tomllib.TOMLDecodeError as err:
        raise InvalidRequest(where, f"is not TOML: {err}") from err
    definition = read_options(tables, Definition, where)
    check(definition, where)
    return definition


def check(definition: Definition, where: str = "cloud") -> None:
    """Raises InvalidRequest when names repeat or point nowhere."""
    hosts: set[str] = set()
    for h, entry in enumerate(definition.hosts):
        _add_names(f"{where}.hosts[{h}].name", hosts, entry)
    projects: set[str] = set()
    for p, project in enumerate(definition.projects):
        place = f"{where}.projects[{p}]"
        _add(f"{place}.id", projects, project.id)
        _check_project(place, project, hosts, definition.flavors.keys())
    for f, fault in enumerate(definition.faults):
        check_fault(fault, hosts, f"{where}.faults[{f}]")


def check_fault(fault: Fault, hosts: AbstractSet[str], place: str = "fault") -> None:
    """Raises InvalidRequest when a fault names an unknown host, or is none of what it is to strike."""
    _known(f"{place}.host", fault.host, hosts)
    _known(f"{place}.target", fault.target, hosts)
    if fault.effect in ON_MOVES and fault.operation not in (None, *MOVES):
        raise InvalidRequest(f"{place}.effect", f"{fault.effect} is for moves only; say refuse")


def _check_project(
    place: str, project: Project, hosts: AbstractSet[str], flavors: AbstractSet[str]
) -> None:
    groups: set[str] = set()
    for g, group in enumerate(project.groups):
        _add(f"{place}.groups[{g}].name", groups, group.name)
    names: set[str] = set()
    for i, entry in enumerate(project.instances):
        _add_names(f"{place}.instances[{i}].name", names, entry)
        _known(f"{place}.instances[{i}].flavor", entry.flavor, flavors)
        _known(f"{place}.instances[{i}].group", entry.group, groups)
        for host in entry.hosts:
            _known(f"{place}.instances[{i}].hosts", host, hosts)


def _add_names(place: str, names: set[str], entry: Hosts | Instances) -> None:
    try:
        named = entry.named()
    except (KeyError, IndexError, ValueError) as err:
        raise InvalidRequest(place, "the only thing to put in braces is {n}, as in vm-{n}") from err
    for name in named:
        _add(place, names, name)


def _add(place: str, names: set[str], name: str) -> None:
    if name in names:
        raise InvalidRequest(place, f"{name} is there twice; several need {{n}} in their name")
    names.add(name)


def _known(place: str, name: str, names: AbstractSet[str]) -> None:
    if name and name not in names:
        raise InvalidRequest(place, f"{name} is not described in the file")


def _numbered(pattern: str, count: int) -> list[str]:
    return [pattern.format(n=n) for n in range(1, count + 1)]
