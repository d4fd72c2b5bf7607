"""Taking hosts from the scheduler and giving them back."""

from __future__ import annotations

import asyncio

import pytest

from fenix_grpc.clock import ScaledClock, SystemClock
from fenix_grpc.clouds.openstack import OpenStackCloud, connect, neutron
from fenix_grpc.clouds.openstack.rest import Rest
from fenix_grpc.core.errors import CloudRefused, CloudUnavailable
from fenix_grpc.core.model import InstanceAction
from tests.openstack.cloud import ADMIN, Lab, Project

OURS = "fenix session 1"


def as_nova_shows(lab: Lab, host: str) -> tuple[str, str | None]:
    service = lab.service(host)
    return service.status, service.disabled_reason


async def test_disables_and_enables_as_often_as_asked(lab: Lab, cloud: OpenStackCloud) -> None:
    host = lab.hosts()[0]

    for _ in range(2):
        await cloud.disable_host(host, OURS)
        assert as_nova_shows(lab, host) == ("disabled", OURS)
    for _ in range(2):
        await cloud.enable_host(host, OURS)
        assert as_nova_shows(lab, host) == ("enabled", None)


@pytest.mark.parametrize("theirs", ["broken fan, Ann", "fenix session 2", None])
async def test_leaves_alone_what_somebody_else_disabled(
    lab: Lab, cloud: OpenStackCloud, theirs: str | None
) -> None:
    host = lab.hosts()[0]
    lab.disable(host, theirs)

    for verb in (cloud.disable_host, cloud.enable_host):
        with pytest.raises(CloudRefused, match=theirs or "gave no reason"):
            await verb(host, OURS)
    assert as_nova_shows(lab, host) == ("disabled", theirs)


@pytest.mark.parametrize("host", ["controller01", "nowhere"])
async def test_refuses_hosts_that_run_no_instances(
    lab: Lab, cloud: OpenStackCloud, host: str
) -> None:
    for verb in (cloud.disable_host, cloud.enable_host):
        with pytest.raises(CloudRefused, match=f"host {host} has no nova-compute"):
            await verb(host, OURS)


async def test_shows_which_hosts_have_no_network(lab: Lab, cloud: OpenStackCloud) -> None:
    """An agent that is switched off by an administrator is not missed; the driver can be told not to ask."""
    host = lab.hosts()[0]

    async def troubles() -> dict[str, str]:
        return {view.host: view.trouble for view in (await cloud.inventory()).hosts if view.trouble}

    assert await troubles() == {}
    assert len(lab.hosts()) > 1, "or one page would do"
    lab.silence(host)
    try:
        silent = {host: "of Neutron, Open vSwitch agent does not report"}
        assert await troubles() == silent
        assert await neutron.troubles(Rest(lab.admin, concurrency=1), page=1) == silent
        (agent,) = lab.admin.network.agents(host=host)
        lab.admin.network.update_agent(agent, is_admin_state_up=False)
        assert await troubles() == {}
        lab.admin.network.update_agent(agent, is_admin_state_up=True)
        assert await troubles() == silent
        careless = connect(ADMIN, clock=SystemClock(), network_agents=False)
        assert not any(view.trouble for view in (await careless.inventory()).hosts)
        await careless.aclose()
    finally:
        lab.heed(host)
    assert await troubles() == {}


async def test_disables_a_dead_host(lab: Lab, cloud: OpenStackCloud) -> None:
    host = lab.hosts()[0]
    lab.kill(host)

    await cloud.disable_host(host, OURS)
    assert as_nova_shows(lab, host) == ("disabled", OURS)


async def test_gives_a_host_back_when_the_scheduler_sees_it(
    lab: Lab, project: Project, cloud: OpenStackCloud
) -> None:
    host = lab.hosts()[0]
    await cloud.disable_host(host, OURS)
    lab.force_down(host, True)  # for Nova no reason to refuse, but to keep the news from Placement

    def back() -> None:
        lab.wait("Nova to enable it", lambda: lab.service(host).status == "enabled")
        lab.force_down(host, False)

    await asyncio.gather(cloud.enable_host(host, OURS), asyncio.to_thread(back))

    assert lab.avoided() == []
    (server,) = lab.boot(project, "web", host=host)
    assert server.compute_host == host


async def test_tells_of_a_host_that_the_scheduler_never_sees(
    lab: Lab, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OS_CLIENT_CONFIG_FILE", str(lab.clouds_yaml))
    host = lab.hosts()[0]
    lab.kill(host)  # nobody is left to correct Placement
    lab.avoid(host, True)
    hasty = connect(ADMIN, clock=ScaledClock(60), poll_s=30)

    with pytest.raises(CloudUnavailable, match=f"{host} is enabled, but .* nova-compute runs"):
        await hasty.enable_host(host, OURS)
    await hasty.aclose()


async def test_a_disabled_host_is_closed_whatever_placement_says(
    lab: Lab, project: Project, cloud: OpenStackCloud
) -> None:
    (server,) = lab.boot(project, "web")
    source, target = server.compute_host, lab.other_host(server.compute_host)
    await cloud.disable_host(target, OURS)
    lab.avoid(target, False)

    with pytest.raises(CloudRefused, match="No valid host"):
        await cloud.move_instance(
            server.id, InstanceAction.LIVE_MIGRATE, source=source, target=target, timeout_s=90
        )
