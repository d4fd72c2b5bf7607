"""Managers that know nothing but Aodh's alarms and fenix's REST API, and infrastructure that listens in the same way.

They decode what they get as the two known clients do, and reply from inside the handler, before they answer the alarm.
"""

from __future__ import annotations

import ast
import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any

import httpx
import yaml
from openstack.compute.v2.server import Server
from openstack.connection import Connection

from tests.notify.far_ends import Manager, Post
from tests.openstack.cloud import Lab, Project

ALARMING = {"service_type": "alarming"}
#: Notices upon which nothing is done.
TOLD = ("INSTANCE_ACTION_DONE", "MAINTENANCE_FAILED", "SESSION_DELETED")


def doctor(value: Any) -> Any:
    """As OPNFV Doctor's app manager reads the text of a trait."""
    text = isinstance(value, str) and ("[" in value or "{" in value)
    return yaml.safe_load(value.replace("u'", "'")) if text else value


def tacker(value: Any) -> Any:
    """As Tacker's Fenix plug-in does."""
    return ast.literal_eval(value) if str(value)[:1] in ("[", "{") else value


@asynccontextmanager
async def an_alarm(connection: Connection, event_type: str) -> AsyncIterator[Manager]:
    """A listener of its own that an alarm of the connection's project calls."""
    manager = Manager()
    await manager.start()
    body = {
        "name": f"fenix-{event_type}",
        "type": "event",
        "event_rule": {"event_type": event_type},
        "repeat_actions": True,
        "alarm_actions": [manager.url],
    }
    session = connection.session

    def create() -> str:
        answer = session.post("/v2/alarms", json=body, endpoint_filter=ALARMING)
        return str(answer.json()["alarm_id"])

    alarm_id = await asyncio.to_thread(create)
    try:
        yield manager
    finally:
        path = f"/v2/alarms/{alarm_id}"
        await asyncio.to_thread(session.delete, path, endpoint_filter=ALARMING)
        await manager.stop()


class AlarmVnfm:
    """The manager of one project: OPNFV Doctor's way, or Tacker's, which registers what its instances demand."""

    def __init__(self, lab: Lab, project: Project, servers: Sequence[Server]) -> None:
        self.lab = lab
        self.project = project
        self.servers = {str(server.id): server for server in servers}
        #: (state, instance ids) in the order in which they came.
        self.heard: list[tuple[str, tuple[str, ...]]] = []
        self.message_ids: list[str] = []
        #: Deleted to make room, to be booted again.
        self.released: list[Server] = []
        #: Statuses of all replies.
        self.statuses: list[int] = []

    decode = staticmethod(doctor)

    async def answer(self, post: Post) -> int:
        """Acts, replies, and only then answers the alarm."""
        traits = {name: self.decode(value) for name, value in post.traits.items()}
        state = traits["state"]
        async with httpx.AsyncClient(
            trust_env=False, timeout=60, headers=await self.token()
        ) as http:
            ids = await self.concerned(http, traits["instance_ids"])
            self.heard.append((state, self.noted(state, ids)))
            self.message_ids.append(post.event["message_id"])
            if state == "SCALE_IN":
                await self.scale_in(http)
            if state == "MAINTENANCE_COMPLETE":
                await self.scale_out(http)
            if self.replies_to(state):
                await self.reply(http, state, traits, ids)
        return 200

    def noted(self, state: str, ids: list[str]) -> tuple[str, ...]:
        """Who reads ids at a URL sees those of all that is open then."""
        return ()

    async def token(self) -> dict[str, str]:
        token = await asyncio.to_thread(self.project.connection.session.get_token)
        return {"X-Auth-Token": str(token), "Accept": "application/json"}

    async def concerned(self, http: httpx.AsyncClient, said: Any) -> list[str]:
        """The ids themselves, or those at the URL."""
        if isinstance(said, list):
            return [str(each) for each in said]
        answer = await http.get(said)
        assert answer.status_code == 200, answer.text
        ids: list[str] = answer.json()["instance_ids"]
        return ids

    def replies_to(self, state: str) -> bool:
        return state not in TOLD

    async def reply(
        self, http: httpx.AsyncClient, state: str, traits: dict[str, Any], ids: list[str]
    ) -> None:
        """With what OPNFV Doctor's sample manager sends."""
        body: dict[str, Any] = {"state": f"ACK_{state}", "session_id": traits["session_id"]}
        if traits["allowed_actions"]:
            body["instance_actions"] = dict.fromkeys(ids, "MIGRATE")
        else:
            body["instance_ids"] = ids
        await self.put(http, traits["reply_url"], body)

    async def put(self, http: httpx.AsyncClient, url: str, body: dict[str, Any]) -> None:
        answer = await http.put(url, json=body)
        self.statuses.append(answer.status_code)
        assert answer.status_code == 200, answer.text

    async def scale_in(self, http: httpx.AsyncClient) -> str:
        instance_id, server = self.servers.popitem()
        self.released.append(server)
        await asyncio.to_thread(self.lab.delete, instance_id)
        return instance_id

    async def scale_out(self, http: httpx.AsyncClient) -> list[str]:
        names = [str(server.name) for server in self.released]
        self.released.clear()
        back = [
            (await asyncio.to_thread(self.lab.boot, self.project, name, flavor="huge"))[0]
            for name in names
        ]
        self.servers |= {str(server.id): server for server in back}
        return [str(server.id) for server in back]


