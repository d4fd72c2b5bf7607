"""Constraints over the call chain: what is kept, for whom, what is refused."""

from __future__ import annotations

from typing import Any

import pytest
from google.protobuf.duration_pb2 import Duration
from google.protobuf.message import Message

from fenix_grpc.v1 import constraint_service_pb2 as pb
from fenix_grpc.v1 import types_pb2 as t
from tests.api.desk import a_desk, refused

RED, BLUE = "project:red", "project:blue"
LIVE, MIGRATE, OWN = (
    t.INSTANCE_ACTION_LIVE_MIGRATE,
    t.INSTANCE_ACTION_MIGRATE,
    t.INSTANCE_ACTION_OWN_ACTION,
)
MOST = 2**31 - 1


def an_instance(name: str = "i1", **fields: Any) -> pb.SetInstanceConstraintRequest:
    return pb.SetInstanceConstraintRequest(
        instance_id=name, constraint=t.InstanceConstraint(**fields)
    )


def a_group(name: str = "g1", **fields: Any) -> pb.SetGroupConstraintRequest:
    return pb.SetGroupConstraintRequest(group_id=name, constraint=t.GroupConstraint(**fields))


def an_etsi_group(**fields: Any) -> pb.SetGroupConstraintRequest:
    return pb.SetGroupConstraintRequest(
        group_id="g1", nfvi_maintenance_info=pb.NfviMaintenanceInfo(**fields)
    )


def get(name: str = "i1") -> pb.GetInstanceConstraintRequest:
    return pb.GetInstanceConstraintRequest(instance_id=name)


def delete(name: str = "i1") -> pb.DeleteInstanceConstraintRequest:
    return pb.DeleteInstanceConstraintRequest(instance_id=name)


def most(size: int, number: int) -> pb.MaxNumberOfImpactedInstances:
    return pb.MaxNumberOfImpactedInstances(group_size=size, max_number_of_impacted_instances=number)


async def test_what_was_set_is_what_is_got() -> None:
    async with a_desk() as desk:
        said = an_instance(
            group_id="g1",
            instance_name="db-0",
            max_interruption_time=120,
            migration_types=[LIVE, OWN],
            resource_mitigation=True,
            lead_time=40,
        )
        record = (await desk.call(said, RED)).record
        said.constraint.instance_id, said.constraint.project_id = "i1", "red"
        assert record.constraint == said.constraint
        assert record.created_at == record.updated_at == desk.in_s(0)
        assert (await desk.call(get(), RED)).record == record
        assert (await desk.call(get(), "admin")).record == record


async def test_a_group_and_its_members_come_and_go_in_any_order() -> None:
    async with a_desk() as desk:
        await desk.call(an_instance(group_id="g1"), RED)
        await desk.call(a_group(anti_affinity_group=True), RED)
        await desk.call(pb.DeleteGroupConstraintRequest(group_id="g1"), RED)
        await desk.call(delete(), RED)
        await desk.call(delete(), RED)
        async with refused("NOT_FOUND", "constraint of instance i1"):
            await desk.call(get(), RED)
        async with refused("NOT_FOUND", "constraint of group g1"):
            await desk.call(pb.GetGroupConstraintRequest(group_id="g1"), RED)


async def test_a_budget_that_is_not_said_is_one() -> None:
    async with a_desk() as desk:
        record = (await desk.call(a_group())).record
        assert record.constraint.max_impacted_members == 1
        assert not record.warnings


async def test_a_budget_of_zero_is_kept_and_warned_of() -> None:
    async with a_desk() as desk:
        record = (await desk.call(a_group(max_impacted_members=0))).record
        assert record.constraint.max_impacted_members == 0
        assert "no member may ever be moved" in record.warnings[0]


async def test_the_project_of_the_caller_counts_and_not_the_one_it_says() -> None:
    async with a_desk() as desk:
        record = (await desk.call(an_instance(project_id="stacks"), RED)).record
        assert record.constraint.project_id == "red"
        assert record.warnings == ["project_id: stacks is not the caller's, red is"]


