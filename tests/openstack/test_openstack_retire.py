"""Hosts that leave and hosts that join the real cloud (v1 facts: D35)."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from fenix_grpc.v1.events_pb2 import SessionEvent
from fenix_grpc.v1.types_pb2 import ActionType, HostProgress
from tests.openstack.cloud import DEVCLOUD, Lab
from tests.openstack.site import DONE, Site, request
from tests.processes.sessions import create, end_of, read, until

ADDED, REMOVED = HostProgress.HOST_PROGRESS_HOST_ADDED, HostProgress.HOST_PROGRESS_HOST_REMOVED
STOP = f"""
[actions.stop]
kind = "command"
options = {{ command = {json.dumps([str(DEVCLOUD / "ctl.sh"), "kill", "nova-compute.{host}"])} }}
[actions.wait]
kind = "command"
options = {{ command = ["sleep", "45"] }}
"""


@pytest.fixture
def more(lab: Lab) -> Iterator[int]:
    """The number of hosts with one more than usual; those that a test adds are removed again."""
    yield len(lab.hosts()) + 1
    lab.wipe()
    lab.shrink()


def changed(journal: list[SessionEvent], progress: HostProgress) -> list[str]:
    return [e.host_changed.host for e in journal if e.host_changed.progress == progress]


async def test_d35_a_retired_host_leaves_the_cloud(lab: Lab, more: int, tmp_path: Path) -> None:
    await asyncio.to_thread(lab.grow, more)
    old = lab.hosts()[-1]
    (server,) = lab.boot(lab.project("red"), "web", host=old)
    asked = request(old)
    asked.options.retire.append(old)
    asked.actions.add(plugin="stop", type=ActionType.ACTION_TYPE_COMPUTE)
    async with Site(lab, tmp_path, more=STOP).open() as (client, _):
        session_id = await create(client, asked)
        assert await end_of(client, session_id) == DONE
        journal = await read(client, session_id)
    lab.forget(old)
    assert changed(journal, REMOVED) == [old]
    assert old not in lab.hosts()
    moved = lab.server(server.id)
    assert moved is not None
    assert moved.status == "ACTIVE"
    assert moved.compute_host in lab.hosts()


async def test_d35_a_host_that_joins_is_told_of(lab: Lab, more: int, tmp_path: Path) -> None:
    asked = request(lab.hosts()[0])
    asked.actions.add(plugin="wait", type=ActionType.ACTION_TYPE_COMPUTE)
    async with Site(lab, tmp_path, more=STOP).open() as (client, _):
        session_id = await create(client, asked)
        await until(client, session_id, lambda event: event.HasField("host_changed"))
        await asyncio.to_thread(lab.grow, more)
        assert await end_of(client, session_id) == DONE
        journal = await read(client, session_id)
    assert changed(journal, ADDED) == [lab.hosts()[-1]]
