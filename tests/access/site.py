"""A server with TLS and tokens, in this process, and clients of every kind.

Two projects, red and blue, have a manager; the hosts hold an instance of each.
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import grpc
import httpx
from fenix_client import Client, connect, tls_credentials

from fenix_grpc import server
from fenix_grpc.access import Word
from fenix_grpc.config import parse
from fenix_grpc.identity.static import Entry, digest, line_of, new_token
from tests.access.certificates import Authority, Pair

RED, BLUE = "red", "blue"
#: Where webhooks may go; nobody listens there.
WEBHOOKS = "http://127.0.0.1:9/"
#: Every kind of caller.
CALLERS = ("no token", "bad", "expired", "other project", "reader", "member", "admin")
_PAST = datetime(2001, 1, 1, tzinfo=UTC)
_ENTRIES: dict[str, tuple[Word, str, datetime | None]] = {
    "expired": ("admin", "", _PAST),
    "other project": ("project", BLUE, None),
    "reader": ("reader", "", None),
    "member": ("project", RED, None),
    "admin": ("admin", "", None),
}
TOKENS = {"no token": "", "bad": new_token(), **{name: new_token() for name in _ENTRIES}}

CLOUD = """
durations = {live_migrate = 0.1, cold_migrate = 0.1}
flavors.m = {vcpus = 2, memory_mb = 4096, disk_gb = 20}
hosts = [{name = "h{n}", count = 3, vcpus = 8, memory_mb = 32768, disk_gb = 200}]
[[projects]]
id = "red"
instances = [{name = "red-{n}", count = 2, flavor = "m", hosts = ["h1", "h2"]}]
[[projects]]
id = "blue"
instances = [{name = "blue-{n}", count = 2, flavor = "m", hosts = ["h1", "h2"]}]
"""


def write_tokens(file: Path) -> None:
    """The file of auth.static for TOKENS."""
    lines = [
        line_of(name, Entry(role=role, project=project, sha256=digest(TOKENS[name]), expires=end))
        for name, (role, project, end) in _ENTRIES.items()
    ]
    file.touch(mode=0o600)
    file.write_text("\n".join(["[tokens]", *lines]))


@dataclass(frozen=True, slots=True, kw_only=True)
class Site:
    """A running server."""

    authority: Authority
    pair: Pair
    grpc: str
    rest: str

    def client(self, caller: str = "admin", own: Pair | None = None) -> Client:
        """Over gRPC."""
        return connect(self.grpc, TOKENS[caller], credentials=self.credentials(own))

    def credentials(self, own: Pair | None = None) -> grpc.ChannelCredentials:
        """Of a client, with a certificate of its own."""
        if own is None:
            return tls_credentials(self.authority.ca)
        return tls_credentials(self.authority.ca, own.certificate, own.key)

    def http(self, caller: str = "admin", own: Pair | None = None) -> httpx.AsyncClient:
        """Over REST."""
        headers = {"X-Auth-Token": TOKENS[caller]} if TOKENS[caller] else {}
        return httpx.AsyncClient(
            base_url=self.rest, headers=headers, verify=self.context(own), trust_env=False
        )

    def context(self, own: Pair | None = None) -> ssl.SSLContext:
        """Of a client, with a certificate of its own."""
        context = ssl.create_default_context(cafile=str(self.authority.ca))
        if own is not None:
            context.load_cert_chain(own.certificate, own.key)
        return context


@asynccontextmanager
async def a_site(
    directory: Path, *, auth: str = "", tls: str = "", more: str = ""
) -> AsyncIterator[Site]:
    """Runs with the block. `auth` and `tls` are more lines of these sections, `more` other sections. Without `auth`
    callers have tokens."""
    authority = Authority(directory)
    pair = authority.issue("server", server=True)
    write_tokens(directory / "tokens.toml")
    (directory / "cloud.toml").write_text(CLOUD)
    static = f'kind = "static"\nstatic = {{ file = "{directory}/tokens.toml" }}'
    config = parse(f"""
[server]
grpc_listen = "127.0.0.1:0"
rest_listen = "127.0.0.1:0"
[database]
url = "sqlite:///{directory}/fenix.sqlite"
[cloud]
options = {{ file = "{directory}/cloud.toml" }}
[auth]
{auth or static}
[tls]
certificate = "{pair.certificate}"
key = "{pair.key}"
{tls}
[projects]
managed = ["red", "blue"]
[webhooks]
allowed_urls = ["{WEBHOOKS}"]
private_networks = ["127.0.0.0/8"]
{more}
""")
    stop = asyncio.Event()
    ready: asyncio.Future[server.Endpoints] = asyncio.get_running_loop().create_future()
    async with asyncio.TaskGroup() as tasks:
        running = tasks.create_task(server.run(config, stop=stop, on_ready=ready.set_result))
        await asyncio.wait((running, ready), return_when=asyncio.FIRST_COMPLETED)
        if not running.done():
            try:
                there = await ready
                rest = f"https://{there.rest}"
                yield Site(authority=authority, pair=pair, grpc=there.grpc, rest=rest)
            finally:
                stop.set()
