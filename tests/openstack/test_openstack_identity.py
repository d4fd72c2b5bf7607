"""Callers by tokens of a real Keystone: roles, projects, revocation, and the place in the catalogue.

It takes nothing but Keystone, so it runs beside other tests of the cloud.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from uuid import uuid4

import grpc
import pytest
import yaml
from fenix_client import CallFailed, Client, connect
from openstack.config import OpenStackConfig
from openstack.connection import Connection

from fenix_grpc.cli.processes import started
from fenix_grpc.clock import SystemClock
from fenix_grpc.identity.catalogue import SERVICE_TYPE, register
from fenix_grpc.v1.constraint_service_pb2 import ListInstanceConstraintsRequest
from fenix_grpc.v1.project_service_pb2 import WatchProjectRequest
from fenix_grpc.v1.session_service_pb2 import CreateSessionRequest, ListSessionsRequest
from tests.access.commands import fenix
from tests.access.site import Site, a_site
from tests.e2e.service import until
from tests.openstack.cloud import ADMIN, STATE_DIR

#: Short, so that what is revoked is soon forgotten.
AUTH = 'kind = "keystone"\nkeystone = { cloud = "fenix", cache_s = 1, refused_s = 0.5 }'
NO, WHO = "PERMISSION_DENIED", "UNAUTHENTICATED"


def connection(auth: dict[str, Any]) -> Connection:
    loader = OpenStackConfig(load_yaml_config=False, load_envvars=False)
    return Connection(config=loader.get_one(auth=auth, region_name="RegionOne"))


@dataclass(kw_only=True)
class People:
    """Users of this test in projects of this test."""

    admin: Connection
    base: dict[str, Any]
    made: list[tuple[str, Any]] = field(default_factory=list)

    def project(self, name: str) -> Any:
        made = self.admin.identity.create_project(name=name, domain_id="default")
        self.made.append(("project", made))
        return made

    def user(self, name: str) -> Any:
        made = self.admin.identity.create_user(name=name, password="secret", domain_id="default")
        self.made.append(("user", made))
        return made

    def auth(self, user: Any, project: Any = None) -> dict[str, Any]:
        """For a project, or for the system."""
        own = {"auth_url": self.base["auth_url"], "username": user.name, "password": "secret"}
        own |= {"user_domain_id": "default"}
        if project is None:
            return {**own, "system_scope": "all"}
        return {**own, "project_name": project.name, "project_domain_id": "default"}

    def role(self, name: str) -> Any:
        return self.admin.identity.find_role(name, ignore_missing=False)

    def clear(self) -> None:
        for kind, thing in reversed(self.made):
            getattr(self.admin.identity, f"delete_{kind}")(thing)
        self.admin.session.session.close()


@contextmanager
def people() -> Iterator[People]:
    clouds = yaml.safe_load((STATE_DIR / "etc" / "clouds.yaml").read_text())
    base = clouds["clouds"][ADMIN]["auth"]
    made = People(admin=connection(base), base=base)
    try:
        yield made
    finally:
        made.clear()


def token(auth: dict[str, Any]) -> str:
    cloud = connection(auth)
    try:
        return str(cloud.session.get_token())
    finally:
        cloud.session.session.close()


async def answers(site: Site, shown: str, project_id: str) -> tuple[str, ...]:
    """What a token is told: list sessions, create one, list the project's constraints, be its manager."""
    async with connect(site.grpc, shown, credentials=site.credentials()) as client:
        create = CreateSessionRequest(hosts=["h1"])
        create.maintenance_at.FromJsonString("2100-01-01T00:00:00Z")
        constraints = ListInstanceConstraintsRequest(project_id=project_id)
        calls = (
            client.call(client.sessions.ListSessions, ListSessionsRequest()),
            client.call(client.sessions.CreateSession, create),
            client.call(client.constraints.ListInstanceConstraints, constraints),
            watched(client, project_id),
        )
        return tuple([await told(call) for call in calls])


async def told(call: Any) -> str:
    try:
        await call
    except CallFailed as failed:
        return str(failed.code.name)
    except grpc.aio.AioRpcError as failed:
        return failed.code().name
    return "OK"


async def watched(client: Client, project_id: str) -> None:
    request = WatchProjectRequest(project_id=project_id)
    watch = client.projects.WatchProject(request, metadata=client.metadata)
    await watch.read()
    watch.cancel()


@dataclass(frozen=True, slots=True, kw_only=True)
class Cast:
    """Who is in the play: fenix itself, alice for red, eve for blue, and an auditor of red and of the system."""

    who: People
    red: Any
    blue: Any
    alice: Any
    eve: Any
    auditor: Any

    def tokens(self) -> dict[str, str]:
        """By kind of caller, with regard to red."""
        return {
            "no token": "",
            "bad": "gAAAAABnot-a-token",
            "member": token(self.who.auth(self.alice, self.red)),
            "other project": token(self.who.auth(self.eve, self.blue)),
            "reader of the project": token(self.who.auth(self.auditor, self.red)),
            "reader of the system": token(self.who.auth(self.auditor)),
            "admin": token(self.who.base),
        }


#: What `answers` are expected for each.
EXPECTED = {
    "no token": (WHO, WHO, WHO, WHO),
    "bad": (WHO, WHO, WHO, WHO),
    # A member is a reader, too, as far as Keystone is concerned.
    "member": (NO, NO, "OK", "OK"),
    "other project": (NO, NO, NO, NO),
    "reader of the project": (NO, NO, NO, NO),
    "reader of the system": ("OK", NO, "OK", NO),
    "admin": ("OK", "OK", "OK", "OK"),
}


