"""How long things take: what was measured, blended with what is configured as long as that is little."""

from dataclasses import replace

import pytest

from fenix_grpc.core.events import (
    HostChanged,
    InstanceActionDone,
    ProjectAsked,
    ProjectReplied,
    StepEnded,
    StepStarted,
)
from fenix_grpc.core.model import (
    ActionSpec,
    ActionType,
    Answer,
    HostProgress,
    InstanceAction,
    NoticeKind,
    Policy,
    StepOutcome,
    StepVerb,
)
from fenix_grpc.core.pace import ENOUGH, Measured, Spread, Tempo, measured
from fenix_grpc.core.session import Session
from tests.core.factories import a_session, after, host, instance

MOVE, RUN = StepVerb.MOVE_INSTANCE, StepVerb.RUN_ACTION
LIVE = InstanceAction.LIVE_MIGRATE
POLICY = Policy(expected_move_s=60, expected_work_s=600)


def a_step(session: Session, begin: float, end: float, outcome=StepOutcome.DONE, **what) -> Session:
    name = f"{what['verb']}/{what.get('instance_id') or what.get('host', '')}/{begin}"
    session = after(session, StepStarted(step_id=name, **what), seconds=begin)
    return after(session, StepEnded(step_id=name, outcome=outcome), seconds=end)


def the_session(*types: ActionType) -> Session:
    actions = tuple(ActionSpec(plugin=f"do-{kind.lower()}", type=kind) for kind in types)
    return a_session(
        (host("c1"), host("c2")), (instance("i1", "c1"), instance("i2", "c1")), actions=actions
    )


def test_moves_that_ended_well_are_measured_by_how_they_were_made():
    session = the_session()
    session = a_step(session, 0, 40, verb=MOVE, host="c1", instance_id="i1", how=LIVE)
    session = a_step(session, 50, 70, verb=MOVE, host="c1", instance_id="i2", how=LIVE)
    session = a_step(
        session, 70, 99, StepOutcome.FAILED, verb=MOVE, host="c1", instance_id="i2", how=LIVE
    )
    assert measured(session).moves == {LIVE: (40.0, 20.0)}


def test_the_work_on_a_host_is_measured_once_it_is_done_from_its_first_action_to_its_last():
    session = the_session(ActionType.HOST, ActionType.COMPUTE)
    working = HostChanged(host="c2", progress=HostProgress.IN_MAINTENANCE)
    session = after(session, working, seconds=100)
    session = a_step(session, 100, 160, verb=RUN, host="c2", action_index=0)
    session = a_step(session, 170, 200, verb=RUN, host="c2", action_index=1)
    assert measured(session).works == {}
    done = HostChanged(host="c2", progress=HostProgress.MAINTENANCE_COMPLETE)
    session = after(session, done, seconds=200)
    assert measured(session).works == {("do-host", "do-compute"): (100.0,)}


def test_an_own_action_takes_from_the_answer_until_the_instance_has_left():
    asked = ProjectAsked(
        notice_id="n1", project_id="red", kind=NoticeKind.PREPARE_MAINTENANCE, instance_ids=("i1",)
    )
    replied = ProjectReplied(
        notice_id="n1",
        project_id="red",
        kind=NoticeKind.PREPARE_MAINTENANCE,
        answer=Answer.ACK,
        action=InstanceAction.OWN_ACTION,
    )
    left = InstanceActionDone(
        instance_id="i1", project_id="red", action=InstanceAction.OWN_ACTION, from_host="c1"
    )
    session = after(the_session(), asked)
    session = after(session, replied, seconds=7)
    session = after(session, left, seconds=47)
    found = measured(session)
    assert (found.moves, found.replies) == ({InstanceAction.OWN_ACTION: (40.0,)}, (7.0,))


def test_with_nothing_measured_the_configured_times_count():
    pace = Tempo(POLICY, Measured()).pace(("dummy",))
    assert pace.move_p50_s == pytest.approx(60, rel=0.01)
    assert pace.move_p90_s == pytest.approx(90, rel=0.02)
    assert pace.work_p50_s == pytest.approx(600, rel=0.01)
    assert (pace.moves_measured, pace.works_measured) == (0, 0)


@pytest.mark.parametrize(
    ("count", "expected"), [(0, 60.0), (1, 7.75), (2, 2.27), (3, 1.51), (10, 1.05)]
)
def test_every_measurement_counts_more_than_the_one_before(count: int, expected: float):
    assert Spread([1.0] * count, 60.0).at(0.5) == pytest.approx(expected, rel=0.02)


def test_what_is_not_known_shrinks_with_what_was_measured():
    doubts = [Spread([40.0, 60.0] * n, 60.0).doubt for n in range(5)]
    assert doubts == sorted(doubts, reverse=True)
    assert Spread([50.0] * 100, 60.0).doubt < 0.001


def test_many_measurements_keep_their_own_spread():
    spread = Spread([float(n) for n in range(1, 101)], 60.0)
    assert spread.at(0.5) == pytest.approx(50.5, rel=0.02)
    assert spread.at(0.9) == pytest.approx(90.5, rel=0.02)


def test_earlier_sessions_count_until_a_session_has_measured_enough_itself():
    earlier = [Measured(moves={LIVE: (10.0,) * 50})]
    few = Tempo(POLICY, Measured(moves={LIVE: (20.0,) * 3}), earlier)
    many = Tempo(POLICY, Measured(moves={LIVE: (20.0,) * ENOUGH}), earlier)
    assert few.any_move.at(0.5) == pytest.approx(10, rel=0.05)
    assert many.any_move.at(0.5) == pytest.approx(20, rel=0.05)


def test_ways_to_move_are_told_apart_as_soon_as_each_is_known():
    own = Measured(moves={LIVE: (10.0,) * 10, InstanceAction.MIGRATE: (100.0,) * 10})
    tempo = Tempo(POLICY, own)
    assert tempo.move(LIVE).at(0.5) == pytest.approx(10, rel=0.05)
    assert tempo.move(InstanceAction.MIGRATE).at(0.5) == pytest.approx(100, rel=0.05)
    assert tempo.move(InstanceAction.OWN_ACTION) is tempo.move(None)


def test_only_the_same_plugins_say_how_long_the_work_takes():
    tempo = Tempo(POLICY, Measured(works={("reboot",): (300.0,) * 10}))
    assert tempo.work(("reboot",)).at(0.5) == pytest.approx(300, rel=0.05)
    assert tempo.work(("upgrade",)).at(0.5) == pytest.approx(600, rel=0.01)
    assert tempo.pace(()).work_p50_s == 0


def test_durations_of_no_length_are_no_trouble():
    tempo = Tempo(replace(POLICY, expected_move_s=0.0), Measured(moves={LIVE: (0.0, 0.0)}))
    assert tempo.any_move.at(0.9) < 0.01
