"""OpenStack as a Cloud: the port's five verbs on top of the requests in nova.py."""

from __future__ import annotations

from keystoneauth1.exceptions import MissingRequiredOptions
from openstack.config import OpenStackConfig
from openstack.connection import Connection
from openstack.exceptions import ConfigException

from fenix_grpc.clouds.openstack.inventory import COMPUTE, look
from fenix_grpc.clouds.openstack.moves import Move
from fenix_grpc.clouds.openstack.nova import Nova, Service
from fenix_grpc.clouds.openstack.rest import Rest
from fenix_grpc.core.errors import CloudRefused, InvalidRequest
from fenix_grpc.core.model import InstanceAction, Inventory
from fenix_grpc.ports import Clock, MoveResult

#: Seconds for one call when clouds.yaml has no `api_timeout`: more than Nova itself waits for a dead nova-compute.
_API_TIMEOUT_S = 90.0


class OpenStackCloud:
    """The Cloud port over Nova and Placement, with the rights of an administrator. Use `connect`."""

    def __init__(self, rest: Rest, clock: Clock, *, poll_s: float) -> None:
        self._rest = rest
        self._nova = Nova(rest)
        self._clock = clock
        self._poll_s = poll_s

    async def inventory(self) -> Inventory:
        """Computes and conductors' hosts, the servers of all projects, anti-affinity groups."""
        return await look(self._nova)

    async def disable_host(self, host: str, reason: str) -> None:
        """Disables the compute service."""
        service = await self._compute_of(host)
        if service.enabled:
            await self._nova.disable(service, reason)
        elif service.disabled_reason != reason:
            raise CloudRefused(_taken(service))

    async def enable_host(self, host: str, reason: str) -> None:
        """Enables the compute service if `reason` is what it is disabled with."""
        service = await self._compute_of(host)
        if service.enabled:
            return
        if service.disabled_reason != reason:
            raise CloudRefused(_taken(service))
        await self._nova.enable(service)

    async def move_instance(
        self,
        instance_id: str,
        how: InstanceAction,
        *,
        source: str,
        target: str = "",
        timeout_s: float,
    ) -> MoveResult:
        """Migrates live, or cold and confirms. A server that is not running is always moved cold."""
        move = Move(
            self._nova,
            self._clock,
            instance_id=instance_id,
            how=how,
            source=source,
            target=target,
            timeout_s=timeout_s,
            poll_s=self._poll_s,
        )
        return await move.run()

    async def aclose(self) -> None:
        """Ends the threads and closes the connections."""
        await self._rest.aclose()

    async def _compute_of(self, host: str) -> Service:
        services = await self._nova.services(host=host, binary=COMPUTE)
        if not services:
            raise CloudRefused(f"host {host} has no {COMPUTE} service in Nova")
        return services[0]


def connect(
    cloud: str = "", *, clock: Clock, concurrency: int = 8, poll_s: float = 1.0
) -> OpenStackCloud:
    """The cloud named in clouds.yaml; without a name the one that OS_CLOUD or the other OS_* variables tell.

    Talks to nobody yet, so a cloud that is down is no error here. At most `concurrency` calls run at once; a move is
    looked at every `poll_s`. Raises InvalidRequest when the configuration does not describe a cloud.
    """
    try:
        region = OpenStackConfig().get_one(cloud=cloud or None)
    except (ConfigException, MissingRequiredOptions) as err:
        raise InvalidRequest("cloud", f"{err}; check its entry in clouds.yaml, or OS_*") from err
    if not region.config.get("api_timeout"):
        region.config["api_timeout"] = _API_TIMEOUT_S
    connection = Connection(config=region, app_name="fenix")
    return OpenStackCloud(Rest(connection, concurrency=concurrency), clock, poll_s=poll_s)


def _taken(service: Service) -> str:
    by = repr(service.disabled_reason) if service.disabled_reason else "somebody who gave no reason"
    return f"host {service.host} is disabled by {by}, not by this session; it is left as it is"
