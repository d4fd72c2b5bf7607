"""The fold: every event folds in every state, and the facts that others rely on come out right."""

import itertools

import pytest

from fenix_grpc.core import events as e
from fenix_grpc.core.evolve import fold
from fenix_grpc.core.model import (
    Answer,
    HeldHost,
    HostProgress,
    Impact,
    InstanceAction,
    Inventory,
    NoticeKind,
    StepOutcome,
    StepVerb,
)
from fenix_grpc.core.model import SessionState as S
from fenix_grpc.core.observe import changes_anything, observe
from tests.core.factories import Placed, a_session, after, host, instance

MOVE = e.StepStarted(
    step_id="move_instance/a/1",
    verb=StepVerb.MOVE_INSTANCE,
    host="c1",
    instance_id="a",
    target="c2",
    how=InstanceAction.MIGRATE,
)
DISABLE = e.StepStarted(step_id="disable_host/c1/1", verb=StepVerb.DISABLE_HOST, host="c1")

SAMPLES = (
    e.WorldObserved(instances=(instance("z", "c9"),), gone_instances=("a",), gone_hosts=("c3",)),
    e.WorldObserved(problem="away"),
    e.OthersObserved(
        held_hosts=(HeldHost(host="c1", session_id="s2"), HeldHost(host="c2")),
        impacts=(Impact(instance_id="a", session_id="s2", groups=("g",)),),
        gone_impacts=("b",),
    ),
    e.HostsSelected(hosts=("c1",), excluded={"c2": "held"}),
    e.StateEntered(state=S.PLANNED_MAINTENANCE, host="c1"),
    e.PlanMade(waves=(e.PlanWave(hosts=("c1",)),), reason="the first"),
    e.ProjectAsked(notice_id="n1", project_id="red", kind=NoticeKind.MAINTENANCE),
    e.ProjectReplied(
        notice_id="n9", project_id="red", kind=NoticeKind.MAINTENANCE, answer=Answer.ACK
    ),
    e.ProjectDefaulted(notice_id="n9", project_id="red", kind=NoticeKind.MAINTENANCE),
    e.InstanceActionDone(instance_id="q", project_id="red", action=InstanceAction.MIGRATE),
    e.HostChanged(host="nowhere", progress=HostProgress.IN_MAINTENANCE),
    e.HostSetAside(host="c1", reason="it failed"),
    e.ActionReplaced(
        instance_id="a", project_id="red", action=InstanceAction.MIGRATE, reason="it failed"
    ),
    MOVE,
    DISABLE,
    e.StepEnded(step_id="nothing/1", outcome=StepOutcome.DONE),
    e.StepEnded(step_id=MOVE.step_id, outcome=StepOutcome.DONE, host="c2"),
    e.SessionContinued(state=S.SCALE_IN),
    e.SessionDeleted(),
    e.SessionClosed(),
    e.SessionVerified(ok=True, rules=(e.RuleJudged(name="journal", verdict="kept", checked=9),)),
)


def test_all_kinds_are_sampled():
    assert {type(event) for event in SAMPLES} == set(e.KINDS.values()) - {e.SessionCreated}


@pytest.mark.parametrize("state", S)
def test_every_event_folds_in_every_state(state):
    start = after(a_session(instances=(instance("a", "c1"),)), e.StateEntered(state=state))
    for pair in itertools.product(SAMPLES, repeat=2):
        session = after(start, *pair)
        assert session.seq == start.seq + 2
        listed = {i: host for host, ids in session.on_host.items() for i in ids}
        assert listed == {i.instance_id: i.host for i in session.instances.values() if i.host}


def test_a_journal_begins_with_its_creation():
    with pytest.raises(ValueError, match="SessionCreated"):
        fold([Placed(1, e.SessionDeleted())])


