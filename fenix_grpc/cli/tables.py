"""Answers of the server as tables for a person. Pure: messages in, something printable out."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from google.protobuf.json_format import MessageToDict
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from fenix_grpc.cli.describe import answer_of, host_state, step_words
from fenix_grpc.cli.words import clean, day_time, moment, phrase, span, word
from fenix_grpc.v1.project_service_pb2 import GetProjectSessionResponse
from fenix_grpc.v1.types_pb2 import (
    ActionType,
    Answer,
    HostKind,
    InstanceAction,
    NoticeKind,
    Resources,
    Session,
    SessionDetail,
    SessionState,
    StepOutcome,
)


def session_list(sessions: Sequence[Session]) -> RenderableType:
    """One row per session."""
    if not sessions:
        return Text("There are no sessions. Create one with `fenix session create`.", style="dim")
    table = columns("session", "state", "done", "created", "reason")
    for session in sessions:
        table.add_row(
            session.session_id,
            word(SessionState, session.state),
            f"{session.percent_done} %",
            day_time(session.created_at),
            clean(session.reason),
        )
    return table


def session_facts(session: Session, expected_end: str = "") -> Table:
    """All fields of a session that have something to say."""
    metadata = MessageToDict(session.metadata)
    pairs = [
        ("session", session.session_id),
        ("state", word(SessionState, session.state)),
        ("before that", word(SessionState, session.prev_state)),
        ("reason", clean(session.reason)),
        ("done", f"{session.percent_done} %"),
        ("expected end", expected_end),
        ("workflow", session.workflow),
        ("work may start", day_time(session.maintenance_at)),
        ("created", day_time(session.created_at)),
        ("last event", f"{day_time(session.updated_at)}, number {session.seq}"),
        ("metadata", ", ".join(clean(f"{key}={value}") for key, value in metadata.items())),
    ]
    return facts([(name, Text(value)) for name, value in pairs if value])


def session_detail(detail: SessionDetail) -> RenderableType:
    """Everything known of a session."""
    parts: list[RenderableType] = [session_facts(detail.session)]
    tables = [_waiting(detail), _hosts(detail), _projects(detail), _actions(detail)]
    for table in [*tables, _instances(detail), _steps(detail)]:
        if table.row_count:
            parts += [Text(), table]
    if detail.owed_hosts:
        parts += [Text(), Text(f"out of service for now: {', '.join(detail.owed_hosts)}")]
    return Group(*parts)


def project_session(response: GetProjectSessionResponse) -> RenderableType:
    """What a session asks of a project."""
    notice = response.notice
    asked = word(NoticeKind, notice.kind)
    answer = word(Answer, response.answer) or "awaited"
    allowed = ", ".join(word(InstanceAction, action) for action in notice.allowed_actions)
    reply_by = day_time(notice.reply_at) if notice.HasField("reply_at") else ""
    pairs = [
        ("session is in", word(SessionState, response.state)),
        ("last asked", asked or "nothing yet"),
        ("answer", answer if asked else ""),
        ("reply by", reply_by),
        ("actions", allowed),
        ("reason", clean(notice.reason)),
        ("instances", "\n".join(response.instance_ids) or "none"),
    ]
    return facts([(name, Text(value)) for name, value in pairs if value])


def facts(pairs: Iterable[tuple[str, RenderableType]]) -> Table:
    """Names and values, one pair a row."""
    table = Table.grid(padding=(0, 2))
    table.add_column(style="dim", no_wrap=True)
    table.add_column()
    for name, value in pairs:
        table.add_row(name, value)
    return table


def _hosts(detail: SessionDetail) -> Table:
    table = columns("host", "kind", "work", "instances", "vCPU", "memory MiB", "disk GiB")
    for host in detail.hosts:
        table.add_row(
            host.host,
            phrase(HostKind, host.kind),
            Text(*host_state(host)),
            str(host.instances),
            *_used(host.used, host.capacity),
        )
    return table


def _used(used: Resources, capacity: Resources) -> tuple[str, str, str]:
    return (
        f"{used.vcpus}/{capacity.vcpus}",
        f"{used.memory_mb}/{capacity.memory_mb}",
        f"{used.disk_gb}/{capacity.disk_gb}",
    )


def _projects(detail: SessionDetail) -> Table:
    table = columns("project", "manager", "last asked", "answer")
    for project in detail.projects:
        manager = "listens" if project.listening else "none"
        table.add_row(
            project.project_id, manager, word(NoticeKind, project.notice), Text(*answer_of(project))
        )
    return table


def _actions(detail: SessionDetail) -> Table:
    table = columns("action", "runs")
    for action in detail.actions:
        table.add_row(action.plugin, phrase(ActionType, action.type))
    return table


def _instances(detail: SessionDetail) -> Table:
    table = columns("instance", "name", "project", "host", "status", "last move")
    for instance in detail.instances:
        move = phrase(InstanceAction, instance.action)
        if move and not instance.action_done:
            move += " (not yet)"
        table.add_row(
            instance.instance_id,
            instance.instance_name,
            instance.project_id,
            instance.host,
            instance.status,
            move,
        )
    return table


def _steps(detail: SessionDetail) -> Table:
    table = columns("step", "where", "took", "outcome", "detail")
    names = {i.instance_id: i.instance_name for i in detail.instances}
    for step in detail.steps:
        ended = step.HasField("ended_at")
        took = span(moment(step.ended_at) - moment(step.started_at)) if ended else ""
        outcome = phrase(StepOutcome, step.outcome) or "running"
        table.add_row(*step_words(step, names), took, outcome, clean(step.detail))
    return table


def _waiting(detail: SessionDetail) -> Table:
    table = columns("waiting for", "because", "until", "then")
    for wait in detail.waiting:
        until = day_time(wait.deadline) if wait.HasField("deadline") else ""
        table.add_row(wait.subject, clean(wait.reason), until, wait.then)
    return table


def columns(*titles: str) -> Table:
    """An empty table with these columns."""
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="dim")
    for title in titles:
        table.add_column(title, overflow="fold")
    return table
