"""Twelve computes and two applications that say what they demand: the vnf workflow, and the default one beside it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from fenix_client import Client
from openstack.compute.v2.server import Server

from fenix_grpc.api.parse import from_session_event
from fenix_grpc.checker import as_text, verify
from fenix_grpc.v1.constraint_service_pb2 import (
    SetGroupConstraintRequest,
    SetInstanceConstraintRequest,
)
from fenix_grpc.v1.events_pb2 import SessionEvent
from fenix_grpc.v1.types_pb2 import (
    GroupConstraint,
    InstanceAction,
    InstanceConstraint,
    StepOutcome,
    StepVerb,
)
from tests.openstack.cloud import Lab
from tests.openstack.poller import Poller, Promise
from tests.openstack.site import (
    DONE,
    MOVE,
    Figures,
    Site,
    Steps,
    check_nova,
    figures,
    request,
    servers,
)
from tests.processes.sessions import create, end_of, read, until

COMPUTES = 12
#: Group of blue's servers; no group of Nova's.
DB_GROUP = "5f1d0c0e-0000-4000-8000-000000000db0"
LIVE = InstanceAction.INSTANCE_ACTION_LIVE_MIGRATE
FAILED_STEP = StepOutcome.STEP_OUTCOME_FAILED
DISABLE, ENABLE = StepVerb.STEP_VERB_DISABLE_HOST, StepVerb.STEP_VERB_ENABLE_HOST
DONE_STEP = StepOutcome.STEP_OUTCOME_DONE


@pytest.fixture
def wide_lab(lab: Lab) -> Iterator[Lab]:
    """Twelve empty hosts; the six that were added are removed again."""
    lab.grow(COMPUTES)
    yield lab
    lab.wipe()
    lab.shrink()


class Applications:
    """Red with an anti-affinity group and blue without, always laid out alike."""

    def __init__(self, lab: Lab) -> None:
        red, blue, hosts = lab.project("red"), lab.project("blue"), lab.hosts()
        self.red, self.blue = red.project_id, blue.project_id
        self.group = lab.group(red, "ha")
        self.ha = lab.start_on(red, "ha", hosts[:4], group=self.group)
        self.workers = lab.start_on(red, "worker", hosts[3:8])
        self.db = lab.start_on(blue, "db", hosts[7:])
        lab.until_active([*self.ha, *self.workers, *self.db])

    @property
    def promises(self) -> list[Promise]:
        """What is registered with fenix, in the words of the poller."""
        return [
            Promise(name="ha", members=_ids(self.ha), per_host=1, budget=1),
            Promise(name="db", members=_ids(self.db), per_host=0, budget=2),
        ]

    async def register(self, client: Client) -> None:
        """Says what they demand."""
        ha = GroupConstraint(
            project_id=self.red,
            group_name="ha",
            anti_affinity_group=True,
            max_impacted_members=1,
            recovery_time=1,
        )
        db = GroupConstraint(project_id=self.blue, group_name="db", max_impacted_members=2)
        for group_id, constraint in ((self.group, ha), (DB_GROUP, db)):
            of_group = SetGroupConstraintRequest(group_id=group_id, constraint=constraint)
            await client.call(client.constraints.SetGroupConstraint, of_group)
        grouped = ((self.red, self.ha, self.group), (self.blue, self.db, DB_GROUP))
        for project_id, members, group_id in grouped:
            for server in members:
                demand = InstanceConstraint(
                    project_id=project_id,
                    group_id=group_id,
                    instance_name=server.name,
                    migration_types=[LIVE],
                    lead_time=20,
                )
                of_one = SetInstanceConstraintRequest(instance_id=server.id, constraint=demand)
                await client.call(client.constraints.SetInstanceConstraint, of_one)


def _ids(members: list[Server]) -> frozenset[str]:
    return frozenset(str(server.id) for server in members)


async def test_vnf_on_twelve_computes(wide_lab: Lab, tmp_path: Path) -> None:
    lab = wide_lab
    applications = Applications(lab)
    site, before = Site(lab, tmp_path), servers(lab)
    async with site.open() as (client, processes):
        await site.grpc_manager(processes, "red", "live_migrate")
        await site.rest_manager(processes, "blue")
        await applications.register(client)
        with Poller(lab, applications.promises) as poller:
            session_id = await create(client, request(workflow="vnf"))
            plan = (await until(client, session_id, planned)).plan_made
            refusing = plan.moves[0].target
            lab.faults(refusing, pre_live_migration="fail")
            await until(client, session_id, a_step_failed)
            lab.faults(refusing)
            assert await end_of(client, session_id) == DONE
        journal = await read(client, session_id)
    check_nova(site, before, journal)
    check_poller(poller, figures(journal))
    check_plans(lab, journal)
    check_refusal(journal, refusing)
    assert most_in_hand(journal) >= 2
    certificate = verify(map(from_session_event, journal))
    assert certificate.ok, as_text(certificate)
    print(f"\n{figures(journal)}")


def planned(event: SessionEvent) -> bool:
    return len(event.plan_made.moves) > 0


def a_step_failed(event: SessionEvent) -> bool:
    return event.step_ended.outcome == FAILED_STEP


def check_poller(poller: Poller, run: Figures) -> None:
    """Nothing promised was ever seen broken, and looks were never further apart than a usual move is long."""
    print(
        f"\n{poller.polls} polls at most {poller.longest_gap_s:.1f} s apart,"
        f" most out of service at once: {dict(poller.most_out)}"
    )
    assert not poller.problems
    assert not poller.broken
    assert poller.longest_gap_s < run.median_s
    # it did see what it was looking for
    assert poller.most_out["ha"] == 1


def check_plans(lab: Lab, journal: list[SessionEvent]) -> None:
    """Every move went where the plan of its moment says, and that is where Nova has the servers."""
    target_of: dict[tuple[str, str], str] = {}
    for event in journal:
        if event.HasField("plan_made"):
            target_of = {(m.instance_id, m.source): m.target for m in event.plan_made.moves}
        begun = event.step_started
        if begun.verb == MOVE:
            assert begun.target == target_of[begun.instance_id, begun.host]
    home: dict[str, str] = {}
    for step in Steps(journal).of(MOVE, DONE_STEP):
        assert step.ended.host == step.started.target
        home[step.started.instance_id] = step.ended.host
    assert home == {
        server.id: server.compute_host for server in lab.admin.compute.servers(all_projects=True)
    }


def check_refusal(journal: list[SessionEvent], refusing: str) -> None:
    """What was refused was planned anew, and went elsewhere."""
    steps = Steps(journal)
    refused = steps.of(MOVE, FAILED_STEP)
    assert refused
    for step in refused:
        assert step.started.target == refusing
        again = steps.next_of(step)
        assert again.ended.outcome == DONE_STEP
        assert again.ended.host != refusing
        between = (e for e in journal if step.ended_at <= e.at.ToDatetime() <= again.began_at)
        assert any(e.HasField("plan_made") for e in between)


def most_in_hand(journal: list[SessionEvent]) -> int:
    """The most hosts that were in hand at the same time: between being closed and being given back."""
    steps = Steps(journal)
    closed = {s.started.host: s.began_at for s in steps.of(DISABLE, DONE_STEP)}
    given_back = {s.started.host: s.ended_at for s in steps.of(ENABLE, DONE_STEP)}
    return max(
        sum(closed[host] <= at < given_back[host] for host in closed) for at in closed.values()
    )
