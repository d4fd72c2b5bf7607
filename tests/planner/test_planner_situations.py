"""Named situations: what blocks a session, what would help, and what a plan looks like when nothing does."""

from __future__ import annotations

from dataclasses import replace

from fenix_grpc.core.model import Resources
from fenix_grpc.core.planner import (
    BlockerKind,
    Options,
    PlannedGroup,
    PlannedHost,
    PlannedInstance,
    PlannedMove,
    Preference,
    Problem,
    difference,
    plan,
    replan,
    schedule,
)
from tests.planner.replay import after_waves, replay_plan, replay_timeline
from tests.planner.strategies import size


def host(name: str, vcpus: int = 8, **more) -> PlannedHost:
    return PlannedHost(
        name=name, capacity=Resources(vcpus=vcpus, memory_mb=8192, disk_gb=100), **more
    )


def instance(name: str, on: str, vcpus: int = 2, **more) -> PlannedInstance:
    return PlannedInstance(instance_id=name, host=on, size=size(vcpus, 1), **more)


def a_problem(*instances: PlannedInstance, hosts: int = 3, **more) -> Problem:
    return Problem(hosts=tuple(host(f"h{n}") for n in range(hosts)), instances=instances, **more)


def test_an_empty_host_is_worked_on_first_and_everybody_moves_once() -> None:
    problem = a_problem(instance("a", "h0"), instance("b", "h1"))
    answer = plan(problem)
    assert answer.waves[0].hosts == ("h2",)
    assert answer.moves == answer.bounds.moves == 2
    assert replay_plan(problem, answer) == []


def test_nothing_to_do_is_a_plan_without_waves() -> None:
    answer = plan(Problem(hosts=(), instances=()))
    assert (answer.waves, answer.blockers, answer.rounds, answer.moves) == ((), (), 0, 0)


def test_a_host_outside_the_session_is_a_destination() -> None:
    problem = Problem(
        hosts=(host("h0"), host("spare", in_session=False)), instances=(instance("a", "h0", 8),)
    )
    answer = plan(problem)
    assert answer.all_moves() == (PlannedMove(instance_id="a", source="h0", target="spare"),)


def test_what_can_never_be_done_is_named_and_the_rest_is_planned() -> None:
    problem = a_problem(
        instance("never", "h0", groups=("g",)),
        instance("stuck", "h1", movable=False),
        instance("elsewhere", "h2", zone="mars"),
        hosts=6,
        groups={"g": PlannedGroup(budget=0)},
        held=frozenset({"h3"}),
    )
    answer = plan(problem)
    assert {(b.kind, b.subject, b.hosts) for b in answer.blockers} == {
        (BlockerKind.BUDGET_NEVER_MET, "group:g", ("h0",)),
        (BlockerKind.INSTANCE_CANNOT_MOVE, "instance:stuck", ("h1",)),
        (BlockerKind.WRONG_ZONE, "instance:elsewhere", ("h2",)),
        (BlockerKind.HOST_HELD, "host:h3", ("h3",)),
    }
    assert set(answer.wave_of()) == {"h4", "h5"}


def test_an_own_action_needs_no_migration_of_the_cloud() -> None:
    answer = plan(a_problem(instance("a", "h0", movable=False, own_action=True)))
    assert answer.blockers == ()


def test_a_group_larger_than_its_hosts_allow_names_its_hosts() -> None:
    members = [instance(f"m{n}", f"h{n}", groups=("g",)) for n in range(3)]
    answer = plan(a_problem(*members, groups={"g": PlannedGroup(max_per_host=1)}))
    (blocker,) = answer.blockers
    assert (blocker.kind, blocker.hosts) == (BlockerKind.GROUP_TOO_LARGE, ("h0", "h1", "h2"))
    assert blocker.proven


def test_a_full_cloud_says_what_to_release_or_add_and_either_helps() -> None:
    full = [instance(f"i{n}", f"h{n // 4}") for n in range(12)]
    problem = a_problem(*full)
    (blocker,) = plan(problem).blockers
    assert (blocker.kind, blocker.proven, blocker.add_hosts) == (BlockerKind.NO_ROOM, True, 1)
    assert blocker.scale_in is not None
    released = set(blocker.scale_in.instance_ids)
    assert len(released) == 4
    smaller = replace(problem, instances=tuple(i for i in full if i.instance_id not in released))
    assert plan(smaller).blockers == ()
    larger = replace(problem, hosts=(*problem.hosts, host("new", in_session=False)))
    assert plan(larger).blockers == ()


def test_no_more_hosts_at_once_than_allowed() -> None:
    problem = a_problem(
        *(instance(f"i{n}", f"h{n}") for n in range(8)),
        hosts=10,
        options=Options(max_hosts_at_once=2),
    )
    answer = plan(problem)
    assert max(len(wave.hosts) for wave in answer.waves) == 2
    assert answer.bounds.rounds == 5
    assert replay_timeline(problem, schedule(problem, answer)) == []


def test_the_preference_picks_from_the_front() -> None:
    problem = a_problem(*(instance(f"i{n}", f"h{n // 3}") for n in range(30)), hosts=10)
    few, fast = (
        plan(replace(problem, options=Options(preference=p))).chosen
        for p in (Preference.FEWEST_MOVES, Preference.FASTEST)
    )
    assert few.moves < fast.moves
    assert few.makespan_s > fast.makespan_s


def test_a_refused_destination_is_not_planned_again() -> None:
    problem = a_problem(instance("a", "h0"), instance("b", "h1"), hosts=4)
    first = plan(problem)
    move = next(m for m in first.all_moves() if m.instance_id == "a")
    refused = replace(problem, refused={"a": frozenset({move.target})})
    again = plan(refused)
    assert replay_plan(refused, again) == []
    changed = difference(first, again)
    assert changed
    assert move in changed.dropped


def test_a_plan_that_is_carried_out_as_it_was_has_no_difference() -> None:
    problem = a_problem(*(instance(f"i{n}", f"h{n // 2}") for n in range(8)), hosts=5)
    first = plan(problem)
    later = after_waves(problem, first, 1)
    changed = difference(first, replan(later, first))
    assert changed.added == changed.dropped == ()


def test_a_lead_time_holds_the_first_move_back() -> None:
    problem = a_problem(instance("a", "h0", lead_s=300.0))
    (move,) = schedule(problem, plan(problem)).moves
    assert move.start_s >= 300.0


def test_bad_figures_are_survived() -> None:
    problem = a_problem(
        instance("a", "h0", vcpus=-4, move_s=-1.0, groups=("unknown",)),
        instance("b", "nowhere"),
        options=Options(fill_limit=-3.0, max_hosts_at_once=-1),
    )
    answer = plan(problem)
    assert set(answer.wave_of()) == {"h0", "h1", "h2"}
    assert schedule(problem, answer).makespan_s > 0
