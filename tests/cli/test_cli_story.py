"""Every kind of event as a line for a person."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from google.protobuf.message import Message
from google.protobuf.timestamp_pb2 import Timestamp

from fenix_grpc.cli.story import Line, Story
from fenix_grpc.v1 import events_pb2 as e
from fenix_grpc.v1.types_pb2 import (
    ActionSpec,
    Answer,
    HostProgress,
    InstanceAction,
    NoticeKind,
    Resources,
    SessionState,
    StepOutcome,
    StepVerb,
)

LIVE = InstanceAction.INSTANCE_ACTION_LIVE_MIGRATE
DONE = StepOutcome.STEP_OUTCOME_DONE
PLANNED = NoticeKind.NOTICE_KIND_PLANNED_MAINTENANCE
AT = Timestamp(seconds=43200)


def entry(event: Message) -> e.SessionEvent:
    """An event in its place."""
    kinds = e.SessionEvent.DESCRIPTOR.oneofs_by_name["event"].fields
    [name] = [f.name for f in kinds if f.message_type is event.DESCRIPTOR]
    return e.SessionEvent(session_id="s", seq=1, at=AT, **{name: event})


def told(*events: Message) -> list[Line]:
    story = Story()
    return [story.tell(entry(event)) for event in events]


def instance(instance_id: str, name: str) -> e.InstanceView:
    return e.InstanceView(instance_id=instance_id, instance_name=name)


CREATED = e.SessionCreated(workflow="default", actions=[ActionSpec(plugin="reboot")])
SEEN = e.WorldObserved(
    hosts=[e.HostView(host="h1"), e.HostView(host="h2")], instances=[instance("i1", "db-1")]
)
MOVE = e.StepStarted(
    step_id="m",
    verb=StepVerb.STEP_VERB_MOVE_INSTANCE,
    host="h1",
    instance_id="i1",
    target="h2",
    how=LIVE,
)


@pytest.mark.parametrize(
    ("events", "text"),
    [
        ([CREATED], "session created: all hosts, workflow default"),
        (
            [e.SessionCreated(hosts=["h1"], workflow="vnf", created_by="ann")],
            "session created by ann: 1 host, workflow vnf",
        ),
        ([SEEN], "seen: 2 hosts and 1 instance"),
        (
            [SEEN, e.WorldObserved(gone_instances=["i1"], listening=["p"])],
            "seen: 1 instance less, managers of p",
        ),
        (
            [e.HostsSelected(hosts=["h1"], excluded={"h2": "broken fan"})],
            "1 host to work on; h2 left out: broken fan",
        ),
        (
            [e.StateEntered(state=SessionState.SESSION_STATE_PLANNED_MAINTENANCE, host="h1")],
            "PLANNED_MAINTENANCE h1",
        ),
        (
            [e.StateEntered(state=SessionState.SESSION_STATE_MAINTENANCE_FAILED, reason="no")],
            "MAINTENANCE_FAILED: no",
        ),
        (
            [e.ProjectAsked(project_id="p", kind=PLANNED, instance_ids=["i1", "i2"], reply_at=AT)],
            "p is asked PLANNED_MAINTENANCE for 2 instances",
        ),
        (
            [
                e.ProjectAsked(
                    project_id="p",
                    kind=NoticeKind.NOTICE_KIND_SCALE_IN,
                    needed=Resources(vcpus=4, memory_mb=512),
                    reply_at=AT,
                )
            ],
            "p is asked SCALE_IN: 4 vCPU, 0.5 GiB memory needed",
        ),
        (
            [
                e.ProjectReplied(
                    project_id="p",
                    kind=PLANNED,
                    answer=Answer.ANSWER_ACK,
                    instance_actions={"i1": LIVE},
                )
            ],
            "p answers ACK PLANNED_MAINTENANCE (live migrate)",
        ),
        (
            [
                e.ProjectReplied(
                    project_id="p", kind=PLANNED, answer=Answer.ANSWER_NACK, reason="busy"
                )
            ],
            "p answers NACK PLANNED_MAINTENANCE: busy",
        ),
        (
            [e.ProjectDefaulted(project_id="p", kind=PLANNED, action=LIVE, reason="no manager")],
            "policy answers PLANNED_MAINTENANCE for p: no manager, live migrate",
        ),
        (
            [
                SEEN,
                e.InstanceActionDone(instance_id="i1", action=LIVE, from_host="h1", to_host="h2"),
            ],
            "db-1 left h1, is on h2 (live migrate)",
        ),
        (
            [e.HostChanged(host="h1", progress=HostProgress.HOST_PROGRESS_IN_MAINTENANCE)],
            "work on h1 begins",
        ),
        ([SEEN, MOVE], "live migrate db-1 from h1 to h2 begins"),
        (
            [SEEN, MOVE, e.StepEnded(step_id="m", outcome=DONE, host="h2")],
            "live migrate db-1 from h1 to h2 done",
        ),
        (
            [
                SEEN,
                MOVE,
                e.StepEnded(
                    step_id="m", outcome=StepOutcome.STEP_OUTCOME_FAILED, detail="no\nroom\x1b[2J"
                ),
            ],
            "live migrate db-1 from h1 to h2 failed: no room [2J",
        ),
        (
            [
                CREATED,
                e.StepStarted(step_id="a", verb=StepVerb.STEP_VERB_RUN_ACTION, host="h1"),
                e.StepEnded(step_id="a", outcome=StepOutcome.STEP_OUTCOME_LOST),
            ],
            "reboot on h1 lost",
        ),
        (
            [e.StepStarted(step_id="d", verb=StepVerb.STEP_VERB_DISABLE_HOST, host="h1")],
            "disable h1 begins",
        ),
        (
            [e.SessionContinued(state=SessionState.SESSION_STATE_SCALE_IN, continued_by="ann")],
            "continued by ann from SCALE_IN",
        ),
        ([e.SessionDeleted()], "deleted; hosts are being given back"),
        ([e.SessionClosed(left_disabled=["h1"])], "closed; left disabled: h1"),
    ],
)
def test_an_event_is_one_line(events: Sequence[Message], text: str) -> None:
    assert told(*events)[-1].text == text


def test_every_kind_of_event_has_words() -> None:
    kinds = e.SessionEvent.DESCRIPTOR.oneofs_by_name["event"].fields
    fresh = Story()
    for field in kinds:
        event = e.SessionEvent(at=AT)
        getattr(event, field.name).SetInParent()
        assert fresh.tell(event).text != field.name.replace("_", " "), field.name


def test_a_line_begins_with_the_time_of_day() -> None:
    assert str(told(CREATED)[0]).startswith("12:00:00  session created")


def test_a_look_that_shows_nothing_new_is_routine() -> None:
    first, again = told(SEEN, SEEN)
    assert (first.routine, again.routine) == (False, True)
