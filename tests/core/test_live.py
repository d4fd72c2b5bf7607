"""When a live migration is too slow, and what is done then."""

import pytest

from fenix_grpc.core.constraints import InstanceConstraint
from fenix_grpc.core.live import Intervention, LiveRule, live_rule, rule_of
from fenix_grpc.core.model import InstanceAction, Policy, SlowLive

FORCE, ABORT, WAIT = SlowLive.FORCE, SlowLive.ABORT, SlowLive.WAIT


def demand(bears: int) -> InstanceConstraint:
    return InstanceConstraint(instance_id="a", project_id="red", max_interruption_time=bears)


@pytest.mark.parametrize(
    ("slow", "live_s", "bears", "rule"),
    [
        (WAIT, 30.0, 10, None),
        (ABORT, 0.0, 0, None),
        (ABORT, 30.0, 0, LiveRule(abort_s=30.0)),
        (ABORT, 30.0, 10, LiveRule(abort_s=10.0)),
        (ABORT, 0.0, 10, LiveRule(abort_s=10.0)),
        (FORCE, 0.0, 0, None),
        (FORCE, 30.0, 0, LiveRule(force_s=30.0)),
        (FORCE, 30.0, 60, LiveRule(force_s=30.0, abort_s=60.0)),
        (FORCE, 30.0, 30, LiveRule(abort_s=30.0)),
        (FORCE, 30.0, 10, LiveRule(abort_s=10.0)),
        (FORCE, 0.0, 10, LiveRule(abort_s=10.0)),
    ],
)
def test_a_rule_is_made_of_policy_and_demand(slow, live_s, bears, rule):
    assert live_rule(Policy(slow_live=slow, live_s=live_s), demand(bears)) == rule


def test_only_live_moves_have_one():
    policy = Policy(slow_live=ABORT, live_s=30.0)
    assert rule_of(policy, {}, "a", InstanceAction.MIGRATE) is None
    assert rule_of(policy, {}, "a", None) is None
    assert rule_of(policy, {"a": demand(5)}, "a", InstanceAction.LIVE_MIGRATE) == LiveRule(
        abort_s=5.0
    )


def test_what_is_due_follows_from_the_age():
    rule = LiveRule(force_s=10.0, abort_s=20.0)
    assert rule.due(9.9, forced=False) is None
    assert rule.due(10.0, forced=False) is Intervention.FORCE
    assert rule.due(15.0, forced=True) is None
    assert rule.due(20.0, forced=True) is Intervention.ABORT
    assert (rule.next_s(0.0), rule.next_s(10.0), rule.next_s(20.0)) == (10.0, 20.0, None)
    assert LiveRule().due(1e9, forced=False) is None
