"""Small pieces of text: enum words, times, amounts. Used by everything that prints."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from google.protobuf.timestamp_pb2 import Timestamp

from fenix_grpc.v1.types_pb2 import Resources

if TYPE_CHECKING:
    from google.protobuf.internal.enum_type_wrapper import EnumTypeWrapper


def prefix_of(enum: EnumTypeWrapper) -> str:
    """What all names of an enum begin with: its zero value without UNSPECIFIED."""
    return enum.Name(0).removesuffix("UNSPECIFIED")


def word(enum: EnumTypeWrapper, value: int) -> str:
    """The v1 word of an enum value, such as SCALE_IN; empty for the unspecified one."""
    return enum.Name(value).removeprefix(prefix_of(enum)) if value else ""


def phrase(enum: EnumTypeWrapper, value: int) -> str:
    """The word as it reads in a sentence: `live migrate`."""
    return word(enum, value).lower().replace("_", " ")


def moment(at: Timestamp) -> datetime:
    """As an aware UTC time."""
    return at.ToDatetime(tzinfo=UTC)


def clock_time(at: Timestamp) -> str:
    """The local time of day, to the second."""
    return moment(at).astimezone().strftime("%H:%M:%S")


def day_time(at: Timestamp) -> str:
    """The local date and time, to the second."""
    return moment(at).astimezone().strftime("%Y-%m-%d %H:%M:%S")


def span(time: timedelta) -> str:
    """A length of time, as exact as its size deserves: 0.4 s, 12 s, 3:05, 1:02:03."""
    seconds = max(0.0, time.total_seconds())
    if seconds < 10:
        return f"{seconds:.1f} s"
    if seconds < 60:
        return f"{seconds:.0f} s"
    minutes, rest = divmod(int(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


def amount(resources: Resources) -> str:
    """Capacity, without what is zero."""
    parts = [
        f"{resources.vcpus} vCPU" if resources.vcpus else "",
        f"{resources.memory_mb / 1024:g} GiB memory" if resources.memory_mb else "",
        f"{resources.disk_gb} GiB disk" if resources.disk_gb else "",
    ]
    return ", ".join(part for part in parts if part) or "nothing"


def clean(text: str) -> str:
    """On one line and without control characters: texts of others must not steer a terminal."""
    return " ".join("".join(c if c.isprintable() else " " for c in text).split())


def count(number: int, noun: str) -> str:
    """`1 host`, `2 hosts`."""
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"
