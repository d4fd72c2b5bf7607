"""A plan for a person: will it fit, how long, how good is that, what stands in the way. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from datetime import timedelta
from itertools import groupby

from google.protobuf.timestamp_pb2 import Timestamp
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from fenix_grpc.cli.tables import columns, facts
from fenix_grpc.cli.words import amount, clean, count, moment, phrase, span
from fenix_grpc.v1.plan_pb2 import BlockerKind, HostPlan, PlanBlocker, SessionPlan

#: Hosts that are listed one by one; more are listed by wave.
_ONE_BY_ONE = 24
#: Waves that are listed one by one; more are taken together.
_MOST_WAVES = 24
#: Names in a cell; thousands would help nobody.
_FEW = 6
_FEWER = 3
#: Seconds are shown in shorter plans.
_BRIEF = timedelta(minutes=10)
#: What a session says of a window that is expected to be too short.
WINDOW = "window"


class Times:
    """Times of a plan as a person reads them: as exact as it is long, with the day where that is not today."""

    def __init__(self, plan: SessionPlan) -> None:
        self._today = moment(plan.made_at).astimezone().date()
        brief = moment(plan.ends_at_p90) - moment(plan.made_at) < _BRIEF
        self._form = "%H:%M:%S" if brief else "%H:%M"

    def __call__(self, at: Timestamp) -> str:
        there = moment(at).astimezone()
        time = there.strftime(self._form)
        if there.date() == self._today:
            return time
        soon = timedelta() < there.date() - self._today < timedelta(days=7)
        return f"{there:%a} {time}" if soon else f"{there:%Y-%m-%d} {time}"


def expected_end(plan: SessionPlan) -> str:
    """`22:41 (9 of 10: 22:55)`; empty when nothing is left."""
    if not plan.hosts:
        return ""
    when = Times(plan)
    return f"{when(plan.ends_at_p50)} (9 of 10: {when(plan.ends_at_p90)})"


def complete(plan: SessionPlan) -> bool:
    """Everything that was asked for is planned, and within the window."""
    return not plan.blockers and all(wait.subject != WINDOW for wait in plan.waiting)


def summary(plan: SessionPlan) -> Table:
    """The figures, each beside the best possible."""
    bounds, when = plan.bounds, Times(plan)
    pairs = [("session", plan.session_id or "none yet: a dry run")]
    if not plan.hosts:
        pairs.append(("hosts", "none can be planned" if plan.blockers else "nothing is left"))
        return facts([(name, Text(value)) for name, value in pairs])
    rounds = f"{count(len(plan.hosts), 'host')} in {count(plan.rounds, 'round')}"
    if plan.bounds.rounds:
        rounds += f"; no plan needs fewer than {bounds.rounds}"
    pairs.append(("work", rounds))
    pairs.append(("moves", _moves(plan)))
    takes = span(moment(plan.ends_at_p50) - moment(plan.made_at))
    end = f"{when(plan.ends_at_p50)}, in {takes}; 9 of 10 sessions end by {when(plan.ends_at_p90)}"
    pairs.append(("expected end", end))
    if bounds.makespan_s:
        least = span(timedelta(seconds=bounds.makespan_s))
        pairs.append(("limited by", f"{bounds.makespan_by}: no plan takes less than {least}"))
    pairs.append(("pace", _pace(plan)))
    return facts([(name, Text(value)) for name, value in pairs])


def _moves(plan: SessionPlan) -> str:
    """The number of moves beside the fewest possible, at these rounds where that is more."""
    bounds, text = plan.bounds, count(len(plan.moves), "move")
    if bounds.moves_at_rounds > bounds.moves:
        text += (
            f"; no plan of {count(plan.rounds, 'round')} needs fewer than {bounds.moves_at_rounds}"
        )
    elif bounds.moves:
        text += f"; no plan needs fewer than {bounds.moves}"
    return f"{text} ({plan.moves_gap:+.1%})" if plan.moves_gap else text


def _pace(plan: SessionPlan) -> str:
    pace = plan.pace
    parts = []
    for name, p50, p90, number in (
        ("a move", pace.move_p50_s, pace.move_p90_s, pace.moves_measured),
        ("the work on a host", pace.work_p50_s, pace.work_p90_s, pace.works_measured),
    ):
        if p50:
            source = f"{number} measured" if number else "configured"
            lasts, most = (span(timedelta(seconds=each)) for each in (p50, p90))
            parts.append(f"{name} {lasts}, 9 of 10 {most} ({source})")
    return "; ".join(parts) or "there is no work to do on hosts"


def course(plan: SessionPlan) -> Table:
    """When each host is worked on; many of them by wave."""
    if len(plan.hosts) <= _ONE_BY_ONE:
        return _hosts(plan)
    return _waves(plan)


def _hosts(plan: SessionPlan) -> Table:
    when = Times(plan)
    zones = any(host.zone for host in plan.hosts)
    table = columns("wave", "host", *(["zone"] if zones else []), "moves", "closed", "work", "done")
    leaving = Counter(move.source for move in plan.moves)
    for host in plan.hosts:
        times = (when(at) for at in (host.begins_at, host.work_at, host.ends_at))
        zone = [clean(host.zone)] if zones else []
        table.add_row(str(host.wave + 1), host.host, *zone, str(leaving[host.host] or ""), *times)
    return table


def _waves(plan: SessionPlan) -> Table:
    table = columns("wave", "hosts", "moves", "from", "to", "names")
    when = Times(plan)
    leaving = Counter(move.source for move in plan.moves)
    by_wave = sorted(plan.hosts, key=lambda host: host.wave)
    waves = [list(hosts) for _, hosts in groupby(by_wave, key=lambda host: host.wave)]
    size = -(-len(waves) // _MOST_WAVES)
    for n in range(0, len(waves), size):
        hosts = [host for wave in waves[n : n + size] for host in wave]
        table.add_row(
            *_together(hosts), *_between(hosts, leaving, when), _few(h.host for h in hosts)
        )
    return table


def _together(hosts: Sequence[HostPlan]) -> tuple[str, str]:
    first, last = hosts[0].wave + 1, hosts[-1].wave + 1
    return (str(first) if first == last else f"{first}-{last}"), str(len(hosts))


def _between(hosts: Sequence[HostPlan], leaving: Counter[str], when: Times) -> tuple[str, str, str]:
    begin = min((host.begins_at for host in hosts), key=moment)
    end = max((host.ends_at for host in hosts), key=moment)
    moves = sum(leaving[host.host] for host in hosts)
    return str(moves), when(begin), when(end)


def options(plan: SessionPlan) -> Table:
    """Other plans that were weighed; empty when there was no choice."""
    table = columns("instead", "rounds", "moves", "at least")
    if len(plan.options) > 1:
        for option in plan.options:
            mark = "this plan" if option.chosen else ""
            least = span(timedelta(seconds=option.makespan_s))
            table.add_row(mark, str(option.rounds), str(option.moves), least)
    return table


def obstacles(plan: SessionPlan) -> Table:
    """What stands in the way of some hosts, and what would help."""
    table = columns("in the way", "of", "because", "what would help")
    for blocker in plan.blockers:
        kind = phrase(BlockerKind, blocker.kind)
        table.add_row(
            Text(kind, style="red"), _few(blocker.hosts), clean(blocker.reason), _help(blocker)
        )
    for wait in plan.waiting:
        if wait.subject == WINDOW:
            table.add_row(Text("window", style="red"), "", clean(wait.reason), clean(wait.then))
    return table


def _help(blocker: PlanBlocker) -> str:
    parts = []
    if blocker.scale_in_instance_ids:
        names = _few(blocker.scale_in_instance_ids)
        parts.append(f"release {names} ({amount(blocker.scale_in)})")
    elif blocker.HasField("scale_in"):
        parts.append(f"release {amount(blocker.scale_in)}")
    if blocker.add_hosts:
        parts.append(f"add {count(blocker.add_hosts, 'empty host')}")
    return " or ".join(parts)


def waits(plan: SessionPlan) -> Table:
    """What the session waits for now."""
    table = columns("waits for", "because", "until")
    when = Times(plan)
    for wait in plan.waiting[:_FEW]:
        if wait.subject != WINDOW:
            until = when(wait.deadline) if wait.HasField("deadline") else ""
            table.add_row(wait.subject, clean(wait.reason), until)
    return table


def plan_report(plan: SessionPlan, picture: RenderableType) -> RenderableType:
    """All of it, what stands in the way first to be seen last."""
    parts: list[RenderableType] = [summary(plan)]
    if plan.hosts:
        parts += [Text(), course(plan), Text(), picture]
    for table in (options(plan), waits(plan), obstacles(plan)):
        if table.row_count:
            parts += [Text(), table]
    return Group(*parts)


def _few(names: Iterable[str], most: int = _FEW) -> str:
    every = list(names)
    more = f" and {len(every) - most} more" if len(every) > most else ""
    return ", ".join(map(clean, every[:most])) + more
