"""What an operator sees of a real server: metrics that answer questions, lines that can be put together, readiness."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from typing import Any

import grpc
import httpx
import pytest
import pytest_asyncio
from prometheus_client.parser import text_string_to_metric_families

from fenix_grpc.cli.processes import free_ports
from fenix_grpc.v1 import session_service_pb2_grpc
from fenix_grpc.v1.session_service_pb2 import CreateSessionRequest, GetSessionRequest
from fenix_grpc.v1.types_pb2 import ActionType, SessionState
from tests.e2e.service import until
from tests.processes.servers import ServerProcess
from tests.processes.sessions import create, end_of

pytestmark = pytest.mark.asyncio(loop_scope="module")

CLOUD = """
durations = {live_migrate = 0.1, cold_migrate = 0.1}
flavors.m = {vcpus = 2, memory_mb = 4096, disk_gb = 20}
hosts = [{name = "c{n}", count = 3, vcpus = 8, memory_mb = 32768, disk_gb = 200}]
[[projects]]
id = "nobody"
instances = [{name = "n-{n}", count = 4, flavor = "m"}]
"""
MORE = """
[timers]
poll_s = 0.1
[actions.dummy]
kind = "dummy"
[log]
format = "json"
[limits]
hosts_per_session = 5
"""
GET = "fenix.v1.SessionService/GetSession"
Sample = Mapping[str, str]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def server(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[ServerProcess]:
    running = ServerProcess.simulated(tmp_path_factory.mktemp("operating"), CLOUD, MORE)
    await running.start()
    yield running
    assert await running.stop() == 0


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def done(server: ServerProcess) -> str:
    """A session that has ended well."""
    request = CreateSessionRequest()
    request.maintenance_at.GetCurrentTime()
    request.actions.add(plugin="dummy", type=ActionType.ACTION_TYPE_HOST)
    async with server.client() as client:
        session_id = await create(client, request)
        assert await end_of(client, session_id) == SessionState.SESSION_STATE_MAINTENANCE_DONE
    return session_id


async def measured(server: ServerProcess, name: str, **labels: str) -> float | None:
    """The value of a sample; None when there is none."""
    async with httpx.AsyncClient(base_url=server.rest, trust_env=False) as http:
        text = (await http.get("/metrics")).text
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            if sample.name == name and labels.items() <= sample.labels.items():
                return sample.value
    return None


def lines(server: ServerProcess) -> list[dict[str, Any]]:
    """Those of the audit have a form of their own."""
    found = [json.loads(line) for line in server.log.read_text().splitlines()]
    return [line for line in found if "message" in line]


async def test_steps_calls_and_the_database_are_timed(server: ServerProcess, done: str) -> None:
    async with server.client() as client:
        await client.call(client.sessions.GetSession, GetSessionRequest(session_id=done))
    moved = {"verb": "MOVE_INSTANCE", "outcome": "DONE"}
    assert (await measured(server, "fenix_step_seconds_count", **moved) or 0) >= 4
    assert (await measured(server, "fenix_step_seconds_sum", **moved) or 0) > 0.1
    assert (await measured(server, "fenix_call_seconds_count", method=GET, code="OK") or 0) >= 1
    for operation in ("read", "commit"):
        assert (
            await measured(server, "fenix_database_seconds_count", operation=operation) or 0
        ) > 0
    assert (await measured(server, "fenix_watch_lag_seconds_count") or 0) > 10
    assert (await measured(server, "fenix_leases_taken_total") or 0) >= 1
    assert await measured(server, "fenix_build_info") == 1
    assert (await measured(server, "process_open_fds") or 0) > 5


async def test_sessions_are_counted_by_state_and_waits_by_subject(
    server: ServerProcess, done: str
) -> None:
    later = CreateSessionRequest()
    later.maintenance_at.GetCurrentTime()
    later.maintenance_at.seconds += 3600
    async with server.client() as client:
        await create(client, later)

    async def counted() -> tuple[float | None, ...]:
        return (
            await measured(server, "fenix_sessions", state="MAINTENANCE_DONE"),
            await measured(server, "fenix_sessions", state="MAINTENANCE"),
            await measured(server, "fenix_waits", on="time"),
        )

    await until(counted, lambda found: found == (1, 1, 1))
    assert await measured(server, "fenix_waits_overdue", on="time") in (None, 0)


async def test_a_limit_that_was_hit_can_be_seen(server: ServerProcess) -> None:
    async with httpx.AsyncClient(base_url=server.rest, trust_env=False) as http:
        body = {"maintenance_at": "2035-01-01 00:00:00", "hosts": [f"c{n}" for n in range(6)]}
        response = await http.post("/v1/maintenance", json=body)
        assert response.status_code == 422
        assert "at most 5, not 6" in response.json()["message"]
        label = {"method": "fenix.v1.SessionService/CreateSession", "code": "INVALID_ARGUMENT"}
        assert await measured(server, "fenix_call_seconds_count", **label) == 1


async def test_lines_of_steps_tell_session_and_step(server: ServerProcess, done: str) -> None:
    ended = [line for line in lines(server) if "ended: DONE" in line["message"]]
    assert ended
    assert {line["session"] for line in ended} == {done}
    assert all(line["step"] for line in ended)
    assert {line["level"] for line in lines(server)} <= {"info"}


async def test_a_request_keeps_its_name_over_both_doors(server: ServerProcess, done: str) -> None:
    async with (
        httpx.AsyncClient(base_url=server.rest, trust_env=False) as http,
        grpc.aio.insecure_channel(server.grpc) as channel,
    ):
        path = f"/v1/maintenance/{done}"
        said = {"x-request-id": "my-request"}
        assert (await http.get(path, headers=said)).headers["x-request-id"] == "my-request"
        assert (await http.get(path)).headers["x-request-id"].startswith("req-")
        sessions = session_service_pb2_grpc.SessionServiceStub(channel)
        call = sessions.GetSession(
            GetSessionRequest(session_id=done), metadata=(("x-request-id", "mine"),)
        )
        await call
        assert dict(await call.trailing_metadata())["x-request-id"] == "mine"
        failing = sessions.GetSession(GetSessionRequest(session_id="nobody-knows-it"))
        assert await failing.code() is grpc.StatusCode.NOT_FOUND
        assert str(dict(await failing.trailing_metadata())["x-request-id"]).startswith("req-")


async def test_readiness_says_which_parts_work(server: ServerProcess) -> None:
    async with httpx.AsyncClient(base_url=server.rest, trust_env=False) as http:
        response = await until(
            lambda: http.get("/readyz"), lambda response: response.status_code == 200
        )
        assert response.json() == {
            "ready": True,
            "parts": {"database": "ok", "watches": "ok", "engine": "ok"},
        }
    assert await measured(server, "fenix_ready", part="database") == 1


@pytest.mark.parametrize(
    ("listen", "metrics", "at_door"),
    [
        ("127.0.0.1", "", 200),
        ("0.0.0.0", "", 404),
        ("0.0.0.0", "rest", 200),
        ("127.0.0.1", "off", 404),
    ],
)
async def test_metrics_are_where_nobody_else_reaches_them(
    tmp_path: Path, listen: str, metrics: str, at_door: int
) -> None:
    """Unless the configuration says otherwise."""
    server = ServerProcess.simulated(
        tmp_path, CLOUD, f'[metrics]\nlisten = "{metrics}"\n[auth]\nallow_insecure = true\n'
    )
    config = tmp_path / "fenix.toml"
    rest = server.rest.removeprefix("http://")
    config.write_text(
        config.read_text().replace(f'"{rest}"', f'"{rest.replace("127.0.0.1", listen)}"')
    )
    await server.start()
    try:
        async with httpx.AsyncClient(base_url=server.rest, trust_env=False) as http:
            assert (await http.get("/metrics")).status_code == at_door
    finally:
        assert await server.stop() == 0


async def test_metrics_may_have_an_address_of_their_own(tmp_path: Path) -> None:
    own = f"127.0.0.1:{free_ports(1)[0]}"
    server = ServerProcess.simulated(tmp_path, CLOUD, f'[metrics]\nlisten = "{own}"\n')
    await server.start()
    try:
        async with httpx.AsyncClient(trust_env=False) as http:
            assert (await http.get(f"{server.rest}/metrics")).status_code == 404
            found = await http.get(f"http://{own}/metrics")
            assert "fenix_build_info" in found.text
            assert (await http.get(f"http://{own}/v1/maintenance")).status_code == 404
    finally:
        assert await server.stop() == 0


async def test_too_many_sessions_and_too_many_calls_are_told_apart(tmp_path: Path) -> None:
    """v1 clients know 509 for the one; the other passes, and says when."""
    limits = "[limits]\ncalls_per_s = 0.1\ncalls_burst = 20\n"
    server = ServerProcess.simulated(tmp_path, CLOUD, limits, server="max_sessions = 1")
    await server.start()
    try:
        async with httpx.AsyncClient(base_url=server.rest, trust_env=False) as http:
            body = {"maintenance_at": "2035-01-01 00:00:00"}
            assert (await http.post("/v1/maintenance", json=body)).status_code == 200
            full = await http.post("/v1/maintenance", json=body)
            assert (full.status_code, full.json()["error"]) == (509, "Too many sessions")
            assert "retry-after" not in full.headers
            refused = await until(
                lambda: http.post("/v1/maintenance", json=body),
                lambda response: response.status_code != 509,
            )
            assert refused.status_code == 429
            assert 1 <= int(refused.headers["retry-after"]) <= 10
            assert "anonymous makes more than 0.1 calls a second" in refused.json()["error"]
            assert (await measured(server, "fenix_limits_hit_total", limit="calls_per_s")) == 1
            assert (await http.get("/readyz")).status_code == 200
    finally:
        assert await server.stop() == 0
