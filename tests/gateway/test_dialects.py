"""What is asked of projects in a whole session, and how its replies are taken, where neither needs a real server."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from fenix_grpc.core.constraints import InstanceConstraint
from fenix_grpc.core.decision import Decision
from fenix_grpc.core.events import Event, HostsSelected, ProjectAsked, SessionCreated, WorldObserved
from fenix_grpc.core.evolve import fold
from fenix_grpc.core.model import HostView, InstanceView, NoticeKind
from fenix_grpc.core.session import Session
from fenix_grpc.ports import Recorded
from fenix_grpc.workflows.agreement import Question, agreement

NOW = datetime(2030, 1, 1, tzinfo=UTC)
IDS = ("i1", "i2")


def a_session(*demanding: str) -> Session:
    """Red has two instances on a host; of those named it said what they demand."""
    demands = tuple(InstanceConstraint(instance_id=i, project_id="red") for i in demanding)
    seen = WorldObserved(
        hosts=(HostView(host="h1"),),
        instances=tuple(InstanceView(instance_id=i, project_id="red", host="h1") for i in IDS),
        listening=("red",),
        instance_constraints=demands,
    )
    events: list[Event] = [SessionCreated(maintenance_at=NOW), seen, HostsSelected(hosts=("h1",))]
    session = fold(
        Recorded(session_id="s1", seq=n, position=n, at=NOW, event=event)
        for n, event in enumerate(events, 1)
    )
    assert session is not None
    return session


def asked(session: Session, kind: NoticeKind) -> list[ProjectAsked]:
    outcome = agreement(session, NOW, Question(kind=kind, whom={"red": IDS}, wait_s=40))
    assert isinstance(outcome, Decision)
    return [event for event in outcome.record if isinstance(event, ProjectAsked)]


@pytest.mark.parametrize("kind", [NoticeKind.PREPARE_MAINTENANCE, NoticeKind.PLANNED_MAINTENANCE])
def test_who_registered_demands_is_asked_of_each_instance_by_itself(kind: NoticeKind) -> None:
    """4.8: Tacker can act upon nothing else, also in the default workflow; others get them together."""
    assert [each.instance_ids for each in asked(a_session(), kind)] == [IDS]
    single = asked(a_session("i1"), kind)
    assert [each.instance_ids for each in single] == [("i1",), ("i2",)]
    assert len({each.notice_id for each in single}) == 2


@pytest.mark.parametrize("kind", [NoticeKind.MAINTENANCE, NoticeKind.SCALE_IN])
def test_the_whole_project_is_asked_once_all_the_same(kind: NoticeKind) -> None:
    assert [each.instance_ids for each in asked(a_session("i1"), kind)] == [IDS]


@pytest.mark.parametrize("kind", [NoticeKind.MAINTENANCE, NoticeKind.PLANNED_MAINTENANCE])
def test_deadlines_are_in_the_future(kind: NoticeKind) -> None:
    """D39, W18: upstream subtracted."""
    (notice,) = asked(a_session(), kind)
    assert notice.reply_at == notice.actions_at == NOW + timedelta(seconds=40)
