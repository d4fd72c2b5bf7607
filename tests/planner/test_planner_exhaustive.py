"""Where the planner says impossible on a small case, trying everything agrees; and it says so rarely without proof."""

from __future__ import annotations

from hypothesis import HealthCheck, Phase, assume, given, settings

from fenix_grpc.core.planner import BlockerKind, Problem, plan
from tests.planner.exhaustive import all_can_be_done
from tests.planner.strategies import EXAMPLES, problems


@settings(
    derandomize=True,
    deadline=None,
    suppress_health_check=list(HealthCheck),
    phases=(Phase.explicit, Phase.generate),
    max_examples=EXAMPLES,
)
@given(problems(hosts=5, instances=8, odd=False))
def test_exhaustive_search_agrees_with_impossible(problem: Problem) -> None:
    answer = plan(problem)
    wanted = frozenset(h.name for h in problem.hosts if h.in_session)
    for blocker in answer.blockers:
        assert blocker.proven
        if blocker.kind is BlockerKind.GROUP_TOO_LARGE:
            for host in blocker.hosts:
                assert all_can_be_done(problem, frozenset({host}), wanted) in (False, None)
    if any(b.kind is BlockerKind.NO_ROOM for b in answer.blockers):
        large = {h for b in answer.blockers if b.kind is not BlockerKind.NO_ROOM for h in b.hosts}
        rest = wanted - large
        assume(not large)
        assert all_can_be_done(problem, rest, rest) in (False, None)
