"""Without authentication everybody may do everything."""

from __future__ import annotations

from fenix_grpc.identity import NoAuth
from fenix_grpc.ports import Identity, Peer, Role


async def test_without_authentication_everybody_may_do_everything() -> None:
    identity: Identity = NoAuth()
    caller = await identity.identify({}, Peer(address="ipv4:127.0.0.1:1"))
    assert caller.name == "anonymous"
    assert caller.roles == set(Role)
