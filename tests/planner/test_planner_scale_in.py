"""The smallest scale-in: it helps, it spares whom it must, and on tiny clouds nothing smaller would do."""

from __future__ import annotations

from dataclasses import replace
from itertools import combinations

from hypothesis import HealthCheck, Phase, given, settings

from fenix_grpc.core.model import Resources
from fenix_grpc.core.planner import (
    BlockerKind,
    PlannedHost,
    PlannedInstance,
    Problem,
    ScaleIn,
    plan,
    smallest_scale_in,
)
from tests.planner.clouds import cloud
from tests.planner.exhaustive import all_can_be_done
from tests.planner.strategies import EXAMPLES, full_clouds, size


def released(problem: Problem, instance_ids: tuple[str, ...]) -> Problem:
    gone = frozenset(instance_ids)
    return replace(
        problem, instances=tuple(i for i in problem.instances if i.instance_id not in gone)
    )


def full_hosts(number: int, **more) -> Problem:
    """Hosts that are full: one large instance and four small ones on each."""
    whole = Resources(vcpus=16, memory_mb=16384, disk_gb=1000)
    return Problem(
        hosts=tuple(PlannedHost(name=f"h{n}", capacity=whole) for n in range(number)),
        instances=tuple(
            PlannedInstance(instance_id=f"h{n}-{k}", host=f"h{n}", size=size(4 if k else 8, None))
            for n in range(number)
            for k in range(3)
        ),
        **more,
    )


def test_nothing_is_released_where_everything_can_be_done() -> None:
    assert smallest_scale_in(cloud(12, 90)) == ScaleIn()


def test_large_instances_anywhere_are_released_rather_than_many_small_ones_of_one_host() -> None:
    problem = full_hosts(20)
    found = smallest_scale_in(problem)
    assert found is not None
    assert len(found.instance_ids) == 2
    assert found.amount.vcpus == 16
    assert plan(released(problem, found.instance_ids)).blockers == ()


def test_none_is_found_where_nobody_can_be_asked() -> None:
    everyone = frozenset(i.instance_id for i in full_hosts(6).instances)
    assert smallest_scale_in(full_hosts(6, not_to_scale_in=everyone)) is None
    (blocker,) = plan(full_hosts(6, not_to_scale_in=everyone)).blockers
    assert (blocker.kind, blocker.scale_in) == (BlockerKind.NO_ROOM, None)


def test_whoever_cannot_be_asked_is_left_alone() -> None:
    large = frozenset(i.instance_id for i in full_hosts(20).instances if i.size.vcpus == 8)
    problem = full_hosts(20, not_to_scale_in=large)
    found = smallest_scale_in(problem)
    assert found
    assert not large.intersection(found.instance_ids)
    assert plan(released(problem, found.instance_ids)).blockers == ()


def test_each_zone_without_room_is_named() -> None:
    problem = full_hosts(12)
    hosts = tuple(replace(h, zone=f"z{n % 3}") for n, h in enumerate(problem.hosts))
    roomy = tuple(
        i for n, i in enumerate(problem.instances) if problem.hosts[n // 3].name not in ("h0", "h3")
    )
    found = smallest_scale_in(replace(problem, hosts=hosts, instances=roomy))
    assert found is not None
    assert found.zones == ("z1", "z2")


def test_hosts_that_are_blocked_otherwise_are_not_counted() -> None:
    problem = full_hosts(3, held=frozenset({"h0", "h1", "h2"}))
    assert smallest_scale_in(problem) == ScaleIn()


def test_a_large_full_cloud_gets_few_releases_that_help() -> None:
    found = smallest_scale_in(full_hosts(300))
    assert found is not None
    assert len(found.instance_ids) == 2


def test_on_a_tiny_cloud_one_release_is_found_where_host_by_host_needs_two() -> None:
    on = {"h0": (1, 4, 1, 1), "h1": (4, 4), "h2": (3, 3), "h3": (5, 3)}
    whole = Resources(vcpus=8, memory_mb=8192, disk_gb=100)
    built = [(h, number) for h, numbers in on.items() for number in numbers]
    problem = Problem(
        hosts=tuple(PlannedHost(name=h, capacity=whole) for h in on),
        instances=tuple(
            PlannedInstance(instance_id=f"i{n}", host=h, size=size(number))
            for n, (h, number) in enumerate(built)
        ),
        not_to_scale_in=frozenset({"i5", "i7", "i9"}),
    )
    found = smallest_scale_in(problem)
    assert found is not None
    assert found.instance_ids == ("i8",)


@settings(
    derandomize=True,
    deadline=None,
    suppress_health_check=list(HealthCheck),
    phases=(Phase.explicit, Phase.generate),
    max_examples=EXAMPLES,
)
@given(full_clouds())
def test_on_tiny_clouds_no_smaller_set_would_do(problem: Problem) -> None:
    found = smallest_scale_in(problem)
    wanted = frozenset(h.name for h in problem.hosts)
    free = sorted({i.instance_id for i in problem.instances} - problem.not_to_scale_in)
    if found is not None:
        assert problem.not_to_scale_in.isdisjoint(found.instance_ids)
        rest = released(problem, found.instance_ids)
        assert all_can_be_done(rest, wanted, wanted) is not False
        assert plan(rest).blockers == ()
    fewer = len(found.instance_ids) if found is not None else len(free) + 1
    for number in range(fewer):
        for some in combinations(free, number):
            assert not all_can_be_done(released(problem, some), wanted, wanted), some
