"""Tests against the real OpenStack of tests/devcloud. They run only when this directory is asked for by its path."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
from keystoneauth1.exceptions import ClientException
from openstack.exceptions import SDKException

from fenix_grpc.clock import SystemClock
from fenix_grpc.clouds.openstack import OpenStackCloud, connect
from tests.openstack.cloud import ADMIN, Lab, Project
from tests.openstack.site import Site

HERE = Path(__file__).parent
NOT_UP = """
The cloud is not up: {problem}
  start it:  TELEMETRY=1 tests/devcloud/up.sh   (some minutes the first time; again when a part of it has died)
  look:      tests/devcloud/ctl.sh ps
"""


def pytest_configure(config: pytest.Config) -> None:
    # openstacksdk announces changes of its own future while it does what it is documented to do.
    config.addinivalue_line("filterwarnings", "ignore::PendingDeprecationWarning")


def pytest_ignore_collect(config: pytest.Config) -> bool | None:
    asked = (config.invocation_params.dir / arg.partition("::")[0] for arg in config.args)
    return None if any(path.resolve().is_relative_to(HERE) for path in asked) else True


@pytest.fixture(scope="session")
def whole_lab() -> Iterator[Lab]:
    try:
        lab = Lab()
        lab.raze()
        lab.shrink()
    except BlockingIOError:
        pytest.exit("Another test run uses this cloud: wait for its end.", returncode=1)
    except (OSError, SDKException, ClientException) as err:
        pytest.exit(NOT_UP.format(problem=err), returncode=1)
    yield lab
    lab.close()


@pytest.fixture
def lab(whole_lab: Lab) -> Iterator[Lab]:
    """Six empty hosts, wiped again afterwards."""
    yield whole_lab
    whole_lab.wipe()


@pytest.fixture
def project(lab: Lab) -> Project:
    return lab.project("tenant")


@pytest.fixture
async def cloud(whole_lab: Lab, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[OpenStackCloud]:
    """The driver, configured as an operator would."""
    monkeypatch.setenv("OS_CLIENT_CONFIG_FILE", str(whole_lab.clouds_yaml))
    cloud = connect(ADMIN, clock=SystemClock())
    yield cloud
    await cloud.aclose()


@pytest.fixture
def site(lab: Lab, tmp_path: Path) -> Site:
    """Two projects on six hosts: red with an anti-affinity group and some workers, blue with databases.

    Three hosts have one server of red, three have one of each.
    """
    red, blue, hosts = lab.project("red"), lab.project("blue"), lab.hosts()
    ha = lab.start_on(red, "ha", hosts[:3], group=lab.group(red, "ha"))
    workers = lab.start_on(red, "worker", hosts[3:])
    lab.until_active([*ha, *workers, *lab.start_on(blue, "db", hosts[3:])])
    return Site(lab, tmp_path)
