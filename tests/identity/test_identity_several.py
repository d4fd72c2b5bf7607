"""Tokens before certificates, the file before Keystone, and no way around a wrong token."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from fenix_grpc.core.errors import IdentityUnavailable, NotAuthenticated
from fenix_grpc.identity import CertificateNames, Several
from fenix_grpc.identity.several import token_of
from fenix_grpc.ports import Caller, Peer, Role

OPS, RED = (
    Caller(name="ops", roles=frozenset({Role.ADMIN})),
    Caller(name="red", roles=frozenset({Role.PROJECT}), project_id="red"),
)
NAMES = CertificateNames({"ops.example": OPS, "red.example": RED, "ops": OPS})
PLAIN = Peer(address="ipv4:192.0.2.1:1")


class Listed:
    """Knows what it is told."""

    def __init__(self, callers: Mapping[str, Caller]) -> None:
        self.callers = callers
        self.asked: list[str] = []

    async def caller_of(self, token: str) -> Caller | None:
        self.asked.append(token)
        return self.callers.get(token)


class Away:
    async def caller_of(self, token: str) -> Caller | None:
        raise IdentityUnavailable("away")


async def test_the_first_that_knows_a_token_decides() -> None:
    one, other = Listed({"a": OPS}), Listed({"a": RED, "b": RED})
    identity = Several([one, other])
    assert await identity.identify({"x-auth-token": "a"}, PLAIN) == OPS
    assert await identity.identify({"authorization": "bearer b"}, PLAIN) == RED
    assert other.asked == ["b"]
    with pytest.raises(NotAuthenticated, match="not known here"):
        await identity.identify({"x-auth-token": "c"}, PLAIN)
    with pytest.raises(IdentityUnavailable):
        await Several([one, Away()]).identify({"x-auth-token": "c"}, PLAIN)


async def test_a_certificate_counts_when_there_is_no_token() -> None:
    identity = Several([Listed({"a": RED})], NAMES)
    peer = Peer(address="ipv4:192.0.2.1:1", names=("ops.example", "ops", "alias.example"))
    assert await identity.identify({}, peer) == OPS
    assert await identity.identify({"x-auth-token": "a"}, peer) == RED
    with pytest.raises(NotAuthenticated):
        await identity.identify({"x-auth-token": "wrong"}, peer)


@pytest.mark.parametrize(
    ("names", "told"),
    [
        (("alias.example",), "no name of the certificate is known here: alias.example"),
        (("ops.example", "red.example"), "are different callers"),
        ((), "say who you are: .*token.* or a client certificate"),
    ],
)
async def test_a_certificate_that_names_nobody_is_refused(
    names: tuple[str, ...], told: str
) -> None:
    with pytest.raises(NotAuthenticated, match=told):
        await Several([Listed({})], NAMES).identify({}, Peer(address="x", names=names))


@pytest.mark.parametrize(
    "metadata",
    [
        {"authorization": "Basic b3BzOnNlY3JldA=="},
        {"authorization": "b3BzOnNlY3JldA=="},
        {"x-auth-token": "b3BzOnNl cret"},
        {"x-auth-token": "b3BzOnNl" * 2000},
        {"x-auth-token": "b3BzOnNlé"},
    ],
)
def test_what_cannot_be_a_token_is_refused_without_repeating_it(
    metadata: Mapping[str, str],
) -> None:
    with pytest.raises(NotAuthenticated) as failure:
        token_of(metadata)
    assert "b3BzOnNl" not in str(failure.value)
    assert token_of({"authorization": ""}) == token_of({}) == ""
