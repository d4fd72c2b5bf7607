"""Whole sessions on the real cloud: a fenix process, a manager process for each project (one gRPC, one plain REST), and
Nova itself as the witness: the work on each host asks Nova what is on it, and all is counted in Nova afterwards."""

from __future__ import annotations

import asyncio
import json
import sys
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import fenix_client
import pytest
from fenix_client import Client

from fenix_grpc.cli.processes import Processes, started
from fenix_grpc.v1.events_pb2 import SessionEvent
from fenix_grpc.v1.session_service_pb2 import CreateSessionRequest
from fenix_grpc.v1.types_pb2 import ActionType, SessionState, StepOutcome, StepVerb
from tests.openstack.cloud import ADMIN, Lab
from tests.processes.servers import ServerProcess
from tests.processes.sessions import create, end_of, read, until

DONE = SessionState.SESSION_STATE_MAINTENANCE_DONE
WITNESS = Path(__file__).with_name("witness.py")


class Site:
    """A fenix server for the lab's cloud, with its managers."""

    def __init__(self, lab: Lab, directory: Path) -> None:
        self.lab = lab
        self.directory = directory
        self.clouds_yaml = lab.write_clouds_yaml(directory / "clouds.yaml")
        self.seen = directory / "witness.jsonl"
        command = json.dumps([sys.executable, str(WITNESS), str(self.clouds_yaml), str(self.seen)])
        self.server = ServerProcess(
            directory,
            f'kind = "openstack"\noptions = {{ cloud = "{ADMIN}" }}',
            f"""
[timers]
poll_s = 1.0
retry_wait_s = 2.0
[actions.witness]
kind = "command"
options = {{ command = {command} }}
""",
            environ={"OS_CLIENT_CONFIG_FILE": str(self.clouds_yaml)},
        )

    @asynccontextmanager
    async def open(self) -> AsyncIterator[tuple[Client, Processes]]:
        """The server and a connection to it; managers are started as needed."""
        await self.server.start()
        try:
            async with started(self.directory) as processes, self.server.client() as client:
                yield client, processes
        finally:
            await self.server.stop()

    async def grpc_manager(self, processes: Processes, project: str, *wishes: str) -> None:
        """The sample VNFM with the project's own credentials."""
        actions = [word for wish in wishes for word in ("--action", wish)]
        fenix = [sys.executable, "-m", "fenix_grpc.cli", "vnfm", self.project_id(project)]
        where = ["--server", self.server.grpc, "--os-cloud", project]
        environ = {"OS_CLIENT_CONFIG_FILE": str(self.clouds_yaml)}
        await processes.start(f"vnfm-{project}", [*fenix, *where, *actions], environ=environ)
        await processes.until_printed(f"vnfm-{project}", "listening")

    async def rest_manager(self, processes: Processes, project: str) -> None:
        """The one-file VNFM that knows nothing but HTTP."""
        sample = Path(fenix_client.__file__).with_name("rest_vnfm.py")
        command = [sys.executable, str(sample), self.project_id(project), "--url", self.server.rest]
        await processes.start(f"vnfm-{project}", [*command, "--action", "LIVE_MIGRATE"])
        await processes.until_printed(f"vnfm-{project}", "listening")

    def project_id(self, name: str) -> str:
        return self.lab.project(name).project_id


@pytest.fixture
def site(lab: Lab, tmp_path: Path) -> Site:
    """Two projects on six hosts: red with an anti-affinity group, blue without."""
    red, blue = lab.project("red"), lab.project("blue")
    lab.boot(red, "ha", count=3, flavor="medium", group=lab.group(red, "ha"))
    lab.boot(red, "worker", count=4, flavor="medium")
    lab.boot(blue, "db", count=4, flavor="medium")
    return Site(lab, tmp_path)


def servers(lab: Lab) -> Counter[tuple[str, str]]:
    """Owner and status of every server in Nova."""
    return Counter((s.project_id, s.status) for s in lab.admin.compute.servers(all_projects=True))


