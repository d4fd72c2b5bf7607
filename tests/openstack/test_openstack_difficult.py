"""Difficult migrations on the real cloud: each ends in the decision that docs/difficult-migrations.md names, with the
reason in the detail."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from contextlib import asynccontextmanager
from pathlib import Path

from openstack.compute.v2.server import Server

from fenix_grpc.v1.events_pb2 import SessionEvent
from fenix_grpc.v1.session_service_pb2 import UpdateSessionRequest
from fenix_grpc.v1.types_pb2 import HostProgress, InstanceAction, StepOutcome, StepVerb
from tests.openstack.cloud import Lab
from tests.openstack.site import DONE, FAILED, MOVE, Site, Steps, request
from tests.openstack.test_openstack_faults import at_rest, reason_of
from tests.processes.sessions import create, end_of, read, until

DONE_STEP, FAILED_STEP = StepOutcome.STEP_OUTCOME_DONE, StepOutcome.STEP_OUTCOME_FAILED
LOST_STEP = StepOutcome.STEP_OUTCOME_LOST
LIVE, COLD = InstanceAction.INSTANCE_ACTION_LIVE_MIGRATE, InstanceAction.INSTANCE_ACTION_MIGRATE
EVACUATE = StepVerb.STEP_VERB_EVACUATE_INSTANCE
NEVER_S = 900


class Case:
    """One server of red on one host, its manager wants it live, and a fenix that does as it is told."""

    def __init__(self, lab: Lab, directory: Path, timers: str) -> None:
        self.lab, self.red = lab, lab.project("red")
        self.host = lab.hosts()[0]
        (self.server,) = lab.boot(self.red, "web", host=self.host)
        self.site = Site(lab, directory, timers=timers)

    @asynccontextmanager
    async def open(self):
        async with self.site.open() as (client, processes):
            await self.site.grpc_manager(processes, "red", "live_migrate")
            yield client, processes

    def shown(self, server: Server | None = None) -> Server:
        found = self.lab.server((server or self.server).id)
        assert found
        return found

    def records(self) -> list[tuple[str, str]]:
        """Oldest first."""
        rows = self.lab.migrations(self.server.id)[::-1]
        return [(row["migration_type"], row["status"]) for row in rows]

    def worked_on(self) -> list[dict[str, object]]:
        """What the work on hosts saw there."""
        return [json.loads(line) for line in self.site.seen.read_text().splitlines()]

    def check(self) -> None:
        """The host was empty when it was worked on, everything is in service, nothing is left open."""
        assert [(t["host"], t["servers"]) for t in self.worked_on()] == [(self.host, [])]
        assert self.lab.service(self.host).status == "enabled"
        assert self.shown().status == "ACTIVE"
        assert self.shown().compute_host != self.host
        assert not self.lab.open_migrations(self.server.id)


def moves(journal: list[SessionEvent]) -> list[tuple[InstanceAction, StepOutcome]]:
    return [(s.started.how, s.ended.outcome) for s in Steps(journal).all if s.started.verb == MOVE]


def ended(outcome: StepOutcome) -> Callable[[SessionEvent], bool]:
    return lambda event: (
        event.step_ended.outcome == outcome and "instance" in event.step_ended.step_id
    )


def moving(event: SessionEvent) -> bool:
    return event.step_started.verb == MOVE


async def test_a_slow_live_migration_is_aborted_and_goes_elsewhere(
    lab: Lab, tmp_path: Path
) -> None:
    case = Case(lab, tmp_path, 'live_s = 5.0\nslow_live = "ABORT"')
    lab.faults(case.host, live_migration_seconds=NEVER_S)
    async with case.open() as (client, _):
        session_id = await create(client, request(case.host))
        await until(client, session_id, ended(FAILED_STEP))
        lab.faults(case.host)
        assert await end_of(client, session_id) == DONE
        journal = await read(client, session_id)
    assert moves(journal) == [(LIVE, FAILED_STEP), (LIVE, DONE_STEP)]
    aborted, again = (s for s in Steps(journal).all if s.started.verb == MOVE)
    assert "it was aborted after" in aborted.ended.detail
    assert "as it may take 5 s" in aborted.ended.detail
    assert aborted.took_s < 5 + 15
    assert again.started.target != aborted.started.target
    assert case.records() == [("live-migration", "cancelled"), ("live-migration", "completed")]
    case.check()


async def test_a_slow_live_migration_is_forced(lab: Lab, tmp_path: Path) -> None:
    case = Case(lab, tmp_path, 'live_s = 5.0\nslow_live = "FORCE"')
    lab.faults(case.host, live_migration_seconds=NEVER_S)
    async with case.open() as (client, _):
        session_id = await create(client, request(case.host))
        assert await end_of(client, session_id) == DONE
        journal = await read(client, session_id)
    assert moves(journal) == [(LIVE, DONE_STEP)]
    assert "live_migration_force_complete" in lab.actions(case.server.id)
    assert case.records() == [("live-migration", "completed")]
    case.check()


async def test_one_that_never_ends_goes_cold_and_its_manager_is_told(
    lab: Lab, tmp_path: Path
) -> None:
    case = Case(
        lab,
        tmp_path,
        'live_s = 4.0\nslow_live = "ABORT"\nfailed_live = ["COLD"]\nmove_attempts = 2',
    )
    lab.faults(case.host, live_migration_seconds=NEVER_S)
    async with case.open() as (client, processes):
        session_id = await create(client, request(case.host))
        assert await end_of(client, session_id) == DONE
        journal = await read(client, session_id)
        said = processes.log("vnfm-red").read_text()
    assert moves(journal) == [(LIVE, FAILED_STEP), (LIVE, FAILED_STEP), (COLD, DONE_STEP)]
    (replaced,) = (e.action_replaced for e in journal if e.HasField("action_replaced"))
    assert (replaced.instance_id, replaced.action) == (case.server.id, COLD)
    assert "failed (2 times)" in replaced.reason
    assert "it was aborted after" in replaced.reason
    assert "INSTANCE_ACTION_FALLBACK" in said
    assert case.records() == [*[("live-migration", "cancelled")] * 2, ("migration", "confirmed")]
    case.check()


async def test_no_valid_destination_gives_the_host_back(lab: Lab, tmp_path: Path) -> None:
    case = Case(lab, tmp_path, 'failed_live = ["COLD", "GIVE_BACK"]\nmove_attempts = 1')
    others = lab.hosts()[1:]
    for host in others:
        lab.avoid(host, True)
    try:
        async with case.open() as (client, _):
            session_id = await create(client, request(case.host))
            assert await end_of(client, session_id) == FAILED
            journal = await at_rest(client, session_id)
    finally:
        for host in others:
            lab.avoid(host, False)
    reason = reason_of(journal)
    assert f"these were set aside: {case.host}" in reason
    assert "LIVE_MIGRATE of instance" in reason
    assert "; then MIGRATE of instance" in reason
    first, then = reason.split("; then ")
    assert "live-migration ended as 'error': No valid host" in first
    assert "migration ended as 'error': No valid host" in then
    assert lab.service(case.host).status == "enabled"
    assert case.shown().compute_host == case.host
    assert not case.site.seen.exists(), "nobody worked on it"


async def test_a_compute_process_that_hangs_in_the_middle_of_a_move(
    lab: Lab, tmp_path: Path
) -> None:
    case = Case(lab, tmp_path, "")
    lab.faults(case.host, live_migration_seconds=4)
    async with case.open() as (client, _):
        session_id = await create(client, request(case.host))
        await until(client, session_id, moving)
        await migrating(case)
        lab.pause(case.host)
        try:
            await down(case)
            assert Steps(await read(client, session_id)).running
        finally:
            lab.resume(case.host)
        assert await end_of(client, session_id) == DONE
        journal = await read(client, session_id)
    assert moves(journal)[-1] == (LIVE, DONE_STEP)
    case.check()


async def test_a_host_that_dies_in_the_middle_of_a_move_is_evacuated(
    lab: Lab, tmp_path: Path
) -> None:
    case = Case(lab, tmp_path, 'host_down = "EVACUATE"\nhost_down_s = 5.0\nmove_s = 25.0')
    lab.faults(case.host, live_migration_seconds=NEVER_S)
    async with case.open() as (client, processes):
        session_id = await create(client, request(case.host))
        await until(client, session_id, moving)
        await migrating(case)
        lab.kill(case.host)
        lab.faults(case.host)
        await until(client, session_id, in_maintenance)
        await asyncio.to_thread(lab.revive, case.host)
        assert await end_of(client, session_id) == DONE
        journal = await read(client, session_id)
        said = processes.log("vnfm-red").read_text()
    assert moves(journal) == [(LIVE, LOST_STEP)]
    (evacuation,) = (s for s in Steps(journal).all if s.started.verb == EVACUATE)
    assert evacuation.ended.outcome == DONE_STEP, "not where the migration has left half of it"
    assert evacuation.ended.host == case.shown().compute_host
    assert "INSTANCE_ACTION_DONE" in said
    assert ("evacuation", "completed") in case.records()
    assert [(t["host"], t["servers"]) for t in case.worked_on()] == [(case.host, [])]
    assert case.shown().status == "ACTIVE"
    assert lab.service(case.host).status == "enabled"


async def test_a_host_that_dies_stops_the_session_by_default_and_is_continued(
    lab: Lab, tmp_path: Path
) -> None:
    case = Case(lab, tmp_path, "move_attempts = 2")
    async with case.open() as (client, _):
        session_id = await create(client, request(case.host))
        await until(client, session_id, lambda e: e.HasField("project_asked"))
        lab.force_down(case.host, True)
        assert await end_of(client, session_id) == FAILED
        failed = await at_rest(client, session_id)
        assert "unavailable at this time" in reason_of(failed)
        assert case.shown().compute_host == case.host
        lab.force_down(case.host, False)
        update = UpdateSessionRequest(session_id=session_id)
        await client.call(client.sessions.UpdateSession, update)
        assert await end_of(client, session_id) == DONE
    case.check()


async def test_a_server_deleted_and_one_created_while_its_host_is_emptied(
    lab: Lab, tmp_path: Path
) -> None:
    case = Case(lab, tmp_path, "parallel_moves = 1")
    (doomed,) = lab.boot(case.red, "doomed", host=case.host)
    lab.faults(case.host, live_migration_seconds=6)
    async with case.open() as (client, _):
        session_id = await create(client, request(case.host))
        began = await until(client, session_id, moving)
        first = began.step_started.instance_id
        (other,) = {case.server.id, doomed.id} - {first}
        await asyncio.to_thread(lab.delete, other)
        new = await asyncio.to_thread(lab.force_on, case.red, "new", case.host)
        assert new.compute_host == case.host
        assert await end_of(client, session_id) == DONE
        journal = await read(client, session_id)
    asked = {i for e in journal for i in e.project_asked.instance_ids}
    assert new.id in asked
    assert {s.started.instance_id for s in Steps(journal).of(MOVE, DONE_STEP)} == {first, new.id}
    assert case.shown(new).compute_host != case.host
    assert case.shown(new).status == "ACTIVE"
    assert [(t["host"], t["servers"]) for t in case.worked_on()] == [(case.host, [])]
    assert lab.server(other) is None


def in_maintenance(event: SessionEvent) -> bool:
    return event.host_changed.progress == HostProgress.HOST_PROGRESS_IN_MAINTENANCE


async def down(case: Case) -> None:
    """Until Nova takes the nova-compute of the host for dead."""

    def is_down() -> bool:
        return case.lab.service(case.host).state == "down"

    await asyncio.to_thread(case.lab.wait, "the service to be down", is_down)


async def migrating(case: Case) -> None:
    """Until Nova runs the migration."""

    def runs() -> bool:
        return "running" in [status for _, status in case.records()]

    await asyncio.to_thread(case.lab.wait, "the migration to run", runs)
