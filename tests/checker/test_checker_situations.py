"""What is the session's doing and what is not, told by small journals written by hand."""

from __future__ import annotations

import json
import random
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from fenix_grpc.checker import as_document, as_text, verify
from fenix_grpc.core import events as e
from fenix_grpc.core.constraints import GroupConstraint
from fenix_grpc.core.model import (
    Answer,
    GroupView,
    HostProgress,
    InstanceAction,
    NoticeKind,
    Policy,
    SessionState,
    StepOutcome,
    StepVerb,
)
from tests.checker.tapes import broken, found, rule, story, tape
from tests.core.factories import T0, host, instance

MIGRATE, OWN = InstanceAction.MIGRATE, InstanceAction.OWN_ACTION
DONE, FAILED, LOST = StepOutcome.DONE, StepOutcome.FAILED, StepOutcome.LOST


def created(**more: Any) -> e.SessionCreated:
    return e.SessionCreated(maintenance_at=T0, **more)


def look(*instances: Any, after: int = 1, **more: Any) -> e.WorldObserved:
    return e.WorldObserved(instances=instances, looked_after_seq=after, **more)


HOSTS = (host("c1"), host("c2"), host("c3"))


def agreed(*names: str, action: InstanceAction = MIGRATE, number: int = 1) -> tuple[e.Event, ...]:
    """A notice about instances of red, and its consent."""
    kind, notice_id = NoticeKind.PLANNED_MAINTENANCE, f"n{number}"
    return (
        e.ProjectAsked(
            notice_id=notice_id,
            project_id="red",
            kind=kind,
            instance_ids=names,
            reply_at=T0 + timedelta(seconds=40),
        ),
        e.ProjectReplied(
            notice_id=notice_id, project_id="red", kind=kind, answer=Answer.ACK, action=action
        ),
    )


def move(name: str, source: str, target: str, number: int = 1) -> e.StepStarted:
    return e.StepStarted(
        step_id=f"move_instance/{name}/{number}",
        verb=StepVerb.MOVE_INSTANCE,
        host=source,
        instance_id=name,
        target=target,
        how=MIGRATE,
    )


def end(step: e.StepStarted, outcome: StepOutcome = DONE, at: str = "") -> e.StepEnded:
    return e.StepEnded(step_id=step.step_id, outcome=outcome, host=at)


# Room


def test_a_move_holds_room_on_both_ends():
    """The source takes nothing before the first has left."""
    first, second = move("i1", "c1", "c2"), move("i2", "c2", "c1")
    world = look(
        instance("i1", "c1", 8), instance("i2", "c2", 4), hosts=(host("c1"), host("c2", 16))
    )
    at_once = tape(created(), world, *agreed("i1", "i2"), first, second)
    in_turn = tape(created(), world, *agreed("i1", "i2"), first, end(first, at="c2"), second)
    assert broken(verify(at_once)) == {"capacity"}
    assert verify(in_turn).ok


def test_a_lost_move_holds_both_ends_until_somebody_looks():
    first, second = move("i1", "c1", "c2"), move("i2", "c3", "c2")
    begin = (
        created(),
        look(instance("i1", "c1", 6), instance("i2", "c3", 6), hosts=HOSTS),
        *agreed("i1", "i2"),
        first,
        end(first, LOST),
    )
    assert broken(verify(tape(*begin, second))) == {"capacity"}
    assert verify(tape(*begin, look(after=6), second)).ok
    assert broken(verify(tape(*begin, look(after=5), second))) == {"capacity"}


def test_where_the_scheduler_puts_an_instance_is_judged_when_it_is_there():
    anywhere = move("i1", "c1", "")
    world = look(instance("i1", "c1", 4), instance("i2", "c2", 6), hosts=HOSTS)
    begin = (created(), world, *agreed("i1"), anywhere)
    assert verify(tape(*begin, end(anywhere, at="c3"))).ok
    assert broken(verify(tape(*begin, end(anywhere, at="c2")))) == {"capacity"}


def test_what_was_too_close_or_too_full_before_is_found():
    pair = (instance("i1", "c1", 5, groups=("g",)), instance("i2", "c1", 5, groups=("g",)))
    groups = (GroupView(group_id="g", max_per_host=1),)
    certificate = verify(tape(created(), look(*pair, hosts=HOSTS, groups=groups)))
    assert certificate.ok
    assert found(certificate) == {"capacity", "spread"}


