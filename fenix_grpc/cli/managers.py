"""`fenix vnfm`: runs the sample VNFM on an application of the simulated cloud or of OpenStack."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from fenix_client import Client, Memory
from fenix_client.vnfm import Application, Vnfm

from fenix_grpc.cli.arguments import instance_action_of
from fenix_grpc.cli.calls import (
    DEFAULT_SERVER,
    CaOption,
    Exit,
    Problem,
    ProjectArgument,
    ServerOption,
    TokenOption,
    call,
)
from fenix_grpc.cli.words import word
from fenix_grpc.v1.types_pb2 import InstanceAction


def vnfm(
    project_id: ProjectArgument,
    simulated: Annotated[
        Path | None,
        typer.Option(metavar="STATE", help="The state file of a simulated cloud to manage it in."),
    ] = None,
    cloud_file: Annotated[
        Path | None, typer.Option(help="The simulated cloud's description; the demo's by default.")
    ] = None,
    os_cloud: Annotated[
        str,
        typer.Option(envvar="OS_CLOUD", help="Name in clouds.yaml, with the project's own rights."),
    ] = "",
    action: Annotated[
        list[str] | None,
        typer.Option(
            metavar="[NAME=]ACTION",
            help="migrate, live_migrate or own_action; for instances whose name matches NAME (db-*). Repeat it.",
        ),
    ] = None,
    memory: Annotated[
        Path | None, typer.Option(help="File by which a restart goes on where it ended.")
    ] = None,
    server: ServerOption = DEFAULT_SERVER,
    token: TokenOption = "",
    ca: CaOption = "",
) -> None:
    """Runs the sample VNFM for a project until it is interrupted: it answers every notice.

    With --os-cloud and --ca, and without a token, it shows the project's own token of Keystone.
    The code to copy is fenix_client/vnfm.py.
    """
    chosen = (instance_action_of(text, "--action") for text in action or [])
    actions = {name: word(InstanceAction, value) for name, value in chosen}
    # "*" matches everything, so it comes last
    actions = dict(sorted(actions.items(), key=lambda item: item[0] == "*"))
    facts = Memory(memory)

    async def work(client: Client) -> None:
        application = _application(project_id, simulated, cloud_file, os_cloud, facts)
        if ca and not client.token:  # never in plain text
            client.token = getattr(application, "token", "")
        await Vnfm(client, project_id, application, actions=actions, memory=facts).run()

    call(server, token, work, ca)


def _application(
    project_id: str, state: Path | None, cloud_file: Path | None, os_cloud: str, memory: Memory
) -> Application:
    if state is not None:
        from fenix_grpc.cli.simulated_application import open_application

        return open_application(project_id, state, cloud_file, memory)
    if not os_cloud:
        raise Problem(
            "say where the application runs: --simulated STATE or --os-cloud NAME", Exit.USAGE
        )
    try:
        from fenix_client.openstack import OpenStackApplication
    except ImportError as err:
        raise Problem("openstacksdk is missing: pip install 'fenix-grpc[openstack]'") from err
    return OpenStackApplication.of_cloud(os_cloud, memory=memory)
