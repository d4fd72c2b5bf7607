"""`fenix openstack ...`: what is done once when fenix joins a cloud."""

from __future__ import annotations

from typing import Annotated

import typer

from fenix_grpc.cli.calls import Exit, fail
from fenix_grpc.cli.output import say

app = typer.Typer(name="openstack", help="What fenix needs in a cloud.", no_args_is_help=True)


@app.callback()
def _openstack() -> None:
    """Keeps `register` a command of its own."""


@app.command()
def register(
    public: Annotated[str, typer.Argument(metavar="URL", help="The REST API as clients reach it.")],
    internal: Annotated[str, typer.Option(help="Another URL for clients within the cloud.")] = "",
    admin: Annotated[str, typer.Option(help="Another URL for administrators.")] = "",
    region: Annotated[str, typer.Option(help="The region; by default that of clouds.yaml.")] = "",
    os_cloud: Annotated[
        str, typer.Option(envvar="OS_CLOUD", help="Name in clouds.yaml, with an administrator.")
    ] = "",
) -> None:
    """Puts the service `maintenance` and its endpoints into the catalogue. May be repeated at any time."""
    try:
        import openstack
        from keystoneauth1.exceptions import ClientException
        from openstack.exceptions import SDKException

        from fenix_grpc.identity.catalogue import register as put
    except ImportError:
        fail("openstacksdk is missing: pip install 'fenix-grpc[openstack]'", Exit.ERROR)
    urls = {"public": public, "internal": internal or public, "admin": admin or public}
    try:
        with openstack.connect(cloud=os_cloud or None) as cloud:
            changed = put(cloud, urls, region)
    except (SDKException, ClientException) as err:
        fail(f"the catalogue was not changed: {err}", Exit.ERROR)
    for line in changed or ["all of it was there already"]:
        say(line)
