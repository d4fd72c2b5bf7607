"""Identities give callers as the port promises."""

from __future__ import annotations

from fenix_grpc.identity import NoAuth
from fenix_grpc.ports import Identity, Role


async def test_without_authentication_everybody_may_do_everything() -> None:
    identity: Identity = NoAuth()
    caller = await identity.identify({}, "ipv4:127.0.0.1:1")
    assert caller.name == "anonymous"
    assert caller.roles == set(Role)
