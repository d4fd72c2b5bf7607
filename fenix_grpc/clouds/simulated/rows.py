"""The rows of the simulated cloud's database and the values made of them: shape, and nothing that happens."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Any

from fenix_grpc.core.model import HostKind, HostView, InstanceView, Resources

SCHEMA = """
CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT NOT NULL);
CREATE TABLE host (
    number INTEGER PRIMARY KEY, host TEXT NOT NULL UNIQUE, kind TEXT NOT NULL,
    vcpus INTEGER NOT NULL, memory_mb INTEGER NOT NULL, disk_gb INTEGER NOT NULL,
    free_vcpus INTEGER NOT NULL, free_memory_mb INTEGER NOT NULL, free_disk_gb INTEGER NOT NULL,
    enabled INTEGER NOT NULL, disabled_reason TEXT NOT NULL, up INTEGER NOT NULL,
    zone TEXT NOT NULL, aggregates TEXT NOT NULL, trouble TEXT NOT NULL DEFAULT '');
CREATE INDEX roomiest ON host (free_vcpus DESC, free_memory_mb DESC, number)
    WHERE enabled = 1 AND up = 1 AND kind = 'COMPUTE';
CREATE TABLE placement_group (
    group_id TEXT PRIMARY KEY, name TEXT NOT NULL, project_id TEXT NOT NULL, max_per_host INTEGER NOT NULL);
CREATE TABLE instance (
    number INTEGER PRIMARY KEY AUTOINCREMENT, instance_id TEXT NOT NULL UNIQUE, name TEXT NOT NULL,
    project_id TEXT NOT NULL, host TEXT NOT NULL, flavor TEXT NOT NULL,
    vcpus INTEGER NOT NULL, memory_mb INTEGER NOT NULL, disk_gb INTEGER NOT NULL,
    status TEXT NOT NULL, group_id TEXT NOT NULL);
CREATE INDEX of_project ON instance (project_id);
CREATE TABLE booking (
    instance_id TEXT NOT NULL, host TEXT NOT NULL, group_id TEXT NOT NULL,
    PRIMARY KEY (instance_id, host)) WITHOUT ROWID;
CREATE INDEX members ON booking (group_id, host) WHERE group_id <> '';
CREATE TABLE work (
    instance_id TEXT PRIMARY KEY, verb TEXT NOT NULL, source TEXT NOT NULL, target TEXT NOT NULL,
    resume_status TEXT NOT NULL, failure TEXT NOT NULL,
    ends_us INTEGER NOT NULL, unconfirmed INTEGER NOT NULL) WITHOUT ROWID;
CREATE INDEX due ON work (ends_us) WHERE unconfirmed = 0;
CREATE TABLE fault (number INTEGER PRIMARY KEY, seen INTEGER NOT NULL);
CREATE TABLE log (
    number INTEGER PRIMARY KEY, at_us INTEGER NOT NULL, verb TEXT NOT NULL, subject TEXT NOT NULL,
    host TEXT NOT NULL, target TEXT NOT NULL, detail TEXT NOT NULL);
"""
#: Faults that were let loose later; a table of its own, so that older states get it when they are opened.
DISTURBANCES = """CREATE TABLE IF NOT EXISTS disturbance (
    number INTEGER PRIMARY KEY, began_us INTEGER NOT NULL, fault TEXT NOT NULL)"""
#: For states from before hosts could be in trouble.
ADD_TROUBLE = "ALTER TABLE host ADD COLUMN trouble TEXT NOT NULL DEFAULT ''"
#: Columns in the order that `host_view` reads.
HOST = """host, kind, vcpus, memory_mb, disk_gb, free_vcpus, free_memory_mb, free_disk_gb,
    enabled, disabled_reason, up, zone, aggregates, trouble"""
#: Columns in the order that `instance_view` reads; it leaves alone what follows them.
INSTANCE = "instance_id, name, project_id, host, vcpus, memory_mb, disk_gb, status, group_id"
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


def to_us(when: datetime) -> int:
    """Microseconds since 1970: exact, unlike a float of seconds."""
    return (when - _EPOCH) // _MICROSECOND


def from_us(us: int) -> datetime:
    """The inverse of `to_us`."""
    return _EPOCH + us * _MICROSECOND


@dataclass(frozen=True, slots=True, kw_only=True)
class Work:
    """Something that goes on with an instance."""

    instance_id: str
    #: boot, live_migrate, cold_migrate or evacuate.
    verb: str
    source: str
    #: Empty for a boot.
    target: str = ""
    #: The status to have afterwards.
    resume_status: str
    #: Why it is going to fail; empty when it is going to succeed.
    failure: str = ""
    ends_us: int
    #: True for a cold migration that has ended and waits for its confirmation.
    unconfirmed: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Operation:
    """One line of the cloud's own record of what happened in it."""

    number: int
    at: datetime
    #: disable, enable, up, down, boot, active, delete, stop, live_migrate, cold_migrate, moved, move_failed, confirm,
    #: force, abort, evacuate, refuse, add or remove.
    verb: str
    #: An instance id, or a host's name.
    subject: str
    #: Where the subject was.
    host: str = ""
    #: Where it went.
    target: str = ""
    detail: str = ""


@lru_cache
def _size(vcpus: int, memory_mb: int, disk_gb: int) -> Resources:
    """Equal sizes are one object: thousands of instances share a few."""
    return Resources(vcpus=vcpus, memory_mb=memory_mb, disk_gb=disk_gb)


def host_view(row: Any) -> HostView:
    """A host from its row."""
    host, kind, *amounts, enabled, disabled_reason, up, zone, aggregates, trouble = row
    capacity, free = _size(*amounts[:3]), _size(*amounts[3:])
    return HostView(
        host=host,
        kind=HostKind(kind),
        capacity=capacity,
        used=capacity - free,
        enabled=bool(enabled),
        disabled_reason=disabled_reason,
        up=bool(up),
        zone=zone,
        aggregates=tuple(aggregates.split("\n")) if aggregates else (),
        trouble=trouble,
    )


def instance_view(row: Any) -> InstanceView:
    """An instance from its row."""
    instance_id, name, project_id, host, vcpus, memory_mb, disk_gb, status, group_id, *_ = row
    return InstanceView(
        instance_id=instance_id,
        instance_name=name,
        project_id=project_id,
        host=host,
        size=_size(vcpus, memory_mb, disk_gb),
        status=status,
        groups=(group_id,) if group_id else (),
    )


def work_of(row: Any) -> Work:
    """What goes on with an instance, from its row."""
    instance_id, verb, source, target, resume_status, failure, ends_us, unconfirmed = row
    return Work(
        instance_id=instance_id,
        verb=verb,
        source=source,
        target=target,
        resume_status=resume_status,
        failure=failure,
        ends_us=ends_us,
        unconfirmed=bool(unconfirmed),
    )
