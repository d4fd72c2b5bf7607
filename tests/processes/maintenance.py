"""The maintenance that tests of real processes carry out: its cloud, its managers, and what must be true of it."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fenix_client import Backoff, Client, Memory
from fenix_client.vnfm import Vnfm

from fenix_grpc.cli.simulated_application import SimulatedApplication
from fenix_grpc.clock import SystemClock
from fenix_grpc.clouds.simulated import SimulatedCloud
from fenix_grpc.v1.events_pb2 import SessionEvent
from fenix_grpc.v1.session_service_pb2 import CreateSessionRequest
from fenix_grpc.v1.types_pb2 import ActionType, StepOutcome

CLOUD = """
seed = 3
durations = {live_migrate = 0.2, cold_migrate = 0.3, disable = 0.02, enable = 0.02, boot = 0.1, jitter = 0.5}
flavors.m = {vcpus = 2, memory_mb = 4096, disk_gb = 20}
[[hosts]]
name = "c{n}"
count = 5
vcpus = 8
memory_mb = 32768
disk_gb = 200
[[hosts]]
name = "ctl"
kind = "CONTROLLER"
vcpus = 8
memory_mb = 32768
disk_gb = 200
[[projects]]
id = "red"
[[projects.groups]]
name = "ha"
[[projects.instances]]
name = "ha-{n}"
count = 3
flavor = "m"
group = "ha"
[[projects.instances]]
name = "r-{n}"
count = 6
flavor = "m"
[[projects]]
id = "nobody"
[[projects.instances]]
name = "n-{n}"
count = 4
flavor = "m"
"""

MORE = """
[timers]
poll_s = 0.1
retry_wait_s = 0.2
reply_s = 300.0
scale_reply_s = 300.0
[actions.patch]
kind = "dummy"
"""


@asynccontextmanager
async def managed(client: Client, cloud: SimulatedCloud, project_id: str) -> AsyncIterator[None]:
    """The project's sample VNFM, listening."""
    listening = asyncio.Event()
    backoff = Backoff(first_s=0.05, most_s=0.2, attempts=1000, on_open=listening.set)
    memory = Memory()
    application = SimulatedApplication(cloud, project_id, clock=SystemClock(), memory=memory)
    wishes = {"ha-*": "LIVE_MIGRATE", "r-1": "OWN_ACTION"}
    vnfm = Vnfm(client, project_id, application, actions=wishes, memory=memory, backoff=backoff)
    async with asyncio.TaskGroup() as group:
        task = group.create_task(vnfm.run())
        await listening.wait()
        yield
        task.cancel()


def a_request(request_id: str, work_s: float = 0.1) -> CreateSessionRequest:
    request = CreateSessionRequest(request_id=request_id)
    request.actions.add(plugin="patch", type=ActionType.ACTION_TYPE_HOST)
    request.actions[0].metadata["seconds"] = work_s
    request.maintenance_at.GetCurrentTime()
    return request


def check_steps(journal: list[SessionEvent]) -> None:
    """Gap-free, every step started once, every action done once on each host."""
    assert [event.seq for event in journal] == list(range(1, len(journal) + 1))
    started = {
        e.step_started.step_id: e.step_started for e in journal if e.HasField("step_started")
    }
    times = Counter(e.step_started.step_id for e in journal if e.HasField("step_started"))
    assert all(n == 1 for n in times.values()), times
    done = Counter(
        started[e.step_ended.step_id].host
        for e in journal
        if e.HasField("step_ended")
        and e.step_ended.step_id.startswith("run_action/")
        and e.step_ended.outcome == StepOutcome.STEP_OUTCOME_DONE
    )
    assert done == {"c1": 1, "c2": 1, "c3": 1, "c4": 1, "c5": 1, "ctl": 1}, done
