"""Where instances fit."""

from fenix_grpc.core import events as e
from fenix_grpc.core.capacity import next_to_empty, pack, shortage
from fenix_grpc.core.model import GroupView, HostKind, InstanceAction, Resources, StepVerb
from tests.core.factories import a_session, after, host, instance, size


def test_the_largest_is_placed_first():
    session = a_session(
        hosts=(host("c1"), host("c2", 6)),
        instances=(instance("s1", "c1", 1), instance("l", "c1", 4), instance("s2", "c1", 1)),
    )
    packing = pack(session, session.instances_on("c1"), without=frozenset({"c1"}))
    assert packing.placed == {"l": "c2", "s1": "c2", "s2": "c2"}


def test_every_dimension_counts():
    thin = host("c2").__class__(host="c2", capacity=Resources(vcpus=8, memory_mb=512, disk_gb=99))
    session = a_session(hosts=(host("c1"), thin), instances=(instance("a", "c1"),))
    assert [i.instance_id for i in pack(session, session.instances_on("c1")).unplaced] == ["a"]


def test_free_room_that_is_scattered_is_no_room():
    session = a_session(
        instances=(
            instance("big", "c1", 6),
            instance("x", "c2", 4),
            instance("y", "c3", 4),
        )
    )
    assert pack(session, session.instances_on("c1"), without=frozenset({"c1"})).lacking == size(6)
    assert next_to_empty(session, session.todo()) == "c2"


def test_groups_are_kept_apart():
    session = a_session(
        instances=(
            instance("a", "c1", groups=("ha",)),
            instance("b", "c2", groups=("ha",)),
        ),
        groups=(GroupView(group_id="ha", max_per_host=1),),
    )
    assert pack(session, session.instances_on("c1"), without=frozenset({"c1"})).placed == {
        "a": "c3"
    }


def test_members_of_one_group_are_not_placed_together():
    session = a_session(
        hosts=(host("c1"), host("c2"), host("c3")),
        instances=(
            instance("a", "c1", groups=("ha",)),
            instance("b", "c1", groups=("ha",)),
        ),
        groups=(GroupView(group_id="ha", max_per_host=1),),
    )
    placed = pack(session, session.instances_on("c1"), without=frozenset({"c1"})).placed
    assert sorted(placed.values()) == ["c2", "c3"]


def test_hosts_out_of_service_and_controllers_take_nothing():
    session = a_session(
        hosts=(
            host("c1"),
            host("off", enabled=False),
            host("down", up=False),
            host("ctl", kind=HostKind.CONTROLLER),
        ),
        instances=(instance("a", "c1"),),
    )
    assert pack(session, session.instances_on("c1")).placed == {}


def test_a_running_move_has_booked_its_room():
    session = a_session(
        hosts=(host("c1"), host("c2", 4)),
        instances=(instance("a", "c1", 4), instance("b", "c1", 4)),
    )
    moving = e.StepStarted(
        step_id="move_instance/a/1",
        verb=StepVerb.MOVE_INSTANCE,
        host="c1",
        instance_id="a",
        target="c2",
        how=InstanceAction.MIGRATE,
    )
    session = after(session, moving)
    assert pack(session, [session.instances["b"]]).placed == {}


def test_hosts_already_worked_on_come_first():
    session = a_session(instances=(instance("a", "c1"),), selected=("c1", "c2"))
    assert pack(session, session.instances_on("c1"), without=frozenset({"c1"})).placed == {
        "a": "c3"
    }


def test_shortage_is_the_least_that_helps():
    session = a_session(
        hosts=(host("c1", 8), host("c2", 8)),
        instances=(instance("a", "c1", 6), instance("b", "c2", 4), instance("c", "c2", 4)),
    )
    assert next_to_empty(session, session.todo()) == ""
    assert shortage(session) == size(6)


def test_a_host_that_is_down_is_not_next():
    session = a_session(hosts=(host("c1", up=False), host("c2"), host("c3")))
    assert next_to_empty(session, session.todo()) == "c2"


def test_what_others_have_booked_is_not_free():
    """Another session's instance is on its way to c2: Nova counts it on both ends, and lists it on neither of ours."""
    booked = host("c2", used=Resources(vcpus=6, memory_mb=6 * 1024, disk_gb=60))
    moving = instance("a", "c1", 4)
    session = a_session(hosts=(host("c1"), booked), instances=(moving,))
    assert pack(session, [moving], without=frozenset({"c1"})).unplaced == (moving,)
