"""What is left of a session, played through: the rules that a workflow keeps, and how sure an end is."""

import pytest

from fenix_grpc.core.pace import NOTHING, Spread
from fenix_grpc.core.rehearsal import Departure, Expected, Script, Visit, expect

MINUTE = Spread([60.0] * 1000, 60.0)
HOUR = Spread([3600.0] * 1000, 3600.0)


def leave(name: str, source: str, target: str = "free", **more) -> Departure:
    return Departure(instance_id=name, source=source, target=target, lasts=MINUTE, **more)


def visit(host: str, wave: int = 0, *departures: Departure, at_once: int = 1, **more) -> Visit:
    return Visit(host=host, wave=wave, departures=departures, work=HOUR, at_once=at_once, **more)


def played(*visits: Visit, **more) -> Expected:
    return expect(Script(visits=visits, **more), "s1")


def minutes(expected: Expected, host: str) -> tuple[int, int, int]:
    begin, empty, end = (round(s / 60) for s in expected.times.hosts[host])
    return begin, empty, end


def test_a_host_is_emptied_and_then_worked_on():
    expected = played(visit("c1", 0, leave("i1", "c1"), leave("i2", "c1")))
    assert minutes(expected, "c1") == (0, 1, 61)


def test_one_host_after_the_other_where_one_may_be_in_hand():
    expected = played(visit("c1", 0, leave("i1", "c1")), visit("c2", 1, leave("i2", "c2")))
    assert minutes(expected, "c2") == (61, 62, 122)


def test_as_many_in_hand_as_allowed_from_the_closing_to_the_end_of_the_work():
    hosts = [visit(f"c{n}", 0, leave(f"i{n}", f"c{n}"), at_once=2) for n in range(4)]
    expected = played(*hosts)
    assert [minutes(expected, f"c{n}")[0] for n in range(4)] == [0, 0, 61, 61]


@pytest.mark.parametrize("slots", ["in_all", "per_source", "per_target"])
def test_moves_wait_for_slots(slots: str):
    four = [leave(f"i{n}", "c1") for n in range(4)]
    assert minutes(played(visit("c1", 0, *four), **{slots: 2}), "c1") == (0, 2, 62)


def test_members_of_a_group_move_as_its_budget_and_recovery_allow():
    three = [leave(f"i{n}", "c1", groups=("g",)) for n in range(3)]
    expected = played(visit("c1", 0, *three), groups={"g": (1, 120.0)})
    assert [(round(b / 60), round(e / 60)) for b, e in expected.times.moves] == [
        (0, 1),
        (3, 4),
        (6, 7),
    ]


def test_a_move_waits_for_the_work_on_its_target():
    expected = played(visit("c1", 0, at_once=2), visit("c2", 1, leave("i1", "c2", "c1"), at_once=2))
    assert minutes(expected, "c2") == (0, 61, 121)


def test_a_host_is_closed_only_when_nothing_is_still_to_come_to_it():
    expected = played(
        visit("c1", 0, leave("i1", "c1", "c2"), at_once=2),
        visit("c2", 1, leave("i1", "c2", "c3"), at_once=2),
    )
    assert minutes(expected, "c2") == (1, 2, 62)


def test_notices_take_their_time_after_a_host_is_closed():
    expected = played(visit("c1", 0, leave("i1", "c1", notice_s=600.0)))
    assert minutes(expected, "c1") == (0, 11, 71)


def test_what_goes_on_already_takes_what_is_left_of_it():
    expected = played(
        visit("c1", 0, since_s=3000.0, begun=True, at_once=2),
        visit("c2", 0, leave("i1", "c2", since_s=40.0), begun=True, at_once=2),
    )
    assert (minutes(expected, "c1")[2], minutes(expected, "c2")[2]) == (10, 60)


def test_what_is_overdue_is_expected_a_little_later_still():
    overdue = played(visit("c1", 0, since_s=7200.0, begun=True))
    assert minutes(overdue, "c1")[2] == 12


def test_hosts_without_instances_come_first_and_one_by_one():
    first = (visit("ctl1"), visit("ctl2"))
    expected = played(visit("c1", 0, leave("i1", "c1")), before=first)
    assert minutes(expected, "ctl1") == (1, 1, 61)
    assert minutes(expected, "ctl2") == (61, 61, 121)
    assert minutes(expected, "c1") == (0, 121, 181)
    alone = played(before=first)
    assert minutes(alone, "ctl2") == (60, 60, 120)


def test_a_plan_that_does_not_fit_the_world_still_comes_to_an_end():
    crossed = played(
        visit("c1", 1, leave("i1", "c1", "c2"), at_once=1),
        visit("c2", 0, leave("i2", "c2", "c1"), at_once=1),
    )
    assert set(crossed.times.hosts) == {"c1", "c2"}


def test_nothing_left_ends_now():
    expected = played()
    assert (expected.p50_s, expected.p90_s) == (0.0, 0.0)


def test_many_moves_are_surer_than_few_and_the_same_question_has_the_same_answer():
    unsure = Spread([30.0, 60.0, 120.0] * 100, 60.0)

    def chain(count: int, seed: str = "s1") -> Expected:
        moves = (
            Departure(instance_id=f"i{n}", source="c1", target="c2", lasts=unsure)
            for n in range(count)
        )
        only = Visit(host="c1", wave=0, departures=tuple(moves), work=NOTHING)
        return expect(Script(visits=(only,), in_all=1), seed)

    few, many = chain(3), chain(300)
    assert few.p90_s / few.p50_s > 1.3
    assert 1.01 < many.p90_s / many.p50_s < 1.1
    assert many.p50_s == pytest.approx(300 * 70, rel=0.05)
    assert chain(3) == few
    assert chain(3, seed="").p90_s > 1.3 * few.p50_s


def test_what_was_never_measured_is_unsure_however_many_there_are():
    guessed = Spread((), 60.0)
    moves = tuple(
        Departure(instance_id=f"i{n}", source="c1", target="c2", lasts=guessed) for n in range(300)
    )
    only = Visit(host="c1", wave=0, departures=moves, work=NOTHING)
    expected = expect(Script(visits=(only,), in_all=1), "s1")
    assert 1.35 < expected.p90_s / expected.p50_s < 1.7
