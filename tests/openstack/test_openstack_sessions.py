"""Whole sessions on the real cloud that go well, or as well as can be."""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from pathlib import Path

from fenix_grpc.v1.events_pb2 import SessionEvent
from fenix_grpc.v1.types_pb2 import SessionState, StepOutcome, StepVerb
from tests.clients.languages import LANGUAGES
from tests.openstack.cloud import Lab
from tests.openstack.site import DONE, Site, check_nova, request, servers
from tests.processes.sessions import create, end_of, read, until


async def test_a_whole_session_with_a_grpc_and_a_rest_manager(site: Site) -> None:
    before = servers(site.lab)
    async with site.open() as (client, processes):
        await site.grpc_manager(processes, "red", "worker-1=own_action", "ha-*=live_migrate")
        await site.rest_manager(processes, "blue")
        session_id = await create(client, request())
        assert await end_of(client, session_id) == DONE
        journal = await read(client, session_id)
    check_nova(site, before, journal)
    replied = {e.project_replied.project_id for e in journal if e.HasField("project_replied")}
    assert replied == {site.project_id("red"), site.project_id("blue")}


async def test_a_full_cloud_scales_in_and_out(lab: Lab, tmp_path: Path) -> None:
    red, blue = lab.project("red"), lab.project("blue")
    lab.boot(red, "ha", count=3, flavor="huge", group=lab.group(red, "ha"))
    lab.boot(red, "worker", count=5, flavor="huge")
    lab.boot(blue, "db", count=4, flavor="huge")
    site = Site(lab, tmp_path)
    before = servers(lab)
    async with site.open() as (client, processes):
        await site.grpc_manager(processes, "red")
        await site.rest_manager(processes, "blue")
        session_id = await create(client, request())
        assert await end_of(client, session_id) == DONE
        journal = await read(client, session_id)
        assert any(e.state_entered.state == SessionState.SESSION_STATE_SCALE_IN for e in journal)
        await scaled_out(lab, before)
    check_nova(site, before, journal)


async def test_a_sample_in_another_language_manages_its_project(site: Site) -> None:
    before, hosts = servers(site.lab), site.lab.hosts()[3:]
    (go,) = (language for language in LANGUAGES if language.name == "go")
    async with site.open() as (client, processes):
        await site.sample_manager(processes, "blue", go, "db-1")
        session_id = await create(client, request(*hosts))
        assert await end_of(client, session_id) == DONE
        journal = await read(client, session_id)
        said = processes.log("vnfm-blue").read_text()
    assert "own action: db-1" in said
    assert "answered MAINTENANCE_COMPLETE: ACK" in said
    check_nova(site, before, journal, *hosts)


async def scaled_out(lab: Lab, before: Counter[tuple[str, str]]) -> None:
    """The manager has booted again what it released; its acknowledgement says so, Nova must agree."""
    await asyncio.to_thread(lab.wait, "all servers to be back", lambda: servers(lab) == before)


async def test_killed_in_the_middle_of_a_migration(site: Site) -> None:
    lab, before = site.lab, servers(site.lab)
    single, shared = lab.hosts()[0], lab.hosts()[-1]
    for host in lab.hosts():
        lab.faults(host, live_migration_seconds=4, seconds={"finish_migration": 3})
    async with site.open() as (client, processes):
        await site.grpc_manager(processes, "red", "ha-*=live_migrate")
        await site.rest_manager(processes, "blue")
        session_id = await create(client, request(single, shared))
        for _ in range(2):
            await until(client, session_id, moving)
            await site.server.kill()
            await site.server.start()
        assert await end_of(client, session_id) == DONE
        journal = await read(client, session_id)
    lost = [e for e in journal if e.step_ended.outcome == StepOutcome.STEP_OUTCOME_LOST]
    assert lost
    check_nova(site, before, journal, single, shared)


def moving(event: SessionEvent) -> bool:
    return event.step_started.verb == StepVerb.STEP_VERB_MOVE_INSTANCE


async def test_a_host_that_somebody_else_disabled_is_left_alone(site: Site) -> None:
    other, held = site.lab.hosts()[0], site.lab.hosts()[-1]
    site.lab.disable(held, "memory is being replaced")
    async with site.open() as (client, _):
        session_id = await create(client, request(other, held))
        assert await end_of(client, session_id) == DONE
        journal = await read(client, session_id)
    selected = next(e.hosts_selected for e in journal if e.HasField("hosts_selected"))
    assert "memory is being replaced" in selected.excluded[held]
    assert site.lab.service(held).status == "disabled"
    assert site.lab.service(held).disabled_reason == "memory is being replaced"
    assert {json.loads(line)["host"] for line in site.seen.read_text().splitlines()} == {other}