class TackerVnfm(AlarmVnfm):
    """Registers constraints with values as its documentation has them, replies twice, and acknowledges what is done."""

    decode = staticmethod(tacker)
    group_id = "7c1f0c0e-0000-4000-8000-0000000000ac"

    def __init__(
        self, lab: Lab, project: Project, servers: Sequence[Server], fenix_url: str
    ) -> None:
        super().__init__(lab, project, servers)
        self.url = f"{fenix_url}/v1"

    async def register(self) -> None:
        """The group first, then its instances."""
        async with httpx.AsyncClient(trust_env=False, headers=await self.token()) as http:
            group = {
                "group_id": self.group_id,
                "project_id": "stacks",
                "group_name": "tacker_nonha_app_group",
                "anti_affinity_group": False,
                "max_instances_per_host": 0,
                "max_impacted_members": "1,",
                "recovery_time": "2,",
                "resource_mitigation": "False,",
            }
            await self.put(http, f"{self.url}/instance_group/{self.group_id}", group)
            for instance_id in self.servers:
                await self.constrain(http, instance_id)

    async def constrain(self, http: httpx.AsyncClient, instance_id: str) -> None:
        constraint = {
            "instance_id": instance_id,
            "project_id": "stacks",
            "group_id": self.group_id,
            "instance_name": "VDU1",
            "max_interruption_time": "120,",
            "migration_type": "MIGRATION",
            "resource_mitigation": "False,",
            "lead_time": "60,",
        }
        await self.put(http, f"{self.url}/instance/{instance_id}", constraint)

    def noted(self, state: str, ids: list[str]) -> tuple[str, ...]:
        return () if state in ("MAINTENANCE_FAILED", "SESSION_DELETED") else tuple(sorted(ids))

    def replies_to(self, state: str) -> bool:
        return state not in ("MAINTENANCE_FAILED", "SESSION_DELETED")

    async def reply(
        self, http: httpx.AsyncClient, state: str, traits: dict[str, Any], ids: list[str]
    ) -> None:
        body: dict[str, Any] = {"state": f"ACK_{state}", "session_id": traits["session_id"]}
        twice = state in ("PREPARE_MAINTENANCE", "PLANNED_MAINTENANCE")
        if twice:
            assert isinstance(traits["instance_ids"], list), traits
            assert isinstance(traits["allowed_actions"], list), traits
            body["instance_action"] = "MIGRATE"
        else:
            body["instance_ids"] = ids
        for _ in range(2 if twice else 1):
            await self.put(http, traits["reply_url"], body)

    async def scale_in(self, http: httpx.AsyncClient) -> str:
        instance_id = await super().scale_in(http)
        answer = await http.delete(f"{self.url}/instance/{instance_id}")
        assert answer.status_code == 200, answer.text
        return instance_id

    async def scale_out(self, http: httpx.AsyncClient) -> list[str]:
        back = await super().scale_out(http)
        for instance_id in back:
            await self.constrain(http, instance_id)
        return back

    async def withdraw(self) -> None:
        """On deletion of the VNF: the group first."""
        async with httpx.AsyncClient(trust_env=False, headers=await self.token()) as http:
            paths = [f"instance_group/{self.group_id}", *(f"instance/{i}" for i in self.servers)]
            for path in paths:
                answer = await http.delete(f"{self.url}/{path}")
                assert answer.status_code == 200, answer.text
