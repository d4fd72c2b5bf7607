"""Puts fenix into the catalogue of Keystone, where clients of OpenStack look for it.

v1 facts: the type of the service is `maintenance`.
"""

from __future__ import annotations

from collections.abc import Mapping

from openstack.connection import Connection
from openstack.exceptions import SDKException
from openstack.identity.v3._proxy import Proxy

SERVICE_TYPE, SERVICE_NAME = "maintenance", "fenix"


def register(cloud: Connection, urls: Mapping[str, str], region: str = "") -> list[str]:
    """Adds the service and an endpoint for each interface, or corrects what is there; says what was changed.

    `urls` is by interface (public, internal, admin). May be called again at any time. Raises the SDK's errors."""
    identity, changed = cloud.identity, []
    if not isinstance(identity, Proxy):
        raise SDKException("Keystone must offer its API in version 3")
    region_id = region or cloud.config.get_region_name("identity") or None
    service = next(iter(identity.services(type=SERVICE_TYPE)), None)
    if service is None:
        service = identity.create_service(
            type=SERVICE_TYPE, name=SERVICE_NAME, description="Rolling maintenance of hosts"
        )
        changed.append(f"service {SERVICE_TYPE} ({SERVICE_NAME}) was added")
    there = {
        endpoint.interface: endpoint
        for endpoint in identity.endpoints(service_id=service.id)
        if endpoint.region_id == region_id
    }
    for interface, url in urls.items():
        endpoint = there.get(interface)
        if endpoint is None:
            identity.create_endpoint(
                service_id=service.id, interface=interface, url=url, region_id=region_id
            )
            changed.append(f"endpoint {interface} {url} was added")
        elif endpoint.url != url:
            identity.update_endpoint(endpoint, url=url)
            changed.append(f"endpoint {interface} was {endpoint.url}, and is {url} now")
    return changed
