"""The live picture of a session, as plain text."""

from __future__ import annotations

import io
from datetime import UTC, datetime, timedelta

from google.protobuf.timestamp_pb2 import Timestamp
from rich.console import Console, RenderableType

from fenix_grpc.cli import tables
from fenix_grpc.cli.live import picture
from fenix_grpc.cli.story import Line
from fenix_grpc.v1.types_pb2 import (
    Answer,
    HostDetail,
    HostKind,
    HostProgress,
    InstanceAction,
    InstanceDetail,
    NoticeKind,
    ProjectDetail,
    Resources,
    Session,
    SessionDetail,
    SessionState,
    StepDetail,
    StepVerb,
    Waiting,
)

START = datetime(2030, 1, 31, 12, tzinfo=UTC)
NOW = START + timedelta(seconds=65)
SESSION_ID = "4f2c1a9e-0000-4000-8000-000000000000"


def at(seconds: float) -> Timestamp:
    stamp = Timestamp()
    stamp.FromDatetime(START + timedelta(seconds=seconds))
    return stamp


def host(name: str, instances: int = 0, **fields: object) -> HostDetail:
    return HostDetail(
        host=name,
        kind=HostKind.HOST_KIND_COMPUTE,
        instances=instances,
        capacity=Resources(vcpus=8, memory_mb=32768, disk_gb=400),
        used=Resources(vcpus=2 * instances, memory_mb=8192 * instances),
        **fields,
    )


def a_session(**fields: object) -> SessionDetail:
    """A session in the middle of its work."""
    detail = SessionDetail(
        session=Session(
            session_id=SESSION_ID,
            state=SessionState.SESSION_STATE_PLANNED_MAINTENANCE,
            percent_done=33,
            created_at=at(0),
            updated_at=at(60),
            maintenance_at=at(0),
            workflow="default",
            seq=42,
        ),
        hosts=[
            host("compute-1", maintained=True),
            host("compute-2", 3, disabled=True),
            host(
                "compute-3",
                disabled=True,
                progress=HostProgress.HOST_PROGRESS_IN_MAINTENANCE,
            ),
            host("compute-4", 4),
            host("compute-5", 1, excluded="broken fan"),
            HostDetail(host="controller-1", kind=HostKind.HOST_KIND_CONTROLLER, maintained=True),
        ],
        projects=[
            ProjectDetail(
                project_id="web",
                listening=True,
                notice=NoticeKind.NOTICE_KIND_PLANNED_MAINTENANCE,
                answer=Answer.ANSWER_ACK,
            ),
            ProjectDetail(
                project_id="db", notice=NoticeKind.NOTICE_KIND_PLANNED_MAINTENANCE, listening=True
            ),
            ProjectDetail(
                project_id="old",
                notice=NoticeKind.NOTICE_KIND_MAINTENANCE,
                defaulted="it has no manager",
            ),
        ],
        instances=[
            InstanceDetail(
                instance_id="i1",
                instance_name="web-1",
                project_id="web",
                host="compute-2",
                status="MIGRATING",
                action=InstanceAction.INSTANCE_ACTION_LIVE_MIGRATE,
            )
        ],
        steps=[
            StepDetail(
                step_id="m1",
                verb=StepVerb.STEP_VERB_MOVE_INSTANCE,
                host="compute-2",
                instance_id="i1",
                target="compute-1",
                how=InstanceAction.INSTANCE_ACTION_LIVE_MIGRATE,
                started_at=at(61.5),
            ),
            StepDetail(
                step_id="a1",
                verb=StepVerb.STEP_VERB_RUN_ACTION,
                host="compute-3",
                plugin="firmware",
                started_at=at(30),
            ),
        ],
        waiting=[
            Waiting(
                subject="project:db",
                reason="its reply to PLANNED_MAINTENANCE",
                since=at(60),
                deadline=at(100),
                then="the session stops",
            )
        ],
    )
    detail.MergeFrom(SessionDetail(**fields))
    return detail


LINES = [
    Line(at=START, time="12:00:01", text="session created: all hosts, workflow default"),
    Line(at=START, time="12:00:02", text="the cloud shows nothing changed", routine=True),
    Line(at=START, time="12:01:00", text="PLANNED_MAINTENANCE compute-2", tone="state"),
]


def text(renderable: RenderableType, width: int = 100) -> str:
    """As it is on paper, without the blanks at the ends of lines."""
    console = Console(file=io.StringIO(), width=width, color_system=None, markup=False)
    console.print(renderable)
    assert isinstance(console.file, io.StringIO)
    return "\n".join(line.rstrip() for line in console.file.getvalue().splitlines()).strip()


def shown(detail: SessionDetail, width: int = 100, height: int = 50) -> str:
    return text(picture(detail, LINES, NOW, width=width, height=height), width)