def test_members_on_their_way_count_on_both_ends():
    groups = (GroupView(group_id="g", max_per_host=1),)
    members = (instance("i1", "c1", groups=("g",)), instance("i2", "c2", groups=("g",)))
    away, back = move("i1", "c1", "c3"), move("i2", "c2", "c1")
    begin = (created(), look(*members, hosts=HOSTS, groups=groups), *agreed("i1", "i2"), away)
    assert broken(verify(tape(*begin, back))) == {"spread"}
    assert verify(tape(*begin, end(away, at="c3"), back)).ok


# Groups


def of_three(**more: Any) -> e.WorldObserved:
    demand = GroupConstraint(group_id="g", project_id="red", **more)
    members = (instance(f"i{n}", f"c{n}", groups=("g",)) for n in (1, 2, 3))
    return look(*members, hosts=(*HOSTS, host("c4")), group_constraints=(demand,))


def test_a_member_recovers_after_its_move():
    first, second = move("i1", "c1", "c4"), move("i2", "c2", "c4")
    begin = (created(), of_three(recovery_time=60), *agreed("i1", "i2"), first, end(first, at="c4"))
    early, late = verify(tape(*begin, (59, second))), verify(tape(*begin, (60, second)))
    assert broken(early) == {"group budget"}
    assert "beside i1" in rule(early, "group budget").violations[0].text
    assert late.ok


def test_a_member_that_is_down_takes_the_place_of_another():
    down = replace(instance("i1", "c1", groups=("g",)), status="ERROR")
    begin = (created(), of_three(), look(down), *agreed("i1", "i2"))
    assert broken(verify(tape(*begin, move("i2", "c2", "c4")))) == {"group budget"}
    assert verify(tape(*begin, move("i1", "c1", "c4"))).ok


def test_moving_what_is_down_already_is_not_held_against_the_session():
    down = (replace(instance(f"i{n}", f"c{n}", groups=("g",)), status="SHUTOFF") for n in (1, 2))
    certificate = verify(
        tape(created(), of_three(), look(*down), *agreed("i1"), move("i1", "c1", "c4"))
    )
    assert certificate.ok
    assert found(certificate) == {"group budget"}


def test_an_own_action_takes_its_place_from_the_notice_until_it_is_done_and_recovered():
    asked, replied = agreed("i1", action=OWN)
    other, consent = agreed("i2", number=2)
    over = e.InstanceActionDone(instance_id="i1", project_id="red", action=OWN, from_host="c1")
    begin = (created(), of_three(recovery_time=30), other, consent, asked)
    second = move("i2", "c2", "c4")
    gone = look(gone_instances=("i1",))
    assert broken(verify(tape(*begin, second, replied))) == {"group budget"}, "from the notice"
    assert broken(verify(tape(*begin, replied, gone, second))) == {"group budget"}, "not done"
    assert broken(verify(tape(*begin, replied, gone, over, (29, second)))) == {"group budget"}
    assert verify(tape(*begin, replied, gone, over, (30, second))).ok


def test_two_own_actions_may_not_be_announced_at_once():
    begin = (created(), of_three(), *agreed("i1", action=OWN))
    certificate = verify(tape(*begin, *agreed("i2", action=OWN, number=2)))
    assert rule(certificate, "group budget").violations[0].seqs == (5,)


# Steps


def test_an_end_that_is_told_after_all_is_found():
    """Two engines: one gave the step up, the other had run it."""
    step = move("i1", "c1", "c2")
    begin = (created(), look(instance("i1", "c1"), hosts=HOSTS), *agreed("i1"), step)
    certificate = verify(tape(*begin, end(step, LOST), end(step, at="c2")))
    assert certificate.ok
    assert rule(certificate, "steps").found[0].seqs == (6, 7)


def test_a_lost_move_that_got_somewhere_is_brought_to_its_end_whatever_was_said_since():
    """Half a migration would keep room on both hosts."""
    step, again = move("i1", "c1", "c2"), move("i1", "c1", "c2", number=2)
    asked, _ = agreed("i1", number=2)
    refused = e.ProjectReplied(
        notice_id="n2", project_id="red", kind=NoticeKind.PLANNED_MAINTENANCE, answer=Answer.NACK
    )
    begin = (
        created(),
        look(instance("i1", "c1"), hosts=HOSTS),
        *agreed("i1"),
        step,
        end(step, LOST),
        asked,
        refused,
        e.SessionDeleted(),
    )
    half = replace(instance("i1", "c2"), status="VERIFY_RESIZE")
    assert verify(tape(*begin, look(half, after=9), again)).ok
    assert broken(verify(tape(*begin, look(after=9), again))) == {"consent"}


