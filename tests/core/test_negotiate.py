"""What replies amount to, as a table of situations."""

import pytest

from fenix_grpc.core import events as e
from fenix_grpc.core.errors import InvalidRequest, NotFound, WrongState
from fenix_grpc.core.model import Answer, InstanceAction, NoticeKind
from fenix_grpc.core.model import SessionState as S
from fenix_grpc.core.negotiate import (
    NoEffect,
    Reply,
    check_continue,
    check_delete,
    check_reply,
)
from fenix_grpc.workflows.default import WORKFLOW
from tests.core.factories import a_session, after, instance

BOTH = (instance("r1", "c1"), instance("r2", "c1"), instance("b1", "c1", project="blue"))


def asked(kind: NoticeKind, project: str = "red", notice: str = "n1", ids=("r1", "r2")):
    return e.ProjectAsked(notice_id=notice, project_id=project, kind=kind, instance_ids=ids)


def replied(answer: Answer, project: str = "red", notice: str = "n1"):
    return e.ProjectReplied(
        notice_id=notice, project_id=project, kind=NoticeKind.MAINTENANCE, answer=answer
    )


def reply(kind: NoticeKind = NoticeKind.MAINTENANCE, answer: Answer = Answer.ACK, **more) -> Reply:
    return Reply(project_id=more.pop("project_id", "red"), kind=kind, answer=answer, **more)


def awaiting_both():
    return after(
        a_session(instances=BOTH),
        asked(NoticeKind.MAINTENANCE),
        asked(NoticeKind.MAINTENANCE, "blue", "n2", ("b1",)),
    )


def test_an_open_notice_is_answered():
    event = check_reply(awaiting_both(), reply(reason="fine", replied_by="vnfm"))
    assert isinstance(event, e.ProjectReplied)
    assert (event.notice_id, event.answer, event.reason) == ("n1", Answer.ACK, "fine")


def test_a_repeated_reply_has_no_effect():
    session = after(awaiting_both(), replied(Answer.ACK))
    assert check_reply(session, reply()) == NoEffect("already answered")


def test_a_change_of_mind_counts_while_others_are_awaited():
    session = after(awaiting_both(), replied(Answer.ACK))
    event = check_reply(session, reply(answer=Answer.NACK))
    assert isinstance(event, e.ProjectReplied)
    settled = after(session, replied(Answer.ACK, "blue", "n2"))
    assert isinstance(check_reply(settled, reply(answer=Answer.NACK)), NoEffect)


def test_a_reply_to_a_past_state_has_no_effect():
    session = after(awaiting_both(), e.StateEntered(state=S.SCALE_IN))
    assert check_reply(session, reply()) == NoEffect(
        "MAINTENANCE is over; the session is in SCALE_IN"
    )


def test_a_late_reply_after_policy_decided_has_no_effect():
    late = e.ProjectDefaulted(
        notice_id="n1",
        project_id="red",
        kind=NoticeKind.MAINTENANCE,
        reason="no reply in time",
    )
    assert check_reply(after(awaiting_both(), late), reply()) == NoEffect(
        "too late: no reply in time"
    )


def test_a_reply_to_a_failed_session_has_no_effect():
    session = after(awaiting_both(), e.StateEntered(state=S.MAINTENANCE_FAILED, reason="x"))
    assert isinstance(check_reply(session, reply()), NoEffect)


def test_an_acknowledged_information_has_no_effect():
    session = awaiting_both()
    assert isinstance(check_reply(session, reply(NoticeKind.INSTANCE_ACTION_DONE)), NoEffect)


def test_a_state_that_was_never_asked_is_refused():
    with pytest.raises(WrongState, match="was not asked about PLANNED_MAINTENANCE"):
        check_reply(awaiting_both(), reply(NoticeKind.PLANNED_MAINTENANCE))


def test_a_project_that_was_not_asked_yet_is_told_so():
    with pytest.raises(WrongState, match="not been asked anything"):
        check_reply(a_session(instances=BOTH), reply())


def test_a_project_without_instances_here_is_unknown():
    with pytest.raises(NotFound, match="session"):
        check_reply(awaiting_both(), reply(project_id="green"))


def test_an_instance_of_somebody_else_is_refused():
    planned = after(awaiting_both(), asked(NoticeKind.PLANNED_MAINTENANCE, notice="n3"))
    for named in ({"b1": InstanceAction.MIGRATE}, {"nobody": InstanceAction.MIGRATE}):
        with pytest.raises(InvalidRequest, match="not one of project red"):
            check_reply(planned, reply(NoticeKind.PLANNED_MAINTENANCE, instance_actions=named))


