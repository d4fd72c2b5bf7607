"""The index says nothing that the rest of the session does not say, at every moment of every story."""

import pytest

from fenix_grpc.core.capacity import groups_of
from fenix_grpc.core.evolve import evolve
from fenix_grpc.core.model import InstanceAction
from fenix_grpc.core.reindex import LEAVING, has_left
from fenix_grpc.core.session import Session
from tests.stories.scenarios import SCENARIOS
from tests.stories.vnf_scenarios import VNF_SCENARIOS
from tests.stories.world import a_world

STORIES = {**SCENARIOS, **{f"vnf: {name}": story for name, story in VNF_SCENARIOS.items()}}


def worked_out(session: Session) -> dict[str, object]:
    """What the index is to be, the slow way."""
    instances = session.instances.values()
    leaving = [ask for ask in session.asks.values() if ask.kind in LEAVING]
    members: dict[str, set[str]] = {}
    for instance in instances:
        for group_id in groups_of(session, instance):
            members.setdefault(group_id, set()).add(instance.instance_id)
    return {
        "members": members,
        "open_on": {
            (host, a.notice_id)
            for a in leaving
            if a.refused or not a.settled
            for host in a.hosts.values()
        },
        "leave_asks": {i: ask.notice_id for ask in leaving for i in ask.instance_ids},
        "departed": {i for i in session.agreed if has_left(session, i)},
        "acting": {
            i
            for i, agreed in session.agreed.items()
            if agreed.action is InstanceAction.OWN_ACTION and not agreed.done
        },
        "planned": session.plan and {(m.instance_id, m.source): m for m in session.plan.moves},
    }


def kept(session: Session) -> dict[str, object]:
    """What it is."""
    index = session.index
    return {
        "members": {group: set(ids) for group, ids in index.members.items() if ids},
        "open_on": {(host, n) for host, notices in index.open_on.items() for n in notices},
        "leave_asks": index.leave_asks,
        "departed": set(index.departed),
        "acting": set(index.acting),
        "planned": session.plan and index.planned,
    }


def asked_on(session: Session) -> bool:
    """Nobody counts as asked who was not."""
    return all(
        (ask := session.asks[session.index.leave_asks[i]]).hosts[i] == host
        and session.instances[i].host == host
        and ask.kind in LEAVING
        for host, ids in session.index.asked_on.items()
        for i in ids
    )


@pytest.mark.parametrize("name", STORIES)
async def test_the_index_is_what_can_be_worked_out(name):
    async with a_world(STORIES[name].cloud) as world:
        await STORIES[name].prepare(world)
        await world.run()
        session = None
        for entry in await world.journal.read("s1"):
            session = evolve(session, entry)
            assert kept(session) == worked_out(session), entry
            assert asked_on(session), entry
