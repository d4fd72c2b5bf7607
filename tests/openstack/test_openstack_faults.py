"""Whole sessions on the real cloud in which a compute fails or refuses: what fenix says, and how it goes on."""

from __future__ import annotations

import re
from collections import Counter

from fenix_client import Client, watch_session

from fenix_grpc.v1.events_pb2 import SessionEvent
from fenix_grpc.v1.session_service_pb2 import UpdateSessionRequest
from fenix_grpc.v1.types_pb2 import StepOutcome, StepVerb
from tests.openstack.site import DONE, FAILED, MOVE, Site, Steps, check_nova, request, servers
from tests.processes.sessions import PATIENT, create, end_of, read

DONE_STEP = StepOutcome.STEP_OUTCOME_DONE
FAILED_STEP = StepOutcome.STEP_OUTCOME_FAILED


async def test_a_failed_migration_is_continued_after_the_repair(site: Site) -> None:
    lab, before = site.lab, servers(site.lab)
    # the host with one server is emptied first; of the one with two, neither gets away
    single, shared = lab.hosts()[0], lab.hosts()[-1]
    for host in lab.hosts():
        source = {"live_migration": "fail"} if host == shared else {}
        lab.faults(host, finish_migration="fail", **source)
    async with site.open() as (client, processes):
        await site.grpc_manager(processes, "red", "live_migrate")
        await site.grpc_manager(processes, "blue", "migrate")
        session_id = await create(client, request(single, shared))
        assert await end_of(client, session_id) == FAILED
        failed = await at_rest(client, session_id)
        instance_id = broken_instance(failed)
        assert [server.id for server in lab.broken()] == [instance_id]
        assert lab.broken()[0].fault["message"] in reason_of(failed)
        for host in lab.hosts():
            lab.faults(host)
        lab.repair(instance_id)
        update = UpdateSessionRequest(session_id=session_id)
        await client.call(client.sessions.UpdateSession, update)
        assert await end_of(client, session_id) == DONE
        journal = await read(client, session_id)
    check_nova(site, before, journal, single, shared)
    problems = [step.ended.detail for step in Steps(failed).of(MOVE, FAILED_STEP)]
    assert any("live-migration ended as 'failed'" in problem for problem in problems)
    assert Steps(failed).of(MOVE, DONE_STEP)
    assert max(Counter(done(journal)).values()) == 1, "what was done is not repeated"
    assert [s.started.instance_id for s in Steps(journal).all].count(instance_id) == 1


async def test_a_destination_that_refuses_is_replaced(site: Site) -> None:
    lab, before = site.lab, servers(site.lab)
    first, last = lab.hosts()[0], lab.hosts()[-1]
    # the fullest of the hosts that stay, therefore the first to be named
    refusing = lab.hosts()[3]
    lab.faults(refusing, pre_live_migration="fail")
    async with site.open() as (client, processes):
        await site.grpc_manager(processes, "red", "live_migrate")
        await site.rest_manager(processes, "blue")
        session_id = await create(client, request(first, last))
        assert await end_of(client, session_id) == DONE
        journal = await read(client, session_id)
    check_nova(site, before, journal, first, last)
    steps = Steps(journal)
    refused = steps.of(MOVE, FAILED_STEP)
    assert refused
    for step in refused:
        assert step.started.target == refusing
        assert f"still on {step.started.host}" in step.ended.detail
        again = steps.next_of(step)
        assert again.started.host == step.started.host
        assert again.ended.outcome == DONE_STEP
        assert again.ended.host == again.started.target != refusing


async def at_rest(client: Client, session_id: str) -> list[SessionEvent]:
    """The journal of a failed session when its last step has ended."""
    async for _ in watch_session(client, session_id, backoff=PATIENT):
        journal = await read(client, session_id)
        if not Steps(journal).running:
            return journal
    raise AssertionError("the session ended")


def reason_of(journal: list[SessionEvent]) -> str:
    """Why the session stopped."""
    entered = [e.state_entered for e in journal if e.HasField("state_entered")]
    assert entered[-1].state == FAILED
    return str(entered[-1].reason)


def broken_instance(journal: list[SessionEvent]) -> str:
    """The instance that the reason names."""
    told = re.search(
        r"MIGRATE of instance (\S+) from \S+ to (\S+) failed: instance \1 is in ERROR on \2: .+;"
        r" repair it",
        reason_of(journal),
    )
    assert told, reason_of(journal)
    return told[1]


def done(journal: list[SessionEvent]) -> list[tuple[str, str, str]]:
    """What ended well: verb, host and instance (or number of the action)."""
    return [
        (
            StepVerb.Name(step.started.verb),
            step.started.host,
            step.started.instance_id or str(step.started.action_index),
        )
        for step in Steps(journal).all
        if step.ended.outcome == DONE_STEP
    ]
