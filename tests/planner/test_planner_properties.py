"""For any cloud: plans and timelines keep every rule, cover every host or say why not, and are the same every time."""

from __future__ import annotations

from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from fenix_grpc.core.planner import BlockerKind, Options, Problem, plan, replan, schedule
from tests.planner.clouds import cloud
from tests.planner.replay import after_waves, replay_plan, replay_timeline
from tests.planner.strategies import problems

QUIET = settings(
    derandomize=True,
    deadline=None,
    suppress_health_check=list(HealthCheck),
    phases=(Phase.explicit, Phase.generate),
    max_examples=120,
)


@QUIET
@given(problems())
def test_every_plan_keeps_every_rule_and_respects_its_bounds(problem: Problem) -> None:
    answer = plan(problem)
    assert replay_plan(problem, answer) == []
    timeline = schedule(problem, answer)
    assert len(timeline.works) == len(answer.wave_of())
    assert replay_timeline(problem, timeline) == []
    assert answer.bounds.rounds <= answer.rounds
    assert answer.bounds.moves <= answer.moves
    assert answer.bounds.makespan_s <= timeline.makespan_s + 1e-6


@QUIET
@given(problems())
def test_nothing_crosses_zones_and_whoever_lacks_room_names_its_own(problem: Problem) -> None:
    answer = plan(problem)
    zone = {h.name: h.zone for h in problem.hosts}
    for move in answer.all_moves():
        assert {zone[h] for h in (move.source, move.target, move.compensation) if h} == {
            zone[move.source]
        }
    places = {i.instance_id: {zone[i.host]} for i in problem.instances}
    for blocker in answer.blockers:
        assert blocker.reason
        assert blocker.hosts
        if blocker.kind is BlockerKind.NO_ROOM:
            (named,) = {zone[h] for h in blocker.hosts}
            assert blocker.subject == f"zone:{named}"
            if blocker.scale_in is not None:
                assert blocker.scale_in.zones == (named,)
                assert all(places[i] == {named} for i in blocker.scale_in.instance_ids)


@QUIET
@given(problems(), st.data())
def test_a_new_plan_on_the_way_keeps_every_rule_and_what_was_done(
    problem: Problem, data: st.DataObject
) -> None:
    before = plan(problem)
    executed = data.draw(st.integers(0, len(before.waves)))
    later = after_waves(problem, before, executed)
    again = replan(later, before)
    assert replay_plan(later, again) == []
    assert len(again.wave_of()) >= len(before.wave_of()) - sum(
        len(w.hosts) for w in before.waves[:executed]
    )


@settings(QUIET, max_examples=12)
@given(st.integers(0, 10_000), st.sampled_from([0.4, 0.6, 0.75, 0.85]), st.sampled_from([0, 3]))
def test_clouds_of_forty_hosts_are_planned_whole(seed: int, load: float, at_once: int) -> None:
    problem = cloud(40, 300, load=load, seed=seed, options=Options(max_hosts_at_once=at_once))
    answer = plan(problem)
    assert answer.blockers == ()
    assert replay_plan(problem, answer) == []
    assert replay_timeline(problem, schedule(problem, answer)) == []


@settings(QUIET, max_examples=20)
@given(problems())
def test_the_same_problem_gives_the_same_plan(problem: Problem) -> None:
    assert plan(problem) == plan(problem)