async def test_an_administrator_names_any_project_or_none() -> None:
    async with a_desk() as desk:
        named = (await desk.call(an_instance("i1", project_id="red"))).record
        unnamed = (await desk.call(an_instance("i2"))).record
        assert (named.constraint.project_id, unnamed.constraint.project_id) == ("red", "")
        assert (await desk.call(get("i1"), RED)).record == named
        taken = (await desk.call(an_instance("i2"), RED)).record
        assert taken.constraint.project_id == "red"


async def test_a_project_neither_sees_nor_changes_what_is_anothers() -> None:
    async with a_desk() as desk:
        await desk.call(an_instance(lead_time=1), RED)
        async with refused("NOT_FOUND"):
            await desk.call(get(), BLUE)
        for change in (an_instance(lead_time=2), delete()):
            async with refused("PERMISSION_DENIED", "of another project"):
                await desk.call(change, BLUE)
        assert (await desk.call(get(), RED)).record.constraint.lead_time == 1


async def test_lists_come_in_pages() -> None:
    async with a_desk() as desk:
        for name in ("i1", "i2", "i3"):
            await desk.call(an_instance(name), RED)
        await desk.call(an_instance("i4"), BLUE)
        request = pb.ListInstanceConstraintsRequest(page_size=2)
        names = []
        while True:
            page = await desk.call(request, RED)
            names.append([record.constraint.instance_id for record in page.records])
            if not page.next_page_token:
                break
            request.page_token = page.next_page_token
        assert names == [["i1", "i2"], ["i3"]]


async def test_lists_are_of_all_or_of_one_project() -> None:
    async with a_desk() as desk:
        await desk.call(a_group("g1"), RED)
        await desk.call(a_group("g2"), BLUE)

        async def listed(caller: str, project_id: str = "") -> list[str]:
            request = pb.ListGroupConstraintsRequest(project_id=project_id)
            records = (await desk.call(request, caller)).records
            return [record.constraint.group_id for record in records]

        assert await listed("admin") == ["g1", "g2"]
        assert await listed("admin", "blue") == ["g2"]
        assert await listed(RED) == await listed(RED, "red") == ["g1"]
        async with refused("PERMISSION_DENIED"):
            await listed(RED, "blue")
        async with refused("INVALID_ARGUMENT", "page_size"):
            await desk.call(pb.ListGroupConstraintsRequest(page_size=-1))


async def test_a_repeated_request_does_not_undo_what_came_since() -> None:
    async with a_desk() as desk:
        first = an_instance(lead_time=1)
        first.request_id = "r1"
        answer = await desk.call(first, RED)
        await desk.call(an_instance(lead_time=2), RED)
        assert await desk.call(first, RED) == answer
        assert (await desk.call(get(), RED)).record.constraint.lead_time == 2
        other = an_instance("i2", lead_time=3)
        other.request_id = "r1"
        assert (await desk.call(other, RED)).record.constraint.lead_time == 3


async def test_warnings_of_those_on_the_way_are_kept() -> None:
    async with a_desk() as desk:
        request = an_instance()
        request.warnings.append("lead_time: '60,' was read as 60")
        await desk.call(request, RED)
        record = (await desk.call(get(), RED)).record
        assert record.warnings == ["lead_time: '60,' was read as 60"]
        await desk.call(an_instance(), RED)
        assert not (await desk.call(get(), RED)).record.warnings


async def test_a_descriptor_becomes_a_constraint_of_an_instance() -> None:
    async with a_desk() as desk:
        request = pb.SetInstanceConstraintRequest(
            instance_id="i1",
            group_id="g1",
            instance_name="db-0",
            nfvi_maintenance_info=pb.NfviMaintenanceInfo(
                impact_notification_lead_time=Duration(seconds=40, nanos=1_000_000),
                is_impact_mitigation_requested=True,
                supported_migration_type=[
                    pb.NFVI_MIGRATION_TYPE_LIVE_MIGRATION,
                    pb.NFVI_MIGRATION_TYPE_OFFLINE_MIGRATION,
                    pb.NFVI_MIGRATION_TYPE_NO_MIGRATION,
                ],
                max_undetectable_interruption_time=Duration(nanos=500_000_000),
                min_recovery_time_between_impacts=Duration(seconds=9),
            ),
        )
        record = (await desk.call(request, RED)).record
        assert record.constraint == t.InstanceConstraint(
            instance_id="i1",
            project_id="red",
            group_id="g1",
            instance_name="db-0",
            max_interruption_time=1,
            migration_types=[LIVE, MIGRATE, OWN],
            resource_mitigation=True,
            lead_time=41,
        )
        [warning] = record.warnings
        assert "0.5 s is kept as 1 s" in warning