NARROW = """\
session 4f2c1a9e  PLANNED_MAINTENANCE  ━━━━━━━━━━━━╸                           33 %   1:05

host          work                  instances  vCPU
compute-1     done                                           0/8
compute-2     emptying                      3  ━━━━━━━━━     6/8
compute-3     in work                                        0/8
compute-4     to do                         4  ━━━━━━━━━━━━  8/8
compute-5     left out: broken fan          1  ━━━           2/8
controller-1  done                             controller

project  instances  asked                answer
web              1  PLANNED_MAINTENANCE  ACK
db               0  PLANNED_MAINTENANCE  awaited
old              0  MAINTENANCE          by policy: it has no manager

running             where                  for
live migrate web-1  compute-2 → compute-1  3.5 s
firmware            compute-3              35 s

waiting for  because                                                   left
db           its reply to PLANNED_MAINTENANCE, then the session stops  35 s

12:00:01  session created: all hosts, workflow default
12:01:00  PLANNED_MAINTENANCE compute-2
"""

WIDE = """\
session 4f2c1a9e-0000-4000-8000-000000000000  PLANNED_MAINTENANCE  ━━━━━━━━━━━━━                             33 %   1:05

host          work                  instances  vCPU                 project  instances  asked                answer
compute-1     done                                           0/8    web              1  PLANNED_MAINTENANCE  ACK
compute-2     emptying                      3  ━━━━━━━━━     6/8    db               0  PLANNED_MAINTENANCE  awaited
compute-3     in work                                        0/8    old              0  MAINTENANCE          by policy:…
compute-4     to do                         4  ━━━━━━━━━━━━  8/8
compute-5     left out: broken fan          1  ━━━           2/8    running             where                  for
controller-1  done                             controller           live migrate web-1  compute-2 → compute-1  3.5 s
                                                                    firmware            compute-3              35 s

                                                                    waiting for  because                            left
                                                                    db           its reply to PLANNED_MAINTENANCE…  35 s

12:00:01  session created: all hosts, workflow default
12:01:00  PLANNED_MAINTENANCE compute-2
"""


def test_a_narrow_terminal_shows_one_thing_below_the_other() -> None:
    assert shown(a_session(), width=90) == NARROW.strip()


def test_a_wide_terminal_shows_hosts_on_the_left() -> None:
    assert shown(a_session(), width=120) == WIDE.strip()


def test_hosts_that_do_not_fit_are_counted_and_busy_ones_come_first() -> None:
    detail = a_session()
    detail.hosts.extend(host(f"idle-{n}", 4) for n in range(40))
    screen = shown(detail, width=90, height=30)
    assert len(screen.splitlines()) <= 30
    assert all(f"compute-{n} " in screen for n in (2, 3, 5))
    assert "2 of 46 are done" in screen


def test_a_session_that_failed_says_why() -> None:
    failed = Session(
        state=SessionState.SESSION_STATE_MAINTENANCE_FAILED, reason="no room", updated_at=at(30)
    )
    screen = shown(a_session(session=failed))
    assert "MAINTENANCE_FAILED" in screen.splitlines()[0]
    assert "30 s" in screen.splitlines()[0]
    assert screen.splitlines()[1] == "no room"


def test_texts_of_others_cannot_steer_the_terminal() -> None:
    evil = Waiting(subject="project:p", reason="\x1b[2Jgone\nnew line", since=at(0))
    screen = shown(a_session(waiting=[evil]))
    assert "[2Jgone new line" in screen
    assert "\x1b" not in screen


DETAIL = """\
session         4f2c1a9e-0000-4000-8000-000000000000
state           PLANNED_MAINTENANCE
done            33 %
workflow        default
work may start  2030-01-31 12:00:00
created         2030-01-31 12:00:00
last event      2030-01-31 12:01:00, number 42

waiting for  because                           until                then
project:db   its reply to PLANNED_MAINTENANCE  2030-01-31 12:01:40  the session stops

host          kind        work                  instances  vCPU  memory MiB   disk GiB
compute-1     compute     done                  0          0/8   0/32768      0/400
compute-2     compute     emptying              3          6/8   24576/32768  0/400
compute-3     compute     in work               0          0/8   0/32768      0/400
compute-4     compute     to do                 4          8/8   32768/32768  0/400
compute-5     compute     left out: broken fan  1          2/8   8192/32768   0/400
controller-1  controller  done                  0          0/0   0/0          0/0

project  manager  last asked           answer
web      listens  PLANNED_MAINTENANCE  ACK
db       listens  PLANNED_MAINTENANCE  awaited
old      none     MAINTENANCE          by policy: it has no manager

instance  name   project  host       status     last move
i1        web-1  web      compute-2  MIGRATING  live migrate (not yet)

step                where                  took  outcome  detail
live migrate web-1  compute-2 → compute-1        running
firmware            compute-3                    running
"""


def test_the_detail_of_a_session_shows_everything() -> None:
    assert text(tables.session_detail(a_session()), 120) == DETAIL.strip()
