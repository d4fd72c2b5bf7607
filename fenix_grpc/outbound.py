"""Calls to the world outside that somebody's request leads to: packages, webhooks, and services that actions call.

A server inside a cloud reaches what its callers do not. So a URL must begin with what the operator lists, its name must
not lead into a network that is not public unless that is listed too, and the connection goes to the very address that
was checked. Proxies of the environment are not used: behind one nothing of this could be promised.
"""

from __future__ import annotations

import asyncio
import ipaddress
import socket
import ssl
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import httpx

from fenix_grpc.core.errors import InvalidRequest

#: Redirects that are followed, each checked like the first URL.
_MOST_REDIRECTS = 5
_REDIRECTS = frozenset({301, 302, 303, 307, 308})
#: Seconds in which a connection is there, and in which something comes while one waits for more.
_CONNECT_S, _SILENCE_S = 10.0, 60.0

Network = ipaddress.IPv4Network | ipaddress.IPv6Network


class Forbidden(Exception):
    """The URL may not be called; the text says why."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reach:
    """What may be called."""

    #: A URL must begin with one of these: the same scheme, host and port, and a path at or below theirs.
    allowed_urls: tuple[str, ...] = ()
    #: Networks that are not public and may be reached all the same.
    networks: tuple[Network, ...] = ()
    #: Certificates of servers are checked with this.
    context: ssl.SSLContext = field(default_factory=ssl.create_default_context)

    def check(self, url: str) -> httpx.URL:
        """The URL, if its words allow it. Raises Forbidden."""
        asked = _parsed(url)
        if not any(_begins(asked, _parsed(prefix)) for prefix in self.allowed_urls):
            # Which are, is the operator's business: whoever asks may be a project.
            raise Forbidden(f"{_shown(asked)} is not among the allowed URLs (allowed_urls)")
        return asked

    async def address(self, url: httpx.URL) -> str:
        """An address of the URL's host, all of which may be called. Raises Forbidden; OSError when it has none."""
        port = url.port or {"https": 443, "http": 80}[url.scheme]
        loop = asyncio.get_running_loop()
        try:
            found = await loop.getaddrinfo(url.host, port, type=socket.SOCK_STREAM)
        except UnicodeError as err:
            raise Forbidden(f"{_shown(url)} has no name of a host: {err}") from err
        addresses = [str(each[4][0]) for each in found]
        for address in addresses:
            if not self._may(address):
                raise Forbidden(
                    f"{url.host} leads to {address}, which is not public; list its network if that is meant"
                )
        return addresses[0]

    def _may(self, address: str) -> bool:
        there = ipaddress.ip_address(address.partition("%")[0])
        there = getattr(there, "ipv4_mapped", None) or there
        return (there.is_global and not there.is_multicast) or any(
            there in network for network in self.networks if network.version == there.version
        )


def reach(
    field_: str, allowed_urls: tuple[str, ...], networks: tuple[str, ...], ca_file: str = ""
) -> Reach:
    """As configured. Raises InvalidRequest; `field_` is the section that it names."""
    for url in allowed_urls:
        try:
            _parsed(url)
        except Forbidden as err:
            raise InvalidRequest(f"{field_}.allowed_urls", str(err)) from err
    try:
        known = tuple(ipaddress.ip_network(each) for each in networks)
    except ValueError as err:
        raise InvalidRequest(f"{field_}.private_networks", f"{err}") from err
    try:
        context = ssl.create_default_context(cafile=ca_file or None)
    except OSError as err:
        raise InvalidRequest(f"{field_}.ca_file", f"{ca_file} cannot be read: {err}") from err
    return Reach(allowed_urls=allowed_urls, networks=known, context=context)


@asynccontextmanager
async def call(
    may: Reach,
    method: str,
    url: str,
    *,
    headers: Mapping[str, str] | None = None,
    content: bytes | None = None,
    follow: bool = False,
    silence_s: float = _SILENCE_S,
) -> AsyncIterator[httpx.Response]:
    """One call, its response still to be read. `follow` goes where redirects lead as far as that is allowed, then
    without the headers. Nothing is waited for longer than `silence_s`. Raises Forbidden, httpx.HTTPError and
    OSError."""
    timeout = httpx.Timeout(silence_s, connect=_CONNECT_S)
    async with httpx.AsyncClient(verify=may.context, trust_env=False, timeout=timeout) as client:
        said: Mapping[str, str] = headers or {}
        for _ in range(_MOST_REDIRECTS + 1):
            request = await _request(may, client, method, url, said, content)
            response = await client.send(request, stream=True, follow_redirects=False)
            try:
                where = response.headers.get("location", "")
                if not (follow and response.status_code in _REDIRECTS and where):
                    yield response
                    return
                url, said = str(httpx.URL(url).join(where)), {}
            finally:
                await response.aclose()
        raise Forbidden(f"{url} comes after {_MOST_REDIRECTS} redirects")


async def _request(
    may: Reach,
    client: httpx.AsyncClient,
    method: str,
    url: str,
    headers: Mapping[str, str],
    content: bytes | None,
) -> httpx.Request:
    """To the address that was checked, under the name that was asked for."""
    named = may.check(url)
    address = await may.address(named)
    said = {"Host": named.netloc.decode(), "Accept-Encoding": "identity", **headers}
    return client.build_request(
        method,
        named.copy_with(host=address),
        headers=said,
        content=content,
        extensions={"sni_hostname": named.host},
    )


def _parsed(url: str) -> httpx.URL:
    try:
        parsed = httpx.URL(url)
    except (httpx.InvalidURL, UnicodeError) as err:
        raise Forbidden(f"{url!r} is no URL: {err}") from err
    if parsed.scheme not in ("https", "http") or not parsed.host:
        raise Forbidden(f"{url!r} is no URL that begins with https:// or http://")
    if parsed.userinfo:
        raise Forbidden(f"{_shown(parsed)} must not carry a user or password")
    return parsed


def _begins(url: httpx.URL, prefix: httpx.URL) -> bool:
    """Same door, and a path at or below that of the prefix however it is written."""
    if (url.scheme, url.host, url.port) != (prefix.scheme, prefix.host, prefix.port):
        return False
    path, above = url.path, prefix.path.rstrip("/")  # httpx API: decoded
    if ".." in path.replace("\\", "/").split("/"):
        return False
    return path == above or path.startswith(f"{above}/")


def _shown(url: httpx.URL) -> str:
    """Without what may be secret in it."""
    return str(url.copy_with(userinfo=b"", query=None, fragment=None))
