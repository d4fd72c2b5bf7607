"""Constraints as clients in the field send them, over the v1 view and the whole API behind it.

The token of a request is the name of its caller here; without one it is an administrator, as in a server without
identities.
"""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest
from google.protobuf.message import Message
from hypothesis import given, settings
from hypothesis import strategies as st

from fenix_grpc.server import InProcess
from gateway import Metadata, RpcError, rules, transcode
from gateway.v1 import VIEWS
from tests.api.desk import a_desk
from tests.gateway.conftest import a_client

INSTANCE = "109e14d9-6566-42b3-93e4-76605f264d8f"
GROUP = "71285107-f0fc-4428-a8b2-0b3edd64bcad"
PROJECT = "ead0dbcaf3564cbbb04842e3e54960e3"
AT_INSTANCE, AT_GROUP = f"/v1/instance/{INSTANCE}", f"/v1/instance_group/{GROUP}"
RED, BLUE = {"x-auth-token": "project:red"}, {"x-auth-token": "project:blue"}

#: What the Doctor sample VNFM sends for a member of its highly available group.
DOCTOR_INSTANCE = {
    "instance_id": INSTANCE,
    "project_id": PROJECT,
    "group_id": GROUP,
    "instance_name": "doctor_ha_app_0",
    "max_interruption_time": 120,
    "migration_type": "MIGRATE",
    "resource_mitigation": True,
    "lead_time": 40,
}
DOCTOR_GROUP = {
    "group_id": GROUP,
    "project_id": PROJECT,
    "group_name": "doctor_ha_app_group",
    "anti_affinity_group": True,
    "max_instances_per_host": 1,
    "max_impacted_members": 1,
    "recovery_time": 4,
    "resource_mitigation": True,
}
#: What Tacker sends when its documentation's sample is used: YAML with commas at the ends of lines.
TACKER_INSTANCE = {
    **DOCTOR_INSTANCE,
    "instance_name": "VDU1",
    "max_interruption_time": "120,",
    "migration_type": "MIGRATE,",
    "resource_mitigation": "True,",
    "lead_time": " 120 ",
}
TACKER_GROUP = {
    **DOCTOR_GROUP,
    "group_name": f"tacker_nonha_app_group_{PROJECT}",
    "anti_affinity_group": "False,",
    "max_instances_per_host": "0,",
    "max_impacted_members": "1,",
    "recovery_time": "60,",
}
ADDED = {"warnings", "created_at", "updated_at"}


class ByToken(InProcess):
    """The call chain, with callers named by their token."""

    async def unary(self, method: str, request: Message, metadata: Metadata) -> Message:
        caller = dict(metadata).get("x-auth-token", "admin")
        return await super().unary(method, request, [("caller", caller)])


@pytest.fixture
async def rest() -> AsyncIterator[httpx.AsyncClient]:
    async with a_desk() as desk, a_client(ByToken(desk.api.chain)) as client:
        yield client


async def kept(rest: httpx.AsyncClient, path: str, body: dict[str, Any]) -> dict[str, Any]:
    """What is kept after a PUT, which is also what the PUT answers."""
    answer = await rest.put(path, json=body)
    assert answer.status_code == 200, answer.text
    assert (await rest.get(path)).json() == answer.json()
    found: dict[str, Any] = answer.json()
    return found


async def test_the_doctor_vnfm_is_understood_without_a_warning(rest: httpx.AsyncClient) -> None:
    instance = await kept(rest, AT_INSTANCE, DOCTOR_INSTANCE)
    assert DOCTOR_INSTANCE.items() <= instance.items()
    assert instance.keys() == DOCTOR_INSTANCE.keys() | ADDED | {"migration_types"}
    assert (instance["warnings"], instance["migration_types"]) == ([], ["MIGRATE"])
    group = await kept(rest, AT_GROUP, DOCTOR_GROUP)
    assert DOCTOR_GROUP.items() <= group.items()
    assert group["warnings"] == []


async def test_tacker_is_understood_with_a_warning_for_each_value(rest: httpx.AsyncClient) -> None:
    instance = await kept(rest, AT_INSTANCE, TACKER_INSTANCE)
    assert instance["max_interruption_time"] == instance["lead_time"] == 120
    assert (instance["migration_type"], instance["resource_mitigation"]) == ("MIGRATE", True)
    assert [warning.partition(":")[0] for warning in instance["warnings"]] == [
        "max_interruption_time",
        "migration_type",
        "resource_mitigation",
        "lead_time",
    ]
    assert "max_interruption_time: '120,' was read as 120" in instance["warnings"]
    group = await kept(rest, AT_GROUP, TACKER_GROUP)
    assert (group["anti_affinity_group"], group["recovery_time"]) == (False, 60)
    assert len(group["warnings"]) == 4


