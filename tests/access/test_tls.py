"""TLS of both doors with real certificates: who is refused, whose names count, and new certificates under load."""

from __future__ import annotations

import asyncio
import contextlib
import json
import socket
import ssl
import sys
import warnings
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import grpc
import httpx
import pytest
from cryptography import x509
from fenix_client import CallFailed, Client

from fenix_grpc.cli.processes import free_ports, started
from fenix_grpc.v1.constraint_service_pb2 import ListInstanceConstraintsRequest
from fenix_grpc.v1.session_service_pb2 import ListSessionsRequest, WatchSessionRequest
from tests.access.certificates import Authority
from tests.access.site import RED, TOKENS, Site, a_site
from tests.e2e.service import until

DOORS = ("grpc", "rest")
NAMES = """
kind = "certificates"
[auth.certificates.names]
"ops.example" = { role = "admin" }
"red.example" = { role = "project", project = "red" }
"watch.example" = { role = "reader" }
"""


def address(site: Site, door: str) -> tuple[str, int]:
    host, port = (site.grpc if door == "grpc" else site.rest.partition("//")[2]).split(":")
    return host, int(port)


async def shake(site: Site, door: str, context: ssl.SSLContext, name: str = "") -> int:
    """Makes a connection; returns the serial number of the server's certificate. Without a name none is told."""
    context.set_alpn_protocols(["h2"] if door == "grpc" else ["http/1.1"])

    def shaken() -> int:
        raw = socket.create_connection(address(site, door), timeout=10)
        with raw, context.wrap_socket(raw, server_hostname=name or "127.0.0.1") as tls:
            shown = tls.getpeercert(binary_form=True)
            assert shown
            return x509.load_der_x509_certificate(shown).serial_number

    return await asyncio.to_thread(shaken)


async def list_sessions(client: Client) -> str:
    try:
        await client.call(client.sessions.ListSessions, ListSessionsRequest(), timeout_s=10)
    except CallFailed as failed:
        return failed.code.name
    return "OK"


@pytest.mark.parametrize("door", DOORS)
async def test_only_tls_of_today_gets_in(tmp_path: Path, door: str) -> None:
    async with a_site(tmp_path) as site:
        for version in (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3):
            context = site.context()
            context.minimum_version = context.maximum_version = version
            assert await shake(site, door, context) == site.pair.serial
        assert await shake(site, door, site.context(), "localhost") == site.pair.serial
        old = site.context()
        with warnings.catch_warnings(action="ignore", category=DeprecationWarning):
            old.minimum_version = ssl.TLSVersion.TLSv1
            old.maximum_version = ssl.TLSVersion.TLSv1_1
        old.set_ciphers("ALL:@SECLEVEL=0")
        with pytest.raises((ssl.SSLError, ConnectionResetError)):
            await shake(site, door, old)
        with pytest.raises(ssl.SSLCertVerificationError):
            await shake(site, door, ssl.create_default_context())


async def test_plain_text_is_not_understood(tmp_path: Path) -> None:
    async with a_site(tmp_path) as site:
        async with grpc.aio.insecure_channel(site.grpc) as channel:
            assert await list_sessions(Client(channel, TOKENS["admin"])) == "UNAVAILABLE"
        async with httpx.AsyncClient(trust_env=False) as http:
            with pytest.raises(httpx.TransportError):
                await http.get(site.rest.replace("https", "http"))


async def test_names_of_certificates_are_callers(tmp_path: Path) -> None:
    authority, stranger = Authority(tmp_path, "clients"), Authority(tmp_path, "strangers")
    tls = f'client_ca = "{authority.ca}"'
    pairs = {
        "admin": authority.issue("ops", "other.example", "ops.example"),
        "member": authority.issue("red", common="red.example"),
        "reader": authority.issue("watch", "watch.example"),
        "unknown": authority.issue("unknown", "unknown.example"),
        "two": authority.issue("two", "ops.example", "red.example"),
    }
    expected = {
        "admin": ("OK", 200, "OK"),
        "reader": ("OK", 200, "OK"),
        "member": ("PERMISSION_DENIED", 403, "OK"),
        "unknown": ("UNAUTHENTICATED", 401, "UNAUTHENTICATED"),
        "two": ("UNAUTHENTICATED", 401, "UNAUTHENTICATED"),
    }
    got = {}
    async with a_site(tmp_path, auth=NAMES, tls=tls) as site:
        for name, pair in pairs.items():
            async with site.client("no token", pair) as client, site.http("no token", pair) as http:
                own = ListInstanceConstraintsRequest(project_id=RED)
                try:
                    await client.call(client.constraints.ListInstanceConstraints, own)
                    constraints = "OK"
                except CallFailed as failed:
                    constraints = failed.code.name
                rest = (await http.get("/v1/maintenance")).status_code
                got[name] = (await list_sessions(client), rest, constraints)
        # no certificate, and one that somebody else has signed
        forged = stranger.issue("forged", "ops.example")
        for pair in (None, forged):
            async with site.client("no token", pair) as client, site.http("no token", pair) as http:
                assert await list_sessions(client) == "UNAVAILABLE"
                with pytest.raises(httpx.TransportError):
                    await http.get("/v1/maintenance")
    assert got == expected