async def test_a_descriptor_becomes_a_constraint_of_a_group() -> None:
    async with a_desk() as desk:
        request = an_etsi_group(
            min_recovery_time_between_impacts=Duration(seconds=30),
            max_number_of_impacted_instances=[most(10, 3), most(0, 2)],
            min_number_of_preserved_instances=[
                pb.MinNumberOfPreservedInstances(group_size=4, min_number_of_preserved_instances=3)
            ],
        )
        request.group_name, request.anti_affinity_group = "ha", True
        record = (await desk.call(request, RED)).record
        assert record.constraint == t.GroupConstraint(
            group_id="g1",
            project_id="red",
            group_name="ha",
            anti_affinity_group=True,
            max_impacted_members=2,
            max_impacted_by_size=[
                t.BySize(group_size=0, number=2),
                t.BySize(group_size=10, number=3),
            ],
            min_preserved_by_size=[t.BySize(group_size=4, number=3)],
            recovery_time=30,
        )


@pytest.mark.parametrize(
    ("request_", "text"),
    [
        (pb.SetInstanceConstraintRequest(instance_id="i1"), "constraint: must be set"),
        (pb.SetGroupConstraintRequest(group_id="g1"), "constraint: must be set"),
        (an_instance(""), "instance_id: must be set"),
        (an_instance("x" * 256), "instance_id: at most 255"),
        (an_instance(instance_id="i2"), "instance_id: is i2, but the call is about i1"),
        (a_group(group_id="g2"), "group_id: is g2"),
        (an_instance(group_id="x" * 256), "group_id: at most 255"),
        (an_instance(instance_name="a\0b"), "instance_name: .* NUL"),
        (an_instance(project_id="x" * 256), "project_id: at most 255"),
        (an_instance(lead_time=-1), "lead_time: must be between 0"),
        (an_instance(lead_time=MOST + 1), "lead_time: must be between 0"),
        (an_instance(max_interruption_time=-1), "max_interruption_time"),
        (an_instance(migration_types=[LIVE, LIVE]), "migration_types: .* once"),
        (an_instance(migration_types=[0]), "migration_types"),
        (an_instance(migration_types=[99]), "migration_types: 99 is not one of"),
        (a_group(max_impacted_members=-1), "max_impacted_members"),
        (a_group(max_instances_per_host=-1), "max_instances_per_host"),
        (a_group(recovery_time=-1), "recovery_time"),
        (
            a_group(max_impacted_by_size=[t.BySize(number=1), t.BySize(number=2)]),
            "max_impacted_by_size: a group size is there twice",
        ),
        (a_group(min_preserved_by_size=[t.BySize(number=-1)]), "min_preserved_by_size"),
        (a_group(min_preserved_by_size=[t.BySize()] * 101), "at most 100 lines"),
        (
            an_etsi_group(min_recovery_time_between_impacts=Duration(nanos=-1)),
            "min_recovery_time_between_impacts",
        ),
        (
            an_etsi_group(min_recovery_time_between_impacts=Duration(seconds=2**62)),
            "min_recovery_time_between_impacts",
        ),
        (an_etsi_group(supported_migration_type=[9]), "supported_migration_type: 9 is not one of"),
        (an_etsi_group(max_number_of_impacted_instances=[most(-1, 1)]), "group_size"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
async def test_what_cannot_hold_is_refused(request_: Message, text: str) -> None:
    async with a_desk() as desk:
        async with refused("INVALID_ARGUMENT", text):
            await desk.call(request_)
        assert not (await desk.call(pb.ListInstanceConstraintsRequest())).records
        assert not (await desk.call(pb.ListGroupConstraintsRequest())).records