def test_a_host_is_owed_from_the_moment_its_disabling_begins():
    session = after(a_session(), DISABLE)
    assert session.owed_hosts == ("c1",)
    lost = e.StepEnded(step_id=DISABLE.step_id, outcome=StepOutcome.LOST)
    assert after(session, lost).owed_hosts == ("c1",)
    refused = e.StepEnded(step_id=DISABLE.step_id, outcome=StepOutcome.FAILED)
    assert after(session, refused).owed_hosts == ()


def test_emptiness_is_proven_only_by_a_look_after_the_host_was_closed():
    done = e.StepEnded(step_id=DISABLE.step_id, outcome=StepOutcome.DONE)
    closed = after(a_session(), DISABLE, done)
    assert not closed.proven_empty(closed.hosts["c1"])
    looked_before = after(closed, e.WorldObserved(looked_after_seq=closed.seq - 1))
    assert not looked_before.proven_empty(looked_before.hosts["c1"])
    looked = after(closed, e.WorldObserved(looked_after_seq=closed.seq))
    assert looked.proven_empty(looked.hosts["c1"])


def test_room_that_is_booked_disproves_emptiness():
    done = e.StepEnded(step_id=DISABLE.step_id, outcome=StepOutcome.DONE)
    booked = host("c1", used=instance("x", "c1").size)
    closed = after(a_session(hosts=(booked,)), DISABLE, done)
    looked = after(closed, e.WorldObserved(looked_after_seq=closed.seq))
    assert not looked.proven_empty(looked.hosts["c1"])


def test_a_second_end_of_a_step_changes_nothing():
    lost = e.StepEnded(step_id=MOVE.step_id, outcome=StepOutcome.LOST)
    late = e.StepEnded(step_id=MOVE.step_id, outcome=StepOutcome.DONE, host="c2")
    session = after(a_session(instances=(instance("a", "c1"),)), MOVE, lost)
    assert after(session, late).instances["a"].host == "c1"
    assert "a" in session.lost_moves


def test_a_move_of_unknown_outcome_disturbs_until_somebody_looks():
    lost = e.StepEnded(step_id=MOVE.step_id, outcome=StepOutcome.LOST)
    session = after(a_session(instances=(instance("a", "c1"),)), MOVE, lost)
    ended = session.moved["a"]
    before = after(session, e.WorldObserved(looked_after_seq=session.seq - 1), seconds=10)
    assert before.moved["a"] == ended
    looked = after(before, e.WorldObserved(looked_after_seq=session.seq), seconds=20)
    assert looked.moved["a"] == looked.updated_at > ended
    again = after(looked, e.WorldObserved(looked_after_seq=looked.seq), seconds=30)
    assert again.moved["a"] == looked.moved["a"]


def test_a_look_leaves_running_moves_alone():
    session = after(a_session(instances=(instance("a", "c1"),)), MOVE)
    views = tuple(h.view for h in session.hosts.values())
    midway = Inventory(hosts=views, instances=(instance("a", "c2"),))
    seen = observe(session, midway, session.listening, looked_after_seq=session.seq)
    assert not changes_anything(seen)
    gone = observe(session, Inventory(hosts=views), session.listening, looked_after_seq=session.seq)
    assert gone.gone_instances == ("a",)


def test_looking_twice_shows_nothing_new():
    session = a_session(instances=(instance("a", "c1"),))
    world = Inventory(
        hosts=(host("c1"), host("c2", 16)), instances=(instance("a", "c2"), instance("b", "c1"))
    )
    first = observe(session, world, frozenset({"red"}), looked_after_seq=session.seq)
    assert changes_anything(first)
    known = after(session, first)
    again = observe(known, world, frozenset({"red"}), looked_after_seq=known.seq)
    assert not changes_anything(again)


def test_percent_is_100_only_when_done():
    session = a_session(hosts=(host("c1"),))
    done = e.HostChanged(host="c1", progress=HostProgress.MAINTENANCE_COMPLETE)
    assert after(session, done).percent_done == 99
    assert after(session, done, e.StateEntered(state=S.MAINTENANCE_DONE)).percent_done == 100
