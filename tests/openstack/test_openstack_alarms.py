"""The documented way, with everything real: fenix, the message bus, ceilometer, Aodh, HTTP, and a manager at its end.

Needs the telemetry services: TELEMETRY=1 tests/devcloud/up.sh.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from fenix_client import Client

from fenix_grpc.api.parse import from_session_event
from fenix_grpc.clock import SystemClock
from fenix_grpc.core.announcements import HostNotice, SessionNotice, announcements
from fenix_grpc.core.evolve import evolve
from fenix_grpc.core.notices import ProjectNotice, notices
from fenix_grpc.core.session import Session
from fenix_grpc.v1.events_pb2 import SessionEvent
from fenix_grpc.v1.session_service_pb2 import UpdateSessionRequest
from fenix_grpc.v1.types_pb2 import ActionType, HostProgress, SessionState
from tests.e2e.service import until as until_found
from tests.notify.far_ends import Manager
from tests.openstack.alarm_vnfm import AlarmVnfm, TackerVnfm, an_alarm
from tests.openstack.bus_witness import a_bus_witness
from tests.openstack.cloud import ADMIN, Lab
from tests.openstack.site import DONE, Site, check_nova, request, servers
from tests.processes.sessions import create, end_of, read, until

#: Hosts that are worked on; the others are somebody else's.
HOSTS = 3
TIMERS = "reply_s = 120\nscale_reply_s = 180"
OUTAGE = timedelta(seconds=30)
#: fenix sends in order; in the threads of ceilometer and Aodh, what comes close together may overtake.
TOLD = "INSTANCE_ACTION_DONE"


@dataclass(frozen=True, slots=True, kw_only=True)
class Stage:
    """Three full hosts, two applications, and all who listen."""

    site: Site
    client: Client
    hosts: list[str]
    red: AlarmVnfm
    blue: TackerVnfm
    #: What infrastructure services and administrators hear.
    infrastructure: Manager
    administrators: Manager


@asynccontextmanager
async def a_stage(lab: Lab, directory: Path) -> AsyncIterator[Stage]:
    """Full to the last vCPU: room must be made first."""
    red, blue, hosts = lab.project("red"), lab.project("blue"), lab.hosts()[:HOSTS]
    for other in lab.hosts()[HOSTS:]:
        lab.disable(other, "not part of this test")
    reds = lab.start_on(red, "red", hosts, flavor="huge")
    blues = lab.start_on(blue, "blue", hosts, flavor="huge")
    lab.until_active([*reds, *blues])
    site = Site(
        lab,
        directory,
        timers=TIMERS,
        more=f'[oslo]\ntransport_url = "{lab.transport_url}"\n[aodh]\ncloud = "{ADMIN}"\n',
    )
    async with AsyncExitStack() as stack:
        connections = [lab.admin, lab.admin, red.connection, blue.connection]
        types = ["maintenance.host", "maintenance.session", "maintenance.scheduled", "maint*"]
        infrastructure, administrators, at_red, at_blue = [
            await stack.enter_async_context(an_alarm(connection, event_type))
            for connection, event_type in zip(connections, types, strict=True)
        ]
        client, _ = await stack.enter_async_context(site.open())
        doctor = AlarmVnfm(lab, red, reds)
        tacker = TackerVnfm(lab, blue, blues, site.server.rest)
        at_red.answer, at_blue.answer = doctor.answer, tacker.answer
        await tacker.register()
        stage = Stage(
            site=site,
            client=client,
            hosts=hosts,
            red=doctor,
            blue=tacker,
            infrastructure=infrastructure,
            administrators=administrators,
        )
        await site.until_heard(red, blue)
        yield stage
        await tacker.withdraw()
    for other in lab.hosts()[HOSTS:]:
        lab.admin.compute.enable_service(lab.service(other))


@pytest.mark.parametrize("workflow", ["default", "vnf"])
async def test_managers_that_know_only_alarms_and_rest(
    lab: Lab, tmp_path: Path, workflow: str
) -> None:
    async with (
        a_stage(lab, tmp_path) as stage,
        a_bus_witness(lab.transport_url) as witness,
    ):
        before = servers(lab)
        session_id = await create(stage.client, request(*stage.hosts, workflow=workflow))
        assert await end_of(stage.client, session_id) == DONE
        journal = await read(stage.client, session_id)
        await everything_arrived(stage, journal)
        states = ["IN_MAINTENANCE", "MAINTENANCE_COMPLETE"]
        said = Said.of(journal)
        assert sorted(said.hosts) == [(h, s) for h in stage.hosts for s in states]
        await arrived(witness.read, len(said.all))
        assert [heard_on_bus(*read) for read in witness.read] == said.all
        assert "SCALE_IN" in dict(stage.red.heard)
    check_nova(stage.site, before, journal, *stage.hosts)


async def test_the_bus_is_away_for_half_a_minute(lab: Lab, tmp_path: Path) -> None:
    """While work on a host goes on: it ends, and is told, when nobody can be told."""
    async with a_stage(lab, tmp_path) as stage:
        asked = request(*stage.hosts)
        asked.actions.add(plugin="slow", type=ActionType.ACTION_TYPE_COMPUTE)
        asked.actions[-1].metadata["seconds"] = 15
        session_id = await create(stage.client, asked)
        await until(stage.client, session_id, begins_work)
        # What is under way within ceilometer or Aodh is theirs to keep; fenix is asked for what it has not sent yet.
        await everything_arrived(stage, await read(stage.client, session_id))
        clock = SystemClock()
        away_until = clock.now() + OUTAGE
        await asyncio.to_thread(lab.stop_bus)
        await clock.sleep_until(away_until)
        await asyncio.to_thread(lab.start)
        assert await end_with_an_operator(stage, session_id) == DONE
        journal = await read(stage.client, session_id)
        await everything_arrived(stage, journal)
    assert "waits: the message bus takes nothing" in stage.site.server.log.read_text()


async def end_with_an_operator(stage: Stage, session_id: str) -> SessionState:
    """Without its bus Nova takes its computes for dead; a session that stopped for it is continued."""
    lab, client = stage.site.lab, stage.client

    def all_up() -> bool:
        return {s.state for s in lab.admin.compute.services(binary="nova-compute")} == {"up"}

    for _ in range(3):
        if (state := await end_of(client, session_id)) == DONE:
            break
        await asyncio.to_thread(lab.wait, "the computes to report again", all_up)
        await client.call(
            client.sessions.UpdateSession, UpdateSessionRequest(session_id=session_id)
        )
    return state


def begins_work(event: SessionEvent) -> bool:
    return event.host_changed.progress == HostProgress.HOST_PROGRESS_IN_MAINTENANCE


@dataclass(frozen=True, slots=True, kw_only=True)
class Said:
    """What a journal tells, worked out from it alone."""

    projects: list[ProjectNotice]
    #: Everything in order: whom it is about, and the state.
    all: list[tuple[str, str]]
    hosts: list[tuple[str, str]]
    sessions: list[tuple[str, int]]

    @classmethod
    def of(cls, journal: list[SessionEvent]) -> Said:
        """Of one session."""
        said = cls(projects=[], all=[], hosts=[], sessions=[])
        before: Session | None = None
        for entry in map(from_session_event, journal):
            after = evolve(before, entry)
            for told in announcements(before, entry, after):
                match told:
                    case HostNotice():
                        said.hosts.append((told.host, told.state))
                        said.all.append((told.host, told.state))
                    case SessionNotice():
                        said.sessions.append((told.state, told.percent_done))
                        said.all.append(("session", told.state))
            for notice in notices(before, entry):
                said.projects.append(notice)
                said.all.append((notice.project_id, notice.kind))
            before = after
        return said

    def to(self, vnfm: AlarmVnfm) -> list[tuple[str, tuple[str, ...]]]:
        """What a manager should have heard."""
        return [
            (notice.kind, told_ids(notice) if isinstance(vnfm, TackerVnfm) else ())
            for notice in self.projects
            if notice.project_id == vnfm.project.project_id
        ]


def told_ids(notice: ProjectNotice) -> tuple[str, ...]:
    return tuple(sorted(instance.instance_id for instance in notice.instances))


async def everything_arrived(stage: Stage, journal: list[SessionEvent]) -> None:
    """Each thing that the journal tells has arrived where it belongs, once and in order."""
    said = Said.of(journal)
    for vnfm in (stage.red, stage.blue):
        expected = said.to(vnfm)
        await arrived(vnfm.heard, len(expected))
        assert Counter(vnfm.heard) == Counter(expected)
        assert asking(vnfm.heard) == asking(expected)
        assert len(set(vnfm.message_ids)) == len(vnfm.message_ids)
        assert set(vnfm.statuses) == {200}
    await arrived(stage.infrastructure.posts, len(said.hosts))
    heard = [(post.traits["host"], post.traits["state"]) for post in stage.infrastructure.posts]
    assert Counter(heard) == Counter(said.hosts)
    for host in stage.hosts:
        states = [state for name, state in heard if name == host]
        assert states == [state for name, state in said.hosts if name == host]
    await arrived(stage.administrators.posts, len(said.sessions))
    posts = sorted(stage.administrators.posts, key=lambda post: str(post.event["generated"]))
    progress = [(post.traits["state"], post.traits["percent_done"]) for post in posts]
    assert progress == said.sessions


def asking(heard: list[tuple[str, tuple[str, ...]]]) -> list[str]:
    """The states in which a project was asked, in order; what was asked in the same moment may come either way."""
    return list(dict.fromkeys(state for state, _ in heard if state != TOLD))


def heard_on_bus(event_type: str, payload: Mapping[str, Any]) -> tuple[str, str]:
    """As in `Said.all`."""
    about = {"maintenance.host": "host", "maintenance.scheduled": "project_id"}.get(event_type)
    return (payload[about] if about else "session", payload["state"])


async def arrived(found: list[Any], count: int) -> None:
    """So many, and after a while still no more."""

    async def look() -> int:
        return len(found)

    await until_found(look, lambda so_many: so_many >= count)
    clock = SystemClock()
    await clock.sleep_until(clock.now() + timedelta(seconds=1))
    assert len(found) == count, found