def test_other_workflows_than_the_default_keep_to_slots_per_host():
    policy = Policy(moves_per_source=1, moves_per_target=2)
    world = look(instance("i1", "c1"), instance("i2", "c1"), hosts=HOSTS)
    moves = (move("i1", "c1", "c2"), move("i2", "c1", "c3"))
    for workflow, rules in (("vnf", {"slots"}), ("default", set())):
        begin = created(workflow=workflow, policy=policy)
        assert broken(verify(tape(begin, world, *agreed("i1", "i2"), *moves))) == rules


# Hosts


def test_an_instance_that_somebody_puts_on_a_host_during_its_work_is_found():
    disable = e.StepStarted(step_id="d", verb=StepVerb.DISABLE_HOST, host="c1")
    work = e.HostChanged(host="c1", progress=HostProgress.IN_MAINTENANCE)
    certificate = verify(
        tape(
            created(),
            look(hosts=HOSTS),
            e.HostsSelected(hosts=("c1",)),
            disable,
            end(disable),
            look(after=5),
            work,
            look(instance("i1", "c1")),
        )
    )
    assert certificate.ok
    assert found(certificate) == {"empty hosts"}


@pytest.mark.parametrize(("named", "rules"), [(("c1",), set()), ((), {"given back"})])
def test_a_closed_session_names_what_it_leaves_behind(named, rules):
    disable = e.StepStarted(step_id="d", verb=StepVerb.DISABLE_HOST, host="c1")
    begin = (created(), look(hosts=HOSTS), disable, end(disable), e.SessionDeleted())
    assert broken(verify(tape(*begin, e.SessionClosed(left_disabled=named)))) == rules


# Instances


def test_who_disappears_and_why():
    """In a move it is lost; when its project was to make room, or said that it would act, all is well; else found."""
    step = move("i1", "c1", "c2")
    begin = (created(), look(instance("i1", "c1"), hosts=HOSTS))
    gone = look(gone_instances=("i1",))
    asked = e.ProjectAsked(
        notice_id="n9", project_id="red", kind=NoticeKind.SCALE_IN, instance_ids=("i1",)
    )
    moving = tape(*begin, *agreed("i1"), step, gone)
    assert broken(verify(moving)) == {"existence"}
    assert verify(moving, removed={"i1"}).ok
    assert found(verify(tape(*begin, gone))) == {"existence"}
    for excused in ((asked,), agreed("i1", action=OWN)):
        certificate = verify(tape(*begin, *excused, gone))
        assert certificate.ok
        assert not found(certificate)


def test_a_notice_that_became_needless_is_found():
    asked, _ = agreed("i1")
    ended = e.StateEntered(state=SessionState.MAINTENANCE_DONE)
    certificate = verify(tape(created(), look(instance("i1", "c1"), hosts=HOSTS), asked, ended))
    assert certificate.ok
    assert found(certificate) == {"answers"}


# The certificate


def test_no_journal_proves_nothing():
    assert not verify(()).ok


async def test_text_and_document_tell_the_same():
    recorded = await story("everybody agrees")
    recorded.change(recorded.moves()[-1], how=OWN)
    certificate = verify(recorded)
    text, document = as_text(certificate), json.loads(json.dumps(as_document(certificate)))
    assert "NOT OK" in text
    assert not document["ok"]
    verdicts = {rule["name"]: rule["verdict"] for rule in document["rules"]}
    assert verdicts["consent"] == "BROKEN"
    assert verdicts["capacity"] == "kept"
    [case] = next(rule for rule in document["rules"] if rule["name"] == "consent")["violations"]
    assert f"event {case['seqs'][0]}, {case['seqs'][1]}" in text.replace("events", "event")
    assert case["text"] in text


def test_many_cases_of_one_kind_are_told_in_few_lines():
    many = [e.StepEnded(step_id=f"s{n}", outcome=DONE) for n in range(50)]
    assert "and 40 more" in as_text(verify(tape(created(), *many)))


@pytest.mark.parametrize("seed", range(20))
async def test_it_judges_any_heap_of_events_without_a_complaint_of_its_own(seed):
    chance = random.Random(seed)
    names = ("everybody agrees", "own action", "full cloud scales in")
    heap = [entry for name in names for entry in await story(name)]
    chance.shuffle(heap)
    assert not verify(heap[: chance.randrange(1, len(heap))]).ok
