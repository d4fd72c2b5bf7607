"""What a person sees of a running session: a picture made of its detail, the latest lines of its story and the time.

Pure: the same arguments give the same picture, and nothing here waits, calls or prints.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from datetime import datetime

from rich.console import Group, RenderableType
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from fenix_grpc.cli.describe import answer_of, host_state, step_words
from fenix_grpc.cli.story import Line
from fenix_grpc.cli.words import clean, moment, phrase, span, word
from fenix_grpc.v1.types_pb2 import (
    HostDetail,
    HostKind,
    NoticeKind,
    SessionDetail,
    SessionState,
    Waiting,
)

#: From this width on, hosts are on the left and everything else is on the right.
WIDE = 112
#: Lines of the story that are always shown.
_LEAST_LINES = 4
_MOST_LINES = 12
_MOST_PROJECTS = 6
_MOST_RUNNING = 6
_MOST_WAITS = 4
_WORK_WIDTH = 20
_BAR_WIDTH = 12
#: Columns whose texts may be cut.
_GIVES_WAY = ("work", "running", "where", "because", "answer")
_HEADER_ROWS = 3

_STYLES = {"good": "green", "bad": "bold red", "state": "bold cyan", "plain": ""}
#: States after which nothing happens by itself.
ENDED = {
    SessionState.SESSION_STATE_MAINTENANCE_DONE,
    SessionState.SESSION_STATE_MAINTENANCE_FAILED,
}


def picture(
    detail: SessionDetail,
    story: Sequence[Line],
    now: datetime,
    *,
    width: int,
    height: int,
    expected_end: str = "",
) -> RenderableType:
    """The session on a screen of this size; what does not fit is counted instead of shown."""
    side = [_projects(detail), _running(detail, now), _waiting(detail, now)]
    side = [table for table in side if table.row_count]
    side_rows = sum(_rows(table) for table in side)
    wide = width >= WIDE
    spare = height - _HEADER_ROWS - _LEAST_LINES - (0 if wide else side_rows)
    hosts = _hosts(detail.hosts, max(4, spare - 3))
    body_rows = max(_rows(hosts), side_rows) if wide else _rows(hosts) + side_rows
    lines = max(_LEAST_LINES, min(height - _HEADER_ROWS - body_rows - 1, _MOST_LINES))
    body = _beside(hosts, side) if wide else _below([hosts, *side])
    return Group(_header(detail, now, expected_end, wide=wide), body, _latest(story, lines))


def _rows(table: Table) -> int:
    """Rows on the screen: titles, rows, an empty line."""
    return table.row_count + 2


def _below(parts: Iterable[Table]) -> RenderableType:
    return Group(*(part for table in parts for part in (table, Text())))


def _beside(left: Table, right: Iterable[Table]) -> RenderableType:
    grid = Table.grid(padding=(0, 4, 0, 0), expand=True)
    grid.add_column(no_wrap=True)
    grid.add_column(ratio=1)
    grid.add_row(_below([left]), _below(right))
    return grid


def _header(
    detail: SessionDetail, now: datetime, expected_end: str, *, wide: bool
) -> RenderableType:
    session = detail.session
    state = word(SessionState, session.state)
    until = moment(session.updated_at) if session.state in ENDED else now
    top = Table.grid(padding=(0, 2), expand=True)
    top.add_column(no_wrap=True)
    top.add_column(ratio=1)
    top.add_column(no_wrap=True, justify="right")
    top.add_row(
        Text.assemble(
            ("session ", "dim"),
            session.session_id[: None if wide else 8],
            "  ",
            (state, _state_style(state)),
        ),
        ProgressBar(total=100, completed=session.percent_done, complete_style="green"),
        f"{session.percent_done} %   {span(until - moment(session.created_at))}",
    )
    if session.state == SessionState.SESSION_STATE_MAINTENANCE_FAILED:
        return Group(top, Text(clean(session.reason) or " ", style="red"))
    below = Table.grid(padding=(0, 2), expand=True)
    below.add_column(ratio=1, no_wrap=True)
    below.add_column(no_wrap=True, justify="right")
    ending = "" if session.state in ENDED or not expected_end else f"ends {expected_end}"
    below.add_row(_cut(clean(session.reason) or " ", "dim"), ending)
    return Group(top, below)


def _state_style(state: str) -> str:
    if state == "MAINTENANCE_FAILED":
        return "bold red"
    return "bold green" if state == "MAINTENANCE_DONE" else "bold cyan"


def _hosts(hosts: Sequence[HostDetail], rows: int) -> Table:
    """At most so many rows, the last of which counts the hosts that are not shown."""
    table = _table("host", "work", "instances", "vCPU", "")
    table.columns[1].max_width = _WORK_WIDTH
    table.columns[2].justify = "right"
    shown = hosts if len(hosts) <= rows else _busiest(hosts, rows - 1)
    for host in shown:
        state = _cut(*host_state(host))
        table.add_row(host.host, state, str(host.instances or ""), *_usage(host))
    if len(shown) < len(hosts):
        done = sum(host.maintained for host in hosts)
        rest = Text(f"{len(hosts) - len(shown)} more", style="dim")
        table.add_row(rest, _cut(f"{done} of {len(hosts)} are done", "dim"))
    return table


def _busiest(hosts: Sequence[HostDetail], number: int) -> list[HostDetail]:
    """Hosts that something happens to before the others, in their own order."""
    idle = [host_state(host).text in ("done", "to do") for host in hosts]
    chosen = sorted(range(len(hosts)), key=lambda place: idle[place])[:number]
    return [hosts[place] for place in sorted(chosen)]


def _usage(host: HostDetail) -> tuple[RenderableType, str]:
    """How full a compute host is; of any other, what it is."""
    if host.kind != HostKind.HOST_KIND_COMPUTE:
        return Text(phrase(HostKind, host.kind), style="dim"), ""
    used, total = host.used.vcpus, host.capacity.vcpus
    bar = ProgressBar(
        total=max(total, 1),
        completed=used,
        width=_BAR_WIDTH,
        complete_style="cyan",
        finished_style="cyan",
    )
    return bar, f"{used}/{total}"


def _running(detail: SessionDetail, now: datetime) -> Table:
    table = _table("running", "where", "for")
    names = {i.instance_id: i.instance_name for i in detail.instances}
    running = [step for step in detail.steps if not step.HasField("ended_at")]
    for step in running[:_MOST_RUNNING]:
        what, where = step_words(step, names)
        table.add_row(_cut(what), _cut(where), span(now - moment(step.started_at)))
    if len(running) > _MOST_RUNNING:
        table.add_row(_cut(f"{len(running) - _MOST_RUNNING} more", "dim"), "", "")
    return table


def _waiting(detail: SessionDetail, now: datetime) -> Table:
    """What is awaited besides the steps that run."""
    table = _table("waiting for", "because", "left")
    running = [step for step in detail.steps if not step.HasField("ended_at")]
    obvious = {f"instance:{s.instance_id}" for s in running} | {f"host:{s.host}" for s in running}
    waits = [wait for wait in detail.waiting if wait.subject not in obvious]
    for wait in waits[:_MOST_WAITS]:
        subject = wait.subject.removeprefix("project:").removeprefix("host:")
        table.add_row(subject, _cut(_why(wait, detail)), _left(wait, now))
    if len(waits) > _MOST_WAITS:
        table.add_row(Text(f"{len(waits) - _MOST_WAITS} more", style="dim"), "", "")
    return table


def _why(wait: Waiting, detail: SessionDetail) -> str:
    """The reason with names of instances instead of their ids."""
    reason = f"{wait.reason}, then {wait.then}" if wait.then else wait.reason
    for instance in detail.instances:
        if instance.instance_name and instance.instance_id in reason:
            reason = reason.replace(instance.instance_id, instance.instance_name)
    return clean(reason)


def _left(wait: Waiting, now: datetime) -> str:
    return span(moment(wait.deadline) - now) if wait.HasField("deadline") else ""


def _projects(detail: SessionDetail) -> Table:
    """Those that are awaited first when not all fit."""
    table = _table("project", "instances", "asked", "answer")
    table.columns[1].justify = "right"
    sizes = Counter(instance.project_id for instance in detail.instances)
    projects = list(detail.projects)
    if len(projects) > _MOST_PROJECTS:
        projects.sort(key=lambda project: answer_of(project).text != "awaited")
    for project in projects[:_MOST_PROJECTS]:
        table.add_row(
            project.project_id,
            str(sizes[project.project_id]),
            word(NoticeKind, project.notice),
            _cut(*answer_of(project)),
        )
    if len(projects) > _MOST_PROJECTS:
        table.add_row(Text(f"{len(projects) - _MOST_PROJECTS} more", style="dim"))
    return table


def _latest(story: Sequence[Line], rows: int) -> RenderableType:
    table = Table.grid(padding=(0, 2))
    table.add_column(no_wrap=True, style="dim")
    table.add_column()
    for line in [line for line in story if not line.routine][-rows:]:
        table.add_row(line.time, _cut(line.text, _STYLES[line.tone]))
    return table


def _cut(text: str, style: str = "") -> Text:
    """A text that gives way when the row is too long: other columns keep their width, and a row is always one line."""
    return Text(text, style=style, no_wrap=True, overflow="ellipsis")


def _table(*titles: str) -> Table:
    """A quiet table."""
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="dim")
    for title in titles:
        table.add_column(title, no_wrap=title not in _GIVES_WAY)
    return table
