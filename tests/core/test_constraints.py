"""Which constraints count for a cloud, how they enter a session, and what becomes of the ETSI form."""

from datetime import timedelta

import pytest

from fenix_grpc.core.constraints import (
    BySize,
    ConstraintSet,
    GroupConstraint,
    InstanceConstraint,
)
from fenix_grpc.core.etsi import NfviMaintenanceInfo, of_group, of_instance
from fenix_grpc.core.model import Inventory
from fenix_grpc.core.observe import changes_anything, observe
from tests.core.factories import a_session, after, host, instance

HOSTS = (host("c1"), host("c2"))
MINE = InstanceConstraint(instance_id="i1", project_id="red", group_id="g1", lead_time=40)
GROUP = GroupConstraint(group_id="g1", project_id="red")


def of(name: str, project: str) -> InstanceConstraint:
    return InstanceConstraint(instance_id=name, project_id=project)


def a_cloud(*instances) -> Inventory:
    return Inventory(hosts=HOSTS, instances=instances)


CLOUD = a_cloud(instance("i1", "c1"), instance("i2", "c2", project="blue", groups=("g2",)))


@pytest.mark.parametrize(
    ("project", "counts_for"),
    [("red", "red"), ("", "red"), ("blue", None), ("green", None)],
    ids=["its owner's", "nobody's", "another owner's", "a stranger's"],
)
def test_a_constraint_counts_when_its_project_owns_the_instance(project, counts_for):
    found = ConstraintSet(instances=(of("i1", project),)).relevant(CLOUD).instances
    assert [each.project_id for each in found] == ([counts_for] if counts_for else [])


def test_a_constraint_of_an_instance_that_is_not_there_does_not_count():
    given = ConstraintSet(instances=(of("i9", "red"), of("i9", "")))
    assert given.relevant(CLOUD) == ConstraintSet()


def test_groups_count_as_long_as_their_project_has_instances():
    red, green = GROUP, GroupConstraint(group_id="g3", project_id="green")
    assert ConstraintSet(groups=(red, green)).relevant(CLOUD).groups == (red,)


def test_a_group_of_nobody_belongs_to_the_owner_of_its_members():
    groups = tuple(GroupConstraint(group_id=name, project_id="") for name in ("g1", "g2", "g3"))
    found = ConstraintSet(instances=(MINE,), groups=groups).relevant(CLOUD).groups
    assert {each.group_id: each.project_id for each in found} == {"g1": "red", "g2": "blue"}


def looked(session, constraints, cloud=CLOUD):
    return observe(
        session, cloud, frozenset(), looked_after_seq=session.seq, constraints=constraints
    )


def test_constraints_enter_a_session_by_difference():
    session = a_session(HOSTS, CLOUD.instances, listening=())
    first = looked(session, ConstraintSet(instances=(MINE,), groups=(GROUP,)))
    assert (first.instance_constraints, first.group_constraints) == ((MINE,), (GROUP,))
    assert changes_anything(first)
    session = after(session, first)
    assert session.instance_constraints == {"i1": MINE}
    assert session.group_constraints == {"g1": GROUP}
    again = looked(session, ConstraintSet(instances=(MINE,), groups=(GROUP,)))
    assert not changes_anything(again)


def test_changed_and_withdrawn_constraints_are_noticed():
    session = a_session(HOSTS, CLOUD.instances, listening=())
    session = after(session, looked(session, ConstraintSet(instances=(MINE,), groups=(GROUP,))))
    seen = looked(session, ConstraintSet(instances=(of("i1", "red"),)))
    assert seen.instance_constraints == (of("i1", "red"),)
    assert seen.gone_group_constraints == ("g1",)
    session = after(session, seen, looked(after(session, seen), ConstraintSet()))
    assert not session.instance_constraints
    assert not session.group_constraints


def test_constraints_go_with_their_instances():
    session = a_session(HOSTS, CLOUD.instances, listening=())
    given = ConstraintSet(instances=(MINE,), groups=(GROUP,))
    session = after(session, looked(session, given))
    seen = looked(session, given, a_cloud(CLOUD.instances[1]))
    assert seen.gone_instance_constraints == ("i1",)
    assert seen.gone_group_constraints == ("g1",)


def test_without_knowledge_of_constraints_those_believed_stay():
    session = a_session(HOSTS, CLOUD.instances, listening=())
    session = after(session, looked(session, ConstraintSet(instances=(MINE,))))
    assert not changes_anything(looked(session, None))


@pytest.mark.parametrize(
    ("interruption_s", "kept", "warned"),
    [(None, 0, False), (0, 1, True), (0.25, 1, True), (1, 1, False), (2.9, 2, False)],
)
def test_an_interruption_is_rounded_to_the_safe_side(interruption_s, kept, warned):
    longest = None if interruption_s is None else timedelta(seconds=interruption_s)
    info = NfviMaintenanceInfo(max_undetectable_interruption_time=longest)
    constraint, warnings = of_instance(of("i1", "red"), info)
    assert (constraint.max_interruption_time, bool(warnings)) == (kept, warned)


@pytest.mark.parametrize(
    ("lines", "budgets"),
    [
        ({}, {1: 1, 100: 1}),
        ({0: 2}, {1: 2, 100: 2}),
        ({5: 2, 10: 4}, {4: 1, 5: 2, 9: 2, 10: 4}),
        ({5: 0}, {4: 0, 5: 0}),
        ({0: 0, 3: 1}, {2: 0, 3: 1}),
    ],
)
def test_budgets_follow_the_size_of_the_group(lines, budgets):
    by_size = tuple(BySize(group_size=size, number=n) for size, n in lines.items())
    constraint = of_group(GROUP, NfviMaintenanceInfo(max_number_of_impacted_instances=by_size))
    assert {size: constraint.budget(size) for size in budgets} == budgets


def test_what_must_be_preserved_limits_the_budget():
    info = NfviMaintenanceInfo(
        max_number_of_impacted_instances=(BySize(group_size=0, number=3),),
        min_number_of_preserved_instances=(BySize(group_size=0, number=4),),
    )
    constraint = of_group(GROUP, info)
    assert [constraint.budget(size) for size in (3, 4, 5, 9)] == [0, 0, 1, 3]