def test_one_instance_of_a_notice_for_several_cannot_be_answered_alone():
    planned = after(awaiting_both(), asked(NoticeKind.PLANNED_MAINTENANCE, notice="n3"))
    with pytest.raises(WrongState, match="2 instances together"):
        check_reply(planned, reply(NoticeKind.PLANNED_MAINTENANCE, instance_id="r1"))


def test_one_instance_of_a_notice_for_one():
    ask = asked(NoticeKind.PLANNED_MAINTENANCE, notice="n3", ids=("r1",))
    event = check_reply(
        after(awaiting_both(), ask),
        reply(NoticeKind.PLANNED_MAINTENANCE, instance_id="r1", action=InstanceAction.LIVE_MIGRATE),
    )
    assert isinstance(event, e.ProjectReplied)
    assert event.instance_actions == {"r1": InstanceAction.LIVE_MIGRATE}


def test_a_named_notice_is_the_one_that_is_answered():
    again = after(awaiting_both(), asked(NoticeKind.MAINTENANCE, notice="n3"))
    event = check_reply(again, reply(notice_id="n1"))
    assert isinstance(event, e.ProjectReplied)
    assert event.notice_id == "n1"


STATES = frozenset(WORKFLOW.transitions)


def failed_in(state: S):
    return after(
        a_session(),
        e.StateEntered(state=state),
        e.StateEntered(state=S.MAINTENANCE_FAILED, reason="x"),
    )


def test_continue_goes_back_to_where_it_failed():
    event = check_continue(failed_in(S.SCALE_IN), None, STATES, "admin")
    assert event.state is S.SCALE_IN


@pytest.mark.parametrize("state", [S.MAINTENANCE_DONE, S.MAINTENANCE_FAILED])
def test_continue_does_not_go_to_an_end(state):
    with pytest.raises(InvalidRequest):
        check_continue(failed_in(S.SCALE_IN), state, STATES, "admin")


def test_only_a_failed_session_is_continued():
    with pytest.raises(WrongState, match="only a failed one"):
        check_continue(a_session(), None, STATES, "admin")


def test_a_failed_session_is_not_continued_while_steps_run():
    running = e.StepStarted(step_id="disable_host/c1/1", verb="DISABLE_HOST", host="c1")
    session = after(failed_in(S.PLANNED_MAINTENANCE), running)
    with pytest.raises(WrongState, match="still runs disable_host/c1/1"):
        check_continue(session, None, STATES, "admin")


def test_deleting_twice_has_no_effect():
    session = a_session()
    assert isinstance(check_delete(session, "admin"), e.SessionDeleted)
    gone = after(session, e.SessionDeleted())
    assert isinstance(check_delete(gone, "admin"), NoEffect)


def test_a_reply_about_one_instance_never_settles_the_notice_of_another():
    asks = [asked(NoticeKind.PLANNED_MAINTENANCE, notice=f"n{n}", ids=(f"r{n}",)) for n in (3, 4)]
    session = after(awaiting_both(), *asks)
    assert isinstance(
        check_reply(session, reply(NoticeKind.PLANNED_MAINTENANCE, instance_id="r1")), NoEffect
    )


def test_a_reply_that_names_nothing_answers_what_is_still_open():
    asks = [asked(NoticeKind.PLANNED_MAINTENANCE, notice=f"n{n}", ids=(f"r{n}",)) for n in (1, 2)]
    done = e.ProjectReplied(
        notice_id="n2", project_id="red", kind=NoticeKind.PLANNED_MAINTENANCE, answer=Answer.ACK
    )
    session = after(awaiting_both(), *asks, done)
    event = check_reply(session, reply(NoticeKind.PLANNED_MAINTENANCE))
    assert isinstance(event, e.ProjectReplied)
    assert event.notice_id == "n1"


def test_what_is_not_possible_any_more_cannot_be_chosen():
    question = e.ProjectAsked(
        notice_id="n1",
        project_id="red",
        kind=NoticeKind.PLANNED_MAINTENANCE,
        instance_ids=("r1",),
        allowed_actions=(InstanceAction.MIGRATE, InstanceAction.OWN_ACTION),
    )
    session = after(a_session(instances=BOTH), question)
    kind = NoticeKind.PLANNED_MAINTENANCE
    for said in (
        {"action": InstanceAction.LIVE_MIGRATE},
        {"instance_actions": {"r1": InstanceAction.LIVE_MIGRATE}},
    ):
        with pytest.raises(InvalidRequest, match="choose of MIGRATE, OWN_ACTION"):
            check_reply(session, reply(kind, **said))
    assert isinstance(
        check_reply(session, reply(kind, action=InstanceAction.MIGRATE)), e.ProjectReplied
    )
    refusal = check_reply(session, reply(kind, Answer.NACK))
    assert isinstance(refusal, e.ProjectReplied)
