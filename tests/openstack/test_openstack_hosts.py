"""Taking hosts from the scheduler and giving them back."""

from __future__ import annotations

import pytest

from fenix_grpc.clouds.openstack import OpenStackCloud
from fenix_grpc.core.errors import CloudRefused
from tests.openstack.cloud import Lab

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


async def test_disables_a_dead_host(lab: Lab, cloud: OpenStackCloud) -> None:
    host = lab.hosts()[0]
    lab.kill(host)

    await cloud.disable_host(host, OURS)
    assert as_nova_shows(lab, host) == ("disabled", OURS)
