"""Tokens of Keystone: what its answers mean, how long they are believed, and what happens when there are none."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from fenix_grpc.access import Keystone
from fenix_grpc.clock import VirtualClock
from fenix_grpc.core.errors import IdentityUnavailable, InvalidRequest, NotAuthenticated
from fenix_grpc.identity.keystone import KeystoneTokens, caller_of, open_keystone
from fenix_grpc.ports import Caller, Role
from tests.identity.keystone import FakeKeystone, a_keystone

# openstacksdk announces changes of its own future while it does what it is documented to do.
pytestmark = pytest.mark.filterwarnings("ignore::PendingDeprecationWarning")

OPTIONS = Keystone(cloud="fenix", timeout_s=5)


@pytest.fixture
def keystone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeKeystone]:
    with a_keystone() as server:
        file = server.clouds_yaml(tmp_path / "clouds.yaml")
        monkeypatch.setenv("OS_CLIENT_CONFIG_FILE", str(file))
        monkeypatch.setenv("NO_PROXY", "127.0.0.1")
        monkeypatch.delenv("OS_CLOUD", raising=False)
        yield server


@pytest.fixture
def clock() -> VirtualClock:
    return VirtualClock()


@pytest.fixture
async def tokens(keystone: FakeKeystone, clock: VirtualClock) -> AsyncIterator[KeystoneTokens]:
    opened = open_keystone(OPTIONS, clock)
    yield opened
    await opened.aclose()


async def later(clock: VirtualClock, seconds: float) -> None:
    await clock.sleep_until(clock.now() + timedelta(seconds=seconds))


def says(*roles: str, **more: Any) -> dict[str, Any]:
    named = [{"id": name, "name": name} for name in roles]
    domain = {"id": "d", "name": "Default"}
    return {"user": {"id": "u", "name": "alice", "domain": domain}, "roles": named, **more}


PROJECT = {"project": {"id": "p1", "name": "red"}}
SYSTEM = {"system": {"all": True}}
DOMAIN = {"domain": {"id": "d"}}


@pytest.mark.parametrize(
    ("said", "roles", "project"),
    [
        (says("admin", "member", "reader", **PROJECT), {Role.ADMIN, Role.PROJECT}, "p1"),
        (says("Admin", **SYSTEM), {Role.ADMIN}, ""),
        (says("admin", **DOMAIN), set(), ""),
        (says("admin"), set(), ""),
        # Every member of every project has the role reader: it must not show them the cloud.
        (says("member", "reader", **PROJECT), {Role.PROJECT}, "p1"),
        (says("reader", **PROJECT), set(), "p1"),
        (says("reader", **SYSTEM), {Role.READER}, ""),
        (says("service", **PROJECT), {Role.READER}, "p1"),
        (says("member", **SYSTEM), set(), ""),
        (says(**PROJECT), set(), "p1"),
    ],
)
def test_roles_and_project_are_those_of_the_token(
    said: dict[str, Any], roles: set[Role], project: str
) -> None:
    expected = Caller(name="alice@Default", roles=frozenset(roles), project_id=project)
    assert caller_of(said, OPTIONS) == expected


def test_names_of_roles_are_the_operators() -> None:
    options = Keystone(admin_roles=("fenix_admin",), project_roles=("vnfm",))
    assert caller_of(says("admin", "member", **PROJECT), options).roles == set()
    both = caller_of(says("FENIX_admin", "vnfm", **PROJECT), options)
    assert both.roles == {Role.ADMIN, Role.PROJECT}


async def test_a_token_is_believed_for_a_while(
    tokens: KeystoneTokens, keystone: FakeKeystone, clock: VirtualClock
) -> None:
    keystone.grant("t1", "member")
    caller = await tokens.caller_of("t1")
    assert caller is not None
    assert (caller.name, caller.project_id, caller.roles) == (
        "alice@Default",
        "p1",
        {Role.PROJECT},
    )
    del keystone.tokens["t1"]  # revoked
    assert await tokens.caller_of("t1") == caller
    assert keystone.asked == ["t1"]
    await later(clock, OPTIONS.cache_s + 1)
    assert await tokens.caller_of("t1") is None
    keystone.grant("t1", "member")
    assert await tokens.caller_of("t1") is None
    assert len(keystone.asked) == 2
    await later(clock, OPTIONS.refused_s + 1)
    assert (await tokens.caller_of("t1")) is not None


async def test_a_token_expires_also_while_it_is_believed(
    tokens: KeystoneTokens, keystone: FakeKeystone, clock: VirtualClock
) -> None:
    soon = clock.now() + timedelta(seconds=10)
    keystone.grant("t1", "member", expires_at=f"{soon:%Y-%m-%dT%H:%M:%S.%fZ}")
    assert await tokens.caller_of("t1")
    await later(clock, 11)
    with pytest.raises(NotAuthenticated, match="has expired"):
        await tokens.caller_of("t1")
    assert keystone.asked == ["t1"]


async def test_many_calls_with_one_token_are_one_question(
    tokens: KeystoneTokens, keystone: FakeKeystone
) -> None:
    keystone.grant("t1", "member")
    keystone.answers.clear()
    async with asyncio.TaskGroup() as group:
        calls = [group.create_task(tokens.caller_of("t1")) for _ in range(50)]
        gone = group.create_task(tokens.caller_of("t1"))
        while not keystone.asked:
            await asyncio.wait(calls, timeout=0.01)
        gone.cancel()  # whoever goes away takes the answer from nobody
        keystone.answers.set()
    assert {call.result() for call in calls} == {calls[0].result()}
    assert calls[0].result() is not None
    assert keystone.asked == ["t1"]


@pytest.mark.parametrize("status", [401, 403, 404, 500, 503])
async def test_keystone_that_does_not_tell_is_not_a_wrong_token(
    tokens: KeystoneTokens,
    keystone: FakeKeystone,
    clock: VirtualClock,
    status: int,
    caplog: pytest.LogCaptureFixture,
) -> None:
    keystone.grant("known", "admin")
    assert await tokens.caller_of("known")
    keystone.fails = status
    with pytest.raises(IdentityUnavailable, match="try again"):
        await tokens.caller_of("secret-token")
    assert await tokens.caller_of("known"), "those who are known get in"
    await later(clock, OPTIONS.cache_s + 1)
    with pytest.raises(IdentityUnavailable):
        await tokens.caller_of("known")
    keystone.fails = 0
    assert await tokens.caller_of("known"), "at once when it answers again"
    assert any(record.levelno == logging.ERROR for record in caplog.records)
    assert "secret-token" not in caplog.text


async def test_keystone_that_is_away_or_slow_is_not_a_wrong_token(keystone: FakeKeystone) -> None:
    slow = open_keystone(Keystone(cloud="fenix", timeout_s=0.2), VirtualClock())
    keystone.grant("t1", "admin")
    assert await slow.caller_of("t1")
    keystone.answers.clear()
    with pytest.raises(IdentityUnavailable):
        await slow.caller_of("t2")
    keystone.answers.set()
    keystone.shutdown()
    keystone.server_close()
    with pytest.raises(IdentityUnavailable, match="does not answer"):
        await slow.caller_of("t3")
    await slow.aclose()


def test_a_cloud_that_is_not_there_stops_the_start(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("OS_CLIENT_CONFIG_FILE", str(tmp_path / "none.yaml"))
    with pytest.raises(InvalidRequest, match=r"auth\.keystone\.cloud: .*missing"):
        open_keystone(Keystone(cloud="missing"), VirtualClock())


async def test_what_is_kept_is_bounded(keystone: FakeKeystone, clock: VirtualClock) -> None:
    known = {"roles": [], "user": {"name": "a", "domain": {"name": "D"}}}
    tokens = KeystoneTokens(lambda token: known if token == "good" else None, OPTIONS, clock)
    assert await tokens.caller_of("good")
    for number in range(10_010):
        assert await tokens.caller_of(f"bad-{number}") is None
    assert len(tokens._refused) == 10_000
    assert list(tokens._known), "a flood of wrong tokens does not drive out the others"
    await tokens.aclose()