async def test_both_delete_as_they_do(rest: httpx.AsyncClient) -> None:
    """Tacker the group first, Doctor the instances first; both more than once."""
    await kept(rest, AT_INSTANCE, DOCTOR_INSTANCE)
    await kept(rest, AT_GROUP, DOCTOR_GROUP)
    for path in (AT_GROUP, AT_INSTANCE, AT_INSTANCE, AT_GROUP):
        answer = await rest.delete(path)
        assert (answer.status_code, answer.json()) == (200, {})
    for path, kind in ((AT_INSTANCE, "instance"), (AT_GROUP, "group")):
        answer = await rest.get(path)
        assert answer.status_code == 404
        assert f"constraint of {kind}" in answer.json()["error"]


@pytest.mark.parametrize(
    ("said", "ways"),
    [
        ({"migration_type": "MIGRATION"}, ["MIGRATE"]),
        ({"migration_type": "LIVE_MIGRATION"}, ["LIVE_MIGRATE"]),
        ({"migration_type": "live_migrate "}, ["LIVE_MIGRATE"]),
        ({"migration_type": "OWN_ACTION"}, ["OWN_ACTION"]),
        ({"migration_type": ""}, []),
        ({"migration_type": None}, []),
        ({"lead_time": 0}, []),
        ({"migration_types": ["OWN_ACTION", "MIGRATION"]}, ["OWN_ACTION", "MIGRATE"]),
        (
            {"migration_type": "MIGRATE", "migration_types": ["LIVE_MIGRATE", "MIGRATE"]},
            ["MIGRATE", "LIVE_MIGRATE"],
        ),
    ],
)
async def test_ways_to_move(rest: httpx.AsyncClient, said: dict[str, Any], ways: list[str]) -> None:
    instance = await kept(rest, AT_INSTANCE, said)
    assert instance["migration_types"] == ways
    assert instance["migration_type"] == (ways[0] if ways else None)


@pytest.mark.parametrize(
    ("said", "meant", "warns"),
    [
        (5, 5, False),
        ("5", 5, True),
        (" 5 ", 5, True),
        ("5,", 5, True),
        ("5 , ", 5, True),
        (5.0, 5, True),
        ("5.0", 5, True),
        (None, 0, False),
    ],
)
async def test_numbers(rest: httpx.AsyncClient, said: Any, meant: int, warns: bool) -> None:
    group = await kept(rest, AT_GROUP, {"recovery_time": said})
    assert (group["recovery_time"], bool(group["warnings"])) == (meant, warns)


@pytest.mark.parametrize(
    ("said", "meant", "warns"),
    [
        (True, True, False),
        (False, False, False),
        ("True,", True, True),
        (" false", False, True),
        ("yes", True, True),
        (1, True, True),
        (0, False, True),
        (None, False, False),
    ],
)
async def test_truths(rest: httpx.AsyncClient, said: Any, meant: bool, warns: bool) -> None:
    group = await kept(rest, AT_GROUP, {"anti_affinity_group": said})
    assert (group["anti_affinity_group"], bool(group["warnings"])) == (meant, warns)


async def test_a_budget_that_is_not_said_is_one(rest: httpx.AsyncClient) -> None:
    assert (await kept(rest, AT_GROUP, {"group_name": "g"}))["max_impacted_members"] == 1


async def test_unknown_keys_are_passed_over_with_a_warning(rest: httpx.AsyncClient) -> None:
    instance = await kept(rest, AT_INSTANCE, {**DOCTOR_INSTANCE, "vnf": 1, "leadTime": 3})
    assert instance["warnings"] == ["unknown keys were passed over: leadTime, vnf"]
    many = {f"k{n:02}": n for n in range(50)}
    [warning] = (await kept(rest, AT_INSTANCE, many))["warnings"]
    assert warning.endswith("k09, ...")


async def test_what_was_got_can_be_put_back(rest: httpx.AsyncClient) -> None:
    await kept(rest, AT_INSTANCE, DOCTOR_INSTANCE)
    by_size = [{"group_size": 5, "number": 2}]
    await kept(rest, AT_GROUP, {**DOCTOR_GROUP, "max_impacted_by_size": by_size})
    for path in (AT_INSTANCE, AT_GROUP):
        got = (await rest.get(path)).json()
        again = await kept(rest, path, got)
        assert {**again, "updated_at": ""} == {**got, "updated_at": ""}


