"""The solver's hints: orders that keep every rule, bounds that no plan falls below; nothing without the solver."""

from __future__ import annotations

from dataclasses import replace

from fenix_grpc.core.planner import Hint, Options, Preference, plan
from tests.planner.clouds import cloud
from tests.planner.replay import replay_plan


def test_a_hint_is_an_order_that_keeps_every_rule() -> None:
    problem = cloud(12, 90, seed=4)
    upside_down = {h.name: n // 3 for n, h in enumerate(reversed(problem.hosts))}
    hinted = replace(problem, hints=(Hint(waves=upside_down, zone="az0", rounds=4),))
    answer = plan(hinted)
    assert replay_plan(hinted, answer) == []
    assert answer.chosen.makespan_s <= plan(problem).chosen.makespan_s


def test_the_guide_proves_a_bound_and_does_no_harm() -> None:
    from fenix_grpc.guide import guide

    fastest = Options(preference=Preference.FASTEST)
    problem = cloud(20, 200, seed=2, options=fastest)
    alone = plan(problem)
    hints = guide(problem, alone.rounds, limit_s=100.0)
    guided = plan(replace(problem, hints=hints))
    assert hints
    assert replay_plan(problem, guided) == []
    assert hints[0].moves_bound <= guided.moves <= alone.moves
    assert guided.bounds.moves_at_rounds >= alone.bounds.moves_at_rounds
