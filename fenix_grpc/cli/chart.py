"""A plan as a picture of hosts over time, without any ink: rows, their spans, ticks of the axis.

The terminal and the SVG draw the same chart. More hosts than a picture has room for are folded: a row then stands for
hosts that begin one after the other. Pure.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from math import ceil

from fenix_grpc.cli.words import count, moment
from fenix_grpc.v1.plan_pb2 import HostPlan, SessionPlan

#: Steps of an axis, in seconds, as a clock has them.
_STEPS = (
    *(1, 2, 5, 10, 15, 30),
    *(60 * n for n in (1, 2, 5, 10, 15, 30)),
    *(3600 * n for n in (1, 2, 3, 6, 12)),
)
_DAY_S = 86_400
#: Part of the time that is left free behind the latest end.
_MARGIN = 0.02


@dataclass(frozen=True, slots=True, kw_only=True)
class Span:
    """One host: closed, empty, done."""

    host: str
    begins: datetime
    works: datetime
    ends: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One line of the picture."""

    label: str
    first_wave: int
    spans: tuple[Span, ...]

    def at(self, begin: datetime, end: datetime) -> tuple[float, float]:
        """How many of its hosts are emptied, and worked on, in a stretch of time on average."""
        emptied = sum(_shared(s.begins, s.works, begin, end) for s in self.spans)
        worked = sum(_shared(s.works, s.ends, begin, end) for s in self.spans)
        width = (end - begin).total_seconds()
        return emptied / width, worked / width


@dataclass(frozen=True, slots=True, kw_only=True)
class Chart:
    """All of it."""

    rows: tuple[Row, ...]
    begin: datetime
    end: datetime
    #: Expected end, and the one for nine of ten.
    p50: datetime
    p90: datetime
    #: Hosts of the fullest row.
    most: int

    @property
    def seconds(self) -> float:
        """From left to right."""
        return (self.end - self.begin).total_seconds()

    def share(self, at: datetime) -> float:
        """Where a time is: 0 at the left, 1 at the right."""
        return (at - self.begin).total_seconds() / self.seconds

    def ticks(self, most: int) -> tuple[tuple[datetime, str], ...]:
        """At most so many times of day in round figures, with their labels."""
        step_s = self._step_s(most)
        offset_s = self.begin.astimezone().utcoffset() or timedelta()
        local = self.begin.timestamp() + offset_s.total_seconds()
        first_s = ceil(local / step_s) * step_s - offset_s.total_seconds()
        found = []
        for n in range(most + 1):
            at = datetime.fromtimestamp(first_s + n * step_s, UTC)
            if at < self.end:
                found.append((at, self._label(at, step_s)))
        return tuple(found)

    def _step_s(self, most: int) -> float:
        needed = self.seconds / max(1, most)
        return next((s for s in _STEPS if s >= needed), ceil(needed / _DAY_S) * _DAY_S)

    def _label(self, at: datetime, step_s: float) -> str:
        there = at.astimezone()
        if step_s < 60:
            return f"{there:%H:%M:%S}"
        if step_s >= _DAY_S or (self.seconds > _DAY_S and there.hour == there.minute == 0):
            return f"{there:%b} {there.day}"
        return f"{there:%H:%M}"


def chart(plan: SessionPlan, most_rows: int) -> Chart:
    """The hosts of a plan, at most one to a row and at most so many rows."""
    hosts = list(plan.hosts)
    size = ceil(len(hosts) / most_rows) if hosts else 1
    rows = [_row(hosts[n : n + size]) for n in range(0, len(hosts), size)]
    p50, p90 = moment(plan.ends_at_p50), moment(plan.ends_at_p90)
    begin = min([moment(plan.made_at), *(s.begins for row in rows for s in row.spans)])
    end = max([p90, begin + timedelta(seconds=1), *(s.ends for row in rows for s in row.spans)])
    return Chart(
        rows=tuple(rows),
        begin=begin,
        end=end + (end - begin) * _MARGIN,
        p50=p50,
        p90=p90,
        most=size,
    )


def _row(hosts: Sequence[HostPlan]) -> Row:
    waves = [host.wave for host in hosts]
    if len(hosts) == 1:
        label = hosts[0].host
    elif min(waves) == max(waves):
        label = f"{count(len(hosts), 'host')}, wave {waves[0] + 1}"
    else:
        label = f"{count(len(hosts), 'host')}, waves {min(waves) + 1}-{max(waves) + 1}"
    return Row(label=label, first_wave=min(waves), spans=tuple(map(_span, hosts)))


def _span(host: HostPlan) -> Span:
    return Span(
        host=host.host,
        begins=moment(host.begins_at),
        works=moment(host.work_at),
        ends=moment(host.ends_at),
    )


def _shared(begin: datetime, end: datetime, since: datetime, until: datetime) -> float:
    """Seconds that two stretches of time have in common."""
    return max(0.0, (min(end, until) - max(begin, since)).total_seconds())
