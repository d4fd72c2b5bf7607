"""`NoAuth` believes everybody: for one machine, demonstrations and tests."""

from __future__ import annotations

from collections.abc import Mapping

from fenix_grpc.ports import Caller, Peer, Role


class NoAuth:
    """Everybody is an administrator and speaks for any project (see `ports.Identity`)."""

    async def identify(self, metadata: Mapping[str, str], peer: Peer) -> Caller:
        """The same for everybody."""
        return Caller(name="anonymous", roles=frozenset(Role))
