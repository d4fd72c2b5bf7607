"""What one look at the cloud shows."""

from __future__ import annotations

from fenix_grpc.clouds.openstack import OpenStackCloud
from fenix_grpc.clouds.openstack.nova import Nova
from fenix_grpc.clouds.openstack.rest import Rest
from fenix_grpc.core.model import GroupView, HostKind, Resources
from tests.openstack.cloud import Lab

SMALL = Resources(vcpus=1, memory_mb=512, disk_gb=1)
MEDIUM = Resources(vcpus=2, memory_mb=2048, disk_gb=10)
HOST = Resources(vcpus=16, memory_mb=32768, disk_gb=400)


async def test_shows_empty_computes_and_the_controller(lab: Lab, cloud: OpenStackCloud) -> None:
    inventory = await cloud.inventory()

    computes = [view for view in inventory.hosts if view.kind is HostKind.COMPUTE]
    others = [view for view in inventory.hosts if view.kind is not HostKind.COMPUTE]
    assert [view.host for view in computes] == lab.hosts()
    assert all(view.enabled and view.up for view in computes)
    assert {view.capacity for view in computes} == {HOST}
    assert {view.used for view in computes} == {Resources()}
    assert [(view.host, view.kind) for view in others] == [("controller01", HostKind.CONTROLLER)]
    assert inventory.instances == inventory.groups == ()


async def test_shows_the_servers_of_all_projects(lab: Lab, cloud: OpenStackCloud) -> None:
    one, two = lab.project("one"), lab.project("two")
    group = lab.group(two, "apart", max_per_host=2)
    (web,) = lab.boot(one, "web", flavor="medium")
    db, standby = lab.boot(two, "db", count=2, group=group)
    lab.stop(standby.id)

    inventory = await cloud.inventory()

    seen = {view.instance_id: view for view in inventory.instances}
    assert seen.keys() == {web.id, db.id, standby.id}
    assert (seen[web.id].project_id, seen[db.id].project_id) == (one.project_id, two.project_id)
    assert (seen[web.id].instance_name, seen[web.id].host) == ("web", web.compute_host)
    assert (seen[web.id].size, seen[db.id].size) == (MEDIUM, SMALL)
    assert (seen[db.id].status, seen[standby.id].status) == ("ACTIVE", "SHUTOFF")
    assert (seen[web.id].groups, seen[db.id].groups) == ((), (group,))
    assert inventory.groups == (GroupView(group_id=group, group_name="apart", max_per_host=2),)
    used = sum((view.used for view in inventory.hosts), Resources())
    assert used == MEDIUM + SMALL + SMALL


async def test_reads_long_lists_page_by_page(lab: Lab) -> None:
    project = lab.project("one")
    servers = lab.boot(project, "many", count=3)
    groups = {lab.group(project, name) for name in ("a", "b", "c")}
    rest = Rest(lab.admin, concurrency=2)
    nova = Nova(rest, page=2)

    assert [node.host for node in sorted(await nova.nodes(), key=lambda n: n.host)] == lab.hosts()
    assert sorted(server.instance_id for server in await nova.servers()) == sorted(
        server.id for server in servers
    )
    assert {group.view.group_id for group in await nova.groups()} == groups
    await rest.aclose()


async def test_shows_a_dead_compute(lab: Lab, cloud: OpenStackCloud) -> None:
    host = lab.hosts()[0]
    lab.kill(host)
    lab.wait("Nova to notice", lambda: lab.service(host).state == "down")

    inventory = await cloud.inventory()

    assert {view.host for view in inventory.hosts if not view.up} == {host}
