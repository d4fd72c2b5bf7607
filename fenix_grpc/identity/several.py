"""Several ways to know callers, in one order.

A token decides if there is one, first by the file, then by Keystone; without a token the certificate does.

A token that nobody knows is refused also when the certificate is known: a gateway that passes tokens on has a
certificate of its own, which must not lend its rights to whoever comes with a wrong token.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Protocol

from fenix_grpc.core.errors import NotAuthenticated
from fenix_grpc.identity.certificates import CertificateNames
from fenix_grpc.ports import Caller, Peer

#: What a token may be made of; Keystone's longest are far shorter.
_TOKEN = re.compile(r"[\x21-\x7e]{1,8192}")


class KnowsTokens(Protocol):
    """Tells whose token it is."""

    async def caller_of(self, token: str) -> Caller | None:
        """None when it does not know. Raises NotAuthenticated when nobody else can, and IdentityUnavailable."""


class Several:
    """Knows callers by tokens and by certificates (see `ports.Identity`)."""

    def __init__(
        self, tokens: Sequence[KnowsTokens] = (), certificates: CertificateNames | None = None
    ) -> None:
        """`tokens` are asked in order."""
        self._tokens = tokens
        self._certificates = certificates

    async def identify(self, metadata: Mapping[str, str], peer: Peer) -> Caller:
        """See the port."""
        token = token_of(metadata)
        if token:
            for each in self._tokens:
                caller = await each.caller_of(token)
                if caller is not None:
                    return caller
            raise NotAuthenticated("the token is not known here, or no longer")
        if self._certificates is not None and peer.names:
            return self._certificates.caller_of(peer.names)
        raise NotAuthenticated(self._wanted())

    def _wanted(self) -> str:
        ways = ["a token (X-Auth-Token, or authorization: Bearer)"] if self._tokens else []
        ways += ["a client certificate"] if self._certificates is not None else []
        return f"say who you are: {' or '.join(ways)}"


def token_of(metadata: Mapping[str, str]) -> str:
    """The token of a call, empty for none. X-Auth-Token comes first. Raises NotAuthenticated for what cannot be one."""
    token = metadata.get("x-auth-token", "")
    if not token and (said := metadata.get("authorization", "")):
        scheme, _, token = said.partition(" ")
        if scheme.lower() != "bearer":
            raise NotAuthenticated("of authorization only the form `Bearer TOKEN` is understood")
        token = token.strip()
    if token and not _TOKEN.fullmatch(token):
        raise NotAuthenticated("the token has characters that no token has, or too many")
    return token
