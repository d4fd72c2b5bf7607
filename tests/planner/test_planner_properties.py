"""For any cloud: plans and timelines keep every rule, cover every host or say why not, and are the same every time."""

from __future__ import annotations

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from fenix_grpc.core.planner import Problem, plan, schedule
from tests.planner.clouds import cloud
from tests.planner.replay import replay_plan, replay_timeline
from tests.planner.strategies import EXAMPLES, problems

QUIET = settings(
    derandomize=True, deadline=None, suppress_health_check=list(HealthCheck), max_examples=EXAMPLES
)


@QUIET
@given(problems())
def test_every_plan_and_timeline_keeps_every_rule(problem: Problem) -> None:
    answer = plan(problem)
    assert replay_plan(problem, answer) == []
    timeline = schedule(problem, answer)
    assert len(timeline.works) == len(answer.wave_of())
    assert replay_timeline(problem, timeline) == []


@QUIET
@given(problems())
def test_the_bounds_hold(problem: Problem) -> None:
    answer = plan(problem)
    assert answer.bounds.rounds <= answer.rounds
    assert answer.bounds.moves <= answer.moves
    assert answer.bounds.makespan_s <= schedule(problem, answer).makespan_s + 1e-6


@settings(QUIET, max_examples=EXAMPLES // 6)
@given(st.integers(0, 10_000), st.sampled_from([0.4, 0.6, 0.75, 0.85]), st.sampled_from([0, 3]))
def test_clouds_of_forty_hosts_are_planned_whole(seed: int, load: float, at_once: int) -> None:
    problem = cloud(40, 300, load=load, seed=seed)
    answer = plan(problem)
    assert answer.blockers == ()
    assert replay_plan(problem, answer) == []
    assert replay_timeline(problem, schedule(problem, answer)) == []


@settings(QUIET, max_examples=EXAMPLES // 3)
@given(problems())
def test_the_same_problem_gives_the_same_plan(problem: Problem) -> None:
    assert plan(problem) == plan(problem)