def check_nova(site: Site, before: Counter[tuple[str, str]], journal: list[SessionEvent]) -> None:
    """What Nova and its witness say."""
    lab = site.lab
    services = list(lab.admin.compute.services(binary="nova-compute"))
    assert {s.status for s in services} == {"enabled"}, services
    assert servers(lab) == before
    for server in lab.admin.compute.servers(all_projects=True):
        assert not lab.open_migrations(server.id), server.name
    testimony = [json.loads(line) for line in site.seen.read_text().splitlines()]
    worked_on = {t["host"] for t in testimony}
    assert worked_on == set(lab.hosts())
    assert all(t["servers"] == [] and t["status"] == "disabled" for t in testimony), testimony
    groups = Counter(
        s.compute_host
        for s in lab.admin.compute.servers(all_projects=True)
        if s.name.startswith("ha")
    )
    assert max(groups.values()) == 1, groups
    report(journal)


def report(journal: list[SessionEvent]) -> None:
    """The figures of a run."""
    began = {e.step_started.step_id: e for e in journal if e.HasField("step_started")}
    moves = []
    for event in journal:
        start = began.get(event.step_ended.step_id) if event.HasField("step_ended") else None
        if start and start.step_started.verb == StepVerb.STEP_VERB_MOVE_INSTANCE:
            moves.append((event.at.ToDatetime() - start.at.ToDatetime()).total_seconds())
    took = (journal[-1].at.ToDatetime() - journal[0].at.ToDatetime()).total_seconds()
    moves.sort()
    print(
        f"\n{len(moves)} moves, median {moves[len(moves) // 2]:.1f} s, longest {moves[-1]:.1f} s; "
        f"session {took:.0f} s"
    )


def request(*hosts: str) -> CreateSessionRequest:
    asked = CreateSessionRequest(hosts=hosts)
    asked.actions.add(plugin="witness", type=ActionType.ACTION_TYPE_COMPUTE)
    asked.maintenance_at.GetCurrentTime()
    return asked


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
    lab.boot(red, "ha", count=3, flavor="large", group=lab.group(red, "ha"))
    lab.boot(red, "worker", count=11, flavor="large")
    lab.boot(blue, "db", count=10, flavor="large")
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


async def scaled_out(lab: Lab, before: Counter[tuple[str, str]]) -> None:
    """The manager has booted again what it released; its acknowledgement says so, Nova must agree."""
    await asyncio.to_thread(lab.wait, "all servers to be back", lambda: servers(lab) == before)


async def test_killed_in_the_middle_of_a_migration(site: Site) -> None:
    before = servers(site.lab)
    for host in site.lab.hosts():
        site.lab.faults(host, live_migration_seconds=4, seconds={"finish_migration": 3})
    async with site.open() as (client, processes):
        await site.grpc_manager(processes, "red", "ha-*=live_migrate")
        await site.rest_manager(processes, "blue")
        session_id = await create(client, request())
        for _ in range(2):
            await until(client, session_id, moving)
            await site.server.kill()
            await site.server.start()
        assert await end_of(client, session_id) == DONE
        journal = await read(client, session_id)
    lost = [e for e in journal if e.step_ended.outcome == StepOutcome.STEP_OUTCOME_LOST]
    assert lost
    check_nova(site, before, journal)


def moving(event: SessionEvent) -> bool:
    return event.step_started.verb == StepVerb.STEP_VERB_MOVE_INSTANCE


async def test_a_host_that_somebody_else_disabled_is_left_alone(site: Site) -> None:
    held = site.lab.hosts()[-1]
    site.lab.disable(held, "memory is being replaced")
    async with site.open() as (client, _):
        session_id = await create(client, request())
        assert await end_of(client, session_id) == DONE
        journal = await read(client, session_id)
    selected = next(e.hosts_selected for e in journal if e.HasField("hosts_selected"))
    assert "memory is being replaced" in selected.excluded[held]
    assert site.lab.service(held).status == "disabled"
    assert site.lab.service(held).disabled_reason == "memory is being replaced"
    assert held not in {json.loads(line)["host"] for line in site.seen.read_text().splitlines()}
