"""What a session did, counted from its journal. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from fenix_grpc.cli.words import count, moment, span, word
from fenix_grpc.v1.events_pb2 import SessionEvent
from fenix_grpc.v1.types_pb2 import (
    Answer,
    HostProgress,
    InstanceAction,
    NoticeKind,
    SessionState,
)

_HOW = {
    InstanceAction.INSTANCE_ACTION_UNSPECIFIED: "cold",
    InstanceAction.INSTANCE_ACTION_MIGRATE: "cold",
    InstanceAction.INSTANCE_ACTION_LIVE_MIGRATE: "live",
    InstanceAction.INSTANCE_ACTION_OWN_ACTION: "by its own manager",
}


@dataclass(slots=True, kw_only=True)
class ProjectCount:
    """What one project was told, and what it said."""

    #: All notices, and those of them that wanted a reply.
    told: int = 0
    asked: int = 0
    acks: int = 0
    nacks: int = 0
    by_policy: int = 0
    moves: Counter[str] = field(default_factory=Counter)


@dataclass(frozen=True, slots=True, kw_only=True)
class Wait:
    """The time between a question and its answer."""

    project_id: str
    kind: str
    time: timedelta


@dataclass(slots=True, kw_only=True)
class Summary:
    """A session in numbers."""

    time: timedelta = timedelta()
    hosts: int = 0
    scale_in_rounds: int = 0
    projects: dict[str, ProjectCount] = field(default_factory=dict)
    longest_wait: Wait | None = None

    @property
    def moves(self) -> Counter[str]:
        """Moves of all projects by their kind."""
        return sum((project.moves for project in self.projects.values()), Counter[str]())


def summarise(journal: Sequence[SessionEvent]) -> Summary:
    """The numbers of a whole journal."""
    summary = Summary(time=moment(journal[-1].at) - moment(journal[0].at))
    asked: dict[str, tuple[str, datetime]] = {}
    for event in journal:
        _count(summary, event)
        if event.HasField("project_asked") and event.project_asked.HasField("reply_at"):
            question = event.project_asked
            asked[question.notice_id] = (word(NoticeKind, question.kind), moment(event.at))
        elif event.HasField("project_replied") and event.project_replied.notice_id in asked:
            reply = event.project_replied
            kind, since = asked.pop(reply.notice_id)
            wait = Wait(project_id=reply.project_id, kind=kind, time=moment(event.at) - since)
            if summary.longest_wait is None or wait.time > summary.longest_wait.time:
                summary.longest_wait = wait
    return summary


def _count(summary: Summary, event: SessionEvent) -> None:
    def project(project_id: str) -> ProjectCount:
        return summary.projects.setdefault(project_id, ProjectCount())

    match event.WhichOneof("event"):
        case "project_asked":
            question = event.project_asked
            project(question.project_id).told += 1
            project(question.project_id).asked += question.HasField("reply_at")
        case "project_replied":
            answer = event.project_replied
            agreed = answer.answer == Answer.ANSWER_ACK
            project(answer.project_id).acks += agreed
            project(answer.project_id).nacks += not agreed
        case "project_defaulted":
            project(event.project_defaulted.project_id).by_policy += 1
        case "instance_action_done":
            done = event.instance_action_done
            project(done.project_id).moves[_HOW[done.action]] += 1
            # a notice of its own, INSTANCE_ACTION_DONE, unless the manager did it
            own = done.action == InstanceAction.INSTANCE_ACTION_OWN_ACTION
            project(done.project_id).told += not own
        case "host_changed":
            complete = HostProgress.HOST_PROGRESS_MAINTENANCE_COMPLETE
            summary.hosts += event.host_changed.progress == complete
        case "state_entered":
            scale_in = SessionState.SESSION_STATE_SCALE_IN
            summary.scale_in_rounds += event.state_entered.state == scale_in


def as_table(summary: Summary) -> RenderableType:
    """The numbers for a person."""
    lines = [
        f"{count(summary.hosts, 'host')} maintained in {span(summary.time)}",
        f"{count(summary.moves.total(), 'instance')} moved: {_listed(summary.moves)}",
        f"{count(summary.scale_in_rounds, 'round')} of scale-in",
    ]
    if summary.longest_wait is not None:
        wait = summary.longest_wait
        lines.append(f"longest wait: {span(wait.time)} for {wait.project_id} to answer {wait.kind}")
    table = Table(box=None, pad_edge=False, padding=(0, 3, 0, 0), header_style="dim")
    for title in ("project", "notices", "asked", "ACK", "NACK", "by policy", "moves"):
        table.add_column(title, justify="left" if title in ("project", "moves") else "right")
    for project_id, project in sorted(summary.projects.items()):
        numbers = (project.told, project.asked, project.acks, project.nacks, project.by_policy)
        table.add_row(project_id, *map(str, numbers), _listed(project.moves))
    return Group(*map(Text, lines), Text(), table)


def _listed(moves: Counter[str]) -> str:
    return ", ".join(f"{number} {how}" for how, number in moves.most_common()) or "none"
