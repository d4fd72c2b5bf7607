"""What may be written in the file of a simulated cloud, and what is said about mistakes."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from fenix_grpc.clock import VirtualClock
from fenix_grpc.clouds.simulated import DEMO, SimulatedCloud, create, load, parse
from fenix_grpc.core.errors import InvalidRequest
from fenix_grpc.core.model import HostKind, Resources
from tests.clouds.lab import FLAVOR, a_cloud, hosts, project, vms

MISTAKES = {
    "no TOML": ("hosts = [", "cloud"),
    "no hosts": ("seed = 1", "cloud"),
    "unknown word": ("hosts = []\ncolour = 'blue'", "cloud"),
    "unknown word below": (hosts(more="colour = 'blue'"), "cloud.hosts[0]"),
    "wrong type": (hosts(vcpus=0).replace("= 0", "= 'many'"), "cloud.hosts[0].vcpus"),
    "negative": (hosts(vcpus=-1), "cloud.hosts[0].vcpus"),
    "unknown kind": (hosts(more="kind = 'TOASTER'"), "cloud.hosts[0].kind"),
    "same name": (hosts(2, name="h"), "cloud.hosts[0].name"),
    "same name in two entries": (hosts(1) + hosts(1), "cloud.hosts[1].name"),
    "wrong braces": (hosts(2, name="h{m}"), "cloud.hosts[0].name"),
    "open brace": (hosts(2, name="h{"), "cloud.hosts[0].name"),
    "same project": (hosts() + project("") + project(""), "cloud.projects[1].id"),
    "same group": (
        hosts() + project("", groups='{name = "g"}, {name = "g"}'),
        "cloud.projects[0].groups[1].name",
    ),
    "same instance": (
        hosts() + project(f"{vms(1)}, {vms(1)}"),
        "cloud.projects[0].instances[1].name",
    ),
    "unknown flavor": (
        hosts() + project('{name = "a", flavor = "huge"}'),
        "cloud.projects[0].instances[0].flavor",
    ),
    "unknown group": (
        hosts() + project(vms(1, more=', group = "g"')),
        "cloud.projects[0].instances[0].group",
    ),
    "unknown host": (
        hosts() + project(vms(1, on="nowhere")),
        "cloud.projects[0].instances[0].hosts",
    ),
    "unknown fault": (
        hosts() + "[[faults]]\neffect = 'explode'",
        "cloud.faults[0].effect",
    ),
    "fault of an unknown host": (
        hosts() + "[[faults]]\neffect = 'refuse'\ntarget = 'nowhere'",
        "cloud.faults[0].target",
    ),
    "failing what is no move": (
        hosts() + "[[faults]]\neffect = 'fail'\noperation = 'boot'",
        "cloud.faults[0].effect",
    ),
    "jitter of everything": (hosts() + "[durations]\njitter = 1.0", "cloud.durations.jitter"),
}


@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_mistake_is_named_by_its_place(mistake: str) -> None:
    text, place = MISTAKES[mistake]
    with pytest.raises(InvalidRequest) as caught:
        parse(f"{text}\n{FLAVOR}")
    assert caught.value.field == place, str(caught.value)


def test_a_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    with pytest.raises(InvalidRequest, match=r"missing\.toml"):
        load(tmp_path / "missing.toml")


@pytest.mark.parametrize(
    ("entry", "why"),
    [
        (vms(13), "no valid host"),
        (vms(5, on="h1"), "free are 0 vCPU"),
        (vms(4, more=', group = "g"'), "its group g"),
    ],
)
async def test_instances_that_do_not_fit_are_named(entry: str, why: str) -> None:
    with pytest.raises(InvalidRequest, match=why) as caught:
        a_cloud(hosts(3), project(f"{vms(1, name='first')}, {entry}", groups='{name = "g"}'))
    assert caught.value.field == "cloud.projects[0].instances[1]"


async def test_instances_may_be_on_hosts_that_are_out_of_service() -> None:
    cloud = a_cloud(
        hosts(1, name="broken", more="up = false\ndisabled_reason = 'fan'"),
        project(vms(1, on="broken", more=', status = "SHUTOFF"')),
    )
    inventory = await cloud.inventory()
    (host,), (instance,) = inventory.hosts, inventory.instances
    assert (host.enabled, host.disabled_reason, host.up) == (False, "fan", False)
    assert (instance.host, instance.status) == ("broken", "SHUTOFF")


async def test_numbers_may_be_padded() -> None:
    inventory = await a_cloud(hosts(2, name="h-{n:03}")).inventory()
    assert [host.host for host in inventory.hosts] == ["h-001", "h-002"]


async def test_the_demo_needs_a_scale_in_before_any_host_can_be_emptied() -> None:
    inventory = await SimulatedCloud.open(DEMO, clock=VirtualClock()).inventory()
    computes = [host for host in inventory.hosts if host.kind is HostKind.COMPUTE]
    assert (len(inventory.hosts), len(computes), len(inventory.instances)) == (10, 9, 40)
    assert {view.project_id for view in inventory.instances} == {
        "vnf-grpc",
        "vnf-rest",
        "unmanaged",
    }
    free = sum((host.capacity - host.used for host in computes), Resources())
    for host in computes:
        assert not host.used.fits(free - (host.capacity - host.used)), host


async def test_options_choose_file_and_state(tmp_path: Path) -> None:
    state = tmp_path / "cloud.sqlite"
    await create({"file": str(DEMO), "state": str(state)}, VirtualClock()).aclose()
    assert state.exists()
    with pytest.raises(InvalidRequest) as caught:
        create({"flie": "x"}, VirtualClock())
    assert "flie" in str(caught.value)


async def test_a_state_from_before_hosts_could_be_in_trouble_is_brought_up_to_date(
    tmp_path: Path,
) -> None:
    options = {"file": str(DEMO), "state": str(tmp_path / "cloud.sqlite")}
    await create(options, VirtualClock()).aclose()
    with closing(sqlite3.connect(options["state"])) as state:
        state.execute("ALTER TABLE host DROP COLUMN trouble")
    for trouble in ("", "no network"):
        cloud = create(options, VirtualClock())
        (host,) = [each for each in (await cloud.inventory()).hosts if each.host == "compute-1"]
        assert host.trouble == trouble
        await cloud.set_trouble(host.host, "no network")
        await cloud.aclose()