@pytest.mark.parametrize(
    ("path", "body", "field"),
    [
        (AT_INSTANCE, {**DOCTOR_INSTANCE, "instance_id": GROUP}, "instance_id"),
        (AT_GROUP, {**DOCTOR_GROUP, "group_id": INSTANCE}, "group_id"),
        (AT_INSTANCE, {"lead_time": -1}, "lead_time"),
        (AT_INSTANCE, {"lead_time": "-1,"}, "lead_time"),
        (AT_INSTANCE, {"lead_time": "soon"}, "lead_time"),
        (AT_INSTANCE, {"lead_time": "1,2"}, "lead_time"),
        (AT_INSTANCE, {"lead_time": 1.5}, "lead_time"),
        (AT_INSTANCE, {"lead_time": True}, "lead_time"),
        (AT_INSTANCE, {"lead_time": [1]}, "lead_time"),
        (AT_INSTANCE, {"lead_time": 10**30}, "lead_time"),
        (AT_INSTANCE, {"lead_time": "9" * 5000}, "lead_time"),
        (AT_INSTANCE, {"resource_mitigation": "perhaps"}, "resource_mitigation"),
        (AT_INSTANCE, {"resource_mitigation": 2}, "resource_mitigation"),
        (AT_INSTANCE, {"migration_type": "TELEPORT"}, "migration_type"),
        (AT_INSTANCE, {"migration_type": 7}, "migration_type"),
        (AT_INSTANCE, {"migration_types": "MIGRATE"}, "migration_types"),
        (AT_INSTANCE, {"instance_name": {}}, "instance_name"),
        (AT_INSTANCE, {"instance_name": "x" * 256}, "instance_name"),
        (AT_GROUP, {"max_impacted_members": -1}, "max_impacted_members"),
        (AT_GROUP, {"max_impacted_by_size": 5}, "request"),
        (AT_INSTANCE, {}, "body"),
        (AT_INSTANCE, [1], "body"),
    ],
)
async def test_what_cannot_be_meant_is_422(
    rest: httpx.AsyncClient, path: str, body: Any, field: str
) -> None:
    answer = await rest.put(path, json=body)
    assert answer.status_code == 422, answer.text
    assert answer.json()["error"].startswith(f"{field}:")
    assert (await rest.get(path)).status_code == 404


async def test_the_project_of_the_token_counts(rest: httpx.AsyncClient) -> None:
    answer = await rest.put(AT_INSTANCE, json=DOCTOR_INSTANCE, headers=RED)
    assert answer.json()["project_id"] == "red"
    assert (await rest.get(AT_INSTANCE, headers=BLUE)).status_code == 404
    assert (await rest.put(AT_INSTANCE, json={"lead_time": 1}, headers=BLUE)).status_code == 403
    assert (await rest.delete(AT_INSTANCE, headers=BLUE)).status_code == 403
    assert (await rest.delete(AT_INSTANCE, headers=RED)).status_code == 200


async def test_a_word_that_is_no_project_is_passed_over(rest: httpx.AsyncClient) -> None:
    """Tacker takes the wrong segment of a link where Heat is reached on a port of its own."""
    instance = await kept(rest, AT_INSTANCE, {**DOCTOR_INSTANCE, "project_id": "stacks"})
    assert instance["project_id"] == ""
    assert "stacks is no project" in instance["warnings"][0]


async def test_lists(rest: httpx.AsyncClient) -> None:
    assert (await rest.get("/v1/instance")).json() == {"instances": []}
    await kept(rest, AT_INSTANCE, DOCTOR_INSTANCE)
    await kept(rest, AT_GROUP, DOCTOR_GROUP)
    instances = (await rest.get("/v1/instance/")).json()["instances"]
    assert [each["instance_id"] for each in instances] == [INSTANCE]
    groups = (await rest.get("/v1/instance_group", params={"project_id": PROJECT})).json()
    assert [each["group_id"] for each in groups["instance_groups"]] == [GROUP]
    others = (await rest.get("/v1/instance", params={"project_id": "other"})).json()
    assert others == {"instances": []}
    await kept(rest, "/v1/instance/another", {"lead_time": 1})
    page = (await rest.get("/v1/instance", params={"page_size": 1})).json()
    assert page["next_page_token"]


@pytest.mark.parametrize("name", ["SetInstanceConstraint", "SetGroupConstraint"])
@settings(max_examples=150, deadline=None)
@given(
    body=st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
        lambda inner: (
            st.lists(inner, max_size=3)
            | st.dictionaries(
                st.sampled_from([*DOCTOR_INSTANCE, *DOCTOR_GROUP, "migration_types", "other"]),
                inner,
                max_size=5,
            )
        ),
        max_leaves=12,
    )
)
def test_any_body_is_understood_or_refused(name: str, body: Any) -> None:
    method = f"/fenix.v1.ConstraintService/{name}"
    with contextlib.suppress(RpcError):
        fields = VIEWS[method].request({"constraint": body})
        assert isinstance(fields, dict)
        transcode.to_message(rules.methods()[method], fields)
