"""Constraints on their way into a session that is carried out."""

from __future__ import annotations

from collections.abc import Collection
from datetime import UTC, datetime

from fenix_grpc.core.constraints import ConstraintSet, GroupConstraint, InstanceConstraint
from fenix_grpc.core.events import WorldObserved
from fenix_grpc.core.model import InstanceView, Inventory, SessionState
from fenix_grpc.engine.demands import Demands
from fenix_grpc.engine.runner import Runner
from fenix_grpc.others import Others
from fenix_grpc.ports import ConstraintKind
from fenix_grpc.store import SqlConstraints, SqlJournal
from fenix_grpc.workflows.default import WORKFLOW
from tests.stories.scenarios import HOSTS, hosts, project
from tests.stories.world import SESSION, World, a_world

AT = datetime(2030, 1, 1, tzinfo=UTC)
RED = Inventory(instances=(InstanceView(instance_id="i1", project_id="red", host="c1"),))
BOTH = Inventory(
    instances=(*RED.instances, InstanceView(instance_id="i2", project_id="blue", host="c1"))
)


class Counted(SqlConstraints):
    """Counts how often everything is read."""

    reads = 0

    async def all_for(self, projects: Collection[str]) -> ConstraintSet:
        self.reads += 1
        return await super().all_for(projects)


async def test_constraints_are_read_again_only_when_something_has_changed() -> None:
    journal = await SqlJournal.open("sqlite://")
    store = Counted(journal)
    demands = Demands(store)
    one = InstanceConstraint(instance_id="i1", project_id="red")
    assert await demands.of(RED) == await demands.of(RED) == ConstraintSet()
    assert store.reads == 1
    await store.put_instance(one, at=AT)
    for _ in range(3):
        assert (await demands.of(RED)).instances == (one,)
    assert store.reads == 2
    await demands.of(BOTH)
    assert store.reads == 3
    await store.delete(ConstraintKind.INSTANCE, "i1", at=AT)
    assert await demands.of(BOTH) == ConstraintSet()
    await journal.aclose()


async def test_a_session_knows_what_the_projects_on_its_cloud_demand() -> None:
    cloud = HOSTS + hosts(3) + project("red", 2, on=("c1",)) + project("blue", 1, on=("c2",))
    async with a_world(cloud) as world:
        assert isinstance(world.journal, SqlJournal)
        store = SqlConstraints(world.journal)
        mine = [i for i in (await world.cloud.inventory()).instances if i.project_id == "red"]
        demand = InstanceConstraint(instance_id=mine[0].instance_id, project_id="red", lead_time=40)
        foreign = InstanceConstraint(instance_id=mine[1].instance_id, project_id="blue")
        group = GroupConstraint(group_id="g1", project_id="red")
        stranger = GroupConstraint(group_id="g2", project_id="nobody-here")
        for constraint in (demand, foreign):
            await store.put_instance(constraint, at=AT)
        for each in (group, stranger):
            await store.put_group(each, at=AT)
        await world.create()
        await _carry(world, store)
        session = await world.session()
        assert session.state is SessionState.MAINTENANCE_DONE
        assert session.instance_constraints == {demand.instance_id: demand}
        assert session.group_constraints == {"g1": group}
        told = [
            entry
            for entry in await world.journal.read(SESSION)
            if isinstance(entry.event, WorldObserved) and entry.event.group_constraints
        ]
        assert len(told) == 1, "what does not change is told once"


async def _carry(world: World, store: SqlConstraints) -> None:
    runner = Runner(
        SESSION,
        journal=world.journal,
        performer=world.performer,
        workflow=WORKFLOW,
        listening=world.listening,
        others=Others(world.journal),
        constraints=store,
    )
    await runner.run(await world.journal.read(SESSION))