@pytest.fixture
def cast(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Cast]:
    """Makes them, and a clouds.yaml with fenix's and alice's credentials."""
    mark = f"fenix-{uuid4().hex[:8]}"
    with people() as who:
        identity = who.admin.identity
        red, blue = who.project(f"{mark}-red"), who.project(f"{mark}-blue")
        fenix, alice, eve, auditor = (
            who.user(f"{mark}-{name}") for name in ("fenix", "alice", "eve", "auditor")
        )
        # The role `service` is all that fenix itself needs.
        services = identity.find_project("service") or who.project(f"{mark}-service")
        identity.assign_project_role_to_user(services, fenix, who.role("service"))
        identity.assign_project_role_to_user(red, alice, who.role("member"))
        identity.assign_project_role_to_user(blue, eve, who.role("member"))
        identity.assign_project_role_to_user(red, auditor, who.role("reader"))
        identity.assign_system_role_to_user(auditor, who.role("reader"), "all")
        file = tmp_path / "clouds.yaml"
        auths = {"fenix": who.auth(fenix, services), "red": who.auth(alice, red)}
        clouds = {name: {"auth": a, "region_name": "RegionOne"} for name, a in auths.items()}
        file.write_text(yaml.safe_dump({"clouds": clouds}))
        monkeypatch.setenv("OS_CLIENT_CONFIG_FILE", str(file))
        monkeypatch.delenv("OS_CLOUD", raising=False)
        yield Cast(who=who, red=red, blue=blue, alice=alice, eve=eve, auditor=auditor)


async def test_roles_and_projects_are_keystones(cast: Cast, tmp_path: Path) -> None:
    async with a_site(tmp_path, auth=AUTH) as site:
        tokens = cast.tokens()
        got = {name: await answers(site, shown, cast.red.id) for name, shown in tokens.items()}
    assert got == EXPECTED


async def test_what_keystone_takes_back_ends_here_too(cast: Cast, tmp_path: Path) -> None:
    """A token, and a role."""
    identity, clock = cast.who.admin.identity, SystemClock()

    async def until_refused(shown: str) -> float:
        begun = clock.now()
        await until(lambda: answers(site, shown, cast.red.id), lambda got: got == (WHO,) * 4)
        return (clock.now() - begun).total_seconds()

    async with a_site(tmp_path, auth=AUTH) as site:
        tokens = cast.tokens()
        for name in ("admin", "member"):
            assert await answers(site, tokens[name], cast.red.id) == EXPECTED[name]
        identity.delete("/auth/tokens", headers={"X-Subject-Token": tokens["admin"]})
        revoked_s = await until_refused(tokens["admin"])
        member = cast.who.role("member")
        identity.unassign_project_role_from_user(cast.red, cast.alice, member)
        unassigned_s = await until_refused(tokens["member"])
    print(
        f"\nrefused {revoked_s:.1f} s after its revocation, {unassigned_s:.1f} s after the role's"
    )


async def test_the_sample_manager_gets_its_own_tokens(cast: Cast, tmp_path: Path) -> None:
    async with a_site(tmp_path, auth=AUTH) as site, started(tmp_path) as processes:
        where = ("--server", site.grpc, "--ca", site.authority.ca)
        words = (cast.red.id, "--os-cloud", "red", *where)
        command = [sys.executable, "-m", "fenix_grpc.cli", "vnfm", *map(str, words)]
        await processes.start("vnfm", command)
        await processes.until_printed("vnfm", "listening")


async def test_the_place_in_the_catalogue_is_made_once() -> None:
    mark = f"fenix-{uuid4().hex[:8]}"
    with people() as who:
        identity = who.admin.identity
        assert not list(identity.services(type=SERVICE_TYPE)), "somebody else's is there"
        urls = dict.fromkeys(("public", "internal", "admin"), f"http://{mark}:12347/v1")
        try:
            assert len(register(who.admin, urls)) == 4
            assert register(who.admin, urls) == []
            (changed,) = register(who.admin, {**urls, "public": f"https://{mark}/v1"})
            assert "public was" in changed
            (service,) = identity.services(type=SERVICE_TYPE)
            endpoints = {e.interface: e.url for e in identity.endpoints(service_id=service.id)}
            assert endpoints == {**urls, "public": f"https://{mark}/v1"}
            fresh = connection(who.base)
            assert fresh.session.get_endpoint(service_type=SERVICE_TYPE) == f"https://{mark}/v1"
            fresh.session.session.close()
        finally:
            for service in identity.services(type=SERVICE_TYPE):
                identity.delete_service(service)


async def test_the_command_says_what_it_did(tmp_path: Path) -> None:
    with people() as who:
        file = tmp_path / "clouds.yaml"
        entry = {"auth": who.base, "region_name": "RegionOne"}
        file.write_text(yaml.safe_dump({"clouds": {"ops": entry}}))
        words = ("openstack", "register", "http://fenix.example/v1", "--os-cloud", "ops")
        environ = {"OS_CLIENT_CONFIG_FILE": str(file)}
        try:
            said = [await fenix(*words, environ=environ) for _ in range(2)]
        finally:
            for service in who.admin.identity.services(type=SERVICE_TYPE):
                who.admin.identity.delete_service(service)
    assert [code for code, _, _ in said] == [0, 0], said
    assert said[0][1].count("was added") == 4
    assert said[1][1] == "all of it was there already\n"
