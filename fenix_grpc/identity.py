"""Who callers are. `NoAuth` believes everybody: for one machine, demonstrations and tests."""

from __future__ import annotations

from collections.abc import Mapping

from fenix_grpc.ports import Caller, Role


class NoAuth:
    """Everybody is an administrator and speaks for any project (see `ports.Identity`)."""

    async def identify(self, metadata: Mapping[str, str], peer: str) -> Caller:
        """The same for everybody."""
        return Caller(name="anonymous", roles=frozenset(Role))
