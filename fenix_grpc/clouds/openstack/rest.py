"""One door to OpenStack's REST services: threads, microversions and errors are dealt with here and nowhere else.

openstacksdk brings the configuration, the catalog and a session that renews its token by itself, also in the middle of
a call that is answered with 401. It blocks, so every call runs in one of a few threads; their number is also what
bounds the load on the cloud. What goes over the wire is written out in nova.py rather than left to the SDK's resource
classes, so that the microversion alone decides what an answer looks like. Nothing above this module sees an exception
of a library.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import requests
from keystoneauth1 import exceptions as auth_errors
from openstack import exceptions as sdk_errors
from openstack.connection import Connection

from fenix_grpc.core.errors import CloudError, CloudRefused, CloudUnavailable

#: Major and minor as integers: 2.9 is older than 2.53, which is older than 2.100.
Microversion = tuple[int, ...]
Query = Mapping[str, str | int | Sequence[str]]

#: Rocky is the oldest Nova that can do the work (nova API: 2.64 shows the rules of server groups, 2.56 migrates to a
#: named host, 2.53 identifies services by UUID, 2.47 embeds the flavor in the server).
OLDEST_COMPUTE: Microversion = (2, 64)
#: The newest whose answers are known here (nova API: 2.69 admits that a cell is down, 2.84 tells why an action failed;
#: 2.88 would ask every hypervisor for its uptime, a call to each host).
NEWEST_COMPUTE: Microversion = (2, 84)

#: The traits of a resource provider can be read with this (placement API; Pike).
_PLACEMENT = "1.6"

#: Client errors that may be different the next time.
_PASSING = frozenset({401, 408, 429})
_LIBRARY_ERRORS = (
    auth_errors.ClientException,
    sdk_errors.SDKException,
    requests.RequestException,
)
_MISCONFIGURED = (
    auth_errors.EndpointNotFound,
    auth_errors.MissingAuthPlugin,
    sdk_errors.ConfigException,
    sdk_errors.EndpointNotFound,
)

#: How Nova and Placement themselves say that they do not know something.
_SERVICE_SAYS_404 = (b'"itemNotFound"', b"No resource provider")


class NoSuchThing(CloudRefused):
    """The service itself says that it does not know the thing; a 404 from a proxy in front of it is not this."""


def choose_microversion(offered: tuple[float, ...] | None) -> Microversion:
    """What to ask Nova for when `offered` is the newest that it has. Raises CloudRefused when that is too old.

    keystoneauth writes infinity for "latest", and None when it could not read Nova's versions.
    """
    if offered is None:
        raise CloudUnavailable("Nova does not tell which microversions it has")
    if offered < OLDEST_COMPUTE:
        raise CloudRefused(
            f"Nova offers microversions up to {_dotted(offered)}; fenix needs at least"
            f" {_dotted(OLDEST_COMPUTE)} (Rocky): upgrade Nova"
        )
    return NEWEST_COMPUTE if offered >= NEWEST_COMPUTE else tuple(map(int, offered))


class Rest:
    """Calls to the services of one cloud. Errors: CloudUnavailable, CloudRefused, NoSuchThing."""

    def __init__(self, connection: Connection, *, concurrency: int) -> None:
        self._connection = connection
        self._threads = ThreadPoolExecutor(concurrency, thread_name_prefix="openstack")
        self._microversion: Microversion | None = None

    async def compute(
        self,
        method: str,
        path: str,
        *,
        query: Query | None = None,
        body: Mapping[str, Any] | None = None,
    ) -> Any:
        """Calls Nova. Returns the JSON of its answer, None when that is empty."""

        def call() -> Any:
            proxy = self._connection.compute
            if self._microversion is None:
                data = proxy.get_endpoint_data()
                self._microversion = choose_microversion(data.max_microversion if data else None)
            microversion = _dotted(self._microversion)
            return proxy.request(path, method, params=query, json=body, microversion=microversion)

        return await self._in_thread(f"{method} compute {path}", call)

    async def placement(self, path: str) -> Any:
        """Reads from Placement."""
        return await self._in_thread(
            f"GET placement {path}",
            lambda: self._connection.placement.request(path, "GET", microversion=_PLACEMENT),
        )

    async def network(self, path: str, *, query: Query | None = None) -> Any:
        """Reads from Neutron."""
        return await self._in_thread(
            f"GET network {path}",
            lambda: self._connection.network.request(path, "GET", params=query),
        )

    async def aclose(self) -> None:
        """Waits for the calls that run, drops those that queue and closes all connections."""
        await asyncio.to_thread(self._threads.shutdown, cancel_futures=True)
        self._connection.session.session.close()

    async def _in_thread(self, name: str, call: Callable[[], requests.Response]) -> Any:
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._threads, _content_of, name, call)


async def all_pages(
    get: Callable[..., Awaitable[Any]], key: str, query: Query
) -> list[dict[str, Any]]:
    """The rows of all pages, each of which begins behind the last id of the one before (nova and neutron API: marker).
    `get` takes a `query`; `query` has the limit."""
    rows: list[dict[str, Any]] = []
    while True:
        answer = await get(query=query)
        rows += answer[key]
        if not any(link["rel"] == "next" for link in answer.get(f"{key}_links") or ()):
            return rows
        query = {**query, "marker": rows[-1]["id"]}


def _content_of(name: str, call: Callable[[], requests.Response]) -> Any:
    try:
        response = call()
        sdk_errors.raise_from_response(response)
        return response.json() if response.content else None
    except _LIBRARY_ERRORS as err:
        raise _translated(name, err) from err


def _translated(name: str, err: Exception) -> CloudError:
    """The domain's word for a library's exception raised by the call `name`."""
    if isinstance(err, sdk_errors.HttpException):
        status, text = err.status_code, err.details or err.message
    elif isinstance(err, auth_errors.HttpError):
        status, text = err.http_status, err.message
    elif isinstance(err, _MISCONFIGURED):
        return CloudRefused(
            f"{name}: {err}; check clouds.yaml and Keystone's catalog, then start fenix again"
        )
    else:
        return CloudUnavailable(f"{name}: {err}")
    told = f"{name}: {status} {text}"
    if status == 401:
        told += "; check the credentials in clouds.yaml if this stays"
    if status is None or status >= 500 or status in _PASSING:
        return CloudUnavailable(told)
    if status == 404 and _is_from_service(err):
        return NoSuchThing(told)
    return CloudRefused(told)


def _is_from_service(err: Exception) -> bool:
    response: requests.Response | None = getattr(err, "response", None)
    return response is not None and any(words in response.content for words in _SERVICE_SAYS_404)


def _dotted(version: tuple[float, ...]) -> str:
    return ".".join(map(str, version))
