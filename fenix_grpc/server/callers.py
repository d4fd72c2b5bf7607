"""How callers prove who they are, and what keeps their tokens from being read on the way."""

from __future__ import annotations

from contextlib import AsyncExitStack
from pathlib import Path

from fenix_grpc.access import Auth, Tls
from fenix_grpc.core.errors import InvalidRequest
from fenix_grpc.identity import CertificateNames, KnowsTokens, NoAuth, Several, StaticTokens
from fenix_grpc.ports import Caller, Clock, Identity, Role
from fenix_grpc.tls import ServerTls


def identity_of(auth: Auth, clock: Clock, stack: AsyncExitStack) -> Identity:
    """In the order of identity/several.py. Raises InvalidRequest."""
    if "none" in auth.kind:
        return NoAuth()
    tokens: list[KnowsTokens] = []
    if auth.static is not None:
        tokens.append(StaticTokens(Path(auth.static.file), clock))
    if "keystone" in auth.kind:
        try:
            from fenix_grpc.identity.keystone import open_keystone
        except ImportError as err:
            text = "openstacksdk is missing: pip install 'fenix-grpc[openstack]'"
            raise InvalidRequest("auth.kind", text) from err
        keystone = open_keystone(auth.keystone, clock)
        stack.push_async_callback(keystone.aclose)
        tokens.append(keystone)
    if "certificates" not in auth.kind:
        return Several(tokens)
    names = auth.certificates.names.items()
    callers = {
        name: Caller(name=name, roles=frozenset({Role(named.role)}), project_id=named.project)
        for name, named in names
    }
    return Several(tokens, CertificateNames(callers))


def tls_of(tls: Tls) -> ServerTls | None:
    """None for plain text."""
    if not tls.certificate:
        return None
    ca = Path(tls.client_ca) if tls.client_ca else None
    return ServerTls(Path(tls.certificate), Path(tls.key), ca)
