"""Plans as clients get them: over gRPC, from the gateway in the server and from one on its own, all the same."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio
from fenix_client import CallFailed
from google.protobuf.timestamp_pb2 import Timestamp

from fenix_grpc.v1 import plan_pb2 as p
from fenix_grpc.v1.session_service_pb2 import (
    CreateSessionRequest,
    DeleteSessionRequest,
    PlanSessionRequest,
)
from fenix_grpc.v1.types_pb2 import ActionSpec, ActionType, SessionState
from tests.e2e.service import REST_DOORS, Service, a_service
from tests.processes.sessions import create, end_of, read, state_of

pytestmark = pytest.mark.asyncio(loop_scope="module")

CLOUD = """
durations = {live_migrate = 0.2, cold_migrate = 0.2}
flavors.m = {vcpus = 2, memory_mb = 4096, disk_gb = 20}
hosts = [
    {name = "c{n}", count = 4, vcpus = 8, memory_mb = 16384, disk_gb = 100},
    {name = "sick", vcpus = 8, memory_mb = 16384, disk_gb = 100, up = false},
]
[[projects]]
id = "red"
instances = [{name = "r-{n}", count = 6, flavor = "m", hosts = ["c1", "c2", "c3"]}]
"""
MORE = '[timers]\npoll_s = 0.05\n[actions.work]\nkind = "dummy"\n'


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def service(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Service]:
    async with a_service(tmp_path_factory.mktemp("plans"), CLOUD, MORE) as running:
        yield running
        assert not running.defects()


def now() -> Timestamp:
    at = Timestamp()
    at.GetCurrentTime()
    return at


async def planned(service: Service, request: PlanSessionRequest) -> p.SessionPlan:
    return (await service.client.call(service.client.sessions.PlanSession, request)).plan


def places(plan: Any) -> list[tuple[str, str, str]]:
    """Which instance goes where, from a message or from JSON."""
    if isinstance(plan, p.SessionPlan):
        return [(m.instance_name, m.source, m.target) for m in plan.moves]
    return [(m["instance_name"], m["source"], m["target"]) for m in plan["moves"]]


@pytest.mark.parametrize("workflow", ["vnf", "default"])
async def test_a_dry_run_says_the_same_at_every_door_and_creates_nothing(
    service: Service, workflow: str
) -> None:
    specification = CreateSessionRequest(workflow=workflow)
    plan = await planned(service, PlanSessionRequest(specification=specification))
    assert {h.host for h in plan.hosts} == {"c1", "c2", "c3", "c4"}
    assert [(b.kind, *b.hosts) for b in plan.blockers] == [(p.BLOCKER_KIND_HOST_UNFIT, "sick")]
    for door in REST_DOORS:
        body = {"workflow": workflow}
        response = await service.http[door].post("/v1/maintenance:plan", json=body)
        assert response.status_code == 200
        assert places(response.json()) == places(plan)
        assert response.json()["blockers"][0]["kind"] == "HOST_UNFIT"
    assert await read(service.client, "") == []


async def test_what_is_wrong_is_told_at_every_door(service: Service) -> None:
    request = PlanSessionRequest(specification=CreateSessionRequest(workflow="magic"))
    with pytest.raises(CallFailed, match="magic is not allowed"):
        await planned(service, request)
    for door in REST_DOORS:
        http = service.http[door]
        wrong = await http.post("/v1/maintenance:plan", json={"workflow": "magic"})
        assert (wrong.status_code, "magic is not allowed" in wrong.text) == (422, True)
        assert (await http.get("/v1/maintenance/nobody:plan")).status_code == 404


async def test_the_plan_of_a_session_shrinks_as_it_goes_on_and_learns_how_long_things_take(
    service: Service,
) -> None:
    request = CreateSessionRequest(workflow="vnf", maintenance_at=now(), hosts=["c1", "c2", "c3"])
    action = ActionSpec(plugin="work", type=ActionType.ACTION_TYPE_HOST)
    action.metadata["seconds"] = 0.5
    request.actions.append(action)
    session_id = await create(service.client, request)
    plans = []
    while await state_of(service.client, session_id) != SessionState.SESSION_STATE_MAINTENANCE_DONE:
        plans.append(await planned(service, PlanSessionRequest(session_id=session_id)))
    assert await end_of(service.client, session_id) == 7
    counts = [len(plan.hosts) for plan in plans]
    assert (max(counts), counts == sorted(counts, reverse=True)) == (3, True)
    over = await planned(service, PlanSessionRequest(session_id=session_id))
    assert (len(over.hosts), over.pace.works_measured) == (0, 3)
    assert 0.3 < over.pace.work_p50_s < 3
    for door in REST_DOORS:
        shown = (await service.http[door].get(f"/v1/maintenance/{session_id}:plan/")).json()
        assert (shown["session_id"], shown["hosts"]) == (session_id, [])
    again = await planned(service, PlanSessionRequest(specification=request))
    assert again.pace.works_measured == 3
    delete = DeleteSessionRequest(session_id=session_id)
    await service.client.call(service.client.sessions.DeleteSession, delete)
