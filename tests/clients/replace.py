"""What a sample runs for OWN_ACTION: boots another instance in the simulated cloud, then deletes this one."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

from fenix_client import Memory

from fenix_grpc.cli.simulated_application import open_application


async def replace(cloud_file: str, state: str, project_id: str, instance_id: str) -> None:
    application = open_application(project_id, Path(state), Path(cloud_file), Memory())
    if instance_id in await application.instances():
        await application.replace(instance_id)


if __name__ == "__main__":
    asyncio.run(replace(*sys.argv[1:]))
