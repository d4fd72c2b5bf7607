"""`fenix constraint` against a real server that answers as told: what is sent, what is printed, how it ends."""

from __future__ import annotations

import json

import grpc
import pytest
from fenix_client.testing import Failure

from fenix_grpc.v1 import constraint_service_pb2 as pb
from fenix_grpc.v1.types_pb2 import BySize, GroupConstraint, InstanceAction, InstanceConstraint
from tests.cli.test_cli_commands import Shell, shell

__all__ = ["shell"]  # the fixture

LIVE, OWN = (
    InstanceAction.INSTANCE_ACTION_LIVE_MIGRATE,
    InstanceAction.INSTANCE_ACTION_OWN_ACTION,
)
INSTANCE = pb.InstanceConstraintRecord(
    constraint=InstanceConstraint(
        instance_id="i1", project_id="red", group_id="g1", migration_types=[LIVE], lead_time=40
    ),
    warnings=["lead_time: '40,' was read as 40"],
)
GROUP = pb.GroupConstraintRecord(
    constraint=GroupConstraint(
        group_id="g1", group_name="ha", anti_affinity_group=True, max_impacted_members=1
    )
)


async def test_set_sends_what_an_instance_demands(shell: Shell) -> None:
    shell.fenix.reply("SetInstanceConstraint", pb.SetInstanceConstraintResponse(record=INSTANCE))
    words = "constraint set instance i1 --group g1 --name db-0 --migration live_migrate"
    more = "--migration own_action --lead-time 40 --max-interruption-time 2 --mitigation"
    result = await shell.run(*words.split(), *more.split(), "--request-id", "r1")
    assert result.exit_code == 0
    assert "was read as 40" in result.output
    assert shell.fenix.requests["SetInstanceConstraint"] == [
        pb.SetInstanceConstraintRequest(
            instance_id="i1",
            constraint=InstanceConstraint(
                group_id="g1",
                instance_name="db-0",
                migration_types=[LIVE, OWN],
                lead_time=40,
                max_interruption_time=2,
                resource_mitigation=True,
            ),
            request_id="r1",
        )
    ]


async def test_set_sends_what_a_group_demands(shell: Shell) -> None:
    shell.fenix.reply("SetGroupConstraint", pb.SetGroupConstraintResponse(record=GROUP))
    words = "constraint set group g1 --anti-affinity --max-impacted 2 --max-impacted 10=3"
    more = "--min-preserved 4=3 --recovery-time 30 --project red"
    result = await shell.run(*words.split(), *more.split())
    assert result.exit_code == 0
    [request] = shell.fenix.requests["SetGroupConstraint"]
    assert request.constraint == GroupConstraint(
        project_id="red",
        anti_affinity_group=True,
        max_impacted_members=2,
        max_impacted_by_size=[BySize(group_size=10, number=3)],
        min_preserved_by_size=[BySize(group_size=4, number=3)],
        recovery_time=30,
    )


async def test_a_budget_that_is_not_typed_is_one(shell: Shell) -> None:
    shell.fenix.reply("SetGroupConstraint", pb.SetGroupConstraintResponse(record=GROUP))
    await shell.run("constraint", "set", "group", "g1")
    [request] = shell.fenix.requests["SetGroupConstraint"]
    assert request.constraint == GroupConstraint(max_impacted_members=1)


@pytest.mark.parametrize(
    ("words", "problem"),
    [
        ("set instance i1 --migration teleport", "is not one of"),
        ("set group g1 --max-impacted few", "is not N or SIZE=N"),
        ("set group g1 --min-preserved 1=2=3", "is not N or SIZE=N"),
        ("show thing i1", "not one of"),
    ],
)
async def test_what_cannot_be_meant_is_wrong_usage(shell: Shell, words: str, problem: str) -> None:
    result = await shell.run("constraint", *words.split())
    assert result.exit_code == 2
    assert problem in result.output


async def test_list_reads_all_pages_of_both_kinds(shell: Shell) -> None:
    other = pb.InstanceConstraintRecord(constraint=InstanceConstraint(instance_id="i2"))
    shell.fenix.reply(
        "ListInstanceConstraints",
        pb.ListInstanceConstraintsResponse(records=[INSTANCE], next_page_token="i1"),
        pb.ListInstanceConstraintsResponse(records=[other]),
    )
    shell.fenix.reply("ListGroupConstraints", pb.ListGroupConstraintsResponse(records=[GROUP]))
    result = await shell.run("constraint", "list", "--project", "red")
    assert result.exit_code == 0
    for text in ("i1", "i2", "g1", "live migrate; notice 40 s ahead", "1 on a host at most"):
        assert text in result.output
    assert shell.fenix.requests["ListInstanceConstraints"][1].page_token == "i1"
    assert shell.fenix.requests["ListGroupConstraints"][0].project_id == "red"


async def test_list_says_how_to_begin_and_is_lines_for_a_program(shell: Shell) -> None:
    shell.fenix.reply("ListInstanceConstraints", pb.ListInstanceConstraintsResponse())
    shell.fenix.reply("ListGroupConstraints", pb.ListGroupConstraintsResponse())
    assert "fenix constraint set" in (await shell.run("constraint", "list")).output
    shell.fenix.forget("ListInstanceConstraints")
    shell.fenix.reply(
        "ListInstanceConstraints", pb.ListInstanceConstraintsResponse(records=[INSTANCE])
    )
    [line] = (await shell.run("constraint", "list", "-o", "json")).output.splitlines()
    assert json.loads(line)["constraint"]["instanceId"] == "i1"


async def test_show_tells_the_warnings(shell: Shell) -> None:
    shell.fenix.reply("GetInstanceConstraint", pb.GetInstanceConstraintResponse(record=INSTANCE))
    shell.fenix.reply("GetGroupConstraint", pb.GetGroupConstraintResponse(record=GROUP))
    assert "was read as 40" in (await shell.run("constraint", "show", "instance", "i1")).output
    result = await shell.run("constraint", "show", "group", "g1")
    assert "whoever owns it in the cloud" in result.output


async def test_delete_says_nothing_when_all_is_well(shell: Shell) -> None:
    shell.fenix.reply("DeleteInstanceConstraint", pb.DeleteInstanceConstraintResponse())
    shell.fenix.reply("DeleteGroupConstraint", pb.DeleteGroupConstraintResponse())
    for kind in ("instance", "group"):
        result = await shell.run("constraint", "delete", kind, "x")
        assert (result.exit_code, result.output) == (0, "")
    assert shell.fenix.requests["DeleteGroupConstraint"][0].group_id == "x"


async def test_what_is_not_there_has_its_exit_code(shell: Shell) -> None:
    shell.fenix.reply("GetInstanceConstraint", Failure(code=grpc.StatusCode.NOT_FOUND))
    assert (await shell.run("constraint", "show", "instance", "i1")).exit_code == 4
