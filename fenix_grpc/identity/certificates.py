"""Callers by the names in their certificates, which the door has verified against tls.client_ca."""

from __future__ import annotations

from collections.abc import Mapping

from fenix_grpc.core.errors import NotAuthenticated
from fenix_grpc.ports import Caller


class CertificateNames:
    """Callers by name of certificate."""

    def __init__(self, callers: Mapping[str, Caller]) -> None:
        self._callers = callers

    def caller_of(self, names: tuple[str, ...]) -> Caller:
        """The caller that one of the names stands for. Raises NotAuthenticated for none, or when they disagree."""
        found = {self._callers[name] for name in names if name in self._callers}
        if len(found) == 1:
            return found.pop()
        told = ", ".join(names)
        if found:
            raise NotAuthenticated(f"the names {told} of the certificate are different callers")
        raise NotAuthenticated(f"no name of the certificate is known here: {told}")
