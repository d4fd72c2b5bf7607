"""Numbers of a session, and the proof from the cloud's own record."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from google.protobuf.message import Message
from google.protobuf.timestamp_pb2 import Timestamp

from fenix_grpc.cli.proof import broken_promises
from fenix_grpc.cli.summary import summarise
from fenix_grpc.clouds.simulated import Operation
from fenix_grpc.core.model import HostView, InstanceView, Inventory
from fenix_grpc.v1 import events_pb2 as e
from fenix_grpc.v1.types_pb2 import (
    Answer,
    HostProgress,
    InstanceAction,
    NoticeKind,
    SessionState,
)

START = datetime(2030, 1, 1, tzinfo=UTC)
BEGIN = HostProgress.HOST_PROGRESS_IN_MAINTENANCE
END = HostProgress.HOST_PROGRESS_MAINTENANCE_COMPLETE
MAINTENANCE = NoticeKind.NOTICE_KIND_MAINTENANCE


def entry(seconds: float, event: Message) -> e.SessionEvent:
    kinds = e.SessionEvent.DESCRIPTOR.oneofs_by_name["event"].fields
    [name] = [f.name for f in kinds if f.message_type is event.DESCRIPTOR]
    at = Timestamp()
    at.FromDatetime(START + timedelta(seconds=seconds))
    return e.SessionEvent(at=at, **{name: event})


def asked(project_id: str, notice_id: str) -> e.ProjectAsked:
    reply_at = Timestamp(seconds=1)
    return e.ProjectAsked(
        project_id=project_id, notice_id=notice_id, kind=MAINTENANCE, reply_at=reply_at
    )


def replied(project_id: str, notice_id: str, answer: Answer) -> e.ProjectReplied:
    return e.ProjectReplied(project_id=project_id, notice_id=notice_id, answer=answer)


def moved(project_id: str, action: InstanceAction) -> e.InstanceActionDone:
    return e.InstanceActionDone(project_id=project_id, action=action)


JOURNAL = [
    entry(0, e.SessionCreated()),
    entry(1, asked("web", "n1")),
    entry(1, asked("db", "n2")),
    entry(2, replied("web", "n1", Answer.ANSWER_ACK)),
    entry(5, replied("db", "n2", Answer.ANSWER_NACK)),
    entry(6, e.StateEntered(state=SessionState.SESSION_STATE_SCALE_IN)),
    entry(7, e.ProjectDefaulted(project_id="old")),
    entry(8, moved("web", InstanceAction.INSTANCE_ACTION_LIVE_MIGRATE)),
    entry(8, moved("old", InstanceAction.INSTANCE_ACTION_MIGRATE)),
    entry(9, e.HostChanged(host="h1", progress=BEGIN)),
    entry(10, e.HostChanged(host="h1", progress=END)),
    entry(12, e.StateEntered(state=SessionState.SESSION_STATE_MAINTENANCE_DONE)),
]


def test_a_journal_is_counted() -> None:
    summary = summarise(JOURNAL)
    assert (summary.time, summary.hosts) == (timedelta(seconds=12), 1)
    assert summary.scale_in_rounds == 1
    assert summary.moves == {"live": 1, "cold": 1}
    web, db, old = (summary.projects[name] for name in ("web", "db", "old"))
    assert (web.told, web.asked, web.acks) == (2, 1, 1)
    assert (db.nacks, old.by_policy) == (1, 1)


def test_the_longest_wait_names_the_project() -> None:
    wait = summarise(JOURNAL).longest_wait
    assert wait is not None
    assert (wait.project_id, wait.kind, wait.time) == ("db", "MAINTENANCE", timedelta(seconds=4))


def operation(seconds: float, verb: str, host: str = "h1", target: str = "") -> Operation:
    at = START + timedelta(seconds=seconds)
    return Operation(number=0, at=at, verb=verb, subject="i1", host=host, target=target)


INSTANCE = InstanceView(instance_id="i1", instance_name="web-1", project_id="web", host="h1")
BEFORE = Inventory(hosts=(HostView(host="h1"), HostView(host="h2")), instances=(INSTANCE,))
AFTER = replace(BEFORE, instances=(replace(INSTANCE, host="h2"),))
LIVE = [operation(2, "live_migrate", target="h2"), operation(3, "moved", target="h2")]


def cases(operations: list[Operation], after: Inventory = AFTER) -> list[list[str]]:
    return [list(found) for found in broken_promises(BEFORE, after, operations, JOURNAL).values()]


def test_a_host_that_was_emptied_first_is_no_case() -> None:
    assert cases(LIVE) == [[], [], []]


def test_a_host_that_was_not_empty_is_found() -> None:
    assert cases([])[0] == ["h1 held i1"]


def test_a_cold_migration_holds_its_source_until_it_is_confirmed() -> None:
    cold = [operation(2, "cold_migrate", target="h2"), operation(3, "moved", target="h2")]
    assert cases(cold)[0] == ["h1 held i1"]
    assert cases([*cold, operation(4, "confirm", target="h2")])[0] == []


def test_an_instance_that_came_during_the_work_is_found() -> None:
    back = operation(9.5, "live_migrate", host="h2", target="h1")
    assert cases([*LIVE, back])[0] == ["live_migrate of i1 came to h1 during its work"]


def test_a_host_that_is_still_disabled_is_found() -> None:
    hosts = (HostView(host="h1", enabled=False, disabled_reason="fenix"), HostView(host="h2"))
    assert cases(LIVE, replace(AFTER, hosts=hosts))[1] == ["h1: fenix"]


def test_an_instance_that_is_lost_or_not_well_is_found() -> None:
    assert cases(LIVE, replace(AFTER, instances=()))[2] == [
        "web-1 is lost",
        "web has 0 instances and had 1",
    ]
    sick = replace(AFTER, instances=(replace(INSTANCE, status="ERROR"),))
    assert cases(LIVE, sick)[2] == ["web-1 is in status ERROR"]


def test_an_instance_that_its_owner_replaced_is_not_lost() -> None:
    new = replace(INSTANCE, instance_id="i2", host="h2")
    replaced = [replace(operation(2, "boot", host="h2"), subject="i2"), operation(3, "delete")]
    assert cases(replaced, replace(AFTER, instances=(new,))) == [[], [], []]
