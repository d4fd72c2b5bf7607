"""OpenStack as a Cloud: the port's five verbs on top of the requests in nova.py."""

from __future__ import annotations

from asyncio import gather
from collections.abc import Mapping
from datetime import timedelta

from keystoneauth1.exceptions import MissingRequiredOptions
from openstack.config import OpenStackConfig
from openstack.connection import Connection
from openstack.exceptions import ConfigException

from fenix_grpc.clouds.openstack.evacuations import Evacuation
from fenix_grpc.clouds.openstack.inventory import COMPUTE, look
from fenix_grpc.clouds.openstack.moves import Move
from fenix_grpc.clouds.openstack.neutron import troubles
from fenix_grpc.clouds.openstack.nova import Nova, Service
from fenix_grpc.clouds.openstack.rest import Rest
from fenix_grpc.core.errors import CloudRefused, CloudUnavailable, InvalidRequest
from fenix_grpc.core.live import LiveRule
from fenix_grpc.core.model import InstanceAction, Inventory
from fenix_grpc.ports import Clock, MoveResult

#: Seconds for one call when clouds.yaml has no `api_timeout`: more than Nova itself waits for a dead nova-compute.
_API_TIMEOUT_S = 90.0
#: Seconds for Nova to tell Placement that a host is back: more than its own interval for doing so (nova:
#: update_resources_interval, 60 s).
_SETTLE_S = 90.0


class OpenStackCloud:
    """The Cloud port over Nova, Placement and Neutron, with the rights of an administrator. Use `connect`."""

    def __init__(self, rest: Rest, clock: Clock, *, poll_s: float, network_agents: bool) -> None:
        self._rest = rest
        self._network_agents = network_agents
        self._nova = Nova(rest)
        self._clock = clock
        self._poll = timedelta(seconds=poll_s)

    async def inventory(self) -> Inventory:
        """Computes and conductors' hosts, the servers of all projects, anti-affinity groups."""
        return await look(self._nova, self._troubles)

    async def _troubles(self) -> Mapping[str, str]:
        return await troubles(self._rest) if self._network_agents else {}

    async def disable_host(self, host: str, reason: str) -> None:
        """Disables the compute service. From then on the scheduler refuses the host, whatever Placement says: its
        ComputeFilter reads the service itself for every request, so there is nothing to wait for."""
        service = await self._compute_of(host)
        if service.enabled:
            await self._nova.disable(service, reason)
        elif service.disabled_reason != reason:
            raise CloudRefused(_taken(service))

    async def enable_host(self, host: str, reason: str) -> None:
        """Enables the compute service if `reason` is what it is disabled with. Returns when the scheduler sees it."""
        service = await self._compute_of(host)
        if not service.enabled:
            if service.disabled_reason != reason:
                raise CloudRefused(_taken(service))
            await self._nova.enable(service)
        await self._until_seen(host)

    async def remove_host(self, host: str, reason: str) -> None:
        """Deletes the compute service once it is stopped; Nova itself refuses that while instances are on it."""
        services = await self._nova.services(host=host, binary=COMPUTE)
        for service in services:
            if service.enabled:
                raise CloudRefused(f"host {host} is in service")
            if service.disabled_reason != reason:
                raise CloudRefused(_taken(service))
            if service.up:
                raise CloudRefused(f"{COMPUTE} runs on {host}: stop it, or it enters itself again")
            await self._nova.remove(service)

    async def move_instance(
        self,
        instance_id: str,
        how: InstanceAction,
        *,
        source: str,
        target: str = "",
        timeout_s: float,
        live: LiveRule | None = None,
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
            poll=self._poll,
            live=live,
        )
        return await move.run()

    async def evacuate_instance(
        self, instance_id: str, *, source: str, target: str = "", timeout_s: float
    ) -> MoveResult:
        """Evacuates. Nova refuses that as long as it takes the nova-compute of `source` for alive."""
        evacuation = Evacuation(
            self._nova,
            self._clock,
            instance_id=instance_id,
            source=source,
            target=target,
            timeout_s=timeout_s,
            poll=self._poll,
        )
        return await evacuation.run()

    async def aclose(self) -> None:
        """Ends the threads and closes the connections."""
        await self._rest.aclose()

    async def _until_seen(self, host: str) -> None:
        """Until Placement, which the scheduler asks before it looks at any service, shows the host again.

        Nova tells Placement in the same request, but only as well as it can: not when nova-compute seems to be down
        or something else changes the node in that moment. Then nova-compute itself does so some time later, and
        whatever is sent to the host before that finds "no valid host".
        """
        nodes = [node for node in await self._nova.nodes() if node.host == host]
        deadline = self._clock.now() + timedelta(seconds=_SETTLE_S)
        while any(await gather(*map(self._nova.avoided, nodes))):
            now = self._clock.now()
            if now >= deadline:
                raise CloudUnavailable(
                    f"host {host} is enabled, but after {_SETTLE_S:.0f} s Placement still has the scheduler avoid it:"
                    " see whether its nova-compute runs and reports"
                )
            await self._clock.sleep_until(min(now + self._poll, deadline))

    async def _compute_of(self, host: str) -> Service:
        services = await self._nova.services(host=host, binary=COMPUTE)
        if not services:
            raise CloudRefused(f"host {host} has no {COMPUTE} service in Nova")
        return services[0]


def connect(
    cloud: str = "",
    *,
    clock: Clock,
    concurrency: int = 8,
    poll_s: float = 1.0,
    network_agents: bool = True,
) -> OpenStackCloud:
    """The cloud named in clouds.yaml; without a name the one that OS_CLOUD or the other OS_* variables tell.

    Talks to nobody yet, so a cloud that is down is no error here. At most `concurrency` calls run at once; a move is
    looked at every `poll_s`. With `network_agents` a host whose agents of Neutron do not report is in
    trouble. Raises InvalidRequest when the configuration does not describe a cloud.
    """
    try:
        region = OpenStackConfig().get_one(cloud=cloud or None)
    except (ConfigException, MissingRequiredOptions) as err:
        raise InvalidRequest("cloud", f"{err}; check its entry in clouds.yaml, or OS_*") from err
    if not region.config.get("api_timeout"):
        region.config["api_timeout"] = _API_TIMEOUT_S
    connection = Connection(config=region, app_name="fenix")
    rest = Rest(connection, concurrency=concurrency)
    return OpenStackCloud(rest, clock, poll_s=poll_s, network_agents=network_agents)


def _taken(service: Service) -> str:
    by = repr(service.disabled_reason) if service.disabled_reason else "somebody who gave no reason"
    return f"host {service.host} is disabled by {by}, not by this session; it is left as it is"
