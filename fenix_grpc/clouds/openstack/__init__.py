"""The OpenStack driver: the Cloud port over Nova, Placement and Neutron. Needs the extra `openstack`.

rest.py is the door (threads, microversions, errors), nova.py and neutron.py the requests, inventory.py the look at
everything, moves.py the one loop and cloud.py the port.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

import msgspec

from fenix_grpc.clouds.openstack.cloud import OpenStackCloud, connect
from fenix_grpc.options import read_options
from fenix_grpc.ports import Clock

__all__ = ["OpenStackCloud", "connect", "create"]


class Options(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Options of the cloud `openstack`."""

    #: Name of its entry in clouds.yaml; empty leaves the choice to OS_CLOUD and the other OS_* variables.
    cloud: str = ""
    #: API calls that may run at once.
    concurrency: Annotated[int, msgspec.Meta(ge=1, le=64)] = 8
    #: Seconds between two looks at an instance that moves.
    poll_s: Annotated[float, msgspec.Meta(gt=0)] = 1.0
    #: A host whose agents of Neutron do not report is no place for instances.
    network_agents: bool = True


def create(options: Mapping[str, Any], clock: Clock) -> OpenStackCloud:
    """The cloud as configured."""
    chosen = read_options(options, Options, "options")
    return connect(
        chosen.cloud,
        clock=clock,
        concurrency=chosen.concurrency,
        poll_s=chosen.poll_s,
        network_agents=chosen.network_agents,
    )
