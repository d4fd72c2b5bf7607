"""Named situations: what blocks a session, what would help, and what a plan looks like when nothing does."""

from __future__ import annotations

from dataclasses import replace

import pytest

from fenix_grpc.core.model import Resources
from fenix_grpc.core.planner import (
    BlockerKind,
    Options,
    Plan,
    PlannedGroup,
    PlannedHost,
    PlannedInstance,
    PlannedMove,
    Preference,
    Problem,
    Slots,
    Wave,
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


@pytest.mark.parametrize(
    ("subject", "helps"),
    [
        ("group:g", "let its manager allow one, or take its hosts out of the session"),
        ("instance:stuck", "stop it, or let its manager handle it"),
        ("instance:elsewhere", "Move it by hand, or correct the zone"),
        ("host:h3", "when that session is over"),
        ("group:many", "Scale the group in, or add a host"),
        ("zone:full", "release 4 instances"),
    ],
)
def test_each_blocker_says_what_would_help(subject: str, helps: str) -> None:
    many = (instance(f"m{n}", f"h{n}", groups=("many",)) for n in range(7))
    full = (instance(f"f{n}", "f0" if n < 4 else "f1") for n in range(8))
    problem = a_problem(
        instance("never", "h0", groups=("g",)),
        instance("stuck", "h1", movable=False),
        instance("elsewhere", "h2", zone="mars"),
        *many,
        *full,
        hosts=7,
        groups={"g": PlannedGroup(budget=0), "many": PlannedGroup(max_per_host=1)},
        held=frozenset({"h3"}),
    )
    hosts = (*problem.hosts, host("f0", zone="full"), host("f1", zone="full"))
    blocker = {b.subject: b for b in plan(replace(problem, hosts=hosts)).blockers}[subject]
    assert blocker.proven
    assert blocker.hosts
    assert subject.partition(":")[2] in blocker.reason
    assert helps in blocker.reason


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


def test_a_difference_reads_as_a_sentence() -> None:
    problem = a_problem(instance("a", "h0"), instance("b", "h1"), hosts=4)
    first = plan(problem)
    move = next(m for m in first.all_moves() if m.instance_id == "a")
    refused = plan(replace(problem, refused={"a": frozenset({move.target})}))
    assert "1 move has another destination" in str(difference(first, refused))
    held = plan(replace(problem, held=frozenset({"h0"})))
    assert str(difference(first, held)) == (
        "1 move is dropped, 1 host is not planned any more, 1 blocker came: host:h0; "
        "1 move fewer in all"
    )
    back = str(difference(held, first))
    assert back.startswith("1 move is new, 1 host is planned now, 1 blocker went: host:h0")
    assert str(difference(first, first)) == "nothing changes"


def test_hosts_that_change_their_wave_are_counted() -> None:
    def in_waves(*hosts: tuple[str, ...]) -> Plan:
        waves = tuple(Wave(number=n, hosts=names, moves=()) for n, names in enumerate(hosts))
        return replace(plan(a_problem()), waves=waves)

    changed = difference(in_waves(("h0", "h1"), ("h2",)), in_waves(("h2",), ("h0",), ("h1",)))
    assert str(changed) == "2 hosts go later, 1 host goes earlier; 1 round more"


def test_a_lead_time_holds_the_first_move_back() -> None:
    problem = a_problem(instance("a", "h0", lead_s=300.0))
    (move,) = schedule(problem, plan(problem)).moves
    assert move.start_s >= 300.0


def test_a_move_that_runs_ends_the_sooner_and_keeps_its_slots() -> None:
    running = PlannedMove(instance_id="a", source="h0", target="spare")
    problem = Problem(
        hosts=(host("h0"), host("spare", in_session=False)),
        instances=(instance("a", "h0", move_s=100.0), instance("b", "h0", move_s=50.0)),
        slots=Slots(per_source=1),
        kept=(running,),
    )
    answer = plan(problem)
    fresh, late = (schedule(problem, answer, running_s={"a": s}) for s in (0.0, 80.0))
    assert [(m.move.instance_id, m.start_s, m.end_s) for m in late.moves] == [
        ("a", -80.0, 20.0),
        ("b", 20.0, 70.0),
    ]
    assert late.makespan_s == fresh.makespan_s - 80.0


def test_a_move_that_runs_longer_than_expected_ends_now() -> None:
    running = PlannedMove(instance_id="a", source="h0", target="h2")
    problem = a_problem(instance("a", "h0", move_s=10.0), kept=(running,))
    move = schedule(problem, plan(problem), running_s={"a": 1000.0}).moves[0]
    assert (move.start_s, move.end_s) == (-1000.0, 0.0)


def test_bad_figures_are_survived() -> None:
    problem = a_problem(
        instance("a", "h0", vcpus=-4, move_s=-1.0, groups=("unknown",)),
        instance("b", "nowhere"),
        options=Options(fill_limit=-3.0, max_hosts_at_once=-1),
    )
    answer = plan(problem)
    assert set(answer.wave_of()) == {"h0", "h1", "h2"}
    assert schedule(problem, answer).makespan_s > 0
