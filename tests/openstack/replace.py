"""What a sample runs for OWN_ACTION on OpenStack: boots another server like this one, then deletes this one."""

from __future__ import annotations

import asyncio
import os
import sys

from fenix_client.openstack import OpenStackApplication


async def replace(clouds_yaml: str, project: str, instance_id: str) -> None:
    os.environ["OS_CLIENT_CONFIG_FILE"] = clouds_yaml
    application = OpenStackApplication.of_cloud(project)
    if instance_id in await application.instances():
        await application.replace(instance_id)


if __name__ == "__main__":
    asyncio.run(replace(*sys.argv[1:]))
