"""How long a session stands still when its server dies.

Two servers on one PostgreSQL; a session of many empty hosts with half a second of work on each, so that steps begin all
the time. Again and again the server that holds it is killed (SIGKILL), and started again once the other has gone on.
Measured is the time from the kill to the next step that is begun, as a client at the other server sees it. Most of it
is what is left of the lease: nobody may touch the session before that is over.
"""

from __future__ import annotations

import asyncio
from pathlib import Path
from time import perf_counter

from fenix_client import watch_session
from sqlalchemy import Engine, create_engine, select

from fenix_grpc.store import schema
from fenix_grpc.v1.session_service_pb2 import CreateSessionRequest
from fenix_grpc.v1.types_pb2 import ActionType
from tests.bench.report import Figure, figure
from tests.databases.servers import ON_DISK, PostgresServer
from tests.processes.servers import ServerProcess
from tests.processes.sessions import PATIENT, create

LEASE_S = 5.0
TAKEOVERS = 20
TITLE = f"from SIGKILL of a session's server to its next step by another, PostgreSQL, lease {LEASE_S:.0f} s"
_CLOUD = """
durations = {disable = 0.01, enable = 0.01}
[[hosts]]
name = "c{n}"
count = 1000
vcpus = 8
memory_mb = 32768
disk_gb = 200
"""
_MORE = f"""
[engine]
lease_s = {LEASE_S}
[actions.work]
kind = "dummy"
"""


async def run(directory: Path) -> list[Figure]:
    """Every takeover beside the lease: half of them, and the longest."""
    database = await asyncio.to_thread(PostgresServer, ON_DISK)
    try:
        await asyncio.to_thread(database.start)
        waits = await _measure(directory, database.new_database())
    finally:
        database.remove()
    return [
        figure(
            "takeover, half of them",
            waits,
            "s",
            yardstick=[LEASE_S] * len(waits),
            beside="the lease",
            note=f"{len(waits)} kills",
        ),
        figure(
            "takeover, the longest",
            [max(waits)],
            "s",
            yardstick=[LEASE_S],
            beside="the lease",
            wanted="7/6 and what the first step takes",
        ),
    ]


async def _measure(directory: Path, url: str) -> list[float]:
    servers = [
        ServerProcess.simulated(directory, _CLOUD, _MORE, database=url, name=name)
        for name in ("a", "b")
    ]
    engine = create_engine(url)
    try:
        for server in servers:
            await server.start()
        async with servers[0].client() as client:
            session_id = await create(client, _request())
        waits = []
        for _ in range(TAKEOVERS):
            owner, other = await _owner_first(servers, engine)
            await _next_step(other, session_id, await _head(engine))
            waits.append(await _take_over(owner, other, session_id, engine))
            await owner.start()
        return waits
    finally:
        for server in servers:
            await server.kill()
        engine.dispose()


def _request() -> CreateSessionRequest:
    request = CreateSessionRequest(request_id="takeover")
    request.actions.add(plugin="work", type=ActionType.ACTION_TYPE_HOST)
    request.actions[0].metadata["seconds"] = 0.5
    request.maintenance_at.GetCurrentTime()
    return request


async def _owner_first(
    servers: list[ServerProcess], engine: Engine
) -> tuple[ServerProcess, ServerProcess]:
    with engine.connect() as connection:
        owner = connection.execute(select(schema.sessions.c.owner)).scalar_one()
    first, second = servers
    return (first, second) if owner.endswith(first.grpc) else (second, first)


async def _head(engine: Engine) -> int:
    with engine.connect() as connection:
        return int(connection.execute(select(schema.sessions.c.seq)).scalar_one())


async def _take_over(
    owner: ServerProcess, other: ServerProcess, session_id: str, engine: Engine
) -> float:
    """Seconds from the death of one to the next step, as a client of the other sees it."""
    await owner.kill()
    began = perf_counter()
    await _next_step(other, session_id, await _head(engine))
    return perf_counter() - began


async def _next_step(server: ServerProcess, session_id: str, seq: int) -> None:
    """Returns when a step was begun past a seq."""
    async with server.client() as client:
        async for response in watch_session(client, session_id, backoff=PATIENT):
            if any(each.seq > seq and each.HasField("step_started") for each in response.events):
                return
    raise RuntimeError("the session ended before all was measured")
