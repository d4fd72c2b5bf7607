"""A whole maintenance by webhook: subscribed over REST, told by HTTP, answered from inside the handler, and the server
killed meanwhile. Nothing comes twice that must not, nothing is lost."""

from __future__ import annotations

import asyncio
from collections import Counter
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx

from fenix_grpc.cli.simulated_application import SimulatedApplication
from fenix_grpc.clock import SystemClock
from fenix_grpc.v1.session_service_pb2 import CreateSessionRequest
from fenix_grpc.v1.types_pb2 import Resources, SessionState
from tests.e2e.test_dialogues import CLOUD, PROJECT
from tests.notify.far_ends import Post, a_manager
from tests.processes.servers import ServerProcess
from tests.processes.sessions import create, end_of, read

DONE = SessionState.SESSION_STATE_MAINTENANCE_DONE
SECRET = "sixteen letters!"
#: What a host of that cloud has.
A_HOST = Resources(vcpus=4, memory_mb=8192, disk_gb=40)
MORE = """
[timers]
poll_s = 0.05
reply_s = 60
scale_reply_s = 60
[engine]
lease_s = 1.0
"""


def allowing(url: str) -> str:
    """The configuration, with webhooks to there."""
    return f'{MORE}[webhooks]\nallowed_urls = ["{url}"]\nprivate_networks = ["127.0.0.0/8"]\n'


@dataclass
class Vnfm:
    """Replies from inside the handler; scaling takes it a while."""

    application: SimulatedApplication
    #: Set when a SCALE_IN is being dealt with, and what it waits for.
    busy: asyncio.Event = field(default_factory=asyncio.Event)
    go_on: asyncio.Event = field(default_factory=asyncio.Event)
    heard: list[tuple[str, str]] = field(default_factory=list)

    async def answer(self, post: Post) -> int:
        traits = post.traits
        state = traits["state"]
        self.heard.append((state, post.event["message_id"]))
        if state == "INSTANCE_ACTION_DONE":
            return 200
        async with httpx.AsyncClient(trust_env=False, timeout=30) as http:
            if state == "SCALE_IN":
                self.busy.set()
                await self.go_on.wait()
                await self.application.scale_in(A_HOST)
            if state == "MAINTENANCE_COMPLETE":
                await self.application.scale_out()
            body: dict[str, Any] = {"state": f"ACK_{state}"}
            if traits["allowed_actions"] != "[]":
                ids = (await http.get(traits["instance_ids"])).json()["instance_ids"]
                body["instance_actions"] = dict.fromkeys(ids, "LIVE_MIGRATE")
            answer = await http.put(traits["reply_url"], json=body)
            assert answer.status_code == 200, answer.text
        return 204


async def test_a_maintenance_by_webhook_with_the_server_killed_in_a_scale_in(
    tmp_path: Path,
) -> None:
    async with AsyncExitStack() as stack:
        manager = await stack.enter_async_context(a_manager())
        server = ServerProcess.simulated(tmp_path, CLOUD, allowing(manager.url))
        client = await stack.enter_async_context(server.client())
        cloud = server.open_cloud()
        vnfm = Vnfm(SimulatedApplication(cloud, PROJECT, clock=SystemClock()))
        manager.answer = vnfm.answer
        await server.start()
        await subscribe(server, manager.url)
        before = len(await vnfm.application.instances())
        asked = CreateSessionRequest()
        asked.maintenance_at.GetCurrentTime()
        session_id = await create(client, asked)
        async with asyncio.timeout(30):
            await vnfm.busy.wait()
        await server.kill()
        await server.start()
        vnfm.go_on.set()
        assert await end_of(client, session_id) == DONE
        journal = await read(client, session_id)
        await server.stop()
    asked_for = [e.project_asked.notice_id for e in journal if e.HasField("project_asked")]
    replied = {e.project_replied.notice_id for e in journal if e.HasField("project_replied")}
    assert replied == set(asked_for)
    assert not [e for e in journal if e.HasField("project_defaulted")]
    states = Counter(state for state, _ in vnfm.heard)
    assert states["SCALE_IN"] == states["MAINTENANCE"] == states["MAINTENANCE_COMPLETE"] == 1
    moved = [e for e in journal if e.HasField("instance_action_done")]
    assert states["INSTANCE_ACTION_DONE"] == len(moved) > 0
    assert len(await vnfm.application.instances()) == before
    await cloud.aclose()


async def subscribe(server: ServerProcess, url: str) -> None:
    """Over REST; the secret does not come back."""
    async with httpx.AsyncClient(base_url=server.rest, trust_env=False) as http:
        path = f"/v1/projects/{PROJECT}/webhooks"
        created = await http.post(path, json={"url": url, "secret": SECRET})
        assert created.status_code == 200, created.text
        assert SECRET not in created.text
        listed = await http.get(path)
        assert listed.json()["webhooks"] == [created.json()["webhook"]]
        refused = await http.post(path, json={"url": "http://169.254.169.254/latest"})
        assert refused.status_code in (400, 422), refused.text