async def test_a_client_cannot_name_itself(tmp_path: Path) -> None:
    """What the gateway tells of certificates, clients may write as well: nobody believes them."""
    authority = Authority(tmp_path, "clients")
    pair = authority.issue("unknown", "unknown.example")
    claim = {"fenix-certificate-name": "ops.example"}
    async with a_site(tmp_path, auth=NAMES, tls=f'client_ca = "{authority.ca}"') as site:
        async with site.http("no token", pair) as http:
            assert (await http.get("/v1/maintenance", headers=claim)).status_code == 401
        async with site.client("no token", pair) as client:
            with pytest.raises(grpc.aio.AioRpcError) as failure:
                await client.sessions.ListSessions(
                    ListSessionsRequest(), metadata=tuple(claim.items())
                )
            assert failure.value.code() is grpc.StatusCode.UNAUTHENTICATED


@contextlib.asynccontextmanager
async def under_load(*calls: Callable[[], Awaitable[object]]) -> AsyncIterator[list[int]]:
    """Makes the calls again and again during the block, which fails when one does; yields how many were made."""
    made, over = [0], asyncio.Event()

    async def again(call: Callable[[], Awaitable[object]]) -> None:
        while not over.is_set():
            await call()
            made[0] += 1

    async with asyncio.TaskGroup() as tasks:
        for call in calls:
            tasks.create_task(again(call))
        yield made
        over.set()


async def test_a_new_certificate_is_used_without_a_restart(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async with a_site(tmp_path) as site, site.client() as kept, site.http() as http:

        async def rest() -> None:
            assert (await http.get("/v1/maintenance")).status_code == 200

        async def fresh_grpc() -> None:
            async with site.client() as client:
                assert await list_sessions(client) == "OK"

        async def fresh_rest() -> None:
            async with site.http() as client:
                assert (await client.get("/v1/maintenance")).status_code == 200

        async def old() -> None:
            assert await list_sessions(kept) == "OK"

        watch = kept.sessions.WatchSession(
            WatchSessionRequest(follow=True, snapshot=True), metadata=kept.metadata
        )
        await watch.read()
        async with under_load(rest, old, fresh_grpc, fresh_rest) as made:
            for _ in range(2):
                pair = site.authority.issue("server", server=True)
                for door in DOORS:
                    await until(
                        lambda door=door: shake(site, door, site.context()), pair.serial.__eq__
                    )
            site.pair.certificate.write_text("no certificate")
            await until(lambda: asyncio.sleep(0, caplog.text), lambda t: "stays" in t)  # noqa: TID251
            for door in DOORS:
                assert await shake(site, door, site.context()) == pair.serial
        assert made[0] > 20
        assert not watch.done(), "what was connected before stays connected"
        watch.cancel()


async def test_a_new_authority_of_clients_counts_at_once(tmp_path: Path) -> None:
    authority = Authority(tmp_path, "clients")
    pair = authority.issue("ops", "ops.example")
    async with a_site(tmp_path, auth=NAMES, tls=f'client_ca = "{authority.ca}"') as site:

        async def look() -> tuple[str, bool]:
            async with site.client("no token", pair) as client, site.http("no token", pair) as http:
                try:
                    rest = (await http.get("/v1/maintenance")).status_code == 200
                except httpx.TransportError:
                    rest = False
                return await list_sessions(client), rest

        assert await look() == ("OK", True)
        Authority(tmp_path, "clients")
        await until(look, lambda seen: seen == ("UNAVAILABLE", False))


async def test_a_gateway_on_its_own_speaks_tls_on_both_sides(tmp_path: Path) -> None:
    audit = tmp_path / "audit.jsonl"
    more = f'[audit]\nfile = "{audit}"'
    async with a_site(tmp_path, more=more) as site, started(tmp_path) as processes:
        listen = f"127.0.0.1:{free_ports(1)[0]}"
        files = ("--tls-certificate", site.pair.certificate, "--tls-key", site.pair.key)
        words = ("gateway", "--listen", listen, "--server", site.grpc, "--ca", site.authority.ca)
        command = (sys.executable, "-m", "fenix_grpc.cli", *words, *files)
        await processes.start("gateway", [str(word) for word in command])
        await processes.until_printed("gateway", f"REST on https://{listen}")
        for caller, expected in (("admin", 200), ("member", 403), ("bad", 401), ("no token", 401)):
            headers = {"X-Auth-Token": TOKENS[caller]} if TOKENS[caller] else {}
            async with httpx.AsyncClient(verify=site.context(), trust_env=False) as http:
                response = await http.get(f"https://{listen}/v1/maintenance", headers=headers)
            assert response.status_code == expected, caller
        told = {"X-Auth-Token": TOKENS["admin"], "fenix-peer": "rest:a-lie"}
        async with httpx.AsyncClient(verify=site.context(), trust_env=False) as http:
            gone = await http.delete(f"https://{listen}/v1/instance/i", headers=told)
            assert gone.status_code == 200
        line = json.loads(audit.read_text().splitlines()[-1])
        assert (line["who"], line["instance_id"], line["outcome"]) == ("admin", "i", "OK")
        assert line["peer"].startswith("ipv4:127.0.0.1:")
        assert line["forwarded_for"].startswith("rest:127.0.0.1:")
        assert not any(t and t in processes.log("gateway").read_text() for t in TOKENS.values())
